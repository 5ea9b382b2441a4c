"""Findings as plain text; neither pytest nor colours here."""

from __future__ import annotations

from collections.abc import Iterator

from ..story import Finding, LifeStory, Story, Trial
from .summary import (
    failed_line,
    matrix_text,
    score_text,
    summary_line,
    summary_text,
)
from .tally import Tally
from .timeline import end_of, failure_of, notes_of, way_of

__all__ = [
    "failed_line",
    "failure_text",
    "flaky_text",
    "matrix_text",
    "score_text",
    "summary_line",
    "summary_text",
    "title",
]

LONGEST_EFFECT = 60
"""Characters of an effect that the table shows."""

_WAY_OUT = (
    "  Two undisturbed runs differ, so no crash can be judged. Give every life the",
    "  same data (cano_faker is seeded alike), or say what may differ:",
    "  cano.normalise(fn) for arguments and observations, cano_ignore_effects for",
    "  effects, cano_ignore_observations for observations.",
)


def title(name: str, schedule: str) -> str:
    """Return how a schedule of a test is called: ``test_checkout [Process@end]``."""
    return f"{name} [{schedule}]"


def failure_text(trial: Trial, *, again: str) -> str:
    """Return the report of a failed schedule, verdict first.

    Args:
        trial: what was found.
        again: the command that runs exactly this schedule once more.
    """
    first, *others = trial.findings
    blocks = [
        _finding(first),
        [line for life in trial.story.lives for line in _life(life)],
        _effects(Tally.of(trial.baseline, trial.story)),
        [f"  also    {line}" for other in others for line in _finding(other)],
        [f"  hint    {hint}" for hint in trial.story.hints],
        _failure(trial.story),
        [f"  again   {again}"],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def flaky_text(finding: Finding, baseline: Story) -> str:
    """Return the report of two undisturbed runs that differ, and the way out."""
    said = "\n".join((finding.message, *finding.details))
    places = {
        effect.identity: f"  {_cut(effect.identity)}   {effect.location}"
        for effect in baseline.effects
        if effect.identity in said
    }
    blocks = (_finding(finding), places.values(), _WAY_OUT)
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _finding(finding: Finding) -> list[str]:
    indent = " " * (len(finding.verdict) + 2)
    return [
        f"{finding.verdict}  {finding.message}",
        *(indent + detail for detail in finding.details),
    ]


def _life(life: LifeStory) -> Iterator[str]:
    end = end_of(life)
    yield f"  life {life.number}   {way_of(life)}" + (end and f"  {end}")
    for note in notes_of(life):
        yield f"           {note}"


def _failure(story: Story) -> list[str]:
    lines = failure_of(story)
    if not lines:
        return []
    return [
        f"  life {story.judged.number} failed:",
        *(f"    {line}".rstrip() for line in lines),
    ]


def _effects(tally: Tally) -> list[str]:
    counts = tally.counts
    if not counts:
        return []
    compared = tally.compared
    width = max(len("effect"), *(len(_cut(each.identity)) for each in counts))
    lines = [f"  {'effect':<{width}}   {compared}  this run"]
    for each in counts:
        numbers = f"{each.before:>{len(compared)}}  {each.after:>8}"
        line = f"  {_cut(each.identity):<{width}}   {numbers}   {each.location}"
        lines.append(line.rstrip())
    if tally.left_out:
        lines.append(f"  … and {tally.left_out} more, as often as {compared}")
    return lines


def _cut(name: str) -> str:
    one_line = name.encode("unicode_escape").decode() if "\n" in name else name
    if len(one_line) <= LONGEST_EFFECT:
        return one_line
    return one_line[: LONGEST_EFFECT - 1] + "…"
