"""A pytest session in a fresh interpreter, for the lives of one file's tests."""

from __future__ import annotations

import os
from typing import Any, final

import pytest

from .lives import ItemProgram
from .measured import begin_measuring
from .processes.control import Control
from .processes.interpreter import line
from .processes.nursery import import_modules
from .processes.serving import serve
from .wider import finish_wider_fixtures


def main() -> None:
    """Collect the tests of a file, and begin the lives that are asked for."""
    control = line()
    order = control.receive()
    os.chdir(order["directory"])
    begin_measuring(order["measuring"])
    import_modules(order["modules"])
    options = order["options"] | {"basetemp": order["temporary"]}
    from _pytest.config import Config

    # As pytest-xdist does it for its workers.
    config = Config.fromdictargs(options, [order["file"]])
    config.args = [order["file"]]
    if order["worker"] is not None:
        config.workerinput = order["worker"]  # type: ignore[attr-defined]
    config.pluginmanager.register(Lives(control), "cano-fresh-session")
    config.hook.pytest_cmdline_main(config=config)
    os._exit(0)


@final
class Lives:
    """Takes the place of the loop that runs each test.

    Args:
        control: leads to the session that the tests belong to.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._items: dict[str, pytest.Item] = {}
        self._problems: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what went wrong, for whoever looks for a test."""
        if report.failed:
            self._problems.append(report.longreprtext)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Know the tests, also those that are going to be left out."""
        self._items = {item.nodeid: item for item in items}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> bool:
        """Live what is asked for."""
        serve(self._control, self._program, after=_finish)
        return True

    def _program(self, nodeid: str) -> ItemProgram:
        item: Any = self._items.get(nodeid)
        if item is None:
            said = "\n".join(self._problems) or "it has another name there"
            raise LookupError(f"{nodeid} was not collected in it: {said}")
        return ItemProgram(item)


def _finish(program: Any) -> None:
    """Tear down what was built for this life, and is wider than its test."""
    finish_wider_fixtures(program.item, None)
