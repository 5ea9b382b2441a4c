"""What commands on reports have in common: reading, the gate, and writing others."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ..known import KnownError, KnownFailures, Ratchet, difference
from ..notation import SelectorError
from ..options import OPTIONS, OptionError, Settings, resolve
from ..records.codec import FormatError, from_json
from ..records.document import Document, Gate, ProgramRecord
from ..records.rejudging import excused
from ..report.gate import gate_of, gate_problems
from ..report.lines import lines_text
from ..report.registry import make_report
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
    "cano_max_accepted",
    "cano_baseline",
    "cano_baseline_update",
    "cano_report",
)
"""Options of a session that a command on reports has, too."""


def add_options(parser: Any) -> None:
    """Declare what the commands have in common, as pytest has it."""
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
    return Score.of([program.summary for program in document.programs])


def perform(name: str, chosen: argparse.Namespace, work: Any) -> int:
    """Do a command's work; what can't be read, or makes no sense, is told as such.

    Args:
        name: of the command.
        chosen: what its command line says.
        work: given the settings, does it and returns the exit status.
    """
    try:
        status: int = work(settings_of(chosen))
    except (FormatError, KnownError, OptionError, SelectorError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return UNUSABLE
    return status


def conclude(document: Document, settings: Settings) -> int:
    """Hold a document against the gate, write its reports, and tell what it comes to.

    Args:
        document: everything that is known.
        settings: of the command; what they leave open is as the document says.
    """
    reports = {}
    for option in settings.reports:
        try:
            reports[f"--cano-report={option}"] = make_report(option)
        except ValueError as error:
            raise OptionError(f"--cano-report: {error}") from None
    lines: list[str] = []
    document, problems = _ratcheted(document, settings, lines)
    document = replace(document, gate=_gate(settings, document.gate))
    summaries = [program.summary for program in document.programs if program.trials]
    problems += gate_problems(document.gate, _score(document), document.lines)
    document = replace(document, problems=(*document.problems, *problems))
    failed = [*document.problems]
    for source, report in reports.items():
        try:
            lines += report.write(document)
        except OSError as error:
            failed.append(f"{source}: it could not be written: {error}")
    told = [
        summary_text(summaries),
        lines_text(document.lines),
        *lines,
        *_failures(document.programs),
    ]
    told += (f"ERROR {problem}" for problem in failed)
    sys.stdout.write("\n".join(filter(None, told)) + "\n")
    return FAILED if failed or any(_failures(document.programs)) else PASSED


def _failures(programs: Sequence[ProgramRecord]) -> Iterator[str]:
    """Return a line for all that fails."""
    for program in programs:
        for record in program.trials:
            if record.verdict.fails:
                said = record.findings[0].message if record.findings else ""
                yield f"FAILED {program.test} [{record.name}] {record.verdict}  {said}"
        for problem in program.problems:
            yield f"FAILED {program.test} {problem}"
        if program.outcome in ("failed", "interrupted"):
            yield f"FAILED {program.test} {program.outcome} undisturbed"


def _gate(settings: Settings, recorded: Gate) -> Gate:
    """Return the limits that the command names, and the recorded ones for the rest."""
    named = gate_of(settings)
    return replace(
        recorded,
        **{
            name: getattr(named, name)
            for name in _LIMITS
            if getattr(named, name) is not None
        },
    )


def _ratcheted(
    document: Document, settings: Settings, lines: list[str]
) -> tuple[Document, list[str]]:
    """Hold a document against a file of known failures, or write that anew."""
    path = settings.baseline
    if path is None:
        return document, []
    updating = settings.baseline_update
    new, known = not path.exists(), KnownFailures.read(path)
    programs: list[ProgramRecord] = []
    problems: list[str] = []
    for program in document.programs:
        listed = known.tests.get(program.test, {})
        ratchet = Ratchet(listed, path.name, updating=updating)
        programs.append(excused(program, listed, ratchet))
        problems += (f"{program.test}: {each}" for each in ratchet.problems())
    if updating:
        after = known.updated((each.test, each.summary) for each in programs)
        after.write(path)
        lines += difference("" if new else str(known), str(after), path.name)
    return replace(document, programs=tuple(programs)), problems
