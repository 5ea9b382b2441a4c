"""What a search finds of one program, as it goes: for the summary, and for reports."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, final

from ..story import Story, Trial
from ..summary import Summary
from .document import ProgramRecord, TrialRecord
from .progress import Progress

if TYPE_CHECKING:
    from ..acceptance import Accept
    from ..line_contexts import MeasuredTest
    from ..plan import Plan
    from ..search import Search
    from ..task_lines import TaskLines

_USUAL: Final = ""
"""How a record names the undisturbed run among what it was compared with."""


@final
class Recorder:
    """Keeps what there is to be told of one program.

    Args:
        name: of the test or program.
        whole: whether every story is kept, for reports; there may be many.

    Attributes:
        plan: which schedules there are, once that is known.
        search: what runs them, once it has begun.
        limits: what was left out, and why: full sentences.
        outdated: known failures that can't happen any more.
        flaky: whether two undisturbed runs differed.
        measured: what coverage.py measures of it; None if it does not.
    """

    def __init__(self, name: str, *, whole: bool = False) -> None:
        self._name = name
        self._whole = whole
        self._began = time.perf_counter()
        self._baseline: Story | None = None
        self._references: dict[str, Story] = {}
        self._trials: list[TrialRecord] = []
        self._verdicts: dict[str, str] = {}
        self._failed = 0
        self._ways: dict[str, str] = {}
        self._excused: dict[str, str] = {}
        self.plan: Plan | None = None
        self.search: Search | None = None
        self.limits: list[str] = []
        self.outdated: list[str] = []
        self.flaky = False
        self.measured: MeasuredTest | None = None

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.perf_counter() - self._began

    @property
    def run(self) -> int:
        """How many schedules were run."""
        return len(self._verdicts)

    def progress(self) -> Progress:
        """Return how far the search is."""
        planned = 0 if self.plan is None else len(self.plan.schedules)
        return Progress(self._name, self.run, planned, self._failed, self.seconds)

    def begin(self, baseline: Story) -> None:
        """Take what the undisturbed program does."""
        self._baseline = baseline

    def add(self, trial: Trial, *, again: str) -> None:
        """Take what was found of a schedule.

        Args:
            trial: what was found.
            again: the command that runs exactly this once more.
        """
        self._verdicts[trial.text] = trial.verdict.value
        self._failed += trial.verdict.fails
        if trial.way:
            self._ways[trial.text] = trial.way
        if trial.verdict.excused:
            self._excused[trial.text] = trial.excuse
        if self._whole:
            self._trials.append(
                TrialRecord(
                    name=trial.text,
                    verdict=trial.verdict,
                    schedule=trial.schedule,
                    story=trial.story,
                    findings=trial.findings,
                    compared_with=self._reference(trial.baseline),
                    way=trial.way,
                    selector=trial.selector or trial.exact,
                    again=again,
                    excuse=trial.excuse,
                    output=trial.output if trial.verdict.fails else (),
                )
            )

    def _reference(self, story: Story) -> str:
        if story.schedule is None:
            return _USUAL
        name = str(story.schedule)
        self._references.setdefault(name, story)
        return name

    @cached_property
    def lines(self) -> TaskLines | None:
        """Which lines of the tasks ran, once all is over; None if nobody knows."""
        if self.measured is None or self.search is None:
            return None
        return self.measured.lines()

    def summary(self) -> Summary:
        """Return what is known by now."""
        plan, search = self.plan, self.search
        counts = {} if search is None else search.counts
        outdated = (*self.outdated, *counts.pop("outdated", ()))
        return Summary(
            self._name,
            points=() if plan is None else tuple(map(str, plan.points)),
            verdicts=dict(self._verdicts),
            seconds=self.seconds,
            limits=(*(() if plan is None else plan.limits), *self.limits),
            flaky=self.flaky,
            outdated=tuple(dict.fromkeys(outdated)),
            ways=dict(self._ways),
            covered=[
                each.as_builtins()
                for each in (() if search is None else search.covered)
            ],
            excused=dict(self._excused),
            **counts,
        )

    def program(
        self,
        test: str,
        *,
        file: str = "",
        line: int = 0,
        outcome: str = "passed",
        accepts: Sequence[Accept] = (),
        problems: Sequence[str] = (),
    ) -> ProgramRecord:
        """Return the record of the whole program; see `ProgramRecord` for the rest."""
        return ProgramRecord(
            test,
            self.summary(),
            file=file,
            line=line,
            outcome=outcome,
            baseline=self._baseline,
            references=dict(self._references),
            trials=tuple(self._trials),
            accepts=tuple(accepts),
            problems=tuple(problems),
            lines=self.lines,
        )
