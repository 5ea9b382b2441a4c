"""What was found against the schedules of a document, the weightiest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from ..story import Verdict
from .source import Place

if TYPE_CHECKING:
    from ..records.document import Document, ProgramRecord, TrialRecord
    from .source import Sources

_WEIGHT: Final = {verdict: place for place, verdict in enumerate(Verdict)}


@final
@dataclass(frozen=True, slots=True)
class Failure:
    """One schedule that something was found of, excused or not.

    Attributes:
        program: that it belongs to.
        record: the schedule.
        place: what the finding is about.
    """

    program: ProgramRecord
    record: TrialRecord
    place: Place

    @property
    def title(self) -> str:
        """The test's id with the schedule: ``test_it.py::test_it [Process@end]``."""
        return f"{self.program.test} [{self.record.name}]"

    @property
    def message(self) -> str:
        """One line: what happened."""
        return self.record.findings[0].message


def failures(document: Document, sources: Sources) -> list[Failure]:
    """Return every finding: what fails first, the weightiest first, else in order."""
    found = [
        Failure(program, record, sources.place(program, record))
        for program in document.programs
        for record in program.trials
        if record.findings
    ]
    found.sort(key=lambda e: (not e.record.verdict.fails, _WEIGHT[e.record.found]))
    return found
