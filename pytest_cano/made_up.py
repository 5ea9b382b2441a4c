"""``random:N``: schedules that Hypothesis makes up, and shrinks where one fails.

A life's fault is drawn as the position among the points that the life will meet, so
that whatever is drawn happens. What is drawn simpler is a simpler schedule: fewer
lives, earlier points, simpler faults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from .endings import BLOWS
from .explorer import Explorer
from .faults import FAULTS
from .schedule import Schedule
from .script import Nth, Script, Together
from .story import Trial, Verdict

MOST_LIVES: Final = 3
"""Disturbed lives of a made-up schedule."""

MOST_FAULTS: Final = 2
"""Faults of one life of it."""

Happening: TypeAlias = tuple[str, int | None]
"""A kind of fault, and its N."""

Drawn: TypeAlias = list[list[tuple[int, Happening]]]
"""For each life the faults: the position of its point, and what happens there."""


def made_up_trials(
    explorer: Explorer, count: int, granted: Callable[[], bool]
) -> Iterator[Trial]:
    """Run made-up schedules, until one fails; that one as small as it gets.

    Args:
        explorer: runs them; its scope has the seed.
        count: how many there are to be at the most.
        granted: asked before each whether it may be run.
    """
    trials: dict[Schedule, Trial] = {}
    failed: list[Trial] = []
    kinds: list[Happening] = [
        (kind, amount)
        for kind in BLOWS
        if explorer.can_carry_out(kind)
        for amount in (FAULTS[kind].samples if FAULTS[kind].counted else (None,))
    ]

    @seed(explorer.scope.seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(_drawn(len(explorer.baseline.points), kinds))
    def explore(drawn: Drawn) -> None:
        if not (failed or granted()):
            return
        trial = explorer.run_scripts([_script(faults) for faults in drawn])
        if trial is None or trial.verdict is Verdict.NOT_FIRED:
            return
        if trial.verdict is Verdict.PASS:
            trials[trial.schedule] = trial
            return
        failed.append(trial)
        raise _Found(trial.verdict)

    try:
        explore()
    except (_Found, Flaky):
        # Hypothesis runs the smallest one last.
        trials[failed[-1].schedule] = failed[-1]
    yield from trials.values()


class _Found(Exception):
    """A made-up schedule has failed."""


def _drawn(points: int, kinds: list[Happening]) -> st.SearchStrategy[Drawn]:
    fault = st.tuples(st.integers(0, points), st.sampled_from(kinds))
    life = st.lists(fault, min_size=1, max_size=MOST_FAULTS)
    return st.lists(life, min_size=1, max_size=MOST_LIVES).filter(_possible)


def _possible(drawn: Drawn) -> bool:
    """Say whether no power loss ends one of two processes that live side by side."""
    kinds = {kind for life in drawn for _, (kind, _) in life}
    return "twin" not in kinds or all(FAULTS[kind].family != "disk" for kind in kinds)


def _script(faults: list[tuple[int, Happening]]) -> Script:
    return Together(*(Nth(position, *what) for position, what in faults))
