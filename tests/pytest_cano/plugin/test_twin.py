"""``twin``: a second process lives while the first one stands still."""

from killing import forced
from shop_project import SAFE, schedules

SAGA = """
    import asyncio
    import contextlib
    from cano_core import RolledBackError, RunContext, TaskConfig, TaskFailedError
    from cano_core import Workflow

    def test_saga(cano_store, cano_ledger, cano_workflow_id):
        once = TaskConfig.minimal()

        async def book(run: RunContext):
            cano_ledger.effect("book", key=run.idempotency_key)
            return "Ship", 1

        async def unbook(number, run: RunContext):
            cano_ledger.effect("unbook", key=run.idempotency_key)

        async def ship():
            raise ConnectionError("no lorry")

        flow = Workflow(checkpoint_store=cano_store)
        flow.register_with_compensation("Book", book, compensate=unbook, config=once)
        flow.register("Ship", ship, config=once).add_exit_state("Done")
        with contextlib.suppress(TaskFailedError, RolledBackError):
            asyncio.run(flow.start_or_resume("Book", workflow_id=cano_workflow_id))
"""

UNAWARE = """
    import asyncio
    from cano_core import RunConflictError
    from shop import shop, start

    def test_unaware(cano_store, cano_ledger, cano_workflow_id):
        async def main():
            try:
                await start(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
            except RunConflictError:
                cano_ledger.effect("alarm", "somebody else has the run")

        asyncio.run(main())
"""


def test_whoever_stood_still_loses_the_run_and_does_nothing_more(project):
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=Ship=twin", "-v", subprocess=True)

    assert result.ret == 0
    alone = ["Ship@start=twin", "Ship@effect:1=twin", "Ship@end=twin"]
    # The second stands still in its turn, and the first goes on to its end.
    seconds = ["Ship@load=twin", "Ship@enter=twin", *alone, "Done@cleared=twin"]
    assert schedules(result) == [
        *alone,
        *(f"{first} > {second}" for first in alone for second in seconds),
    ]


def test_a_rollback_has_one_owner_too(project):
    project.add("test_saga.py", SAGA)

    result = project.run(
        "--cano-crash=Book@undo=twin,Book@undone=twin,Ship@start=twin", subprocess=True
    )

    assert result.ret == 0, result.stdout.str()


def test_the_story_tells_who_stood_still(project):
    project.add("test_unaware.py", UNAWARE)

    result = project.run("--cano-crash=Ship@start=twin", subprocess=True)

    result.stdout.fnmatch_lines(
        [
            "DUPLICATED  alarm('somebody else has the run') happened 1 time, 0 *",
            "  life 1   Charge > Ship",
            "           stood still at Ship@start while the other process lived",
            "  life 2   resumed at Ship > Done",
            "  again   pytest *--cano-crash='Ship@start=twin'",
        ]
    )


def test_both_may_live_in_fresh_interpreters(project):
    project.add("test_safe.py", SAFE)

    result = project.run(
        "--cano-crash=Charge@end=twin", *forced(project, "fresh"), subprocess=True
    )

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*ran in fresh interpreters*"])
