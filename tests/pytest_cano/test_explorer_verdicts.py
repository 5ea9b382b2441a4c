"""Mistakes that the rarer verdicts are for, each beside the same program without it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from cano_core import (
    BatchTask,
    CheckpointStoreError,
    RolledBackError,
    RunConflictError,
    RunContext,
    RunPhase,
    TaskFailedError,
)
from programs import RememberingStore, processing, shop, sound
from pytest_cano.story import Verdict
from pytest_cano.view import WorldView
from saga_programs import Saga, saga
from search import Search


def verdicts(trial: Any) -> list[str]:
    return [finding.verdict.value for finding in trial.findings]


# HALF_UNDONE


def giving_up(after: Callable[[Saga], Awaitable[object]]) -> Any:
    """A program that treats a run which it finds in its rollback in its own way."""

    async def program(world: WorldView) -> str:
        flow = Saga(world)
        status = await flow.workflow().status(world.workflow_id)
        if status.phase is RunPhase.ROLLING_BACK:
            await after(flow)
        with pytest.raises((TaskFailedError, RolledBackError)):
            await flow.start_or_resume()
        return str((await flow.workflow().status(world.workflow_id)).phase)

    return program


async def clear(flow: Saga) -> None:
    await flow.store.clear(flow.world.workflow_id)


async def leave(flow: Saga) -> None:
    pass


def test_a_program_that_begins_anew_amid_a_rollback(tmp_path):
    trial = Search(giving_up(clear), tmp_path).run("Book@undo")

    assert verdicts(trial)[0] == "HALF_UNDONE"
    assert trial.findings[0].message == (
        "the run was begun anew in the midst of its rollback from Check, with Book not "
        "undone"
    )


def test_a_program_that_goes_on_with_a_rollback(tmp_path):
    assert Search(giving_up(leave), tmp_path).failures() == {}


def test_an_engine_that_undoes_what_was_done_first_first(tmp_path, monkeypatch):
    monkeypatch.setattr("cano_core.rollback.reversed", list, raising=False)
    trial = Search(saga(), tmp_path).run("Pick@end")

    assert verdicts(trial) == ["HALF_UNDONE"]


# LOST_WORK


class CarelessStore(RememberingStore):
    """One that loses the newest row of every log in a crash."""

    def restarted(self) -> "CarelessStore":
        self.logs = {name: log[:-1] for name, log in self.logs.items()}
        return self


class HonestStore(CarelessStore):
    """One that says so."""

    may_lose = 1


class TooHonestStore(CarelessStore):
    """One that says so, and loses more than that."""

    may_lose = 1

    def restarted(self) -> "CarelessStore":
        return super().restarted() and super().restarted()


def kept(kind: type[CarelessStore]) -> Any:
    return lambda world: world.keep("store", kind).restarted()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (CarelessStore, "row 1 (Process), which had been appended, was lost"),
        (TooHonestStore, "2 had been appended; its store may lose 1: what keeps"),
    ],
)
def test_a_store_that_loses_what_it_had_acknowledged(search, kind, said):
    trial = search(sound, store=kept(kind)).run("Process@end > Process@start")

    assert verdicts(trial) == ["LOST_WORK"]
    assert said in trial.findings[0].message


def test_a_store_that_loses_no_more_than_it_says(search):
    found = search(sound, store=kept(HonestStore))

    assert found.failures() == {}
    twice = found.run("Process@end > Process@start")
    assert twice.verdict is Verdict.PASS
    # Both crashes have taken the row of Process.
    assert [run.state for run in twice.story.task_runs].count("Start") == 3


def test_a_store_says_what_it_may_lose_in_rows(search):
    class Vague(CarelessStore):
        may_lose = "a few"

    with pytest.raises(Exception, match=r"Vague\.may_lose is 'a few'; it has to be"):
        search(sound, store=kept(Vague))


# SWALLOWED


def catching(*errors: type[Exception], says: str = "") -> Any:
    async def program(world: WorldView) -> None:
        try:
            await shop(world).start_or_resume("Start", workflow_id="order-1")
        except errors:
            if says:
                world.observe("said", says)

    return program


@pytest.mark.parametrize("fault", ["error", "error!"])
@pytest.mark.parametrize("point", ["Start@enter", "Start@end", "Process@end"])
def test_a_program_to_which_a_failure_of_the_store_is_success(search, point, fault):
    trial = search(catching(CheckpointStoreError)).run(f"{point}={fault}")

    assert verdicts(trial) == ["SWALLOWED"]
    assert "returned as the undisturbed run does" in trial.findings[0].message


@pytest.mark.parametrize(
    "program", [catching(), catching(CheckpointStoreError, says="try again")]
)
@pytest.mark.parametrize("fault", ["error", "error!", "ack-lost"])
@pytest.mark.parametrize("point", ["Start@enter", "Start@end", "Process@end"])
def test_a_program_that_fails_with_its_store_or_says_so(search, program, point, fault):
    assert search(program).run(f"{point}={fault}").verdict is Verdict.PASS


def test_an_end_that_became_durable_all_the_same_is_an_end(search):
    trial = search(catching(CheckpointStoreError)).run("Process@end=ack-lost")

    assert trial.verdict is Verdict.PASS


# TWO_OWNERS


def taken_over(*, stubborn: bool) -> Any:
    """Another start of the run takes it over while the task of this one waits."""

    async def program(world: WorldView) -> None:
        async def charge(run: RunContext) -> str:
            if world.life == 2 and run.resumes == 1:
                await workflow.start_or_resume("Start", workflow_id="order-1")
            try:
                await run.once("look", lambda: None)
            except Exception:
                if not stubborn:
                    raise
            world.ledger.effect("charge", 42, key=run.idempotency_key)
            return "Done"

        workflow = shop(world, process=charge)
        with suppress(RunConflictError):
            await workflow.start_or_resume("Start", workflow_id="order-1")

    return program


def test_a_task_that_goes_on_after_its_run_was_lost(search):
    trial = search(taken_over(stubborn=True)).run("Process@start")

    assert verdicts(trial) == ["TWO_OWNERS"]
    assert trial.findings[0].message == (
        "life 2 lost the run to another at row 3 (Process MEMO), and charge(42) still "
        "happened"
    )


def test_a_task_that_stops_when_its_run_is_lost(search):
    assert search(taken_over(stubborn=False)).failures() == {}


# REORDERED


def mailing(*, hasty: bool) -> Any:
    """A task that tells of the charge before it, if it has been interrupted."""

    def process(world: WorldView) -> Any:
        async def charge(run: RunContext) -> str:
            names = ["charge", "email"]
            if run.resumes and hasty:
                names.reverse()
            for name in names:
                world.ledger.effect(name, key=run.idempotency_key)
            return "Done"

        return charge

    return processing(process)


def test_a_task_that_does_things_in_another_order_after_a_crash(search):
    found = search(mailing(hasty=True))

    assert found.failures() == {"Process@start": "REORDERED"}
    assert found.run("Process@start").findings[0].message == (
        "email() happened before charge(), after it in the undisturbed run"
    )


def test_a_task_that_keeps_its_order(search):
    assert search(mailing(hasty=False)).failures() == {}


def test_what_is_done_beside_each_other_has_no_order(search):
    def process(world: WorldView) -> Any:
        async def charge(run: RunContext) -> str:
            async def act(name: str) -> None:
                for step in ("begin", "end"):
                    world.ledger.effect(f"{step} {name}", key=run.idempotency_key)

            names = ["a", "b"]
            if run.resumes:
                names.reverse()
            await asyncio.gather(*map(act, names))
            return "Done"

        return charge

    found = search(processing(process))

    assert found.failures() == {}
    strands = {each.name: each.strand for each in found.baseline.effects}
    assert strands["begin a"] == strands["end a"] != strands["begin b"]


# Strands


def strands(search: Any, work: Callable[[WorldView], Any]) -> list[int]:
    baseline = search(processing(work)).baseline
    return [effect.strand for effect in baseline.effects]


def test_what_a_task_does_itself_is_one_strand(search):
    def process(world: WorldView) -> Any:
        async def charge() -> str:
            world.ledger.effect("a")
            await asyncio.sleep(0)
            world.ledger.effect("b")
            return "Done"

        return charge

    assert strands(search, process) == [0, 0]


def test_each_call_in_a_thread_is_a_strand(search):
    def process(world: WorldView) -> Any:
        def twice(name: str) -> None:
            world.ledger.effect(f"{name}1")
            world.ledger.effect(f"{name}2")

        async def charge() -> str:
            await asyncio.to_thread(twice, "a")
            world.ledger.effect("own")
            await asyncio.to_thread(twice, "b")
            return "Done"

        return charge

    assert strands(search, process) == [1, 1, 0, 2, 2]


def test_a_sync_task_is_one_strand(search):
    def process(world: WorldView) -> Any:
        def charge() -> str:
            world.ledger.effect("a")
            world.ledger.effect("b")
            return "Done"

        return charge

    first, second = strands(search, process)
    assert first == second


@pytest.mark.parametrize(("workers", "shared"), [(1, True), (2, False)])
def test_each_item_that_workers_share_is_a_strand(search, workers, shared):
    def process(world: WorldView) -> Any:
        class Batch(BatchTask):
            concurrency = workers

            async def load(self) -> list[str]:
                return ["a", "b", "c", "d"]

            async def process_item(self, item: str) -> None:
                world.ledger.effect(f"{item}1")
                await asyncio.sleep(0)
                world.ledger.effect(f"{item}2")

            async def finish(self, results: list[object]) -> str:
                return "Done"

        return Batch()

    baseline = search(processing(process)).baseline
    strands = {effect.name: effect.strand for effect in baseline.effects}

    assert [strands[f"{item}1"] for item in "abcd"] == [
        strands[f"{item}2"] for item in "abcd"
    ]
    assert len(set(strands.values())) == (1 if shared else 4)
