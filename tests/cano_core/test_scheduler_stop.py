"""Stopping a flow's run, and stopping the scheduler."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cano_core import (
    Backoff,
    CompensationFailedError,
    ConfigurationError,
    FlowError,
    FlowState,
    MemoryCheckpointStore,
    RunPhase,
    Scheduler,
    SchedulerStopError,
    TaskConfig,
    Workflow,
)
from scheduled import Job, durable, until, with_still_clock

LONG = 3600.0
LATER = Backoff(initial=LONG, jitter=0)
NEW_YEAR = datetime(2030, 1, 1, tzinfo=UTC)


class Trip:
    """Book > Pay > Done: Book can be undone, and Pay waits at a gate.

    Attributes:
        calls: what was booked and released, in order.
        error: what releasing raises; None for nothing.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.error: Exception | None = None
        self.paying = asyncio.Event()
        self.gate = asyncio.Event()
        self.store = MemoryCheckpointStore()
        self.workflow = Workflow(checkpoint_store=self.store)
        self.workflow.register_with_compensation(
            "Book", self.book, compensate=self.release, config=TaskConfig.minimal()
        )
        self.workflow.register("Pay", self.pay).add_exit_state("Done")

    async def book(self) -> tuple[str, int]:
        self.calls.append("book")
        return "Pay", 1

    async def release(self, seat: int) -> None:
        self.calls.append("release")
        if self.error is not None:
            raise self.error

    async def pay(self) -> str:
        self.paying.set()
        await self.gate.wait()
        return "Done"


# Cancelling a run


def test_a_cancelled_saga_is_undone_and_its_flow_idle():
    """D1: cancel(rollback=True) of a flow whose run has something to undo."""
    trip = Trip()

    async def main() -> None:
        scheduler = Scheduler().manual("f", trip.workflow, "Book")
        async with scheduler:
            run_id = scheduler.trigger("f")
            await trip.paying.wait()
            assert scheduler.cancel("f", rollback=True)
            status = await scheduler.settled("f")
            assert (status.state, status.failure_streak) == (FlowState.IDLE, 0)
            assert status.unfinished == ()
            assert trip.calls == ["book", "release"]
            assert (await trip.workflow.status(run_id)).phase is RunPhase.ROLLED_BACK

    asyncio.run(main())


def test_a_cancelled_saga_that_can_not_be_undone_backs_off_and_is_undone_later():
    """D2: a rollback that fails is a failure, and tried again."""
    trip = Trip()

    async def main() -> None:
        scheduler = Scheduler(backoff=LATER).manual("f", trip.workflow, "Book")
        clock = with_still_clock(scheduler)
        async with scheduler:
            run_id = scheduler.trigger("f")
            await trip.paying.wait()
            trip.error = OSError("airline closed")
            scheduler.cancel("f", rollback=True)
            status = await scheduler.settled("f")
            assert (status.state, status.failure_streak) == (FlowState.BACKING_OFF, 1)
            assert isinstance(status.last_error, CompensationFailedError)
            assert status.unfinished == (run_id,)

            trip.error = None
            clock.strike("f\nretry")
            status = await scheduler.settled("f")
            assert (status.state, status.failure_streak) == (FlowState.IDLE, 1)
            assert status.unfinished == ()
            assert trip.calls == ["book", "release", "release"]
            assert (await trip.workflow.status(run_id)).phase is RunPhase.ROLLED_BACK

    asyncio.run(main())


def test_a_stop_leaves_a_saga_as_it_is_for_the_next_start():
    """D3, better: cano undoes what is in flight; here the next process ends it."""
    trip = Trip()

    async def main() -> None:
        scheduler = Scheduler().manual("f", trip.workflow, "Book")
        async with scheduler:
            run_id = scheduler.trigger("f")
            await trip.paying.wait()
        assert scheduler.status("f").state is FlowState.IDLE
        assert scheduler.status("f").unfinished == (run_id,)
        assert (await trip.workflow.status(run_id)).phase is RunPhase.INTERRUPTED

        trip.gate.set()
        async with Scheduler().manual("f", trip.workflow, "Book") as scheduler:
            assert (await scheduler.settled("f")).state is FlowState.COMPLETED
        assert trip.calls == ["book"]

    asyncio.run(main())


