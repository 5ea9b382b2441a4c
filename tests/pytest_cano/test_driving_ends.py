"""The end of a process that holds frozen stacks, and how coverage sees them."""

import textwrap
from pathlib import Path

import pytest

import children

FREEZES = """
    import asyncio, atexit, contextlib, sys, threading
    from pytest_cano.driving import driven, freeze_here, wait_here

    class Noisy:
        def __del__(self):
            print("finalised", flush=True)

    async def numbers():
        try:
            while True:
                yield 1
        finally:
            print("generator", flush=True)

    async def nested():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)

    async def body():
        held = Noisy()
        task = asyncio.create_task(nested())
        try:
            async with asyncio.timeout(60):
                await asyncio.sleep(0)
                async for _ in numbers():
                    freeze_here(SystemExit("frozen"))
        finally:
            print("finally", flush=True)

    async def main():
        try:
            await driven(body())
        except SystemExit as error:
            print(error, flush=True)

    def live():
        with contextlib.ExitStack() as stack:
            asyncio.run(main())
"""


def run(tmp_path: Path, program: str, *options: str) -> children.Completed:
    (tmp_path / "program.py").write_text(textwrap.dedent(program))
    return children.run("python", *options, "program.py", cwd=tmp_path)


@pytest.mark.parametrize(
    "lives",
    [
        "live()",
        "thread = threading.Thread(target=live); thread.start(); thread.join()",
        "live(); import gc; gc.collect(); sys.exit()",
        "live(); del sys.modules['pytest_cano.driving'], driven, freeze_here",
    ],
)
@pytest.mark.parametrize("options", [[], ["-X", "dev"]], ids=["plain", "dev"])
def test_a_process_ends_in_silence(tmp_path, lives, options):
    program = f"{textwrap.dedent(FREEZES)}\n{lives}\n"

    assert run(tmp_path, program, *options) == children.Completed(0, "frozen\n")


def test_a_process_ends_in_silence_whose_thread_is_cut_off(tmp_path):
    program = f"""{textwrap.dedent(FREEZES)}
frozen = threading.Event()

def live_on():
    live()
    frozen.set()
    threading.Event().wait()

threading.Thread(target=live_on, daemon=True).start()
frozen.wait()
"""

    assert run(tmp_path, program) == children.Completed(0, "frozen\n")


MEASURED = """
    import asyncio
    import program
    from pytest_cano.driving import driven

    async def main():
        first = await driven(program.body(3))
        second = await driven(program.body(1))
        if first > second:
            first -= 1
        third = first
        return third + 1

    print(asyncio.run(main()))
"""

BODY = """
    import asyncio

    async def inner(number):
        for _ in range(number):
            await asyncio.sleep(0)
            number += 1
            number -= 1
        return number

    async def body(number):
        result = await inner(number)
        if number > 2:
            result += await inner(2)
        await asyncio.sleep(0)
        return result

    def never():
        first = 1
        second = 2
        return first, second
"""


def test_coverage_counts_every_line_to_its_file(tmp_path):
    (tmp_path / "program.py").write_text(textwrap.dedent(BODY))
    (tmp_path / "main.py").write_text(textwrap.dedent(MEASURED))
    measured = ["-m", "coverage", "run", "--branch", "--include=main.py,program.py"]
    shown = ["-m", "coverage", "report", "--show-missing"]

    done = children.run("python", *measured, "main.py", cwd=tmp_path)
    report = children.run("python", *shown, cwd=tmp_path)

    assert done == children.Completed(0, "5\n")
    lines = {
        line.split()[0]: line.split()[-1] for line in report.output.splitlines()[2:4]
    }
    assert lines == {"main.py": "9->11", "program.py": "19-21"}
