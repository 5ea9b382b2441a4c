"""``junit:FILE``: each schedule a test case, in JUnit XML that strict parsers accept.

There is no standard. What is written here is valid by the schema of Ant's reports and
by that of Jenkins' xUnit plugin, whichever is stricter: a test case has no properties,
so those of all schedules are the suite's, and whatever is said of a test case is in its
one failure, error or skip. Other readers take less.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, final
from xml.etree import ElementTree

from ..records.files import write_whole
from .characters import on_one_line, visible
from .targets import file_of
from .text import failure_text
from .tried import tried

if TYPE_CHECKING:
    from ..options import ReportOption
    from ..records.document import Document, ProgramRecord, TrialRecord

_SESSION: Final = "pytest-cano"
"""The suite of what is wrong with the session as a whole."""

_NO_TIME: Final = "1970-01-01T00:00:00"
"""Where it is not known when a session began: the schemas want a time."""


@final
@dataclass(frozen=True, slots=True)
class _Case:
    """One test case.

    Attributes:
        classname: what it belongs to.
        name: of it.
        seconds: how long it took.
        outcome: what element it has; empty if it passed.
        kind: what of that kind happened: the verdict.
        message: the short of it.
        text: all of it.
        properties: what else is known.
    """

    classname: str
    name: str
    seconds: float = 0.0
    outcome: Literal["", "failure", "error", "skipped"] = ""
    kind: str = ""
    message: str = ""
    text: str = ""
    properties: tuple[tuple[str, str], ...] = ()


@final
class JUnitReport:
    """Writes a suite for each test, and in it a case for each of its schedules."""

    def __init__(self, option: ReportOption) -> None:
        self._option, self._path = option, file_of(option)

    def write(self, document: Document) -> Iterable[str]:
        """Write the file."""
        write_whole(self._path, junit_text(document))
        return [f"report  {self._option}"]


def junit_text(document: Document) -> str:
    """Return a document as JUnit XML."""
    root = ElementTree.Element("testsuites")
    suites = [(each.test, [*_cases(each)]) for each in document.programs]
    if document.problems:
        suites.append((_SESSION, [*_problems(document.problems)]))
    # Which time zone it is, these schemas don't let a file say.
    began = document.made.started[: len(_NO_TIME)] or _NO_TIME
    for number, (name, cases) in enumerate(suites):
        root.append(_suite(number, name, began, cases))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + (
        ElementTree.tostring(root, encoding="unicode") + "\n"
    )


def _cases(program: ProgramRecord) -> Iterator[_Case]:
    classname, name = _address(program.test)
    undisturbed = _undisturbed(program, classname, name)
    if program.trials:
        told = tried([program.summary], program.lines)
        properties = tuple((f"cano.{key}", text) for key, text in told)
        undisturbed = replace(undisturbed, properties=properties)
    yield undisturbed
    for record in program.trials:
        properties = (
            ("cano.verdict", record.verdict),
            ("cano.found", record.found if record.found != record.verdict else ""),
            ("cano.again", record.again),
            ("cano.excuse", record.excuse),
        )
        yield _Case(
            classname,
            f"{name}[{record.name}]",
            record.story.duration,
            *_found(program, record),
            properties=tuple((key, said) for key, said in properties if said),
        )


def _undisturbed(program: ProgramRecord, classname: str, name: str) -> _Case:
    """Return the case of a test by itself: its undisturbed run, and its problems."""
    baseline, outcome = program.baseline, program.outcome
    seconds = 0.0 if baseline is None else baseline.duration
    if program.problems:
        short = program.problems[0].split("\n", 1)[0]
        text = "\n\n".join(program.problems)
        return _Case(classname, name, seconds, "error", "problem", short, text)
    if outcome == "passed":
        return _Case(classname, name, seconds)
    not_crashed = f"{outcome} undisturbed, so it was not crashed"
    if outcome == "failed":
        return _Case(classname, name, seconds, "failure", outcome, not_crashed)
    if outcome == "interrupted":
        stopped = "the session was interrupted while it was crashed"
        return _Case(classname, name, seconds, "error", outcome, stopped)
    return _Case(classname, name, seconds, "skipped", outcome, not_crashed)


def _found(
    program: ProgramRecord, record: TrialRecord
) -> tuple[Literal["", "failure", "skipped"], str, str, str]:
    """Return element, kind, message and text of what was found of a schedule."""
    if not record.verdict.fails and not record.verdict.excused:
        return "", "", "", ""
    trial = program.trial(record)
    text = failure_text(trial, again=record.again) if trial.findings else ""
    short = trial.findings[0].message if trial.findings else record.verdict.meaning
    if record.verdict.excused:
        why = f"{record.verdict}: {record.excuse or short}"
        return "skipped", record.verdict, why, text
    sections = (f"{f' {title} ':-^72}\n{said}" for title, said in record.output)
    return "failure", record.verdict, short, "\n\n".join((text, *sections))


def _problems(problems: Sequence[str]) -> Iterator[_Case]:
    for number, problem in enumerate(problems, 1):
        source, _, text = problem.partition(": ")
        short = text.split("\n", 1)[0]
        name = f"{source} ({number})"
        yield _Case(_SESSION, name, 0.0, "error", "problem", short, problem)


def _address(test: str) -> tuple[str, str]:
    """Return class name and name of a test, as pytest's own JUnit XML has them."""
    path, bracket, parameters = test.partition("[")
    names = path.split("::")
    names[0] = re.sub(r"\.py$", "", names[0].replace("/", "."))
    *classes, name = names
    return ".".join(classes) or name, name + bracket + parameters


def _suite(
    number: int, name: str, began: str, cases: Sequence[_Case]
) -> ElementTree.Element:
    def having(outcome: str) -> str:
        return str(sum(case.outcome == outcome for case in cases))

    seconds = sum(case.seconds for case in cases)
    suite = ElementTree.Element(
        "testsuite",
        {
            "name": on_one_line(name),
            "package": on_one_line(cases[0].classname),
            "id": str(number),
            "timestamp": began,
            "hostname": "localhost",
            "tests": str(len(cases)),
            "failures": having("failure"),
            "errors": having("error"),
            "skipped": having("skipped"),
            "time": f"{seconds:.3f}",
        },
    )
    properties = ElementTree.SubElement(suite, "properties")
    for case in cases:
        for key, said in case.properties:
            attributes = {
                "name": on_one_line(f"{key}: {case.name}"),
                "value": on_one_line(said),
            }
            ElementTree.SubElement(properties, "property", attributes)
    suite.extend(map(_element, cases))
    for stream in ("system-out", "system-err"):
        ElementTree.SubElement(suite, stream)
    return suite


def _element(case: _Case) -> ElementTree.Element:
    element = ElementTree.Element(
        "testcase",
        {
            "classname": on_one_line(case.classname),
            "name": on_one_line(case.name),
            "time": f"{case.seconds:.3f}",
        },
    )
    if case.outcome:
        attributes = {"type": case.kind, "message": on_one_line(case.message)}
        found = ElementTree.SubElement(element, case.outcome, attributes)
        found.text = visible(case.text)
    return element
