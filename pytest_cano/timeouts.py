"""Beside pytest-timeout: its limit is for each life, not for all of them together."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def lift_limit(item: Any) -> None:
    """Stop the timer that pytest-timeout has set for a test as a whole."""
    cancel = getattr(item.config.hook, "pytest_timeout_cancel_timer", None)
    if cancel is not None:
        cancel(item=item)


@contextmanager
def limited(item: Any) -> Iterator[None]:
    """Set the timer for a life, as pytest-timeout would for a test."""
    plugin: Any = sys.modules.get("pytest_timeout")
    if plugin is None or not item.config.pluginmanager.is_registered(plugin):
        yield
        return
    with contextmanager(plugin.pytest_runtest_protocol)(item):
        yield
