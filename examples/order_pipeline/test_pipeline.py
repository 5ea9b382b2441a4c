"""Green under --cano-crash=all: whatever dies when, the world sees one order."""

import asyncio

import pytest
from pipeline import Order, pipeline

from cano_core import RolledBackError, TaskFailedError


class FakeWorld:
    """A world for tests; the ledger that spies on it remembers what happened."""

    def __init__(self, *, carriers=("Swift", "Snail"), snow=False):
        self.carriers = carriers
        self.snow = snow

    def offer(self, carrier):
        if carrier not in self.carriers:
            raise ConnectionError(f"{carrier} does not answer")
        return {"Swift": 9, "Snail": 4}[carrier]

    def reserve(self, items, *, idempotency_key):
        return f"reservation of {len(items)}"

    def release(self, reservation, *, idempotency_key):
        """Put it back."""

    def charge(self, amount, *, idempotency_key):
        return f"payment of {amount}"

    def refund(self, payment, *, idempotency_key):
        """Give it back."""

    def pack(self, item, *, idempotency_key):
        """Put it into the parcel."""

    def ship(self, items, carrier, *, idempotency_key):
        if self.snow:
            raise ConnectionError("snow")


@pytest.fixture
def place(cano_store, cano_ledger, cano_workflow_id):
    """Place an order, or go on with it: what a program does when it starts."""

    def place_order(items, **circumstances):
        world = cano_ledger.spy(FakeWorld(**circumstances), ignore="offer")
        return asyncio.run(
            pipeline(cano_store, world).start_or_resume(
                "Sort", workflow_id=cano_workflow_id, data=Order(items, price=20)
            )
        )

    return place_order


def happened(cano_ledger):
    """What the world has seen, in all lives."""
    return {effect.identity for effect in cano_ledger.effects}


def test_an_order_is_delivered(place, cano_ledger):
    assert place(["lamp", "vase"]) == "Delivered"
    assert happened(cano_ledger) >= {"charge(24)", "ship(['lamp', 'vase'], 'Snail')"}


def test_one_answer_is_enough(place, cano_ledger):
    assert place(["lamp"], carriers=("Swift",)) == "Delivered"
    assert happened(cano_ledger) >= {"charge(29)", "ship(['lamp'], 'Swift')"}


def test_an_order_that_cannot_be_shipped_is_undone(place, cano_ledger):
    # The life in which it fails gets the failure, every later one RolledBackError.
    with pytest.raises((TaskFailedError, RolledBackError)):
        place(["lamp"], snow=True)
    assert cano_ledger.count("refund") == cano_ledger.count("release") == 1


def test_an_empty_basket_is_rejected(place, cano_ledger):
    assert place([]) == "Rejected"
    assert not cano_ledger.effects
