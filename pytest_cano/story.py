"""What was observed of a schedule, and what is to be said about it: plain values.

A story holds everything that oracles and reports need; neither runs anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Self, TypeAlias, final

from cano_core.checkpoints.row import CheckpointRow, RowKind
from cano_core.graph import Kind

from .effects import Effect
from .operations import Operation
from .schedule import CrashPoint, Fault, Schedule


class Verdict(StrEnum):
    """What can be said of a schedule: the one table of verdicts."""

    meaning: str

    def __new__(cls, name: str, meaning: str) -> Self:
        """Make the member a string that carries its meaning."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        return member

    @property
    def fails(self) -> bool:
        """Whether a schedule of this verdict has failed."""
        return self.value not in ("PASS", "ACCEPTED", "KNOWN", "TOLERATED")

    @property
    def excused(self) -> bool:
        """Whether something was found that is to fail nothing."""
        return not self.fails and self.value != "PASS"

    NOT_FIRED = "NOT_FIRED", "the planned crash was never reached, so nothing is proved"
    TIMEOUT = "TIMEOUT", "a life did not end, and had to be ended"
    STUCK = "STUCK", "no undisturbed restart brings the run to its end"
    TWO_OWNERS = "TWO_OWNERS", "who had lost a run to another still acted on it"
    DUPLICATED = "DUPLICATED", "an effect happened more often than undisturbed"
    LOST = "LOST", "an effect happened less often than undisturbed"
    HALF_UNDONE = "HALF_UNDONE", "a run was undone in part, twice or in a wrong order"
    SWALLOWED = "SWALLOWED", "the store failed, and success was reported all the same"
    LOST_WORK = "LOST_WORK", "the store lost rows that it had acknowledged"
    DIVERGED = "DIVERGED", "another exit state, other observations or a failed test"
    REORDERED = "REORDERED", "effects came in another order than undisturbed"
    RERAN = "RERAN", "a visit ran again that the log had already passed"
    BAD_LOG = "BAD_LOG", "the log broke its rules, or was not what had been appended"
    ENDINGS_DISAGREE = (
        "ENDINGS_DISAGREE",
        "a point passes under one ending and fails under another",
    )
    FLAKY_BASELINE = "FLAKY_BASELINE", "two undisturbed runs differ"
    ACCEPTED = "ACCEPTED", "it fails as it was declared to"
    KNOWN = "KNOWN", "it fails as the file of known failures says"
    TOLERATED = "TOLERATED", "what was found is not among the verdicts that fail"
    PASS = "PASS", "the outside world can't tell the difference"


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """What an oracle has to say against a schedule.

    Attributes:
        verdict: the oracle's verdict.
        message: one line: what happened.
        details: further lines, if any.
    """

    verdict: Verdict
    message: str
    details: tuple[str, ...] = ()


Ending: TypeAlias = Literal["crashed", "returned", "failed", "skipped"]


@final
@dataclass(frozen=True, slots=True)
class LifeStory:
    """One life, as it went.

    Attributes:
        number: of the life, from 1.
        ended: how the program ended.
        path: for each run the way it took: ``resumed at Process > Done``.
        crashed_at: where it crashed, if it did.
        place: where in the program that was, if it was amid the lines of a task.
        failure: text of the program's failure, the line that names it last.
        notes: what leftover code tried after the life's end, and the like.
        extra: whether this is the extra start of a finished program.
        runaway: why it was ended as running away, if it was.
        undoing: whether it crashed in the compensation of the state.
        struck: the faults that have happened in it, in order.
        points: the crash points that it met, each once, in order.
        durable: digest of what its crash left; empty if nobody asked.
        gave_up: why it was ended as waiting for ever, if it was.
        vanished: how its process ended, if it did not say so itself.
        leads: for each point the number of the store operation that followed it in
            its run; without those that none has followed.
        observations: what the program's body observed.
        until: the place of its end in the order of all that happens in a world.
        images: how many disks the power loss at its end may leave, if it had one.
    """

    number: int
    ended: Ending
    path: tuple[str, ...] = ()
    crashed_at: CrashPoint | None = None
    place: str = ""
    failure: str = ""
    notes: tuple[str, ...] = ()
    extra: bool = False
    runaway: str = ""
    undoing: bool = False
    struck: tuple[Fault, ...] = ()
    points: tuple[CrashPoint, ...] = ()
    durable: str = ""
    gave_up: str = ""
    vanished: str = ""
    leads: Mapping[CrashPoint, int] = field(default_factory=dict)
    observations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    until: int = 0
    images: int = 0

    @property
    def reason(self) -> str:
        """The line of the failure that names it."""
        lines = [line for line in self.failure.splitlines() if line.strip()]
        if not lines:
            return "without saying why"
        return lines[-1].strip().removeprefix("E  ").strip()


