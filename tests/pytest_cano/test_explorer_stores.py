"""Real workflows on stores that forget, lose, rewrite or are elsewhere."""

from pathlib import Path
from typing import Any

import pytest

from cano_core import (
    CheckpointRow,
    CheckpointStoreError,
    MemoryCheckpointStore,
    SQLiteCheckpointStore,
    Workflow,
)
from programs import (
    ONCE,
    ForgetfulStore,
    RememberingStore,
    charging,
    processing,
    shop,
    sound,
)
from pytest_cano.story import Verdict
from pytest_cano.view import WorldView
from search import Search


def test_a_store_that_forgets_has_recorded_and_can_not_pass_cleared(search):
    found = search(sound, store=lambda world: world.keep("store", ForgetfulStore))

    assert found.points[-2:] == ["Done@recorded", "Done@cleared"]
    assert found.failures() == {}
    assert "Done@recorded" in found.verdicts()
    assert "Done@cleared" not in found.verdicts()
    assert [limit.partition(":")[0] for limit in found.plan.limits] == [
        "Done@cleared is left out"
    ]


def test_a_point_that_is_left_out_is_run_where_it_is_named(search):
    found = search(
        processing(charging),
        crash="all, Done@cleared",
        store=lambda world: world.keep("store", ForgetfulStore),
    )

    assert found.verdicts()["Done@cleared"] == "DUPLICATED"
    assert found.plan.limits == ()


def test_a_run_without_a_store_begins_anew_in_every_life(search):
    async def program(world: WorldView) -> str:
        async def start() -> str:
            return "Process"

        workflow = (
            Workflow()
            .register("Start", start, config=ONCE)
            .register("Process", charging(world, key="k"), config=ONCE)
            .add_exit_state("Done")
        )
        return str(await workflow.orchestrate("Start"))

    found = search(program)

    assert found.points == [
        "Start@start",
        "Start@end",
        "Process@start",
        "Process@effect:1",
        "Process@end",
    ]
    assert found.failures() == {}
    assert found.run("Process@end").story.lives[1].path == ("Start > Process > Done",)


def test_a_program_may_open_its_own_store_on_the_disk(search):
    async def program(world: WorldView) -> None:
        with SQLiteCheckpointStore(world.disk / "own.db") as store:
            workflow = shop(world, store=store)
            await workflow.start_or_resume("Start", workflow_id=world.workflow_id)

    found = search(program)

    assert found.flaky is None
    assert found.failures() == {}


def test_a_store_that_does_not_survive_is_named(search):
    async def program(world: WorldView) -> None:
        workflow = shop(world, store=MemoryCheckpointStore())
        await workflow.start_or_resume("Start", workflow_id=world.workflow_id)

    trial = search(program).run("Process@end")

    assert [finding.verdict for finding in trial.findings] == [Verdict.LOST_WORK]
    assert "life 2 found no rows, 2 had been appended" in trial.findings[0].message


class LosingStore(RememberingStore):
    """Gives back all rows but the last."""

    async def load_run(self, workflow_id: str) -> list[CheckpointRow]:
        return (await super().load_run(workflow_id))[:-1]


class RewritingStore(RememberingStore):
    """Gives back rows of another version."""

    async def load_run(self, workflow_id: str) -> list[CheckpointRow]:
        return [
            CheckpointRow(row.sequence, row.state, "another", row.kind, row.payload)
            for row in await super().load_run(workflow_id)
        ]


class LeavingStore(RememberingStore):
    """Keeps the log of a finished run."""

    async def finish(self, workflow_id: str, rows: Any, outcome: Any) -> None:
        await self.append(workflow_id, *rows)
        self.outcomes[workflow_id] = outcome


@pytest.mark.parametrize(
    ("store", "schedule", "message"),
    [
        (RewritingStore, "Process@start", "life 2 found row 0 changed"),
        (LeavingStore, "Done@cleared", "though the run had ended and its log was gone"),
    ],
)
def test_a_store_that_is_not_true_to_what_was_appended(
    search, store, schedule, message
):
    found = search(sound, store=lambda world: world.keep("store", store))
    trial = found.run(schedule)

    said = [f.message for f in trial.findings if f.verdict is Verdict.BAD_LOG]
    assert len(said) == 1
    assert message in said[0]


def test_an_append_that_fails_and_is_durable_all_the_same_is_no_bad_log(search):
    class Unsure(RememberingStore):
        async def append(self, workflow_id: str, *rows: CheckpointRow) -> None:
            await super().append(workflow_id, *rows)
            if rows[0].state == "Process" and rows[0].sequence == 1:
                raise OSError("the answer was lost")

    async def program(world: WorldView) -> None:
        workflow = shop(world)
        for _ in range(2):
            try:
                await workflow.start_or_resume("Start", workflow_id="order-1")
            except Exception as error:  # the store's trouble, and only that
                if "the answer was lost" not in str(error):
                    raise

    found = search(program, store=lambda world: world.keep("store", Unsure))

    assert found.failures() == {}


def test_a_finish_that_fails_and_is_durable_all_the_same_is_no_bad_log(search):
    class Unsure(RememberingStore):
        async def finish(self, workflow_id: str, rows: Any, outcome: Any) -> None:
            await super().finish(workflow_id, rows, outcome)
            raise OSError("the answer was lost")

    async def program(world: WorldView) -> None:
        workflow = shop(world)
        for _ in range(2):
            try:
                await workflow.start_or_resume("Start", workflow_id="order-1")
            except CheckpointStoreError as error:
                world.observe("trouble", "the answer was lost" in str(error))

    found = search(program, store=lambda world: world.keep("store", Unsure))

    assert found.baseline.runs[1].exit == "Done"
    assert found.run("Process@end").verdict is Verdict.PASS


def outside(path: Path) -> Any:
    """A program whose store is in one place whatever its disk is."""

    async def program(world: WorldView) -> None:
        with SQLiteCheckpointStore(path) as store:
            workflow = shop(world, store=store)
            await workflow.start_or_resume("Start", workflow_id="order-1")

    return program


def test_a_store_that_outlives_the_test_is_named(search, tmp_path):
    found = search(outside(tmp_path / "fixed.db"))

    assert found.flaky is not None
    assert found.flaky.message == (
        "run 'order-1' was already finished when its disk was new: the store is not "
        "on cano_disk (or tmp_path), so it outlives the test"
    )


def test_a_store_that_is_full_from_the_start_is_named_by_the_baseline(search, tmp_path):
    search(outside(tmp_path / "fixed.db"))
    (tmp_path / "again").mkdir()
    again = Search(outside(tmp_path / "fixed.db"), tmp_path / "again")

    assert again.points == []
    assert again.flaky is None
    assert again.baseline.hints[0].startswith("run 'order-1' was already finished")


def test_a_store_on_the_disk_is_nothing_to_tell(search):
    assert search(sound).baseline.hints == ()
