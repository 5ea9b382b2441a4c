"""The end of a session: what is wrong with it as a whole, and its reports."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pytest

from cano_core.wording import described

from ..known import KnownError, KnownFailures, difference
from ..options import Settings
from ..plugin import SETTINGS, CrashSession
from ..records.document import Document, Made, ProgramRecord
from ..summary import Summary
from .gate import gate_of, gate_problems
from .json_file import JsonReport
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


def problems_of(settings: Settings, results: Results, told: Results) -> Iterator[str]:
    """Say what is wrong with a session that no test is to blame for.

    Args:
        settings: of the session.
        results: what each test that was to be crashed has left.
        told: the same, with what searches have left that tests made themselves.
    """
    if settings.session_crash:
        yield from unmet_problems(settings, results)
    # A part of the plan falls short of it by itself; the parts are judged together.
    if settings.shard is None:
        score = Score.of(summaries_in(told))
        yield from gate_problems(gate_of(settings), score, lines_in(told))


def close_session(
    ended: CrashSession, session: pytest.Session
) -> tuple[list[str], list[str]]:
    """Write what is to be written at the end of a session.

    Args:
        ended: what is known of it, in the process that shows its results.
        session: the session.

    Returns:
        Lines for the terminal, and what could not be written.
    """
    config = session.config
    settings = config.stash[SETTINGS]
    lines: list[str] = []
    lacking: list[str] = []
    usual = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if settings.baseline_update and not usual:
        lines.append("known failures  the session was stopped, and nothing was written")
    elif settings.baseline_update:
        lines += _update(settings, ended.told, lacking)
    elif settings.baseline is not None and not settings.baseline.exists():
        lines.append(
            f"known failures  {settings.baseline.name} is not there; "
            "--cano-baseline-update writes it"
        )
    if ended.reports:
        began = config.stash[BEGAN]
        stopped = not (usual and ended.complete)
        made = _made(began, config, settings, interrupted=stopped)
        document = Document(
            made=made,
            gate=gate_of(settings),
            problems=tuple(ended.problems),
            failed=tuple(sorted(ended.failed)),
        )
        lines += _write(ended.reports, document, records_of(ended), lacking)
    if lacking and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return lines, lacking


def records_of(ended: CrashSession) -> list[str]:
    """Return the records of all programs as texts, in the order of their ids."""
    from ..records.codec import from_text, to_text
    from ..records.rejudging import as_its_test_ended

    texts = {
        each["test"]: each["record"]
        for each in ended.told
        if each["record"] is not None
    }
    for test in ended.checked:
        if test in texts:
            program = from_text(texts[test], ProgramRecord)
            texts[test] = to_text(as_its_test_ended(program, ended.failed))
    return [texts[test] for test in sorted(texts)]


def _write(
    reports: Mapping[str, Report],
    document: Document,
    records: Sequence[str],
    lacking: list[str],
) -> Iterator[str]:
    """Write the reports; records are read only if one of them has to know them."""
    from ..records.codec import from_text

    whole: Document | None = None
    for source, report in reports.items():
        try:
            if isinstance(report, JsonReport):
                yield from report.write_records(document, records)
                continue
            if whole is None:
                programs = (from_text(text, ProgramRecord) for text in records)
                whole = replace(document, programs=tuple(programs))
            yield from report.write(whole)
        except OSError as error:
            lacking.append(f"{source}: it could not be written: {error}")
        except Exception as error:  # noqa: BLE001 -- whatever a suite's own report raises
            lacking.append(f"{source}: it failed: {described(error)}")


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
        plan=_plan(settings),
        shard="" if shard is None else f"{shard[0]}/{shard[1]}",
        interrupted=interrupted,
        root=str(config.rootpath),
    )


def _plan(settings: Settings) -> Mapping[str, str]:
    """Return what says which schedules there are: in all parts it is the same."""
    said = {
        "cano_crash": ",".join(settings.crash),
        "cano_crash (ini)": ",".join(settings.default_crash),
        "cano_select": settings.select,
        "cano_stores": ",".join(settings.stores),
        "cano_ending": ",".join(settings.endings),
        "cano_depth": "" if settings.depth is None else str(settings.depth),
        "cano_detail": settings.detail,
        "cano_seed": str(settings.seed),
    }
    return {name: value for name, value in said.items() if value}


def _update(settings: Settings, results: Results, lacking: list[str]) -> Iterator[str]:
    """Write the known failures anew, and show what has changed."""
    path = settings.baseline
    if path is None:
        return
    try:
        before = KnownFailures.read(path)
    except KnownError as error:
        lacking.append(f"--cano-baseline: {error}")
        return
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
        lacking.append(f"--cano-baseline: {path} could not be written: {error}")
        return
    changed = difference(str(before), str(after), path.name)
    yield f"known failures  {path.name} was written"
    yield from changed[:MOST_LINES]
    if len(changed) > MOST_LINES:
        yield f"… and {len(changed) - MOST_LINES} more lines"
