"""Lives that are killed: really, and with everything known that was until then."""

import sys

import pytest

from killing import HOW, forced
from shop_project import BUGGY, POINTS, SAFE, schedules

LOCKED = """
    import os
    from pathlib import Path
    from shop import run, shop

    def test_locked(tmp_path, cano_store, cano_ledger, cano_workflow_id):
        lock = tmp_path / "lock"
        lock.touch(exist_ok=False)
        try:
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
        finally:
            lock.unlink()
"""


@pytest.mark.parametrize("how", HOW)
def test_what_a_kill_does_not_run_is_missing_afterwards(project, how):
    project.add("test_locked.py", LOCKED)

    raised = project.run("--cano-crash=Ship@end", subprocess=True)
    killed = project.run(
        "--cano-crash=Ship@end=kill", *forced(project, how), subprocess=True
    )

    raised.assert_outcomes(passed=2)
    killed.assert_outcomes(failed=2)
    killed.stdout.fnmatch_lines(
        [
            "STUCK *left at Ship: 2 restarts without a crash did not bring it to Done*",
            "  life 1   Charge > Ship  crashed at end: *",
            "  life 2   no state was entered  failed: *FileExistsError*",
        ]
    )


@pytest.mark.parametrize("how", HOW[:2])
def test_both_endings_are_the_same_to_a_sound_and_to_a_wrong_test(project, how):
    project.add("test_buggy.py", BUGGY)
    project.add("test_safe.py", SAFE)
    options = ("--cano-crash=Charge@end", "--cano-depth=2", "-p", "no:cacheprovider")

    raised = project.run(*options, subprocess=True)
    killed = project.run(
        *options, "--cano-ending=kill", *forced(project, how), subprocess=True
    )

    def verdicts(result):
        text = result.stdout.str().replace("=kill", "")
        return [
            line
            for line in text.splitlines()
            if line.startswith(("  ", "DUPLICATED", "score")) and "  again" not in line
        ]

    assert raised.parseoutcomes() == killed.parseoutcomes()
    assert verdicts(killed) == verdicts(raised)
    assert verdicts(killed)


