"""What a store must hold of one run: the log as it was written.

It is compared with whatever the store gives back; the oracles judge the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, final

from cano_core.checkpoints.row import CheckpointRow, Outcome, OutcomeStatus

from .log_reader import LogReader, Visit, is_older, without_superfluous
from .operations import Operation
from .story import Load

ROLLED_BACK: Final = " (rolled back)"
"""Behind the state in which a run failed that was undone."""


@final
@dataclass(frozen=True, slots=True)
class Doubt:
    """What an operation that failed may have done all the same.

    Attributes:
        rows: rows that may have become durable.
        outcome: the outcome that may have replaced the log with them.
        clears: whether the run may have been forgotten.
        operation: position of the operation among those of the log, if it is there.
    """

    rows: tuple[CheckpointRow, ...] = ()
    outcome: Outcome | None = None
    clears: bool = False
    operation: int | None = None


@dataclass(slots=True)
class UnderWay:
    """An operation that the store has not answered yet.

    Attributes:
        operation: the operation, as if it were cut off.
        doubt: what it may have done by now.
        noted: its position among the operations of the log, once others had to know.
    """

    operation: Operation
    doubt: Doubt
    noted: int | None = None


@final
class KeptLog:
    """What a store must hold of one run, as far as operations have succeeded.

    Attributes:
        begun: whether there ever was a row.
        rows: the log.
        logs: every log so far that was written under our eyes; one for each fresh
            start, the present one last.
        outcome: what `finish` left, or None.
        exit: label of the exit state, once the log was let go of there; ``X (rolled
            back)`` for a run that was undone after X had failed.
        wrong_ends: what was wrong with letting go of it, if anything was.
        found: whether the run was there before anything was written under our eyes:
            ``begun``, ``finished`` or empty.
        forgotten: whether the program itself made the store forget the outcome.
        loads: logs that were read back otherwise than written.
        operations: what was to be written, and what failed.
        half_undone: what was not undone when the run was let go of as rolled back.
        may_lose: how many of the newest rows its store may lose in a crash.
    """

    def __init__(self) -> None:
        self.begun = False
        self.rows: list[CheckpointRow] = []
        self.logs: list[list[CheckpointRow]] = []
        self.outcome: Outcome | None = None
        self.exit: str | None = None
        self.wrong_ends: list[str] = []
        self.found: Literal["", "begun", "finished"] = ""
        self.forgotten = False
        self.loads: list[Load] = []
        self.operations: list[Operation] = []
        self.half_undone: list[str] = []
        self.may_lose = 0
        self._reader = LogReader()
        self._doubts: list[Doubt] = []
        self._under_way: dict[int, UnderWay] = {}
        self._asked = 0
        self._newest = 0

    @property
    def number(self) -> int:
        """The number of the present log, from 1; 0 before one was begun here."""
        return len(self.logs)

    @property
    def visit(self) -> Visit | None:
        """The state and visit that the log ends in; None for an empty log.

        In a rollback it is the state that failed.
        """
        return self._reader.visit if self.rows else None

    @property
    def repeated(self) -> Visit | None:
        """The state and visit whose task a resumed run has to run again, if any."""
        return self._reader.repeated if self.rows else None

    @property
    def undoing(self) -> tuple[Visit, ...]:
        """The visits that a resumed run has to undo; empty if it goes on forwards."""
        return self._reader.undoing if self.rows else ()

    @property
    def over(self) -> bool:
        """Whether the visit that the log ends in is over."""
        return bool(self.rows) and self._reader.over

    @property
    def rolling_back(self) -> bool:
        """Whether the run is being rolled back."""
        return bool(self.rows) and self._reader.failed is not None

    @property
    def where(self) -> str | None:
        """The state that the log ends in, in words; None for an empty log."""
        if self.visit is None:
            return None
        state = self.visit[0]
        return f"the rollback from {state}" if self.rolling_back else state

    @property
    def written(self) -> list[CheckpointRow]:
        """Every row that was ever appended under our eyes."""
        return [row for log in self.logs for row in log]

    def noted(self, operation: Operation) -> int:
        """Take note of an operation; return its position among all of them."""
        self.operations.append(operation)
        if operation.durable and operation.rows:
            self._newest = operation.life
        return len(self.operations) - 1

    def asked(self, operation: Operation, doubt: Doubt) -> int:
        """An operation is asked of the store; return what `answered` is given."""
        self._asked += 1
        self._under_way[self._asked] = UnderWay(operation, doubt)
        return self._asked

    def answered(self, number: int, operation: Operation) -> bool:
        """The store has answered, or will not any more.

        Returns:
            Whether the effect of the operation is still to be accounted for; another
            process may have seen it while this one stood still.
        """
        under_way = self._under_way.pop(number)
        if under_way.noted is None:
            noted, seen = self.noted(operation), False
        else:
            noted = under_way.noted
            seen = self.operations[noted].durable
            self.operations[noted] = replace(
                operation, durable=seen or operation.durable
            )
            self._doubts = [each for each in self._doubts if each.operation != noted]
        if operation.ended in ("cancelled", "failed") and not seen:
            self.doubted(replace(under_way.doubt, operation=noted))
        return not seen

    def cut_off(self, life: int) -> None:
        """What that life has asked of the store may have had its effect or not."""
        for each in self._under_way.values():
            if each.operation.life == life and each.noted is None:
                each.noted = self.noted(each.operation)
                self.doubted(replace(each.doubt, operation=each.noted))

    def appended(self, rows: Sequence[CheckpointRow]) -> None:
        """Rows have become durable."""
        if not rows:
            return
        if not self.rows:
            self._begin([])
            self.logs.append(self.rows)
        self.rows.extend(rows)
        self._read(rows)

    def finished(self, rows: Sequence[CheckpointRow], outcome: Outcome) -> None:
        """The run has ended, and the outcome has replaced its log."""
        self.appended(rows)
        if self.rows:
            self._let_go(outcome)
        self.outcome = outcome
        self.exit = ending(outcome)
        self.forgotten = False
        self.rows = []

    def cleared(self, *, at_exit: bool) -> None:
        """The store has forgotten the run: because it had ended, or as asked."""
        if at_exit and self.visit is not None:
            self._let_go(None)
            state = self.visit[0]
            self.exit = _rolled_back(state) if self.rolling_back else state
        elif self.outcome is not None:
            self.forgotten = True
        self.outcome = None
        self.rows = []

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """What operations that failed may have done all the same."""
        return tuple(self._doubts)

    def doubted(self, doubt: Doubt) -> None:
        """An operation has failed, and may have had its effect or not."""
        self._doubts.append(doubt)

    def loaded(self, life: int, found: Sequence[CheckpointRow]) -> Load | None:
        """The store has given these rows; say so if they are not what it must hold."""
        expected, given = tuple(self.rows), tuple(found)
        doubts, self._doubts = self._doubts, []
        if given == expected:
            if not given:
                self._doubts = doubts
            return None
        for doubt in doubts:
            if doubt.outcome is not None:
                if not given:
                    self._doubts = [doubt]
                    return None
            elif doubt.clears:
                if not given:
                    self._happened(doubt)
                    self.cleared(at_exit=True)
                    return None
            elif given == expected + doubt.rows:
                self._happened(doubt)
                self.appended(doubt.rows)
                return None
        if not self.begun:
            # What was there before anything was written here is the program's own.
            self.found = "begun"
            self._begin(list(given))
            self._read(given)
            return None
        return self._misread(life, expected, given)

    def _misread(
        self,
        life: int,
        expected: Sequence[CheckpointRow],
        given: Sequence[CheckpointRow],
    ) -> Load:
        ended = self.exit is not None
        if not expected and self.logs and is_older(given, self.logs[-1]):
            # The store has lost that the run had ended.
            expected, self.exit = self.logs[-1], None
        load = self._loaded_wrongly(life, expected, given, ended=ended)
        self._begin(list(given))
        if given and load.lost and self.logs and tuple(self.logs[-1]) == load.expected:
            # The same log goes on from there.
            self.logs[-1] = self.rows
        self._read(given)
        return load

    def _loaded_wrongly(
        self,
        life: int,
        expected: Sequence[CheckpointRow],
        given: Sequence[CheckpointRow],
        *,
        ended: bool,
    ) -> Load:
        # What one process has written it finds again: nothing but a crash loses rows.
        may_lose = self.may_lose if life > self._newest else 0
        load = Load(
            life, tuple(expected), tuple(given), finished=ended, may_lose=may_lose
        )
        self.loads.append(load)
        return load

    def loaded_tail(self, life: int, found: Sequence[CheckpointRow]) -> Load | None:
        """The same for a log without cursors that later ones make superfluous."""
        logs = [self.rows, *([*self.rows, *each.rows] for each in self._doubts)]
        for log in logs:
            if without_superfluous(log, kept=found) == tuple(found):
                return self.loaded(life, log)
        for length in range(len(self.rows)):
            older = self.rows[:length]
            if without_superfluous(older, kept=found) == tuple(found):
                return self.loaded(life, older)
        return self.loaded(life, found)

    def told(self, life: int, outcome: Outcome | None) -> None:
        """The store has given this outcome."""
        if outcome is not None and outcome == self.outcome:
            # Whoever else was to end the run has not done so.
            self._doubts = []
            return
        if outcome is None and self.outcome is not None:
            self._forgot(life)
            return
        if outcome is not None and not self.begun and not self._doubts:
            self.found = "finished"
        for doubt in self._doubts:
            if outcome is not None and outcome == doubt.outcome:
                self._happened(doubt)
                self.finished(doubt.rows, outcome)
                self._doubts = []
                return

    def _forgot(self, life: int) -> None:
        """The store has forgotten an outcome: as it was asked to, or of its own."""
        doubts, self._doubts = self._doubts, []
        if any(doubt.clears for doubt in doubts):
            self.cleared(at_exit=False)
            return
        if self.logs:
            self._loaded_wrongly(life, self.logs[-1], (), ended=True)
        self._begin([])
        self.exit = None

    def _happened(self, doubt: Doubt) -> None:
        """What had failed has had its effect all the same."""
        if doubt.operation is not None:
            operation = self.operations[doubt.operation]
            self.operations[doubt.operation] = replace(operation, durable=True)

    def _let_go(self, outcome: Outcome | None) -> None:
        self.wrong_ends += self._reader.at_end(outcome)
        self.half_undone += self._reader.not_undone()

    def _begin(self, rows: list[CheckpointRow]) -> None:
        self.begun = True
        self.rows = rows
        self.outcome = None
        self._reader = LogReader()

    def _read(self, rows: Sequence[CheckpointRow]) -> None:
        for row in rows:
            for _ in self._reader.read(row):
                pass  # which rules it breaks is judged with the workflow in hand


def ending(outcome: Outcome) -> str:
    """Say how a run has ended: its exit state, or ``X (rolled back)``."""
    if outcome.status == OutcomeStatus.ROLLED_BACK:
        return _rolled_back(outcome.state)
    return outcome.state


def _rolled_back(state: str) -> str:
    return f"{state}{ROLLED_BACK}"
