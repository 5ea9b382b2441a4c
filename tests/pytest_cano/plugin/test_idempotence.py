"""cano.assert_idempotent: one task of a workflow, in a user's test."""

import pytest

TEST = """
import pytest
from shop import shop

def build(world):
    return shop(world.store, world.ledger, keyed={keyed})

@pytest.mark.parametrize("state", ["Charge", "Ship"])
def test_again(cano, state):
    cano.assert_idempotent(build, state, level=4)
"""

SAFE = TEST.format(keyed=True)
BUGGY = TEST.format(keyed=False)


def test_a_sound_task_passes(project):
    project.add("test_again.py", SAFE)

    project.run().assert_outcomes(passed=2)


def test_a_faulty_one_fails_with_the_short_of_it(project):
    project.add("test_again.py", BUGGY)

    result = project.run("-rf")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E * the task of Charge is not idempotent: charge('order-1', 42) hap*",
            "E *level 1   run twice: *",
            "E *DUPLICATED  charge('order-1', 42) happened 2 times, 1 in the *",
            "E *charge('order-1', 42) * 1 * 2   shop.py:11 in charge",
            "E *again   cano.assert_idempotent(build, 'Charge', level=4)",
            "FAILED test_again.py::test_again[[]Charge] - AssertionError: the task *",
        ]
    )
    # The story tells it all: no line of ours, nor of pytest's, is shown beside it.
    result.stdout.no_fnmatch_line("*idempotence/assertion.py*")
    result.stdout.no_fnmatch_line("*fixtures.py*")


def test_a_session_of_crash_tests_finds_that_it_searches_for_itself(project):
    project.add("test_again.py", SAFE)

    result = project.run("--cano-crash=all")

    result.assert_outcomes(passed=2)


def test_the_ini_file_says_what_is_left_out(project):
    project.add("test_again.py", BUGGY)

    result = project.run("-o", "cano_ignore_effects=charge")

    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("backend", ["memory", "sqlite"])
def test_the_store_is_that_of_the_test(project, backend):
    project.add(
        "test_again.py",
        f"""
        import pytest
        from shop import shop

        seen = []

        def build(world):
            seen.append(repr(world.store))
            return shop(world.store, world.ledger, keyed=True)

        @pytest.mark.cano_store({backend!r})
        def test_again(cano):
            cano.assert_idempotent(build, "Charge")
            cano.assert_idempotent(build, "Charge", store="memory")
            assert {backend!r} in seen[0].lower()
            assert "memory" in seen[-1].lower()
        """,
    )

    project.run().assert_outcomes(passed=1)


def test_an_async_test_may_ask(project):
    pytest.importorskip("pytest_asyncio")
    project.add(
        "test_again.py",
        """
        import pytest
        from shop import shop

        @pytest.mark.asyncio
        async def test_again(cano):
            cano.assert_idempotent(
                lambda world: shop(world.store, world.ledger, keyed=True), "Charge", 4
            )
        """,
    )

    result = project.run(plugins=["pytest_asyncio.plugin"])

    result.assert_outcomes(passed=1)
