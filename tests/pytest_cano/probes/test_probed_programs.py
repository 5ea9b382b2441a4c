"""What programs leave behind is compared with what the undisturbed run left."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from cano_core import RunContext
from programs import processing
from pytest_cano import check
from pytest_cano.story import Trial
from pytest_cano.view import WorldView


def leaving(task: Any, **probes: Any) -> Any:
    """A program that looks at things, and whose Process is ``task(world, run)``."""

    def make(world: WorldView) -> Any:
        async def process(run: RunContext) -> str:
            task(world, run)
            return "Done"

        for name, looked_at in probes.items():
            world.probe(name, looked_at(world))
        return process

    return processing(make)


def appending(world: WorldView, run: RunContext) -> None:
    with (world.disk / "out.txt").open("a") as file:
        file.write("line\n")


def writing(world: WorldView, run: RunContext) -> None:
    (world.disk / "out.txt").write_text("line\n")


def inserting(world: WorldView, run: RunContext) -> None:
    with closing(sqlite3.connect(world.disk / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER, item)")
        connection.execute("INSERT INTO orders VALUES (1, 'chair')")


def said(trial: Trial) -> list[str]:
    (finding,) = trial.findings
    assert finding.verdict == "DIVERGED"
    return [finding.message, *finding.details]


def test_a_file_that_is_appended_to_twice_is_found(search) -> None:
    found = search(leaving(appending, out=lambda world: world.disk))

    assert found.failures() == {"Process@end": "DIVERGED"}
    assert said(found.run("Process@end")) == [
        (
            "out: out.txt is a file of 10 bytes, sha256 82d9cea06166, "
            "a file of 5 bytes, sha256 c73b73af8851 in the undisturbed run"
        )
    ]


def test_a_file_that_is_written_anew_passes(search) -> None:
    found = search(leaving(writing, out=lambda world: world.disk))

    assert found.failures() == {}


def test_a_row_that_is_inserted_twice_is_found(search) -> None:
    found = search(leaving(inserting, shop=lambda world: world.disk / "shop.db"))

    assert said(found.run("Process@end")) == [
        "shop: orders (id=1, item='chair') is 2 rows, 1 row in the undisturbed run"
    ]


def test_rows_that_are_there_or_missing_are_named(search) -> None:
    def by_life(world: WorldView, run: RunContext) -> None:
        inserting(world, run)
        path = world.disk / "shop.db"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE orders SET id = ?", [world.life])

    found = search(leaving(by_life, shop=lambda world: world.disk / "shop.db"))

    assert said(found.run("Process@start")) == [
        (
            "shop: orders (id=2, item='chair') is there (1 row), and was not in the "
            "undisturbed run"
        ),
        "shop: orders (id=1, item='chair') is missing, 1 row in the undisturbed run",
    ]


def test_of_very_many_differences_the_first_are_named(search) -> None:
    def many(world: WorldView, run: RunContext) -> None:
        for number in range(9):
            (world.disk / f"{number}-{world.life}").write_text("")

    found = search(leaving(many, out=lambda world: world.disk))

    lines = said(found.run("Process@end"))
    assert len(lines) == 6
    assert lines[-1] == "out: 4 more differences"


def test_what_memory_held_is_gone_in_the_next_life(search) -> None:
    stock: list[Any] = []

    def reserve(world: WorldView, run: RunContext) -> None:
        stock[-1]["chair"] = "reserved"

    def begin(world: WorldView) -> dict[str, str]:
        stock.append({})
        return stock[-1]

    found = search(leaving(reserve, stock=begin))

    assert said(found.run("Done@cleared")) == [
        "stock: ['chair'] is missing, 'reserved' in the undisturbed run"
    ]


def test_two_undisturbed_runs_that_leave_something_else_are_flaky(search) -> None:
    numbers = iter(range(99))

    def counting(world: WorldView, run: RunContext) -> None:
        (world.disk / f"{next(numbers)}").write_text("")

    found = search(leaving(counting, out=lambda world: world.disk))

    assert found.flaky.message == (
        "out: 1 is there (a file of 0 bytes, sha256 e3b0c44298fc), and was not in the "
        "first run"
    )


def test_a_life_that_crashed_is_not_looked_at(search) -> None:
    lives: list[int] = []

    def look(world: WorldView) -> Any:
        return lambda: lives.append(world.life)

    found = search(leaving(writing, look=look))
    lives.clear()

    found.run("Process@end")

    # Nor is the extra start, the third.
    assert lives == [2]


def test_the_own_store_is_not_looked_at() -> None:
    report = check(leaving(writing, out=lambda world: world.disk))

    assert report.passed, str(report)


def test_a_probe_that_fails_is_a_failure_of_the_program(search) -> None:
    def look(world: WorldView) -> Any:
        def fail() -> None:
            raise OSError("no disk")

        return fail

    with pytest.raises(OSError, match="no disk"):
        check(leaving(writing, look=look))


def test_a_name_is_taken_once(search) -> None:
    def program(world: WorldView) -> None:
        world.probe("out", world.disk)
        world.probe("out", world.disk)

    with pytest.raises(ValueError, match="there is a probe 'out' already"):
        check(program)


def test_a_name_is_observed_or_probed(search) -> None:
    def program(world: WorldView) -> None:
        world.observe("out", 1)
        world.probe("out", world.disk)

    with pytest.raises(ValueError, match="'out' was both observed and probed"):
        check(program)
