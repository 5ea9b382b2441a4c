"""Spies on whole clients: parts of them, mocks, keys of any kind, calls that read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock

import pytest

from cano_core import Workflow
from pytest_cano import check
from pytest_cano.ledger import EffectLedger
from pytest_cano.world import World


@pytest.fixture
def ledger(tmp_path: Path) -> EffectLedger:
    return EffectLedger(World(tmp_path).new_life())


def identities(ledger: EffectLedger) -> list[str]:
    return [effect.identity for effect in ledger.effects]


class Status(Enum):
    OPEN = "open"


@dataclass(frozen=True)
class Money:
    cents: int

    def __add__(self, other: "Money") -> "Money":
        return Money(self.cents + other.cents)


class Charges:
    def __init__(self) -> None:
        self.made: list[int] = []

    def create(self, amount: int, **options: Any) -> int:
        self.made.append(amount)
        return amount

    def status(self, charge: str) -> str:
        return charge


@dataclass
class Client:
    charges: Charges = field(default_factory=Charges)
    status: Status = Status.OPEN
    fee: Money = Money(3)
    version: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(refunds=Charges())
    )


def test_the_parts_of_a_client_are_spied_on(ledger):
    client = Client()
    spy = ledger.spy(client)

    assert spy.charges.create(5) == 5
    assert spy.version.refunds.create(7) == 7
    assert client.charges.made == [5]
    assert identities(ledger) == ["charges.create(5)", "version.refunds.create(7)"]
    assert ledger.count("charges.create") == 1


def test_data_stays_what_it_is(ledger):
    spy = ledger.spy(Client())

    assert spy.status is Status.OPEN
    assert spy.fee + Money(1) == Money(4)
    assert type(spy.charges.made) is list
    assert ledger.effects == ()


def test_a_spied_part_looks_like_itself(ledger):
    client = Client()
    spy = ledger.spy(client)

    assert isinstance(spy, Client)
    assert isinstance(spy.charges, Charges)
    assert spy.charges == client.charges
    assert spy.charges == spy.charges
    assert hash(spy.charges) == hash(client.charges)
    assert repr(spy.charges) == repr(client.charges)
    assert not callable(spy.charges)
    assert "create" in dir(spy.charges)


@pytest.mark.parametrize("kind", [Mock, MagicMock, AsyncMock])
@pytest.mark.asyncio
async def test_the_parts_of_a_mock_are_spied_on(ledger, kind: Callable[[], Any]):
    psp = kind()
    result = ledger.spy(psp).charges.create(5)
    if kind is AsyncMock:
        await result

    psp.charges.create.assert_called_once_with(5)
    assert identities(ledger) == ["charges.create(5)"]


def test_a_mock_with_a_specification_is_spied_on(ledger):
    psp = Mock(spec=["charge"])
    spy = ledger.spy(psp)
    spy.charge(5)

    assert identities(ledger) == ["charge(5)"]
    with pytest.raises(AttributeError):
        _ = spy.refund


def test_what_a_mock_says_of_itself_is_no_effect(ledger):
    spy = ledger.spy(MagicMock())
    spy.charge.return_value = "paid"

    assert spy.charge(5) == "paid"
    spy.charge.assert_called_once_with(5)
    assert spy.charge.call_count == 1
    assert spy.charge.call_args.args == (5,)
    spy.reset_mock()
    assert identities(ledger) == ["charge(5)"]


def test_a_module_s_classes_are_spied_on(ledger):
    class Charge:
        @classmethod
        def create(cls, amount: int) -> int:
            return amount

    assert ledger.spy(SimpleNamespace(Charge=Charge)).Charge.create(5) == 5
    assert identities(ledger) == ["Charge.create(5)"]


def test_a_part_is_closed_without_an_effect(ledger):
    ledger.spy(SimpleNamespace(session=Mock(spec=["close"]))).session.close()

    assert ledger.effects == ()


def test_a_function_may_find_the_key(ledger):
    def key(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        assert (name, args) == ("create", (5,))
        return kwargs["headers"].get("Idempotency-Key")

    spy = ledger.spy(Charges(), key=key)
    spy.create(5, headers={"Idempotency-Key": "k"})
    spy.create(5, headers={})

    assert [effect.key for effect in ledger.effects] == ["k", None]


@pytest.mark.parametrize("ignore", [("stat*",), "status", ["charges.status"]])
def test_calls_that_read_can_be_left_out(ledger, ignore):
    spy = ledger.spy(Client(), ignore=ignore)

    assert spy.charges.status("c1") == "c1"
    spy.charges.create(5)
    assert identities(ledger) == ["charges.create(5)"]


# Clients that are context managers


class Session:
    def __init__(self, yields: object = None) -> None:
        self.yields = self if yields is None else yields

    def __enter__(self) -> object:
        return self.yields

    def __exit__(self, *error: object) -> None: ...

    async def __aenter__(self) -> object:
        return self.yields

    async def __aexit__(self, *error: object) -> None: ...

    def charge(self, amount: int) -> None: ...


def test_what_a_client_yields_as_a_context_manager_is_spied_on(ledger):
    with ledger.spy(Session()) as session:
        session.charge(1)
    with ledger.spy(Session(yields=Charges())) as charges:
        charges.create(2)

    assert identities(ledger) == ["charge(1)", "create(2)"]


def test_data_that_a_context_manager_yields_is_as_it_was(ledger):
    with ledger.spy(Session(yields="token")) as token:
        assert type(token) is str


def test_a_spied_client_that_the_engine_enters_is_still_spied_on():
    async def program(world):
        session = world.ledger.spy(Session())
        workflow = Workflow(
            checkpoint_store=world.store, resources={"session": session}
        )

        @workflow.task("Charge")
        async def charge(session: Session) -> str:
            session.charge(5)
            return "Done"

        workflow.add_exit_state("Done")
        return await workflow.start_or_resume("Charge", workflow_id=world.workflow_id)

    report = check(program, crash="Charge@end")

    assert "DUPLICATED  charge(5)" in str(report)
