"""A coroutine driven by hand: it stands still, waits, and notices nothing of it."""

import asyncio
import contextlib
import gc
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest
from greenlet import getcurrent, greenlet

from pytest_cano.driving import (
    NotDrivenError,
    driven,
    freeze_here,
    is_driven,
    wait_here,
)

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="unset")


class Crash(BaseException):
    pass


class Journal(list[Any]):
    """What a body did, its cleaning up above all."""

    @contextlib.contextmanager
    def cleaning(self, what: str = "cleaned"):
        try:
            yield
        finally:
            self.append(what)


@pytest.fixture
def journal() -> Journal:
    return Journal()


def deep(sync: Callable[[], Any], depth: int = 5) -> Any:
    return sync() if depth == 0 else deep(sync, depth - 1)


def freeze() -> None:
    freeze_here(Crash("frozen"))


# Nothing is different inside


async def returns() -> int:
    await asyncio.sleep(0)
    return 5


async def raises() -> None:
    await asyncio.sleep(0)
    raise ValueError("broken")


async def sees_its_task() -> bool:
    before = asyncio.current_task()
    await asyncio.sleep(0)
    return before is asyncio.current_task()


async def times_out() -> str:
    try:
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()
    except TimeoutError:
        return "late"
    return "in time"


async def cancels_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel("enough")
    await asyncio.sleep(0)


async def survives_a_cancellation() -> int:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        task.uncancel()
    await asyncio.sleep(0)
    return task.cancelling()


async def groups() -> list[int]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(returns()) for _ in range(3)]
    return [task.result() for task in tasks]


async def fails_in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(raises())
        await asyncio.Event().wait()


async def gathers() -> list[Any]:
    return await asyncio.gather(returns(), raises(), return_exceptions=False)


async def generates() -> list[int]:
    async def numbers() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    return [number async for number in numbers()]


async def uses_threads() -> list[bool]:
    here = threading.get_ident()
    there = await asyncio.to_thread(threading.get_ident)
    return [here == threading.get_ident(), here == there]


async def has_context() -> list[str]:
    token = VARIABLE.set("inner")
    seen = [VARIABLE.get(), await asyncio.create_task(reads())]
    VARIABLE.reset(token)
    return [*seen, VARIABLE.get()]


async def reads() -> str:
    return VARIABLE.get()


async def handles_an_error() -> Any:
    try:
        raise ValueError("first")
    except ValueError:
        await asyncio.sleep(0)
        return str(sys.exc_info()[1])


async def never_suspends() -> int:
    return 7


BODIES = [
    returns,
    raises,
    sees_its_task,
    times_out,
    cancels_itself,
    survives_a_cancellation,
    groups,
    fails_in_a_group,
    gathers,
    generates,
    uses_threads,
    has_context,
    handles_an_error,
    never_suspends,
]


async def ended(awaitable: Awaitable[Any]) -> str:
    VARIABLE.set("outer")
    try:
        return f"{await awaitable!r} {VARIABLE.get()}"
    except (Exception, asyncio.CancelledError) as error:
        return f"{error!r} {VARIABLE.get()}"


@pytest.mark.parametrize("body", BODIES)
def test_a_body_notices_nothing(body):
    assert asyncio.run(ended(driven(body()))) == asyncio.run(ended(body()))


@pytest.mark.parametrize("body", BODIES)
def test_a_body_notices_nothing_of_two_drivers(body):
    assert asyncio.run(ended(driven(driven(body())))) == asyncio.run(ended(body()))


def test_what_is_set_inside_is_set_outside_as_without():
    async def body() -> None:
        VARIABLE.set("inside")
        await asyncio.sleep(0)

    async def main() -> str:
        await driven(body())
        return VARIABLE.get()

    assert asyncio.run(main()) == "inside"


def test_whatever_can_be_awaited_is_driven():
    async def main() -> int:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, 3)
        return await driven(future)

    assert asyncio.run(main()) == 3


