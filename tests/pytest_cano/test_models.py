"""Tasks that are made of several calls: steps, polls, timers and batches."""

from collections.abc import AsyncIterator
from typing import Any

from cano_core import (
    BatchTask,
    Count,
    Done,
    More,
    Pending,
    PollTask,
    Ready,
    RunContext,
    StreamTask,
    TimerTask,
    Workflow,
)
from programs import ONCE
from pytest_cano.view import WorldView
from search import Search


def only(make: Any, *, stepped: bool = False) -> Any:
    """A program: Work, whose task ``make(world)`` makes, > Done."""

    async def program(world: WorldView) -> object:
        workflow = Workflow(checkpoint_store=world.store)
        register = workflow.register_stepped if stepped else workflow.register
        register("Work", make(world), config=ONCE)
        workflow.add_exit_state("Done")
        return await workflow.start_or_resume("Work", workflow_id=world.workflow_id)

    return program


def counting(world: WorldView, *, keyed: bool = True) -> Any:
    async def step(cursor: int | None, run: RunContext) -> More[int] | Done[str]:
        at = cursor or 0
        world.ledger.effect("step", at, key=run.idempotency_key if keyed else None)
        return More(at + 1) if at < 2 else Done("Done")

    return step


STEPS = [
    *("Work@enter", "Work@start"),
    *("Work@effect:1", "Work@cursor:1", "Work@effect:2", "Work@cursor:2"),
    *("Work@effect:3", "Work@end", "Done@cleared"),
]


def test_a_stepped_task_is_crashed_between_its_steps(tmp_path):
    search = Search(only(counting, stepped=True), tmp_path)

    assert search.points == STEPS
    assert len(search.baseline.task_runs) == 1
    assert search.failures() == {}


def test_crashes_in_step_after_step_are_no_news(tmp_path):
    search = Search(only(counting, stepped=True), tmp_path)

    for schedule in (
        "Work@effect:1 > Work@effect:1 > Work@cursor:1 > Work@effect:1",
        "Work@cursor:1 > Work@cursor:1 > Work@start > Work@end",
    ):
        assert search.run(schedule).verdict == "PASS"
    assert search.run("Work@cursor:2 > Work@cursor:1").verdict == "NOT_FIRED"


def test_a_step_that_can_not_be_repeated_is_found(tmp_path):
    program = only(lambda world: counting(world, keyed=False), stepped=True)

    assert Search(program, tmp_path).failures() == dict.fromkeys(
        ["Work@effect:1", "Work@effect:2", "Work@effect:3", "Work@end"], "DUPLICATED"
    )


def test_what_steps_keep_in_memory_only_is_found(tmp_path):
    def summing(world: WorldView) -> Any:
        seen: list[int] = []

        async def step(cursor: int | None) -> More[int] | Done[str]:
            seen.append(cursor or 0)
            if len(seen) < 3 and (cursor or 0) < 2:
                return More((cursor or 0) + 1)
            world.ledger.effect("sum", sum(seen), key="sum")
            return Done("Done")

        return step

    search = Search(only(summing, stepped=True), tmp_path)

    # What the first step added is not missed, for it is 0.
    assert search.failures() == dict.fromkeys(
        ["Work@cursor:2", "Work@effect:1", "Work@end"], "DUPLICATED"
    )


def test_steps_that_never_end_after_a_crash_are_ended(tmp_path):
    def waiting(world: WorldView) -> Any:
        calls: list[int] = []

        async def step(cursor: int | None) -> More[int] | Done[str]:
            calls.append(cursor or 0)
            if cursor == 3 and len(calls) == 4:
                return Done("Done")
            return More((cursor or 0) + 1)

        return step

    search = Search(only(waiting, stepped=True), tmp_path)
    trial = search.run("Work@cursor:2")

    assert trial.verdict == "STUCK"
    assert trial.findings[0].message == (
        "a cursor of Work was recorded 261 times, 3 in the undisturbed run"
    )


class Letters(BatchTask):
    """Sends a letter to everybody."""

    concurrency = 2

    def __init__(self, world: WorldView, *, keyed: bool = True) -> None:
        self.world = world
        self.keyed = keyed

    async def load(self) -> list[str]:
        self.world.ledger.effect("load")
        return ["ann", "bob", "cy"]

    async def process_item(self, item: str, run: RunContext) -> str:
        key = run.idempotency_key if self.keyed else None
        self.world.ledger.effect("send", item, key=key)
        return item

    async def finish(self, results: list[Any]) -> str:
        self.world.observe("sent", [each.value for each in results])
        return "Done"


