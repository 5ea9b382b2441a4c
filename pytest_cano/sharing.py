"""What the tests of a session share: its budget, and what failed in earlier ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from .budget import UNLIMITED, Budget, SessionBudget
from .known import KnownFailures, Listed
from .options import Settings
from .plugin import FIXTURES
from .schedule import Schedule

_BUDGET = pytest.StashKey[SessionBudget]()
_KNOWN = pytest.StashKey[KnownFailures]()
_SHARE = pytest.StashKey[Budget]()

CACHE: Final = "cano/failed"
"""Where pytest's cache has the schedules that failed, by test."""

MOST_KEPT: Final = 50
"""Failed schedules that are kept of one test."""


def uses_cano(item: Any) -> bool:
    """Say whether a test uses a fixture or a marker of ours."""
    names = getattr(item, "fixturenames", ())
    return not FIXTURES.isdisjoint(names) or any(
        mark.name.startswith("cano_") for mark in item.iter_markers()
    )


def share_of(item: pytest.Item, settings: Settings) -> Budget:
    """Return what a test may spend of the session's budget; each time the same."""
    if not settings.budget:
        return UNLIMITED
    share = item.stash.get(_SHARE, None)
    if share is None:
        share = item.stash[_SHARE] = _budget(item, settings).share()
    return share


def _budget(item: pytest.Item, settings: Settings) -> SessionBudget:
    stash = item.config.stash
    budget = stash.get(_BUDGET, None)
    if budget is None:
        searched = sum(_is_searched(each, settings) for each in item.session.items)
        workers: Any = getattr(item.config, "workerinput", {})
        # A worker is handed a part of the tests, and so has that part of the budget.
        budget = stash[_BUDGET] = SessionBudget(
            settings.budget, searched, among=int(workers.get("workercount", 1))
        )
    return budget


def _is_searched(item: pytest.Item, settings: Settings) -> bool:
    """Say whether a test is going to be crashed, or may search for itself."""
    names = getattr(item, "fixturenames", ())
    chosen = settings.select == "all" or uses_cano(item)
    marked = item.get_closest_marker("cano_crash") is not None
    return "cano" in names or (chosen and (marked or bool(settings.session_crash)))


def known_failures(config: pytest.Config, settings: Settings) -> Mapping[str, Listed]:
    """Return the known failures of every test; read once.

    Raises:
        KnownError: their file can't be read.
    """
    if settings.baseline is None:
        return {}
    known = config.stash.get(_KNOWN, None)
    if known is None:
        known = config.stash[_KNOWN] = KnownFailures.read(settings.baseline)
    return known.tests


def earlier_failures(config: pytest.Config, nodeid: str) -> tuple[str, ...]:
    """Return the schedules of a test that failed when they were last run."""
    cache = getattr(config, "cache", None)
    if cache is None:
        return ()
    return tuple(_kept(cache).get(nodeid, ()))


def keep_failures(config: pytest.Config, results: Sequence[Mapping[str, Any]]) -> None:
    """Remember what failed in this session, for the next one to try first.

    What was not run again is kept as it was.
    """
    cache = getattr(config, "cache", None)
    if cache is None or hasattr(config, "workerinput"):
        return
    before = _kept(cache)
    kept = {test: list(schedules) for test, schedules in before.items()}
    for result in results:
        summary = result["summary"]
        if summary is None:
            continue
        verdicts = summary["verdicts"]
        failed = [text for text, verdict in verdicts.items() if _is_kept(text, verdict)]
        gone = {*verdicts, *summary["outdated"]}
        left = [text for text in kept.get(result["test"], ()) if text not in gone]
        kept[result["test"]] = [*failed, *left][:MOST_KEPT]
    kept = {test: schedules for test, schedules in kept.items() if schedules}
    if kept != before:
        cache.set(CACHE, kept)


def _kept(cache: Any) -> dict[str, list[str]]:
    """Read what was kept; nothing of what another version may have left there."""
    found = cache.get(CACHE, {})
    if not isinstance(found, dict):
        return {}
    return {
        test: [text for text in texts if isinstance(text, str)]
        for test, texts in found.items()
        if isinstance(texts, list)
    }


def _is_kept(text: str, verdict: str) -> bool:
    if verdict in ("PASS", "ACCEPTED"):
        return False
    try:
        Schedule.parse(text)
    except ValueError:
        return False  # a comparison of several, or a crash everywhere
    return True
