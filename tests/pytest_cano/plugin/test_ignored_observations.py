"""Observations that need not come out alike."""

import pytest

SEEN = """
    import itertools
    from shop import run, shop

    numbers = itertools.count()

    def test_seen(cano, cano_store, cano_ledger, cano_workflow_id):
        run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
        cano.observe("seen_at", next(numbers))
        cano.observe("balance", 42)
"""

CHECKED = """
    import itertools
    from shop import shop, start

    numbers = itertools.count()

    def test_checked(cano):
        async def program(world):
            await start(shop(world.store, world.ledger, keyed=True), world.workflow_id)
            world.observe("seen_at", next(numbers))

        report = cano.check(program, crash="Ship@end", %s)
        assert report.passed, str(report)
"""

INI = ("-o", "cano_ignore_observations=seen_*")


def test_an_observation_that_differs_is_flaky(project):
    project.add("test_seen.py", SEEN)

    result = project.run("--cano-crash=Ship@end")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*FLAKY_BASELINE  seen_at was observed as 0 first, then as 1*"]
    )


def test_one_that_is_ignored_may_differ(project):
    project.add("test_seen.py", SEEN)

    project.run("--cano-crash=Ship@end", *INI).assert_outcomes(passed=2)


def test_the_others_may_not(project):
    project.add("test_seen.py", SEEN.replace('"balance", 42', '"bal", next(numbers)'))

    result = project.run("--cano-crash=Ship@end", *INI)
    result.assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("argument", "options"), [("ignore_observations=('seen_at',)", ()), ("", INI)]
)
def test_a_check_of_its_own_ignores_them_too(project, argument, options):
    project.add("test_checked.py", CHECKED % argument)

    project.run(*options).assert_outcomes(passed=1)


def test_what_tasks_observe_is_ignored_by_the_same_names(project):
    project.add(
        "test_task.py",
        """
        import asyncio, itertools
        from cano_core import Workflow

        numbers = itertools.count()

        def test_task(cano, cano_store, cano_workflow_id):
            async def only() -> str:
                cano.observe("seen_at", next(numbers))
                return "End"

            workflow = Workflow(checkpoint_store=cano_store)
            workflow.register("Only", only).add_exit_state("End")
            asyncio.run(workflow.start_or_resume("Only", workflow_id=cano_workflow_id))
    """,
    )

    project.run("--cano-crash=Only@end").assert_outcomes(failed=1)
    project.run("--cano-crash=Only@end", *INI).assert_outcomes(passed=2)
