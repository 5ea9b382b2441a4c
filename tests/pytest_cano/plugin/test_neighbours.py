"""Beside plugins that rerun, shuffle, limit or debug tests."""

import sys

import pytest

from shop_project import BUGGY, SAFE


def test_a_time_limit_is_for_each_life(project):
    pytest.importorskip("pytest_timeout")
    project.add(
        "conftest.py",
        """
        # In place of pytest-timeout's own timers.
        def pytest_timeout_set_timer(item, settings):
            print("begin", settings.timeout)
            return True

        def pytest_timeout_cancel_timer(item):
            print("end")
            return True
    """,
    )
    project.add("test_safe.py", SAFE.replace("assert", "print('life')\n    assert"))

    limited = project.run("--timeout=5", "-s", plugins=["pytest_timeout"])
    crashed = project.run(
        "--cano-crash=Charge@end", "--timeout=5", "-s", plugins=["pytest_timeout"]
    )

    def said(result):
        words = result.stdout.str().split("collected")[1].replace(".", " ").split()
        return [word for word in words if word in {"begin", "life", "end"}]

    assert said(limited) == ["begin", "life", "end"]
    assert said(crashed) == ["begin", "end", *["begin", "life", "end"] * 5, "end"]


@pytest.mark.parametrize("method", ["signal", "thread"])
def test_a_time_limit_ends_a_life_that_was_to_be_killed(project, method):
    pytest.importorskip("pytest_timeout")
    project.add(
        "test_slow.py",
        """
        import threading
        from shop import run, shop

        def test_slow(cano, cano_store, cano_ledger, cano_workflow_id):
            if cano.life > 1:
                threading.Event().wait(1000)
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )
    project.add("test_safe.py", SAFE)

    result = project.run(
        *("--cano-crash=Charge@end=kill", "--timeout=2"),
        f"--timeout-method={method}",
        plugins=["pytest_timeout"],
        subprocess=True,
    )

    # By its thread it would end the whole session, were it not another process.
    result.assert_outcomes(failed=2, passed=2)
    how = "* Timeout *2*s*" if method == "signal" else "*life 2 ended itself*"
    result.stdout.fnmatch_lines(["STUCK *", f"  life 2   *failed: {how}"])


@pytest.mark.parametrize("kind", ["raise", "kill"])
def test_crashed_tests_are_not_run_again_for_failing(project, kind):
    pytest.importorskip("pytest_rerunfailures")
    project.add("test_buggy.py", BUGGY)

    result = project.run(
        f"--cano-crash=@end={kind}",
        "--reruns=2",
        plugins=["pytest_rerunfailures"],
        subprocess=True,
    )

    result.assert_outcomes(failed=2, passed=1)
    result.stdout.no_fnmatch_line("*rerun*")


@pytest.mark.parametrize("kind", ["raise", "kill"])
def test_shuffled_and_reseeded_tests(project, kind):
    pytest.importorskip("pytest_randomly")
    project.add(
        "test_random.py",
        """
        import random
        from shop import run, shop

        def test_random(cano, cano_store, cano_ledger, cano_workflow_id):
            cano.observe("number", random.random())
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )
    project.add("test_safe.py", SAFE)

    result = project.run(
        f"--cano-crash=@end={kind}", plugins=["pytest_randomly"], subprocess=True
    )

    result.assert_outcomes(passed=6)


def test_a_debugger_is_shown_failures_and_no_crashes(project):
    project.add(
        "conftest.py",
        """
        def pytest_exception_interact(node, call, report):
            print(f"interact: {call.excinfo.value!r}")
    """,
    )
    project.add(
        "test_shop.py",
        """
        import pytest
        from shop import run, shop

        @pytest.fixture
        def reached(cano_store, cano_ledger, cano_workflow_id):
            return run(shop(cano_store, cano_ledger), cano_workflow_id)

        def test_shop(reached, cano):
            assert cano.life == 1, f"life {cano.life}"
    """,
    )

    result = project.run("--cano-crash=Charge@end", "-s")

    shown = [line for line in result.outlines if "interact: " in line]
    assert len(shown) == 1
    assert "life 2" in shown[0]


def test_a_debugger_is_entered_in_the_process_of_a_life(project):
    project.add(
        "test_shop.py",
        """
        from shop import run, shop

        def test_shop(cano, cano_store, cano_ledger, cano_workflow_id):
            assert cano.life == 1
            run(shop(cano_store, cano_ledger), cano_workflow_id)
    """,
    )
    command = ("-m", "pytest", "-p", "cano", "--pdb", "--cano-crash=Charge@end=kill")

    result = project.pytester.run(
        sys.executable, *command, stdin=b"p ('here', cano.life)\nq\n"
    )

    result.stdout.fnmatch_lines(
        ["*PDB post_mortem*", "*('here', 2)", "*: Quitting debugger !*"]
    )
    assert "Traceback" not in result.stdout.str()
    assert not result.errlines


def test_a_test_with_subtests_is_refused_where_it_asks_to_be_crashed(project):
    pytest.importorskip("_pytest.subtests")
    project.add(
        "test_parts.py",
        """
        from cano_core import MemoryCheckpointStore

        def test_ours(subtests, cano_store): pass

        def test_other(subtests):
            with subtests.test("part"):
                MemoryCheckpointStore()
    """,
    )

    result = project.run("--cano-crash=all", "-o", "cano_select=all", "-v")

    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["a test with subtests can't be crashed*cano.check()"])
    result.stdout.no_fnmatch_line("*During handling*")


def test_a_wider_fixture_has_the_time_limit_of_its_test(project):
    pytest.importorskip("pytest_timeout")
    project.add(
        "test_slow.py",
        """
        import threading
        import pytest
        from shop import run, shop

        @pytest.fixture(scope="module")
        def slow():
            threading.Event().wait(1000)

        def test_slow(slow, cano_store, cano_ledger, cano_workflow_id):
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    result = project.run(
        *("--cano-crash=Ship@end=kill", "--timeout=2"),
        plugins=["pytest_timeout"],
        subprocess=True,
    )

    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*Timeout (>2.0s)*"])
