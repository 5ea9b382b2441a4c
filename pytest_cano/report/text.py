"""Findings as plain text; neither pytest nor colours here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..effects import Effect, count_effects
from ..story import Finding, LifeStory, Story, Trial
from .summary import (
    failed_line,
    matrix_text,
    score_text,
    summary_line,
    summary_text,
)

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

MOST_EFFECTS = 12
"""Effects that the table shows, beside those that differ."""

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
        _effects(trial.baseline, trial.story),
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
    way = "; ".join(life.path)
    if life.extra:
        way = "the finished program, started once more" + (way and f": {way}")
    elif not way:
        way = "no state was entered"
    yield f"  life {life.number}   {way}{_end(life)}"
    for fault in life.struck:
        if survived := fault.described.survived:
            yield f"           {survived.format(fault.point)}"
    for note in life.notes:
        yield f"           {note}"


def _end(life: LifeStory) -> str:
    point = life.crashed_at
    if point is not None:
        last = life.path[-1].split(" > ")[-1] if life.path else ""
        here = last.removeprefix("resumed at ") == point.state
        alone = point.run == 1 and point.visit == 1
        where = point.step if here and alone else str(point)
        phrase = point.phrase(undoing=life.undoing)
        if life.place:
            phrase += f" ({life.place})"
        return f"  crashed at {where}: {phrase}"
    if life.ended == "failed":
        return f"  failed: {life.reason}"
    return "  was skipped" if life.ended == "skipped" else ""


def _failure(story: Story) -> list[str]:
    life = story.judged
    if life.ended != "failed" or not life.failure.strip():
        return []
    lines = life.failure.strip("\n").splitlines()
    if any(line.startswith("E  ") for line in lines[:-1]):
        # The last line only says once more what the timeline says of this life.
        lines = lines[:-1]
    return [
        f"  life {life.number} failed:",
        *(f"    {line}".rstrip() for line in lines),
    ]


def _effects(baseline: Story, story: Story) -> list[str]:
    happened = [*filter(story.is_judged, story.effects)]
    usual, seen = count_effects(baseline.effects), count_effects(happened)
    names = list(dict.fromkeys((*usual, *seen)))
    shown = [
        name
        for number, name in enumerate(names)
        if number < MOST_EFFECTS or usual.get(name) != seen.get(name)
    ]
    shown.sort(key=lambda name: usual.get(name) == seen.get(name))
    if not shown:
        return []
    width = max(len("effect"), *(len(_cut(name)) for name in shown))
    compared = "undisturbed" if baseline.schedule is None else "failure alone"
    lines = [f"  {'effect':<{width}}   {compared}  this run"]
    for name in shown:
        before, after = usual.get(name, 0), seen.get(name, 0)
        where = "" if before == after else _where(name, happened, baseline.effects)
        counts = f"{before:>{len(compared)}}  {after:>8}"
        line = f"  {_cut(name):<{width}}   {counts}   {where}"
        lines.append(line.rstrip())
    if len(shown) < len(names):
        more = len(names) - len(shown)
        lines.append(f"  … and {more} more, as often as {compared}")
    return lines


def _where(name: str, *kinds: Iterable[Effect]) -> str:
    for effects in kinds:
        for effect in reversed(tuple(effects)):
            if effect.identity == name:
                return effect.location
    return ""


def _cut(name: str) -> str:
    one_line = name.encode("unicode_escape").decode() if "\n" in name else name
    if len(one_line) <= LONGEST_EFFECT:
        return one_line
    return one_line[: LONGEST_EFFECT - 1] + "…"
