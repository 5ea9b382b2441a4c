"""BAD_LOG: the log broke its rules, or was not what had been appended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

from cano_core.checkpoints.row import CheckpointRow, RowKind

from ..log_reader import LogReader, named
from ..story import Finding, Load, RunStory, Story, TaskRun, Verdict
from .wording import AGAIN, about, called


@final
class BadLog:
    """A log must hold what was appended, in order, and be gone after the end."""

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        problems = [
            about(story, run) + problem
            for run in story.runs.values()
            for problem in (*_problems(run), *_unclaimed(run, story.task_runs))
        ]
        if not problems:
            return None
        return Finding(Verdict.BAD_LOG, problems[0], tuple(problems[1:]))


def _problems(run: RunStory) -> Iterator[str]:
    for load in run.loads:
        if not load.lost:
            yield _difference(load)
    for log in run.logs:
        yield from _broken_rules(log, LogReader(run.transitions, run.kinds))
    yield from run.wrong_ends
    if run.exit in run.transitions:
        yield f"the log was let go of in {run.exit}, which is no exit state"
    for row in run.extra_rows:
        yield f"{named(row)} was appended {AGAIN}"


def _difference(load: Load) -> str:
    if load.finished and not load.expected:
        return (
            f"life {load.life} found {len(load.found)} rows, though the run had ended "
            "and its log was gone"
        )
    for expected, found in zip(load.expected, load.found, strict=False):
        if expected != found:
            return (
                f"life {load.life} found row {expected.sequence} changed: {found}, "
                f"{expected} had been appended"
            )
    return (
        f"life {load.life} found {named(load.found[len(load.expected)])}, which "
        "nobody had appended"
    )


def _broken_rules(log: Sequence[CheckpointRow], reader: LogReader) -> Iterator[str]:
    for position, row in enumerate(log):
        if row.sequence != position:
            yield f"{named(row)} stands where row {position} belongs"
            return
        yield from reader.read(row)


def _unclaimed(run: RunStory, tasks: Sequence[TaskRun]) -> Iterator[str]:
    """Say who has gone on with a run before a row of theirs claimed it."""
    known: set[tuple[int, int]] = set()
    for operation in run.operations:
        start = operation.life, operation.session
        if start in known or not (operation.durable and operation.rows and start[1]):
            continue
        known.add(start)
        first = operation.rows[0]
        done = [
            f"the task of {called(each.state, each.visit)}"
            for each in tasks
            if (each.run, each.life, each.session) == (run.run, *start)
            and each.at < operation.at
        ]
        if first.sequence and first.kind != RowKind.RESUME:
            done.append(named(first))
        if first.sequence and done:
            yield (
                f"life {operation.life} went on with {done[0]}, before a RESUME row "
                "claimed the run"
            )
