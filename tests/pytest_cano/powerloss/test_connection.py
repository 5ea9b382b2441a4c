"""A connection of apsw is used, and fails, as the one of `sqlite3` it stands for."""

import sqlite3
from enum import IntEnum
from pathlib import Path

import pytest

pytest.importorskip("apsw", reason="needs the extra pytest-cano[powerloss]")

from pytest_cano.powerloss.connection import Connection


class Number(IntEnum):
    SEVEN = 7


@pytest.fixture(params=["sqlite3", "apsw"])
def connection(request: pytest.FixtureRequest, tmp_path: Path):
    path = str(tmp_path / "some.db")
    made = (
        Connection(path)
        if request.param == "apsw"
        else sqlite3.connect(path, timeout=0, isolation_level=None)
    )
    made.execute("CREATE TABLE t (x, y TEXT CHECK (typeof(y) = 'text'))")
    yield made
    made.close()


def test_rows_are_given_one_by_one_or_all(connection):
    connection.executemany("INSERT INTO t VALUES (?, ?)", [(1, "a"), (None, "b")])

    cursor = connection.execute("SELECT x, y FROM t ORDER BY y")

    assert cursor.fetchone() == (1, "a")
    assert list(cursor) == [(None, "b")]
    assert cursor.fetchone() is None


def test_values_are_bound_by_position_and_by_name(connection):
    connection.execute("INSERT INTO t VALUES (?, ?)", (Number.SEVEN, ""))
    connection.execute("INSERT INTO t VALUES (?, ?)", (b"\0", "é"))

    rows = connection.execute("SELECT * FROM t WHERE x = :x", {"x": b"\0"})

    assert list(rows) == [(b"\0", "é")]
    assert connection.execute("SELECT x FROM t").fetchone() == (7,)


def test_a_deletion_says_how_many_rows_are_gone(connection):
    connection.executemany("INSERT INTO t VALUES (?, ?)", [(n, "") for n in range(5)])

    assert connection.execute("DELETE FROM t WHERE x < ?", (3,)).rowcount == 3


def test_it_is_known_whether_a_transaction_is_under_way(connection):
    assert not connection.in_transaction

    connection.execute("BEGIN IMMEDIATE")
    assert connection.in_transaction

    connection.execute("ROLLBACK")
    assert not connection.in_transaction


@pytest.mark.parametrize(
    ("statement", "values", "kind", "code"),
    [
        ("SELECT * FROM missing", (), sqlite3.OperationalError, sqlite3.SQLITE_ERROR),
        (
            "INSERT INTO t VALUES (1, ?)",
            (b"",),
            sqlite3.IntegrityError,
            sqlite3.SQLITE_CONSTRAINT_CHECK,
        ),
        ("SELECT ?", (object(),), sqlite3.ProgrammingError, None),
        ("SELECT ?", (2**70,), OverflowError, None),
        ("SELECT ?", ("\udc80",), UnicodeEncodeError, None),
        ("SELECT CAST(x'ff' AS TEXT)", (), sqlite3.OperationalError, None),
    ],
)
def test_what_goes_wrong_is_an_error_of_sqlite3(
    connection, statement, values, kind, code
):
    with pytest.raises(kind) as caught:
        list(connection.execute(statement, values))

    assert getattr(caught.value, "sqlite_errorcode", None) == code


def test_a_lock_that_another_holds_is_not_waited_for(connection, tmp_path: Path):
    path = str(tmp_path / "some.db")
    # Locks are a matter between connections of one and the same SQLite.
    like_it = type(connection) is Connection
    holder = Connection(path) if like_it else sqlite3.connect(path)
    holder.execute("BEGIN EXCLUSIVE")

    with pytest.raises(sqlite3.OperationalError, match="locked") as caught:
        connection.execute("BEGIN IMMEDIATE")

    holder.close()
    assert caught.value.sqlite_errorcode == sqlite3.SQLITE_BUSY
    assert caught.value.sqlite_errorname == "SQLITE_BUSY"


def test_a_file_that_is_no_database(tmp_path: Path):
    path = tmp_path / "text"
    path.write_text("This is no database. " * 100)
    connection = Connection(str(path))

    with pytest.raises(sqlite3.DatabaseError) as caught:
        connection.execute("SELECT * FROM sqlite_master")

    connection.close()
    assert caught.value.sqlite_errorcode == sqlite3.SQLITE_NOTADB


def test_a_directory_that_is_missing(tmp_path: Path):
    with pytest.raises(sqlite3.OperationalError) as caught:
        Connection(str(tmp_path / "missing" / "some.db"))

    assert caught.value.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CANTOPEN
