"""When a flow's ticks come, and what one tick is."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import children
from cano_core import (
    Backoff,
    ConfigurationError,
    FlowError,
    FlowState,
    MemoryCheckpointStore,
    RunContext,
    Scheduler,
    Workflow,
    WorkflowObserver,
)
from scheduled import Job, durable, until, with_still_clock

LONG = 3600.0
EAST = timezone(timedelta(hours=2))


def moment_of(workflow_id: str) -> datetime:
    return datetime.fromisoformat(workflow_id.rpartition("/")[2])


# Registration


@pytest.mark.parametrize(
    ("register", "message"),
    [
        (lambda s, w: s.every("f", w, "Work"), "needs one of fixed_delay"),
        (
            lambda s, w: s.every("f", w, "Work", fixed_delay=1, fixed_rate=1),
            "needs one of fixed_delay",
        ),
        (lambda s, w: s.every("f", w, "Work", fixed_delay=0), r"fixed_delay=0\) must"),
        (lambda s, w: s.every("f", w, "Work", fixed_rate=-1), r"fixed_rate=-1\) must"),
        (lambda s, w: s.every("f", w, "Work", fixed_rate="1"), r"fixed_rate='1'\)"),
        (lambda s, w: s.every("f", w, "Work", fixed_rate=1e9), "those of a year"),
        (lambda s, w: s.cron("f", w, "Work", "* * *"), "has 3 fields"),
        (lambda s, w: s.cron("f", w, "Work", "61 * * * * *"), "cron expression '61"),
        (lambda s, w: s.cron("f", w, "Work", "0 0 9 * * 1-5"), "such as mon-fri"),
        (lambda s, w: s.cron("f", w, "Work", "0 0 0 31 2 *"), "never matches"),
        (lambda s, w: s.cron("f", w, "Work", "0 0 0 1 1 * 1999"), "never matches"),
        (lambda s, w: s.cron("f", w, "Work", None), "is no string"),
        (
            lambda s, w: s.cron("f", w, "Work", "0 9 * * *", timezone="Mars/Base"),
            "time zone 'Mars/Base' is not known",
        ),
        (lambda s, w: s.manual("", w, "Work"), "is empty"),
        (lambda s, w: s.manual("f" * 228, w, "Work"), "227 are allowed"),
        (lambda s, w: s.manual("taken", w, "Work"), "a flow 'taken' already"),
        (lambda s, w: s.manual("f", object(), "Work"), "is no Workflow"),
        (
            lambda s, w: s.manual("f", w, "Work", data=42),
            "42 can't be; give a function",
        ),
        (lambda s, w: s.manual("f", w, "Work", backoff=5), "must be a Backoff"),
    ],
)
def test_a_flow_that_can_not_be_is_refused_at_once(register: Any, message: str):
    job = Job()
    scheduler = Scheduler().manual("taken", job.workflow, "Work")

    with pytest.raises(ConfigurationError, match=message):
        register(scheduler, job.workflow)

    assert list(scheduler.statuses()) == ["taken"]


def test_a_policy_that_is_none_is_refused():
    with pytest.raises(ConfigurationError, match="must be a Backoff"):
        Scheduler(backoff=3)  # type: ignore[arg-type]


def test_all_flows_are_checked_before_anything_runs():
    class Notebook:
        """The three methods that make a store."""

        append = load_run = clear = print

    good, bad = Job(), Workflow().register("Work", print)
    with_data = Workflow(data=int).register("Work", print).add_exit_state("Done")
    scheduler = (
        Scheduler()
        .every("good", good.workflow, "Work", fixed_delay=LONG)
        .manual("bad", bad, "Wrok")
        .manual("forgetful", Job(Notebook()).workflow, "Work")
        .manual("no data", with_data, "Work")
        .manual("no use", Job().workflow, "Work", data=dict)
    )

    async def main() -> None:
        with pytest.raises(ConfigurationError) as caught:
            await scheduler.start()
        problems = caught.value.problems
        assert any("'bad'" in each for each in problems)
        for flow_id, words in [
            ("forgetful", "Notebook has no list_runs"),
            ("no data", "data= is to be given if"),
            ("no use", "and only then"),
        ]:
            assert any(f"'{flow_id}'" in e and words in e for e in problems), problems
        await asyncio.sleep(0)

    asyncio.run(main())
    assert not good.began


def test_a_scheduler_starts_once_and_takes_no_flows_afterwards():
    job = Job()

    async def main() -> None:
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            with pytest.raises(ConfigurationError, match="'late' comes too late"):
                scheduler.manual("late", job.workflow, "Work")
            with pytest.raises(ConfigurationError, match="started before"):
                await scheduler.start()
        with pytest.raises(ConfigurationError, match="started before"):
            await scheduler.start()

    asyncio.run(main())


def test_without_the_extra_the_error_names_it():
    program = """
