"""Processes for the lives of a test: forked, or from a fresh interpreter.

They are forked from one that was left behind before the test first ran, but with all
that is wider than it. An interpreter is what a life gets where this process can't be
forked: it is as good, and slower. Everything wider than the test is built in it anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, final

import pytest

from .hosts import Living
from .life import Life
from .lives import ItemProgram
from .measured import measuring_alike
from .processes.choosing import Processes
from .processes.forking import why_not
from .processes.interpreter import Interpreter
from .processes.nursery import harmless_modules
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
class ItemProcesses(Processes):
    """Begins lives of a test in processes of their own, as `pytest_cano.hosts.Host`.

    Args:
        item: the test.
        timeout: seconds that a life may take until it stops; None for no limit.
    """

    def __init__(self, item: pytest.Function, timeout: float | None) -> None:
        # Whoever debugs a life takes the time that it takes.
        super().__init__(None if item.config.getoption("usepdb", False) else timeout)
        self._item = item

    def prepare(self, program: ItemProgram, workers: int) -> None:
        """Leave processes behind for lives, with all that is wider than the test.

        Args:
            program: the test's; it has not run.
            workers: how many processes there are to be that each run lives.
        """
        if why_not():
            return
        factory: Any = getattr(self._item.config, "_tmp_path_factory", None)
        if factory is not None:
            # Its directory is one for all.
            factory.getbasetemp()
        if program.build_wider():
            self.leave_behind(program, workers)

    def begin_fresh(self, program: Program, life: Life) -> Living:
        """Begin a life in the interpreter that has imported the test's file."""
        interpreter = _interpreter(self._item)
        return interpreter.begin(self._item.nodeid, program, life, self.timeout)


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
