"""What a life is made of: fixtures of every scope, instances, parameters, the disk."""

import pytest

from shop_project import SAFE

# Two lives and the extra start, after two baselines.
LIVES = 5


def test_function_fixtures_are_built_anew_and_wider_ones_stay(project):
    project.add(
        "conftest.py",
        """
        import pytest

        log = []

        def fixture(scope, needs=""):
            def made(request, **kwargs):
                log.append(f"{scope} up")
                yield object()
                log.append(f"{scope} down")
            return pytest.fixture(made, scope=scope, name=f"a_{scope}")

        a_session = fixture("session")
        a_package = fixture("package")
        a_module = fixture("module")
        a_class = fixture("class")
        a_function = fixture("function")

        def pytest_sessionfinish(session):
            pytest.log = log
            with open("log.txt", "w") as file:
                file.write("\\n".join(log))
    """,
    )
    project.add(
        "test_scopes.py",
        """
        from shop import run, shop

        class TestScopes:
            def test_one(self, a_session, a_package, a_module, a_class, a_function,
                         cano_store, cano_ledger, cano_workflow_id):
                run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)

        def test_two(a_session): pass
    """,
    )

    result = project.run("--cano-crash=Charge@end", "--setup-show")

    result.assert_outcomes(passed=3)
    log = (project.path / "log.txt").read_text().split("\n")
    assert log == [
        "session up", "package up", "module up", "class up",
        *["function up", "function down"] * LIVES,
        "class down", "module down", "package down", "session down",
    ]  # fmt: skip


def test_wider_fixtures_end_with_their_module(project):
    module = """
        import pytest
        from shop import run, shop

        @pytest.fixture(scope="module", autouse=True)
        def machine(log):
            log.append("{name} up")
            yield
            log.append("{name} down")

        def test_shop(log, cano_store, cano_ledger, cano_workflow_id):
            log.append("life")
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """
    project.add("test_a.py", module.format(name="a"))
    project.add("test_b.py", module.format(name="b"))
    project.add(
        "conftest.py",
        """
        import pytest

        @pytest.fixture(scope="session")
        def log():
            log = []
            yield log
            print(f"log: {' '.join(log)}.")
    """,
    )

    result = project.run("--cano-crash=Charge@end", "-s")

    lives = " ".join(["life"] * LIVES)
    result.stdout.fnmatch_lines([f"*log: a up {lives} a down b up {lives} b down."])


def test_the_disk_is_kept_within_a_schedule_and_new_for_the_next(project):
    project.add(
        "test_disk.py",
        """
        from shop import run, shop

        def test_disk(cano, cano_store, cano_ledger, cano_workflow_id, tmp_path):
            with (tmp_path / "lives").open("a") as file:
                file.write(f"{cano.schedule or 'undisturbed'}/{cano.life} ")
            print((tmp_path / "lives").read_text())
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    result = project.run("--cano-crash=Charge@end,Ship@end", "-s")

    result.stdout.fnmatch_lines(
        [
            "*undisturbed/1 ",
            "undisturbed/1 ",
            "Charge@end/1 ",
            "Charge@end/1 Charge@end/2 ",
            "Charge@end/1 Charge@end/2 Charge@end/3 ",
            "*Ship@end/1 ",
            "Ship@end/1 Ship@end/2 ",
            "Ship@end/1 Ship@end/2 Ship@end/3 ",
        ]
    )
    result.assert_outcomes(passed=3)


def test_a_redefined_tmp_path_is_the_disk_too(project):
    project.add(
        "conftest.py",
        """
        import pytest

        @pytest.fixture
        def tmp_path(tmp_path_factory):
            return tmp_path_factory.mktemp("own")
    """,
    )
    project.add(
        "test_disk.py",
        """
        from shop import run, shop

        def test_disk(cano_disk, cano_store, cano_ledger, cano_workflow_id, tmp_path):
            assert tmp_path == cano_disk
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    project.run("--cano-crash=Charge@end").assert_outcomes(passed=2)
    project.run().assert_outcomes(passed=1)


def test_a_tmp_path_that_extends_the_one_below_is_run(project):
    project.add(
        "conftest.py",
        """
        import pytest

        @pytest.fixture
        def tmp_path(tmp_path):
            (tmp_path / "settings").write_text("on")
            return tmp_path
    """,
    )
    project.add(
        "test_disk.py",
        """
        from shop import run, shop

        def test_disk(cano_disk, cano_store, cano_ledger, cano_workflow_id, tmp_path):
            assert tmp_path == cano_disk
            assert (tmp_path / "settings").read_text() == "on"
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    project.run("--cano-crash=Charge@end").assert_outcomes(passed=2)


def test_every_life_has_its_own_instance(project):
    project.add(
        "test_class.py",
        """
        from shop import run, shop

        class TestShop:
            def setup_method(self):
                self.calls = 0

            def test_shop(self, cano_store, cano_ledger, cano_workflow_id):
                assert not hasattr(self, "used")
                self.used = True
                self.calls += 1
                assert self.calls == 1
                run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)

            @staticmethod
            def test_static(cano_store, cano_ledger, cano_workflow_id):
                run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    result = project.run("--cano-crash=@end", "-v")

    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["*TestShop::test_shop PASSED [[]Charge@end]*"])


