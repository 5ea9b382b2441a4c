"""HALF_UNDONE: a run was undone in part, twice, in a wrong order or after its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import final

from cano_core.checkpoints.row import CheckpointRow

from ..log_reader import LogReader, Visit
from ..story import Finding, RunStory, Story, TaskRun, Verdict
from .wording import about, called


@final
class HalfUndone:
    """A run is done or undone: all of it, each visit once, the last one first.

    It is its log that says which visits were completed, so what a compensation does
    about a visit whose end was never recorded is not judged here.
    """

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        problems = [
            about(story, run) + problem
            for run in story.runs.values()
            for problem in _problems(run, story, baseline.runs.get(run.run))
        ]
        if not problems:
            return None
        problems = [*dict.fromkeys(problems)]
        return Finding(Verdict.HALF_UNDONE, problems[0], tuple(problems[1:]))


def _problems(
    run: RunStory, story: Story, undisturbed: RunStory | None
) -> Iterator[str]:
    yield from run.half_undone
    for number, rows in enumerate(run.logs, 1):
        reader = _read(run, rows)
        undoing = sorted(
            (
                each
                for each in story.task_runs
                if each.undoing
                and (each.run, each.log) == (run.run, number)
                # What its log does not know as completed, it can't know as undone.
                and (each.state, each.visit) in reader.completed.values()
            ),
            key=lambda each: each.at,
        )
        if reader.exited:
            for each in undoing:
                yield f"{_undone(each)}, though the run ended at {reader.label}"
        yield from _twice(run, number, undoing, reader)
        yield from _in_wrong_order(undoing, reader)
    if undisturbed is None or not any(_given_up(undisturbed)):
        yield from _given_up(run)


def _read(run: RunStory, rows: Sequence[CheckpointRow]) -> LogReader:
    reader = LogReader(run.transitions, run.kinds)
    for row in rows:
        for _ in reader.read(row):
            pass  # which rules it breaks is the matter of BAD_LOG
    return reader


def _twice(
    run: RunStory, number: int, undoing: Sequence[TaskRun], reader: LogReader
) -> Iterator[str]:
    recorded = _recorded(run, number, reader)
    returned: set[tuple[int, int, Visit]] = set()
    for each in undoing:
        visit = each.state, each.visit
        since = recorded.get(visit, each.at)
        if each.at > since and not _stood_still(run, each, since):
            yield f"{_undone(each)}, though its log said that it had been undone"
        if each.ended == "returned":
            here = each.life, each.session, visit
            if here in returned:
                yield f"{called(*visit)} was undone twice in life {each.life}"
            returned.add(here)


def _stood_still(run: RunStory, undoing: TaskRun, since: int) -> bool:
    """Say whether a start of the run can't have known what was durable since then.

    It knew the log, and asks its store for the first time after that.
    """
    asked = [
        each.at
        for each in run.operations
        if (each.life, each.session) == (undoing.life, undoing.session)
        and each.at < undoing.at
    ]
    return bool(asked) and max(asked) < since


def _recorded(run: RunStory, number: int, reader: LogReader) -> Mapping[Visit, int]:
    """Say when it became durable of each visit that it was undone.

    What a store lost is not known any more: that is the matter of LOST_WORK.
    """
    lost = {row for load in run.loads for row in load.lost}
    recorded: dict[Visit, int] = {}
    for operation in run.operations:
        if not operation.durable or operation.log != number:
            continue
        for row in operation.rows:
            visit = reader.undone(row)
            if visit is not None and row not in lost:
                recorded.setdefault(visit, operation.at)
    return recorded


def _in_wrong_order(undoing: Sequence[TaskRun], reader: LogReader) -> Iterator[str]:
    """Compare what one start of the run undid with the order of completion.

    A compensation that fails is left for the next start, so only what the same start
    tried is compared.
    """
    order = {visit: place for place, visit in enumerate(reader.completed.values())}
    starts: dict[tuple[int, int], dict[Visit, None]] = {}
    for each in undoing:
        start = starts.setdefault((each.life, each.session), {})
        start[each.state, each.visit] = None
    for (life, _), visits in starts.items():
        for first, second in pairwise(visits):
            if order[first] < order[second]:
                yield (
                    f"life {life} undid {called(*first)} before {called(*second)}, "
                    "which had been completed later"
                )


def _given_up(run: RunStory) -> Iterator[str]:
    """Say which rollbacks were given up for a fresh start of the run."""
    vanished = {load.expected for load in run.loads if not load.found}
    for rows in run.logs[:-1]:
        reader = _read(run, rows)
        if reader.failed is not None and reader.to_undo and rows not in vanished:
            left = ", ".join(called(*visit) for visit in reader.to_undo.values())
            yield (
                f"the run was begun anew in the midst of its rollback from "
                f"{reader.failed}, with {left} not undone"
            )


def _undone(run: TaskRun) -> str:
    return f"the compensation of {called(run.state, run.visit)} ran in life {run.life}"
