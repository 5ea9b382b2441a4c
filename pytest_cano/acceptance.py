"""Known exceptions: what is found somewhere, and is accepted for a reason.

An exception is strict. It is for one verdict at some points; whatever else is found
there fails, and so does the exception itself once its points were crashed and nothing
of the kind was found any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

from .faults import ENDINGS
from .notation import did_you_mean
from .schedule import Fault, Schedule
from .selectors import Selector, SelectorError, parse_selectors, unknown_state
from .story import Finding, Story, Trial, Verdict

ACCEPTABLE: Final = tuple(
    verdict.value
    for verdict in Verdict
    # What passed, and what proves nothing, is no exception from anything.
    if verdict.fails and verdict not in (Verdict.NOT_FIRED, Verdict.FLAKY_BASELINE)
)


@final
@dataclass(frozen=True, slots=True)
class Accept:
    """One known exception.

    Attributes:
        selector: where it is found: points, as for ``--cano-crash``, of which a
            schedule has at least one; or a whole schedule.
        verdict: what is found.
        reason: why that is accepted, for whoever reads the summary.

    Raises:
        SelectorError: one of them makes no sense.
    """

    selector: str
    verdict: str
    reason: str

    def __post_init__(self) -> None:
        if not isinstance(self.selector, str):
            raise SelectorError(f"{self.selector!r} is no text that selects points")
        for each in parse_selectors(self.selector):
            if each.search:
                raise SelectorError(
                    f"{each.text!r} names no points: name them, or write 'all'"
                )
        if self.verdict not in ACCEPTABLE:
            raise SelectorError(
                f"verdict={self.verdict!r} is nothing that can be accepted "
                f"({', '.join(ACCEPTABLE)})"
                + did_you_mean(str(self.verdict), ACCEPTABLE)
            )
        if not str(self.reason or "").strip():
            raise SelectorError(
                "it needs a reason, for whoever reads the summary: reason='...'"
            )

    def __str__(self) -> str:
        return f"{self.selector!r}, verdict={self.verdict!r}"


@final
class Acceptances:
    """The known exceptions of one program, and what has become of them.

    Args:
        accepts: the exceptions.
        baseline: what the undisturbed program does.
        source: what says them, for messages.
    """

    def __init__(self, accepts: Iterable[Accept], baseline: Story, source: str) -> None:
        self._accepts = tuple(accepts)
        self._points = baseline.points
        self._source = source
        self._labels = {point.state for point in baseline.points} | {
            label for run in baseline.runs.values() for label in run.transitions
        }
        self._met: set[Accept] = set()
        self._faults: set[Fault] = set()
        self._schedules: set[Schedule] = set()

    def judge(self, trial: Trial) -> Trial:
        """Return the trial without what is accepted of its findings."""
        self._schedules.add(trial.schedule)
        if len(trial.schedule.faults) == 1:
            self._faults.update(trial.schedule.faults)
        left: list[Finding] = []
        why: list[str] = []
        for finding in trial.findings:
            accepts = [each for each in self._accepts if self._is(each, finding, trial)]
            self._met.update(accepts)
            why += (f"{each.verdict}: {each.reason.strip()}" for each in accepts)
            if not accepts:
                left.append(finding)
        if left:
            return replace(trial, verdict=left[0].verdict, findings=tuple(left))
        if not why:
            return trial
        excuse = "; ".join(dict.fromkeys(why))
        return replace(trial, verdict=Verdict.ACCEPTED, excuse=excuse)

    def problems(self) -> Iterator[str]:
        """Say which exceptions are none any more; asked when the search is over."""
        for accept in self._accepts:
            selectors = parse_selectors(accept.selector)
            for selector in selectors:
                if unknown := unknown_state(selector, self._labels):
                    yield f"{self._source}({accept}): {unknown}"
                    break
            else:
                if accept not in self._met and all(
                    self._explored(selector, accept) for selector in selectors
                ):
                    yield (
                        f"{self._source}({accept}): {accept.verdict} was not found "
                        "there any more; remove it, it was there because: "
                        f"{accept.reason.strip()}"
                    )

    def _is(self, accept: Accept, finding: Finding, trial: Trial) -> bool:
        return finding.verdict == accept.verdict and any(
            self._means(selector, trial.schedule)
            for selector in parse_selectors(accept.selector)
        )

    def _means(self, selector: Selector, schedule: Schedule) -> bool:
        whole = selector.whole(self._labels)
        if whole is not None:
            # Where it says no ending, any will do.
            return schedule == whole or (
                selector.kinds is None and _bare(schedule) == _bare(whole)
            )
        return any(selector.covers(fault, self._labels) for fault in schedule.faults)

    def _explored(self, selector: Selector, accept: Accept) -> bool:
        """Say whether all that an exception is for was crashed in this session."""
        # One ending alone has nothing to disagree with.
        compared = accept.verdict == Verdict.ENDINGS_DISAGREE
        least = 2 if compared else 1
        if selector.whole(self._labels) is not None:
            means = [each for each in self._schedules if self._means(selector, each)]
            return len(means) >= least
        faults = [
            fault
            for fault in self._faults
            if selector.covers(fault, self._labels)
            and not (compared and fault.kind not in ENDINGS)
        ]
        crashed = Counter(fault.point for fault in faults)
        met = {point for point, times in crashed.items() if times >= least}
        return bool(met) and met >= {*self._selected(selector)}

    def _selected(self, selector: Selector) -> Iterator[object]:
        for point in self._points:
            if selector.covers(Fault(point), self._labels, anyhow=True):
                yield point


def _bare(schedule: Schedule) -> Sequence[Sequence[object]]:
    return [[fault.point for fault in faults] for faults in schedule.lives]
