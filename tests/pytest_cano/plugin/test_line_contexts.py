"""Lines that coverage.py measures say which kind of life ran them."""

import json
import re
import sys

import coverage
import pytest

STORE = """
import asyncio

from cano_core import RunContext, Workflow


def store(checkpoints, ledger, life):
    async def charge(run: RunContext):
        before = "charged"  # before
        try:
            ledger.effect("charge", key=run.idempotency_key)
            after = "charged"  # after
        finally:
            tidied = "up"  # finally
        if life > 1:
            found = "charged"  # found
        return "Ship"

    async def ship(run: RunContext):
        sent = "once"  # sent
        return "Done"

    workflow = Workflow(checkpoint_store=checkpoints).add_exit_state("Done")
    return workflow.register("Charge", charge).register("Ship", ship)


def run(workflow, workflow_id):
    return asyncio.run(workflow.start_or_resume("Charge", workflow_id=workflow_id))
"""

BETWEEN = f"""{STORE}

def between():
    return 1  # between
"""

TEST = """
from store import run, store


def test_order(cano, cano_store, cano_ledger, cano_workflow_id):
    run(store(cano_store, cano_ledger, cano.life), cano_workflow_id)
"""

EVERY = {"baseline", "crashed", "resumed"}


class Measured:
    """A project whose tests are run while coverage.py measures them."""

    def __init__(self, project):
        self.project = project
        self.source = project.add("store.py", STORE)
        project.add("test_order.py", TEST)
        project.add("pytest.ini", "[pytest]\npythonpath = .\n")

    def under_pytest_cov(self, *args, plugins=(), source="store"):
        result = self.project.run(
            *(f"--cov={source}", "--cov-report=", *args),
            plugins=["pytest_cov", *plugins],
            subprocess=True,
        )
        assert result.ret == 0
        return self.contexts()

    def under_coverage(self, *args, options=()):
        own = ("-p", "cano", "-W", "error", *args)
        command = ("coverage", "run", "--source=.", *options, "-m", "pytest")
        result = self.project.pytester.run(sys.executable, "-m", *command, *own)
        assert result.ret == 0
        return self.contexts()

    def contexts(self):
        """The contexts of each line that has a comment, by that."""
        data = coverage.CoverageData(str(self.project.path / ".coverage"))
        data.read()
        found = data.contexts_by_lineno(str(self.source))
        data.close(force=True)
        return {
            line.partition("  # ")[2]: set(found.get(number, ()))
            for number, line in enumerate(self.source.read_text().splitlines(), 1)
            if "  # " in line
        }


@pytest.fixture
def measured(project):
    return Measured(project)


@pytest.fixture
def by_pytest_cov(measured):
    pytest.importorskip("pytest_cov")
    return measured.under_pytest_cov


KILLED = {
    "before": EVERY,
    "after": {"baseline", "resumed"},
    "finally": {"baseline", "resumed"},
    "found": {"resumed"},
    "sent": {"baseline", "resumed"},
}

# What is left of the first life runs, too, and does not count for it.
UNWOUND = KILLED | {"finally": {"baseline", "", "resumed"}}


def test_lines_say_which_kind_of_life_ran_them(by_pytest_cov):
    assert by_pytest_cov("--cano-crash=Charge@effect:1") == UNWOUND


def test_what_runs_between_lives_belongs_to_none(measured, by_pytest_cov):
    measured.source.write_text(BETWEEN, "utf-8")
    measured.project.add(
        "conftest.py",
        """
        import store

        def pytest_runtest_logreport(report):
            store.between()
    """,
    )

    assert by_pytest_cov("--cano-crash=Charge@effect:1")["between"] == {""}


def test_a_killed_process_tells_of_its_lines_up_to_the_last(by_pytest_cov):
    assert by_pytest_cov("--cano-crash=Charge@effect:1=kill") == KILLED


def test_so_does_one_of_a_worker_that_measures_branches(by_pytest_cov):
    pytest.importorskip("xdist")

    contexts = by_pytest_cov(
        *("--cano-crash=Charge@effect:1=kill", "--cov-branch", "-n", "2"),
        plugins=["xdist"],
    )

    assert contexts == KILLED


def test_workers_of_a_test_tell_of_the_lines_of_their_lives(by_pytest_cov):
    contexts = by_pytest_cov(
        "--cano-crash=Charge@effect:1=kill,Ship@end", "--cano-workers=2"
    )

    assert contexts == KILLED | {"sent": EVERY, "after": EVERY, "finally": EVERY}


def test_a_fresh_interpreter_measures_alike(measured):
    measured.project.add(
        "conftest.py",
        """
        import threading

        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def server():
            stopped = threading.Event()
            thread = threading.Thread(target=stopped.wait, name="server")
            thread.start()
            yield
            stopped.set()
            thread.join()
    """,
    )

    contexts = measured.under_coverage(
        "--cano-crash=Charge@effect:1=kill", options=["--context=night"]
    )

    assert contexts == {
        line: {f"night|{kind}" for kind in kinds} for line, kinds in KILLED.items()
    }


def test_a_twin_is_a_later_life_and_the_first_one_stays_what_it_was(by_pytest_cov):
    contexts = by_pytest_cov("--cano-crash=Charge@effect:1=twin")

    assert contexts["found"] == {"resumed"}
    # It lives on, and finds out that it has lost the run.
    assert contexts["after"] == EVERY


