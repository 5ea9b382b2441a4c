"""What counts as a repeat, and what may be repeated."""

from pathlib import Path
from typing import Any

import pytest

from cano_core import RunContext
from programs import processing
from pytest_cano.effects import count_effects
from pytest_cano.ledger import EffectLedger
from pytest_cano.view import WorldView
from pytest_cano.world import World
from stories import effect


@pytest.fixture
def ledger(tmp_path: Path) -> EffectLedger:
    return EffectLedger(World(tmp_path).new_life())


class Mailer:
    def send(self, order: str, text: str = "", *, idempotency_key: Any = None) -> str:
        return f"sent {order}"

    def charge(self, order: str) -> None:
        pass


def by_order(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    return args[0] if name == "send" else None


# Counting


def test_keys_and_calls_without_a_key_are_counted():
    effects = [effect("a()"), effect("a()"), effect("a()", key="1")]
    effects += [effect("a()", key="1"), effect("a()", key="2"), effect("b()", key="1")]

    assert count_effects(effects) == {"a()": 4, "b()": 1}


def test_what_the_receiver_knows_as_a_repeat_is_not_counted():
    effects = [
        effect("send(1)", dedupe="'order-1'"),
        effect("send(2)", dedupe="'order-1'", key="1"),
        effect("send(1)", dedupe="'order-2'"),
        effect("ship(1)", dedupe="'order-1'"),
        effect("send(1)", dedupe="'order-2'", key="2"),
    ]

    assert count_effects(effects) == {"send(1)": 2, "ship(1)": 1}


# Saying it


def test_a_ledger_is_told_what_the_receiver_knows_repeats_by(ledger):
    assert ledger.effect("send", "now", dedupe_by="order-1")
    assert not ledger.effect("send", "later", dedupe_by="order-1", key="other")
    assert ledger.effect("send", "now", dedupe_by="order-2")

    assert ledger.count("send") == 2


def test_a_key_and_what_the_receiver_knows_are_never_mixed_up(ledger):
    assert ledger.effect("send", key="'order-1'")
    assert ledger.effect("send", dedupe_by="order-1")


def test_a_spy_finds_what_the_receiver_knows_repeats_by(ledger):
    mailer = ledger.spy(Mailer(), dedupe_by=by_order)
    mailer.send("order-1", "now")
    mailer.send("order-1", text="later", idempotency_key="k")
    mailer.send("order-2")
    mailer.charge("order-1")
    mailer.charge("order-1")

    assert (ledger.count("send"), ledger.count("charge")) == (2, 2)
    assert [each.key for each in ledger.effects] == [None, "k", None, None, None]


@pytest.mark.parametrize(
    ("semantics", "send", "charge"),
    [
        ("at_least_once", "at_least_once", "at_least_once"),
        ({"send": "at_least_once"}, "at_least_once", "exactly_once"),
        ({"c*": "exactly_once", "*": "at_least_once"}, "at_least_once", "exactly_once"),
        ({}, "exactly_once", "exactly_once"),
    ],
)
def test_a_spy_has_semantics_for_each_method(ledger, semantics, send, charge):
    mailer = ledger.spy(Mailer(), semantics=semantics)
    mailer.send("order-1")
    mailer.charge("order-1")

    assert [each.semantics for each in ledger.effects] == [send, charge]


def test_the_last_part_of_a_name_is_enough_for_semantics(ledger):
    class Client:
        mailer = Mailer()

    client = ledger.spy(Client(), semantics={"send": "at_least_once"})
    client.mailer.send("order-1")

    assert [(each.name, each.semantics) for each in ledger.effects] == [
        ("mailer.send", "at_least_once")
    ]


NEAR = (
    "semantics='at_lest_once' is not one of exactly_once, at_least_once; did you mean "
    "'at_least_once'?"
)


def test_semantics_that_there_are_not_are_refused(ledger):
    wrong: Any = "at_lest_once"
    for say in (
        lambda: ledger.effect("send", semantics=wrong),
        lambda: ledger.spy(Mailer(), semantics=wrong),
        lambda: ledger.spy(Mailer(), semantics={"send": wrong}),
    ):
        with pytest.raises(ValueError, match="semantics=") as caught:
            say()
        assert str(caught.value) == NEAR
    assert ledger.effects == ()


def test_what_is_no_text_is_refused_too(ledger):
    with pytest.raises(ValueError, match="semantics=None is not one of"):
        ledger.effect("send", semantics=None)


# Crashing it


def sending(**said: Any) -> Any:
    """A task whose one effect has no key, and says something else each time."""

    def process(world: WorldView) -> Any:
        async def send(run: RunContext) -> str:
            text = run.resumes if said.get("dedupe_by") else ""
            world.ledger.effect("send", "order-1", text, **said)
            return "Done"

        return send

    return processing(process)


REPEATED = {"Process@effect:1": "DUPLICATED", "Process@end": "DUPLICATED"}


@pytest.mark.parametrize(
    ("said", "failures"),
    [
        ({}, REPEATED),
        ({"semantics": "exactly_once"}, REPEATED),
        ({"semantics": "at_least_once"}, {}),
        ({"dedupe_by": "order-1"}, {"Process@start": "DUPLICATED"}),
    ],
    ids=["silent", "once", "at-least-once", "deduped"],
)
def test_only_a_repeat_that_matters_is_found(search, said, failures):
    assert search(sending(**said)).failures() == failures


def test_what_may_be_repeated_must_not_be_lost(search):
    def process(world: WorldView) -> Any:
        async def send(run: RunContext) -> str:
            if not run.resumes:
                world.ledger.effect("send", semantics="at_least_once")
            return "Done"

        return send

    assert search(processing(process)).failures() == {"Process@start": "LOST"}


# The suite's own keys


def asked(ledger: EffectLedger) -> Any:
    calls: list[Any] = []

    def effect_key(name: str, args: Any, kwargs: Any) -> object:
        calls.append((name, args, kwargs))
        return kwargs.get("headers")

    return EffectLedger(ledger._life, effect_key), calls


def test_who_knows_keys_is_asked_for_one(ledger):
    ledger, calls = asked(ledger)

    class Client:
        def post(self, url: str, *, headers: Any = None, idempotency_key: Any = 0):
            pass

    client = ledger.spy(Client())
    client.post("/pay", headers="h")
    client.post("/pay", idempotency_key="k")
    client.post("/pay", idempotency_key=None)

    assert [each.key for each in ledger.effects] == ["h", "k", None]
    assert calls == [
        ("post", ("/pay",), {"headers": "h"}),
        ("post", ("/pay",), {"idempotency_key": None}),
    ]


def test_who_knows_keys_is_not_asked_where_the_spy_knows_them(ledger):
    ledger, calls = asked(ledger)
    mailer = ledger.spy(Mailer(), key=lambda name, args, kwargs: None)
    mailer.send("order-1")
    ledger.effect("send")

    assert calls == []
