"""Crashing any function: the search without pytest items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, final

from cano_core.checkpoints.store import CheckpointStore

from .report.text import Summary
from .view import WorldView

ProgramFunction: TypeAlias = Callable[[WorldView], Any]
"""A sync or async function, called once per life."""


@final
@dataclass(frozen=True, slots=True)
class Report:
    """What `check` found; ``str()`` of it is the whole text.

    Attributes:
        summary: every schedule with its verdict.
        failures: the text of every failure.
    """

    summary: Summary
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every schedule passed."""
        return not self.failures

    def __str__(self) -> str:
        raise NotImplementedError


def check(
    program: ProgramFunction,
    *,
    crash: str = "all",
    directory: Path | str | None = None,
    workflow_id: str = "cano-check",
    store: str | Callable[[Path], CheckpointStore] = "sqlite",
    ignore_effects: tuple[str, ...] = (),
) -> Report:
    """Crash a program at every selected moment, restart it, and judge it.

    Args:
        program: a sync or async function of one argument, called once per life with
            a `WorldView`. What it returns is an observation, unless it is None.
        crash: selectors, as for ``--cano-crash``.
        directory: where disks are made; a temporary directory unless given.
        workflow_id: what ``world.workflow_id`` is.
        store: what ``world.store`` is: ``sqlite``, ``memory``, or a function that
            opens a store in a directory.
        ignore_effects: names of effects (fnmatch patterns) that are not judged.

    Raises:
        SelectorError: ``crash`` is no selector, or selects nothing.
        Exception: whatever the program raises undisturbed.
    """
    raise NotImplementedError


def assert_resumes_to_same_exit(program: ProgramFunction, **options: Any) -> None:
    """Fail unless `check`, called alike, passes.

    Raises:
        AssertionError: it does not; the message is the whole report.
    """
    __tracebackhide__ = True
    report = check(program, **options)
    if not report.passed:
        raise AssertionError(str(report))
