"""What happens around a report on a crash test, before and after it is shown."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import entries, junit, progress, terminal

if TYPE_CHECKING:
    import pytest


@contextmanager
def shown(session: pytest.Session, report: Any) -> Generator[None, None, None]:
    """Let everybody who listens to reports see this one as it is meant to be."""
    junit.describe(session.config, report)
    if report.failed and not hasattr(session.config, "workerinput"):
        terminal.colour(report)
    with entries.uncounted(session, report), progress.shown(session.config, report):
        yield
