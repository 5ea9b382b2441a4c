"""The ledger: effects, keys, identities, places, and what the dead may not do."""

import asyncio
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import pytest

from pytest_cano.frames import FRAME
from pytest_cano.ledger import EffectLedger
from pytest_cano.life import Life, SimulatedCrash
from pytest_cano.schedule import Fault
from pytest_cano.script import Planned
from pytest_cano.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, root=Path(__file__).parent)


@pytest.fixture
def life(world: World) -> Life:
    return world.new_life()


@pytest.fixture
def ledger(life: Life) -> EffectLedger:
    return EffectLedger(life)


def identities(ledger: EffectLedger) -> list[str]:
    return [effect.identity for effect in ledger.effects]


def die(life: Life) -> None:
    """Let a life crash where it is."""
    point = life.frame(1, "Process", 1).point("end")
    life.script = Planned(Fault(point))
    with pytest.raises(SimulatedCrash):
        life.reached(point)


# What an effect is


def test_an_effect_is_its_name_and_arguments(ledger):
    ledger.effect("charge", "order-1", 42, currency="EUR", amount=[1])

    assert identities(ledger) == ["charge('order-1', 42, amount=[1], currency='EUR')"]


def test_the_order_of_keyword_arguments_means_nothing(ledger):
    ledger.effect("charge", a=1, b=2)
    ledger.effect("charge", b=2, a=1)

    assert ledger.count("charge") == 2
    assert len(set(identities(ledger))) == 1


def test_an_effect_may_have_arguments_of_any_name(ledger):
    ledger.effect("call", name="x", self="y")

    assert identities(ledger) == ["call(name='x', self='y')"]


def test_arguments_are_taken_as_they_are_now(ledger):
    order = {"items": []}
    ledger.effect("ship", order)
    order["items"].append("book")

    assert identities(ledger) == ["ship({'items': []})"]


def test_effects_with_unhashable_arguments_are_counted(ledger):
    ledger.effect("ship", {"items": [1]}, {2, 1}, key={"not": "hashable"})
    ledger.effect("ship", {"items": [1]}, {1, 2}, key={"not": "hashable"})

    assert ledger.count("ship") == 1


def test_an_address_in_memory_makes_no_difference(ledger):
    ledger.effect("send", object())
    ledger.effect("send", object())

    assert identities(ledger) == ["send(<object object>)"] * 2


def test_a_value_without_a_repr_is_no_trouble(ledger):
    class Shy:
        def __repr__(self) -> str:
            raise ValueError("no")

    ledger.effect("send", Shy())

    assert identities(ledger) == ["send(<Shy whose repr raises ValueError>)"]


def test_a_huge_argument_is_told_apart_by_its_hash(ledger):
    ledger.effect("send", "x" * 5000 + "a")
    ledger.effect("send", "x" * 5000 + "b")
    first, second = identities(ledger)

    assert len(first) < 200
    assert first != second


def test_arguments_pass_through_what_the_program_declares(life, ledger):
    life.normalise(lambda value: "<id>" if isinstance(value, int) else value)
    ledger.effect("charge", "order-1", 4711, ref=4712)

    assert identities(ledger) == ["charge('order-1', '<id>', ref='<id>')"]


# Keys


def test_calls_without_a_key_are_counted_each(ledger):
    assert ledger.effect("charge", 42) is True
    assert ledger.effect("charge", 42) is True
    assert ledger.count("charge") == 2


def test_calls_with_one_key_count_once(ledger):
    assert ledger.effect("charge", 42, key="k1") is True
    assert ledger.effect("charge", 42, key="k1") is False
    assert ledger.effect("charge", 42, key="k2") is True
    assert ledger.effect("refund", 42, key="k1") is True
    assert ledger.count("charge") == 2
    assert len(ledger.effects) == 4


def test_calls_with_and_without_a_key_add_up(ledger):
    for key in ("k", None, "k", None):
        ledger.effect("charge", 42, key=key)

    assert ledger.count("charge") == 3


