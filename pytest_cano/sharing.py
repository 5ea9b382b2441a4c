"""What the tests of a session share: its budget, and what failed in earlier ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from .budget import UNLIMITED, SessionBudget, Share, Unlimited
from .options import Settings
from .plugin import FIXTURES

_BUDGET = pytest.StashKey[SessionBudget]()

CACHE: Final = "cano/failed"
"""Where pytest's cache has the schedules that failed, by test."""

MOST_KEPT: Final = 50
"""Failed schedules that are kept of one test."""


def share_of(item: pytest.Item, settings: Settings) -> Share | Unlimited:
    """Return what a test may spend of the session's budget."""
    if not settings.budget:
        return UNLIMITED
    stash = item.config.stash
    budget = stash.get(_BUDGET, None)
    if budget is None:
        crashed = sum(_uses_cano(each) for each in item.session.items)
        workers: Any = getattr(item.config, "workerinput", {})
        # A worker is handed a part of the tests, and so has that part of the budget.
        budget = stash[_BUDGET] = SessionBudget(
            settings.budget, crashed, among=int(workers.get("workercount", 1))
        )
    return budget.share()


def _uses_cano(item: pytest.Item) -> bool:
    names = getattr(item, "fixturenames", ())
    return not FIXTURES.isdisjoint(names) or any(
        mark.name.startswith("cano_") for mark in item.iter_markers()
    )


def earlier_failures(config: pytest.Config, nodeid: str) -> tuple[str, ...]:
    """Return the schedules of a test that failed when they were last run."""
    cache = getattr(config, "cache", None)
    if cache is None:
        return ()
    return tuple(cache.get(CACHE, {}).get(nodeid, ()))


def keep_failures(config: pytest.Config, results: Sequence[Mapping[str, Any]]) -> None:
    """Remember what failed in this session, for the next one to try first.

    What was not run again is kept as it was.
    """
    cache = getattr(config, "cache", None)
    if cache is None or hasattr(config, "workerinput"):
        return
    before: dict[str, list[str]] = cache.get(CACHE, {})
    kept = {test: list(schedules) for test, schedules in before.items()}
    for result in results:
        summary = result["summary"]
        if summary is None:
            continue
        verdicts = summary["verdicts"]
        failed = [text for text, verdict in verdicts.items() if _has_failed(verdict)]
        left = [text for text in kept.get(result["test"], ()) if text not in verdicts]
        kept[result["test"]] = [*failed, *left][:MOST_KEPT]
    kept = {test: schedules for test, schedules in kept.items() if schedules}
    if kept != before:
        cache.set(CACHE, kept)


def _has_failed(verdict: str) -> bool:
    return verdict not in ("PASS", "ACCEPTED")
