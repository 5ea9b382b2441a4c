"""``sarif:FILE``: failing schedules as SARIF 2.1.0, for tools that collect findings.

A rule for each verdict that fails, a result for each schedule. What GitHub's code
scanning asks for beyond the standard is here, too: a location for every result, paths
below ``%SRCROOT%``, no more results than it takes, and a fingerprint under the one name
that it reads.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, final
from urllib.parse import quote

from ..records.files import write_whole
from ..story import Verdict
from ..wording import count
from .characters import visible
from .code_flow import Step, steps_of
from .ranking import Failure, failures
from .source import Line, Sources
from .targets import file_of
from .tried import tried

if TYPE_CHECKING:
    from ..options import ReportOption
    from ..records.document import Document, ProgramRecord

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"

MOST_RESULTS: Final = 25_000
"""Results of a run that GitHub takes; it refuses a file with more."""

FINGERPRINT: Final = "canoSchedule/v1"
"""Made of test, schedule and verdict: neither lines nor times change it."""

RULES: Final = tuple(verdict for verdict in Verdict if verdict.fails)

_ROOT: Final = "%SRCROOT%"

_SUPPRESSED: Final = {
    # Where it says so: in a marker of the test, or in the file of known failures.
    Verdict.ACCEPTED: "inSource",
    Verdict.KNOWN: "external",
}

Json = dict[str, Any]


@final
class SarifReport:
    """Writes one run with all that was found."""

    def __init__(self, option: ReportOption) -> None:
        self._option, self._path = option, file_of(option)

    def write(self, document: Document) -> Iterable[str]:
        """Write the file."""
        log = sarif_log(document)
        write_whole(
            self._path, json.dumps(log, indent=1, ensure_ascii=False, sort_keys=True)
        )
        line = f"report  {self._option}"
        left_out = _found(document) - len(log["runs"][0]["results"])
        return [line + (f", without {count(left_out, 'result')}" if left_out else "")]


def sarif_log(document: Document, sources: Sources | None = None) -> Json:
    """Return a document as a SARIF log."""
    sources = sources or Sources(document.made.root)
    results = [
        *(
            _flaky(program, sources)
            for program in document.programs
            if program.summary.flaky
        ),
        *(_result(each, sources) for each in failures(document, sources)),
    ]
    shard = document.made.shard.replace("/", "-of-")
    run = {
        "tool": {
            "driver": {
                "name": "pytest-cano",
                "version": document.made.version or "unknown",
                "rules": [*map(_rule, RULES)],
            }
        },
        "automationDetails": {"id": f"pytest-cano{shard and f'-{shard}'}/"},
        "originalUriBaseIds": {
            _ROOT: {"description": {"text": "The root of the repository."}}
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(document)],
        "results": results[:MOST_RESULTS],
        "properties": dict(tried(document.summaries, document.lines)),
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _found(document: Document) -> int:
    """Count what a log has a result for."""
    return sum(
        each.summary.flaky + sum(bool(record.findings) for record in each.trials)
        for each in document.programs
    )


def _rule(verdict: Verdict) -> Json:
    words = verdict.value.split("_")
    meaning = verdict.meaning[0].upper() + verdict.meaning[1:] + "."
    how = (
        "A workflow was ended at a crash point, started again on what was durable by "
        "then, and compared with its undisturbed run. The result says at which point, "
        "what differed, and the command that does the same once more."
    )
    return {
        "id": verdict.value,
        "name": "".join(word.capitalize() for word in words),
        "shortDescription": {"text": meaning},
        "fullDescription": {"text": f"{meaning} {how}"},
        "help": {"text": f"{meaning}\n\n{how}"},
        "defaultConfiguration": {"level": "error"},
        "properties": {
            "tags": ["crash-recovery", "reliability"],
            "precision": "very-high",
            "problem.severity": "error",
        },
    }


def _invocation(document: Document) -> Json:
    made = document.made
    problems = [
        *document.problems,
        *(
            f"{program.test}: {problem}"
            for program in document.programs
            for problem in program.problems
            if not program.summary.flaky
        ),
    ]
    invocation: Json = {"executionSuccessful": not made.interrupted}
    if made.started:
        invocation["startTimeUtc"] = made.started.replace("+00:00", "Z")
    if problems:
        invocation["toolExecutionNotifications"] = [
            {"level": "error", "message": _message(problem)} for problem in problems
        ]
    return invocation


def _result(failure: Failure, sources: Sources) -> Json:
    program, record = failure.program, failure.record
    test = _test_line(program, sources)
    line = failure.place.line or test
    finding = record.findings[0]
    text = "\n".join((finding.message, *finding.details, failure.title, record.again))
    result = _base(record.found, program.test, record.name, text, line)
    if failure.place.state:
        result["locations"][0]["logicalLocations"] = [
            {"name": visible(failure.place.state), "kind": "function"}
        ]
    if line != test:
        result["relatedLocations"] = [
            _location(test, f"the test: {program.test}") | {"id": 1}
        ]
    steps = [*steps_of(record.story, sources, test)]
    result["codeFlows"] = [{"threadFlows": [{"locations": [*map(_step, steps)]}]}]
    if record.verdict.excused:
        result["level"] = "note"
        if kind := _SUPPRESSED.get(record.verdict):
            result["suppressions"] = [
                {
                    "kind": kind,
                    "status": "accepted",
                    "justification": visible(record.excuse),
                }
            ]
    result["properties"] = {
        "test": visible(program.test),
        "schedule": visible(record.name),
        "verdict": record.verdict.value,
        "again": visible(record.again),
    }
    return result


def _flaky(program: ProgramRecord, sources: Sources) -> Json:
    text = "\n".join((program.test, *program.problems))
    line = _test_line(program, sources)
    return _base(Verdict.FLAKY_BASELINE, program.test, "", text, line)


def _base(verdict: Verdict, test: str, schedule: str, text: str, line: Line) -> Json:
    """Return what every result has."""
    key = json.dumps([test, schedule, verdict.value])
    fingerprint = hashlib.sha256(key.encode()).hexdigest()[:32]
    return {
        "ruleId": verdict.value,
        "ruleIndex": RULES.index(verdict),
        "level": "error",
        "message": _message(text),
        "locations": [_location(line)],
        "partialFingerprints": {
            FINGERPRINT: fingerprint,
            # The only one that GitHub reads. It would make one of the line's text,
            # by which all schedules that fail there were one.
            "primaryLocationLineHash": f"{fingerprint[:16]}:1",
        },
    }


def _test_line(program: ProgramRecord, sources: Sources) -> Line:
    """Return the line of a test, which every result can be shown at."""
    line = sources.line_of(program.file, program.line)
    return line or Line(program.file.lstrip("/") or "unknown", max(program.line, 1))


def _step(step: Step) -> Json:
    return {"location": _location(step.line, step.text)}


def _location(line: Line, text: str = "") -> Json:
    uri = quote(line.file, errors="surrogatepass")
    location: Json = {
        "physicalLocation": {
            "artifactLocation": {"uri": uri, "uriBaseId": _ROOT},
            "region": {"startLine": line.number},
        }
    }
    return location | ({"message": _message(text)} if text else {})


def _message(text: str) -> Json:
    return {"text": _literal(visible(text))}


def _literal(text: str) -> str:
    """Return a message in which nothing is a placeholder or a link."""
    return re.sub(r"\{(\d+)\}", r"{{\1}}", text).replace("](", "] (")