def test_each_life_has_a_process(project):
    project.add(
        "test_pids.py",
        """
        import os
        from shop import run, shop

        pids = []

        def test_pids(request, cano, cano_store, cano_ledger, cano_workflow_id):
            pids.append(os.getpid())
            with open(request.config.rootpath / "pids", "a") as file:
                print(cano.schedule, cano.life, *pids, file=file)
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    result = project.run("--cano-crash=@end=kill", subprocess=True)

    result.assert_outcomes(passed=3)
    lines = [line.split() for line in (project.path / "pids").read_text().splitlines()]
    (_, parent), (_, twice, _) = lines[:2]
    assert parent == twice
    lives = [line for line in lines if "=kill" in line[0]]
    assert [life[:2] for life in lives] == [
        [f"{state}@end=kill", number]
        for state in ("Charge", "Ship")
        for number in ("1", "2", "3")
    ]
    # A module knows nothing of what ran before, be it undisturbed.
    assert [len(life) for life in lives] == [3] * 6
    assert len({life[2] for life in lives} | {parent}) == 7


IN_MEMORY = """
    import asyncio
    from cano_core import RunContext, Workflow

    seats = {}

    def test_memory(cano_store, cano_ledger, cano_workflow_id):
        async def book(run: RunContext):
            seats[run.workflow_id] = 7
            return "Pay"

        async def pay(run: RunContext):
            seat = seats[run.workflow_id]
            cano_ledger.effect("pay", seat, key=run.idempotency_key)
            return "Done"

        flow = Workflow(checkpoint_store=cano_store).register("Book", book)
        flow.register("Pay", pay).add_exit_state("Done")
        asyncio.run(flow.start_or_resume("Book", workflow_id=cano_workflow_id))
"""


@pytest.mark.parametrize("how", ["forked", "fresh", "workers"])
def test_memory_that_a_kill_would_lose_is_lost(project, how):
    project.add("test_memory.py", IN_MEMORY)
    options = ("--cano-workers=2",) if how == "workers" else forced(project, how)

    raised = project.run("--cano-crash=Pay@start", subprocess=True)
    killed = project.run("--cano-crash=Pay@start=kill", *options, subprocess=True)

    raised.assert_outcomes(passed=2)
    killed.assert_outcomes(failed=2)
    killed.stdout.fnmatch_lines(["STUCK *", "* failed: *KeyError*"])


@pytest.mark.parametrize("how", HOW)
def test_fixtures_wider_than_the_test(project, how):
    project.add(
        "test_wide.py",
        """
        import os
        import pytest
        from shop import run, shop

        def wide(scope):
            @pytest.fixture(scope=scope, name=scope + "_wide")
            def fixture(request):
                with open(request.config.rootpath / "wide", "a") as file:
                    print("up", scope, file=file, flush=True)
                    yield os.getpid()
                    print("down", scope, file=file, flush=True)
            return fixture

        for_session, for_module, for_class = map(wide, ("session", "module", "class"))

        class TestWide:
            def test_wide(
                self, session_wide, module_wide, class_wide,
                cano, cano_store, cano_ledger, cano_workflow_id,
            ):
                assert session_wide == module_wide == class_wide
                print("same" if os.getpid() == session_wide else "other", end=";")
                run(shop(cano_store, cano_ledger), cano_workflow_id)
    """,
    )

    result = project.run(
        "--cano-crash=Charge@end=kill", *forced(project, how), subprocess=True
    )

    result.assert_outcomes(failed=2)
    written = (project.path / "wide").read_text().split("\n")
    if how == "forked":
        result.stdout.fnmatch_lines(["other;"])
        assert len(written) == 7
    else:
        # For each of two lives; the first was killed and took nothing down.
        result.stdout.fnmatch_lines(["same;"])
        assert written.count("up module") == 2 + 1
        assert written.count("down module") == 1 + 1
    assert written[-4:] == ["down class", "down module", "down session", ""]


def test_why_it_is_slower_is_said_once_for_each_test(project):
    project.add("test_safe.py", SAFE)

    result = project.run(
        "--cano-crash=@end=kill", *forced(project, "fresh"), subprocess=True
    )

    assert result.stdout.str().count("ran in fresh interpreters") == 1
    result.stdout.fnmatch_lines(
        ["test_safe: lives that had to be killed *: the thread 'forever' is running"]
    )


def test_all_points_in_workers(project):
    project.add("test_buggy.py", BUGGY)
    options = ("-v", "--cano-crash=all=kill", "-p", "no:cacheprovider")

    one = project.run(*options, subprocess=True)
    two = project.run(*options, "--cano-workers=2", subprocess=True)

    assert schedules(two) == [f"{point}=kill" for point in POINTS]
    assert schedules(one) == schedules(two)
    assert one.parseoutcomes() == two.parseoutcomes() == {"failed": 3, "passed": 6}


def test_a_test_file_that_cannot_be_imported_by_its_name(project):
    project.add(
        "checks/test_check.py",
        """
        import threading
        from shop import shop, start

        async def program(world):
            await start(shop(world.store, world.ledger, keyed=True), world.workflow_id)

        def test_check(cano):
            thread = threading.Event()
            threading.Thread(target=thread.wait).start()
            try:
                assert cano.check(program, crash="all=kill").passed
            finally:
                thread.set()
    """,
    )

    result = project.run("--import-mode=importlib", "-s", subprocess=True)

    result.assert_outcomes(passed=1)


def test_a_fresh_interpreter_reads_the_same_ini_file(project):
    for name in ("one", "two"):
        project.add(f"{name}/pytest.ini", "[pytest]\ncano_stores = sqlite\n")
        project.add(f"{name}/test_{name}.py", SAFE)

    result = project.run("--cano-crash=@end=kill", *forced(project, "fresh"))

    result.assert_outcomes(passed=6)


def test_a_fresh_interpreter_leaves_the_log_file_alone(project):
    project.add(
        "test_logging.py",
        """
        import logging
        from shop import run, shop

        def test_logging(cano_store, cano_ledger, cano_workflow_id):
            logging.warning("the shop opens")
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )
    options = ("--log-file=shop.log", *forced(project, "fresh"))

    result = project.run("--cano-crash=Ship@end=kill", *options, subprocess=True)

    assert result.ret == 0
    assert "the shop opens" in (project.path / "shop.log").read_text()


