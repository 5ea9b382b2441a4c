"""The scripts that keep a log, crashed: pytest examples/crash_tests --cano-crash=all.

A crash test does what a program does when it starts: it goes on with its run, if there
is one. What must not happen twice goes through the ledger's spy.
"""

import asyncio

import cancellation_and_timeouts
import join_strategies
import models_tour
import pytest
import saga_payment
import scheduler
import subscription
import upgrade
import workflow_recovery

from cano_core import RolledBackError, TaskFailedError


@pytest.fixture
def start(cano_workflow_id):
    """Start this test's run, or go on with it."""

    def start_or_resume(workflow, state, **options):
        return asyncio.run(
            workflow.start_or_resume(state, workflow_id=cano_workflow_id, **options)
        )

    return start_or_resume


@pytest.fixture
def data_left(cano_workflow_id):
    """Read the data that this test's run has ended with."""

    def read(workflow):
        outcome = asyncio.run(workflow.outcome(cano_workflow_id))
        return workflow.data_of(outcome)

    return read


def test_models_tour(start, data_left, cano, cano_store, cano_ledger):
    mail = cano_ledger.spy(models_tour.Mail())
    workflow = models_tour.newsletter(cano_store, models_tour.Desk(), mail)
    issue = models_tour.Issue(["a.svg", "b.svg"])
    assert start(workflow, "Choose", data=issue) == "Read"
    assert cano_ledger.count("send") == 2
    cano.observe("issue", data_left(workflow))


@pytest.mark.parametrize("way", ["any", "quorum of 2"])
def test_join_strategies(way, start, cano_store):
    workflow = join_strategies.comparison(join_strategies.WAYS[way], cano_store)
    assert start(workflow, "Ask") == "Chosen"


def test_saga_payment(start, cano_store, cano_ledger):
    shop = cano_ledger.spy(saga_payment.Shop())
    # The life in which it fails gets the failure, every later one RolledBackError.
    with pytest.raises((TaskFailedError, RolledBackError)):
        start(saga_payment.payment(cano_store, shop), "Reserve")
    assert cano_ledger.count("refund") == cano_ledger.count("release") == 1


def test_workflow_recovery(start, cano_store):
    step = workflow_recovery.Step
    workflow = workflow_recovery.recovery(cano_store, workflow_recovery.CrashOnce())
    try:
        reached = start(workflow, step.START)
    except TaskFailedError:  # as it does in each process, the first time it is asked
        reached = start(workflow, step.START)
    assert reached is step.DONE


def test_cancellation_and_timeouts(start, cano_store, cano_ledger):
    cinema = cano_ledger.spy(cancellation_and_timeouts.Cinema(hangs=0), ignore="play")
    workflow = cancellation_and_timeouts.evening(cano_store, cinema)
    assert start(workflow, "Seat") == "Watched"
    assert cano_ledger.count("reserve") == 1


def test_scheduler(start, cano_store):
    assert start(scheduler.backup(cano_store, scheduler.Cloud()), "Dump") == "Done"


@pytest.fixture
def subscribe(start, cano_store, cano_ledger, cano_disk):
    """Start the subscription of this test, whose invoices are on this test's disk."""

    def start_or_resume(names, *, valid_until=3):
        office = subscription.Office(cano_disk)
        workflow = subscription.subscription(
            cano_store,
            cano_ledger.spy(office, ignore="next_number"),
            cano_ledger.spy(subscription.Bank(valid_until=valid_until)),
            cano_ledger.spy(subscription.Post()),
        )
        plan = subscription.Plan(names, boxes_in=[1, 3])
        return workflow, start(workflow, "Invoice", data=plan)

    return start_or_resume


def test_subscription(subscribe, data_left, cano, cano_ledger):
    workflow, reached = subscribe(["Ada", "Bob"])
    assert reached == "Ended"
    assert cano_ledger.count("charge") == cano_ledger.count("issue") == 3
    cano.observe("plan", data_left(workflow))


def test_subscription_of_a_card_that_expires(subscribe, cano_ledger):
    with pytest.raises((TaskFailedError, RolledBackError)):
        subscribe(["Cyd"], valid_until=2)
    assert cano_ledger.count("refund") == cano_ledger.count("charge") == 2


def test_upgrade(start, cano, cano_store, cano_ledger, cano_workflow_id):
    bank = cano_ledger.spy(upgrade.Bank())
    if cano.life == 1:
        old = upgrade.version_1(cano_store, bank)
        reached = start(old, "Quote", data=upgrade.Bill())
    else:  # whoever comes after the crash has installed the new version
        reached = asyncio.run(upgrade.pay(cano_store, bank, cano_workflow_id))
    assert reached == "Paid"
    assert cano_ledger.count("charge") == 1
