"""The run book: which run is which, over lives, worlds and stores."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cano_core import MemoryCheckpointStore, SQLiteCheckpointStore, Workflow
from programs import ForgetfulStore
from pytest_cano.runbook import RunBook
from stories import rows

WORKFLOW = Workflow()


@pytest.fixture
def book(tmp_path: Path) -> RunBook:
    return RunBook(tmp_path)


def begin(book: RunBook, workflow_id: str, store: Any = None, life: int = 1) -> Any:
    record = book.stored(workflow_id, WORKFLOW, store or MemoryCheckpointStore(), life)
    record.log.appended(rows("Start"))
    return record


def test_runs_are_numbered_as_they_are_first_seen(book):
    assert [begin(book, name).run for name in ("a", "b", "a")] == [1, 2, 1]


def test_runs_without_a_store_are_numbered_by_life(book):
    assert book.storeless(1, WORKFLOW, 1).run == 1
    assert begin(book, "a").run == 2
    assert book.storeless(1, WORKFLOW, 2).run == 1


def test_runs_that_every_baseline_knows_keep_their_number(book):
    first, second = begin(book, "a"), begin(book, "b")
    other = RunBook(Path("/elsewhere"))
    other.expected = {key: record.run for key, record in book.records.items()}

    assert begin(other, "b").run == second.run
    assert begin(other, "new").run == 3
    assert begin(other, "a").run == first.run


def test_a_run_that_never_had_a_row_frees_its_number(book):
    book.stored("made-up-1", WORKFLOW, MemoryCheckpointStore(), 1)
    book.forget_unwritten()

    assert begin(book, "made-up-2", life=2).run == 1
    book.forget_unwritten()
    assert begin(book, "made-up-3", life=3).run == 2


def test_one_id_in_two_files_is_two_runs(book, tmp_path):
    stores = [SQLiteCheckpointStore(tmp_path / name) for name in ("a.db", "b.db")]

    assert [begin(book, "r", store).run for store in stores] == [1, 2]
    again = SQLiteCheckpointStore(tmp_path / "a.db")
    assert begin(book, "r", again, life=2).run == 1


def test_a_place_is_told_relative_to_the_disk(tmp_path):
    def place(disk: str) -> str:
        store: Any = SimpleNamespace(path=tmp_path / disk / "x" / "y.db")
        return RunBook(tmp_path / disk).place(store)

    assert place("1") == place("2") == "SimpleNamespace /x/y.db"


@pytest.mark.parametrize(
    "attributes", [{"directory": "/a"}, {"_path": "/a"}, {"url": "db://a"}]
)
def test_a_store_s_place_is_told_by_its_attributes(book, attributes):
    store: Any = SimpleNamespace(**attributes)
    other: Any = SimpleNamespace(**dict.fromkeys(attributes, "/b"))

    assert book.place(store) != book.place(other)


def test_a_store_that_does_not_tell_its_place_is_one_of_its_kind(book):
    assert book.place(ForgetfulStore()) == book.place(ForgetfulStore())
    assert book.place(ForgetfulStore()) != book.place(MemoryCheckpointStore())


def test_a_resumption_is_remembered_with_what_it_has_to_do_again(book):
    record = begin(book, "a")
    record.log.appended(rows("Process", "Process"))
    record.resumed()
    record.resumed()
    record.log.appended(rows("!Process", "Pay", "<Pay"))
    record.resumed()
    record.log.cleared(at_exit=True)
    record.resumed()

    assert record.current == [("Process", 2), ("Process", 2)]
    assert record.undoing == [("Process", 2)]


@pytest.mark.parametrize(
    ("finished", "remembers", "forgotten", "restartable"),
    [
        (True, True, False, True),
        (False, True, False, False),
        (True, False, False, False),
        (True, True, True, False),
    ],
)
def test_what_must_do_nothing_when_started_once_more(
    book, finished, remembers, forgotten, restartable
):
    record = begin(book, "a")
    if finished:
        record.log.cleared(at_exit=True)
    record.remembers = remembers
    record.log.forgotten = forgotten

    assert book.restartable() is restartable


def test_a_run_that_was_begun_anew_after_its_end_is_not_at_its_end(book):
    record = begin(book, "a")
    record.log.cleared(at_exit=True)
    record.log.appended(rows("Start"))

    assert not book.restartable()


def test_without_runs_or_with_one_without_a_store_there_is_no_extra_start(book):
    assert not book.restartable()
    book.storeless(1, WORKFLOW, 1).storeless_exit = "Done"
    assert not book.restartable()
