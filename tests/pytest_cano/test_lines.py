"""Every line of a file, seen before it is executed, in one context."""

import asyncio
import contextlib
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import children
from pytest_cano.driving import driven, freeze_here, wait_here
from pytest_cano.lines import LinesUnavailableError, watching

monitored = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="sys.monitoring came with 3.12"
)
traced = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="sys.monitoring takes its place"
)


@pytest.fixture(autouse=True)
def _no_other_tracer() -> Iterator[None]:
    """Coverage, where our own suite is measured on Python 3.11."""
    if sys.version_info >= (3, 12):
        yield
        return
    here, everywhere = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    yield
    sys.settrace(here)
    threading.settrace(everywhere)


PROGRAM = """
    import asyncio

    def sync(number):
        for each in range(number):
            number -= each
        return [
            each
            for each in range(number)
        ]

    async def task():
        await asyncio.sleep(0)
        try:
            result = await asyncio.sleep(0, 5)
            await nested()
        except KeyError:
            result = None
        return result

    async def nested():
        await asyncio.sleep(0)

    async def in_tasks():
        await asyncio.create_task(nested())
        await asyncio.to_thread(sync, 1)
"""


def module(path: Path) -> Any:
    path.write_text(textwrap.dedent(PROGRAM).lstrip())
    names: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    return SimpleNamespace(**names)


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "watched.py")


@pytest.fixture
def program(file: str) -> Any:
    return module(Path(file))


@pytest.fixture
def other(tmp_path: Path) -> Any:
    return module(tmp_path / "other.py")


class Lines(list[tuple[str, int]]):
    def __call__(self, code: Any, line: int) -> None:
        self.append((code.co_name, line))


TASK = [
    *[("task", 12), ("task", 13), ("task", 14), ("task", 15)],
    *[("nested", 21), ("task", 18)],
]


def test_every_line_is_seen_in_order(file, program):
    lines = Lines()
    with watching(file, lines):
        program.sync(2)

    assert lines[:5] == [("sync", line) for line in (4, 5, 4, 5, 4)]
    # Of an expression in several lines, Pythons differ in what comes when.
    assert {line for _, line in lines[5:]} == {6, 7, 8}


def test_lines_are_seen_across_awaits(file, program):
    lines = Lines()

    async def main() -> int:
        with watching(file, lines):
            result: int = await program.task()
        await program.task()
        return result

    assert asyncio.run(main()) == 5
    assert lines == TASK


def test_a_line_is_seen_before_it_is_executed(file, program):
    class StopError(Exception):
        pass

    def stop(code: Any, line: int) -> None:
        if line == 5:
            raise StopError

    with watching(file, stop), pytest.raises(StopError) as caught:
        program.sync(2)

    assert caught.traceback[1].lineno + 1 == 5
    assert caught.traceback[1].frame.f_locals["number"] == 2


def test_what_is_raised_can_be_handled_at_that_line(file, program):
    def fail(code: Any, line: int) -> None:
        if line == 15:
            raise KeyError

    async def main() -> Any:
        with watching(file, fail):
            return await program.task()

    assert asyncio.run(main()) is None


def test_after_a_callback_has_raised_lines_are_seen_again(file, program):
    lines = Lines()

    def fail(code: Any, line: int) -> None:
        raise ZeroDivisionError

    with watching(file, fail), pytest.raises(ZeroDivisionError):
        program.sync(1)
    with watching(file, lines):
        program.sync(0)

    assert lines[0] == ("sync", 4)


def test_another_context_is_not_watched(file, program):
    lines = Lines()

    async def main() -> None:
        async def watched() -> None:
            with watching(file, lines):
                await program.task()

        await asyncio.gather(watched(), program.task(), program.task())

    asyncio.run(main())

    assert lines == TASK


def test_what_a_context_starts_is_watched(file, program):
    lines = Lines()

    async def main() -> None:
        with watching(file, lines):
            await program.in_tasks()

    asyncio.run(main())

    assert ("nested", 21) in lines
    assert ("sync", 4) in lines


def test_what_is_left_of_a_context_is_not_watched(file, program):
    lines = Lines()

    async def main() -> None:
        with watching(file, lines):
            task = asyncio.create_task(program.task())
            await asyncio.sleep(0)
        with watching(file, Lines()):
            await task

    asyncio.run(main())

    assert lines == TASK[:1]


def test_other_files_are_not_watched(file, program, other):
    lines = Lines()
    with watching(file, lines):
        other.sync(3)
        asyncio.run(other.task())
        asyncio.run(program.nested())

    assert lines == [("nested", 21)]


def test_a_file_that_was_nobodys_is_seen_later(file, tmp_path, program, other):
    lines = Lines()
    with watching(file, Lines()):
        asyncio.run(other.nested())
        with watching(str(tmp_path / "other.py"), lines):
            asyncio.run(other.nested())
    with watching(str(tmp_path / "other.py"), lines):
        asyncio.run(other.nested())

    assert lines == [("nested", 21)] * 2


def test_two_watch_at_the_same_time(file, program):
    first, second = Lines(), Lines()

    async def watched(lines: Lines) -> None:
        with watching([file, "elsewhere.py"], lines):
            await program.task()
            await program.task()

    async def main() -> None:
        await asyncio.gather(watched(first), watched(second))

    asyncio.run(main())

    assert first == second == TASK * 2


def test_each_sees_its_own_files_only(file, tmp_path, program, other):
    lines = Lines()

    async def main() -> None:
        # In another context, but at the same time.
        with watching(str(tmp_path / "other.py"), Lines()):
            begun = asyncio.create_task(watched())
            await begun

    async def watched() -> None:
        with watching(file, lines):
            await other.nested()
            await program.nested()

    asyncio.run(main())

    assert lines == [("nested", 21)]


