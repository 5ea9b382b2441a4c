"""The tests of the examples that find mutants out, as pytest is told of them."""

SCRIPTS = "examples/crash_tests/test_scripts.py"
MODELS = f"{SCRIPTS}::test_models_tour"
SAGA = f"{SCRIPTS}::test_saga_payment"
SUBSCRIPTION = f"{SCRIPTS}::test_subscription"
REFUNDED = f"{SCRIPTS}::test_subscription_of_a_card_that_expires"
UPGRADE = f"{SCRIPTS}::test_upgrade"
DELIVERED = "examples/order_pipeline/test_pipeline.py::test_an_order_is_delivered"
SNOWED_IN = (
    "examples/order_pipeline/test_pipeline.py"
    "::test_an_order_that_cannot_be_shipped_is_undone"
)
CHECKOUT = "examples/checkout/test_fixed_checkout.py"
OWN_STORE = "examples/custom_store/test_crashes.py::test_a_run_comes_to_its_end"
OWN_STORE_SAGA = "examples/custom_store/test_crashes.py::test_a_run_is_undone"
CONTRACT = "tests/pytest_cano/test_contract.py"
SQLITE = f"{CONTRACT}::TestSQLiteStore"
MEMORY = f"{CONTRACT}::TestMemoryStore"
