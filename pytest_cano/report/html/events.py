"""What happened in each life, in order: what the log came to hold, and the world."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

from cano_core.checkpoints.row import CheckpointRow, RowKind

from ...effects import Effect
from ...operations import Operation
from ...story import LifeStory, RunStory, Story
from ..tally import Tally
from ..timeline import end_of, notes_of, way_of

_KINDS: Final = {
    RowKind.STATE_ENTRY: "entry",
    RowKind.COMPENSATION_COMPLETION: "completed",
    RowKind.STEP_CURSOR: "cursor",
    RowKind.RESUME: "resume",
    RowKind.BRANCH: "branch",
    RowKind.ROLLBACK: "rollback",
    RowKind.COMPENSATED: "undone",
    RowKind.MEMO: "memo",
}
"""What a row records, in a word."""


@final
@dataclass(frozen=True, slots=True)
class Written:
    """What the store was asked to write.

    Attributes:
        text: which row, or what else: ``#2 Ship``.
        kind: what a row records; empty if it is none.
        trouble: why it may not be there; empty for what is.
    """

    text: str
    kind: str = ""
    trouble: str = ""


@final
@dataclass(frozen=True, slots=True)
class Done:
    """What the world was told.

    Attributes:
        text: the effect: ``charge('order-1', 42)``.
        where: in the program.
        key: its idempotency key, if it had one; without the id of its run.
        remark: what is to be said of it: that it is a repetition, say.
        wrong: whether that is what went wrong.
    """

    text: str
    where: str
    key: str = ""
    remark: str = ""
    wrong: bool = False


@final
@dataclass(frozen=True, slots=True)
class Step:
    """What stands in one line: first what was written, then what was done."""

    written: Written | None = None
    done: Done | None = None


@final
@dataclass(frozen=True, slots=True)
class Chapter:
    """One life.

    Attributes:
        number: of the life.
        way: what it went through.
        end: how it ended, if it did not come to its end.
        notes: what else is to be said of it.
        steps: what happened in it.
        left_out: how many steps are not told.
    """

    number: int
    way: str
    end: str
    notes: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    left_out: int = 0


@final
class Room:
    """How many more steps the page has room for."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def take(self, steps: int) -> bool:
        """Say whether they still fit, and count them if so."""
        if steps > self._left:
            return False
        self._left -= steps
        return True


def chapters_of(story: Story, tally: Tally, room: Room) -> Iterator[Chapter]:
    """Tell a story life by life.

    Args:
        story: what was observed.
        tally: its effects, counted.
        room: what is left of the page.
    """
    happened = _happened(story, tally)
    for life in story.lives:
        steps = _lines(happened.get(life.number, []))
        fits = room.take(len(steps))
        yield Chapter(
            life.number,
            way_of(life),
            end_of(life),
            tuple(_notes(life)),
            tuple(steps) if fits else (),
            0 if fits else len(steps),
        )


def _notes(life: LifeStory) -> Iterator[str]:
    yield from notes_of(life)
    for why in (life.gave_up, life.runaway, life.vanished):
        if why and why not in life.notes:
            yield why


def _happened(story: Story, tally: Tally) -> dict[int, list[Written | Done]]:
    """Return what happened in each life, in its order."""
    ordered: list[tuple[int, int, Written | Done]] = []
    for run in story.runs.values():
        for operation in run.operations:
            ordered += (
                (operation.at, operation.life, each)
                for each in _written(run, operation)
            )
    told = _Told(story, tally)
    ordered += ((each.at, each.life, told.done(each)) for each in story.effects)
    ordered.sort(key=lambda each: each[0])
    lives: dict[int, list[Written | Done]] = {}
    for _, life, each in ordered:
        lives.setdefault(life, []).append(each)
    return lives


def _written(run: RunStory, operation: Operation) -> Iterator[Written]:
    which = "" if run.run == 1 else f"run {run.run}: "
    trouble = _trouble(operation)
    for row in operation.rows:
        yield Written(which + _row(row), _KINDS[row.kind], trouble)
    if operation.ends or not operation.rows:
        ends = "the run is finished" if operation.ends else ""
        yield Written(f"{which}{operation.name}", ends, trouble)


def _row(row: CheckpointRow) -> str:
    return f"#{row.sequence} {row.state}"


def _trouble(operation: Operation) -> str:
    if operation.ended == "done":
        return ""
    what = {
        "conflict": "refused: another owner was there before",
        "cancelled": "cut off",
        "failed": f"failed: {operation.error}",
    }[operation.ended]
    return f"{what}, but it is there" if operation.durable else what


@final
class _Told:
    """Tells effects one after the other, and knows which of them repeat another."""

    def __init__(self, story: Story, tally: Tally) -> None:
        self._story = story
        self._counts = {each.identity: each for each in tally.counts}
        self._compared = tally.compared
        self._times: dict[str, int] = {}
        self._seen: set[object] = set()

    def done(self, effect: Effect) -> Done:
        remark, wrong = self._remark(effect)
        if effect.undoing:
            remark = ", ".join(filter(None, ("to undo", remark)))
        return Done(
            effect.identity,
            effect.location,
            "" if effect.key is None else self._without_run(effect.key),
            remark,
            wrong,
        )

    def _without_run(self, key: str) -> str:
        """Cut off what every key of a run begins with: it is long, and says little."""
        for run in self._story.runs.values():
            if run.workflow_id and key.startswith(f"{run.workflow_id}/"):
                return "…" + key[len(run.workflow_id) :]
        return key

    def _remark(self, effect: Effect) -> tuple[str, bool]:
        if not self._story.is_judged(effect):
            return "by the program's own body, not judged", False
        repeated = effect.repeated_by
        if repeated is not None and repeated in self._seen:
            return "known by its key: no second time", False
        self._seen.add(repeated)
        times = self._times[effect.identity] = self._times.get(effect.identity, 0) + 1
        count = self._counts.get(effect.identity)
        if count is None or times <= count.before:
            return "", False
        if count.before:
            return f"time {times}, {count.before} {self._compared}", True
        return f"never {self._compared}", True


def _lines(happened: list[Written | Done]) -> list[Step]:
    """Put what was done beside what was written right before it."""
    lines: list[Step] = []
    for each in happened:
        if isinstance(each, Written):
            lines.append(Step(written=each))
        elif lines and lines[-1].done is None:
            lines[-1] = Step(lines[-1].written, each)
        else:
            lines.append(Step(done=each))
    return lines
