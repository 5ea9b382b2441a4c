"""A long search shows on a terminal how far it is, and leaves nothing behind."""

import os
import pty
import subprocess
import sys

import pytest

from pytest_cano.records.progress import Progress
from shop_project import BUGGY, SAFE

SAVE, RESTORE, ERASE = "\x1b7", "\x1b8", "\x1b[K"


@pytest.fixture
def shop(project):
    project.add("test_buggy.py", BUGGY)
    # Everything is long here.
    project.add(
        "conftest.py",
        "from pytest_cano.report import progress\nprogress.LONG = 0.0\n",
    )
    return project


def on_terminal(project, *args):
    """Run pytest on a terminal of 80 columns, and return what it wrote there."""
    outside, inside = pty.openpty()
    command = [sys.executable, "-m", "pytest", "-p", "cano", "--cano-crash=all"]
    environment = os.environ | {"COLUMNS": "80", "TERM": "xterm", "PY_COLORS": "0"}
    with subprocess.Popen(
        [*command, "-p", "no:cacheprovider", *args],
        cwd=project.path,
        env=environment,
        stdout=inside,
        stderr=subprocess.STDOUT,
    ):
        os.close(inside)
        written = b""
        while True:
            try:
                more = os.read(outside, 65536)
            except OSError:  # on Linux the end of a terminal
                break
            if not more:
                break
            written += more
    os.close(outside)
    return written.decode()


def lines_of(written):
    """The progress lines, each between saving and restoring the place."""
    return [part.split(RESTORE)[0].strip() for part in written.split(SAVE)[1:]]


def test_it_tells_how_far_the_search_is(shop):
    lines = lines_of(on_terminal(shop, "-q"))

    assert lines[0].startswith("test_buggy  1/8 schedules, 7 left, ")
    assert lines[0].endswith(" s to go")
    assert lines[3].startswith("test_buggy  4/8 schedules, 2 failed, 4 left, ")
    assert lines[-1] == "test_buggy  8/8 schedules, 2 failed"


def test_it_is_gone_before_anything_else_is_written(shop):
    written = on_terminal(shop, "-q")

    _, *parts = written.split(RESTORE)
    assert len(parts) == 8
    for part in parts:
        assert part.startswith(ERASE)


def test_workers_are_followed_too(shop):
    pytest.importorskip("xdist")
    shop.add("test_safe.py", SAFE)

    lines = lines_of(on_terminal(shop, "-q", "-p", "xdist", "-n", "2"))

    assert "test_buggy  8/8 schedules, 2 failed" in lines
    assert "test_safe  8/8 schedules" in lines


def test_there_is_none_where_nobody_looks(shop):
    result = shop.run("-q", "--cano-crash=all", subprocess=True)

    assert SAVE not in str(result.stdout)
    assert ERASE not in str(result.stdout)


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (
            Progress("t", 10, 40, 1, 60.0),
            "t  10/40 schedules, 1 failed, 30 left, 3 min 00 s to go",
        ),
        (
            Progress("t", 50, 40, 0, 60.0),
            "t  50 schedules, 10 schedules followed from others",
        ),
    ],
)
def test_its_text(progress, text):
    assert str(progress) == text
