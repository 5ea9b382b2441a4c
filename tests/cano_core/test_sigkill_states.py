"""Processes that are really killed inside each kind of state."""

from pathlib import Path

import pytest

from cano_core import RowKind
from cano_core.progress import Cursor
from killable_flows import BEGAN, DELAY, WAIT
from lives import Directory

UNDOABLE = ["do Reserve", "do Pack"]


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path)


def last_cursor(directory: Directory) -> int:
    """Return the number of the last durable cursor; 0 if there is none."""
    cursors = [each for each in directory.rows() if each.kind is RowKind.STEP_CURSOR]
    return Cursor.decode(cursors[-1].payload).number if cursors else 0


# Steps


@pytest.mark.parametrize("step", [0, 1, 7])
def test_the_next_process_begins_with_the_last_durable_cursor(
    directory: Directory, step: int
) -> None:
    """K2."""
    directory.killed("stepped", f"step {step}", size=8)
    assert last_cursor(directory) == step

    assert directory.ended("stepped", size=8) == ("Done", "")
    assert directory.names("1") == [*UNDOABLE, *[f"step {n}" for n in range(step + 1)]]
    assert directory.names("2") == [f"step {n}" for n in range(step, 8)]


@pytest.mark.parametrize("seen", [1, 2, 30, 121])
def test_a_process_killed_at_any_moment_of_its_steps_loses_none(
    directory: Directory, seen: int
) -> None:
    """K2, without a place where it waits: it is killed in whatever it does then."""
    with directory.life("stepped", tells=True, size=1_000_000) as life:
        life.until(("effect", f"step {seen}"))
        life.kill()
    cursor = last_cursor(directory)
    made = len(directory.names("1")) - len(UNDOABLE)
    # Of the last step that began its cursor may be durable, or not.
    assert cursor in (made - 1, made)
    assert made > seen

    with directory.life("stepped", f"step {cursor}", size=1_000_000) as life:
        life.at(f"step {cursor}").kill()
    assert directory.names("2") == [f"step {cursor}"]
    assert directory.ended("stepped", size=cursor + 3) == ("Done", "")
    assert directory.names("3") == [f"step {cursor + n}" for n in range(3)]


# Splits


def test_branches_that_are_done_do_not_run_again(directory: Directory) -> None:
    unfinished = [f"branch {n}" for n in (1, 3, 4)]
    with directory.life("split", *unfinished, tells=True) as life:
        life.until(*[("at", each) for each in unfinished], ("row", 5), ("row", 6))
        life.kill()
    with directory.life("split", "branch 3", tells=True) as life:
        # The RESUME row, and those of two more branches.
        life.until(("at", "branch 3"), ("row", 8), ("row", 9))
        life.kill()

    assert directory.ended("split") == ("Done", "")
    assert directory.names("2") == unfinished
    assert directory.names("3") == [
        "branch 3",
        "join (0, 10, 20, 30, 40) without ()",
    ]
    keys = {each.name: each.key for each in directory.effects()}
    assert {each.key for each in directory.effects()} == set(keys.values())


def test_a_join_that_was_decided_stays_as_it_was(directory: Directory) -> None:
    join = "join (10, 20) without (0, 3, 4)"
    unfinished = [f"branch {n}" for n in (0, 3, 4)]
    with directory.life("split", *unfinished, join, size=2) as life:
        life.at(join).kill()
    directory.killed("split", join, size=2)

    assert directory.ended("split", size=2) == ("Done", "")
    assert directory.names("2") == directory.names("3") == [join]


# Batches


def test_items_that_are_done_are_not_processed_again(directory: Directory) -> None:
    """Two at a time: item 1 hangs, and the others come as far as item 3."""
    with directory.life("batch", "item 1", "item 4", tells=True, size=2) as life:
        # Rows of what was loaded, and of items 0, 2 and 3.
        life.until(("at", "item 1"), ("at", "item 4"), ("row", 8))
        life.kill()
    directory.killed("batch", "finish [0, 1, 4, 9, 16, 25]", size=2)

    assert directory.ended("batch", size=2) == ("Done", "")
    assert directory.names("1")[2:] == ["load", *[f"item {n}" for n in range(5)]]
    finish = "finish [0, 1, 4, 9, 16, 25]"
    assert directory.names("2") == ["item 1", "item 4", "item 5", finish]
    assert directory.names("3") == [finish]


def test_a_list_of_items_counts_once_it_is_durable(directory: Directory) -> None:
    directory.killed("batch", "load")
    directory.killed("batch", "item 0")

    assert directory.ended("batch") == ("Done", "")
    assert directory.names("2") == ["load", "item 0"]
    assert directory.names("3")[0] == "item 0"


# Streams


