"""STUCK: no undisturbed restart brings a run to its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, final

from ..story import Finding, RunStory, Story, Verdict

_LOOPS: Final = (
    "what ends a loop must be in run.data, for a new life starts with empty memory"
)

_REPEATED: Final = (
    "a compensation is repeated after a crash: undoing what is undone has to succeed"
)

LONGEST_ERROR: Final = 200
"""Characters of an error that a finding shows."""


@final
class Stuck:
    """What the undisturbed program finished must be finished after a restart.

    A life that ran away would never have ended, whatever it has done by then; and what
    one had done whose process was lost, nobody knows.
    """

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        for life in story.lives:
            if life.vanished:
                return Finding(Verdict.STUCK, life.vanished)
            if life.runaway:
                return Finding(
                    Verdict.STUCK,
                    life.runaway,
                    (f"life {life.number} was ended there: {_LOOPS}",),
                )
        unfinished = [
            run
            for number, run in baseline.runs.items()
            if run.exit is not None and _exit(story, number) is None
        ]
        if not unfinished:
            return None
        run = unfinished[0]
        restarts = sum(not life.crashed_at and not life.extra for life in story.lives)
        times = "a restart" if restarts == 1 else f"{restarts} restarts"
        return Finding(
            Verdict.STUCK,
            f"{_where(run, story.runs.get(run.run), alone=len(baseline.runs) == 1)}: "
            f"{times} without a crash did not bring it to {run.exit}",
            tuple(_not_undone(story, run.run)),
        )


def _exit(story: Story, number: int) -> str | None:
    run = story.runs.get(number)
    return None if run is None else run.exit


def _not_undone(story: Story, number: int) -> Iterator[str]:
    """Say which compensations failed in the last life, if that is what stopped it."""
    undone = [each for each in story.task_runs if each.undoing and each.run == number]
    life = story.judged.number
    last = {(each.state, each.visit): each for each in undone if each.life == life}
    failed = {visit: each for visit, each in last.items() if each.error}
    for each in failed.values():
        error = " ".join(each.error.split())
        if len(error) > LONGEST_ERROR:
            error = f"{error[: LONGEST_ERROR - 1]}…"
        yield f"life {life}: the compensation of {each.state} raised {error}"
    # One that always failed has another cause, such as memory that was lost.
    if any(
        (each.state, each.visit) in failed and each.ended != "interrupted"
        for each in undone
        if each.life < life
    ):
        yield _REPEATED


def _where(expected: RunStory, run: RunStory | None, *, alone: bool) -> str:
    name = "the run" if alone else f"run {expected.run}"
    if run is None:
        return f"{name} was never begun"
    if run.state is None:
        return f"{name} did not end"
    return f"{name} was left at {run.state}"
