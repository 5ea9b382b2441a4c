"""The end of a session: what is wrong with it as a whole, and its reports."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pytest

from ..known import KnownFailures, difference
from ..options import Settings
from ..plugin import SETTINGS
from ..records.document import Document, Made, ProgramRecord
from ..summary import Summary
from .gate import gate_of, gate_problems
from .lines import lines_in
from .opening import BEGAN
from .registry import Report
from .score import Score
from .session import unmet_problems

Results = Sequence[Mapping[str, Any]]
"""What each test has left for the session; see `pytest_cano.report.results`."""

MOST_LINES = 60
"""Lines of a difference that are shown."""


def summaries_in(results: Results) -> list[Summary]:
    """Return the summary of each test that was crashed."""
    return [Summary(**each["summary"]) for each in results if each["summary"]]


def problems_of(
    settings: Settings, results: Results, checked: Results
) -> Iterator[str]:
    """Say what is wrong with a session that no test is to blame for.

    Args:
        settings: of the session.
        results: what each test that was to be crashed has left.
        checked: what was left by searches that tests made themselves.
    """
    if settings.session_crash:
        yield from unmet_problems(settings, results)
    # A part of the plan falls short of it by itself; the parts are judged together.
    if settings.shard is None:
        whole = [*results, *checked]
        yield from gate_problems(
            gate_of(settings), Score.of(summaries_in(whole)), lines_in(whole)
        )


def close_session(
    session: pytest.Session,
    reports: Mapping[str, Report],
    results: Results,
    problems: Sequence[str],
) -> tuple[list[str], list[str]]:
    """Write what is to be written at the end of a session.

    Args:
        session: has ended, in the process that shows its results.
        reports: the reports, by what asked for each.
        results: what each test has left.
        problems: what is wrong with the session as a whole.

    Returns:
        Lines for the terminal, and what could not be written.
    """
    config = session.config
    settings = config.stash[SETTINGS]
    lines: list[str] = []
    failed: list[str] = []
    whole = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if settings.baseline_update and whole:
        lines += _update(settings, results, failed)
    elif settings.baseline is not None and not settings.baseline.exists():
        lines.append(
            f"known failures  {settings.baseline.name} is not there; "
            "--cano-baseline-update writes it"
        )
    if reports:
        began = config.stash[BEGAN]
        made = _made(began, config, settings, interrupted=not whole)
        document = document_of(settings, results, problems, made)
        for source, report in reports.items():
            try:
                lines += report.write(document)
            except OSError as error:
                failed.append(f"{source}: it could not be written: {error}")
    if failed and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return lines, failed


def document_of(
    settings: Settings, results: Results, problems: Sequence[str], made: Made
) -> Document:
    """Return everything that is known of a session."""
    from ..records.codec import from_text

    return Document(
        made=made,
        gate=gate_of(settings),
        programs=tuple(
            from_text(each["record"], ProgramRecord)
            for each in results
            if each["record"] is not None
        ),
        problems=tuple(problems),
    ).sorted()


def _made(
    began: float, config: pytest.Config, settings: Settings, *, interrupted: bool
) -> Made:
    """Return how a session went that began at that time, in seconds of the epoch."""
    shard = settings.shard
    return Made(
        version=version("pytest-cano"),
        python=platform.python_version(),
        platform=platform.system(),
        started=datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds"),
        seconds=round(time.time() - began, 3),
        arguments=tuple(map(str, config.invocation_params.args)),
        shard="" if shard is None else f"{shard[0]}/{shard[1]}",
        interrupted=interrupted,
        root=str(config.rootpath),
    )


def _update(settings: Settings, results: Results, failed: list[str]) -> Iterator[str]:
    """Write the known failures anew, and show what has changed."""
    path = settings.baseline
    if path is None:
        return
    before = KnownFailures.read(path)
    crashed = [each for each in results if each["summary"]]
    after = before.updated(
        (each["test"], Summary(**each["summary"])) for each in crashed
    )
    if str(after) == str(before) and path.exists():
        yield f"known failures  {path.name} is as it was"
        return
    try:
        after.write(path)
    except OSError as error:
        failed.append(f"--cano-baseline: {path} could not be written: {error}")
        return
    changed = difference(str(before), str(after), path.name)
    yield f"known failures  {path.name} was written"
    yield from changed[:MOST_LINES]
    if len(changed) > MOST_LINES:
        yield f"… and {len(changed) - MOST_LINES} more lines"
