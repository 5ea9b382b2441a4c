"""Processes that are really killed while they undo what a run has done."""

from pathlib import Path

import pytest

from cano_core import OutcomeStatus, RowKind
from lives import Directory


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path)


def assert_rolled_back(directory: Directory, *, after: int) -> None:
    """Nothing is left, and whoever comes later, a fresh start too, learns of it."""
    rows, outcome = directory.left()
    assert rows == []
    assert outcome is not None
    assert outcome.status is OutcomeStatus.ROLLED_BACK
    so_far = directory.effects()
    assert len(so_far) == after
    result, text = directory.ended()
    assert result == "RolledBackError"
    assert "no work today" in text
    assert directory.effects() == so_far


@pytest.mark.parametrize(
    ("killed_in", "left"),
    [
        ("undo Pack", ["undo Pack", "undo Reserve"]),
        ("undo Reserve", ["undo Reserve"]),
    ],
)
def test_a_rollback_killed_inside_a_compensation_goes_on_with_that_one(
    directory: Directory, killed_in: str, left: list[str]
) -> None:
    directory.killed("plain", killed_in, fails=True)
    result, text = directory.ended("plain")

    # The second process would not have failed, and does not try.
    assert result == "RolledBackError"
    assert "no work today" in text
    assert directory.names("2") == left
    again = {each.key for each in directory.effects() if each.name == killed_in}
    assert len(again) == 1
    assert_rolled_back(directory, after=5 + 1)


@pytest.mark.parametrize(
    ("moment", "kind", "left"),
    [
        # There are eight moments on the way forwards.
        (9, RowKind.ROLLBACK, ["undo Pack", "undo Reserve"]),
        (11, RowKind.COMPENSATED, ["undo Reserve"]),
        # The last row and the outcome come in one.
        (13, None, []),
    ],
)
def test_a_rollback_killed_between_two_compensations_repeats_none(
    directory: Directory, moment: int, kind: RowKind | None, left: list[str]
) -> None:
    directory.killed("plain", "moment", moment=moment, fails=True)
    assert [row.kind for row in directory.rows()[-1:]] == ([kind] if kind else [])

    result, _ = directory.ended("plain")
    assert result == "RolledBackError"
    assert directory.names("2") == left
    assert_rolled_back(directory, after=5)


def test_a_rollback_that_is_killed_again_and_again_undoes_all_of_it(
    directory: Directory,
) -> None:
    directory.killed("plain", "undo Pack", fails=True)
    for stop in ("undo Pack", "undo Pack", "undo Reserve", "undo Reserve"):
        directory.killed("plain", stop)

    assert directory.ended("plain")[0] == "RolledBackError"
    assert directory.names() == [
        *("do Reserve", "do Pack", "Work"),
        *["undo Pack"] * 4,
        *["undo Reserve"] * 3,
    ]
    assert_rolled_back(directory, after=10)


def test_a_state_that_was_killed_and_then_fails_undoes_what_the_dead_have_done(
    directory: Directory,
) -> None:
    directory.killed("plain", "do Pack")
    directory.killed("plain", "Work")
    result, _ = directory.ended("plain", fails=True)

    assert result == "TaskFailedError"
    assert directory.names("3") == ["Work", "undo Pack", "undo Reserve"]
    assert_rolled_back(directory, after=7)
