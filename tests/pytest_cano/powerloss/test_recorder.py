"""What a recorder takes down, and when it stops."""

import pickle
from pathlib import Path

import pytest

from pytest_cano.powerloss.operations import Create, Sync, SyncNames, Write
from pytest_cano.powerloss.recorder import Recorder

MADE = (Create("a"), SyncNames())


def test_what_happens_after_the_power_loss_is_in_no_image(tmp_path: Path):
    recorder = Recorder(tmp_path)
    recorder.record(*MADE, Write("a", 0, b"before"))

    recorder.freeze()
    recorder.record(Sync("a"), Write("a", 0, b"after!"))
    recorder.found("a", b"anything")

    assert recorder.disk.files == {"a": b"before"}
    assert recorder.disk.pending == (Write("a", 0, b"before"),)


def test_with_the_power_back_the_image_is_durable_and_recording_goes_on(tmp_path: Path):
    recorder = Recorder(tmp_path)
    recorder.record(*MADE)
    recorder.freeze()

    recorder.restart({"b": b"kept"})
    recorder.record(Write("b", 4, b"!"))

    assert recorder.disk.files == {"b": b"kept!"}
    assert recorder.disk.pending == (Write("b", 4, b"!"),)


def test_a_file_is_found_as_it_was_left_or_as_others_have_left_it(tmp_path: Path):
    recorder = Recorder(tmp_path)
    recorder.record(*MADE, Write("a", 0, b"mine"))

    recorder.found("a", b"mine")
    assert recorder.disk.pending == (Write("a", 0, b"mine"),)

    recorder.found("a", b"theirs")
    assert recorder.disk.pending == ()
    assert recorder.disk.files == {"a": b"theirs"}


def test_every_operation_is_told_when_it_has_been_taken_down(tmp_path: Path):
    recorder = Recorder(tmp_path)
    told = []
    recorder.on_operation = lambda operation: told.append(
        (operation, len(recorder.disk.pending))
    )

    recorder.record(*MADE, Write("a", 0, b"x"))
    recorder.freeze()
    recorder.record(Sync("a"))

    assert told == [(Create("a"), 1), (SyncNames(), 0), (Write("a", 0, b"x"), 1)]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("runs.db", "runs.db"),
        ("sub/runs.db", "sub/runs.db"),
        ("../runs.db", None),
        ("..runs.db", "..runs.db"),
        ("../disk2/runs.db", None),
    ],
)
def test_files_are_named_within_the_directory(tmp_path: Path, path: str, name: str):
    disk = tmp_path / "disk"
    disk.mkdir()

    assert Recorder(disk).name(str(disk / path)) == name


def test_a_link_is_followed_to_the_directory(tmp_path: Path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    recorder = Recorder(tmp_path / "link")

    assert recorder.name(str(tmp_path / "link" / "a")) == "a"
    assert recorder.name(str(tmp_path / "disk" / "a")) == "a"


def test_another_process_goes_on_with_it(tmp_path: Path):
    recorder = Recorder(tmp_path)
    recorder.on_operation = print
    recorder.record(*MADE, Write("a", 0, b"x"))
    recorder.freeze()

    again = pickle.loads(pickle.dumps(recorder))

    assert again.frozen
    assert again.disk.pending == recorder.disk.pending
    again.restart(again.disk.files)
    again.record(Write("a", 1, b"y"))
    assert again.disk.files == {"a": b"xy"}
