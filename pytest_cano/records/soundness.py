"""What a document says in texts, and at two places, has to make sense together.

Its classes can't say so. Whoever reads one that was broken, or edited by hand, is told
here, and not by whatever would stumble over it later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

from ..coverage import Coverage, How
from ..story import Story, Verdict
from ..summary import Summary
from .document import Document, ProgramRecord

_HOWS: Final = get_args(How)


def problems_of(document: Document) -> Iterator[str]:
    """Say what makes no sense in a document, and where."""
    shard = document.made.shard
    if shard and not _is_part(shard):
        yield f"{shard!r} is no part of a whole, such as 2/5 @ $.made.shard"
    for number, program in enumerate(document.programs):
        where = f"$.programs[{number}]"
        yield from _of_summary(program.summary, f"{where}.summary")
        for name, story in _stories(program):
            if all(life.extra for life in story.lives):
                yield f"a story has a life that is judged @ {where}.{name}.lives"
            if any(each.run not in story.runs for each in story.task_runs):
                yield f"it names a run that there is not @ {where}.{name}.task_runs"
        for place, trial in enumerate(program.trials):
            if trial.verdict.excused and not _excuses(trial.excuse):
                yield (
                    f"{trial.verdict} says by {trial.excuse!r} not what was found: "
                    f"VERDICT: REASON @ {where}.trials[{place}].excuse"
                )


def _stories(program: ProgramRecord) -> Iterator[tuple[str, Story]]:
    if program.baseline is not None:
        yield "baseline", program.baseline
    for name, story in program.references.items():
        yield f"references[{name!r}]", story
    for place, trial in enumerate(program.trials):
        yield f"trials[{place}].story", trial.story


def _of_summary(summary: Summary, where: str) -> Iterator[str]:
    for name, verdict in summary.verdicts.items():
        known = Verdict.__members__.get(verdict)
        excuse = summary.excused.get(name, "")
        if known is None:
            yield f"{verdict!r} is no verdict @ {where}.verdicts[{name!r}]"
        elif known.excused and not _excuses(excuse):
            yield (
                f"{verdict} says by {excuse!r} not what was found: VERDICT: REASON "
                f"@ {where}.excused[{name!r}]"
            )
        elif name in summary.excused and not known.excused:
            yield f"{verdict} needs no excuse @ {where}.excused[{name!r}]"
    for name in summary.excused:
        if name not in summary.verdicts:
            yield f"there is no such schedule @ {where}.excused[{name!r}]"
    for number, told in enumerate(summary.covered):
        if not _is_coverage(told):
            yield f"it is no coverage of a workflow @ {where}.covered[{number}]"


def _is_part(text: str) -> bool:
    part, _, whole = text.partition("/")
    decimal = part.isdecimal() and whole.isdecimal()
    return decimal and 1 <= int(part) <= int(whole)


def _excuses(text: str) -> bool:
    """Say whether a text begins with what was found."""
    name, colon, _ = text.partition(":")
    verdict = Verdict.__members__.get(name)
    return bool(colon) and verdict is not None and verdict.fails


def _is_coverage(told: Mapping[str, Any]) -> bool:
    try:
        read = Coverage.of_builtins(told)
        jumps = [(state, how in _HOWS) for state, how in (*read.jumps, *read.resumed)]
        moves = [(one, other) for one, other in (*read.declared, *read.taken)]
    except (KeyError, TypeError, ValueError):
        return False
    texts = (
        *read.states,
        *read.entered,
        *read.repeated,
        *read.points,
        *read.undisturbed,
        *read.crashed,
        *(state for state, _ in jumps),
        *(state for move in moves for state in move),
    )
    listed = all(isinstance(value, list) for value in told.values())
    return (
        listed
        and all(known for _, known in jumps)
        and all(isinstance(text, str) for text in texts)
    )
