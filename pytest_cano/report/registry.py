"""Which reports there are, and what each of them is: one class, behind one protocol."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..notation import did_you_mean
from ..options import OptionError

if TYPE_CHECKING:
    from ..options import ReportOption, Settings
    from ..records.document import Document


class Report(Protocol):
    """Tells somebody what a session has found.

    It is made when the session begins, so that what is wrong with its target is said
    before the first test, and is handed the document when everything is known, in
    the process that shows the results.
    """

    def write(self, document: Document) -> Iterable[str]:
        """Write it, whole or not at all; return lines for the terminal.

        Raises:
            OSError: it can't be written.
        """


REPORTS: Final[Mapping[str, tuple[str, str | None]]] = {
    "github": ("github:GitHubReport", None),
    "html": ("html.report:HtmlReport", "index.html"),
    "json": ("json_file:JsonReport", ""),
    "junit": ("junit_file:JUnitReport", ""),
    "sarif": ("sarif:SarifReport", ""),
}
"""The reports of our own: module and class of each, and the file that it writes.

That is named as it is below the target: empty where it is the target itself, and None
where the target is no place for files.
"""


def make_report(option: ReportOption, hook: Any = None) -> Report:
    """Return a report as it was asked for.

    Args:
        option: what was asked for.
        hook: answers for kinds that are not ours, if anybody does.

    Raises:
        ValueError: there is no such report, or it can't go there.
    """
    if hook is not None:
        made: Report | None = hook(kind=option.kind, target=option.target)
        if made is not None:
            return made
    if option.kind not in REPORTS:
        raise ValueError(
            f"there is no report {option.kind!r} ({', '.join(REPORTS)})"
            + did_you_mean(option.kind, REPORTS)
        )
    module, _, name = REPORTS[option.kind][0].partition(":")
    kind: Any = getattr(import_module(f".{module}", __package__), name)
    report: Report = kind(option)
    return report


def make_reports(settings: Settings, hook: Any = None) -> dict[str, Report]:
    """Return the reports that are asked for, by what asked for each.

    Args:
        settings: what was said.
        hook: answers for kinds that are not ours, if anybody does.

    Raises:
        OptionError: one of them can't be made, or two would be one file.
    """
    try:
        reports = {
            f"--cano-report={option}": make_report(option, hook)
            for option in settings.reports
        }
        check_targets(settings.reports, settings.baseline)
    except ValueError as error:
        raise OptionError(f"--cano-report: {error}") from None
    return reports


def check_targets(options: Iterable[ReportOption], baseline: Path | None) -> None:
    """See to it that no report is written over another one.

    Args:
        options: what is asked for, all of which can be made.
        baseline: the file of known failures, if there is one.

    Raises:
        ValueError: two of them are for one place; the message names both.
    """
    files: dict[str, Path] = {}
    if baseline is not None:
        files["--cano-baseline"] = Path(os.path.realpath(baseline))
    asked: set[ReportOption] = set()
    for option in options:
        if option in asked:
            raise ValueError(f"{option} is asked for twice")
        asked.add(option)
        _, name = REPORTS.get(option.kind, ("", None))
        if name is not None:
            path = option.base / option.target / name
            files[str(option)] = Path(os.path.realpath(path))
    for (one, first), (other, second) in combinations(files.items(), 2):
        if first == second:
            raise ValueError(f"{one} and {other} would be the same file")
        if first in second.parents or second in first.parents:
            raise ValueError(
                f"{one} and {other}: one would be a file where the other needs a "
                "directory"
            )
