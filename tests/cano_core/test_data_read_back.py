"""Data that would come back as something else is refused before it is stored."""

import asyncio
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from pydantic import BaseModel, ConfigDict, PrivateAttr

from cano_core import ConfigurationError, MemoryCheckpointStore, RunContext, Workflow
from one_task import kinds


@dataclass
class Line:
    price: float


@dataclass
class Loose:
    lines: list = field(default_factory=list)  # type: ignore[type-arg]
    price: float = 0.0


@dataclass
class Timed:
    at: datetime
    price: float = 0.0
    tags: set[float] = field(default_factory=set)
    prices: dict[str, float] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)


class Struct(msgspec.Struct):
    held: Any
    price: float = 0.0


class Extra(BaseModel):
    model_config = ConfigDict(extra="allow")
    price: float = 0.0
    _seen: list[int] = PrivateAttr(default_factory=list)


class Added:
    """Declares nothing of what it consists of."""

    def __init__(self, price: float, more: int = 0) -> None:
        self.held = price, more

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Added) and other.held == self.held

    def __repr__(self) -> str:
        return "Added({}+{})".format(*self.held)


class AddedCodec:
    """Adds something to what it reads."""

    def __init__(self, more: int) -> None:
        self.more = more

    def encode(self, value: Added) -> bytes:
        return str(value.held[0]).encode()

    def decode(self, payload: bytes) -> Added:
        return Added(float(payload), self.more)


class TimedModel(BaseModel):
    at: datetime


class TimedStruct(msgspec.Struct):
    at: datetime


class Incomparable:
    """Says nothing of what is equal."""


class NoNews:
    """Its codec gives what is new each time."""

    def encode(self, value: object) -> bytes:
        return b"x"

    def decode(self, payload: bytes) -> Incomparable:
        return Incomparable()


class Odd:
    """Can't be compared, as an array of numbers can't."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("which of them?")


class OddNews(NoNews):
    def decode(self, payload: bytes) -> Any:
        return Odd()


def started(declared: Any, data: Any) -> object:
    """Run a workflow with data, which its task reads."""

    async def work(run: RunContext) -> str:
        return "Done" if run.data is not None else "Work"

    workflow = Workflow(data=declared).register("Work", work).add_exit_state("Done")
    return asyncio.run(workflow.orchestrate("Work", workflow_id="r", data=data))


@pytest.mark.parametrize("price", [0.0, math.nan])
@pytest.mark.parametrize(
    ("declared", "kept", "instead"),
    [
        (Loose, lambda price: Loose([Line(2.0)], price), "'price': 2.0"),
        (Loose, lambda price: Loose([{1, 2}], price), r"\[\[1, 2\]\]"),
        (Loose, lambda price: Loose([(1, 2)], price), r"\[\[1, 2\]\]"),
        (list, lambda price: [price, Decimal("1.5")], "'1.5'"),
        (dict, lambda price: {"a": price, "b": (1,)}, r"\[1\]"),
        (Struct, lambda price: Struct(Line(2.0), price), "'price': 2.0"),
        (AddedCodec(1), lambda price: Added(price), r"Added\(.*\+1\)"),
        (Extra, lambda price: Extra(price=0.0, more={3}), r"more=\[3\]"),
    ],
)
def test_data_that_would_come_back_as_something_else_is_refused(
    price: float, declared: Any, kept: Any, instead: str
) -> None:
    """A value that is unlike itself beside it hides nothing."""
    with pytest.raises(ConfigurationError, match=f"read back as .*{instead}") as caught:
        started(declared, kept(price))
    assert "annotate the fields" in str(caught.value)


def test_what_a_task_leaves_is_refused_before_a_row_is_written() -> None:
    store = MemoryCheckpointStore()

    async def work(order: Loose) -> str:
        order.lines.append(Line(2.0))
        return "Done"

    workflow = Workflow(checkpoint_store=store, data=Loose)
    workflow.register("Work", work).add_exit_state("Done")
    with pytest.raises(
        ConfigurationError, match=r"run 'r': data .*Line.* read back as"
    ):
        asyncio.run(workflow.orchestrate("Work", workflow_id="r", data=Loose()))
    assert len(kinds(store)) == 1


TWICE_SHOWN = datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))


def test_a_moment_that_clocks_show_twice_is_unlike_the_same_one_in_utc() -> None:
    """Or else the test below would not be of what it says."""
    assert TWICE_SHOWN.astimezone(UTC) != TWICE_SHOWN


@pytest.mark.parametrize(
    ("declared", "data"),
    [
        (Timed, Timed(TWICE_SHOWN)),
        (Timed, Timed(TWICE_SHOWN + timedelta(hours=5))),
        (Timed, Timed(datetime(2024, 1, 1), math.nan)),
        (Timed, Timed(TWICE_SHOWN, 1, {math.nan, 2}, {"a": math.nan})),
        (Timed, Timed(TWICE_SHOWN, lines=[Line(math.nan)])),
        (TimedModel, TimedModel(at=TWICE_SHOWN)),
        (TimedStruct, TimedStruct(TWICE_SHOWN)),
        (Struct, Struct([1, "a", None, {"b": 2.0}], math.nan)),
        (AddedCodec(0), Added(math.nan)),
        (Extra, Extra(more=[3])),
        (NoNews(), Incomparable()),
        (OddNews(), Odd()),
    ],
)
def test_data_that_comes_back_the_same_is_kept_whatever_equal_means(
    declared: Any, data: Any
) -> None:
    assert started(declared, data) == "Done"


def test_what_a_model_keeps_to_itself_need_not_come_back() -> None:
    data = Extra()
    data._seen.append(1)
    assert started(Extra, data) == "Done"