def test_a_batch_is_crashed_between_its_items(tmp_path):
    search = Search(only(Letters), tmp_path)

    assert {"Work@cursor:1", "Work@branch:1", "Work@branch:3"} <= set(search.points)
    # To load is an effect without a key, and is not a row yet.
    assert search.failures() == {"Work@effect:1": "DUPLICATED"}


def test_an_item_that_can_not_be_repeated_is_found(tmp_path):
    search = Search(only(lambda world: Letters(world, keyed=False)), tmp_path)
    failures = search.failures()

    assert set(failures.values()) == {"DUPLICATED"}
    assert "Work@effect:2" in failures
    assert "Work@branch:3" not in failures
    assert "Work@end" not in failures


class Parcel(PollTask):
    """Is there when it was asked for twice."""

    def __init__(self, world: WorldView) -> None:
        self.world = world

    async def poll(self) -> Ready[str] | Pending:
        asked = self.world.disk / "asked"
        if not asked.exists():
            asked.touch()
            return Pending(0.001)
        return Ready("Done")


def test_a_poll_is_one_task(tmp_path):
    search = Search(only(Parcel), tmp_path)

    assert search.points[:2] == ["Work@enter", "Work@start"]
    assert search.points[-2:] == ["Work@end", "Done@cleared"]
    assert search.failures() == {}


class Alarm(TimerTask):
    """Waits for a moment."""

    def __init__(self, world: WorldView) -> None:
        self.world = world

    async def wait(self) -> float:
        self.world.ledger.effect("asked", key="asked")
        return 0.001

    async def after_wait(self, run: RunContext) -> str:
        self.world.ledger.effect("rang", key=run.idempotency_key)
        return "Done"


def test_a_timer_is_crashed_while_it_waits(tmp_path):
    search = Search(only(Alarm), tmp_path)

    assert search.points == [
        *("Work@enter", "Work@start", "Work@effect:1", "Work@cursor:1"),
        *("Work@effect:2", "Work@end", "Done@cleared"),
    ]
    assert search.failures() == {}


def test_what_steps_observe_is_compared_over_all_lives(tmp_path):
    def observing(world: WorldView) -> Any:
        async def step(cursor: int | None) -> More[int] | Done[str]:
            at = cursor or 0
            world.observe("at", at)
            world.ledger.effect("step", key=at)
            return More(at + 1) if at < 2 else Done("Done")

        return step

    search = Search(only(observing, stepped=True), tmp_path)

    assert search.baseline.observations["at in Work"] == ("0", "1", "2")
    assert search.failures() == {}


def test_steps_that_see_something_else_after_a_crash_are_found(tmp_path):
    def observing(world: WorldView) -> Any:
        seen: list[int] = []

        async def step(cursor: int | None) -> More[int] | Done[str]:
            seen.append(cursor or 0)
            world.observe("seen", seen)
            return More(len(seen)) if len(seen) < 3 else Done("Done")

        return step

    found = Search(only(observing, stepped=True), tmp_path).failures()

    assert found["Work@cursor:1"] == "DIVERGED"
    assert "Work@start" not in found


class Feed(StreamTask):
    """Sends on what comes in, two at a time."""

    window = Count(2)

    def __init__(self, world: WorldView, *, keyed: bool = True) -> None:
        self.world = world
        self.keyed = keyed

    async def open(self, cursor: int | None) -> AsyncIterator[tuple[int, str]]:
        for number, item in enumerate("abcde", start=1):
            if number > (cursor or 0):
                yield number, item

    async def process_item(self, item: str) -> str:
        return item.upper()

    async def flush_window(self, results: list[str], run: RunContext) -> None:
        key = run.idempotency_key if self.keyed else None
        self.world.ledger.effect("send", results, key=key)

    async def on_close(self, reason: object) -> str:
        return "Done"


WINDOWS = [
    *("Work@effect:1", "Work@cursor:1", "Work@effect:2", "Work@cursor:2"),
    *("Work@effect:3", "Work@cursor:3"),
]


def test_a_stream_is_crashed_between_its_windows(tmp_path):
    search = Search(only(Feed), tmp_path)

    assert search.points[2:-2] == WINDOWS
    assert search.failures() == {}


def test_a_window_that_can_not_be_flushed_again_is_found(tmp_path):
    search = Search(only(lambda world: Feed(world, keyed=False)), tmp_path)

    assert search.failures() == dict.fromkeys(WINDOWS[::2], "DUPLICATED")