def test_a_window_that_was_flushed_stays_so_and_one_that_was_not_comes_again(
    directory: Directory,
) -> None:
    directory.killed("stream", "read 4")
    directory.killed("stream", "flush [3, 4, 5]")
    directory.killed("stream", "close exhausted")

    assert directory.ended("stream") == ("Done", "")
    assert directory.names("1")[2:] == [
        "open None",
        *("read 0", "read 1", "read 2", "flush [0, 1, 2]"),
        *("read 3", "read 4"),
    ]
    again = ["open 2", "read 3", "read 4", "read 5", "flush [3, 4, 5]"]
    assert directory.names("2") == again
    last = ["read 6", "read 7", "read 8", "flush [6, 7, 8]", "close exhausted"]
    assert directory.names("3") == [*again, *last]
    assert directory.names("4") == ["open 8", "close exhausted"]
    keyed = {(each.name, each.key) for each in directory.effects() if each.key}
    assert len(keyed) == len({name for name, _ in keyed})


# Waits


def test_a_timer_waits_the_rest_of_its_time(directory: Directory) -> None:
    """Killed twice while it waits; the clock goes on in between."""
    directory.killed("timer", "asleep", now=BEGAN, until=BEGAN + 600)
    directory.killed("timer", "asleep", now=BEGAN + 900, until=BEGAN + 3000)
    assert directory.ended("timer", now=BEGAN + 3100) == ("Done", "")

    assert directory.names("1")[2:] == [f"wait at {BEGAN:.0f}"]
    assert directory.names("2") == []
    assert directory.names("3") == [f"after at {BEGAN + WAIT:.0f}"]


def test_a_timer_whose_time_came_while_nobody_ran_does_not_wait(
    directory: Directory,
) -> None:
    directory.killed("timer", "asleep", now=BEGAN, until=BEGAN + 600)
    late = BEGAN + WAIT + 500
    assert directory.ended("timer", now=late) == ("Done", "")
    assert directory.names("2") == [f"after at {late:.0f}"]


def test_a_timer_counts_once_its_moment_is_durable(directory: Directory) -> None:
    directory.killed("timer", f"wait at {BEGAN:.0f}", now=BEGAN)
    assert directory.ended("timer", now=BEGAN + 600) == ("Done", "")
    assert directory.names("2") == [
        f"wait at {BEGAN + 600:.0f}",
        f"after at {BEGAN + 600 + WAIT:.0f}",
    ]


def test_a_poll_waits_the_rest_of_its_delay(directory: Directory) -> None:
    directory.killed("poll", "asleep", now=BEGAN, until=BEGAN + 100)
    directory.killed("poll", "asleep", now=BEGAN + 300, until=BEGAN + 1500)
    assert directory.ended("poll", now=BEGAN + 2400) == ("Done", "")

    assert directory.names("1")[2:] == [f"poll at {BEGAN:.0f}"]
    assert directory.names("2") == [f"poll at {BEGAN + DELAY:.0f}"]
    # The second delay was over before the third process began.
    moments = [2400 + DELAY * n for n in range(3)]
    assert directory.names("3") == [f"poll at {BEGAN + each:.0f}" for each in moments]


# Calls that are made once


def test_a_call_whose_result_is_durable_is_not_made_again(
    directory: Directory,
) -> None:
    directory.killed("once", "pay")
    # Its third moment, after the RESUME row and the call, is the row of the result.
    directory.killed("once", "moment", moment=3)

    assert directory.ended("once") == ("Done", "")
    assert [directory.names(life) for life in "123"] == [
        [*UNDOABLE, "pay"],
        ["pay"],
        ["paid"],
    ]
    assert len({each.key for each in directory.effects("2")}) == 1


# The resume itself


def test_resumes_that_are_killed_before_they_come_to_the_task_do_no_harm(
    directory: Directory,
) -> None:
    """Right after the RESUME row, and while the resources are set up."""
    directory.killed("tooled", "Work")
    for _ in range(3):
        directory.killed("tooled", "moment", moment=1)
        directory.killed("tooled", "setup")

    assert directory.ended("tooled") == ("Done", "")
    assert directory.names("1") == ["setup", *UNDOABLE, "Work"]
    for life in "234567":
        assert directory.names(life) == ([] if int(life) % 2 == 0 else ["setup"])
    assert directory.names("8") == ["setup", "Work", "teardown"]
    assert {each.key for each in directory.effects() if each.name == "Work"} == {
        "run/Work/1"
    }


def test_a_resume_that_is_killed_before_it_claims_the_run_leaves_no_row(
    directory: Directory,
) -> None:
    directory.killed("plain", "Work")
    before = directory.rows()
    directory.killed("plain", "loaded")

    assert directory.rows() == before
    assert directory.ended("plain") == ("Done", "")
    assert directory.names("3") == ["Work"]