def test_a_loop_that_ends_ends_the_body(journal):
    async def body() -> None:
        with journal.cleaning():
            await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(driven(body()))
        await asyncio.sleep(0)
        assert not task.done()

    asyncio.run(main())

    assert journal == ["cleaned"]


def test_a_body_whose_driver_is_closed_is_closed(journal):
    async def body() -> None:
        with journal.cleaning():
            await asyncio.sleep(0)

    coroutine = driven(body())
    coroutine.send(None)
    coroutine.close()

    assert journal == ["cleaned"]


class Marker:
    gone = 0

    def __del__(self) -> None:
        type(self).gone += 1


async def fails_with_a_marker() -> None:
    raise ValueError(Marker())


async def waits_for_what_fails() -> None:
    wait_here(fails_with_a_marker())


def fail_with_a_marker() -> None:
    raise ValueError(Marker())


@pytest.mark.parametrize(
    ("body", "on_suspend"),
    [
        (fails_with_a_marker, None),
        (waits_for_what_fails, None),
        (returns, fail_with_a_marker),
    ],
)
def test_an_exception_keeps_no_frame_alive(monkeypatch, body, on_suspend):
    monkeypatch.setattr(Marker, "gone", 0)

    async def main() -> int:
        with contextlib.suppress(ValueError):
            await driven(body(), on_suspend=on_suspend)
        return Marker.gone

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(main()) == 1
    finally:
        gc.enable()


def test_what_a_body_iterates_is_closed_with_the_loop(journal):
    async def numbers() -> AsyncIterator[int]:
        with journal.cleaning("generator"):
            try:
                while True:
                    yield 1
            finally:
                await asyncio.sleep(0)

    async def body() -> AsyncIterator[int]:
        generator = numbers()
        await anext(generator)
        return generator

    async def main() -> None:
        journal.append(await driven(body()))

    asyncio.run(main())

    assert journal[1:] == ["generator"]


eager = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="eager tasks came with 3.12"
)


@eager
def test_eager_tasks_are_driven_wherever_they_begin():
    async def body() -> str:
        assert is_driven()
        await asyncio.sleep(0)
        assert is_driven()
        return wait_here(reads())

    async def beginner() -> str:
        # Its first step is made on this stack.
        task = asyncio.create_task(driven(body()))
        return await task

    async def main() -> str:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)
        VARIABLE.set("eager")
        return await asyncio.create_task(driven(beginner()))

    assert asyncio.run(main()) == "eager"


# Standing still


def test_a_frozen_body_runs_no_cleaning_up(journal):
    async def body() -> None:
        with journal.cleaning():
            await asyncio.sleep(0)
            journal.append("acted")
            deep(freeze)
            journal.append("went on")

    async def main() -> None:
        with pytest.raises(Crash, match="frozen"):
            await driven(body())
        gc.collect()

    asyncio.run(main())
    gc.collect()

    assert journal == ["acted"]


def test_the_asyncio_task_goes_on_from_the_crash(journal):
    async def body() -> None:
        async with asyncio.timeout(60):  # noqa: ASYNC100 -- it is left open
            freeze()

    async def main() -> int:
        with contextlib.suppress(Crash):
            await driven(body())
        await asyncio.sleep(0)
        task = asyncio.current_task()
        return -1 if task is None else task.cancelling()

    assert asyncio.run(main()) == 0


def test_who_awaits_a_frozen_body_in_a_driven_one_is_frozen_too(journal):
    async def inner() -> None:
        with journal.cleaning("inner"):
            await asyncio.sleep(0)
            freeze()

    async def outer() -> None:
        with journal.cleaning("outer"):
            await driven(inner())

    async def main() -> None:
        with journal.cleaning("outside"), contextlib.suppress(Crash):
            await driven(outer())

    asyncio.run(main())

    assert journal == ["outside"]


def test_what_a_frozen_body_iterates_is_not_closed_with_the_loop(journal):
    async def numbers() -> AsyncIterator[int]:
        with journal.cleaning("generator"):
            while True:
                yield 1

    async def inner() -> None:
        async for _ in numbers():
            freeze()

    async def body() -> None:
        async for _ in numbers():
            await driven(inner())

    async def main() -> None:
        with contextlib.suppress(Crash):
            await driven(body())

    asyncio.run(main())

    assert journal == []


