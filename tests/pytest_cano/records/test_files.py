"""A file is the old one or the new one, whole, whenever its writer dies."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_cano.records.files import write_whole

OLD, NEW = "old\n" * 1000, "new\n" * 1000

# Dies before the N-th thing that Python asks of the system while it writes.
WRITER = """
import os, signal, sys
from pathlib import Path
from pytest_cano.records.files import write_whole
path, last = Path(sys.argv[1]), int(sys.argv[2])
told = 0

def count(event, args):
    global told
    if event.split(".")[0] in ("open", "os", "tempfile"):
        told += 1
        if told == last:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
write_whole(path, "new\\n" * 1000)
"""


def test_whoever_writes_it_may_be_killed_at_any_moment(tmp_path: Path):
    file = tmp_path / "report.json"
    found = []
    for last in range(1, 100):
        file.write_text(OLD)
        command = [sys.executable, "-c", WRITER, str(file), str(last)]
        status = subprocess.run(command).returncode
        found.append(file.read_text())
        if status == 0:
            break
        assert status == -signal.SIGKILL

    assert status == 0
    assert set(found[:-1]) == {OLD}
    assert found[-1] == NEW
    assert len(found) > 3  # opened, given its mode, put in place


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path, monkeypatch):
    file = tmp_path / "report.json"
    file.write_text(OLD)

    def full(_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="full"):
        write_whole(file, NEW)
    assert file.read_text() == OLD
    assert os.listdir(tmp_path) == ["report.json"]


def test_directories_are_made(tmp_path: Path):
    write_whole(tmp_path / "a" / "b" / "report.json", NEW)

    assert (tmp_path / "a" / "b" / "report.json").read_text() == NEW


def test_a_link_stays_one(tmp_path: Path):
    target = tmp_path / "there.json"
    target.write_text(OLD)
    link = tmp_path / "here.json"
    link.symlink_to(target)

    write_whole(link, NEW)

    assert link.is_symlink()
    assert target.read_text() == NEW


def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path):
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)

    for name in (pipe, link):
        with pytest.raises(OSError, match=f"{pipe} is no regular file"):
            write_whole(name, NEW)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]


def test_a_link_to_itself_is_no_file(tmp_path: Path):
    link = tmp_path / "link"
    link.symlink_to(link)

    with pytest.raises(OSError, match="is no regular file"):
        write_whole(link, NEW)
    assert link.is_symlink()


def test_it_has_the_mode_of_the_old_one_or_of_any_new_file(tmp_path: Path):
    old, new, usual = (tmp_path / name for name in ("old", "new", "usual"))
    old.write_text(OLD)
    old.chmod(0o640)
    usual.write_text(OLD)

    write_whole(old, NEW)
    write_whole(new, NEW)

    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert new.stat().st_mode == usual.stat().st_mode
