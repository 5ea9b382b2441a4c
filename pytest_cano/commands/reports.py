"""What commands on reports have in common: reading, the gate, and writing others."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from ..known import TAKES_OUT, KnownError, KnownFailures, Ratchet, difference
from ..notation import SelectorError
from ..options import OPTIONS, OptionError, Settings, resolve
from ..records.codec import FormatError, from_json
from ..records.document import Document, Gate, ProgramRecord
from ..records.rejudging import excused, tolerated
from ..report.characters import visible
from ..report.gate import gate_of, gate_problems
from ..report.lines import lines_text
from ..report.registry import make_reports
from ..report.score import Score
from ..report.summary import summary_text

PASSED, FAILED, UNUSABLE = 0, 1, 2
"""Exit statuses."""

STATUSES: Final = (
    "Exit status: 0 everything passes, 1 something fails, 2 nothing was read."
)

_LIMITS: Final = (
    "fail_under",
    "fail_under_coverage",
    "cov_fail_under",
    "max_accepted",
)
"""What of a gate a command may name anew."""

_SHARED: Final = (
    "cano_fail_under",
    "cano_fail_under_coverage",
    "cano_cov_fail_under",
    "cano_fail_on",
    "cano_max_accepted",
    "cano_baseline",
    "cano_baseline_update",
    "cano_report",
)
"""Options of a session that a command on reports has, too."""


def declare(commands: Any, name: str, means: str, work: Any, **reports: Any) -> None:
    """Declare a command on reports, with the options that pytest has as well.

    Args:
        commands: where to.
        name: of the command.
        means: what it does.
        work: does it: given the command line and the settings, returns the status.
        reports: how its reports are named, as `argparse` has it.
    """
    parser = commands.add_parser(name, help=means, description=means, epilog=STATUSES)
    parser.add_argument("reports", metavar="REPORT", **reports)
    parser.set_defaults(perform=partial(_perform, name, work))
    for option in OPTIONS:
        if option.name in _SHARED and option.flag is not None:
            parser.add_argument(option.flag, **option.argument)


def settings_of(chosen: argparse.Namespace) -> Settings:
    """Return what the command line says.

    Raises:
        OptionError: it makes no sense.
    """
    return resolve(
        {name: getattr(chosen, name, None) for name in _SHARED},
        {option.name: option.default for option in OPTIONS},
    )


def read_report(file: str) -> Document:
    """Read the report of a session, without what its own gate found.

    Raises:
        FormatError: it can't be read; the message names the file.
    """
    try:
        document = from_json(Path(file).read_bytes())
    except OSError as error:
        raise FormatError(f"{file}: {error.strerror}") from None
    except FormatError as error:
        raise FormatError(f"{file}: {error}") from None
    fell_short = [*gate_problems(document.gate, _score(document), document.lines)]
    left = tuple(each for each in document.problems if each not in fell_short)
    return replace(document, problems=left)


def _score(document: Document) -> Score:
    return Score.of(document.summaries)


def _perform(name: str, work: Any, chosen: argparse.Namespace) -> int:
    """Do a command's work; what can't be read, or makes no sense, is told as such."""
    try:
        status: int = work(chosen, settings_of(chosen))
    except (FormatError, KnownError, OptionError, SelectorError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return UNUSABLE
    return status


def conclude(document: Document, settings: Settings, *, failed: Sequence[str]) -> int:
    """Hold a document against the gate, write its reports, and tell what it comes to.

    Args:
        document: everything that is known.
        settings: of the command; what they leave open is as the document says.
        failed: what has failed in the sessions and no search tells of.
    """
    reports = make_reports(settings)
    lines: list[str] = []
    problems: list[str] = []
    gate = _gate(settings, document)
    if settings.fail_on:
        programs = tuple(tolerated(each, gate) for each in document.programs)
        document = replace(document, programs=programs)
    document = _ratcheted(document, settings, lines, problems)
    document = replace(document, gate=gate)
    problems += gate_problems(gate, _score(document), document.lines)
    document = replace(document, problems=(*document.problems, *problems))
    lacking = [*document.problems]
    for source, report in reports.items():
        try:
            lines += report.write(document)
        except OSError as error:
            lacking.append(f"{source}: it could not be written: {error}")
    failures = [*_failures(document.programs)]
    failures += (f"FAILED {each} in its session" for each in failed)
    say(
        summary_text(document.summaries),
        lines_text(document.lines),
        *lines,
        *failures,
        *(f"ERROR {problem}" for problem in lacking),
    )
    return FAILED if lacking or failures else PASSED


def say(*texts: str) -> None:
    """Print texts, whatever is in them, on whatever standard output is."""
    text = "".join(f"{visible(each)}\n" for each in texts if each)
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


def failed_otherwise(document: Document) -> list[str]:
    """Return what has failed in a session although no search has found anything."""
    told = {program.test for program in document.programs if any(_failures([program]))}
    return [
        each
        for each in document.failed
        if each not in told and not any(test.startswith(f"{each} ") for test in told)
    ]


def _failures(programs: Iterable[ProgramRecord]) -> Iterator[str]:
    """Return a line for all that fails."""
    for program in programs:
        for record in program.trials:
            if record.verdict.fails:
                said = record.findings[0].message if record.findings else ""
                yield f"FAILED {program.test} [{record.name}] {record.verdict}  {said}"
        for problem in program.problems:
            yield f"FAILED {program.test} {problem}"
        if program.outcome == "failed":
            yield f"FAILED {program.test} fails undisturbed"
        elif program.outcome == "interrupted":
            yield f"FAILED {program.test} was stopped before its end"


def _gate(settings: Settings, document: Document) -> Gate:
    """Return the limits that the command names, and the recorded ones for the rest.

    A part of a plan has no limits of its own.
    """
    named, recorded = gate_of(settings), document.gate
    if document.made.shard:
        recorded = Gate(fail_on=recorded.fail_on)
    return replace(
        recorded,
        fail_on=named.fail_on or recorded.fail_on,
        **{
            name: getattr(named, name)
            for name in _LIMITS
            if getattr(named, name) is not None
        },
    )


def _ratcheted(
    document: Document, settings: Settings, lines: list[str], problems: list[str]
) -> Document:
    """Hold a document against a file of known failures, or write that anew."""
    path = settings.baseline
    if path is None:
        return document
    updating = settings.baseline_update
    new, known = not path.exists(), KnownFailures.read(path)
    programs: list[ProgramRecord] = []
    for program in document.programs:
        if program.checked:
            programs.append(program)
            continue
        listed = known.tests.get(program.test, {})
        ratchet = Ratchet(listed, path.name, updating=updating)
        judged = excused(program, listed, ratchet)
        # What its own session has said of the file, is said of it anew.
        left = (each for each in judged.problems if not each.endswith(TAKES_OUT))
        programs.append(replace(judged, problems=tuple(left)))
        problems += (f"{program.test}: {each}" for each in ratchet.problems())
    if updating:
        after = known.updated(
            (each.test, each.summary) for each in programs if not each.checked
        )
        try:
            after.write(path)
        except OSError as error:
            problems.append(f"--cano-baseline: {path} could not be written: {error}")
        else:
            lines += difference("" if new else str(known), str(after), path.name)
    return replace(document, programs=tuple(programs))
