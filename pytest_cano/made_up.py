"""``random:N``: schedules that Hypothesis makes up, and makes smaller where one fails.

A life's fault is drawn as the position among the points that the life will meet, so
that whatever is drawn happens. What is drawn simpler is a simpler schedule: fewer
lives, fewer faults, earlier points, simpler faults.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from .endings import BLOWS
from .explorer import Explorer
from .faults import FAULTS
from .plan import spared_when_made_up
from .script import Nth, Script, Together
from .story import Trial

MOST_LIVES: Final = 3
"""Disturbed lives of a made-up schedule."""

MOST_FAULTS: Final = 2
"""Faults of one life of it."""

MOST_ATTEMPTS: Final = 300
"""How often a schedule is tried to be made smaller."""

Happening: TypeAlias = tuple[str, int | None]
"""A kind of fault, and its N."""

Drawn: TypeAlias = tuple[tuple[tuple[int, Happening], ...], ...]
"""For each life the faults: the position of its point, and what happens there."""


def make_up(explorer: Explorer, count: int) -> list[Drawn]:
    """Make up schedules: the same for the same program, count and seed.

    Args:
        explorer: is to run them; its scope has the seed.
        count: how many there are to be, at the most.
    """
    drawn: list[Drawn] = []
    _draw(explorer, count, [Phase.generate], drawn.append)
    return drawn


def run_made_up(explorer: Explorer, drawn: Drawn) -> Trial | None:
    """Run what was made up; None if nothing of it has happened."""
    return explorer.run_scripts([_script(faults, explorer) for faults in drawn])


def smallest(
    explorer: Explorer,
    count: int,
    drawn: Drawn,
    trial: Trial,
    accept: Callable[[Trial], Trial],
) -> Trial:
    """Return the trial of a schedule as small as it gets that fails alike.

    Args:
        explorer: runs them.
        count: how many were made up.
        drawn: one of them, which has failed.
        trial: what was found there.
        accept: takes what is accepted out of a trial.
    """
    tried: dict[Drawn, Trial | None] = {drawn: trial}
    best: list[Trial] = []

    def attempt(candidate: Drawn) -> None:
        if candidate not in tried:
            # What was made up before the one that failed needs no second look.
            if not best or len(tried) > MOST_ATTEMPTS:
                return
            made = run_made_up(explorer, candidate)
            tried[candidate] = None if made is None else accept(made)
        found = tried[candidate]
        if found is not None and found.verdict is trial.verdict:
            best.append(found)
            raise _Found

    try:
        _draw(explorer, count, [Phase.generate, Phase.shrink], attempt)
    except _Found:
        # Hypothesis shows the smallest one last.
        return best[-1]
    return trial


class _Found(Exception):
    """A made-up schedule has failed."""


def _draw(
    explorer: Explorer,
    count: int,
    phases: Sequence[Phase],
    take: Callable[[Drawn], None],
) -> None:
    points = len(explorer.baseline.points)
    kinds: list[Happening] = [
        (kind, amount)
        for kind in BLOWS
        if explorer.can_carry_out(kind) and _is_fair(kind, explorer)
        for amount in (FAULTS[kind].samples if FAULTS[kind].counted else (None,))
    ]
    fault = st.tuples(st.integers(0, points - 1), st.sampled_from(kinds))
    life = st.lists(fault, min_size=1, max_size=MOST_FAULTS).map(tuple)
    lives = st.lists(life, min_size=1, max_size=MOST_LIVES).map(tuple)
    possible = lives.filter(_possible)

    @seed(explorer.scope.seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(possible)
    def draw(drawn: Drawn) -> None:
        take(drawn)

    draw()


def _is_fair(kind: str, explorer: Explorer) -> bool:
    """Say whether nothing fails by a fault that is right as it is.

    A store that keeps its promises can't help what a cache in front of it loses.
    """
    return FAULTS[kind].family != "disk" or explorer.baseline.on_sqlite


def _possible(drawn: Drawn) -> bool:
    """Say whether no power loss ends one of two processes that live side by side."""
    kinds = {kind for life in drawn for _, (kind, _) in life}
    return "twin" not in kinds or all(FAULTS[kind].family != "disk" for kind in kinds)


def _script(faults: Sequence[tuple[int, Happening]], explorer: Explorer) -> Script:
    spared = partial(spared_when_made_up, baseline=explorer.baseline)
    return Together(*(Nth(position, *what, spared=spared) for position, what in faults))