def test_unittest_cases_are_crashed_too(project):
    project.add(
        "test_case.py",
        """
        import unittest
        import pytest
        from shop import run, shop

        class Case(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def world(self, cano_store, cano_ledger, cano_workflow_id):
                self.workflow = shop(cano_store, cano_ledger)
                self.workflow_id = cano_workflow_id

            def test_case(self):
                self.assertEqual(run(self.workflow, self.workflow_id), "Done")
    """,
    )

    result = project.run("--cano-crash=Charge@end,Ship@end")

    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(["DUPLICATED*charge('order-1', 42)*2 times*"])


def test_each_parameter_is_a_test_of_its_own(project):
    project.add(
        "test_parameters.py",
        """
        import pytest
        from shop import run, shop

        @pytest.fixture(params=["a", "b"])
        def letter(request):
            return request.param

        @pytest.mark.parametrize("keyed", [True, False])
        def test_shop(keyed, letter, cano_store, cano_ledger, cano_workflow_id):
            workflow = shop(cano_store, cano_ledger, keyed=keyed)
            assert run(workflow, cano_workflow_id) == "Done"
    """,
    )

    result = project.run("--cano-crash=Charge@end", "-v")

    result.assert_outcomes(passed=4, failed=4)
    result.stdout.fnmatch_lines_random(
        [
            "*::test_shop[[]a-True] PASSED [[]Charge@end]*",
            "*::test_shop[[]b-False] FAILED [[]Charge@end]*",
        ]
    )


def test_several_backends_are_crashed_one_after_the_other(project):
    project.add(
        "test_backends.py",
        """
        import pytest
        from shop import run, shop

        @pytest.mark.cano_store("sqlite", "memory")
        def test_shop(cano_store, cano_ledger, cano_workflow_id):
            workflow = shop(cano_store, cano_ledger, keyed=True)
            assert run(workflow, cano_workflow_id) == "Done"
    """,
    )

    result = project.run("--cano-crash=all")

    result.assert_outcomes(passed=2 * 9)


def test_a_store_of_the_users_is_crashed(project):
    project.add(
        "conftest.py",
        """
        from cano_core import SQLiteCheckpointStore

        class Forgetful:
            def __init__(self, path):
                self._inner = SQLiteCheckpointStore(path)
                self.append = self._inner.append
                self.load_run = self._inner.load_run
                self.clear = self._inner.clear
                self.close = self._inner.close

        def pytest_cano_make_store(name, directory):
            if name == "forgetful":
                return Forgetful(directory / "log.db")
    """,
    )
    project.add(
        "test_shop.py",
        SAFE.replace(
            "def ", "import pytest\n@pytest.mark.cano_store('forgetful')\ndef "
        ),
    )

    result = project.run("--cano-crash=all", "-v")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["* PASSED [[]Done@recorded]*"])
    result.stdout.no_fnmatch_line("* PASSED [[]Done@cleared]*")


def test_what_a_wider_fixture_runs_is_not_crashed(project):
    project.add(
        "test_machine.py",
        """
        import pytest
        from cano_core import MemoryCheckpointStore
        from shop import run, shop

        class Ledger:
            def effect(self, *args, key=None): pass

        @pytest.fixture(scope="module")
        def warmed_up():
            assert run(shop(MemoryCheckpointStore(), Ledger()), "warm-up") == "Done"

        def test_shop(warmed_up, cano_store, cano_ledger, cano_workflow_id):
            workflow = shop(cano_store, cano_ledger, keyed=True)
            assert run(workflow, cano_workflow_id) == "Done"
    """,
    )

    project.run("--cano-crash=all").assert_outcomes(passed=9)


def test_what_a_function_fixture_runs_is_crashed(project):
    project.add(
        "test_fixture.py",
        """
        import pytest
        from shop import run, shop

        @pytest.fixture
        def reached(cano_store, cano_ledger, cano_workflow_id):
            return run(shop(cano_store, cano_ledger), cano_workflow_id)

        def test_shop(reached):
            assert reached == "Done"
    """,
    )

    result = project.run("--cano-crash=Charge@end,Ship@end", "-v")

    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*test_shop FAILED [[]Charge@end]*", "DUPLICATED*"])


