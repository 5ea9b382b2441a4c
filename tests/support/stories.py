"""Small stories by hand, for oracles and reports."""

from collections.abc import Iterable, Sequence
from typing import Any

from cano_core.checkpoints.row import CheckpointRow, RowKind
from cano_core.progress import Branch, Cursor, Memo, encode_number
from pytest_cano.effects import Effect
from pytest_cano.operations import Operation
from pytest_cano.schedule import CrashPoint, Schedule
from pytest_cano.story import LifeStory, RunStory, Story, TaskRun

TRANSITIONS = {"Start": frozenset({"Process"}), "Process": frozenset({"Done"})}


def effect(
    identity: str,
    *,
    key: str | None = None,
    life: int = 1,
    point: str | None = "Process@effect:1",
    location: str = "shop.py:31 in process",
    **more: Any,
) -> Effect:
    name = identity.partition("(")[0]
    at = None if point is None else CrashPoint.parse(point)
    return Effect(name, identity, key, life, at, location, **more)


def row(
    sequence: int,
    state: str,
    kind: RowKind = RowKind.STATE_ENTRY,
    payload: bytes | None = None,
) -> CheckpointRow:
    return CheckpointRow(sequence, state, "task", kind, payload)


def rows(*texts: str) -> tuple[CheckpointRow, ...]:
    """Entry rows; with a sign in front of the state rows of another kind.

    ``+X`` is a RESUME row, ``*X`` a MEMO, ``>X 2`` the second cursor, ``|X b`` the
    result of branch b, ``!X`` a completion, ``<X`` the beginning of a rollback, and
    ``-X 3`` says that the visit of X that row 3 began is undone.
    """
    return tuple(map(_row, range(len(texts)), texts))


def _row(sequence: int, text: str) -> CheckpointRow:
    if text[0] not in _SIGNS:
        return row(sequence, text)
    kind, encode = _SIGNS[text[0]]
    state, _, about = text[1:].partition(" ")
    return row(sequence, state, kind, encode(about) if about else None)


_SIGNS: dict[str, tuple[RowKind, Any]] = {
    "+": (RowKind.RESUME, None),
    "*": (RowKind.MEMO, lambda name: Memo(name, b"").encode()),
    ">": (RowKind.STEP_CURSOR, lambda number: Cursor("", int(number), b"").encode()),
    "|": (RowKind.BRANCH, lambda part: Branch(part, b"").encode()),
    "!": (RowKind.COMPENSATION_COMPLETION, None),
    "<": (RowKind.ROLLBACK, None),
    "-": (RowKind.COMPENSATED, lambda entry: encode_number(int(entry))),
}


def run(number: int = 1, exit: str | None = "Done", **more: Any) -> RunStory:
    more.setdefault("transitions", TRANSITIONS)
    return RunStory(number, more.pop("workflow_id", f"run-{number}"), exit, **more)


def task_run(
    state: str = "Process",
    *,
    life: int = 1,
    visit: int = 1,
    number: int = 1,
    ended: Any = "returned",
    undoing: bool = False,
    **more: Any,
) -> TaskRun:
    return TaskRun(number, state, visit, life, ended, undoing, **more)


def operation(
    at: int,
    *written: CheckpointRow,
    ended: Any = "done",
    life: int = 1,
    session: int = 1,
    log: int = 1,
    **more: Any,
) -> Operation:
    """An append, unless it is to be something else."""
    more.setdefault("durable", ended == "done")
    if ended in ("failed", "cancelled"):
        more.setdefault("error", "OSError: disk full")
    name = more.pop("name", "append")
    return Operation(name, life, session, at, ended, written, log, **more)


def crashed(number: int = 1, at: str = "Process@end", *path: str) -> LifeStory:
    way = path or ("Start > Process",)
    return LifeStory(number, "crashed", way, CrashPoint.parse(at))


def returned(number: int = 2, *path: str, **more: Any) -> LifeStory:
    way = path or ("resumed at Process > Done",)
    return LifeStory(number, "returned", way, **more)


def failed(number: int, failure: str, *path: str) -> LifeStory:
    return LifeStory(number, "failed", path, failure=failure)


def extra(number: int = 3) -> LifeStory:
    return LifeStory(number, "returned", ("had finished at Done",), extra=True)


def baseline(
    *, runs: Iterable[RunStory] = (run(),), lives: Sequence[LifeStory] = (), **more: Any
) -> Story:
    alone = (LifeStory(1, "returned", ("Start > Process > Done",)),)
    more["points"] = tuple(map(CrashPoint.parse, more.pop("points", ())))
    return Story(None, tuple(lives or alone), {each.run: each for each in runs}, **more)


def story(
    *,
    schedule: str = "Process@end",
    lives: Sequence[LifeStory] = (),
    runs: Iterable[RunStory] = (run(),),
    **more: Any,
) -> Story:
    return Story(
        Schedule.parse(schedule),
        tuple(lives or (crashed(), returned())),
        {each.run: each for each in runs},
        **more,
    )