def test_what_others_iterate_is_closed_with_the_loop(journal):
    async def numbers() -> AsyncIterator[int]:
        with journal.cleaning("generator"):
            while True:
                yield 1

    async def body() -> None:
        await asyncio.sleep(0)
        freeze()

    async def main() -> None:
        generator = numbers()
        await anext(generator)
        with contextlib.suppress(Crash):
            await driven(body())
        journal.append(generator)

    asyncio.run(main())

    assert journal[1:] == ["generator"]


def test_a_stack_within_the_stack_is_frozen_as_well(journal):
    def within() -> None:
        with journal.cleaning("within"):
            freeze()

    async def body() -> None:
        with journal.cleaning("body"):
            greenlet(within).switch()

    async def main() -> None:
        with pytest.raises(Crash):
            await driven(body())

    asyncio.run(main())
    gc.collect()

    assert journal == []


@eager
def test_an_eager_task_is_frozen_alone(journal):
    async def body() -> None:
        freeze()

    async def beginner() -> str:
        task = asyncio.create_task(driven(body()))
        with contextlib.suppress(Crash):
            await task
        return "went on"

    async def main() -> str:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)
        return await asyncio.create_task(driven(beginner()))

    assert asyncio.run(main()) == "went on"


def undriven(journal: Journal) -> None:
    journal += [is_driven(), freeze_here(Crash())]
    with pytest.raises(NotDrivenError, match=r"only within .*driven"):
        wait_here(asyncio.sleep(0))


async def in_a_task(journal: Journal) -> None:
    async def nested() -> None:
        undriven(journal)
        await asyncio.sleep(0)
        undriven(journal)

    await asyncio.create_task(nested())


async def in_a_callback(journal: Journal) -> None:
    called = asyncio.Event()

    def callback() -> None:
        undriven(journal)
        called.set()

    asyncio.get_running_loop().call_soon(callback)
    await called.wait()


async def in_a_thread(journal: Journal) -> None:
    await asyncio.to_thread(undriven, journal)


async def in_an_eager_task(journal: Journal) -> None:
    if sys.version_info >= (3, 12):
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)
    await in_a_task(journal)


@pytest.mark.parametrize(
    "elsewhere", [in_a_task, in_a_callback, in_a_thread, in_an_eager_task]
)
def test_what_a_body_starts_is_not_driven(journal, elsewhere):
    async def body() -> None:
        assert is_driven()
        await elsewhere(journal)
        assert is_driven()

    asyncio.run(driven(body()))

    assert journal in ([False, False], [False, False] * 2)


def test_without_a_driver_nothing_is_driven(journal):
    async def main() -> None:
        undriven(journal)

    asyncio.run(main())
    undriven(journal)

    assert journal == [False, False] * 2


# Waiting


def test_sync_code_waits(journal):
    async def answer() -> str:
        journal.append("asked")
        await asyncio.sleep(0)
        return VARIABLE.get()

    async def body() -> str:
        VARIABLE.set("body")
        answered: str = deep(lambda: wait_here(answer()))
        await asyncio.sleep(0)
        return answered

    async def main() -> list[Any]:
        other = asyncio.create_task(returns())
        return [await driven(body()), other.done()]

    assert asyncio.run(main()) == ["body", True]
    assert journal == ["asked"]


def test_what_is_waited_for_may_fail():
    async def body() -> str:
        try:
            deep(lambda: wait_here(raises()))
        except ValueError as error:
            await asyncio.sleep(0)
            return str(error)
        return "nothing"

    assert asyncio.run(driven(body())) == "broken"