import sys
import cano_core
assert not {"apscheduler", "tzlocal", "cano_core.scheduler"} & set(sys.modules)
sys.modules["apscheduler"] = None
try:
    cano_core.Scheduler()
except cano_core.ConfigurationError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=children.environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert "pip install 'pytest-cano[scheduler]'" in done.stdout


# Ticks


@pytest.mark.parametrize("timing", ["fixed_delay", "fixed_rate"])
def test_the_first_tick_comes_at_once_and_others_follow(timing: str):
    job = Job()

    async def main() -> None:
        scheduler = Scheduler().every("f", job.workflow, "Work", **{timing: 0.005})
        async with scheduler:
            assert scheduler.status("f").state is FlowState.RUNNING
            await job.has_begun(3)

    asyncio.run(main())
    assert job.began == sorted(set(job.began))


def test_a_fixed_delay_counts_from_the_end_of_the_run():
    job = Job()

    async def main() -> None:
        scheduler = Scheduler().every("f", job.workflow, "Work", fixed_delay=LONG)
        clock = with_still_clock(scheduler)
        async with scheduler:
            job.gate.clear()
            await job.has_begun()
            assert "f" not in clock.asked

            before = datetime.now(UTC)
            job.gate.set()
            await scheduler.settled("f")
            passed = clock.moment("f") - timedelta(seconds=LONG)
            assert before <= passed <= datetime.now(UTC)

    asyncio.run(main())


def test_a_fixed_rate_goes_by_the_clock_and_never_queues_what_it_missed():
    job = Job()
    period = timedelta(seconds=0.005)

    async def main() -> None:
        scheduler = Scheduler().every("f", job.workflow, "Work", fixed_rate=0.005)
        async with scheduler:
            job.gate.clear()
            await until(lambda: scheduler.status("f").skipped_count >= 4)
            assert len(job.began) == 1
            job.gate.set()
            await job.has_begun(4)

    asyncio.run(main())
    first, second, *_ = moments = [moment_of(each) for each in job.began]
    assert second - first >= 5 * period
    # Every run stands on the grid that the first one began.
    for moment in moments:
        periods = (moment - first) / period
        assert abs(periods - round(periods)) < 0.01
    assert moments == sorted(set(moments))