def test_a_cancelled_cron_flow_runs_again_when_its_time_comes():
    """D9: a cron flow is cancelled."""
    job = Job()

    async def main() -> None:
        scheduler = Scheduler().cron("f", job.workflow, "Work", "0 0 0 1 1 *")
        clock = with_still_clock(scheduler)
        async with scheduler:
            job.gate.clear()
            clock.strike("f", NEW_YEAR)
            await job.has_begun()
            assert scheduler.cancel("f")
            assert (await scheduler.settled("f")).state is FlowState.IDLE

            job.gate.set()
            clock.strike("f", NEW_YEAR.replace(year=2031))
            assert (await scheduler.settled("f")).state is FlowState.COMPLETED

    asyncio.run(main())
    assert [each[:6] for each in job.began] == ["f/2030", "f/2031"]
    assert [each[:6] for each in job.ended] == ["f/2031"]


def test_a_cancelled_flow_of_every_kind_keeps_its_ticks():
    """D10: a flow of every() is cancelled, and goes on with new runs."""
    job = Job()

    async def main() -> None:
        scheduler = Scheduler()
        scheduler.every("delay", job.workflow, "Work", fixed_delay=0.001)
        scheduler.every("rate", job.workflow, "Work", fixed_rate=0.001)
        job.gate.clear()
        async with scheduler:
            await job.has_begun(2)
            for flow_id in ("delay", "rate"):
                assert scheduler.cancel(flow_id)
                status = await scheduler.settled(flow_id)
                assert status.failure_streak == 0
            job.gate.set()
            for flow_id in ("delay", "rate"):
                await until(lambda f=flow_id: scheduler.status(f).run_count >= 3)
                assert scheduler.status(flow_id).failure_streak == 0

    asyncio.run(main())


def test_a_cancelled_run_with_a_log_is_gone_on_with_by_the_next_tick():
    job = durable()

    async def main() -> None:
        scheduler = Scheduler().every("f", job.workflow, "Work", fixed_rate=LONG)
        clock = with_still_clock(scheduler)
        async with scheduler:
            job.gate.clear()
            await job.has_begun()
            scheduler.cancel("f")
            status = await scheduler.settled("f")
            assert (status.state, status.unfinished) == (
                FlowState.IDLE,
                (job.began[0],),
            )

            job.gate.set()
            clock.strike("f")
            await scheduler.settled("f")
            first, again, second = job.began
            assert first == again < second
            assert job.ended == [first, second]

    asyncio.run(main())


@pytest.mark.parametrize("make_job", [Job, durable])
@pytest.mark.parametrize("rollback", [False, True])
def test_a_cancel_before_the_first_step_of_a_run_is_not_lost(
    make_job: Callable[[], Job], rollback: bool
):
    """H51: between the reservation of a turn and its beginning."""
    job = make_job()

    async def main() -> None:
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            scheduler.trigger("f")
            assert scheduler.cancel("f", rollback=rollback)
            status = await scheduler.settled("f")
            assert (status.state, status.run_count) == (FlowState.IDLE, 0)
            assert status.unfinished == ()

            # Nor does it hit the next one.
            scheduler.trigger("f")
            assert (await scheduler.settled("f")).state is FlowState.COMPLETED

    asyncio.run(main())
    assert len(job.began) == 1


def test_a_cancel_while_the_store_is_asked_is_not_lost():
    """H51: in a turn that goes on with an unfinished run."""
    asked, answer = asyncio.Event(), asyncio.Event()

    class Slow(MemoryCheckpointStore):
        async def load_run(self, workflow_id: str) -> Any:
            asked.set()
            await answer.wait()
            return await super().load_run(workflow_id)

    job = Job(Slow())

    async def main() -> None:
        answer.set()
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            job.gate.clear()
            run_id = scheduler.trigger("f")
            await job.has_begun()
            scheduler.cancel("f")
            await scheduler.settled("f")

            asked.clear()
            answer.clear()
            scheduler.trigger("f")
            await asked.wait()
            assert scheduler.cancel("f")
            answer.set()
            status = await scheduler.settled("f")
            assert (status.state, status.unfinished) == (FlowState.IDLE, (run_id,))
            assert status.run_count == 1
            assert job.began == [run_id]

    asyncio.run(main())


def test_a_cancel_before_the_first_row_of_a_run_is_not_made_up_for():
    """H51: while the resources are set up."""
    setting_up, go_on = asyncio.Event(), asyncio.Event()

    class Pool:
        async def setup(self) -> None:
            setting_up.set()
            await go_on.wait()

    job = durable(resources={"pool": Pool()})

    async def main() -> None:
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            dropped = scheduler.trigger("f")
            await setting_up.wait()
            scheduler.cancel("f")
            go_on.set()
            status = await scheduler.settled("f")
            assert (status.state, status.unfinished) == (FlowState.IDLE, ())
            assert scheduler.trigger("f") != dropped
            await scheduler.settled("f")
        assert dropped not in job.began

    asyncio.run(main())


