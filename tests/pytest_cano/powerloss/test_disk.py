"""The model of a disk: what is durable, what is pending, what a program sees."""

import pytest
from hypothesis import given

from disk_histories import as_seen, histories
from pytest_cano.powerloss.disk import Disk, Loss
from pytest_cano.powerloss.operations import (
    Create,
    Delete,
    Sync,
    SyncNames,
    Truncate,
    Write,
)

MADE = (Create("a"), SyncNames())


def durable(disk: Disk) -> dict[str, bytes]:
    return dict(disk.after(Loss(range(len(disk.pending)))))


def test_a_write_is_seen_at_once_and_durable_once_it_is_synced():
    disk = Disk().apply(*MADE, Write("a", 0, b"one"))

    assert disk.files == {"a": b"one"}
    assert durable(disk) == {"a": b""}

    disk.apply(Sync("a"))

    assert durable(disk) == {"a": b"one"}
    assert disk.pending == ()


def test_a_sync_is_of_one_file():
    disk = Disk({"a": b"", "b": b""})

    disk.apply(Write("a", 0, b"1"), Write("b", 0, b"2"), Sync("a"))

    assert durable(disk) == {"a": b"1", "b": b""}


def test_a_synced_file_may_be_missing_until_its_directory_is_synced():
    disk = Disk().apply(Create("a"), Write("a", 0, b"one"), Sync("a"))

    assert disk.files == {"a": b"one"}
    assert durable(disk) == {}

    disk.apply(SyncNames())

    assert durable(disk) == {"a": b"one"}


def test_a_removed_file_may_come_back_until_its_directory_is_synced():
    disk = Disk({"a": b"old"}).apply(Delete("a"))

    assert disk.files == {}
    assert durable(disk) == {"a": b"old"}
    assert durable(disk.apply(SyncNames())) == {}


def test_a_name_may_lead_back_to_the_file_that_had_it_before():
    disk = Disk({"a": b"old"})

    disk.apply(Delete("a"), Create("a"), Write("a", 0, b"new"), Sync("a"))

    assert disk.files == {"a": b"new"}
    assert durable(disk) == {"a": b"old"}


def test_what_was_done_to_a_file_that_is_gone_for_good_is_not_pending():
    disk = Disk().apply(*MADE, Write("a", 0, b"x"), Delete("a"), Create("a"))

    disk.apply(SyncNames())

    assert disk.pending == ()
    assert disk.files == {"a": b""}


def test_a_directory_is_synced_without_those_below_it():
    disk = Disk().apply(Create("a"), Create("sub/b"))

    assert durable(disk.apply(SyncNames("sub"))) == {"sub/b": b""}
    assert SyncNames.around("sub/b") == SyncNames("sub")
    assert SyncNames.around("a") == SyncNames()


def test_what_lies_between_is_zeros():
    disk = Disk().apply(*MADE, Write("a", 3, b"x"), Truncate("a", 6))

    assert disk.files == {"a": b"\0\0\0x\0\0"}
    assert disk.apply(Truncate("a", 1)).files == {"a": b"\0"}


def test_a_lost_write_leaves_a_hole_for_the_one_behind_it():
    disk = Disk().apply(*MADE, Write("a", 0, b"11"), Write("a", 2, b"22"))

    assert disk.after(Loss((0,))) == {"a": b"\0\x0022"}
    assert disk.after(Loss(torn=1, size=1)) == {"a": b"112"}


def test_a_file_that_is_not_there_can_not_be_written():
    with pytest.raises(ValueError, match="1 bytes at 0 of a: there is no such file"):
        Disk().apply(Write("a", 0, b"x"))


def test_a_file_that_others_have_written_is_taken_as_it_is():
    disk = Disk().apply(*MADE, Write("a", 0, b"mine"), Create("b"))

    disk.adopt("a", b"theirs")

    assert disk.files == {"a": b"theirs", "b": b""}
    assert durable(disk) == {"a": b"theirs"}
    assert disk.apply(Write("a", 0, b"T")).files["a"] == b"Theirs"


@given(histories())
def test_the_files_are_seen_as_without_the_model(history):
    assert Disk().apply(*history).files == as_seen(history)


@given(histories())
def test_after_every_sync_nothing_is_pending_and_all_is_durable(history):
    disk = Disk().apply(*history)

    disk.apply(*(Sync(name) for name in disk.files), SyncNames())

    assert durable(disk) == as_seen(history)
    assert disk.pending == ()


@given(histories(), histories(6))
def test_what_is_durable_stays_whatever_is_pending_after_it(before, after):
    disk = Disk().apply(*before)
    disk.apply(*(Sync(name) for name in disk.files), SyncNames())
    kept = durable(disk)

    disk.apply(
        *(
            step
            for step in after
            if not isinstance(step, Sync | SyncNames)
            and (isinstance(step, Create) or step.file in disk.files)
        )
    )

    assert durable(disk) == kept