def test_a_cron_flow_runs_every_second_that_matches():
    job = Job()

    async def main() -> None:
        scheduler = Scheduler().cron("f", job.workflow, "Work", "* * * * * *")
        async with scheduler:
            assert scheduler.status("f").state is FlowState.IDLE
            await job.has_begun()

    asyncio.run(main())
    assert moment_of(job.began[0]).microsecond == 0


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        ("30 15 2 * * *", "UTC", "2026-03-01T00:00", "2026-03-01T02:15:30"),
        ("15 2 * * *", "UTC", "2026-03-01T02:15:00.1", "2026-03-02T02:15:00"),
        ("0 0 9 * * mon-fri", "UTC", "2026-03-06T10:00", "2026-03-09T09:00:00"),
        ("0 0 0 1 1 * 2030", "UTC", "2026-03-06T10:00", "2030-01-01T00:00:00"),
        ("0 30 2 * * *", "Europe/Berlin", "2026-01-10T12:00", "2026-01-11T01:30:00"),
        ("0 30 2 * * *", "Europe/Berlin", "2026-07-10T12:00", "2026-07-11T00:30:00"),
        ("*/20 * * * * *", "Asia/Kolkata", "2026-03-01T00:00", "2026-03-01T00:00:00"),
        ("0 0 * * *", EAST, "2026-03-01T00:00", "2026-03-01T22:00:00"),
    ],
)
def test_a_cron_expression_is_meant_in_its_time_zone(
    expression: str, zone: Any, after: str, expected: str
):
    async def main() -> None:
        scheduler = Scheduler().cron(
            "f", Job().workflow, "Work", expression, timezone=zone
        )
        clock = with_still_clock(scheduler)
        async with scheduler:
            trigger = clock.asked["f"][1]
        now = datetime.fromisoformat(after).replace(tzinfo=UTC)
        due = trigger.get_next_fire_time(None, now)
        assert due == datetime.fromisoformat(expected).replace(tzinfo=UTC)

    asyncio.run(main())


def test_the_id_of_a_tick_is_its_moment_in_utc():
    job = Job()
    moment = datetime(2026, 7, 11, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))

    async def main() -> None:
        scheduler = Scheduler().cron(
            "f", job.workflow, "Work", "30 2 * * *", timezone="Europe/Berlin"
        )
        clock = with_still_clock(scheduler)
        async with scheduler:
            clock.strike("f", moment)
            await scheduler.settled("f")

    asyncio.run(main())
    assert job.began == ["f/2026-07-11T00:30:00.000000Z"]


def test_a_manual_flow_runs_when_it_is_triggered_and_only_then():
    job = durable()

    async def main() -> None:
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            await scheduler.settled("f")
            assert not job.began
            accepted = [scheduler.trigger("f")]
            assert not job.began
            await scheduler.settled("f")
            accepted.append(scheduler.trigger("f"))
            await scheduler.settled("f")
        assert job.began == accepted
        assert list(await job.store.list_runs()) == accepted

    asyncio.run(main())


def test_a_flow_runs_only_once_at_a_time():
    job = Job()

    async def main() -> None:
        scheduler = Scheduler().cron("f", job.workflow, "Work", "0 0 1 1 *")
        clock = with_still_clock(scheduler)
        async with scheduler:
            job.gate.clear()
            scheduler.trigger("f")
            # Reserved already, although nothing runs yet.
            clock.strike("f")
            with pytest.raises(FlowError) as caught:
                scheduler.trigger("f")
            assert (caught.value.flow_id, caught.value.reason) == ("f", "running")
            await job.has_begun()
            assert scheduler.status("f").state is FlowState.RUNNING
            job.gate.set()
            status = await scheduler.settled("f")
            assert (status.run_count, status.skipped_count) == (1, 1)

    asyncio.run(main())


def test_a_tick_may_come_at_the_very_end_of_a_run():
    job = Job()
    moment = datetime(2030, 1, 1, tzinfo=UTC)

    class AtTheEnd(WorkflowObserver):
        def on_run_end(self, *_: object) -> None:
            if len(job.began) == 1:
                asyncio.get_running_loop().call_soon(clock.strike, "f", moment)

    job = Job(observers=[AtTheEnd()])
    scheduler = Scheduler().cron("f", job.workflow, "Work", "0 0 1 1 *")
    clock = with_still_clock(scheduler)

    async def main() -> None:
        async with scheduler:
            scheduler.trigger("f")
            await job.has_begun()
            await until(lambda: scheduler.status("f").run_count == 2)
            status = await scheduler.settled("f")
            job.gate.clear()
            assert (status.state, status.skipped_count) == (FlowState.COMPLETED, 0)
            # Whatever the old run's end had still to do did not touch the new one.
            scheduler.trigger("f")
            await job.has_begun(3)
            assert scheduler.status("f").state is FlowState.RUNNING

    asyncio.run(main())


