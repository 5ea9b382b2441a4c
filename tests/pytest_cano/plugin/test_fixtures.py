"""The fixtures in tests that are not crashed, and how stores are chosen."""

import pytest


def test_fixtures_share_one_world_on_tmp_path(project):
    project.add(
        "test_world.py",
        """
        def test_world(cano, cano_disk, cano_store, cano_ledger, tmp_path):
            assert cano_disk == tmp_path
            assert cano_ledger.effect("sent", 1) is True
            assert cano_ledger.effect("sent", 1, key="k") is True
            assert cano_ledger.effect("sent", 1, key="k") is False
            assert cano_ledger.count("sent") == 2
            assert (cano.life, cano.schedule) == (1, "")
            cano.observe("answer", 42)
            cano.normalise(str)
    """,
    )

    project.run().assert_outcomes(passed=1)


def test_a_plain_test_gets_the_store_itself(project):
    project.add(
        "test_store.py",
        """
        from cano_core import SQLiteCheckpointStore

        def test_store(cano_store):
            assert type(cano_store) is SQLiteCheckpointStore
    """,
    )

    project.run("-o", "cano_stores=sqlite").assert_outcomes(passed=1)


def test_the_store_is_closed_after_the_test(project):
    project.add(
        "conftest.py",
        """
        class Store:
            closed = False
            async def append(self, workflow_id, *rows): ...
            async def load_run(self, workflow_id): return []
            async def clear(self, workflow_id): ...
            def close(self): Store.closed = True

        class LateStore(Store):
            async def aclose(self): Store.closed = True
            close = None

        def pytest_cano_make_store(name, directory):
            assert directory.is_dir()
            return {"mine": Store, "late": LateStore}.get(name, lambda: None)()
    """,
    )
    project.add(
        "test_closed.py",
        """
        import pytest

        opened = []

        @pytest.mark.parametrize("round", [1, 2])
        @pytest.mark.cano_store("mine")
        def test_mine(cano_store, round):
            assert type(cano_store).closed is False or round == 2
            opened.append(cano_store)

        def test_all_are_closed():
            assert opened and all(store.closed for store in opened)
    """,
    )

    project.run().assert_outcomes(passed=3)


def test_one_backend_leaves_the_node_id_alone(project):
    project.add(
        "test_one.py",
        """
        import pytest

        @pytest.mark.cano_store("memory")
        def test_one(cano_store):
            assert type(cano_store).__name__ == "MemoryCheckpointStore"
    """,
    )

    result = project.run("-v")

    result.stdout.fnmatch_lines(["test_one.py::test_one PASSED*"])


def test_several_backends_run_the_test_once_on_each(project):
    project.add(
        "test_both.py",
        """
        import pytest

        @pytest.mark.cano_store("sqlite", "memory")
        def test_both(cano_store, request):
            name = request.node.callspec.params["cano_store"]
            assert type(cano_store).__name__.lower().startswith(name)

        def test_other(cano_ledger): pass
    """,
    )

    result = project.run("-v")

    result.stdout.fnmatch_lines(
        ["*::test_both[[]sqlite[]] PASSED*", "*::test_both[[]memory[]] PASSED*"]
    )
    result.assert_outcomes(passed=3)


def test_the_ini_file_names_backends_and_a_marker_overrides_it(project):
    project.add(
        "test_ini.py",
        """
        import pytest

        def test_ini(cano_store): pass

        @pytest.mark.cano_store("memory")
        def test_marked(cano_store): pass
    """,
    )

    result = project.run("-o", "cano_stores=sqlite, memory", "-v")

    result.stdout.fnmatch_lines(
        ["*test_ini[[]sqlite]*", "*test_ini[[]memory]*", "*test_marked PASSED*"]
    )


def test_a_test_may_parametrise_its_store_itself(project):
    project.add(
        "test_own.py",
        """
        import pytest

        @pytest.mark.parametrize("cano_store", ["memory"], indirect=True)
        def test_own(cano_store):
            assert type(cano_store).__name__ == "MemoryCheckpointStore"
    """,
    )

    project.run("-o", "cano_stores=sqlite memory").assert_outcomes(passed=1)


def test_a_backend_that_no_hook_makes_is_an_error_of_the_test(project):
    project.add("conftest.py", "def pytest_cano_make_store(name, directory): pass")
    project.add(
        "test_unknown.py",
        """
        import pytest

        @pytest.mark.cano_store("redis")
        def test_unknown(cano_store): pass
    """,
    )

    result = project.run()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*test_unknown*no backend 'redis'*"])


def test_a_hook_comes_before_our_own_backends(project):
    project.add(
        "conftest.py",
        """
        from cano_core import MemoryCheckpointStore

        def pytest_cano_make_store(name, directory):
            if name == "sqlite":
                return MemoryCheckpointStore()
    """,
    )
    project.add(
        "test_own.py",
        """
        def test_own(cano_store):
            assert type(cano_store).__name__ == "MemoryCheckpointStore"
    """,
    )

    project.run().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "identifier", ["plain", "a b", "\\n\\t\\x00", "é€😀", "x" * 400, "]::[", ""]
)
def test_workflow_ids_are_legal_for_every_parametrisation(project, identifier):
    project.add(
        "test_ids.py",
        f"""
        import pytest
        from shop import run, shop

        seen = dict()

        @pytest.mark.parametrize("value", [1, 2], ids=["{identifier}", "{identifier}2"])
        def test_ids(value, cano_store, cano_ledger, cano_workflow_id):
            assert run(shop(cano_store, cano_ledger), cano_workflow_id) == "Done"
            assert seen.setdefault(cano_workflow_id, value) == value
    """,
    )

    project.run("--cano-crash=Charge@enter").assert_outcomes(passed=4)


def test_trio_is_refused_in_words(project):
    pytest.importorskip("anyio")
    project.add(
        "test_trio.py",
        """
        import pytest

        @pytest.fixture
        def anyio_backend():
            return "trio"

        @pytest.mark.anyio
        async def test_trio(cano_store): pass
    """,
    )

    result = project.run(plugins=["anyio"])

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*cano_core runs on asyncio*return 'asyncio'*"])