def test_a_key_is_remembered_by_the_world(world, ledger):
    ledger.effect("charge", 42, key="k1")
    later = EffectLedger(world.new_life())

    assert later.effect("charge", 42, key="k1") is False
    assert [effect.life for effect in later.effects] == [1, 2]


# Where it happened


def test_an_effect_in_a_task_is_a_crash_point(life, ledger):
    frame = life.frame(2, "Process", 3)
    token = FRAME.set(frame)
    try:
        ledger.effect("charge")
        ledger.effect("charge")
    finally:
        FRAME.reset(token)

    points = ["2:Process@effect:1#3", "2:Process@effect:2#3"]
    assert list(map(str, life.points)) == points
    assert [str(effect.point) for effect in ledger.effects] == points


def test_an_effect_outside_of_every_task_is_recorded_without_a_point(life, ledger):
    ledger.effect("seed")

    assert ledger.effects[0].point is None
    assert life.points == ()


def test_an_ignored_effect_is_recorded_without_a_point(world, life, ledger):
    world.ignored = ("poll*",)
    token = FRAME.set(life.frame(1, "Process", 1))
    try:
        ledger.effect("poll_status")
        ledger.effect("charge")
    finally:
        FRAME.reset(token)

    assert list(map(str, life.points)) == ["Process@effect:1"]
    assert ledger.count("poll_status") == 1


def test_another_life_s_task_is_none_of_this_life(world, ledger):
    token = FRAME.set(world.new_life().frame(1, "Process", 1))
    try:
        ledger.effect("charge")
    finally:
        FRAME.reset(token)

    assert ledger.effects[0].point is None


def line_of(text: str) -> int:
    lines = Path(__file__).read_text("utf-8").splitlines()
    return 1 + next(n for n, line in enumerate(lines) if line.endswith(text))


def test_the_place_of_an_effect_is_the_line_in_the_task(life, ledger):
    def helper() -> None:
        ledger.effect("charge")

    def process() -> None:
        helper()  # the task's own line

    frame = life.frame(1, "Process", 1)
    frame.code = process.__code__
    token = FRAME.set(frame)
    try:
        process()
    finally:
        FRAME.reset(token)

    line = line_of("helper()  # the task's own line")
    assert ledger.effects[0].location == f"test_ledger.py:{line} in process"


def test_without_the_task_on_the_stack_it_is_the_nearest_line(ledger):
    def helper() -> None:
        ledger.effect("charge")  # the nearest line

    helper()

    line = line_of("# the nearest line")
    assert ledger.effects[0].location == f"test_ledger.py:{line} in helper"


@pytest.mark.asyncio
async def test_in_a_thread_it_is_at_least_the_task(life, ledger):
    async def process() -> None:
        await asyncio.to_thread(ledger.effect, "charge")

    frame = life.frame(1, "Process", 1)
    frame.code = process.__code__
    token = FRAME.set(frame)
    try:
        await process()
    finally:
        FRAME.reset(token)

    line = process.__code__.co_firstlineno
    assert ledger.effects[0].location == f"test_ledger.py:{line} in process"


# The dead


def test_the_effect_at_which_a_life_crashes_has_happened(life, ledger):
    frame = life.frame(1, "Process", 1)
    life.script = Planned(Fault.parse("Process@effect:2"))
    token = FRAME.set(frame)
    try:
        ledger.effect("charge")
        with pytest.raises(SimulatedCrash):
            ledger.effect("charge")
    finally:
        FRAME.reset(token)

    assert life.crashed
    assert ledger.count("charge") == 2


def test_an_effect_of_the_dead_is_refused_and_noted(life, ledger):
    die(life)

    with pytest.raises(SimulatedCrash, match="life 1 crashed at Process@end"):
        ledger.effect("charge", 42)
    assert ledger.count("charge") == 0
    assert life.notes == [
        "charge(42) was tried after the crash at Process@end, and refused"
    ]


def test_a_thread_of_the_dead_is_refused_too(life, ledger):
    die(life)
    refused = []

    def act() -> None:
        try:
            ledger.effect("charge", 42)
        except SimulatedCrash as crash:
            refused.append(crash)

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()

    assert len(refused) == 1
    assert ledger.effects == ()