def test_flows_run_beside_each_other_even_of_one_workflow():
    job = Job()

    async def main() -> None:
        scheduler = Scheduler()
        scheduler.manual("a", job.workflow, "Work").manual("b", job.workflow, "Work")
        async with scheduler:
            job.gate.clear()
            scheduler.trigger("a")
            scheduler.trigger("b")
            await job.has_begun(2)

    asyncio.run(main())
    assert [each.partition("/")[0] for each in job.began] == ["a", "b"]


def test_every_run_has_its_own_data():
    seen: list[list[int]] = []

    async def work(run: RunContext) -> str:
        seen.append(run.data)
        return "Done"

    made = iter([[1], [2]])
    workflow = Workflow(data=list[int], checkpoint_store=MemoryCheckpointStore())
    workflow.register("Work", work).add_exit_state("Done")

    async def main() -> None:
        scheduler = Scheduler().manual("f", workflow, "Work", data=lambda: next(made))
        async with scheduler:
            for _ in range(2):
                scheduler.trigger("f")
                await scheduler.settled("f")

    asyncio.run(main())
    assert seen == [[1], [2]]


def test_ids_go_up_even_if_the_machine_s_clock_was_set_back():
    job = durable()
    future = "f/2999-01-01T00:00:00.000000Z"

    async def main() -> None:
        await job.workflow.orchestrate("Work", workflow_id=future)
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            for _ in range(2):
                scheduler.trigger("f")
                await scheduler.settled("f")

    asyncio.run(main())
    assert job.began == [
        future,
        "f/2999-01-01T00:00:00.000001Z",
        "f/2999-01-01T00:00:00.000002Z",
    ]


# Status


def test_a_status_tells_where_a_flow_stands():
    job = Job()

    async def main() -> None:
        async with Scheduler().manual("f", job.workflow, "Work") as scheduler:
            status = scheduler.status("f")
            assert (status.state, status.run_count) == (FlowState.IDLE, 0)
            assert status.last_run is status.workflow_id is None

            before = datetime.now(UTC)
            run_id = scheduler.trigger("f")
            assert scheduler.status("f").state is FlowState.RUNNING
            status = await scheduler.settled("f")
            assert (status.state, status.run_count) == (FlowState.COMPLETED, 1)
            assert status.workflow_id == run_id
            assert status.last_run is not None
            assert before <= status.last_run <= datetime.now(UTC)
            assert (status.failure_streak, status.next_eligible) == (0, None)
            assert scheduler.statuses() == {"f": status}

    asyncio.run(main())


def test_the_health_of_a_flow_follows_its_failures():
    job = Job()
    job.error = OSError("no network")

    async def main() -> None:
        scheduler = Scheduler(backoff=Backoff(initial=LONG, trip_after=2))
        async with scheduler.manual("f", job.workflow, "Work"):
            levels = [str(scheduler.health()["f"].level)]
            for _ in range(2):
                scheduler.trigger("f")
                await scheduler.settled("f")
                levels.append(str(scheduler.health()["f"].level))
            assert levels == ["healthy", "degraded", "unhealthy"]
            assert "no network" in scheduler.health()["f"].detail
            scheduler.reset("f")
            assert str(scheduler.health()["f"].level) == "healthy"

            # A new attempt alone makes nothing better.
            scheduler.trigger("f")
            await scheduler.settled("f")
            job.gate.clear()
            scheduler.trigger("f")
            assert scheduler.status("f").state is FlowState.RUNNING
            assert str(scheduler.health()["f"].level) == "degraded"

    asyncio.run(main())


def test_an_unknown_flow_is_an_error_that_names_the_known_ones():
    async def main() -> None:
        async with Scheduler().manual("f", Job().workflow, "Work") as scheduler:
            for ask in (scheduler.trigger, scheduler.cancel, scheduler.reset):
                with pytest.raises(FlowError, match="no flow 'g' \\('f'\\)") as caught:
                    ask("g")
                assert caught.value.reason == "unknown"
            with pytest.raises(FlowError):
                scheduler.status("g")
            with pytest.raises(FlowError):
                await scheduler.settled("g")

    asyncio.run(main())
