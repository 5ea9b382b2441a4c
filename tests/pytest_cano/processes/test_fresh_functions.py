"""Functions whose lives are killed where their own process can't be forked."""

from textwrap import dedent

import pytest

import children

PROGRAM = """
    import asyncio
    import threading

    from cano_core import RunContext, Workflow
    from pytest_cano import check


    async def program(world):
        async def charge(run: RunContext):
            world.ledger.effect("charge", 42, key=run.idempotency_key)
            return "Done"

        workflow = Workflow(checkpoint_store=world.store)
        workflow.register("Charge", charge).add_exit_state("Done")
        return await workflow.start_or_resume("Charge", workflow_id=world.workflow_id)


    class Program:
        def __init__(self, name):
            self.__name__ = name

        def __call__(self, world):
            return program(world)


    def begin_a_thread():
        threading.Thread(target=threading.Event().wait, daemon=True).start()
"""

FRESH = "which is slower: the thread 'Thread-1 (wait)' is running"


@pytest.fixture
def printed(tmp_path):
    """Return what a script prints that follows the program."""

    def run(text: str) -> str:
        script = tmp_path / "script.py"
        script.write_text(dedent(PROGRAM) + "\n\n" + dedent(text))
        return children.run("python", script, cwd=tmp_path).output

    return run


def test_a_script_with_threads(printed):
    said = printed(
        """
        if __name__ == "__main__":
            begin_a_thread()
            print(check(program, crash="all=kill"))
            print(check(Program("callable"), crash="@end=kill"))
    """
    )

    assert "program  5/5 crash points" in said
    assert "callable  1/1 crash points of 5" in said
    assert said.count(FRESH) == 2


def test_a_running_loop_is_no_obstacle(printed):
    said = printed(
        """
        async def main():
            print(check(program, crash="all=kill"))

        asyncio.run(main())
    """
    )

    assert "program  5/5 crash points" in said
    assert "slower" not in said


def test_what_stands_in_no_module_is_refused_before_anything_is_crashed(printed):
    said = printed(
        """
        def make():
            async def local(world):
                print("a life")
                return await program(world)

            return local

        begin_a_thread()
        print(check(make(), crash="all").passed)
        try:
            check(make(), crash="all, Charge@end=kill")
        except ValueError as error:
            print(error)
    """
    )

    assert "True" in said
    _, _, refused = said.partition("True")
    assert refused.count("a life") == 1
    assert "the thread 'Thread-1 (wait)' is running" in refused
    assert "make.<locals>.local" in refused
    assert "let it stand at the top of a module" in refused


def test_what_is_missing_when_the_script_is_imported_is_named(printed):
    said = printed(
        """
        if __name__ == "__main__":
            async def late(world):
                return await program(world)

            begin_a_thread()
            print(check(late, crash="Charge@end=kill"))
    """
    )

    assert "'late'" in said
    assert "(is it below `if __name__ == '__main__'`?)" in said