def test_a_search_of_its_own_has_the_limit_of_the_session(project):
    project.add(
        "test_own.py",
        """
        import asyncio
        from shop import shop, start

        async def program(world):
            if world.life == 2:
                await asyncio.Event().wait()
            await start(shop(world.store, world.ledger, keyed=True), world.workflow_id)

        def test_own(cano):
            report = cano.check(program, crash="Ship@end")
            assert list(report.verdicts.values()) == ["TIMEOUT"]
    """,
    )

    project.run("--cano-timeout=1").assert_outcomes(passed=1)


def test_threads_of_a_wider_fixture_are_never_forked(project):
    project.add(
        "test_server.py",
        """
        import threading
        import pytest
        from shop import run, shop

        @pytest.fixture(scope="session")
        def server():
            ended = threading.Event()
            thread = threading.Thread(target=ended.wait, name="server")
            thread.start()
            yield thread
            ended.set()
            thread.join()

        def test_server(server, cano_store, cano_ledger, cano_workflow_id):
            assert server.is_alive()
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    result = project.run("--cano-crash=Ship@end=kill", subprocess=True)

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*fresh interpreters*: the thread 'server' is *"])


def test_what_a_wider_fixture_writes_is_shown(project):
    project.add(
        "test_told.py",
        """
        import pytest
        from shop import run, shop

        @pytest.fixture(scope="module")
        def told():
            print("the machine is up")

        def test_told(told, cano_store, cano_ledger, cano_workflow_id):
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    result = project.run("--cano-crash=Ship@end=kill", "-rA", subprocess=True)

    assert result.stdout.str().count("the machine is up") == 1


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "asks", ["def server(server)", "def server(request)"], ids=["overridden", "by name"]
)
def test_a_wider_fixture_that_nobody_could_foresee_is_built_once(
    project, asks, workers
):
    project.add(
        "conftest.py",
        """
        import pytest

        def wide(request):
            with open(request.config.rootpath / "wide", "a") as file:
                print("up", file=file)
            return {"sent": []}

        server = pytest.fixture(scope="session", name="server")(wide)
        other = pytest.fixture(scope="session", name="other")(wide)
    """,
    )
    returned = (
        "server" if asks.endswith("(server)") else 'request.getfixturevalue("other")'
    )
    project.add(
        "test_server.py",
        f"""
        import pytest
        from shop import run, shop

        @pytest.fixture
        {asks}:
            return {returned}

        def test_server(server, cano_store, cano_ledger, cano_workflow_id):
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    result = project.run(
        "--cano-crash=Ship@end=kill", f"--cano-workers={workers}", subprocess=True
    )

    assert result.ret == 0
    assert (project.path / "wide").read_text() == "up\n"
    result.stdout.fnmatch_lines(
        ["*knew what the undisturbed run had left in memory: *"]
    )


def test_the_base_of_temporary_directories_is_one_for_all(project):
    project.add(
        "test_base.py",
        """
        from shop import run, shop

        def test_base(tmp_path_factory, request, cano_store, cano_ledger,
                      cano_workflow_id):
            with open(request.config.rootpath / "bases", "a") as file:
                print(tmp_path_factory.getbasetemp(), file=file)
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )
    options = ("-p", "cano", "-p", "no:cacheprovider", "--cano-crash=Ship@end=kill")

    # Without --basetemp, which would settle it.
    result = project.pytester.run(sys.executable, "-m", "pytest", *options)

    assert result.ret == 0
    bases = (project.path / "bases").read_text().splitlines()
    assert len(bases) == 5
    assert len({*bases}) == 1


def test_a_module_that_warns_when_it_is_imported_is_no_obstacle(project):
    project.add(
        "noisy.py", "import warnings\nwarnings.warn('old', DeprecationWarning)\n"
    )
    project.add(
        "test_noisy.py",
        """
        import sys
        import warnings
        from shop import run, shop

        def test_noisy(cano_store, cano_ledger, cano_workflow_id, monkeypatch):
            monkeypatch.setattr(sys, "stdlib_module_names", {"noisy"})
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import noisy
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    result = project.run("--cano-crash=Ship@end=kill", subprocess=True)

    assert result.ret == 0