def test_a_cancellation_comes_to_the_sync_code(journal):
    def hang() -> None:
        with journal.cleaning("sync"):
            wait_here(asyncio.get_running_loop().create_future())

    async def body() -> None:
        with journal.cleaning("async"):
            deep(hang)

    async def main() -> None:
        task = asyncio.create_task(driven(body()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert journal == ["sync", "async"]


def test_a_time_limit_ends_the_waiting():
    def hang() -> None:
        wait_here(asyncio.Event().wait())

    async def within() -> None:
        async with asyncio.timeout(0.001):  # noqa: ASYNC100 -- sync code waits
            deep(hang)

    async def around() -> None:
        async with asyncio.timeout(0.001):
            await driven(hanging())

    async def hanging() -> None:
        deep(hang)

    for hung in (driven(within()), around()):
        with pytest.raises(TimeoutError):
            asyncio.run(hung)


def test_sync_code_waits_in_a_stack_within_the_stack(journal):
    async def body() -> int:
        within = greenlet(lambda: wait_here(returns()) + 1)
        answer: int = within.switch()
        assert getcurrent() is not within
        return answer

    assert asyncio.run(driven(body())) == 6


def test_what_fails_fails_in_the_stack_within_the_stack():
    def within() -> str:
        try:
            wait_here(raises())
        except ValueError as error:
            return str(error)
        return "nothing"

    async def body() -> str:
        answer: str = greenlet(within).switch()
        return answer

    assert asyncio.run(driven(body())) == "broken"


def test_sync_code_waits_in_the_innermost_body():
    async def inner() -> int:
        await asyncio.sleep(0)
        return wait_here(returns())

    async def body() -> list[int]:
        return [await driven(inner()), wait_here(returns())]

    assert asyncio.run(driven(body())) == [5, 5]


# Seeing suspensions


def test_every_suspension_is_seen_before_the_loop(journal):
    async def body() -> None:
        journal.append("begun")
        await asyncio.sleep(0)
        wait_here(asyncio.sleep(0))
        async with asyncio.timeout(60):
            await asyncio.create_task(never_suspends())
        await never_suspends()

    def on_suspend() -> None:
        assert is_driven()
        journal.append("suspended")

    asyncio.run(driven(body(), on_suspend=on_suspend))

    assert journal == ["begun", "suspended", "suspended"]


def test_what_is_raised_at_a_suspension_is_raised_in_the_body(journal):
    def on_suspend() -> None:
        journal.append("suspended")
        if len(journal) == 1:
            raise ValueError("from outside")

    async def body() -> str:
        try:
            await asyncio.sleep(60)
        except ValueError as error:
            await asyncio.sleep(0)
            return str(error)
        return "slept"

    async def main() -> str:
        async with asyncio.timeout(30):
            return await driven(body(), on_suspend=on_suspend)

    assert asyncio.run(main()) == "from outside"
    assert journal == ["suspended"] * 2


def test_a_future_can_be_awaited_again_after_that():
    raised: list[int] = []

    def on_suspend() -> None:
        if not raised:
            raised.append(1)
            raise ValueError("once")

    async def body() -> Any:
        future = asyncio.get_running_loop().create_future()
        with pytest.raises(ValueError, match="once"):
            await future
        asyncio.get_running_loop().call_soon(future.set_result, "later")
        return await future

    assert asyncio.run(driven(body(), on_suspend=on_suspend)) == "later"


def test_what_a_frozen_body_awaited_is_awaited_by_others():
    async def main() -> int:
        shared = asyncio.create_task(returns())
        with contextlib.suppress(Crash):
            await driven(asyncio.wait_for(shared, None), on_suspend=freeze)
        return await shared

    assert asyncio.run(main()) == 5


def test_a_body_is_frozen_at_a_suspension(journal):
    async def body() -> None:
        with journal.cleaning():
            await asyncio.Event().wait()

    async def main() -> None:
        with contextlib.suppress(Crash):
            await driven(body(), on_suspend=freeze)

    asyncio.run(main())
    gc.collect()

    assert journal == []


def test_a_body_waits_at_a_suspension(journal):
    async def body() -> None:
        with journal.cleaning("body"):
            await asyncio.sleep(0)

    async def main() -> None:
        task = asyncio.create_task(
            driven(body(), on_suspend=lambda: wait_here(asyncio.Event().wait()))
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert journal == ["body"]
