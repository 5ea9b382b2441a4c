"""What follows a failed tick: back-off, going on with it, and tripping."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cano_core import (
    Backoff,
    CheckpointStoreError,
    ConfigurationError,
    FlowError,
    FlowState,
    MemoryCheckpointStore,
    RunConflictError,
    RunPhase,
    Scheduler,
    TaskConfig,
    TaskFailedError,
    Workflow,
    WorkflowTimeoutError,
)
from scheduled import Job, durable, until, with_still_clock

LONG = 3600.0
SOON = Backoff(initial=0.001, jitter=0)
LATER = Backoff(initial=LONG, jitter=0, cap=2 * LONG)


# The policy


def test_a_wait_grows_with_each_failure_up_to_the_cap():
    backoff = Backoff(jitter=0)

    waits = [backoff.delay(failures) for failures in (1, 2, 3, 9, 10, 5000)]

    assert waits == [1, 2, 4, 256, 300, 300]


def test_a_wait_varies_by_the_jitter_and_never_exceeds_the_cap():
    early = [Backoff(jitter=0.1).delay(2) for _ in range(200)]
    late = [Backoff(jitter=0.5).delay(50) for _ in range(200)]

    assert all(1.8 <= wait <= 2.2 for wait in early)
    assert len(set(early)) > 1
    assert max(late) == 300
    assert min(late) < 300


@pytest.mark.parametrize(
    "wrong",
    [
        {"initial": -1},
        {"initial": "1"},
        {"multiplier": 0.5},
        {"cap": float("inf")},
        {"cap": float("nan")},
        {"jitter": 1.5},
        {"trip_after": 0},
        {"trip_after": 1.0},
        {"trip_after": True},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any]):
    (name,) = wrong

    with pytest.raises(ConfigurationError, match=name):
        Backoff(**wrong)


# Waiting


@pytest.mark.parametrize("make_job", [Job, durable])
def test_after_a_failure_ticks_are_skipped_until_the_back_off_is_over(
    make_job: Callable[[], Job], caplog: pytest.LogCaptureFixture
):
    job = make_job()
    job.error = OSError("no network")

    async def main() -> None:
        scheduler = Scheduler(backoff=LATER)
        scheduler.every("f", job.workflow, "Work", fixed_rate=LONG)
        clock = with_still_clock(scheduler)
        async with scheduler:
            before = datetime.now(UTC)
            status = await scheduler.settled("f")
            assert (status.state, status.failure_streak) == (FlowState.BACKING_OFF, 1)
            assert isinstance(status.last_error, TaskFailedError)
            assert status.next_eligible is not None
            waited = (status.next_eligible - before).total_seconds()
            assert LONG <= waited < LONG + 10

            clock.strike("f")
            assert scheduler.status("f").skipped_count == 1
            assert len(job.began) == 1

    asyncio.run(main())
    (record,) = caplog.records
    assert record.getMessage() == (
        f"flow 'f': run {job.began[0]!r} failed (1 in a row); it waits for 3.6e+03 "
        "seconds"
    )
    assert "no network" in caplog.text


def test_a_success_ends_the_streak():
    job = Job()

    async def main() -> None:
        async with Scheduler(backoff=LATER).manual(
            "f", job.workflow, "Work"
        ) as scheduler:
            streaks = []
            for error in (OSError(), OSError(), None, OSError()):
                job.error = error
                scheduler.trigger("f")
                status = await scheduler.settled("f")
                streaks.append(status.failure_streak)
                assert (status.last_error is None) == (error is None)
                assert (status.next_eligible is None) == (error is None)
            assert streaks == [1, 2, 0, 1]

    asyncio.run(main())


def test_a_fixed_delay_is_never_shorter_than_the_back_off():
    job = Job()
    job.error = OSError()

    async def main() -> None:
        scheduler = Scheduler(backoff=LATER)
        scheduler.every("f", job.workflow, "Work", fixed_delay=1)
        clock = with_still_clock(scheduler)
        async with scheduler:
            status = await scheduler.settled("f")
            assert clock.moment("f") == status.next_eligible

    asyncio.run(main())


def test_a_fixed_delay_survives_a_clock_that_was_set_back():
    job = Job()
    job.error = OSError()

    async def main() -> None:
        scheduler = Scheduler(backoff=LATER)
        scheduler.every("f", job.workflow, "Work", fixed_delay=1)
        clock = with_still_clock(scheduler)
        async with scheduler:
            status = await scheduler.settled("f")
            # Called when it had asked to be, and yet too early.
            clock.strike("f")
            assert scheduler.status("f").skipped_count == 1
            assert clock.moment("f") == status.next_eligible

    asyncio.run(main())


# Going on with what failed


def test_a_failed_tick_does_not_kill_its_flow():
    """H13: its log is gone on with after the back-off, and new ticks come again."""
    job = durable()
    job.error = OSError()

    async def main() -> None:
        scheduler = Scheduler(backoff=SOON)
        scheduler.every("f", job.workflow, "Work", fixed_delay=0.001)
        async with scheduler:
            await job.has_begun(3)
            assert len(set(job.began)) == 1
            assert scheduler.status("f").unfinished == (job.began[0],)
            job.error = None
            await until(lambda: len(set(job.began)) >= 3)

        statuses = [await job.workflow.status(each) for each in job.began]
        assert {each.phase for each in statuses[:-1]} == {RunPhase.FINISHED}

    asyncio.run(main())


def test_a_failed_tick_is_gone_on_with_after_the_back_off_not_at_the_next_tick():
    job = durable()
    job.error = OSError()

    async def main() -> None:
        scheduler = Scheduler(backoff=LATER).manual("f", job.workflow, "Work")
        clock = with_still_clock(scheduler)
        async with scheduler:
            run_id = scheduler.trigger("f")
            status = await scheduler.settled("f")
            assert clock.moment("f\nretry") == status.next_eligible

            job.error = None
            clock.strike("f\nretry")
            status = await scheduler.settled("f")
            assert (status.state, status.unfinished) == (FlowState.COMPLETED, ())
            assert job.began == [run_id, run_id]

    asyncio.run(main())


def test_a_trigger_does_not_wait_for_the_back_off_but_for_what_is_unfinished():
    job = durable()
    job.error = OSError()

    async def main() -> None:
        scheduler = Scheduler(backoff=LATER).manual("f", job.workflow, "Work")
        clock = with_still_clock(scheduler)
        async with scheduler:
            first = scheduler.trigger("f")
            await scheduler.settled("f")

            second = scheduler.trigger("f")
            await scheduler.settled("f")
            assert job.began == [first, first]

            # What was accepted is run, although the trigger's own turn has failed.
            assert scheduler.trigger("f") == second
            job.error = None
            await scheduler.settled("f")
            assert job.began == [first, first, first, second]
            assert not clock.asked

    asyncio.run(main())


def test_a_tick_that_was_not_even_begun_is_tried_again_under_its_id():
    class Full(MemoryCheckpointStore):
        full = True

        async def append(self, workflow_id: str, *rows: Any) -> None:
            if self.full:
                raise CheckpointStoreError("disk full")
            await super().append(workflow_id, *rows)

    store = Full()
    job = Job(store)

    async def main() -> None:
        scheduler = Scheduler(backoff=LATER).manual("f", job.workflow, "Work")
        clock = with_still_clock(scheduler)
        async with scheduler:
            run_id = scheduler.trigger("f")
            status = await scheduler.settled("f")
            assert (status.failure_streak, status.unfinished) == (1, ())

            store.full = False
            clock.strike("f\nretry")
            await scheduler.settled("f")
            assert job.began == [run_id]

    asyncio.run(main())


def test_a_store_that_can_not_tell_how_a_run_ended_is_asked_again():
    class Down(MemoryCheckpointStore):
        down = False

        async def load_run(self, workflow_id: str) -> Any:
            if self.down:
                raise CheckpointStoreError("connection lost")
            return await super().load_run(workflow_id)

    store = Down()
    job = Job(store)
    job.error = OSError()

    async def main() -> None:
        scheduler = Scheduler(backoff=LATER).manual("f", job.workflow, "Work")
        clock = with_still_clock(scheduler)
        async with scheduler:
            store.down = True
            run_id = scheduler.trigger("f")
            assert (await scheduler.settled("f")).unfinished == (run_id,)
            store.down, job.error = False, None
            clock.strike("f\nretry")
            assert (await scheduler.settled("f")).unfinished == ()
            assert job.ended == [run_id, run_id]

    asyncio.run(main())


def test_a_run_that_another_process_has_taken_over_is_left_to_it():
    job = durable()
    other = Job(job.store)

    async def main() -> None:
        scheduler = Scheduler(backoff=LATER).manual("f", job.workflow, "Work")
        clock = with_still_clock(scheduler)
        async with scheduler:
            job.gate.clear()
            run_id = scheduler.trigger("f")
            await job.has_begun()
            other.gate.clear()
            thief = asyncio.create_task(other.workflow.resume_from(run_id))
            await other.has_begun()
            job.gate.set()
            status = await scheduler.settled("f")
            assert isinstance(status.last_error, RunConflictError)
            assert status.unfinished == ()
            assert not clock.asked
            other.gate.set()
            assert await thief == "Done"

    asyncio.run(main())


def test_a_tick_that_another_process_has_run_is_not_run_again():
    job = durable()

    async def main() -> None:
        scheduler = Scheduler().cron("f", job.workflow, "Work", "0 0 1 1 *")
        clock = with_still_clock(scheduler)
        async with scheduler:
            run_id = "f/2030-01-01T00:00:00.000000Z"
            await job.workflow.orchestrate("Work", workflow_id=run_id)
            clock.strike("f", datetime(2030, 1, 1, tzinfo=UTC))
            status = await scheduler.settled("f")
            assert (status.state, status.failure_streak) == (FlowState.IDLE, 0)
            assert status.unfinished == ()
            assert job.began == [run_id]

    asyncio.run(main())


def test_a_run_whose_time_is_over_makes_room_for_the_next(
    caplog: pytest.LogCaptureFixture,
):
    store = MemoryCheckpointStore()
    job = Job(store, total_timeout=0.001)

    async def main() -> None:
        scheduler = Scheduler(backoff=LATER).manual("f", job.workflow, "Work")
        async with scheduler:
            job.gate.clear()
            stale = scheduler.trigger("f")
            status = await scheduler.settled("f")
            assert isinstance(status.last_error, WorkflowTimeoutError)
            assert status.unfinished == ()

        # The log is kept, and the next process finds it.
        assert (await job.workflow.status(stale)).phase is RunPhase.INTERRUPTED
        scheduler = Scheduler(backoff=LATER).manual("f", job.workflow, "Work")
        async with scheduler:
            status = await scheduler.settled("f")
            assert (status.state, status.failure_streak) == (FlowState.IDLE, 0)
            assert status.unfinished == ()
            assert f"flow 'f' gives up run {stale!r}" in caplog.text

    asyncio.run(main())


def test_a_log_that_nobody_can_go_on_with_holds_its_flow_until_it_is_cleared():
    job = durable(version=2)
    old = "f/2020-01-01T00:00:00.000000Z"

    async def main() -> None:
        previous = Job(job.store)
        previous.error = OSError()
        with pytest.raises(TaskFailedError):
            await previous.workflow.orchestrate("Work", workflow_id=old)

        scheduler = Scheduler(backoff=LATER).manual("f", job.workflow, "Work")
        clock = with_still_clock(scheduler)
        async with scheduler:
            status = await scheduler.settled("f")
            assert "accepts_versions" in str(status.last_error)
            assert status.unfinished == (old,)

            await job.store.clear(old)
            clock.strike("f\nretry")
            status = await scheduler.settled("f")
            assert (status.state, status.unfinished) == (FlowState.IDLE, ())
            assert job.began == []

    asyncio.run(main())


def test_a_tick_that_was_undone_is_over():
    calls: list[str] = []

    async def book() -> tuple[str, str]:
        return "Pay", "seat 1"

    async def release(seat: str) -> None:
        calls.append(f"release {seat}")

    async def pay() -> str:
        raise OSError("card refused")

    workflow = Workflow(checkpoint_store=MemoryCheckpointStore())
    workflow.register_with_compensation("Book", book, compensate=release)
    workflow.register("Pay", pay, config=TaskConfig.minimal()).add_exit_state("Done")

    async def main() -> None:
        scheduler = Scheduler(backoff=LATER).manual("f", workflow, "Book")
        async with scheduler:
            run_id = scheduler.trigger("f")
            status = await scheduler.settled("f")
            assert (status.failure_streak, status.unfinished) == (1, ())
            assert (await workflow.status(run_id)).phase is RunPhase.ROLLED_BACK
            assert calls == ["release seat 1"]

    asyncio.run(main())


# Tripping


def test_a_flow_that_fails_too_often_trips_until_it_is_reset():
    job = durable()
    job.error = OSError()

    async def main() -> None:
        scheduler = Scheduler()
        backoff = Backoff(initial=0.001, trip_after=3)
        scheduler.every("f", job.workflow, "Work", fixed_rate=0.001, backoff=backoff)
        async with scheduler:
            await until(lambda: scheduler.status("f").state is FlowState.TRIPPED)
            status = scheduler.status("f")
            assert (status.failure_streak, status.next_eligible) == (3, None)
            await until(lambda: scheduler.status("f").skipped_count > 5)
            assert len(job.began) == 3
            with pytest.raises(FlowError, match=r"reset\('f'\)") as caught:
                scheduler.trigger("f")
            assert caught.value.reason == "tripped"

            job.error = None
            scheduler.reset("f")
            await job.has_begun(5)
            assert job.began[:4] == [job.began[0]] * 4
            assert job.began[4] != job.began[0]

    asyncio.run(main())


@pytest.mark.parametrize("trip_after", [None, 1])
def test_a_reset_goes_on_at_once_with_what_is_unfinished(trip_after: int | None):
    job = durable()
    job.error = OSError()

    async def main() -> None:
        backoff = Backoff(initial=LONG, cap=LONG, trip_after=trip_after)
        scheduler = Scheduler(backoff=backoff).manual("f", job.workflow, "Work")
        async with scheduler:
            run_id = scheduler.trigger("f")
            await scheduler.settled("f")
            job.error = None
            scheduler.reset("f")
            assert scheduler.status("f").state is FlowState.RUNNING
            status = await scheduler.settled("f")
            assert (status.state, status.unfinished) == (FlowState.COMPLETED, ())
            assert job.began == [run_id, run_id]

    asyncio.run(main())


def test_a_fixed_delay_goes_on_after_a_reset():
    job = Job()
    job.error = OSError()

    async def main() -> None:
        scheduler = Scheduler(backoff=Backoff(trip_after=1))
        scheduler.every("f", job.workflow, "Work", fixed_delay=LONG)
        clock = with_still_clock(scheduler)
        async with scheduler:
            await scheduler.settled("f")
            assert not clock.asked

            scheduler.reset("f")
            status = scheduler.status("f")
            assert (status.state, status.failure_streak) == (FlowState.IDLE, 0)
            assert status.last_error is None
            wait = clock.moment("f") - datetime.now(UTC)
            assert timedelta() < wait <= timedelta(seconds=LONG)

    asyncio.run(main())


def test_a_reset_of_a_flow_that_is_well_changes_nothing():
    job = Job()

    async def main() -> None:
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            scheduler.trigger("f")
            status = await scheduler.settled("f")
            scheduler.reset("f")
            assert scheduler.status("f") == status

    asyncio.run(main())


def test_a_run_that_fails_after_the_reset_counts_from_one():
    job = Job()

    async def main() -> None:
        async with Scheduler(backoff=LATER).manual(
            "f", job.workflow, "Work"
        ) as scheduler:
            job.error = OSError()
            for _ in range(2):
                scheduler.trigger("f")
                await scheduler.settled("f")
            job.gate.clear()
            scheduler.trigger("f")
            scheduler.reset("f")
            assert scheduler.status("f").state is FlowState.RUNNING
            job.gate.set()
            assert (await scheduler.settled("f")).failure_streak == 1

    asyncio.run(main())
