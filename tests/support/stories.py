"""Small stories by hand, for oracles and reports."""

from collections.abc import Iterable, Sequence
from typing import Any

from cano_core.checkpoints.row import CheckpointRow, RowKind
from pytest_cano.effects import Effect
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
) -> Effect:
    name = identity.partition("(")[0]
    at = None if point is None else CrashPoint.parse(point)
    return Effect(name, identity, key, life, at, location)


def row(
    sequence: int, state: str, kind: RowKind = RowKind.STATE_ENTRY
) -> CheckpointRow:
    return CheckpointRow(sequence, state, "task", kind)


def rows(*states: str) -> tuple[CheckpointRow, ...]:
    """Entry rows; ``+X`` is a RESUME row of X, ``*X`` a MEMO row."""
    kinds = {"+": RowKind.RESUME, "*": RowKind.MEMO}
    return tuple(
        row(number, state.lstrip("+*"), kinds.get(state[0], RowKind.STATE_ENTRY))
        for number, state in enumerate(states)
    )


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
) -> TaskRun:
    return TaskRun(number, state, visit, life, ended)


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