@final
@dataclass(frozen=True, slots=True)
class TaskRun:
    """One run of a visit's task; the attempts of a retry are one run.

    Attributes:
        run: ordinal of the run.
        state: label.
        visit: of that state.
        life: number of the life.
        ended: how: its task returned, was interrupted (failed or was cancelled while
            the life went on), or the life crashed.
        undoing: whether it was the compensation that ran.
        error: what the visit raised last in this life, if it was interrupted so.
        at: the place of its start in the order of all that happens in a world.
        session: which start or resumption of the run it belongs to; 0 for none.
        log: which log of the run it belongs to, from 1; 0 for one found in place.
    """

    run: int
    state: str
    visit: int
    life: int
    ended: Literal["returned", "interrupted", "crashed"] = "returned"
    undoing: bool = False
    error: str = ""
    at: int = 0
    session: int = 0
    log: int = 0


@final
@dataclass(frozen=True, slots=True)
class Load:
    """A log that was read back otherwise than it had been written.

    Attributes:
        life: number of the life that read it.
        expected: the rows that had been appended.
        found: the rows that the store gave.
        finished: whether the run had been finished before.
        may_lose: how many of the newest rows the store may have lost by then.
    """

    life: int
    expected: tuple[CheckpointRow, ...]
    found: tuple[CheckpointRow, ...]
    finished: bool = False
    may_lose: int = 0

    @property
    def lost(self) -> tuple[CheckpointRow, ...]:
        """The newest rows, if what was found is the log without them."""
        length = len(self.found)
        return self.expected[length:] if self.expected[:length] == self.found else ()


@final
@dataclass(frozen=True, slots=True)
class RunStory:
    """One run, over all lives.

    Attributes:
        run: its ordinal.
        workflow_id: its id; None for a run without a store.
        exit: the exit state that it reached, or ``X (rolled back)``; None if it has
            not ended.
        state: the state that its log ends in, in words, or None.
        logs: the rows of its log; one log for every fresh start.
        extra_rows: rows that the extra start appended.
        loads: logs that were read back otherwise than written.
        wrong_ends: what was wrong with letting go of its log, if anything was.
        transitions: declared transitions by label; None where all are legal.
        kinds: what each state is, by label.
        tasks: where its task begins, by label: ``shop/checkout.py:31 in process``.
        remembers: whether its store remembers outcomes.
        current: the (state, visit) whose task each resumption has to run again.
        undoing: the (state, visit) that each resumed rollback has to undo.
        operations: what its store was asked to write, and what it failed to do.
        half_undone: what was not undone when the run was let go of as rolled back.
    """

    run: int
    workflow_id: str | None
    exit: str | None
    state: str | None = None
    logs: tuple[tuple[CheckpointRow, ...], ...] = ()
    extra_rows: tuple[CheckpointRow, ...] = ()
    loads: tuple[Load, ...] = ()
    wrong_ends: tuple[str, ...] = ()
    transitions: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    tasks: Mapping[str, str] = field(default_factory=dict)
    remembers: bool = True
    current: tuple[tuple[str, int], ...] = ()
    undoing: tuple[tuple[str, int], ...] = ()
    operations: tuple[Operation, ...] = ()
    half_undone: tuple[str, ...] = ()

    @property
    def turned_at(self) -> tuple[str, int] | None:
        """The state and visit from which its last rollback began, if one did."""
        visits: Counter[str] = Counter()
        for row in self.logs[-1] if self.logs else ():
            if row.kind is RowKind.STATE_ENTRY:
                visits[row.state] += 1
            elif row.kind is RowKind.ROLLBACK:
                return row.state, visits[row.state]
        return None

    @property
    def stored(self) -> bool:
        """Whether the run has a store."""
        return self.workflow_id is not None