def test_a_teardown_in_a_dead_life_keeps_no_other_from_its_own(project):
    project.add(
        "test_teardown.py",
        """
        import os
        import pytest
        from shop import run, shop

        @pytest.fixture
        def first(monkeypatch):
            assert "LIVING" not in os.environ
            monkeypatch.setenv("LIVING", "yes")

        @pytest.fixture
        def last(cano_ledger):
            yield
            cano_ledger.effect("goodbye")

        def test_shop(first, cano_store, cano_ledger, cano_workflow_id, last):
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    result = project.run("--cano-crash=Charge@end", "-o", "cano_ignore_effects=goodbye")

    # The ledger refuses the dead life's goodbye with a BaseException.
    result.assert_outcomes(passed=2)


def test_what_the_dead_raise_reaches_nobody(project):
    project.add(
        "conftest.py",
        """
        def pytest_runtest_makereport(call):
            print(f"{call.when}: {call.excinfo}.")
    """,
    )
    project.add(
        "test_dead.py",
        """
        from shop import run, shop

        def test_dead(cano_store, cano_ledger, cano_workflow_id):
            try:
                run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
            except BaseException:
                raise SystemExit(3)
    """,
    )

    result = project.run("--cano-crash=all", "-s")

    result.assert_outcomes(passed=9)
    result.stdout.fnmatch_lines(["*call: None."])
    result.stdout.no_fnmatch_line("*: <ExceptionInfo*")


def test_a_swallowed_crash_is_still_a_crash(project):
    project.add(
        "test_swallowed.py",
        """
        import contextlib
        from shop import run, shop

        def test_swallowed(cano_store, cano_ledger, cano_workflow_id):
            with contextlib.suppress(BaseException):
                run(shop(cano_store, cano_ledger), cano_workflow_id)
    """,
    )

    result = project.run("--cano-crash=Charge@end")

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["DUPLICATED*"])


def test_the_stash_of_the_collection_is_kept_and_that_of_a_life_is_not(project):
    project.add(
        "conftest.py",
        """
        import pytest

        KEY = pytest.StashKey()

        def pytest_collection_modifyitems(items):
            for item in items:
                item.stash[KEY] = ["collected"]

        @pytest.fixture
        def seen(request):
            request.node.stash[KEY] = [*request.node.stash[KEY], "lived"]
            return request.node.stash[KEY]
    """,
    )
    project.add(
        "test_stash.py",
        """
        from shop import run, shop

        def test_stash(request, seen, cano_store, cano_ledger, cano_workflow_id):
            assert seen == ["collected", "lived"]
            assert not request.node.user_properties
            request.node.user_properties.append(("seen", True))
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    project.run("--cano-crash=Charge@end").assert_outcomes(passed=2)


def test_warnings_are_shown_once(project):
    project.add(
        "test_warning.py",
        """
        import warnings
        from shop import run, shop

        def test_warning(cano_store, cano_ledger, cano_workflow_id):
            warnings.warn("mind the gap", UserWarning)
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    result = project.run("--cano-crash=all", "-W", "always")

    result.assert_outcomes(passed=9, warnings=1)


def test_a_keyboard_interrupt_in_a_life_ends_the_session(project):
    project.add(
        "test_interrupted.py",
        """
        from shop import run, shop

        def test_interrupted(cano, cano_store, cano_ledger, cano_workflow_id):
            if cano.schedule and cano.life == 2:
                raise KeyboardInterrupt
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)

        def test_never(): raise AssertionError("it ran")
    """,
    )

    result = project.run("--cano-crash=Charge@end", subprocess=True)

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*KeyboardInterrupt*"])
    result.stdout.no_fnmatch_line("*it ran*")


def test_even_a_dead_life_may_end_the_session(project):
    project.add(
        "test_exit.py",
        """
        import pytest
        from shop import run, shop

        def test_exit(cano_store, cano_ledger, cano_workflow_id):
            try:
                run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
            except BaseException:
                pytest.exit("enough", returncode=7)
    """,
    )

    result = project.run("--cano-crash=Charge@end")

    assert result.ret == 7
    result.stdout.fnmatch_lines(["*Exit: enough*"])


def test_the_store_is_closed_at_the_end_of_every_life(project):
    project.add(
        "conftest.py",
        """
        from cano_core import SQLiteCheckpointStore

        log = []

        class Store(SQLiteCheckpointStore):
            def close(self):
                log.append("closed")
                super().close()

        def pytest_cano_make_store(name, directory):
            log.append("opened")
            return Store(directory / "log.db")

        def pytest_unconfigure():
            print("log:", *log)
    """,
    )
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=Charge@end", "-s")

    lives = " ".join(["opened closed"] * LIVES)
    result.stdout.fnmatch_lines([f"log: {lives}"])


def test_a_dead_life_is_forgotten_once_it_is_judged(project):
    project.add(
        "test_two.py",
        """
        import pytest
        from shop import run, shop

        @pytest.fixture(scope="session")
        def machine():
            return object()

        @pytest.fixture
        def part(machine):
            return object()

        @pytest.mark.parametrize("number", [1, 2])
        def test_two(number, part, cano_store, cano_ledger, cano_workflow_id):
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )
    project.add(
        "conftest.py",
        """
        import gc
        import pytest
        from pytest_cano.life import Life

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_protocol():
            yield
            gc.collect()
            print()
            print(sum(type(each) is Life for each in gc.get_objects()), "are kept")
            return True
    """,
    )

    def kept(crash):
        result = project.run("-s", f"--cano-crash={crash}", subprocess=True)
        return [line for line in result.outlines if line.endswith("are kept")]

    # The first life's, for which the session's fixture was built.
    assert kept("Ship@end") == kept("all") == ["1 are kept", "0 are kept"]
