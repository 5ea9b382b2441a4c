"""Fixtures that are wider than a test, and the fresh items that share them."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from copy import copy
from typing import Any

import pytest
from _pytest.runner import call_and_report


def fresh_item(item: pytest.Function) -> Any:
    """Return the item as it was after collection, to be set up once more."""
    fresh: Any = copy(item)
    fresh.stash = fresh._store = pytest.Stash()
    fresh.stash._storage.update(item.stash._storage)
    fresh.user_properties = list(item.user_properties)
    fresh._report_sections = []
    if item.cls is not None:
        # An instance, and the method bound to it, belong to one life.
        fresh.__dict__.pop("_instance", None)
        if hasattr(fresh.__dict__.get("_obj"), "__self__"):
            del fresh._obj
    fresh._initrequest()
    return fresh


def build_wider_fixtures(
    item: pytest.Function,
) -> tuple[list[tuple[str, str]], BaseException | None]:
    """Set up what a test says it needs that is wider.

    Returns:
        What was written meanwhile, and what was raised, if anything.
    """
    raised: list[BaseException] = []

    def build() -> None:
        try:
            _build(first)
        except (KeyboardInterrupt, pytest.exit.Exception):
            raise
        except BaseException as error:  # noqa: BLE001 -- told of by the test's own report
            raised.append(error)

    first = fresh_item(item)
    first.setup = build
    first.teardown = lambda: None
    call_and_report(first, "setup", log=False)
    # With itself as its successor, nothing wider than the item goes.
    report = call_and_report(first, "teardown", log=False, nextitem=item)
    return report.sections, raised[0] if raised else None


def _build(item: Any) -> None:
    """Set up the fixtures of an item that later tests may use, too."""
    definitions = item._fixtureinfo.name2fixturedefs
    for name in item.fixturenames:
        if name in definitions and definitions[name][-1].scope != "function":
            item._request.getfixturevalue(name)


def finish_wider_fixtures(
    item: pytest.Function, nextitem: pytest.Item | None
) -> pytest.TestReport | None:
    """Tear down what no later test needs, once the last life is over.

    Returns:
        The report of that, or None where everything stays.
    """
    if item.session.shouldfail or item.session.shouldstop:
        nextitem = None
    wider = item.listchain()[:-1]
    if nextitem is not None and nextitem.listchain()[: len(wider)] == wider:
        return None
    # Wider fixtures go when an item goes: here one that has nothing of its own.
    last = fresh_item(item)
    last.setup = last.teardown = lambda: None
    call_and_report(last, "setup", log=False)
    return call_and_report(last, "teardown", log=False, nextitem=nextitem)


def let_go(used: Iterable[Any]) -> None:
    """Have no wider fixture remember those of a life, which have been torn down.

    They depend on it, so it would tear them down first, at its own end; until then it
    would keep alive all that they have met, for each life.
    """
    for wider in used:
        wider._finalizers[:] = [
            finalizer
            for finalizer in wider._finalizers
            if not (
                isinstance(finalizer, functools.partial)
                and isinstance(
                    owner := getattr(finalizer.func, "__self__", None),
                    pytest.FixtureDef,
                )
                and owner.cached_result is None
            )
        ]
