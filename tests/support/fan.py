"""Fan > Join > Done: a split, and a state that keeps what came of it."""

import asyncio
import gc
from collections import Counter
from collections.abc import Sequence
from typing import Any

from cano_core import (
    CheckpointRow,
    JoinConfig,
    JoinStrategy,
    RecordingObserver,
    RowKind,
    SplitResult,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from cano_core.progress import Branch
from virtual_time import VirtualTime


class Crash(BaseException):
    """The end of a process, as far as it can be had in one."""


class Fan:
    """A split whose results are kept.

    Attributes:
        results: what the join state got, visit by visit.
    """

    def __init__(
        self,
        tasks: Sequence[object],
        strategy: JoinStrategy = JoinStrategy.ALL,
        *,
        timeout: float | None = None,
        bulkhead: int | None = None,
        config: TaskConfig | None = None,
        **options: Any,
    ) -> None:
        self.results: list[SplitResult] = []
        self.durable = options.get("checkpoint_store") is not None

        async def take(result: SplitResult) -> str:
            self.results.append(result)
            return "Done"

        join = JoinConfig(strategy, "Join", timeout=timeout, bulkhead=bulkhead)
        self.workflow = (
            Workflow(**options)
            .register_split("Fan", tasks, join, config=config or TaskConfig.minimal())
            .register("Join", take, config=TaskConfig.minimal())
            .add_exit_state("Done")
        )

    async def live(self, **options: Any) -> SplitResult:
        """Run or resume it to its end."""
        begin = (
            self.workflow.start_or_resume if self.durable else self.workflow.orchestrate
        )
        end = await begin("Fan", workflow_id="r", **options)
        assert end == "Done"
        return self.results[-1]

    def run(self, **options: Any) -> SplitResult:
        return asyncio.run(self.live(**options))


def giving(value: Any) -> Any:
    async def give() -> Any:
        return value

    return give


def failing(error: BaseException) -> Any:
    async def fail() -> Any:
        raise error

    return fail


class Waiting:
    """A branch that waits for ever, and notes how it ended.

    Attributes:
        ended: ``cancelled`` once it was; ``late`` if it went on for a while after.
    """

    name = "waiting"

    def __init__(self, *, unwinds: int = 0) -> None:
        self.unwinds = unwinds
        self.started = asyncio.Event()
        self.ended: list[str] = []

    async def run(self) -> int:
        self.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not self.unwinds:
                self.ended.append("cancelled")
                raise
        for _ in range(self.unwinds):
            await asyncio.sleep(0)
        self.ended.append("late")
        return 99


def rows_of(store: Any) -> list[CheckpointRow]:
    return list(asyncio.run(store.load_run("r")))


def parts_in(store: Any) -> list[str]:
    """Return which branches are rows, in the order of the log."""
    return [
        Branch.decode(row.payload).part
        for row in rows_of(store)
        if row.kind is RowKind.BRANCH
    ]


def after(seconds: float, outcome: Any) -> Any:
    """A branch that returns, or raises, after a while."""

    async def wait() -> Any:
        await asyncio.sleep(seconds)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return wait


def timed(fan: Fan) -> tuple[float, Any]:
    """Return when a split ended, and with what."""
    time = VirtualTime()

    async def live() -> Any:
        try:
            return await fan.live()
        except TaskFailedError as error:
            return error

    outcome = time.run(live)
    return round(time.now, 6), outcome


def once(waiting: Waiting, outcome: Any) -> Any:
    """A branch that returns, or raises, once another one waits."""

    async def follow() -> Any:
        await waiting.started.wait()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return follow


def living(fan: Fan) -> Any:
    """Live; then see that no asyncio task is left, and none complains."""
    found: list[Any] = []

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: found.append(context))
        try:
            return await fan.live()
        finally:
            assert asyncio.all_tasks() == {asyncio.current_task()}
            gc.collect()

    try:
        return asyncio.run(main())
    finally:
        # Such as an exception that nobody has retrieved.
        assert found == []


def assert_balanced(observer: RecordingObserver) -> None:
    started = Counter[str]()
    for event in observer.events:
        if event.hook == "on_task_start":
            started[event.arguments[1]] += 1
        elif event.hook in ("on_task_success", "on_task_failure"):
            started[event.arguments[1]] -= 1
    assert set(started.values()) == {0}


def told(observer: RecordingObserver) -> list[tuple[str, Any]]:
    return [
        (event.hook.removeprefix("on_"), event.arguments[1])
        for event in observer.events
        if event.hook.startswith(("on_task", "on_retry"))
    ]
