"""What the terminal shows beside the failures: a word per schedule, and a summary."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from _pytest._code.code import (
    ReprEntryNative,
    ReprExceptionInfo,
    ReprFileLocation,
    ReprTraceback,
)
from _pytest.reports import TestReport
from _pytest.stash import StashKey

from ..story import Verdict
from ..summary import Summary
from .lines import lines_in, lines_text
from .session import idle_patterns
from .text import summary_text

if TYPE_CHECKING:
    import pytest
    from _pytest._io import TerminalWriter

_TOLD = StashKey[bool]()
"""Of a session: whether a failure has named what there is to read."""


def status(report: Any) -> tuple[str, str, str]:
    """Return category, letter and word of the report on a schedule."""
    schedule = report.cano_schedule
    verdict = Verdict[dict(report.user_properties)["cano.verdict"]]
    if verdict.excused:
        return verdict.lower(), verdict[0].lower(), f"{verdict} [{schedule}]"
    if report.passed:
        return "passed", ".", f"PASSED [{schedule}]"
    return "failed", "F", f"FAILED [{schedule}]"


def colour(report: Any) -> None:
    """Let a failed report be shown with its verdict in red.

    Only where it is shown: it could not be sent from a worker any more.
    """
    trace = getattr(report.longrepr, "reprtraceback", None)
    if trace is not None:
        trace.reprentries = [
            VerdictEntry(entry.lines) if type(entry) is ReprEntryNative else entry
            for entry in trace.reprentries
        ]


class VerdictEntry(ReprEntryNative):
    """The text of a failure, with its first word in red."""

    @property
    def verdict(self) -> str:
        """The verdict, or nothing where it is another complaint."""
        first = self._split()[0]
        return first if first in Verdict.__members__ else ""

    @property
    def ends_with_a_command(self) -> bool:
        """Whether the last line is one to be pasted, and so another may follow it."""
        return "".join(self.lines).rstrip().rpartition("\n")[2].startswith("  again ")

    def _split(self) -> list[str]:
        return re.split(r"(  |\n)", "".join(self.lines), maxsplit=1)

    def toterminal(self, tw: TerminalWriter) -> None:
        """Write it."""
        verdict, *rest = self._split()
        tw.write(verdict, red=True, bold=True)
        tw.write("".join(rest))


def say_what_to_read(config: pytest.Config) -> None:
    """Let the first failure that is shown name the command that explains it.

    To be called before the failures are shown, and after they went to all reports but
    the terminal's: then it is known which is the first, whichever process it is of.
    """
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None or hasattr(config, "workerinput"):
        return
    if config.getoption("tbstyle", "auto") in ("no", "line"):
        return
    for report in terminal.stats.get("failed", ()):
        trace: Any = getattr(report.longrepr, "reprtraceback", None)
        told = [] if trace is None else trace.reprentries
        if told and type(told[0]) is VerdictEntry:
            gap = "" if told[0].ends_with_a_command else "\n"
            told.append(ReprEntryNative([f"{gap}  {reading(told[0].verdict)}\n"]))
            config.stash[_TOLD] = True
            return


def reading(verdict: str = "") -> str:
    """Return the line that names what to read of a verdict, or of failures at all."""
    return f"read    python -m pytest_cano explain {verdict}".rstrip()


def summaries_of(results: Iterable[Mapping[str, Any]]) -> Iterator[Summary]:
    """Return each test's summary; tests of one name under their whole node ids."""
    crashed = [result for result in results if result["summary"]]
    names = Counter(result["summary"]["name"] for result in crashed)
    for result in crashed:
        summary = Summary(**result["summary"])
        unique = names[summary.name] == 1
        yield summary if unique else replace(summary, name=result["test"])


def write_summary(
    terminal: pytest.TerminalReporter,
    results: Iterable[Mapping[str, Any]],
    problems: Sequence[str],
    lines: Sequence[str] = (),
) -> None:
    """Write the summary of a session's crash tests.

    Args:
        terminal: where to.
        results: what each test has left.
        problems: what is wrong with the session as a whole.
        lines: what its reports have to say.
    """
    results = list(results)
    summaries = list(summaries_of(results))
    limits = [limit for result in results for limit in result["limits"]]
    if summaries:
        limits += idle_patterns(results)
    failed = bool(problems) or any(
        summary.failed or summary.excused for summary in summaries
    )
    quiet = terminal.config.get_verbosity() < 0 and not failed
    if quiet or not (summaries or problems or limits):
        for line in lines:
            terminal.write_line(line)
        return
    terminal.write_sep("=", "cano crash summary")
    if summaries:
        for line in summary_text(summaries).splitlines():
            terminal.write_line(line)
    if measured := lines_text(lines_in(results)):
        terminal.write_line(measured)
    for limit in limits:
        terminal.write_line(limit)
    for line in lines:
        terminal.write_line(line)
    for problem in problems:
        terminal.write_line(f"ERROR {problem}", red=True, bold=True)
        terminal.stats.setdefault("error", []).append(_error(terminal, problem))
    verdicts = [each for summary in summaries for each in summary.failed.values()]
    if (problems or verdicts) and not terminal.config.stash.get(_TOLD, False):
        terminal.write_line(reading(verdicts[0] if verdicts else ""))


def _error(terminal: pytest.TerminalReporter, problem: str) -> pytest.TestReport:
    """Make pytest's last lines count a problem that no test has, and name it."""
    source, _, text = problem.partition(": ")
    config = terminal.config
    # pytest will take it for a path below the root, and make it relative again.
    nodeid = os.path.relpath(config.invocation_params.dir / source, config.rootpath)
    return TestReport(
        nodeid=nodeid,
        location=(source, None, source),
        keywords={},
        outcome="failed",
        longrepr=ReprExceptionInfo(
            reprcrash=ReprFileLocation(source, 0, text),
            reprtraceback=ReprTraceback([], None, "native"),
        ),
        when="setup",
    )
