"""How well a workflow's resources are: what they say, and what they fail to say."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from cano_core import (
    ConfigurationError,
    Health,
    HealthReport,
    HealthStatus,
    Workflow,
)

HEALTHY = HealthStatus(Health.HEALTHY)
DEGRADED = HealthStatus(Health.DEGRADED)
UNHEALTHY = HealthStatus(Health.UNHEALTHY)


class Says:
    """Answers with a value, or raises it; sync."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def health(self) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class SaysLater(Says):
    """The same, async."""

    async def health(self) -> Any:
        await asyncio.sleep(0)
        return super().health()


def check(*, timeout: float | None = 5.0, **resources: object) -> HealthReport:
    workflow = Workflow(resources=resources)
    return asyncio.run(workflow.check_health(timeout=timeout))


def test_without_resources_all_is_well() -> None:
    report = check()

    assert report.status is Health.HEALTHY
    assert report.resources == {}


@pytest.mark.parametrize(
    "resource",
    [object(), {"health": 1}, None, Says, lambda: 1],
    ids=["object", "dict", "None", "class", "function"],
)
def test_a_resource_that_can_not_tell_is_healthy(resource: object) -> None:
    assert check(it=resource).resources == {"it": HEALTHY}


@pytest.mark.parametrize("kind", [Says, SaysLater])
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Health.HEALTHY, HEALTHY),
        (Health.DEGRADED, DEGRADED),
        (Health.UNHEALTHY, UNHEALTHY),
        (True, HEALTHY),
        (False, UNHEALTHY),
        (
            HealthStatus(Health.DEGRADED, "replica down"),
            HealthStatus(Health.DEGRADED, "replica down"),
        ),
        (
            OSError("no route"),
            HealthStatus(Health.UNHEALTHY, "OSError: no route"),
        ),
        (
            asyncio.CancelledError("pool closed"),
            HealthStatus(Health.UNHEALTHY, "CancelledError: pool closed"),
        ),
        (
            None,
            HealthStatus(
                Health.UNHEALTHY,
                "health() answered None, which is no Health, HealthStatus or bool",
            ),
        ),
        (
            "healthy",
            HealthStatus(
                Health.UNHEALTHY,
                "health() answered 'healthy', which is no Health, HealthStatus or bool",
            ),
        ),
    ],
    ids=str,
)
def test_a_resource_is_as_well_as_it_says(
    kind: Callable[[object], object], answer: object, status: HealthStatus
) -> None:
    report = check(it=kind(answer))

    assert report.resources == {"it": status}
    assert report.status is status.level


@pytest.mark.parametrize(
    ("levels", "worst"),
    [
        ([Health.HEALTHY, Health.DEGRADED], Health.DEGRADED),
        ([Health.DEGRADED, Health.HEALTHY, Health.UNHEALTHY], Health.UNHEALTHY),
        ([Health.UNHEALTHY, Health.DEGRADED], Health.UNHEALTHY),
        ([Health.HEALTHY, Health.HEALTHY], Health.HEALTHY),
    ],
)
def test_the_status_is_the_worst_one(levels: list[Health], worst: Health) -> None:
    resources = {f"r{number}": Says(level) for number, level in enumerate(levels)}

    report = check(**resources, other=object())

    assert report.status is worst
    assert list(report.resources) == [*resources, "other"]


def test_all_resources_are_asked_at_once() -> None:
    meeting = asyncio.Barrier(3)

    class Waits:
        async def health(self) -> bool:
            async with meeting:
                return True

    assert check(a=Waits(), b=Waits(), c=Waits()).status is Health.HEALTHY


def test_a_resource_that_gives_no_answer_in_time_is_unhealthy() -> None:
    ended: list[str] = []

    class Hangs:
        async def health(self) -> bool:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("let go")
            return True

    report = check(timeout=0.01, hangs=Hangs(), fine=Says(True))

    no_answer = HealthStatus(Health.UNHEALTHY, "no answer within 0.01 seconds")
    assert report.resources == {"hangs": no_answer, "fine": HEALTHY}
    assert ended == ["let go"]


def test_a_resource_that_blocks_stops_neither_the_loop_nor_the_report() -> None:
    release = threading.Event()
    threads: list[threading.Thread] = []

    class Blocks:
        def health(self) -> bool:
            threads.append(threading.current_thread())
            return release.wait(30)

    try:
        report = check(timeout=0.01, blocks=Blocks(), fine=SaysLater(True))
    finally:
        release.set()
    threads[0].join(5)

    assert report.resources["blocks"].detail == "no answer within 0.01 seconds"
    assert report.resources["fine"] == HEALTHY
    assert threads[0].daemon
    assert not threads[0].is_alive()


def test_a_cancelled_check_cancels_what_it_asked() -> None:
    ended: list[str] = []

    async def main() -> None:
        asked = asyncio.Event()

        class Hangs:
            async def health(self) -> bool:
                asked.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.append("let go")
                return True

        workflow = Workflow(resources={"hangs": Hangs()})
        check = asyncio.create_task(workflow.check_health(timeout=None))
        await asked.wait()
        check.cancel()
        with pytest.raises(asyncio.CancelledError):
            await check
        await asyncio.sleep(0)
        assert ended == ["let go"]

    asyncio.run(main())


@pytest.mark.parametrize("timeout", [0, -1, "soon"])
def test_a_timeout_that_is_none_is_refused(timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"check_health\(timeout="):
        check(timeout=timeout, it=Says(True))


def test_nothing_is_set_up_to_be_asked() -> None:
    class Managed(Says):
        async def setup(self) -> None:
            raise RuntimeError("set up")

    assert check(it=Managed(True)).status is Health.HEALTHY


def test_while_a_run_goes_on_what_its_tasks_were_given_is_asked() -> None:
    class Pool:
        """Yields what can tell; can't tell itself."""

        @contextlib.asynccontextmanager
        async def client(self) -> AsyncIterator[Says]:
            yield Says(Health.DEGRADED)

    statuses: list[Health] = []

    async def main() -> None:
        workflow = Workflow(resources={"client": Pool().client()})

        @workflow.task("Look")
        async def look() -> str:
            statuses.append((await workflow.check_health()).status)
            return "Done"

        workflow.add_exit_state("Done")
        statuses.append((await workflow.check_health()).status)
        await workflow.orchestrate("Look")

    asyncio.run(main())

    assert statuses == [Health.HEALTHY, Health.DEGRADED]


def test_a_workflow_that_has_no_states_yet_can_be_asked_too() -> None:
    assert check(it=Says(False)).status is Health.UNHEALTHY