def test_a_cancel_takes_what_was_accepted_and_waits_with_it():
    job = durable()

    async def main() -> None:
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            job.gate.clear()
            first = scheduler.trigger("f")
            await job.has_begun()
            scheduler.cancel("f")
            await scheduler.settled("f")

            dropped = scheduler.trigger("f")
            await job.has_begun(2)
            scheduler.cancel("f")
            await scheduler.settled("f")

            job.gate.set()
            accepted = scheduler.trigger("f")
            await scheduler.settled("f")
            assert job.ended == [first, accepted]
            assert dropped not in job.began

    asyncio.run(main())


def test_a_cancel_without_a_run_does_nothing():
    job = Job()

    async def main() -> None:
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            assert not scheduler.cancel("f")
            assert scheduler.status("f").state is FlowState.IDLE

    asyncio.run(main())


# Stopping


def test_a_stopped_scheduler_does_nothing_more():
    job = Job()

    async def main() -> None:
        scheduler = Scheduler().every("f", job.workflow, "Work", fixed_rate=0.001)
        with pytest.raises(FlowError) as caught:
            scheduler.trigger("f")
        assert caught.value.reason == "stopped"
        await scheduler.start()
        waiting = asyncio.create_task(scheduler.wait())
        await job.has_begun(2)
        assert not waiting.done()
        await scheduler.stop()
        await waiting
        for ask in (scheduler.trigger, scheduler.cancel, scheduler.reset):
            with pytest.raises(FlowError, match="stopped"):
                ask("f")
        begun = len(job.began)
        await asyncio.sleep(0.01)
        assert len(job.began) == begun
        await scheduler.stop()

    asyncio.run(main())


@pytest.mark.parametrize("make_job", [Job, durable])
def test_a_run_that_was_accepted_before_the_stop_does_not_begin_after_it(
    make_job: Callable[[], Job],
):
    job = make_job()

    async def main() -> None:
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            scheduler.trigger("f")
        status = scheduler.status("f")
        assert (status.state, status.run_count) == (FlowState.IDLE, 0)
        assert (status.unfinished, job.began) == ((), [])

    asyncio.run(main())


def test_a_scheduler_can_be_stopped_before_it_starts():
    async def main() -> None:
        scheduler = Scheduler().manual("f", Job().workflow, "Work")
        await scheduler.stop()
        await scheduler.wait()
        with pytest.raises(ConfigurationError):
            await scheduler.start()

    asyncio.run(main())


def test_a_tick_that_was_due_when_the_scheduler_stopped_is_not_run():
    job = Job()

    async def main() -> None:
        scheduler = Scheduler().cron("f", job.workflow, "Work", "0 0 1 1 *")
        clock = with_still_clock(scheduler)
        async with scheduler:
            pass
        assert clock.stopped
        clock.strike("f")

    asyncio.run(main())
    assert not job.began


class Stubborn:
    """A task that does not let itself be cancelled, so often, until it is let go."""

    def __init__(self, refusals: float) -> None:
        self.refusals = refusals
        self.cancelled = 0
        self.begun = asyncio.Event()
        self.let_go = asyncio.Event()

    async def work(self) -> str:
        self.begun.set()
        while not self.let_go.is_set():
            try:
                await self.let_go.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                if self.cancelled > self.refusals:
                    raise
        return "Done"


def flow_of(task: Any) -> Workflow:
    workflow = Workflow().register("Work", task.work, config=TaskConfig.minimal())
    return workflow.add_exit_state("Done")


def test_a_stop_is_over_in_its_time_and_names_what_does_not_end():
    """H50: a run that never yields can't hold the stop up."""
    stubborn, yielding = Stubborn(float("inf")), Job()
    yielding.gate.clear()

    async def main() -> None:
        scheduler = Scheduler().manual("stubborn", flow_of(stubborn), "Work")
        scheduler.manual("yielding", yielding.workflow, "Work")
        await scheduler.start()
        scheduler.trigger("stubborn")
        scheduler.trigger("yielding")
        await stubborn.begun.wait()
        await yielding.has_begun()
        waiting = asyncio.create_task(scheduler.wait())

        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(SchedulerStopError, match="'stubborn'") as caught:
            await scheduler.stop(timeout=0.05)
        assert loop.time() - began < 2
        assert caught.value.flows == ("stubborn",)
        await waiting
        assert stubborn.cancelled == 2
        assert scheduler.status("yielding").state is FlowState.IDLE

        # Asked again, it waits again.
        stubborn.let_go.set()
        await scheduler.stop()

    asyncio.run(main())


