"""What undoes a state is repeated as its task is."""

from pathlib import Path
from typing import Any

import pytest

from cano_core import CompensationFailedError, RunContext, Workflow
from programs import ForgetfulStore
from pytest_cano.view import WorldView
from repeated import ONCE, failure, repeat, ship


async def book(ledger: Any, run: RunContext) -> tuple[str, int]:
    ledger.effect("book", key=run.idempotency_key)
    return "Ship", 7


async def release(seat: int, ledger: Any, run: RunContext) -> None:
    ledger.effect("release", seat, key=run.idempotency_key)


def cinema(
    task: Any = book, undo: Any = release, then: Any = ship, *, before: bool = False
) -> Any:
    """What builds Book > Ship > Done, perhaps with a compensatable Hold before it."""

    async def hold(ledger: Any, run: RunContext) -> tuple[str, int]:
        ledger.effect("hold", key=run.idempotency_key)
        return "Book", 1

    def build(world: WorldView) -> Workflow:
        workflow = Workflow(
            checkpoint_store=world.store,
            resources={"ledger": world.ledger, "disk": world.disk},
        ).add_exit_state("Done")
        if before:
            workflow.register_with_compensation(
                "Hold", hold, compensate=release, config=ONCE
            )
        workflow.register_with_compensation("Book", task, compensate=undo, config=ONCE)
        return workflow.register("Ship", then, config=ONCE)

    return build


def test_a_sound_compensation_passes_every_level():
    verdicts = repeat(cinema(), "Book", level=4).verdicts

    assert set(verdicts.values()) == {"PASS"}
    assert {"Book@start=twin", "Book@undo=twin"} <= verdicts.keys()
    # The effects of the compensation are counted on from those of the task, and anew
    # in a later life.
    assert {"Book@undo", "Book@effect:2", "Book@undone"} <= verdicts.keys()
    assert {"Book@undone > Book@effect:1", "Book@undo > Book@undone"} <= verdicts.keys()
    assert "Book@undone > Book@start" not in verdicts


def test_what_was_done_before_may_be_undone_too():
    build = cinema(before=True)

    assert repeat(build, "Book", level=4, start="Hold").passed
    assert repeat(build, "Hold", level=4).passed


def test_the_task_itself_is_looked_at_first():
    async def book_again(ledger: Any) -> tuple[str, int]:
        ledger.effect("book")
        return "Ship", 7

    text = failure(cinema(book_again), "Book")

    assert text.startswith("the task of Book is not idempotent: book() happened 2")


async def forgets(seat: int, ledger: Any) -> None:
    ledger.effect("release", seat)


async def marks_when_done(seat: int, ledger: Any, disk: Path) -> None:
    if not (disk / "released").exists():
        ledger.effect("release", seat)
        (disk / "released").touch()


async def tolerates_one(seat: int, ledger: Any, disk: Path, run: RunContext) -> None:
    tries = disk / "tries"
    before = int(tries.read_text()) if tries.exists() else 0
    tries.write_text(str(before + 1))
    ledger.effect("release", seat, key=f"{run.idempotency_key}/{max(0, before - 1)}")


@pytest.mark.parametrize(
    ("level", "undo"), [(1, forgets), (2, marks_when_done), (3, tolerates_one)]
)
def test_a_mistake_is_found_at_its_level_and_not_below(level, undo):
    build = cinema(undo=undo)

    if level > 1:
        assert repeat(build, "Book", level=level - 1).passed
    text = failure(build, "Book", level=level)

    assert text.startswith(
        "the compensation of Book is not idempotent: release(7) happened 2 times, 1 "
        f"in the undisturbed run\n\n  level {level}   "
    )
    assert "the compensation" in text.splitlines()[2]
    assert "resumed rolling back > Book undone > rolled back" in text


def test_a_late_duplicate_of_a_compensation_is_found():
    async def hold(ledger: Any, disk: Path, run: RunContext) -> tuple[str, int]:
        return "Book", 1

    async def tidy(seat: int, disk: Path) -> None:
        (disk / "released").unlink(missing_ok=True)

    async def goes_by_a_mark(seat: int, ledger: Any, disk: Path) -> None:
        # The mark comes first; what is undone after this takes it away.
        if not (disk / "released").exists():
            (disk / "released").touch()
            ledger.effect("release", seat)

    def build(world: WorldView) -> Workflow:
        workflow = cinema(undo=goes_by_a_mark)(world)
        return workflow.register_with_compensation(
            "Hold", hold, compensate=tidy, config=ONCE
        )

    text = failure(build, "Book", level=4, start="Hold")

    assert "  level 4   a late duplicate: a process stood still before the comp" in text
    assert "it stood still before the compensation, until life 2 had ended" in text


def test_one_that_can_not_be_repeated_is_stuck():
    async def insists(seat: int, disk: Path) -> None:
        (disk / "released").mkdir()

    text = failure(cinema(undo=insists), "Book")

    assert text.startswith("the compensation of Book is not idempotent: the run was")
    assert "\nSTUCK  " in text


def test_one_that_fails_undisturbed_is_not_repeated():
    async def fails(seat: int) -> None:
        raise LookupError("no such seat")

    with pytest.raises(CompensationFailedError, match="no such seat") as raised:
        repeat(cinema(undo=fails), "Book")

    assert raised.value.__notes__ == [
        "Book failed undisturbed, so it was not repeated",
    ]


def test_where_an_exit_follows_nothing_can_be_undone_and_that_is_said():
    async def last(ledger: Any, run: RunContext) -> tuple[str, int]:
        ledger.effect("book", key=run.idempotency_key)
        return "Done", 7

    repetitions = repeat(cinema(last, undo=forgets), "Book", level=4)

    assert repetitions.passed
    assert repetitions.limits == (
        "the compensation of Book is never called here: an exit state follows",
    )


def test_a_store_that_forgets_will_do():
    stores: dict[Path, ForgetfulStore] = {}

    def open_store(disk: Path) -> ForgetfulStore:
        return stores.setdefault(disk, ForgetfulStore())

    assert repeat(cinema(), "Book", level=4, store=open_store).passed
