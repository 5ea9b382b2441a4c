"""From a world and its lives to the story that oracles and reports read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .life import Life
from .moments import MOMENTS
from .program import LifeResult
from .runbook import RunRecord
from .schedule import CrashPoint, Fault, Schedule
from .story import Ending, LifeStory, RunStory, Story, TaskRun
from .world import World

LONGEST_PATH = 12
"""Steps of a path that a timeline shows; a loop may go on for ever."""

_BEGINNINGS = ("resumed ", "had finished ", "had been ")
"""How the way of a run begins anew within one life."""

_ENDINGS: dict[str, Ending] = {
    "passed": "returned",
    "failed": "failed",
    "skipped": "skipped",
}


def life_story(life: Life, result: LifeResult) -> LifeStory:
    """Tell one life."""
    return LifeStory(
        number=life.number,
        ended=_ending(life, result),
        path=tuple(_paths(life)),
        crashed_at=life.crashed_at,
        place=_place(life),
        undoing=life.undoing,
        failure="" if life.crashed else _failure(life, result),
        notes=tuple(life.notes),
        extra=life.extra,
        runaway=life.runaway,
        struck=tuple(life.struck),
        points=life.points,
        durable=life.durable,
        gave_up=life.gave_up,
        vanished=life.vanished,
        leads=dict(life.stores.leads),
        observations={
            name: tuple(values)
            for name, values in life.observations.items()
            if not life.world.ignores_observation(name)
        },
        until=life.world.now,
        images=life.images,
    )


def _place(life: Life) -> str:
    point = life.crashed_at
    if point is None or not MOMENTS[point.moment].detail:
        return ""
    return next(
        (frame.place for frame in life.frames.values() if frame.holds(point)), ""
    )


def _failure(life: Life, result: LifeResult) -> str:
    return life.runaway or life.gave_up or result.failure or life.vanished


def _ending(life: Life, result: LifeResult) -> Ending:
    if life.crashed:
        return "crashed"
    return "failed" if life.unended else _ENDINGS[result.outcome]


def story(
    world: World,
    lives: Sequence[LifeStory],
    *,
    schedule: Schedule | None = None,
    unreached: CrashPoint | None = None,
    missed_in: int = 0,
    idle: Fault | None = None,
    hints: Sequence[str] = (),
    unledgered: Sequence[str] = (),
    duration: float = 0.0,
) -> Story:
    """Tell a whole schedule, or a baseline."""
    extra = next((life.number for life in lives if life.extra), 0)
    return Story(
        schedule=schedule,
        lives=tuple(lives),
        runs={
            record.run: _run_story(record, extra, world.root)
            for record in world.book.records.values()
        },
        effects=tuple(
            effect for effect in world.effects if not world.ignores(effect.name)
        ),
        task_runs=tuple(run for life in world.lives for run in _task_runs(life)),
        observations={name: tuple(values) for name, values in _observed(world).items()},
        points=tuple(
            dict.fromkeys(point for life in world.lives for point in life.points)
        ),
        hints=tuple(dict.fromkeys(hints)),
        duration=duration,
        unreached=unreached,
        missed_in=missed_in,
        on_sqlite=world.on_sqlite,
        idle=idle,
        unledgered=tuple(unledgered),
    )


def _observed(world: World) -> Mapping[str, Sequence[str]]:
    """Return what the last judged life observed, and tasks when they last ran.

    Of a visit that goes on from a row in its midst, it is everything that was
    observed in any life, in whatever order.
    """
    judged = [life for life in world.lives if not life.extra]
    advanced = {
        str(frame)
        for life in judged
        for frame in life.frames.values()
        if frame.advanced
    }
    observed: dict[str, Sequence[str]] = {}
    for life in judged:
        for (visit, name), values in life.task_observations.items():
            if world.ignores_observation(name):
                continue
            where = f"{name} in {visit}"
            if visit in advanced:
                values = sorted({*observed.get(where, ()), *values})
            observed[where] = values
    return observed | {
        name: values
        for name, values in judged[-1].observations.items()
        if not world.ignores_observation(name)
    }


def _run_story(record: RunRecord, extra: int, root: Path) -> RunStory:
    log, above = record.log, str(root) + os.sep
    return RunStory(
        run=record.run,
        workflow_id=record.workflow_id,
        exit=record.exit,
        state=log.where,
        logs=tuple(map(tuple, log.logs)),
        extra_rows=tuple(log.written[record.before_extra :]) if extra else (),
        loads=tuple(log.loads),
        wrong_ends=tuple(log.wrong_ends),
        transitions=record.graph.transitions,
        kinds=record.graph.kinds,
        tasks={label: at.removeprefix(above) for label, at in record.tasks.items()},
        remembers=record.remembers,
        current=tuple(record.current),
        undoing=tuple(record.undoing),
        operations=tuple(log.operations),
        half_undone=tuple(log.half_undone),
    )


def _task_runs(life: Life) -> Iterator[TaskRun]:
    for frame in life.frames.values():
        for ended, start in zip(frame.runs, frame.starts, strict=True):
            unfinished = ended == "crashed" and not life.crashed
            yield TaskRun(
                frame.run,
                frame.state,
                frame.visit,
                life.number,
                "interrupted" if unfinished else ended,
                frame.undoing,
                frame.error if ended == "interrupted" else "",
                *start,
            )


def _paths(life: Life) -> Iterator[str]:
    alone = len(life.world.book.records) == 1
    for run, steps in sorted(life.paths.items()):
        text = _path(steps)
        yield text if alone else f"run {run}: {text}"


def _path(steps: Sequence[str]) -> str:
    shown = list(steps[-LONGEST_PATH:])
    text = "… > " if len(shown) < len(steps) else ""
    for number, step in enumerate(shown):
        if number:
            text += ", " if step.startswith(_BEGINNINGS) else " > "
        text += step
    return text
