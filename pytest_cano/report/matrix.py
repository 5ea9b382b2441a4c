"""State by moment how the schedules of a test went that are one fault alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from ..moments import MOMENTS
from ..story import Verdict
from ..summary import Summary
from .groups import single_point


@final
@dataclass(frozen=True, slots=True)
class Cell:
    """The crash points of one moment of one state.

    Attributes:
        verdicts: each schedule that was run there, as text, with its verdict.
    """

    verdicts: Mapping[str, str]

    @property
    def failed(self) -> list[str]:
        """The schedules that failed, as texts."""
        return [text for text, said in self.verdicts.items() if Verdict[said].fails]

    def __str__(self) -> str:
        """Return ``ok``, ``DUPLICATED 1/3``, ``accepted``, or ``-`` if nothing ran."""
        if not self.verdicts:
            return "-"
        if failed := self.failed:
            many = len(self.verdicts) > 1
            of_all = f" {len(failed)}/{len(self.verdicts)}" if many else ""
            return self.verdicts[failed[0]] + of_all
        said = self.verdicts.values()
        return next((each for each in said if Verdict[each].excused), "ok").lower()


@final
@dataclass(frozen=True, slots=True)
class Matrix:
    """All cells of a test.

    Attributes:
        states: the rows; of another run than the first, ``run 2: Process``.
        moments: the columns.
        cells: by state and moment; without those that there is no crash point for.
    """

    states: tuple[str, ...]
    moments: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]

    @classmethod
    def of(cls, summary: Summary) -> Matrix:
        """Sort the schedules of a test into cells."""
        verdicts: dict[tuple[str, str], dict[str, str]] = {}
        for text in dict.fromkeys((*summary.points, *summary.verdicts)):
            point = single_point(text)
            if point is None:
                continue
            run = f"run {point.run}: " if point.run != 1 else ""
            cell = verdicts.setdefault((run + point.state, point.moment), {})
            if text in summary.verdicts:
                cell[text] = summary.verdicts[text]
        met = {moment for _, moment in verdicts}
        return cls(
            tuple(dict.fromkeys(state for state, _ in verdicts)),
            tuple(name for name in MOMENTS if name in met),
            {place: Cell(said) for place, said in verdicts.items()},
        )
