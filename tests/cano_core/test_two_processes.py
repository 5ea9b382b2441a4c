"""Two processes that want one run: exactly one goes on, the other leaves no trace."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cano_core import OutcomeStatus, RowKind
from killable_flows import BEGAN, DELAY, WAIT
from lives import Directory, Life

LOST = "RunConflictError"
UNDONE = {"undo Pack", "undo Reserve"}


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path)


def all_at(
    stack: ExitStack, point: str, number: int, directory: Directory, call: str
) -> list[Life]:
    """Start processes, and wait until all of them stop at a point."""
    begun = [
        stack.enter_context(directory.life("tooled", point, "Work", call=call))
        for _ in range(number)
    ]
    return [life.at(point) for life in begun]


def winner_of(lives: list[Life], order: int, lost: str) -> int:
    """Let all of them go on; return which one comes to work, alone."""
    for life in lives[::order]:
        life.go_on()
    told = [life.told() or () for life in lives]
    [winner] = [n for n, each in enumerate(told) if each == ("at", "Work")]
    assert [each[:2] for each in told].count(("ended", lost)) == len(lives) - 1
    return winner


# Those that come at the same time


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("rivals", [2, 3, 5])
def test_of_resumers_that_have_read_the_same_log_exactly_one_goes_on(
    directory: Directory, rivals: int, order: int
) -> None:
    """H01: they wait for each other between reading the log and claiming the run."""
    directory.killed("tooled", "Work")
    before = directory.rows()
    with ExitStack() as stack:
        lives = all_at(stack, "loaded", rivals, directory, "resume_from")
        winner = winner_of(lives, order, LOST)
        # While it is at work, its claim is the only row that was added.
        rows = directory.rows()
        assert rows[:-1] == before
        assert rows[-1].kind is RowKind.RESUME
        lives[winner].go_on()
        assert lives[winner].ended() == ("Done", "")

    assert directory.names(str(2 + winner)) == ["setup", "Work", "teardown"]
    assert {each.life for each in directory.effects()} == {"1", str(2 + winner)}
    assert_finished(directory)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("rivals", [2, 4])
def test_of_processes_that_start_or_resume_a_new_run_exactly_one_does(
    directory: Directory, rivals: int, order: int
) -> None:
    """All of them have seen that it does not exist; the others tidy up and stop."""
    with ExitStack() as stack:
        lives = all_at(stack, "loaded", rivals, directory, "start_or_resume")
        winner = winner_of(lives, order, LOST)
        lives[winner].go_on()
        assert lives[winner].ended() == ("Done", "")
    assert_begun_once(directory, winner)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("rivals", [2, 4])
def test_of_processes_that_start_one_run_exactly_one_does(
    directory: Directory, rivals: int, order: int
) -> None:
    """E3, of which cano accepts that both do: they set out for row 0 together."""
    with ExitStack() as stack:
        lives = all_at(stack, "setup", rivals, directory, "orchestrate")
        winner = winner_of(lives, order, "RunExistsError")
        lives[winner].go_on()
        assert lives[winner].ended() == ("Done", "")
    assert_begun_once(directory, winner)


def assert_finished(directory: Directory) -> None:
    rows, outcome = directory.left()
    assert rows == []
    assert outcome is not None
    assert outcome.status is OutcomeStatus.FINISHED


def assert_begun_once(directory: Directory, winner: int) -> None:
    """No effect but the winner's, and no resource left by anybody."""
    name = str(1 + winner)
    acts = ["do Reserve", "do Pack", "Work"]
    assert directory.names(name) == ["setup", *acts, "teardown"]
    for effects in (directory.names(each.life) for each in directory.effects()):
        assert effects[-1] == "teardown"
        assert effects[1:-1] in ([], acts)
    assert_finished(directory)


def test_whoever_comes_amid_a_race_takes_over_or_loses_or_finds_the_end(
    directory: Directory,
) -> None:
    """Nobody waits for anybody, so each round is another one."""
    for _ in range(10):
        with ExitStack() as stack:
            lives = [stack.enter_context(directory.life("plain")) for _ in range(3)]
            results = {life.ended()[0] for life in lives}
        assert "Done" in results
        assert results <= {"Done", LOST}
        assert set(directory.names()) == {"do Reserve", "do Pack", "Work"}
        assert_finished(directory)
        for file in directory.path.iterdir():
            file.unlink()


# A resumer, and an original that is not dead

AT_WORK: list[tuple[str, str, dict[str, float]]] = [
    ("plain", "Work", {}),
    ("plain", "Work", {"fails": True}),
    ("once", "pay", {}),
    ("stepped", "step 1", {"size": 3}),
    ("batch", "load", {}),
    ("batch", "item 2", {}),
    ("batch", "finish [0, 1, 4, 9, 16, 25]", {}),
    ("stream", "flush [0, 1, 2]", {}),
    ("stream", "close exhausted", {}),
    ("split", "branch 3", {"tells": True}),
    ("split", "join (0, 10, 20, 30, 40) without ()", {}),
    ("timer", f"after at {BEGAN + WAIT:.0f}", {"now": BEGAN}),
    ("poll", f"poll at {BEGAN + DELAY:.0f}", {"now": BEGAN}),
]