def test_the_outer_one_is_told_again_after_the_inner(file, program):
    outer, inner = Lines(), Lines()
    with watching(file, outer):
        with watching(file, inner):
            asyncio.run(program.nested())
        asyncio.run(program.task())

    assert inner == [("nested", 21)]
    assert outer == TASK


def test_an_inner_one_sees_lines_after_another_has_raised(file, program):
    lines = Lines()

    def fail(code: Any, line: int) -> None:
        raise ZeroDivisionError

    with watching(file, Lines()):
        with watching(file, fail), pytest.raises(ZeroDivisionError):
            program.sync(1)
        with watching(file, lines):
            asyncio.run(program.nested())

    assert lines == [("nested", 21)]


def test_lines_of_the_callback_itself_are_not_seen(file, program):
    seen: list[int] = []

    def callback(code: Any, line: int) -> None:
        seen.append(line)
        program.sync(2)

    with watching(file, callback):
        asyncio.run(program.nested())

    assert seen == [21]


# Together with driving by hand


class Crash(BaseException):
    pass


def at_line(number: int, act: Callable[[], object]) -> Callable[[Any, int], None]:
    def callback(code: Any, line: int) -> None:
        if line == number:
            act()

    return callback


def test_a_task_is_frozen_at_a_line_and_later_lines_are_seen(file, program):
    cleaned: list[str] = []
    lines = Lines()

    async def body() -> None:
        try:
            await program.task()
        finally:
            cleaned.append("cleaned")

    async def main() -> None:
        frozen = at_line(15, lambda: freeze_here(Crash()))
        with watching(file, frozen), contextlib.suppress(Crash):
            await driven(body())
        with watching(file, lines):
            await program.task()

    asyncio.run(main())

    assert cleaned == []
    assert lines == TASK


def test_a_task_waits_at_a_line_while_others_are_watched(file, program):
    lines = Lines()

    async def waits(entered: asyncio.Event, go_on: asyncio.Event) -> Any:
        def wait() -> None:
            entered.set()
            wait_here(go_on.wait())

        with watching(file, at_line(15, wait)):
            return await driven(program.task())

    async def main() -> Any:
        entered, go_on = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(waits(entered, go_on))
        await entered.wait()
        with watching(file, lines):
            await program.task()
        go_on.set()
        result = await task
        with watching(file, lines):
            await driven(program.task())
        return result

    assert asyncio.run(main()) == 5
    assert lines == TASK * 2


# Beside other tools


@monitored
def test_the_tool_id_is_given_back(file, program):
    monitoring: Any = sys.monitoring

    def tools() -> list[str | None]:
        return [monitoring.get_tool(each) for each in range(6)]

    before = tools()
    with watching(file, Lines()), watching("x.py", Lines()):
        assert tools() != before
    assert tools() == before


@monitored
def test_every_id_may_be_taken(file):
    monitoring: Any = sys.monitoring
    taken = [each for each in (2, 3, 4, 5) if monitoring.get_tool(each) is None]
    for each in taken:
        monitoring.use_tool_id(each, f"tool {each}")
    try:
        with (
            pytest.raises(LinesUnavailableError, match=r"tool 3.*leave one"),
            watching(file, Lines()),
        ):
            pass
    finally:
        for each in taken:
            monitoring.free_tool_id(each)
    with watching(file, Lines()):
        pass


@traced
def test_another_tracer_is_left_alone(file):
    def tracer(*_: object) -> None:
        pass

    sys.settrace(tracer)
    try:
        with (
            pytest.raises(LinesUnavailableError, match="later Python, or leave that"),
            watching(file, Lines()),
        ):
            pass
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(None)


@traced
def test_tracing_ends_with_the_last_one(file):
    with watching(file, Lines()), watching(file, Lines()):
        pass

    assert (sys.gettrace(), threading.gettrace()) == (None, None)


MEASURED = """
    import sys
    import program
    from pytest_cano.lines import watching

    seen = []
    with watching(program.__file__, lambda code, line: seen.append(line)):
        program.sync(2)
    program.sync(1)
    print(seen[0], sum(map(bool, seen)) == len(seen))
"""


@monitored
@pytest.mark.parametrize("core", ["sysmon", "ctrace", "pytrace"])
def test_coverage_measures_beside_it(tmp_path, core):
    module(tmp_path / "program.py")
    (tmp_path / "main.py").write_text(textwrap.dedent(MEASURED))
    environment = children.environment() | {"COVERAGE_CORE": core}

    done = children.run(
        *("python", "-m", "coverage", "run", "--include=program.py", "main.py"),
        cwd=tmp_path,
        env=environment,
    )
    report = children.run(
        "python", "-m", "coverage", "report", "--show-missing", cwd=tmp_path
    )

    assert done == children.Completed(0, "4 True\n")
    missing = report.output.splitlines()[2].split("%")[1].strip()
    assert missing == "12-18, 21, 24-25"


def test_unused_it_changes_nothing():
    code = """if 1:
        import sys, threading
        import pytest_cano.lines
        tools = getattr(sys, "monitoring", None)
        used = [tools.get_tool(each) for each in range(6)] if tools else [None]
        print(sys.gettrace(), threading.gettrace(), *{*used})
    """
    done = children.run(
        "python",
        "-c",
        code,
        cwd=Path.cwd(),
        env={
            name: value
            for name, value in children.environment().items()
            if not name.startswith("COVERAGE_")
        },
    )

    assert done == children.Completed(0, "None None None\n")
