"""Probes of tests: looked at when the body is over, and everything still stands."""

import pytest

HEAD = """
    import asyncio
    import sqlite3
    from contextlib import closing

    import pytest

    from cano_core import Workflow

    def shop(store, task):
        workflow = Workflow(checkpoint_store=store).add_exit_state("Done")
        return workflow.register("Pack", task)
"""

# Appends in every life, and so twice where the task is repeated.
TREE = """
    def test_tree(cano, cano_store, cano_workflow_id, tmp_path):
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        cano.probe("out", out)

        async def pack():
            with (out / "label").open("a") as file:
                file.write("x")
            return "Done"

        workflow = shop(cano_store, pack)
        asyncio.run(workflow.start_or_resume("Pack", workflow_id=cano_workflow_id))
"""


def test_what_is_left_on_the_disk_is_compared(project):
    project.add("test_tree.py", HEAD + TREE)

    result = project.run("--cano-crash=all")

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "DIVERGED  out: label is a file of 2 bytes, *, a file of 1 byte, *",
            "  again   pytest *--cano-crash='Pack@end'",
            "*1 of 4 crash points failed: Pack@end DIVERGED",
        ]
    )


def test_without_a_crash_nothing_is_looked_at(project):
    project.add(
        "test_fail.py",
        """
        def test_fail(cano):
            cano.probe("fails", lambda: 1 / 0)
    """,
    )

    assert project.run().ret == 0


def test_the_fixtures_still_stand_where_a_probe_looks(project):
    project.add(
        "test_stock.py",
        HEAD
        + """
    @pytest.fixture
    def database(tmp_path):
        with closing(sqlite3.connect(tmp_path / "stock.db")) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS stock (item)")
            yield connection

    def test_stock(cano, cano_store, cano_workflow_id, database):
        def pack():
            database.execute("INSERT INTO stock VALUES ('chair')")
            database.commit()
            return "Done"

        count = "SELECT count(*) FROM stock"
        cano.probe("stock", lambda: database.execute(count).fetchone())
        async def task():
            return pack()
        workflow = shop(cano_store, task)
        asyncio.run(workflow.start_or_resume("Pack", workflow_id=cano_workflow_id))
    """,
    )

    result = project.run("--cano-crash=@end")

    result.stdout.fnmatch_lines(
        ["DIVERGED  stock: [[]0[]] is 2, 1 in the undisturbed run"]
    )


def test_an_async_test_is_looked_at_too(project):
    pytest.importorskip("pytest_asyncio")
    project.add(
        "test_async.py",
        HEAD
        + """
    @pytest.mark.asyncio
    async def test_async(cano, cano_store, cano_workflow_id, tmp_path):
        cano.probe("out", tmp_path / "out")
        async def pack():
            with (tmp_path / "out").open("a") as file:
                file.write("x")
            return "Done"
        workflow = shop(cano_store, pack)
        await workflow.start_or_resume("Pack", workflow_id=cano_workflow_id)
    """,
    )

    result = project.run("--cano-crash=@end", plugins=["pytest_asyncio.plugin"])

    result.stdout.fnmatch_lines(["DIVERGED  out is a file of 2 bytes, *"])


def test_a_mistake_is_an_error_of_the_test(project):
    project.add(
        "test_mistake.py",
        """
        def test_mistake(cano):
            cano.probe("out", "out.txt")
    """,
    )

    result = project.run()

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*TypeError: probe 'out': 'out.txt' is a str, *Path*"])
