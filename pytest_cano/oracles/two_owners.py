"""TWO_OWNERS: who had lost a run to another still acted on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from ..log_reader import named
from ..operations import Operation
from ..story import Finding, RunStory, Story, Verdict
from ..strands import OWN
from .wording import about, called


@final
class TwoOwners:
    """Whoever loses an append does not own the run, and has to do nothing more.

    It is one start or resumption of a run that loses it; another one, also of the same
    life, may own it. What branches, calls beside each other and threads have under way
    at that moment nobody can stop at once, so it is not judged.
    """

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        problems = [
            about(story, run) + f"life {conflict.life} {_lost(conflict)}, and {act}"
            for run in story.runs.values()
            for conflict in run.operations
            if conflict.ended == "conflict" and conflict.session
            for act in _acts(run, conflict, story)
        ]
        if not problems:
            return None
        problems = [*dict.fromkeys(problems)]
        return Finding(Verdict.TWO_OWNERS, problems[0], tuple(problems[1:]))


def _acts(run: RunStory, conflict: Operation, story: Story) -> Iterator[str]:
    loser = conflict.life, conflict.session
    for task in story.task_runs:
        if (
            task.run == run.run
            and (task.life, task.session) == loser
            and task.at > conflict.at
        ):
            what = "compensation" if task.undoing else "task"
            yield f"still began the {what} of {called(task.state, task.visit)}"
    for effect in story.effects:
        point = effect.point
        if (
            point is not None
            and point.run == run.run
            and (effect.life, effect.session) == loser
            and effect.at > conflict.at
            and effect.strand == OWN
            and run.kinds.get(point.state) != "split"
        ):
            yield f"{effect.identity} still happened"
    for each in run.operations:
        if (
            each.ended == "done"
            and (each.life, each.session) == loser
            and each.at > conflict.at
        ):
            rows = ", ".join(map(named, each.rows))
            yield f"still did {each.name}" + (f" of {rows}" if rows else "")


def _lost(conflict: Operation) -> str:
    where = f" at {named(conflict.rows[0])}" if conflict.rows else ""
    return f"lost the run to another{where}"
