"""What a program's author may want to change, where it does not go on with its runs."""

from __future__ import annotations

from collections.abc import Iterator

from .life import Life
from .program import LifeResult
from .runbook import RunRecord


def hints(life: Life, result: LifeResult) -> Iterator[str]:
    """Say what a life did instead of resuming; nothing for a crashed one."""
    if life.crashed or life.number == 1:
        return
    if not life.extra:
        yield from _wrong_calls(life, result)
    book = life.world.book
    stored = [run for run in book.records.values() if run.workflow_id is not None]
    for new in stored:
        # An id that every undisturbed run has too was not made up.
        if new.first_life != life.number or new.key in book.expected:
            continue
        for old in stored:
            if old.first_life < new.first_life and _left(old, life):
                yield _elsewhere(new, old)


def _wrong_calls(life: Life, result: LifeResult) -> Iterator[str]:
    for error, what in (
        ("RunExistsError", "began the run anew instead of resuming it"),
        ("RunNotFoundError", "resumed a run that had no row yet"),
    ):
        if error in result.failure:
            yield (
                f"life {life.number} {what} ({error}): let the program call "
                "workflow.start_or_resume(...), which is right for a first start and "
                "for a restart"
            )


def _left(record: RunRecord, life: Life) -> bool:
    """Say whether a run was left unfinished, or finished and taken for no more."""
    return life.extra if record.exit is not None else record.log.state is not None


def _elsewhere(new: RunRecord, old: RunRecord) -> str:
    if new.workflow_id != old.workflow_id:
        return (
            f"life {new.first_life} began run {new.workflow_id!r} and left run "
            f"{old.workflow_id!r} as it was: give a run the same id in every life "
            "(cano_workflow_id is one)"
        )
    return (
        f"life {new.first_life} looked for run {new.workflow_id!r} in "
        f"{new.place}, life {old.first_life} had written it to "
        f"{old.place}: keep the store on cano_disk"
    )
