"""Observations, normalisers, made-up data and cano.check() in real tests."""

import pytest

from shop_project import SAFE


def test_an_observation_that_differs_is_found(project):
    project.add(
        "test_observed.py",
        """
        from shop import run, shop

        def test_observed(cano, cano_store, cano_ledger, cano_workflow_id):
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
            cano.observe("charges", [e.name for e in cano_ledger.effects])
    """,
    )

    result = project.run("--cano-crash=@end")

    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["DIVERGED *charges*"])


def test_a_normaliser_says_what_makes_no_difference(project):
    project.add(
        "test_normalised.py",
        """
        import itertools
        from shop import run, shop

        tokens = itertools.count()

        def test_normalised(cano, cano_store, cano_ledger, cano_workflow_id):
            cano.normalise(lambda value: "a token" if type(value) is float else value)
            cano_ledger.effect("login", float(next(tokens)), key="login")
            cano.observe("token", float(next(tokens)))
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    project.run("--cano-crash=@end").assert_outcomes(passed=3)


def test_made_up_data_is_the_same_in_every_life_and_not_in_every_test(project):
    project.add(
        "test_made_up.py",
        """
        from shop import run, shop

        names = {}

        def made_up(test, cano, cano_store, cano_ledger, cano_workflow_id, cano_faker):
            name = cano_faker.name()
            assert names.setdefault(test, name) == name
            cano.observe("name", name)
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)

        def test_one(cano, cano_store, cano_ledger, cano_workflow_id, cano_faker):
            made_up(1, cano, cano_store, cano_ledger, cano_workflow_id, cano_faker)

        def test_two(cano, cano_store, cano_ledger, cano_workflow_id, cano_faker):
            made_up(2, cano, cano_store, cano_ledger, cano_workflow_id, cano_faker)
            assert names[1] != names[2]
    """,
    )

    project.run("--cano-crash=@end").assert_outcomes(passed=6)


def test_a_program_that_starts_over_is_told_so(project):
    project.add(
        "test_over.py",
        """
        import asyncio
        from shop import shop

        def test_over(cano_store, cano_ledger, cano_workflow_id):
            workflow = shop(cano_store, cano_ledger, keyed=True)
            asyncio.run(workflow.orchestrate("Charge", workflow_id=cano_workflow_id))
    """,
    )

    result = project.run("--cano-crash=Charge@end")

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*start_or_resume*"])


CHECKS = """
import asyncio
import pytest
from shop import shop, start

def program(world):
    return asyncio.run(
        start(shop(world.store, world.ledger, keyed={keyed}), world.workflow_id)
    )

async def async_program(world):
    workflow = shop(world.store, world.ledger, keyed={keyed})
    return await start(workflow, world.workflow_id)

@pytest.mark.parametrize("checked", [program, async_program])
def test_sync(cano, checked):
    report = cano.check(checked, crash="@end")
    assert report.passed, str(report)

@pytest.mark.asyncio
async def test_async(cano):
    report = cano.check(async_program, crash="@end")
    assert report.passed, str(report)
"""


@pytest.mark.parametrize("crash", [(), ("--cano-crash=all", "-o", "cano_select=all")])
@pytest.mark.parametrize("backend", ["sqlite", "memory"])
def test_a_program_is_checked_within_a_test(project, backend, crash):
    pytest.importorskip("pytest_asyncio")
    project.add("test_checks.py", CHECKS.format(keyed=True))
    project.add("test_safe.py", SAFE)

    result = project.run(
        "-o", f"cano_stores={backend}", *crash, plugins=["pytest_asyncio.plugin"]
    )

    # A test that checks a program needs no crash point of its own.
    result.assert_outcomes(passed=3 + (9 if crash else 1))


def test_a_checked_program_that_is_not_safe_is_told_in_full(project):
    pytest.importorskip("pytest_asyncio")
    project.add("test_checks.py", CHECKS.format(keyed=False))

    result = project.run(plugins=["pytest_asyncio.plugin"])

    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        ["*DUPLICATED *charge('order-1', 42) happened 2 times*"]
    )


def test_a_check_uses_the_users_store_and_settings(project):
    project.add(
        "conftest.py",
        """
        from cano_core import SQLiteCheckpointStore

        made = []

        def pytest_cano_make_store(name, directory):
            if name == "mine":
                made.append(directory)
                return SQLiteCheckpointStore(directory / "mine.db")
    """,
    )
    project.add(
        "test_check.py",
        """
        import asyncio
        import itertools
        import pytest
        import conftest
        from shop import run, shop

        numbers = itertools.count()

        def program(world):
            world.ledger.effect("audit", next(numbers))
            run(shop(world.store, world.ledger, keyed=True), world.workflow_id)

        @pytest.mark.cano_store("mine")
        def test_check(cano, cano_workflow_id):
            assert cano.check(program, crash="Charge@end").passed
            assert len(set(conftest.made)) == 3

        def test_another_store(cano):
            report = cano.check(program, crash="Charge@end", store="memory")
            assert report.passed
    """,
    )

    result = project.run("-o", "cano_ignore_effects=audit", "-o", "cano_stores=mine")

    result.assert_outcomes(passed=2)


def test_a_check_does_not_meet_the_selectors_of_a_marker(project):
    project.add(
        "test_marked.py",
        """
        import pytest
        from shop import run, shop

        def program(world):
            run(shop(world.store, world.ledger, keyed=True), world.workflow_id)

        @pytest.mark.cano_crash("Ship@end")
        def test_marked(cano):
            assert cano.check(program, crash="Ship@end").passed
    """,
    )

    result = project.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["@pytest.mark.cano_crash: *Ship@end*"])


def test_a_check_that_selects_nothing_says_so(project):
    project.add(
        "test_check.py",
        """
        from shop import run, shop

        def test_check(cano):
            cano.check(
                lambda world: run(shop(world.store, world.ledger), world.workflow_id),
                crash="Chrge",
            )
    """,
    )

    result = project.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *SelectorError: *Chrge*Charge*"])