def test_a_ledger_kept_from_an_ended_life_says_so(life, ledger):
    life.end()

    with pytest.raises(SimulatedCrash, match="kept from it can't be used"):
        ledger.effect("charge")
    assert not life.crashed


# Spies


@dataclass
class Gateway:
    """A fake with every kind of call."""

    fee: int = 3
    charged: list[int] = field(default_factory=list)
    closed: bool = False

    def charge(self, amount: int, idempotency_key: str | None = None) -> int:
        self.charged.append(amount)
        return amount

    async def send(self, to: str, *, idempotency_key: str | None = None) -> str:
        await asyncio.sleep(0)
        self.charged.append(0)
        return to

    def decline(self) -> None:
        raise ConnectionError("declined")

    async def hang_up(self) -> None:
        raise ConnectionError("hung up")

    def close(self) -> None:
        self.closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.closed = True

    def __len__(self) -> int:
        return len(self.charged)


def test_a_spied_call_is_an_effect_after_it_returned(ledger):
    gateway = Gateway()
    spy = ledger.spy(gateway)

    assert spy.charge(42) == 42
    assert gateway.charged == [42]
    assert identities(ledger) == ["charge(42)"]


@pytest.mark.asyncio
async def test_a_spied_coroutine_is_an_effect_once_it_was_awaited(ledger):
    sending = ledger.spy(Gateway()).send("a")
    assert ledger.effects == ()

    assert await sending == "a"
    assert identities(ledger) == ["send('a')"]


@pytest.mark.asyncio
async def test_a_spied_call_that_raises_is_no_effect(ledger):
    spy = ledger.spy(Gateway())

    with pytest.raises(ConnectionError):
        spy.decline()
    with pytest.raises(ConnectionError):
        await spy.hang_up()
    assert ledger.effects == ()


@pytest.mark.parametrize(
    ("args", "kwargs"), [((42, "k"), {}), ((42,), {"idempotency_key": "k"})]
)
def test_a_spied_call_s_key_is_not_part_of_its_identity(ledger, args, kwargs):
    ledger.spy(Gateway()).charge(*args, **kwargs)

    assert [(e.identity, e.key) for e in ledger.effects] == [("charge(42)", "k")]


def test_another_parameter_may_hold_the_key(ledger):
    ledger.spy(Gateway(), key="amount").charge(42)

    assert [(e.identity, e.key) for e in ledger.effects] == [("charge()", "42")]


@pytest.mark.asyncio
async def test_a_spy_is_like_its_target(ledger):
    gateway = Gateway()
    spy = ledger.spy(gateway)
    spy.fee = 5

    assert gateway.fee == spy.fee == 5
    assert len(spy) == 0
    async with spy as entered:
        assert entered is spy
    assert gateway.closed
    with pytest.raises(AttributeError):
        _ = spy.unknown
    assert ledger.effects == ()


def test_closing_is_no_effect_and_even_the_dead_may(life, ledger):
    gateway = Gateway()
    die(life)

    ledger.spy(gateway).close()

    assert gateway.closed
    assert life.notes == []


def test_closing_something_is_an_effect(ledger):
    accounts = SimpleNamespace(close=lambda account: None)
    ledger.spy(accounts).close("account-1")

    assert identities(ledger) == ["close('account-1')"]


def test_a_function_can_be_spied_on(ledger):
    def charge(amount: int) -> int:
        return amount

    assert ledger.spy(charge)(42) == 42
    assert identities(ledger) == ["charge(42)"]


def test_a_spied_call_of_the_dead_never_reaches_the_target(life, ledger):
    gateway = Gateway()
    spy = ledger.spy(gateway)
    die(life)

    with pytest.raises(SimulatedCrash):
        spy.charge(42)
    assert gateway.charged == []


@pytest.mark.asyncio
async def test_a_call_under_way_at_death_has_happened_and_tells_nobody(life, ledger):
    gateway = Gateway()
    sending = ledger.spy(gateway).send("a")
    die(life)

    with pytest.raises(SimulatedCrash):
        await sending
    assert gateway.charged == [0]
    assert ledger.count("send") == 1
    assert life.notes == []
