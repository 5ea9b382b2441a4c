"""Programs that lose power at a crash point, and what is found."""

from typing import Any

import pytest

pytest.importorskip("apsw", reason="needs the extra pytest-cano[powerloss]")

from cano_core import MemoryCheckpointStore, SQLiteCheckpointStore
from programs import ForgetfulStore, charging, processing, shop
from pytest_cano import outage
from pytest_cano.backends import BACKENDS
from pytest_cano.checking import check
from pytest_cano.explorer import Trial
from pytest_cano.notation import SelectorError
from pytest_cano.script import Nth, Together
from pytest_cano.story import Verdict
from pytest_cano.view import WorldView

SOUND = processing(lambda world: charging(world, key="k"))


class Unsynced(SQLiteCheckpointStore):
    """A store on SQLite that does not wait for the disk, and says so or not."""

    def __init__(self, path: Any, may_lose: int = 0) -> None:
        super().__init__(path, sync=False)
        self.may_lose = may_lose


def on(store: type[SQLiteCheckpointStore], *arguments: Any) -> Any:
    """A program that opens a store of its own on the disk."""

    async def program(world: WorldView) -> None:
        with store(world.disk / "own.db", *arguments) as opened:
            workflow = shop(world, store=opened)
            await workflow.start_or_resume("Start", workflow_id=world.workflow_id)

    return program


def lost(trial: Trial) -> list[int]:
    """How many rows each life missed that found some missing."""
    loads = trial.story.runs[1].loads
    return [len(load.expected) - len(load.found) for load in loads]


# On SQLite


@pytest.mark.parametrize("fault", ["unsynced:1", "unsynced:100", "torn:512"])
@pytest.mark.parametrize("program", [SOUND, on(SQLiteCheckpointStore)])
def test_what_was_synced_is_there_after_every_power_loss(search, program, fault: str):
    found = search(program, crash=f"all={fault}", store=BACKENDS["sqlite"])

    assert len(found.verdicts()) == len(found.points)
    assert found.failures() == {}


def test_a_store_that_syncs_has_one_disk_to_leave(search):
    found = search(SOUND, crash="Process@end=powerloss", store=BACKENDS["sqlite"])

    trial = found.run("Process@end=powerloss:1")

    assert trial.verdict is Verdict.PASS
    assert trial.story.lives[0].images == 1
    assert trial.story.lives[0].notes == (
        "the power was lost: nothing was unsynced, nothing was lost",
    )


@pytest.mark.parametrize(
    ("fault", "rows"),
    [("unsynced:0", []), ("unsynced:1", [1]), ("unsynced:5", [2]), ("torn:512", [1])],
)
def test_a_store_that_does_not_sync_loses_rows(search, fault: str, rows: list[int]):
    trial = search(on(Unsynced)).run(f"Process@end={fault}")

    assert lost(trial) == rows
    assert trial.verdict is (Verdict.LOST_WORK if rows else Verdict.PASS)


@pytest.mark.parametrize(("may_lose", "held"), [(1, False), (2, True), (9, True)])
def test_a_store_is_held_to_what_it_declares(search, may_lose: int, held: bool):
    trial = search(on(Unsynced, may_lose)).run("Process@end=unsynced:100")

    assert lost(trial) == [2]
    assert trial.verdict is (Verdict.PASS if held else Verdict.LOST_WORK)


def test_the_report_says_what_the_disk_lost(search):
    trial = search(on(Unsynced)).run("Process@end=unsynced:1")

    first, second = trial.story.lives[:2]
    assert first.notes[0].startswith("the power was lost: 1 of 26 unsynced changes")
    assert first.notes[0].endswith("bytes at 12416 of own.db-wal")
    assert second.path == ("resumed at Start > Process > Done",)


def test_every_disk_that_a_power_loss_may_leave_is_tried():
    report = check(on(Unsynced), crash="Process@end=powerloss")

    numbers = [f"Process@end=powerloss:{n + 1}" for n in range(len(report.verdicts))]
    assert list(report.verdicts) == numbers
    assert len(numbers) > 30
    one_more = f"Process@end=powerloss:{len(numbers) + 1}"
    assert check(on(Unsynced), crash=one_more).verdicts[one_more] == "NOT_FIRED"
    # Some disks are damaged: a store that does not sync may lose more than rows.
    assert {*report.verdicts.values()} == {"PASS", "LOST_WORK", "STUCK"}


def test_a_disk_that_there_is_not_proves_nothing(search):
    trial = search(on(Unsynced)).run("Process@end=powerloss:10000")

    assert trial.verdict is Verdict.NOT_FIRED
    assert trial.story.lives[0].ended == "returned"
    (note,) = trial.story.lives[0].notes
    assert note.startswith("Process@end=powerloss:10000: a power loss leaves one of ")


def test_what_a_program_writes_after_the_power_loss_is_lost(search):
    """Its store is closed, which moves everything from the WAL to the file."""
    trial = search(on(Unsynced)).run("Process@end=unsynced:100")

    assert lost(trial) == [2]


