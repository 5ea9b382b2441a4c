"""Calls that a visit makes only once: names, results, and when they are made."""

import asyncio
import contextlib
import gc
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import pytest
from pydantic import BaseModel

from cano_core import (
    ConfigurationError,
    MemoryCheckpointStore,
    RowKind,
    RunContext,
    TaskFailedError,
)
from one_task import ONCE_MORE, kinds, running, start_or_resume


@dataclass
class Receipt:
    amount: Decimal
    at: datetime


class Model(BaseModel):
    number: int


RECEIPT = Receipt(Decimal("1.50"), datetime(2024, 2, 29, tzinfo=UTC))


async def a_receipt(amount: str, *, at: datetime) -> Receipt:
    return Receipt(Decimal(amount), at)


def a_model() -> Model:
    return Model(number=3)


def a_set() -> set[int]:
    return {1, 2}


def nothing() -> None:
    return None


def an_id() -> uuid.UUID:
    return uuid.UUID(int=7)


def maybe() -> Receipt | None:
    return RECEIPT


def later() -> Awaitable[Receipt]:
    return a_receipt("1.50", at=RECEIPT.at)


T = TypeVar("T")


def same(value: T) -> T:
    return value


CALLS: list[tuple[Callable[..., Any], Any]] = [
    (partial(a_receipt, "1.50", at=RECEIPT.at), RECEIPT),
    (a_model, Model(number=3)),
    (a_set, {1, 2}),
    (nothing, None),
    (an_id, uuid.UUID(int=7)),
    (maybe, RECEIPT),
    (later, RECEIPT),
    (partial(same, [1, "two", None, 3.5, {"four": True}, b"5"]), None),
    (lambda: {"plain": [1, 2]}, {"plain": [1, 2]}),
    (partial(Model, number=3), Model(number=3)),
    (partial(int, "5"), 5),
]


@pytest.mark.parametrize(
    ("function", "expected"), CALLS, ids=[str(n) for n in range(len(CALLS))]
)
def test_a_recorded_result_comes_back_with_its_type(
    function: Callable[..., Any], expected: object
) -> None:
    store = MemoryCheckpointStore()
    seen: list[Any] = []
    calls: list[None] = []

    async def work(run: RunContext) -> str:
        def counted(*args: Any, **kwargs: Any) -> Any:
            calls.append(None)
            return function(*args, **kwargs)

        counted.__annotations__ = {"return": _declared(function)}
        seen.append(await run.once("call", counted))
        if len(seen) == 1:
            raise RuntimeError("after the call")
        return "Done"

    workflow = running(work, store)
    with pytest.raises(TaskFailedError):
        start_or_resume(workflow)
    start_or_resume(workflow)

    assert len(calls) == 1
    assert seen[0] == seen[1]
    assert type(seen[0]) is type(seen[1])
    if expected is not None:
        assert seen[0] == expected


def _declared(function: Any) -> Any:
    from cano_core.signature import declared_result

    return declared_result(function)


def test_a_call_passes_its_arguments_and_its_exception() -> None:
    seen: list[Any] = []

    async def failing(*args: Any, name: str) -> None:
        seen.append((args, name))
        raise LookupError("refused")

    async def work(run: RunContext) -> str:
        with pytest.raises(LookupError, match="refused"):
            await run.once("call", failing, 1, 2, name="three")
        return "Done"

    store = MemoryCheckpointStore()
    assert start_or_resume(running(work, store)) == "Done"
    assert seen == [((1, 2), "three")]


def test_a_call_that_failed_is_made_again_by_the_next_attempt() -> None:
    tries: list[int] = []

    async def charge() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("down")
        return "paid"

    async def work(run: RunContext) -> str:
        await run.once("charge", charge)
        return "Done"

    store = MemoryCheckpointStore()
    assert start_or_resume(running(work, store, ONCE_MORE)) == "Done"
    assert len(tries) == 2


@pytest.mark.parametrize("with_store", [True, False])
def test_a_retry_gets_the_recorded_result(with_store: bool) -> None:
    charges: list[int] = []
    seen: list[int] = []

    async def work(run: RunContext) -> str:
        seen.append(await run.once("charge", lambda: charges.append(1) or 7))
        if run.attempt == 1:
            raise RuntimeError("after the charge")
        return "Done"

    store = MemoryCheckpointStore() if with_store else None
    workflow = running(work, store, ONCE_MORE)
    asyncio.run(workflow.orchestrate("Work", workflow_id="r"))

    assert charges == [1]
    assert seen == [7, 7]


