"""LOST_WORK: a store lost what it had acknowledged."""

from __future__ import annotations

from typing import final

from ..log_reader import named
from ..story import Finding, Load, Story, Verdict
from .wording import about


@final
class LostWork:
    """What was appended must still be there when the run is resumed.

    A store that says by ``may_lose`` how many of the newest rows a crash may take is
    held to that. Whatever else is found in a log is the matter of BAD_LOG.
    """

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        problems = [
            about(story, run) + _told(load, _lost_power(story, load))
            for run in story.runs.values()
            for load in run.loads
            if len(load.lost) > load.may_lose
        ]
        if not problems:
            return None
        return Finding(Verdict.LOST_WORK, problems[0], tuple(problems[1:]))


def _lost_power(story: Story, load: Load) -> bool:
    """Say whether that is what took the rows."""
    return any(
        fault.described.family == "disk"
        for life in story.lives
        if life.number == load.life - 1
        for fault in life.struck
    )


def _told(load: Load, lost_power: bool) -> str:
    life, rows = load.life, len(load.lost)
    allowed = f"; its store may lose {load.may_lose}" if load.may_lose else ""
    if not load.found:
        if load.finished:
            what = f"life {life} found nothing of the run, which had ended"
        else:
            what = f"life {life} found no rows, {rows} had been appended"
        if lost_power:
            return f"{what}{allowed}: the power was lost before they were on the disk"
        return (
            f"{what}{allowed}: what keeps the log did not survive (a store in memory, "
            "or a setup or teardown that removes it?)"
        )
    lost = named(load.lost[0])
    if rows > 1:
        lost += f" and {rows - 1} more"
    ended = ", and that the run had ended" if load.finished else ""
    return (
        f"life {life} went on from {named(load.found[-1])}: {lost}, which had been "
        f"appended{ended}, {'was' if rows == 1 else 'were'} lost{allowed}"
    )