def test_a_run_that_ignores_its_cancellation_is_cancelled_as_a_task():
    stubborn = Stubborn(1)

    async def main() -> None:
        scheduler = Scheduler().manual("f", flow_of(stubborn), "Work")
        await scheduler.start()
        scheduler.trigger("f")
        await stubborn.begun.wait()
        await scheduler.stop(timeout=0.05)
        assert stubborn.cancelled == 2
        assert scheduler.status("f").state is FlowState.IDLE

    asyncio.run(main())


@pytest.mark.parametrize("timeout", [-1, None, float("nan")])
def test_a_stop_needs_a_length_of_time(timeout: Any):
    async def main() -> None:
        with pytest.raises(ConfigurationError, match="must be seconds"):
            await Scheduler().stop(timeout)

    asyncio.run(main())


def one_task(task: Any) -> Workflow:
    return Workflow().register("Stop", task).add_exit_state("Done")


def one_saga(task: Any) -> Workflow:
    async def stop() -> tuple[str, int]:
        return await task(), 0

    async def undo(_: int) -> None:
        pass

    workflow = Workflow().register_with_compensation("Stop", stop, compensate=undo)
    return workflow.add_exit_state("Done")


@pytest.mark.parametrize("make_workflow", [one_task, one_saga])
def test_a_task_may_stop_its_own_scheduler(make_workflow: Callable[[Any], Workflow]):
    job = Job()
    scheduler = Scheduler()

    async def stop() -> str:
        await scheduler.stop(timeout=60)
        return "Done"

    async def main() -> None:
        scheduler.manual("last", make_workflow(stop), "Stop")
        scheduler.manual("f", job.workflow, "Work")
        job.gate.clear()
        await scheduler.start()
        scheduler.trigger("f")
        await job.has_begun()
        scheduler.trigger("last")
        async with asyncio.timeout(5):
            await scheduler.wait()
            await scheduler.settled("last")
            await scheduler.stop()
        assert scheduler.status("f").state is FlowState.IDLE

    asyncio.run(main())


def test_a_run_whose_asyncio_task_is_cancelled_does_not_end_its_flow():
    job = durable()

    async def main() -> None:
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            job.gate.clear()
            run_id = scheduler.trigger("f")
            await job.has_begun()
            (task,) = [t for t in asyncio.all_tasks() if "flow 'f'" in t.get_name()]
            task.cancel()
            status = await scheduler.settled("f")
            assert (status.state, status.unfinished) == (FlowState.IDLE, (run_id,))

            job.gate.set()
            scheduler.trigger("f")
            assert (await scheduler.settled("f")).state is FlowState.COMPLETED

    asyncio.run(main())


def test_an_asyncio_task_that_is_cancelled_before_its_first_step_ends_its_turn():
    job = Job()

    async def main() -> None:
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            dropped = scheduler.trigger("f")
            (task,) = [t for t in asyncio.all_tasks() if "flow 'f'" in t.get_name()]
            task.cancel()
            assert (await scheduler.settled("f")).state is FlowState.IDLE

            # What was accepted is still wanted: nobody has cancelled the flow.
            assert scheduler.trigger("f") == dropped
            assert (await scheduler.settled("f")).state is FlowState.COMPLETED

    asyncio.run(main())


def test_what_is_no_exception_ends_the_scheduler_and_is_raised():
    class Crash(BaseException):
        pass

    job, other = Job(), Job()
    job.error = Crash()
    other.gate.clear()

    async def main() -> None:
        scheduler = Scheduler().manual("f", job.workflow, "Work")
        scheduler.manual("other", other.workflow, "Work")
        await scheduler.start()
        scheduler.trigger("other")
        await other.has_begun()
        scheduler.trigger("f")
        with pytest.raises(Crash):
            await scheduler.wait()
        with pytest.raises(FlowError, match="stopped"):
            scheduler.trigger("other")
        for end in (scheduler.settled("f"), scheduler.stop()):
            with pytest.raises(Crash):
                await end
        assert scheduler.status("other").state is FlowState.IDLE

    asyncio.run(main())
    assert not other.ended
