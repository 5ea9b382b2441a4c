"""Which tests are crashed, and how far the search goes with each of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from . import markers, options
from .acceptance import Accept
from .plugin import SETTINGS
from .scope import Scope
from .selectors import Selector, parse_selectors
from .sharing import earlier_failures, known_failures, uses_cano
from .stores import backends_of

NO_SUBTESTS = (
    "a test with subtests can't be crashed: each of them is reported as it ends, and "
    "not judged with its life; do without them, or crash a function with cano.check()"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """How one test is to be crashed.

    Attributes:
        session: selectors that are meant for every test.
        own: selectors of its markers, which it must meet.
        expected: whether it is a mistake if the test meets no crash point at all.
        scope: how far the search is to go.
        accepts: the known exceptions that its markers declare.
    """

    session: tuple[Selector, ...]
    own: tuple[Selector, ...]
    expected: bool
    scope: Scope
    accepts: tuple[Accept, ...] = ()


def prepare(
    metafunc: pytest.Metafunc, marks: Iterable[pytest.Mark], *, wants_store: bool
) -> None:
    """Check a test's markers, and run it on every backend that it asks for."""
    test = metafunc.definition
    try:
        for mark in marks:
            if mark.name == "cano_crash":
                markers.crash_marker(mark)
            elif mark.name == "cano_accept":
                markers.accept_marker(mark)
        backends = backends_of(test, metafunc.config.stash[SETTINGS])
    except options.OptionError as error:
        path, line, _ = test.location
        raise pytest.Collector.CollectError(
            f"{path}:{(line or 0) + 1}: {error}"
        ) from None
    own = any(
        "cano_store" in markers.argnames(mark)
        for mark in test.iter_markers("parametrize")
    )
    if wants_store and len(backends) > 1 and not own:
        metafunc.parametrize("cano_store", backends, indirect=True)


def choose(
    item: pytest.Item, settings: options.Settings, marks: Iterable[pytest.Mark]
) -> Choice | None:
    """Say how a test is to be crashed; None if it is not.

    Raises:
        OptionError: a marker makes no sense, or the test can't be crashed.
    """
    option = item.config.getoption
    if not isinstance(item, pytest.Function) or (
        option("setuponly", False) or option("setupplan", False)
    ):
        return None
    read = [markers.crash_marker(mark) for mark in marks]
    # What a marker says of endings is for its own selectors.
    own = tuple(
        dict.fromkeys(
            selector.under(mark.endings)
            for mark in read
            for selector in selectors_in(mark.selectors)
        )
    )
    ours = uses_cano(item)
    if not ours and (settings.select != "all" or "subtests" in item.fixturenames):
        return None
    # A marker takes the place of the ini file, and adds to the command line.
    session = selectors_in(settings.crash or (() if own else settings.default_crash))
    if not own and not session:
        return None
    if "subtests" in item.fixturenames:
        raise options.OptionError(NO_SUBTESTS)
    return Choice(
        session,
        own,
        expected=ours,
        scope=_scope(item, settings, read),
        accepts=tuple(map(markers.accept_marker, item.iter_markers("cano_accept"))),
    )


def _scope(
    item: pytest.Item, settings: options.Settings, marks: Iterable[markers.CrashMark]
) -> Scope:
    """Return how far to go with a test: the nearest marker that says so decides."""
    depths = (mark.depth for mark in marks if mark.depth is not None)
    return Scope(
        settings.endings,
        next(depths, settings.depth),
        earlier=(
            *known_failures(item.config, settings).get(item.nodeid, ()),
            *earlier_failures(item.config, item.nodeid),
        ),
        seed=settings.seed,
        timeout=settings.timeout,
        detail=settings.detail,
        workers=settings.workers,
    )


def selectors_in(texts: Iterable[str]) -> tuple[Selector, ...]:
    """Read selectors, each once."""
    return tuple(
        dict.fromkeys(selector for text in texts for selector in parse_selectors(text))
    )
