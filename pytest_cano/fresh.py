"""Processes for the lives of a test: forked, or from a fresh interpreter.

They are forked from one that was left behind before the test first ran, but with all
that is wider than it. An interpreter is what a life gets where this process can't be
forked: it is as good, and slower. Everything wider than the test is built in it anew.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, final

import pytest

from .hosts import Living
from .life import Life
from .lives import ItemProgram
from .measured import measuring_alike
from .processes.channel import Channel
from .processes.forking import Forking, why_not
from .processes.interpreter import Interpreter
from .processes.nursery import Nurseries, harmless_modules
from .program import Program

_NOT_THERE: Final[dict[str, Any]] = {
    # What runs there are lives, shown by the session that began them.
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
    # Whoever opens it empties it.
    "log_file": os.devnull,
    "reruns": None,
}
"""Options of the session that do not concern one of its lives."""

_WITHOUT: Final = ("no:terminal", "no:cacheprovider", "no:pytest_cov")

_INTERPRETERS = pytest.StashKey[dict[Path, Interpreter]]()


@final
class ItemProcesses:
    """Begins lives of a test in processes of their own, as `pytest_cano.hosts.Host`.

    Args:
        item: the test.
        timeout: seconds that a life may take until it stops; None for no limit.

    Attributes:
        slow: why lives had to be in fresh interpreters; empty if none had to.
        remembers: why lives had the memory of the undisturbed run; empty if none had.
    """

    def __init__(self, item: pytest.Function, timeout: float | None) -> None:
        self._item = item
        waits = timeout is None or item.config.getoption("usepdb", False)
        self._timeout = None if waits else timeout
        self._forking = Forking(self._timeout)
        self._nurseries: Nurseries | None = None
        self.slow = ""
        self.remembers = ""

    @property
    def channels(self) -> Sequence[Channel]:
        """What a worker process has to keep to begin lives."""
        return () if self._nurseries is None else self._nurseries.channels

    def prepare(self, program: ItemProgram, workers: int) -> None:
        """Leave processes behind for lives, before the program has run.

        Args:
            program: the test's.
            workers: how many processes there are to be that each run lives.
        """
        if why_not():
            return
        factory: Any = getattr(self._item.config, "_tmp_path_factory", None)
        if factory is not None:
            # Its directory is one for all.
            factory.getbasetemp()
        # What is wider may begin threads.
        if program.build_wider() and not why_not():
            with contextlib.suppress(OSError):
                self._nurseries = Nurseries(program, workers, self._timeout)

    def close(self, why: str = "") -> None:
        """End what was left behind; lives may begin after that, as they can."""
        if self._nurseries is not None:
            self._nurseries.close()
            self._nurseries = None
            # Workers, which begin lives themselves, do not tell of it.
            self.remembers = why

    def begin(self, program: Program, life: Life) -> Living:
        """Begin a life."""
        if self._nurseries is not None:
            living = self._nurseries.begin(program, life)
            if living is not None:
                return living
        reason = why_not()
        if not reason:
            self.remembers = self.remembers or (
                "no process could be left behind for them"
            )
            return self._forking.begin(program, life)
        self.slow = self.slow or reason
        which = self._item.nodeid
        return _interpreter(self._item).begin(which, program, life, self._timeout)


def _interpreter(item: pytest.Function) -> Interpreter:
    """Return the interpreter that has imported the test's file."""
    stash = item.config.stash
    kept = stash.get(_INTERPRETERS, None)
    if kept is None:
        kept = stash[_INTERPRETERS] = {}
        item.config.add_cleanup(lambda: _forget(kept))
    found = kept.get(item.path)
    if found is None or not found.usable:
        # Tests come file by file: that of the last one is not needed any more.
        _forget(kept)
        found = kept[item.path] = _started(item)
    return found


def _forget(interpreters: dict[Path, Interpreter]) -> None:
    while interpreters:
        interpreters.popitem()[1].close()


def _started(item: pytest.Function) -> Interpreter:
    config = item.config
    factory: Any = getattr(config, "_tmp_path_factory", None)
    order = {
        "directory": str(config.invocation_params.dir),
        "file": str(item.path),
        "options": _options(config),
        "temporary": str(factory.mktemp("cano-fresh")) if factory else None,
        "measuring": measuring_alike(),
        "worker": getattr(config, "workerinput", None),
        "modules": harmless_modules(),
    }
    shows = config.getoption("capture", "fd") == "no"
    return Interpreter("pytest_cano.fresh_session", order, shows=shows)


def _options(config: pytest.Config) -> dict[str, Any]:
    options = {
        name: value
        for name, value in vars(config.option).items()
        if _is_plain(value) and name not in _NOT_THERE
    }
    own = {
        "plugins": [*options.get("plugins", ()), *_WITHOUT],
        # Found anew, from one file alone, they might be others.
        "rootdir": str(config.rootpath),
        "inifilename": str(config.inipath) if config.inipath else None,
    }
    return options | _NOT_THERE | own


def _is_plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, (*value.keys(), *value.values())))
    return value is None or isinstance(value, (str, int, float, bool, Path))
