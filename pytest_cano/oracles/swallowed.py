"""SWALLOWED: the store failed, and success was reported all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, final

from cano_core.checkpoints.row import CheckpointRow, RowKind

from ..log_reader import named
from ..operations import Operation
from ..story import Finding, LifeStory, RunStory, Story, Verdict
from .wording import about

_ADVANCES: Final = frozenset({RowKind.MEMO, RowKind.STEP_CURSOR, RowKind.BRANCH})
"""Rows that calls beside each other leave, so that one may follow another's failure."""


@final
class Swallowed:
    """Who is told that the store failed must not go on as if nothing had happened.

    That is what a program does which returns, having observed exactly what the
    undisturbed one observes, although an operation on a run failed in that life and
    the run has not ended by then: nobody will start it again. One that fails, or says
    that not all went well, is right. It is also what an engine does that goes on to
    the next row without the one that could not be written.
    """

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        problems = [
            about(story, run) + problem
            for run in story.runs.values()
            for problem in (
                *_passed_over(run),
                *_claimed(run, story, baseline),
            )
        ]
        if not problems:
            return None
        return Finding(Verdict.SWALLOWED, problems[0], tuple(problems[1:]))


def _passed_over(run: RunStory) -> Iterator[str]:
    for failed in run.operations:
        if failed.ended != "failed" or failed.durable or not failed.rows:
            continue
        following = next(_following(failed, run), None)
        if following is not None and not set(failed.rows) <= set(following.rows):
            yield (
                f"{_called(failed)} failed in life {failed.life} ({failed.error}), and "
                f"{_called(following)} followed as if it had not"
            )


def _following(failed: Operation, run: RunStory) -> Iterator[Operation]:
    """Return what the same start of the run did later that takes the run further."""
    for later in run.operations:
        if (
            later.ended == "done"
            and later.at > failed.at
            and later.session != 0
            and (later.life, later.session) == (failed.life, failed.session)
            and (later.ends or any(row.kind not in _ADVANCES for row in later.rows))
        ):
            yield later


def _claimed(run: RunStory, story: Story, baseline: Story) -> Iterator[str]:
    usual = baseline.runs.get(run.run)
    if usual is None or usual.exit is None:
        return
    for life in story.lives:
        if not _succeeded(life, baseline) or _ended(run, life):
            continue
        for each in run.operations:
            if each.life == life.number and each.ended in ("failed", "cancelled"):
                yield (
                    f"life {life.number} returned as the undisturbed run does, though "
                    f"{_called(each)} had failed ({each.error}) and the run had not "
                    f"come to {usual.exit}"
                )
                break


def _succeeded(life: LifeStory, baseline: Story) -> bool:
    return (
        life.ended == "returned"
        and not life.extra
        and life.observations == baseline.judged.observations
    )


def _ended(run: RunStory, life: LifeStory) -> bool:
    """Say whether the run had come to its end when the life did."""
    return any(
        each.durable
        and each.at <= life.until
        and (each.ends or any(_is_exit(run, row) for row in each.rows))
        for each in run.operations
    )


def _is_exit(run: RunStory, row: CheckpointRow) -> bool:
    return row.kind == RowKind.STATE_ENTRY and row.state not in run.transitions


def _called(operation: Operation) -> str:
    rows = ", ".join(map(named, operation.rows))
    return f"{operation.name} of {rows}" if rows else operation.name