def test_one_power_loss_follows_another(search):
    trial = search(on(Unsynced)).run(
        "Process@end=unsynced:1 > Process@end=unsynced:1 > Process@end=unsynced:1"
    )

    # Each life goes on from the row before, and loses what it has written last.
    assert [life.ended for life in trial.story.lives[:4]] == ["crashed"] * 3 + [
        "returned"
    ]
    assert lost(trial)[:3] == [1, 1, 1]


def test_what_another_crash_has_left_unsynced_is_lost_with_the_power(search):
    trial = search(on(Unsynced)).run("Process@start > Process@load=unsynced:1000")

    assert lost(trial) == [2]


def test_it_is_no_ending_that_others_disagree_with():
    report = check(on(Unsynced), crash="Process@end, Process@end=unsynced:9")

    assert report.verdicts == {
        "Process@end": "PASS",
        "Process@end=unsynced:9": "LOST_WORK",
    }


def test_a_search_goes_deeper_from_a_power_loss():
    report = check(SOUND, crash="Process@end=unsynced:1", depth=2, store="sqlite")

    assert report.passed
    assert "Process@end=unsynced:1 > Process@start=unsynced:1" in report.verdicts


def test_a_search_goes_on_from_every_disk_as_from_each_that_is_named():
    program = on(SQLiteCheckpointStore)
    # The making of the file is not synced yet.
    every = check(program, crash="Start@enter=powerloss", depth=2)
    disks = [text for text in every.verdicts if ">" not in text]
    each = check(program, crash=disks, depth=2)

    assert len(disks) > 1
    assert every.verdicts == each.verdicts
    assert every.summary.seen == each.summary.seen


def test_what_was_lost_is_part_of_the_state_that_a_search_goes_on_from():
    """Both have acknowledged the same, and leave other disks."""
    report = check(
        on(Unsynced, 9),
        crash="Process@end=unsynced:1, Process@end=unsynced:99",
        depth=2,
    )

    assert report.passed
    assert "Process@end=unsynced:1 > Start@enter=unsynced:1" in report.verdicts
    assert "Process@end=unsynced:99 > Start@enter=unsynced:99" in report.verdicts


def test_made_up_schedules_lose_power_too(search):
    found = search(on(Unsynced))

    trial = found.explorer.run_scripts([Together(Nth(5, "unsynced", 5))])

    assert str(trial.schedule) == "Process@end=unsynced:5"
    assert lost(trial) == [2]
    assert found.explorer.can_carry_out("torn")


def test_made_up_schedules_tear_only_what_is_on_sqlite(search):
    found = search(SOUND, store=memory)

    assert found.explorer.can_carry_out("unsynced")
    assert not found.explorer.can_carry_out("torn")


# On other stores


def memory(world: Any) -> Any:
    return world.keep("store", MemoryCheckpointStore)


def forgetful(world: Any) -> Any:
    return world.keep("store", ForgetfulStore)


@pytest.mark.parametrize("store", [memory, forgetful])
@pytest.mark.parametrize(("count", "rows"), [(0, []), (1, [1]), (2, [2]), (9, [2])])
def test_the_last_writes_of_any_store_are_lost(search, store, count: int, rows):
    trial = search(SOUND, store=store).run(f"Process@end=unsynced:{count}")

    assert lost(trial) == rows
    assert trial.verdict is (Verdict.LOST_WORK if rows else Verdict.PASS)


def test_a_life_that_ends_otherwise_loses_nothing(search):
    found = search(SOUND, store=memory)

    trial = found.run("Process@end > Process@end=unsynced:1")

    # The entry of the second life, and nothing that the first one wrote.
    assert lost(trial) == [1]
    assert trial.story.lives[2].path == ("resumed at Process > Done",)


def test_an_end_that_was_lost_is_reached_again(search):
    trial = search(SOUND, store=memory).run("Done@cleared=unsynced:1")

    assert trial.story.runs[1].exit == "Done"
    assert trial.story.lives[1].path == ("resumed at Process > Done",)


# What can't be


@pytest.mark.parametrize("fault", ["torn:512", "powerloss", "powerloss:3"])
def test_nothing_can_be_put_below_another_store(fault: str):
    with pytest.raises(SelectorError, match="needs a store on SQLite") as caught:
        check(SOUND, crash=f"all={fault}", store="memory")

    assert str(caught.value).startswith(f"all={fault}: ")


def test_without_apsw_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outage, "has_apsw", lambda: False)

    with pytest.raises(SelectorError, match=r"pip install 'pytest-cano\[powerloss\]'"):
        check(SOUND, crash="Process@end=unsynced:1", store="sqlite")


def test_a_store_in_memory_loses_writes_without_apsw(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outage, "has_apsw", lambda: False)

    report = check(SOUND, crash="Process@end=unsynced:1", store="memory")

    assert not report.passed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("everywhere=unsynced:2", "everywhere takes an ending"),
        ("everywhere=powerloss", "everywhere takes an ending"),
        ("Process@end=powerloss > Done@cleared", "it is written 'powerloss:N'"),
    ],
)
def test_a_selector_that_makes_no_sense(text: str, problem: str):
    with pytest.raises(SelectorError, match=problem):
        check(SOUND, crash=text, store="sqlite")