def live_original(
    stack: ExitStack, directory: Directory, flow: str, point: str, **orders: Any
) -> Life:
    original = stack.enter_context(directory.life(flow, point, **orders))
    if point == "branch 3":
        # The rows of the others, which would make it stop before it goes on.
        original.until(("at", point), *(("row", 5 + n) for n in range(4)))
        return original
    return original.at(point)


@pytest.mark.parametrize(("flow", "point", "orders"), AT_WORK)
def test_an_original_that_was_taken_over_stops_at_its_next_row(
    directory: Directory, flow: str, point: str, orders: dict[str, Any]
) -> None:
    """H01: it does no more, and undoes nothing, although there is something to undo."""
    with ExitStack() as stack:
        original = live_original(stack, directory, flow, point, **orders)
        orders = orders | {"fails": False}
        resumer = stack.enter_context(
            directory.life(flow, point, call="resume_from", **orders)
        ).at(point)
        rows, effects = directory.rows(), directory.effects()
        original.go_on()

        assert_lost(original)
        assert directory.rows() == rows
        assert directory.effects() == effects
        resumer.go_on()
        assert resumer.ended() == ("Done", "")
    assert_finished(directory)
    assert not UNDONE & set(directory.names())


@pytest.mark.parametrize(("flow", "point", "orders"), AT_WORK)
def test_an_original_whose_run_was_finished_leaves_it_so(
    directory: Directory, flow: str, point: str, orders: dict[str, Any]
) -> None:
    """H27: it writes no row into a log that is gone."""
    with ExitStack() as stack:
        original = live_original(stack, directory, flow, point, **orders)
        later = {each: value for each, value in orders.items() if each == "size"}
        assert directory.ended(flow, now=BEGAN + 2 * WAIT, **later) == ("Done", "")
        effects = directory.effects()
        original.go_on()

        assert_lost(original)
    assert directory.effects() == effects
    assert_finished(directory)


@pytest.mark.parametrize("point", ["undo Pack", "undo Reserve"])
def test_an_original_that_was_taken_over_in_its_rollback_undoes_no_more(
    directory: Directory, point: str
) -> None:
    with ExitStack() as stack:
        original = live_original(stack, directory, "plain", point, fails=True)
        resumer = stack.enter_context(directory.life("plain", point)).at(point)
        rows, effects = directory.rows(), directory.effects()
        original.go_on()

        assert_lost(original)
        assert directory.rows() == rows
        assert directory.effects() == effects
        resumer.go_on()
        assert resumer.ended()[0] == "RolledBackError"
    assert_rolled_back(directory)
    assert directory.names().count("undo Reserve") == (1 if "Pack" in point else 2)


@pytest.mark.parametrize("point", ["undo Pack", "undo Reserve"])
def test_an_original_whose_run_was_rolled_back_leaves_it_so(
    directory: Directory, point: str
) -> None:
    with ExitStack() as stack:
        original = live_original(stack, directory, "plain", point, fails=True)
        assert directory.ended("plain")[0] == "RolledBackError"
        effects = directory.effects()
        original.go_on()

        assert_lost(original)
    assert directory.effects() == effects
    assert_rolled_back(directory)


def test_an_original_that_was_taken_over_gives_its_resources_back(
    directory: Directory,
) -> None:
    with ExitStack() as stack:
        original = live_original(stack, directory, "tooled", "Work")
        assert directory.ended("tooled") == ("Done", "")
        original.go_on()
        assert_lost(original)
    for life in "12":
        assert directory.names(life)[-1] == "teardown"


def test_each_process_that_takes_a_run_over_shuts_out_all_before_it(
    directory: Directory,
) -> None:
    """Four processes, and all of them alive."""
    with ExitStack() as stack:
        lives = [
            live_original(stack, directory, "plain", "Work", call="start_or_resume")
            for _ in range(4)
        ]
        for life in lives[:3]:
            life.go_on()
            assert_lost(life)
        lives[3].go_on()
        assert lives[3].ended() == ("Done", "")
    assert directory.names() == ["do Reserve", "do Pack", *["Work"] * 4]
    assert {each.key for each in directory.effects()} == {
        *("run/Reserve/1", "run/Pack/1", "run/Work/1")
    }


def assert_lost(life: Life) -> None:
    result, text = life.ended()
    assert result == LOST
    assert "'run'" in text


def assert_rolled_back(directory: Directory) -> None:
    rows, outcome = directory.left()
    assert rows == []
    assert outcome is not None
    assert outcome.status is OutcomeStatus.ROLLED_BACK
