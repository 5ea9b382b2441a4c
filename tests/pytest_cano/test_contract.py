"""The contract class passes honest stores, and names the line that others break."""

import inspect
from pathlib import Path

import pytest

import broken_disks
import broken_outcomes
import broken_stores
from cano_core import MemoryCheckpointStore, SQLiteCheckpointStore
from plain_store import BROKEN, PlainStore
from pytest_cano._contract import loading, mixture, odd
from pytest_cano._contract.lines import Line
from pytest_cano.contract import CheckpointStoreContract

ROOT = Path(__file__).parents[2]
TESTS = [
    name
    for name, _ in inspect.getmembers(CheckpointStoreContract, inspect.isfunction)
    if name.startswith("test_")
]
# These take a while, and find nothing in most broken stores that others do not find.
SLOW = {
    "test_odd_rows_come_back_as_written",
    "test_generated_rows_come_back_as_written",
    "test_calls_in_any_order_keep_the_rules",
    "test_a_store_left_unclosed_keeps_no_process_alive",
}


class InMemory(CheckpointStoreContract):
    """What a store in memory claims."""

    durable = shared = False


class TestMemoryStore(InMemory):
    def make_store(self, directory):
        return MemoryCheckpointStore()


class TestSQLiteStore(CheckpointStoreContract):
    def make_store(self, directory):
        return SQLiteCheckpointStore(directory / "runs.db")


class TestTailStore(InMemory):
    """Nor is what those are made from that read a tail."""

    def make_store(self, directory):
        return broken_outcomes.ReadsTail()


class TestPlainStore(InMemory):
    """What the broken stores are made from is not broken."""

    def make_store(self, directory):
        return PlainStore()


def broken_lines(
    contract: CheckpointStoreContract, tests: list[str], directory: Path
) -> set[Line]:
    """Run tests of the contract, and return the lines that they found broken."""
    found = set()
    for name in tests:
        own = directory / name
        own.mkdir()
        try:
            getattr(contract, name)(own)
        except pytest.skip.Exception:
            continue
        except AssertionError as error:
            said, line, _ = str(error).split("'", 2)
            assert said == "contract broken: "
            found.add(Line(line))
    return found