def test_the_kind_stands_behind_the_context_of_a_test(by_pytest_cov):
    contexts = by_pytest_cov(
        "--cano-crash=Charge@effect:1,Charge@effect:1=kill", "--cov-context=test"
    )

    run = "test_order.py::test_order|run"
    assert contexts["found"] == {f"{run}|resumed"}
    assert contexts["before"] == {f"{run}|{kind}" for kind in EVERY}
    assert contexts["finally"] == {run, f"{run}|baseline", f"{run}|resumed"}


def test_the_test_after_one_that_was_crashed_has_its_own_context(
    measured, by_pytest_cov
):
    measured.project.add(
        "test_other.py",
        """
        import asyncio
        import store

        def test_other(tmp_path):
            workflow = store.store(None, None, 1)
            asyncio.run(workflow.orchestrate("Ship"))
    """,
    )

    contexts = by_pytest_cov("--cano-crash=Charge@end", "--cov-context=test")

    assert "test_other.py::test_other|run" in contexts["sent"]
    assert not any(context.startswith("test_other") for context in contexts["before"])


def test_coverage_run_has_the_same_contexts(measured):
    assert measured.under_coverage("--cano-crash=Charge@effect:1=kill") == KILLED


def test_the_contexts_that_coverage_itself_sets_stay(measured):
    measured.project.add(
        ".coveragerc", "[run]\ncontext = night\ndynamic_context = test_function\n"
    )

    contexts = measured.under_coverage(
        "--cano-crash=Charge@effect:1,Charge@effect:1=kill"
    )

    test = "night|test_order.test_order"
    assert contexts["found"] == {f"{test}|resumed"}
    assert contexts["before"] == {f"{test}|{kind}" for kind in EVERY}


@pytest.mark.parametrize("core", ["pytrace", "sysmon"])
def test_every_core_of_coverage_can_do_it(by_pytest_cov, monkeypatch, core):
    if core == "sysmon" and sys.version_info < (3, 12):
        pytest.skip("needs Python 3.12 for sys.monitoring: tox run -e py312")
    monkeypatch.setenv("COVERAGE_CORE", core)

    # A process of its own would look at all lines anew.
    assert by_pytest_cov("--cano-crash=Charge@effect:1") == UNWOUND


def test_a_page_of_coverage_shows_them(measured, by_pytest_cov):
    by_pytest_cov("--cano-crash=Charge@effect:1=kill")

    python = measured.project.pytester.run
    page = python(sys.executable, "-m", "coverage", "html", "--show-contexts")

    assert page.ret == 0
    html = (measured.project.path / "htmlcov" / "store_py.html").read_text()
    names = json.loads(re.search(r"contexts = (\{.*?\})", html, re.DOTALL)[1])
    shown = {
        comment: {names[code] for code in codes if code in names}
        for comment, codes in re.findall(r"# (\w+)<.*class=\"ctxs\">(\w+)<", html)
    }
    assert shown == KILLED


def test_a_plain_run_has_no_such_contexts(by_pytest_cov):
    contexts = by_pytest_cov()

    assert contexts.pop("found") == set()
    assert all(each == {""} for each in contexts.values())


def test_lives_of_a_function_say_it_too(measured, by_pytest_cov):
    measured.project.add(
        "test_order.py",
        """
        from store import store

        def test_order(cano):
            async def program(world):
                workflow = store(world.store, world.ledger, world.life)
                await workflow.start_or_resume("Charge", workflow_id="order-1")

            assert cano.check(program, crash="Charge@effect:1").passed
    """,
    )

    assert by_pytest_cov() == UNWOUND


def test_functions_that_are_checked_at_once_leave_nothing_behind(
    measured, by_pytest_cov
):
    measured.source.write_text(BETWEEN, "utf-8")
    measured.project.add(
        "test_order.py",
        """
        from threading import Event, Thread

        from pytest_cano import check
        from store import between, run, store

        def test_order():
            second_began, first_ended = Event(), Event()

            def program(world):
                run(store(world.store, world.ledger, world.life), world.workflow_id)

            def first(world):
                second_began.wait()
                program(world)

            def second(world):
                second_began.set()
                first_ended.wait()
                program(world)

            passed = []

            def checked(function):
                try:
                    passed.append(check(function, crash="Charge@effect:1").passed)
                finally:
                    first_ended.set()

            threads = [Thread(target=checked, args=(each,)) for each in (first, second)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert passed == [True, True]
            between()
    """,
    )

    contexts = by_pytest_cov()

    assert contexts["found"] == {"resumed"}
    assert contexts["between"] == {""}


def test_a_life_goes_on_as_what_it_was_once_it_has_checked_a_function(
    measured, by_pytest_cov
):
    measured.project.add(
        "test_order.py",
        """
        from store import run, store

        def test_order(cano, cano_store, cano_ledger, cano_workflow_id):
            def program(world):
                run(store(world.store, world.ledger, world.life), "checked")

            assert cano.check(program, crash="Charge@effect:1").passed
            run(store(cano_store, cano_ledger, cano.life), cano_workflow_id)
    """,
    )

    contexts = by_pytest_cov("--cano-crash=Ship@end")

    assert contexts == UNWOUND | {
        "sent": EVERY,
        "after": EVERY,
        "finally": {"", *EVERY},
    }
