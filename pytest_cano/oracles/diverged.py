"""DIVERGED: the run ended otherwise, or the program saw something else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from ..story import Finding, Story, Verdict
from .readings import differences


@final
class Diverged:
    """A restarted program must come to what the undisturbed one came to.

    A program that fails is judged only where every run has ended; where one has
    not, that is what there is to say.
    """

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        differences = [*_exits(baseline, story)]
        ended = all(
            run.exit is None or _exit(story, run.run) is not None
            for run in baseline.runs.values()
        )
        life = story.judged
        if baseline.judged.ended == "failed":
            # It was to fail, and so it is not its own judge.
            pass
        elif ended and life.ended == "failed":
            differences.append(f"the program failed after the restart: {life.reason}")
        elif ended and life.ended == "skipped":
            differences.append("the program was skipped after the restart")
        elif ended:
            differences += _observations(baseline, story)
        if not differences:
            return None
        return Finding(Verdict.DIVERGED, differences[0], tuple(differences[1:]))


def _exit(story: Story, number: int) -> str | None:
    run = story.runs.get(number)
    return None if run is None else run.exit


def _exits(baseline: Story, story: Story) -> Iterator[str]:
    for number, run in baseline.runs.items():
        seen = _exit(story, number)
        if seen is None or seen == run.exit:
            continue
        name = "the run" if len(baseline.runs) == 1 else f"run {number}"
        usual = (
            f"did not end {baseline.usual}"
            if run.exit is None
            else f"at {run.exit} {baseline.usual}"
        )
        yield f"{name} ended at {seen}, {usual}"


def _observations(baseline: Story, story: Story) -> Iterator[str]:
    names = dict.fromkeys((*baseline.observations, *story.observations))
    for name in names:
        usual = baseline.observations.get(name)
        seen = story.observations.get(name)
        if usual == seen:
            continue
        told = differences(name, usual, seen, usual=baseline.usual)
        if told is not None:
            yield from told
        else:
            yield (
                f"{name} was observed as {_values(seen)}, {_values(usual)} "
                f"{baseline.usual}"
            )


def _values(values: tuple[str, ...] | None) -> str:
    return "nothing" if values is None else ", then ".join(values)
