"""FLAKY_BASELINE: two undisturbed runs differ, so no other difference says anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeVar, final

from cano_core.checkpoints.row import CheckpointRow, RowKind

from ..effects import count_effects
from ..story import Finding, Story, Verdict
from .readings import differences
from .wording import times

K = TypeVar("K")

_BESIDE: Final = frozenset({RowKind.MEMO, RowKind.STEP_CURSOR, RowKind.BRANCH})


@final
class FlakyBaseline:
    """Two undisturbed runs on fresh disks must look the same."""

    def judge(self, first: Story, second: Story) -> Finding | None:
        """Compare two undisturbed runs."""
        differences = [*_differences(first, second)]
        if not differences:
            return None
        return Finding(Verdict.FLAKY_BASELINE, differences[0], tuple(differences[1:]))


def _differences(first: Story, second: Story) -> Iterator[str]:
    compared = [*_compared(first, second)]
    if compared:
        yield from dict.fromkeys((*first.hints, *second.hints))
    yield from compared


def _compared(first: Story, second: Story) -> Iterator[str]:
    if second.judged.ended != first.judged.ended:
        reason = f": {second.judged.reason}" if second.judged.failure else ""
        yield (
            f"the first undisturbed run {first.judged.ended}, the second "
            f"{second.judged.ended}{reason}"
        )
    yield from _counts(first, second)
    yield from _observations(first, second)
    yield from _values(
        "run {} ended at {} first, then at {}",
        {number: run.exit for number, run in first.runs.items()},
        {number: run.exit for number, run in second.runs.items()},
    )
    for point in first.points:
        if point not in second.points:
            yield f"crash point {point} was met in the first undisturbed run only"
    for point in second.points:
        if point not in first.points:
            yield f"crash point {point} was met in the second undisturbed run only"
    yield from _values("run {} wrote {} first, then {}", _rows(first), _rows(second))


def _observations(first: Story, second: Story) -> Iterator[str]:
    before, after = dict(first.observations), dict(second.observations)
    for name in first.observations:
        told = differences(
            name, before.get(name), after.get(name), usual="in the first run"
        )
        if told is not None:
            yield from told
            del before[name], after[name]
    yield from _values("{} was observed as {} first, then as {}", before, after)


def _counts(first: Story, second: Story) -> Iterator[str]:
    usual, seen = count_effects(first.effects), count_effects(second.effects)
    for identity in dict.fromkeys((*usual, *seen)):
        before, after = usual.get(identity, 0), seen.get(identity, 0)
        if before != after:
            yield f"{identity} happened {times(before)} first, then {times(after)}"


def _values(
    text: str, first: Mapping[K, object], second: Mapping[K, object]
) -> Iterator[str]:
    for name in dict.fromkeys((*first, *second)):
        if first.get(name) != second.get(name):
            yield text.format(name, _shown(first.get(name)), _shown(second.get(name)))


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "nothing"
    return str(value)


def _rows(story: Story) -> Mapping[int, object]:
    return {
        number: tuple(text for log in run.logs for text in _told(log))
        for number, run in story.runs.items()
    }


def _told(log: Sequence[CheckpointRow]) -> Iterator[str]:
    """Tell a log; what several branches do beside each other may come in any order."""
    beside: list[str] = []
    for row in log:
        text = f"{row.state} {RowKind(row.kind).name}"
        if row.kind in _BESIDE:
            beside.append(text)
        else:
            yield from sorted(beside)
            yield text
            beside = []
    yield from sorted(beside)
