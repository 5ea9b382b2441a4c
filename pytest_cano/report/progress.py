"""How far a long search is: a line on a terminal, gone as soon as there is more."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from ..records.progress import Progress

if TYPE_CHECKING:
    import pytest

LONG: Final = 1.0
"""Seconds after which a search is long."""

# As every terminal has understood since the VT100.
_SAVE, _RESTORE, _ERASE = "\x1b7", "\x1b8", "\x1b[K"


def attach(report: Any, progress: Progress) -> None:
    """Let the report on a schedule tell how far the search is; it may be sent."""
    report.cano_progress = asdict(progress)


@contextmanager
def shown(config: pytest.Config, report: Any) -> Generator[None, None, None]:
    """Take the line away for what is written now, and show it again after that."""
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    told = getattr(report, "cano_progress", None)
    # What is logged live would be written into it.
    logged = config.getoption("log_cli_level", None) or config.getini("log_cli")
    if terminal is None or not terminal.isatty or logged:
        yield
        return
    writer = terminal._tw
    file = writer._file
    file.write(_ERASE)
    yield
    if told is None or told["seconds"] < LONG:
        return
    # Whatever does not fit into the rest of the line would break it.
    room = writer.fullwidth - writer.width_of_current_line - 3
    text = str(Progress(**told))
    if len(text) <= room:
        file.write(f"{_SAVE}  {text}{_RESTORE}")
        file.flush()
