"""One timer for many awaits: it ends what takes too long, and nothing else."""

import asyncio
import contextlib
from typing import Any

import pytest

from cano_core import MemoryCheckpointStore, TaskConfig, TaskFailedError, Workflow
from cano_core.deadline import Deadline
from scripted_store import ScriptedStore, ThreeMethodStore


class Timers:
    """The timers that a loop was asked for since."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.armed: list[asyncio.TimerHandle] = []
        self._call_at = self.loop.call_at
        self.loop.call_at = self.call_at

    def call_at(self, *arguments: Any, **options: Any) -> asyncio.TimerHandle:
        self.armed.append(self._call_at(*arguments, **options))
        return self.armed[-1]


def test_many_uses_have_one_timer() -> None:
    async def main() -> None:
        timers = Timers()
        deadline = Deadline(30)
        for _ in range(100):
            with deadline:
                await asyncio.sleep(0)
        assert len(timers.armed) == 1

        deadline.close()
        deadline.close()
        assert timers.armed[0].cancelled()
        with deadline:
            await asyncio.sleep(0)
        assert len(timers.armed) == 2

    asyncio.run(main())


def test_what_takes_too_long_ends_with_a_timeout() -> None:
    async def main() -> None:
        deadline = Deadline(0.001)
        for _ in range(2):
            with pytest.raises(TimeoutError), deadline:
                await asyncio.Event().wait()
            assert deadline.expired
        with deadline:
            await asyncio.sleep(0)
        assert not deadline.expired
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    asyncio.run(main())


def test_the_time_counts_from_the_last_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timer that comes while a later use is under way looks again later."""

    async def main() -> None:
        timers = Timers()
        now = timers.loop.time()
        deadline = Deadline(3_600)
        with deadline:
            monkeypatch.setattr(timers.loop, "time", lambda: now + 3_000)
        with deadline:
            monkeypatch.setattr(timers.loop, "time", lambda: now + 3_601)
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # the first timer has come
            assert [timer.when() for timer in timers.armed] == pytest.approx(
                [now + 3_600, now + 6_600]
            )
            assert not deadline.expired
        monkeypatch.undo()
        deadline.close()

    asyncio.run(main())


def test_a_timer_that_comes_between_two_uses_ends_nothing() -> None:
    async def main() -> None:
        timers = Timers()
        deadline = Deadline(0.001)
        with deadline:
            pass
        timers.armed[0].cancel()
        deadline._look()
        with deadline:
            await asyncio.sleep(0)
        assert len(timers.armed) == 2
        deadline.close()

    asyncio.run(main())


def test_without_a_limit_there_is_no_timer() -> None:
    async def main() -> None:
        timers = Timers()
        with Deadline(None):
            await asyncio.sleep(0)
        assert timers.armed == []

    asyncio.run(main())


@pytest.mark.parametrize("late", [False, True], ids=["in time", "with the timer"])
def test_somebody_elses_cancellation_is_theirs(late: bool) -> None:
    async def waits(deadline: Deadline) -> None:
        with deadline:
            await asyncio.Event().wait()

    async def main() -> None:
        deadline = Deadline(0.001 if late else 30)
        task = asyncio.create_task(waits(deadline))
        await asyncio.sleep(0)
        if late:
            # Both in one turn of the loop: ours first, then theirs.
            deadline.close()
            deadline._at = 0.0
            deadline._look()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


@pytest.mark.parametrize("fails", [False, True])
def test_what_was_settled_before_it_gave_in_counts(fails: bool) -> None:
    """A store may finish an append that was cancelled; then it is done, or failed."""

    async def settling() -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        if fails:
            raise LookupError
        return "settled"

    async def main() -> None:
        with contextlib.suppress(LookupError), Deadline(0.001):
            assert await settling() == "settled"
            assert not fails

    asyncio.run(main())


def test_an_error_in_time_is_the_error() -> None:
    async def main() -> None:
        with pytest.raises(LookupError), Deadline(30):
            raise LookupError

    asyncio.run(main())


@pytest.mark.parametrize("kind", [ThreeMethodStore, ScriptedStore])
@pytest.mark.parametrize("fails", [False, True])
def test_a_run_leaves_no_timer_behind(
    kind: type[ThreeMethodStore], fails: bool
) -> None:
    async def first() -> str:
        return "Second"

    async def second() -> str:
        if fails:
            raise RuntimeError("no")
        return "Done"

    workflow = (
        Workflow(checkpoint_store=kind(inner=MemoryCheckpointStore()))
        .register("First", first)
        .register("Second", second, config=TaskConfig.minimal())
        .add_exit_state("Done")
    )

    async def main() -> None:
        timers = Timers()
        for _ in range(2):
            try:
                await workflow.start_or_resume("First", workflow_id="r")
            except TaskFailedError:
                assert fails
            await workflow.status("r")
        assert timers.armed
        assert all(timer.cancelled() for timer in timers.armed)

    asyncio.run(main())