@pytest.fixture
def _no_shrinking(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Hypothesis finds is found; that it makes it small, it tests itself."""
    # Not above: the processes that load this module would wait for it.
    from hypothesis import Phase, settings

    phases = set(Phase) - {Phase.shrink, Phase.explain}

    def short(max_examples: int) -> "settings":
        return settings(odd.example_settings(max_examples), phases=phases)

    monkeypatch.setattr(loading, "example_settings", short)
    monkeypatch.setattr(mixture, "example_settings", short)


@pytest.mark.usefixtures("_no_shrinking")
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_store_breaks_exactly_its_lines(name: str, tmp_path: Path):
    broken = BROKEN[name]

    class Contract(InMemory):
        def make_store(self, directory):
            return broken.store()

    tests = [test for test in TESTS if test not in SLOW or test in broken.needs]

    assert broken_lines(Contract(), tests, tmp_path) == broken.lines


# These have to be found by the processes that the contract starts.


class Buffers(CheckpointStoreContract):
    def make_store(self, directory):
        return broken_disks.Buffers(directory)


class SplitsBatches(CheckpointStoreContract):
    def make_store(self, directory):
        return broken_disks.SplitsBatches(directory)


class TrustsItsMemory(CheckpointStoreContract):
    def make_store(self, directory):
        return broken_disks.TrustsItsMemory(directory)


class HasNoLock(CheckpointStoreContract):
    def make_store(self, directory):
        return broken_disks.HasNoLock(directory)


class FinishesInTwoSteps(CheckpointStoreContract):
    def make_store(self, directory):
        return broken_disks.FinishesInTwoSteps(directory)


class FinishesLater(CheckpointStoreContract):
    def make_store(self, directory):
        return broken_disks.FinishesLater(directory)


FOUND_BY_OTHERS = [
    (Buffers, "test_acknowledged_rows_survive_sigkill", Line.DURABLE),
    (SplitsBatches, "test_acknowledged_rows_survive_sigkill", Line.ATOMIC),
    (SplitsBatches, "test_a_reader_never_sees_a_part_of_an_append", Line.ATOMIC),
    (TrustsItsMemory, "test_another_object_sees_the_rows", Line.SHARED),
    (HasNoLock, "test_of_racing_threads_exactly_one_wins", Line.ONE_WINS),
    (HasNoLock, "test_of_racing_processes_exactly_one_wins", Line.ONE_WINS),
    (FinishesInTwoSteps, "test_finished_runs_survive_sigkill", Line.FINISH),
    (FinishesLater, "test_finished_runs_survive_sigkill", Line.DURABLE),
]


@pytest.mark.parametrize(
    ("contract", "test", "line"),
    FOUND_BY_OTHERS,
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_only_others_can_see_is_found(
    contract: type[CheckpointStoreContract], test: str, line: Line, tmp_path: Path
):
    # Writers that nothing keeps apart may also leave a file that nobody can read.
    possible = {line, Line.SHARED} if contract is HasNoLock else {line}

    found = broken_lines(contract(), [test], tmp_path)

    assert found
    assert found <= possible


class LeavesAThread(InMemory):
    patience = 10.0

    def make_store(self, directory):
        return broken_stores.LeavesAThread()


def test_a_store_that_keeps_its_process_alive_is_found(tmp_path: Path):
    line = f"contract broken: '{Line.UNCLOSED}'.* still alive after 2 s"

    with pytest.raises(AssertionError, match=line):
        LeavesAThread().test_a_store_left_unclosed_keeps_no_process_alive(tmp_path)


def test_every_line_is_broken_by_some_store():
    lines = {line for broken in BROKEN.values() for line in broken.lines}
    lines |= {line for _, _, line in FOUND_BY_OTHERS}

    assert lines | {Line.UNCLOSED} == set(Line)


def test_a_store_that_never_answers_is_given_up(tmp_path: Path):
    class Contract(InMemory):
        patience = 0.1

        def make_store(self, directory):
            return broken_stores.NeverAnswers()

    with pytest.raises(AssertionError, match=r"still busy after 0\.1 s \(patience\)"):
        Contract().test_append_refuses_a_gap(tmp_path)


class CanNotBeOpened(InMemory):
    def make_store(self, directory):
        raise OSError("no route to the store")


def test_what_goes_wrong_in_a_process_is_told(tmp_path: Path):
    with pytest.raises(AssertionError, match="OSError: no route to the store"):
        CanNotBeOpened().test_a_store_left_unclosed_keeps_no_process_alive(tmp_path)


def test_a_class_that_processes_can_not_find_is_refused(tmp_path: Path):
    class Contract(TestMemoryStore):
        pass

    with pytest.raises(AssertionError, match="define it at the top level of a file"):
        Contract().test_a_store_left_unclosed_keeps_no_process_alive(tmp_path)


def test_a_class_without_a_store_is_told_what_to_write(tmp_path: Path):
    with pytest.raises(AssertionError, match="define make_store"):
        InMemory().test_append_refuses_a_gap(tmp_path)


def test_a_store_that_is_no_store_is_refused(tmp_path: Path):
    class Contract(InMemory):
        def make_store(self, directory):
            return []

    with pytest.raises(
        AssertionError, match=r"returned \[\], which has no .*'load_run'"
    ):
        Contract().test_append_refuses_a_gap(tmp_path)


class FailsInOneThread(CheckpointStoreContract):
    opened = 0

    def make_store(self, directory):
        type(self).opened += 1
        if self.opened == 3:
            raise OSError("too many connections")
        return SQLiteCheckpointStore(directory / "runs.db")


def test_a_thread_that_fails_says_why_and_stops_the_others(tmp_path: Path):
    with pytest.raises(AssertionError, match="OSError: too many connections"):
        FailsInOneThread().test_of_racing_threads_exactly_one_wins(tmp_path)


def test_the_odd_ids_are_legal():
    assert len(set(odd.IDS)) == len(odd.IDS)
    assert all(0 < len(one) <= 255 and one.isprintable() for one in odd.IDS)


PLAIN = (
    *("-p", "no:randomly", "-p", "no:rerunfailures"),
    *("-o", "asyncio_default_fixture_loop_scope=function"),
)
SIBLING = "from cano_core import MemoryCheckpointStore as Store"
USER_TEST = """
from {siblings} import Store
from pytest_cano.contract import CheckpointStoreContract

print("a module may print what it likes")

class TestStore(CheckpointStoreContract):
    durable = shared = False

    def make_store(self, directory):
        return Store()
"""


@pytest.mark.parametrize(
    ("mode", "package"),
    [("prepend", ""), ("prepend", "suite"), ("importlib", "suite")],
)
def test_processes_load_a_test_module_as_pytest_does(
    pytester: pytest.Pytester, mode: str, package: str
):
    directory = pytester.path / package
    if package:
        directory.mkdir()
        (directory / "__init__.py").touch()
    (directory / "my_store.py").write_text(SIBLING)
    siblings = ".my_store" if package else "my_store"
    (directory / "test_store.py").write_text(USER_TEST.format(siblings=siblings))

    result = pytester.runpytest_inprocess(
        *PLAIN, f"--import-mode={mode}", "-k", "unclosed"
    )

    result.assert_outcomes(passed=1, deselected=len(TESTS) - 1)


def test_a_user_sees_which_line_is_broken_and_what_was_left_out(
    pytester: pytest.Pytester,
):
    pytester.makepyfile(
        my_store=SIBLING
        + """
class Store(Store):
    finish = None
    def _check(self, workflow_id, rows):
        pass
""",
        test_store=USER_TEST.format(siblings="my_store"),
    )

    result = pytester.runpytest_inprocess(
        *(*PLAIN, "-rs", "-W", "error", "-o", "asyncio_mode=auto"),
        *("-k", "gap or threads or reader or no_rows"),
    )

    result.assert_outcomes(failed=1, passed=2, skipped=3, deselected=len(TESTS) - 6)
    result.stdout.fnmatch_lines(
        [
            "E*AssertionError: contract broken: 'append refuses a gap': append of*",
        ]
    )
    result.stdout.fnmatch_lines(
        [
            "SKIPPED * shared = False: one object at a time uses this store",
            "SKIPPED * optional: this store has no finish",
        ]
    )


def test_the_documentation_has_every_line_once():
    text = (ROOT / "docs" / "stores.md").read_text(encoding="utf-8")
    rows = [row.split(" | ")[0].strip("| ") for row in text.splitlines()]

    assert {line: rows.count(line) for line in Line} == dict.fromkeys(Line, 1)
