"""Lives of a test in fresh interpreters: a pytest of their own, for this one test.

It is what a life gets whose process can't be forked: as good, and slower. Everything
wider than the test is built in it anew.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any, Final, final

import pytest

from .life import Life
from .lives import ItemProgram
from .measured import begin_measuring, measuring_alike
from .processes.channel import Channel
from .processes.forking import Forking, why_not
from .processes.inside import OwnProcess
from .processes.outside import LifeProcess
from .program import Program

_CODE: Final = "from pytest_cano.fresh import main; main()"

_NOT_THERE: Final[dict[str, Any]] = {
    # A life is one test, run once, and shown by the session that began it.
    "usepdb": False,
    "numprocesses": None,
    "maxprocesses": None,
    "tx": [],
    "px": [],
    "dist": "no",
    "distload": False,
    "looponfail": False,
    "lf": False,
    "failedfirst": False,
    "newfirst": False,
    "stepwise": False,
    "keyword": "",
    "markexpr": "",
    "deselect": None,
    "collectonly": False,
    "maxfail": 0,
    "xmlpath": None,
    "verbose": 0,
    "reruns": None,
}
"""Options of the session that do not concern one of its lives."""

_WITHOUT: Final = ("no:terminal", "no:cacheprovider", "no:pytest_cov", "no:xdist")


@final
class ItemProcesses:
    """Begins lives of a test in processes of their own, as `pytest_cano.hosts.Host`.

    Args:
        item: the test.
        timeout: seconds that a life may take until it stops; None for no limit.

    Attributes:
        slow: why lives had to be in fresh interpreters; empty if none had to.
    """

    def __init__(self, item: pytest.Function, timeout: float | None) -> None:
        self._item = item
        waits = timeout is None or item.config.getoption("usepdb", False)
        self._timeout = None if waits else timeout
        self.slow = ""

    def begin(self, program: Program, life: Life) -> LifeProcess:
        """Begin a life."""
        reason = why_not()
        if not reason:
            return Forking(self._timeout).begin(program, life)
        self.slow = self.slow or reason
        return self._interpreter(program, life)

    def _interpreter(self, program: Program, life: Life) -> LifeProcess:
        here, there = Channel.pair()
        errors = tempfile.TemporaryFile()  # noqa: SIM115 -- read once it has ended
        fds = (there.read, there.write)
        process = subprocess.Popen(
            [sys.executable, "-c", _CODE, *map(str, fds)],
            pass_fds=fds,
            # Those of a worker of pytest-xdist are its line to the controller.
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        there.close()
        item, config = self._item, self._item.config
        factory: Any = getattr(config, "_tmp_path_factory", None)
        here.send(
            {
                "path": sys.path,
                "directory": str(config.invocation_params.dir),
                "file": str(item.path),
                "test": item.nodeid,
                "options": _options(config),
                "temporary": str(factory.mktemp("cano-fresh")) if factory else None,
                "measuring": measuring_alike(),
            }
        )
        here.send((life.world, life.number))
        return LifeProcess(
            program,
            life,
            here,
            process.pid,
            lambda: _reaped(process),
            self._timeout,
            lambda: _written(errors),
        )


def _options(config: pytest.Config) -> dict[str, Any]:
    options = {
        name: value
        for name, value in vars(config.option).items()
        if _is_plain(value) and name not in _NOT_THERE
    }
    plugins = [*options.get("plugins", ()), *_WITHOUT]
    return options | _NOT_THERE | {"plugins": plugins}


def _is_plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, (*value.keys(), *value.values())))
    return value is None or isinstance(value, (str, int, float, bool, Path))


def _written(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _reaped(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process, and return its status as `os.waitpid` has it."""
    code = process.wait()
    return -code if code < 0 else code << 8


def main() -> None:
    """Live one life in this process, which was begun for it."""
    channel = Channel(*map(int, sys.argv[1:]))
    order = channel.receive()
    sys.path[:] = order["path"]
    os.chdir(order["directory"])
    begin_measuring(order["measuring"])
    options = order["options"] | {"basetemp": order["temporary"]}
    from _pytest.config import Config

    # As pytest-xdist does it for its workers.
    config = Config.fromdictargs(options, [order["file"]])
    config.args = [order["file"]]
    config.pluginmanager.register(_OneLife(channel, order["test"]), "cano-one-life")
    config.hook.pytest_cmdline_main(config=config)
    os._exit(0)


@final
class _OneLife:
    """Runs one test of what is collected, as one life."""

    def __init__(self, channel: Channel, test: str) -> None:
        self._channel = channel
        self._test = test

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid == self._test][:1]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool:
        world, number = self._channel.receive()
        program = ItemProgram(item)  # type: ignore[arg-type]
        # Its test is the only one, and so nothing wider is needed afterwards.
        OwnProcess(program, self._channel).live(world.lives[number - 1])
        with contextlib.suppress(OSError):
            self._channel.close()
        return True
