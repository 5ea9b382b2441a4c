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
    # An id that every undisturbed run has too was not made up.
    book = life.world.book
    made_up = [
        record
        for key, record in book.records.items()
        if record.workflow_id is not None and key not in book.expected
    ]
    for new in made_up:
        if new.first_life == life.number:
            for old in made_up:
                if old.first_life < new.first_life:
                    yield _elsewhere(new, old)


def found_in_place(life: Life) -> Iterator[str]:
    """Say which runs an undisturbed life found in a store that should be empty."""
    for record in life.world.book.records.values():
        if record.log.found:
            yield (
                f"run {record.workflow_id!r} was already {record.log.found} when its "
                "disk was new: the store is not on cano_disk (or tmp_path), so it "
                "outlives the test"
            )


def _wrong_calls(life: Life, result: LifeResult) -> Iterator[str]:
    if "RolledBackError" in result.failure:
        yield (
            f"the life in which a run fails and is undone raises the task's failure; "
            f"every later one, as life {life.number}, raises RolledBackError: let the "
            "program expect both, as in "
            "pytest.raises((TaskFailedError, RolledBackError))"
        )
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
