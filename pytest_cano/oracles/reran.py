"""RERAN: a visit ran again that the log had already passed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TypeAlias, final

from ..log_reader import LogReader
from ..story import Finding, Load, RunStory, Story, TaskRun, Verdict
from .wording import AGAIN, called, times

Work: TypeAlias = tuple[int, str, int, bool]
"""A run's ordinal, a state, a visit, and whether it is the compensation of it."""


@final
class Reran:
    """A visit's task runs once; once more each time that the run is resumed in it.

    So does its compensation, each time that the rollback is resumed with it to do.
    Once more, too, if the store has lost the rows that told of it.
    More is due to the program where the undisturbed run does it too. Runs without a
    store begin anew in every life, and routers leave no rows that a log could have
    passed: neither are judged.
    """

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        again = [*_too_often(baseline, story)] or [*_in_extra_start(story)]
        return Finding(Verdict.RERAN, again[0], tuple(again[1:])) if again else None


def _too_often(baseline: Story, story: Story) -> Iterator[str]:
    extra = 0 if story.extra is None else story.extra.number
    usual = Counter(map(_visit, baseline.task_runs))
    excused = _resumptions(baseline)
    runs = [run for run in story.task_runs if run.life != extra]
    due = _resumptions(story)
    due.update(
        (run.run, *work)
        for run in story.runs.values()
        for load in run.loads
        for work in _lost(run, load)
    )
    for visit, count in Counter(map(_visit, runs)).items():
        number, state, nth, undoing = visit
        run = story.runs[number]
        if not run.stored or run.kinds.get(state) == "router":
            continue
        own = max(0, usual[visit] - 1 - excused[visit])
        allowed = 1 + due[visit] + own * (1 + due[visit])
        if count > allowed:
            name = called(state, nth)
            what = f"the {_called(undoing)} of {name} ran {times(count)}"
            yield (
                f"{what}, at most {allowed} are due to its resumptions"
                if due[visit]
                else f"{what}, though the log had passed it"
            )


def _resumptions(story: Story) -> Counter[Work]:
    """Count how often each visit had to be run again, or undone again."""
    return Counter(
        (run.run, *visit, undoing)
        for run in story.runs.values()
        # What can't be undone later is undone within the visit itself.
        for undoing, visits in (
            (False, run.current),
            (True, (*run.current, *run.undoing)),
        )
        for visit in visits
    )


def _lost(run: RunStory, load: Load) -> set[tuple[str, int, bool]]:
    """Return what has to be done again, for its store has lost that it was done."""
    if not load.lost:
        return set()
    reader = LogReader(run.transitions, run.kinds)
    length = len(load.found)
    again: set[tuple[str, int, bool]] = set()
    for place, row in enumerate(load.expected, 1):
        for _ in reader.read(row):
            pass  # which rules it breaks is the matter of BAD_LOG
        undone = reader.undone(row)
        if place > length and undone is not None:
            again.add((*undone, True))
        elif place >= length and reader.visit is not None:
            again.add((*reader.visit, False))
    return again


def _in_extra_start(story: Story) -> Iterator[str]:
    if story.extra is None:
        return
    for run in story.task_runs:
        if run.life == story.extra.number:
            yield f"the {_called(run.undoing)} of {run.state} ran {AGAIN}"


def _called(undoing: bool) -> str:
    return "compensation" if undoing else "task"


def _visit(run: TaskRun) -> Work:
    return run.run, run.state, run.visit, run.undoing
