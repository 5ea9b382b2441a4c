"""Crash tests beside pytest-asyncio and anyio."""

import pytest

from shop_project import schedules

ASYNC_SHOP = """
import pytest
from shop import shop, start

{marks}
async def test_shop(cano_store, cano_ledger, cano_workflow_id):
    assert await start(shop(cano_store, cano_ledger), cano_workflow_id) == "Done"
"""

SCOPES = ["function", "class", "module", "package", "session"]


@pytest.fixture(autouse=True)
def _installed():
    pytest.importorskip("pytest_asyncio")
    pytest.importorskip("anyio")


def assert_charge_is_found(result, others=0, kind=""):
    result.assert_outcomes(failed=2, passed=1 + others)
    assert set(schedules(result)) == {f"Charge@end{kind}", f"Ship@end{kind}"}
    result.stdout.fnmatch_lines(["DUPLICATED*charge('order-1', 42)*2 times*"])
    result.stdout.fnmatch_lines(["  life 2   resumed at Charge > Ship > Done"])


@pytest.mark.parametrize("scope", SCOPES)
def test_pytest_asyncio_strict_with_every_loop_scope(project, scope):
    project.add(
        "checks/test_shop.py",
        ASYNC_SHOP.format(marks=f"@pytest.mark.asyncio(loop_scope='{scope}')")
        + f"""
@pytest.mark.asyncio(loop_scope='{scope}')
async def test_after():
    import asyncio
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1
""",
    )
    project.add("checks/__init__.py", "")

    result = project.run("--cano-crash=@end", "-v", plugins=["pytest_asyncio.plugin"])

    assert_charge_is_found(result, others=1)


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_killed_lives_have_loops_of_every_scope(project, scope):
    project.add(
        "test_shop.py",
        ASYNC_SHOP.format(marks=f"@pytest.mark.asyncio(loop_scope='{scope}')"),
    )

    result = project.run(
        *("--cano-crash=@end=kill", "-v"),
        plugins=["pytest_asyncio.plugin"],
        subprocess=True,
    )

    assert_charge_is_found(result, kind="=kill")
    result.stdout.no_fnmatch_line("*fresh interpreters*")


@pytest.mark.parametrize("scope", ["function", "session"])
def test_killed_lives_have_backends_of_every_scope(project, scope):
    project.add("test_shop.py", ASYNC_SHOP.format(marks="@pytest.mark.anyio"))
    project.add(
        "conftest.py",
        f"""
        import pytest

        @pytest.fixture(scope="{scope}")
        def anyio_backend():
            return "asyncio"
    """,
    )

    result = project.run(
        "--cano-crash=@end=kill", "-v", plugins=["anyio"], subprocess=True
    )

    assert_charge_is_found(result, kind="=kill")
    result.stdout.no_fnmatch_line("*fresh interpreters*")


@pytest.mark.parametrize("scope", SCOPES)
def test_pytest_asyncio_auto_with_every_default_scope(project, scope):
    project.add("checks/test_shop.py", ASYNC_SHOP.format(marks=""))
    project.add("checks/__init__.py", "")

    result = project.run(
        "--cano-crash=@end",
        "-v",
        "--asyncio-mode=auto",
        "-o",
        f"asyncio_default_test_loop_scope={scope}",
        plugins=["pytest_asyncio.plugin"],
    )

    assert_charge_is_found(result)


def test_async_fixtures_are_built_anew_for_every_life(project):
    project.add(
        "test_fixtures.py",
        """
        import asyncio
        import pytest_asyncio
        from shop import shop, start

        log = []

        @pytest_asyncio.fixture(loop_scope="module", scope="module")
        async def machine():
            log.append("machine")
            yield asyncio.get_running_loop()

        @pytest_asyncio.fixture(loop_scope="module")
        async def client(machine):
            assert asyncio.get_running_loop() is machine
            log.append("up")
            yield
            log.append("down")

        async def test_shop(client, cano_store, cano_ledger, cano_workflow_id):
            workflow = shop(cano_store, cano_ledger, keyed=True)
            assert await start(workflow, cano_workflow_id) == "Done"

        async def test_log():
            assert log == ["machine"] + ["up", "down"] * 5
    """,
    )

    result = project.run(
        "--cano-crash=Charge@end",
        "--asyncio-mode=auto",
        "-o",
        "asyncio_default_test_loop_scope=module",
        plugins=["pytest_asyncio.plugin"],
    )

    result.assert_outcomes(passed=3)


def test_an_async_test_of_a_class(project):
    project.add(
        "test_class.py",
        """
        import pytest
        from shop import shop, start

        class TestShop:
            @pytest.mark.asyncio
            async def test_shop(self, cano_store, cano_ledger, cano_workflow_id):
                assert not hasattr(self, "used")
                self.used = True
                await start(shop(cano_store, cano_ledger), cano_workflow_id)
    """,
    )

    result = project.run("--cano-crash=@end", "-v", plugins=["pytest_asyncio.plugin"])

    assert_charge_is_found(result)


def test_a_crash_in_a_task_group_or_a_sibling_is_the_end_of_the_life(project):
    project.add(
        "test_group.py",
        """
        import asyncio
        import pytest
        from shop import shop, start

        @pytest.mark.asyncio
        async def test_group(cano_store, cano_ledger, cano_workflow_id):
            workflow = shop(cano_store, cano_ledger)
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
                group.create_task(start(workflow, cano_workflow_id))

        @pytest.mark.asyncio
        async def test_waiting(cano_store, cano_ledger, cano_workflow_id):
            done = asyncio.Event()

            async def work():
                await start(shop(cano_store, cano_ledger), cano_workflow_id)
                done.set()

            working = asyncio.create_task(work())
            await done.wait()
            await working
    """,
    )

    result = project.run(
        "--cano-crash=Charge@end", "-v", plugins=["pytest_asyncio.plugin"]
    )

    result.assert_outcomes(failed=4)
    assert len([line for line in result.outlines if line[:10] == "DUPLICATED"]) == 2


@pytest.mark.parametrize(
    "args",
    [
        (),
        (
            "-o",
            "anyio_mode=auto",
        ),
    ],
)
def test_anyio(project, args):
    mark = "" if args else "@pytest.mark.anyio"
    project.add("test_shop.py", ASYNC_SHOP.format(marks=mark))
    project.add(
        "conftest.py",
        """
        import pytest

        @pytest.fixture
        def anyio_backend():
            return "asyncio"
    """,
    )

    result = project.run("--cano-crash=@end", "-v", *args, plugins=["anyio"])

    assert_charge_is_found(result)


def test_anyio_with_its_own_parameters(project):
    project.add(
        "test_shop.py",
        ASYNC_SHOP.format(marks="@pytest.mark.anyio").replace(
            "async def",
            "@pytest.mark.parametrize('anyio_backend', [('asyncio', {})])\nasync def",
        ),
    )

    result = project.run("--cano-crash=@end", "-v", plugins=["anyio"])

    assert_charge_is_found(result)


def test_both_plugins_side_by_side(project):
    project.add("test_anyio.py", ASYNC_SHOP.format(marks="@pytest.mark.anyio"))
    project.add("test_asyncio.py", ASYNC_SHOP.format(marks="@pytest.mark.asyncio"))
    project.add(
        "conftest.py",
        """
        import pytest

        @pytest.fixture(scope="module")
        def anyio_backend():
            return "asyncio"
    """,
    )

    result = project.run(
        "--cano-crash=Charge@end", plugins=["anyio", "pytest_asyncio.plugin"]
    )

    result.assert_outcomes(failed=4)
