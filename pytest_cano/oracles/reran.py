"""RERAN: a visit ran again that the log had already passed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TypeAlias, final

from ..story import Finding, Story, TaskRun, Verdict
from .wording import AGAIN, times

Visit: TypeAlias = tuple[int, str, int]


@final
class Reran:
    """A visit's task runs once; once more for each crash, and each failure, in it.

    More is due to the program where the undisturbed run does it too. Runs without a
    store begin anew in every life and are not judged.
    """

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        again = [*_too_often(baseline, story)] or [*_in_extra_start(story)]
        return Finding(Verdict.RERAN, again[0], tuple(again[1:])) if again else None


def _too_often(baseline: Story, story: Story) -> Iterator[str]:
    extra = 0 if story.extra is None else story.extra.number
    usual = Counter(map(_visit, baseline.task_runs))
    excused = Counter(map(_visit, filter(_interrupted, baseline.task_runs)))
    runs = [run for run in story.task_runs if run.life != extra]
    interrupted = Counter(map(_visit, filter(_interrupted, runs)))
    crashes = Counter(
        (run.run, *visit) for run in story.runs.values() for visit in run.current
    )
    for visit, count in Counter(map(_visit, runs)).items():
        number, state, nth = visit
        if not story.runs[number].stored:
            continue
        own = max(0, usual[visit] - 1 - excused[visit])
        allowed = 1 + crashes[visit] + interrupted[visit] + own * (1 + crashes[visit])
        if count > allowed:
            name = state if nth == 1 else f"visit {nth} of {state}"
            yield (
                f"the task of {name} ran {times(count)}, at most {allowed} "
                f"{'is' if allowed == 1 else 'are'} due to the crashes in it"
                if crashes[visit]
                else f"the task of {name} ran {times(count)}, though the log had "
                "passed it"
            )


def _in_extra_start(story: Story) -> Iterator[str]:
    if story.extra is None:
        return
    for run in story.task_runs:
        if run.life == story.extra.number:
            yield f"the task of {run.state} ran {AGAIN}"


def _visit(run: TaskRun) -> Visit:
    return run.run, run.state, run.visit


def _interrupted(run: TaskRun) -> bool:
    return run.ended == "interrupted"
