"""What each probe sees, and what it does not."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pytest_cano.description import Describer
from pytest_cano.probes import (
    CallProbe,
    ContentsProbe,
    DirectoryProbe,
    Look,
    Reading,
    SQLAlchemyProbe,
    SQLiteProbe,
    probe_for,
)
from pytest_cano.probes.reading import changes

LOOK = Look(Describer())


def seen(looked_at: Any, look: Look = LOOK) -> dict[str, str]:
    reading = probe_for("it", looked_at).read(look)
    assert Reading.parse(reading.text) == reading
    assert len(dict(reading.entries)) == len(reading.entries)
    return dict(reading.entries)


# Directories and files


def tree(directory: Path) -> Path:
    (directory / "in" / "deep").mkdir(parents=True)
    (directory / "in" / "a.txt").write_text("hello")
    (directory / "in" / "deep" / "b.tmp").write_text("")
    return directory / "in"


def test_a_directory_is_names_kinds_and_contents(tmp_path: Path) -> None:
    assert seen(tree(tmp_path)) == {
        "": "a directory",
        "a.txt": "a file of 5 bytes, sha256 2cf24dba5fb0",
        "deep": "a directory",
        "deep/b.tmp": "a file of 0 bytes, sha256 e3b0c44298fc",
    }


@pytest.mark.parametrize("pattern", ["*.tmp", "deep/*", "b.tmp", "deep/b.*"])
def test_what_is_ignored_is_left_out(tmp_path: Path, pattern: str) -> None:
    found = seen(DirectoryProbe(tree(tmp_path), ignore=pattern))

    assert [*found] == ["", "a.txt", "deep"]


def test_what_is_below_something_ignored_is_left_out_too(tmp_path: Path) -> None:
    found = seen(DirectoryProbe(tree(tmp_path), ignore=["deep"]))

    assert [*found] == ["", "a.txt"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    directory = tree(tmp_path)
    (directory / "loop").symlink_to(directory)
    (directory / "gone").symlink_to("nowhere")
    look = Look(Describer(), str(tmp_path))

    found = seen(directory, look)

    # The disk has another path in every world.
    assert found["loop"] == "a link to DISK/in"
    assert found["gone"] == "a link to nowhere"
    assert len(found) == 6


def test_a_path_that_is_a_link_itself_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tree(tmp_path))

    assert seen(tmp_path / "link") == seen(tmp_path / "in")


def test_what_is_neither_file_nor_directory_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert seen(tmp_path)["pipe"] == "neither file nor directory"


def test_a_file_alone_and_nothing_at_all_can_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")

    assert seen(tmp_path / "file") == {"": "a file of 5 bytes, sha256 2cf24dba5fb0"}
    assert seen(tmp_path / "none") == {"": "not there"}


def test_the_files_of_checkpoint_stores_are_left_out(tmp_path: Path) -> None:
    for name in ("runs.db", "runs.db-wal", "other.db"):
        (tmp_path / name).write_text("x")
    look = Look(Describer(), own_files=(str(tmp_path / "runs.db"),))

    assert [*seen(tmp_path, look)] == ["", "other.db"]


def test_only_what_is_a_store_s_own_is_left_out(tmp_path: Path) -> None:
    for name in ("order", "order-receipts"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.log").write_text("x")
    (tmp_path / "orders.csv").write_text("x")
    look = Look(Describer(), str(tmp_path), own_files=(str(tmp_path / "order"),))

    assert [*seen(tmp_path, look)] == [
        "",
        "order-receipts",
        "order-receipts/1.log",
        "orders.csv",
    ]
    # Looked into by itself, it is no less the store's.
    assert [*seen(tmp_path / "order", look)] == [""]


@pytest.mark.parametrize("up", [".", ".."])
def test_a_store_that_has_the_whole_disk_hides_nothing_on_it(
    tmp_path: Path, up: str
) -> None:
    (tmp_path / "paid").touch()
    own = os.path.normpath(tmp_path / up)

    found = seen(tmp_path, Look(Describer(), str(tmp_path), own_files=(own,)))

    assert [*found] == ["", "paid"]


def test_a_name_of_any_characters_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a\tb\nc").write_text("")

    assert [*seen(tmp_path)] == ["", "a\\tb\\nc"]


# SQLite


@contextmanager
def database(path: Path, *statements: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
        yield connection


ORDERS = (
    "CREATE TABLE orders (id INTEGER PRIMARY KEY,\n  total INT, made TEXT)",
    "CREATE INDEX totals ON orders (total)",
    "INSERT INTO orders VALUES (2, 20, 'now'), (1, 10, 'then')",
    "CREATE TABLE sent (name TEXT, times INT)",
    "INSERT INTO sent VALUES ('a', 1), ('b', 2), ('a', 1)",
)
SEEN = {
    "index totals": "CREATE INDEX totals ON orders (total)",
    "table orders": (
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, total INT, made TEXT)"
    ),
    "table sent": "CREATE TABLE sent (name TEXT, times INT)",
    "orders (id=1)": "total=10, made='then'",
    "orders (id=2)": "total=20, made='now'",
    "sent (name='a', times=1)": "2 rows",
    "sent (name='b', times=2)": "1 row",
}


def test_a_sqlite_database_is_its_schema_and_rows(tmp_path: Path) -> None:
    with database(tmp_path / "shop.db", *ORDERS):
        pass

    assert seen(tmp_path / "shop.db") == SEEN
    assert seen(SQLiteProbe(tmp_path / "shop.db")) == SEEN


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_database_in_use_is_seen_as_committed_and_stays_as_it_is(
    tmp_path: Path, mode: str
) -> None:
    with database(tmp_path / "shop.db", f"PRAGMA journal_mode={mode}", *ORDERS) as db:
        db.execute("BEGIN")
        db.execute("DELETE FROM orders")
        before = sorted(os.listdir(tmp_path))

        assert seen(tmp_path / "shop.db") == SEEN
        assert sorted(os.listdir(tmp_path)) == before
        db.execute("COMMIT")

    assert "orders (id=1)" not in seen(tmp_path / "shop.db")
    assert os.listdir(tmp_path) == ["shop.db"]


def test_tables_and_columns_can_be_left_out(tmp_path: Path) -> None:
    with database(tmp_path / "shop.db", *ORDERS):
        pass
    probe = SQLiteProbe(tmp_path / "shop.db", ignore=["sent", "*.made", "orders.id"])

    found = seen(probe)

    assert not any("sent" in name for name in found)
    # Without its key a row is known by all that is left of it.
    assert found["orders (total=10)"] == "1 row"


@pytest.mark.parametrize("key", ["'uuid-1'", "NULL"])
def test_rows_whose_keys_look_alike_are_told_apart(tmp_path: Path, key: str) -> None:
    other = key.replace("1", "2")
    with database(
        tmp_path / "shop.db",
        "CREATE TABLE orders (id TEXT PRIMARY KEY, total INT)",
        f"INSERT INTO orders VALUES ({key}, 10), ({other}, 10)",
    ):
        pass
    describer = Describer()
    describer.normalisers.append(
        lambda value: "UUID" if str(value).startswith("uuid") else value
    )
    name = "orders (id=None)" if key == "NULL" else "orders (id='UUID')"

    found = seen(tmp_path / "shop.db", Look(describer))

    assert {entry: value for entry, value in found.items() if "(" in entry} == {
        name: "total=10",
        f"{name} #2": "total=10",
    }


def test_a_database_in_a_directory_is_compared_by_what_it_holds(
    tmp_path: Path,
) -> None:
    with database(tmp_path / "shop.db", "PRAGMA journal_mode=wal", *ORDERS) as db:
        before, bytes_before = seen(tmp_path), (tmp_path / "shop.db").read_bytes()
        assert before["shop.db: orders (id=1)"] == "total=10, made='then'"
        assert [name for name in before if "-" in name] == []
        db.execute("UPDATE orders SET total = 11 WHERE id = 1")
        db.execute("UPDATE orders SET total = 10 WHERE id = 1")

    assert (tmp_path / "shop.db").read_bytes() != bytes_before
    assert seen(tmp_path) == before


def test_of_very_many_rows_there_is_a_digest(tmp_path: Path) -> None:
    with database(tmp_path / "big.db", "CREATE TABLE big (id INTEGER)") as db:
        db.executemany("INSERT INTO big VALUES (?)", [(n,) for n in range(1500)])
        found = seen(tmp_path / "big.db")
        assert len(found) == 1002
        assert found["big, 500 more rows"].startswith("sha256 ")
        db.execute("UPDATE big SET id = 9999 WHERE id = 999")

        assert seen(tmp_path / "big.db") != found


def test_a_database_that_was_never_made_is_seen_as_such(tmp_path: Path) -> None:
    assert seen(SQLiteProbe(tmp_path / "none.db")) == {
        "the database": "empty, or not there"
    }
    assert os.listdir(tmp_path) == []


def test_odd_names_and_generated_columns_are_fine(tmp_path: Path) -> None:
    with database(
        tmp_path / "odd.db",
        'CREATE TABLE "a ""b"" c" (x INT, twice INT AS (2 * x))',
        'INSERT INTO "a ""b"" c" VALUES (4)',
        "CREATE VIEW v AS SELECT 1",
    ):
        pass

    found = seen(tmp_path / "odd.db")

    assert found['a "b" c (x=4, twice=8)'] == "1 row"
    assert found["view v"] == "CREATE VIEW v AS SELECT 1"


# SQLAlchemy


@pytest.fixture
def alchemy() -> Any:
    return pytest.importorskip(
        "sqlalchemy", reason="needs SQLAlchemy: the extra 'sqlalchemy' installs it"
    )


def test_an_engine_is_its_tables_and_rows(tmp_path: Path, alchemy: Any) -> None:
    with database(tmp_path / "shop.db", *ORDERS):
        pass
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    engine = alchemy.create_engine(url)
    expected = {
        "table orders": "id INTEGER, total INTEGER, made TEXT",
        "table sent": "name TEXT, times INTEGER",
        **{name: value for name, value in SEEN.items() if "(" in name},
    }

    assert seen(engine) == expected
    assert seen(SQLAlchemyProbe(url)) == expected
    assert [*seen(SQLAlchemyProbe(url, ignore=["sent", "orders.made"]))] == [
        "table orders",
        "orders (id=1)",
        "orders (id=2)",
    ]
    engine.dispose()


def test_an_async_engine_is_refused_at_once(alchemy: Any) -> None:
    class AsyncEngine:
        __module__ = "sqlalchemy.ext.asyncio.engine"

    with pytest.raises(TypeError, match="give a sync engine on the same database"):
        probe_for("db", AsyncEngine())


def test_without_sqlalchemy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "sqlalchemy", None)

    with pytest.raises(ImportError, match=r"pip install 'pytest-cano\[sqlalchemy\]'"):
        SQLAlchemyProbe("sqlite://").read(LOOK)


# Resources and functions


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ({"b": [1], "a": "x"}, {"['a']": "'x'", "['b']": "[1]"}),
        (["x", {"y"}], {"[0]": "'x'", "[1]": "{'y'}"}),
        ({"b", "a"}, {"'a'": "a member", "'b'": "a member"}),
        ({}, {}),
    ],
)
def test_a_resource_is_its_elements(contents: Any, expected: dict[str, str]) -> None:
    assert seen(contents) == expected
    assert seen(ContentsProbe(contents)) == expected
    assert seen(lambda: contents) == expected


def test_a_resource_is_seen_as_it_is_at_the_end() -> None:
    stock: dict[str, int] = {}
    probe = probe_for("stock", stock)
    stock["chair"] = 4

    assert dict(probe.read(LOOK).entries) == {"['chair']": "4"}


def test_a_function_is_one_value_unless_that_is_a_collection() -> None:
    assert seen(CallProbe(lambda: 42)) == {"": "42"}
    assert seen("text".upper) == {"": "'TEXT'"}


def test_values_pass_through_what_normalises_them() -> None:
    describer = Describer()
    describer.normalisers.append(lambda value: 0 if isinstance(value, int) else value)

    assert seen({"at": 17}, Look(describer)) == {"['at']": "0"}


def test_keys_are_written_as_values_are() -> None:
    class Plain:
        pass

    describer = Describer()
    describer.normalisers.append(
        lambda value: "UUID" if str(value).startswith("uuid") else value
    )

    found = seen({Plain(): 1, "uuid-1": "uuid-1"}, Look(describer))

    (name,) = (name for name in found if "Plain" in name)
    assert " at 0x" not in name
    assert found == {name: "1", "['UUID']": "'UUID'"}


def test_entries_of_one_name_are_told_apart() -> None:
    class Alike:
        def __repr__(self) -> str:
            return "it"

    found = seen({Alike(): 1, Alike(): 2})

    assert found == {"[it]": "1", "[it] #2": "2"}


# What can be looked at


class Nothing:
    def __repr__(self) -> str:
        return "<nothing>"


async def later() -> int:
    return 42


@pytest.mark.parametrize(
    ("looked_at", "said"),
    [
        (Nothing(), "probe 'it': <nothing> is a Nothing, and nobody knows how"),
        ("out", r"'out' is a str, .*write Path\(\.\.\.\) for a path"),
        (42, "42 is a int"),
        (later, r"is async, .* observe\(\) what it returns"),
    ],
)
def test_what_nobody_can_look_at_is_refused(looked_at: object, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        probe_for("it", looked_at)


def test_a_probe_of_ones_own_is_one_with_a_read_method() -> None:
    class Two:
        def read(self, look: Look) -> Reading:
            return Reading.of([("two", look.describer.value(2))])

    assert seen(Two()) == {"two": "2"}


# Differences


def reading(**entries: str) -> Reading:
    return Reading.of(entries.items())


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (reading(a="1"), reading(a="1"), []),
        (reading(a="1"), reading(a="2"), [("a", "1", "2")]),
        (reading(a="1"), reading(), [("a", "1", None)]),
        (reading(), reading(a="1"), [("a", None, "1")]),
    ],
)
def test_readings_differ_by_entry(
    before: Reading, after: Reading, found: list[tuple[str, ...]]
) -> None:
    told = [(each.entry, each.before, each.after) for each in changes(before, after)]

    assert told == found


def test_what_is_no_reading_is_not_read_as_one() -> None:
    make: Callable[[object], str] = Describer().value
    for value in ("a\tb", "a\nb", "", 42):
        assert Reading.parse(make(value)) is None
