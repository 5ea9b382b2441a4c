"""Processes that are really killed at each effect and each row, again and again.

What is asked of them is always the same: what the log said was done when a process
died is not done again; whatever was done twice was done under one key; and in the end
the world has seen the same as without a kill.
"""

import random
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from concluded import Concluded
from lives import Directory, Effect, Life

SIZE = 3
"""Steps, and items at a time."""

KILLS = 10


class Story:
    """The lives of one run, each held against what the log said before it.

    Args:
        path: a directory that does not exist yet.
        fails: whether the run fails in its last state, and is rolled back.
    """

    def __init__(self, path: Path, *, fails: bool = False) -> None:
        path.mkdir()
        self.directory = Directory(path)
        self._fails = fails
        self._done = Concluded([])
        self._seen = 0

    def killed_at(self, moment: int) -> None:
        """Let a process live to a moment."""
        with self._life(moment=moment) as life:
            life.at("moment").kill()
        self._compare()
        self._done = Concluded(self.directory.rows())

    def ended(self) -> str:
        """Let a process come to the end of the run; return its result."""
        with self._life() as life:
            result, _ = life.ended()
        self._compare()
        rows, outcome = self.directory.left()
        assert rows == []
        assert outcome is not None
        return result

    @property
    def effects(self) -> set[tuple[str, str]]:
        """What the world has seen, and under which key."""
        return {(each.name, each.key) for each in keyed(self.directory.effects())}

    @property
    def times(self) -> Counter[str]:
        """How many times it has seen it."""
        return Counter(self.directory.names())

    def _life(self, **orders: int) -> Life:
        return self.directory.life("everything", size=SIZE, fails=self._fails, **orders)

    def _compare(self) -> None:
        """Of what was done since, nothing was done for good before."""
        effects = self.directory.effects()
        new, self._seen = effects[self._seen :], len(effects)
        assert [each for each in keyed(new) if each.key in self._done] == []


def keyed(effects: list[Effect]) -> list[Effect]:
    """Leave out those that are of a process, not of the run: opening a stream."""
    return [each for each in effects if each.key]


class Baseline(NamedTuple):
    """What the same run is when nobody kills it.

    Attributes:
        effects: what the world sees.
        moments: how many there are.
        last: the first moment of the last state, its entry row.
    """

    effects: set[tuple[str, str]]
    moments: int
    last: int


def undisturbed(path: Path, *, fails: bool) -> Baseline:
    directory = Directory(path)
    with directory.life("everything", tells=True, size=SIZE, fails=fails) as life:
        told = []
        while (message := life.told()) is not None:
            told.append(message)
    *moments, end = told
    assert end[1] == ("TaskFailedError" if fails else "Done")
    effects = {(each.name, each.key) for each in keyed(directory.effects())}
    return Baseline(effects, len(moments), moments.index(("effect", "Last")))


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    return undisturbed(tmp_path_factory.mktemp("undisturbed"), fails=False)


@pytest.fixture(scope="module")
def rolled_back(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    return undisturbed(tmp_path_factory.mktemp("undisturbed"), fails=True)


@pytest.mark.parametrize("third", [0, 1, 2])
def test_a_run_goes_on_from_wherever_it_is_killed(
    tmp_path: Path, baseline: Baseline, third: int
) -> None:
    for moment in range(1 + third, baseline.moments + 1, 3):
        story = Story(tmp_path / str(moment))
        story.killed_at(moment)
        assert story.ended() == "Done"
        assert story.effects == baseline.effects


def test_a_rollback_goes_on_from_wherever_it_is_killed(
    tmp_path: Path, rolled_back: Baseline
) -> None:
    ends = []
    for moment in range(rolled_back.last, rolled_back.moments + 1):
        story = Story(tmp_path / str(moment), fails=True)
        story.killed_at(moment)
        ends.append(story.ended())
        assert story.effects == rolled_back.effects
    # As long as no row says that it has failed, it runs its last state again.
    assert ends == ["TaskFailedError"] * 2 + ["RolledBackError"] * (len(ends) - 2)


def moments_by_chance(seed: int) -> list[int]:
    return random.Random(seed).choices([1, 2, 3, 4, 5], k=KILLS)


@pytest.mark.parametrize(
    "moments",
    [[1] * KILLS, [2] * KILLS, [3] * KILLS, moments_by_chance(1), moments_by_chance(2)],
    ids=["claim", "claim and act", "one row each", "chance 1", "chance 2"],
)
def test_a_run_that_is_killed_ten_times_comes_to_its_end(
    tmp_path: Path, baseline: Baseline, moments: list[int]
) -> None:
    """Some lives get further by a row or more, and some do not."""
    story = Story(tmp_path / "run")
    for moment in moments:
        story.killed_at(moment)
    assert story.ended() == "Done"
    assert story.effects == baseline.effects
    assert max(story.times.values()) <= 1 + KILLS


def test_a_rollback_that_is_killed_ten_times_comes_to_its_end(
    tmp_path: Path, rolled_back: Baseline
) -> None:
    story = Story(tmp_path / "run", fails=True)
    story.killed_at(rolled_back.last + 2)
    for moment in (1, 2, 1, 2, 3, 2, 1, 2, 2):
        story.killed_at(moment)
    assert story.ended() == "RolledBackError"
    assert story.effects == rolled_back.effects
    assert [story.times[undo] for undo in ("undo Pack", "undo Reserve")] == [3, 4]