def test_another_visit_makes_the_call_again() -> None:
    calls: list[int] = []

    async def work(run: RunContext) -> str:
        calls.append(await run.once("call", lambda: run.visit))
        return "Work" if run.visit < 3 else "Done"

    start_or_resume(running(work, MemoryCheckpointStore()))

    assert calls == [1, 2, 3]


def test_calls_made_side_by_side_are_all_recorded() -> None:
    store = MemoryCheckpointStore()
    calls: list[int] = []
    seen: list[list[int]] = []

    async def slow(n: int) -> int:
        calls.append(n)
        await asyncio.sleep(0)
        return n

    async def work(run: RunContext) -> str:
        seen.append(
            await asyncio.gather(*[run.once(f"n{n}", slow, n) for n in range(20)])
        )
        if len(seen) == 1:
            raise RuntimeError("after the calls")
        return "Done"

    workflow = running(work, store)
    with pytest.raises(TaskFailedError):
        start_or_resume(workflow)
    assert kinds(store) == [RowKind.STATE_ENTRY] + [RowKind.MEMO] * 20
    start_or_resume(workflow)

    assert seen == [list(range(20))] * 2
    assert sorted(calls) == list(range(20))


def test_one_name_twice_in_a_visit_is_an_error_and_no_retry() -> None:
    calls: list[int] = []

    async def work(run: RunContext) -> str:
        await run.once("same", lambda: calls.append(1))
        await run.once("same", lambda: calls.append(2))
        return "Done"

    twice = r"once\(.same.\) in .* was called twice"
    with pytest.raises(ConfigurationError, match=twice):
        start_or_resume(running(work, MemoryCheckpointStore(), ONCE_MORE))

    assert calls == [1]


@pytest.mark.parametrize("name", [print, 3, None, "", "\ud800", "a\nb", "x" * 300])
def test_a_name_that_can_not_be_a_name_is_refused_before_the_call(name: Any) -> None:
    calls: list[int] = []

    async def work(run: RunContext) -> str:
        await run.once(name, lambda: calls.append(1))
        return "Done"

    store = MemoryCheckpointStore()
    with pytest.raises(ConfigurationError, match=r"run\.once\("):
        start_or_resume(running(work, store))

    assert calls == []
    assert kinds(store) == [RowKind.STATE_ENTRY]


class Opaque:
    pass


def opaque() -> Opaque:
    raise AssertionError("must not be called")


def test_a_declared_result_that_can_not_be_stored_is_refused_before_the_call() -> None:
    async def work(run: RunContext) -> str:
        await run.once("call", opaque)
        return "Done"

    with pytest.raises(ConfigurationError, match=r"once\('call'\).*Opaque"):
        start_or_resume(running(work, MemoryCheckpointStore()))


@pytest.mark.parametrize("given", ["result", "coroutine"])
@pytest.mark.filterwarnings("error")
def test_what_is_no_function_is_refused_with_the_way_to_write_it(given: str) -> None:
    """The function was called already, or its coroutine would never be awaited."""
    store = MemoryCheckpointStore()

    async def charge() -> int:
        return 5

    async def work(run: RunContext) -> str:
        await run.once("charge", charge() if given == "coroutine" else 5)  # type: ignore[call-overload]
        return "Done"

    with pytest.raises(ConfigurationError, match=r"once\('charge', function, \.\.\.\)"):
        start_or_resume(running(work, store, ONCE_MORE))
    gc.collect()
    assert kinds(store) == [RowKind.STATE_ENTRY]


@pytest.mark.parametrize(
    "result",
    [Opaque(), (1, 2), {1, 2}, RECEIPT, [(1, 2)], float("inf") - float("inf")],
    ids=lambda result: type(result).__name__,
)
def test_a_result_that_would_come_back_different_stops_the_run(result: object) -> None:
    """The call has happened and the log does not know: no retry, whatever is caught."""
    store = MemoryCheckpointStore()
    calls: list[int] = []

    async def work(run: RunContext) -> str:
        with contextlib.suppress(ConfigurationError):
            await run.once("call", lambda: calls.append(1) or result)
        return "Done"

    with pytest.raises(ConfigurationError, match=r"run.once\('call'\) in state 'Work'"):
        start_or_resume(running(work, store, ONCE_MORE))

    assert calls == [1]
    assert kinds(store) == [RowKind.STATE_ENTRY]
