"""Which reports there are, and what each of them is: one class, behind one protocol."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..notation import did_you_mean

if TYPE_CHECKING:
    from ..options import ReportOption
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


REPORTS: Final = {
    "github": "github:GitHubReport",
    "html": "html.report:HtmlReport",
    "json": "json_file:JsonReport",
    "junit": "junit_file:JUnitReport",
    "sarif": "sarif:SarifReport",
}
"""The reports of our own: module and class of each."""


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
    place = REPORTS.get(option.kind)
    if place is None:
        raise ValueError(
            f"there is no report {option.kind!r} ({', '.join(REPORTS)})"
            + did_you_mean(option.kind, REPORTS)
        )
    module, _, name = place.partition(":")
    kind: Any = getattr(import_module(f".{module}", __package__), name)
    report: Report = kind(option)
    return report