@final
@dataclass(frozen=True, slots=True)
class Story:
    """Everything that was observed of one schedule, or of a baseline.

    Attributes:
        schedule: what was planned; None for a baseline.
        lives: every life; an extra start last.
        runs: every run, by ordinal.
        effects: every effect, that of an extra start too; ignored ones left out.
        task_runs: every run of a task, that of an extra start too.
        observations: of the last judged life, and of each visit when it last ran.
        points: every crash point that was met, in order.
        hints: what the program's author may want to change.
        duration: in seconds.
        unreached: the planned fault that was never reached, if one was not.
        missed_in: number of the life in which a planned fault did not happen.
        on_sqlite: whether a store had its file on the disk by way of SQLite.
        idle: the fault of a store that no operation has followed, if there is one.
        unledgered: lines of the program with effects that no ledger was told of.
    """

    schedule: Schedule | None
    lives: tuple[LifeStory, ...]
    runs: Mapping[int, RunStory] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()
    task_runs: tuple[TaskRun, ...] = ()
    observations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    points: tuple[CrashPoint, ...] = ()
    hints: tuple[str, ...] = ()
    duration: float = 0.0
    unreached: CrashPoint | None = None
    missed_in: int = 0
    on_sqlite: bool = False
    idle: Fault | None = None
    unledgered: tuple[str, ...] = ()

    @property
    def usual(self) -> str:
        """How reports say where something happens, if it happens in this story."""
        if self.schedule is None:
            return "in the undisturbed run"
        return "with the planned failure alone"

    @property
    def has_failed(self) -> bool:
        """Whether a failure of a task has happened as planned; a hang may end so."""
        return any(
            fault.described.family in ("task", "hang")
            for life in self.lives
            for fault in life.struck
        )

    @property
    def judged(self) -> LifeStory:
        """The last life that is judged."""
        return [life for life in self.lives if not life.extra][-1]

    @property
    def extra(self) -> LifeStory | None:
        """The extra start, if there was one."""
        return self.lives[-1] if self.lives[-1].extra else None

    def is_judged(self, effect: Effect) -> bool:
        """Say whether an effect counts.

        What the program's body does in the extra start belongs to looking at the
        result.
        """
        return effect.point is not None or not (
            self.extra is not None and effect.life == self.extra.number
        )


@final
@dataclass(frozen=True, slots=True)
class Trial:
    """One schedule, and what was found.

    Attributes:
        schedule: the schedule.
        verdict: the weightiest, or PASS.
        findings: everything found, the weightiest first.
        story: what was observed.
        baseline: what it was compared with.
        seen: whether its last crash left a durable state that had been recovered
            from already, so that the recovery was not repeated.
        way: how the search came to it, if not by its text: crashing ``everywhere``, or
            at ``random``.
        name: what it is called, if it is no trial of one schedule.
        selector: what selects it, if that is not the schedule itself.
        output: what its lives have written, as sections, if it has failed.
        excuse: what was found, and why that fails nothing, if it is excused.
    """

    schedule: Schedule
    verdict: Verdict
    findings: tuple[Finding, ...]
    story: Story
    baseline: Story
    seen: bool = False
    way: Literal["", "everywhere", "random"] = ""
    name: str = ""
    selector: str = ""
    output: tuple[tuple[str, str], ...] = ()
    excuse: str = ""

    @property
    def text(self) -> str:
        """The schedule as text, or whatever else this is the trial of."""
        return self.name or str(self.schedule)

    @property
    def exact(self) -> str:
        """What selects exactly this, whatever the session's endings are."""
        return self.selector or self.schedule.written_out

    @property
    def durable(self) -> str:
        """Digest of the durable state that its last crash left; empty if unknown."""
        return next(
            (life.durable for life in reversed(self.story.lives) if life.durable), ""
        )

    @property
    def recovery(self) -> tuple[CrashPoint, ...]:
        """The crash points of the first life after the last disturbed one."""
        disturbed = max(
            (life.number for life in self.story.lives if life.struck), default=0
        )
        return next(
            (
                life.points
                for life in self.story.lives
                if life.number > disturbed and not life.extra
            ),
            (),
        )
