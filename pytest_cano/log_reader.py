"""Reading a log row by row: where its run stands, and which rules a row breaks.

This knows the rules from their description, not from the engine, which it judges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias, TypeVar, final

import msgspec

from cano_core.checkpoints.row import CheckpointRow, Outcome, OutcomeStatus, RowKind
from cano_core.graph import Kind
from cano_core.progress import (
    BETWEEN,
    STARTED,
    Branch,
    Completion,
    Cursor,
    Memo,
    decode_sequence,
)

from .log_rules import Breach, Rule

T = TypeVar("T")

Visit: TypeAlias = tuple[str, int]
"""A state's label, and the how-many-th time that the run is in it."""

_OWN: Final = (BETWEEN, f"{BETWEEN}{BETWEEN}")
"""Where the engine's own memos begin, in a visit and in a part of one."""


@final
class LogReader:
    """Where a log stands, as far as it has been read.

    Args:
        transitions: declared transitions by label; None where all are legal, empty
            if nothing is known of the workflow.
        kinds: what each state is, as far as that is known.

    Attributes:
        label: the state of the last visit; None before the first row.
        visits: entries of each label.
        over: whether that visit is over, though no other has begun.
        failed: label of the state that failed, once the run is being rolled back.
        completed: visits that were completed, by entry row, in that order.
        to_undo: those of them that are not undone.
    """

    def __init__(
        self,
        transitions: Mapping[str, frozenset[str] | None] | None = None,
        kinds: Mapping[str, Kind] | None = None,
    ) -> None:
        self.label: str | None = None
        self.visits: Counter[str] = Counter()
        self.over = False
        self.failed: str | None = None
        self.completed: dict[int, Visit] = {}
        self.to_undo: dict[int, Visit] = {}
        self._transitions = transitions or {}
        self._kinds = kinds or {}
        self._entry = 0
        self._announced: str | None = None
        self._known: set[object] = set()
        self._kind = RowKind.STATE_ENTRY

    @property
    def visit(self) -> Visit | None:
        """The last visit; in a rollback that of the state that failed."""
        label = self.label if self.failed is None else self.failed
        return None if label is None else (label, max(1, self.visits[label]))

    @property
    def repeated(self) -> Visit | None:
        """The visit whose task a resumed run has to run again, if any."""
        return None if self.over or self.failed is not None else self.visit

    @property
    def undoing(self) -> tuple[Visit, ...]:
        """The visits that a resumed run has to undo; empty if it goes on forwards."""
        return () if self.failed is None else tuple(self.to_undo.values())

    @property
    def exited(self) -> bool:
        """Whether the log ends in an exit state, as far as these are known."""
        return self.label is not None and self.label not in self._transitions

    def read(self, row: CheckpointRow) -> Iterator[Breach]:
        """Read the next row, and say which rules it breaks."""
        if self._transitions and self.exited and self.failed is None:
            yield Rule.TRANSITION.broken(
                f"{named(row)} follows the exit state {self.label}"
            )
        read = _READ.get(row.kind)
        if read is not None:  # what no kind is, the engine refuses
            yield from read(self, row)
            self._kind = row.kind

    def undone(self, row: CheckpointRow) -> Visit | None:
        """Return the visit that a row says is undone, if it says that."""
        if row.kind != RowKind.COMPENSATED:
            return None
        entry = decoded(decode_sequence, row)
        return None if entry is None else self.completed.get(entry)

    def at_end(self, outcome: Outcome | None) -> Iterator[str]:
        """Say what is wrong with letting go of the log now.

        Args:
            outcome: what it is replaced by; None for a store that forgets.
        """
        rolled_back = outcome and outcome.status == OutcomeStatus.ROLLED_BACK
        where = f"the log was let go of in {self.label}"
        if self.failed is not None:
            if outcome is not None and not rolled_back:
                yield f"the run was being rolled back, and ended at {outcome.state}"
        elif rolled_back:
            yield f"{where}, as rolled back, though no rollback had begun"
        elif self._kind != RowKind.STATE_ENTRY or (
            outcome is not None and outcome.state != self.label
        ):
            yield f"{where}, where no run ends"

    def not_undone(self) -> Iterator[str]:
        """Say what of a rollback is missing if the log is let go of now."""
        if self.failed is not None:
            for label, _ in self.to_undo.values():
                yield f"the run is said to be rolled back, but {label} was not undone"

    def _enter(self, row: CheckpointRow) -> Iterator[Breach]:
        if self.failed is not None:
            yield Rule.ROLLBACK.broken(
                f"{named(row)} follows a rollback from {self.failed}"
            )
        legal = self._following(self.label)
        if row.sequence and self._kinds.get(row.state) == "router":
            yield Rule.TRANSITION.broken(
                f"{named(row)} is the row of a router, which leaves none"
            )
        elif legal is not None and row.state not in legal:
            yield Rule.TRANSITION.broken(
                f"{named(row)} follows {self.label}, which leads only to "
                f"{', '.join(sorted(legal))}"
            )
        if not self._is_next(row.state):
            yield Rule.TRANSITION.broken(
                f"{named(row)} follows the completion of {self.label}, which says that "
                f"{self._announced} is next"
            )
        if self._kinds.get(self.label or "") == "compensatable" and not self.over:
            yield Rule.ROLLBACK.broken(
                f"{named(row)} follows {self.label}, whose output for its compensation "
                "was not recorded"
            )
        self.label = row.state
        self.visits[row.state] += 1
        self.over = False
        self._announced = None
        self._entry = row.sequence
        self._known = set()

    def _is_next(self, label: str) -> bool:
        """Say whether a row of that state may follow what a completion announced."""
        announced = self._announced
        if announced is None or announced == label or not self._transitions:
            return True
        if self._kinds.get(announced) != "router":
            return False
        legal = self._following(announced)
        return legal is None or label in legal

    def _following(self, label: str | None) -> frozenset[str] | None:
        """Return the labels whose rows may follow, routers being passed through."""
        if label is None:
            return None
        legal: set[str] = set()
        waiting, seen = [label], {label}
        while waiting:
            declared = self._transitions.get(waiting.pop())
            if declared is None:
                return None
            for each in declared - seen:
                seen.add(each)
                if self._kinds.get(each) == "router":
                    waiting.append(each)
            legal |= {each for each in declared if self._kinds.get(each) != "router"}
        return frozenset(legal)

    def _resume(self, row: CheckpointRow) -> Iterator[Breach]:
        return self._in_place(row, {self.failed or self.label})

    def _memo(self, row: CheckpointRow) -> Iterator[Breach]:
        if self.failed is not None:
            yield from self._in_place(row, {each for each, _ in self.to_undo.values()})
        else:
            yield from self._in_place(row, {self.label})
        memo = decoded(Memo.decode, row)
        own = memo is not None and memo.key == STARTED
        if self.over and self.failed is None and not own:
            yield Rule.PLACE.broken(
                f"{named(row)} stands behind the completion of its visit"
            )
        yield from self._new(row, None if memo is None else ("memo", memo.key))

    def _cursor(self, row: CheckpointRow) -> Iterator[Breach]:
        yield from self._of_the_visit(row)
        cursor = decoded(Cursor.decode, row)
        if cursor is None:
            return
        yield from self._new(row, ("cursor", cursor.part, cursor.number))
        # A stream's cursors count its items, which windows take several of at a time.
        counts_items = self._kinds.get(row.state, "stream") in ("stream", "split")
        if (
            cursor.number > 1
            and not counts_items
            and ("cursor", cursor.part, cursor.number - 1) not in self._known
        ):
            yield Rule.ONCE.broken(
                f"{named(row)} is number {cursor.number}, without the one before it"
            )

    def _branch(self, row: CheckpointRow) -> Iterator[Breach]:
        yield from self._of_the_visit(row)
        branch = decoded(Branch.decode, row)
        yield from self._new(row, None if branch is None else ("branch", branch.part))

    def _complete(self, row: CheckpointRow) -> Iterator[Breach]:
        yield from self._of_the_visit(row)
        kind = self._kinds.get(row.state, "compensatable")
        if kind != "compensatable":
            yield Rule.PLACE.broken(
                f"{named(row)} completes a {kind}, which has no compensation"
            )
        completion = decoded(Completion.decode, row)
        self._announced = None if completion is None else completion.following
        self.over = True
        visit = row.state, max(1, self.visits[row.state])
        self.to_undo[self._entry] = self.completed[self._entry] = visit

    def _roll_back(self, row: CheckpointRow) -> Iterator[Breach]:
        if self.failed is not None:
            yield Rule.ROLLBACK.broken(f"{named(row)} begins a second rollback")
        elif not self.to_undo:
            yield Rule.ROLLBACK.broken(
                f"{named(row)} begins a rollback that has nothing to undo"
            )
        self.failed = row.state
        self._known = set()

    def _undo(self, row: CheckpointRow) -> Iterator[Breach]:
        if self.failed is None:
            yield Rule.ROLLBACK.broken(f"{named(row)} stands outside of a rollback")
        entry = decoded(decode_sequence, row)
        if entry is None:
            yield Rule.PAYLOAD.broken(f"{named(row)} does not say what was undone")
        elif self.to_undo.get(entry, ("", 0))[0] != row.state:
            yield Rule.ROLLBACK.broken(
                f"{named(row)} undoes the visit of row {entry}, which was not "
                "completed, or undone already"
            )
        else:
            del self.to_undo[entry]

    def _of_the_visit(self, row: CheckpointRow) -> Iterator[Breach]:
        yield from self._in_place(row, {self.label})
        if self.over:
            yield Rule.PLACE.broken(
                f"{named(row)} stands behind the completion of its visit"
            )
        elif self.failed is not None:
            yield Rule.PLACE.broken(f"{named(row)} stands in a rollback")

    def _in_place(
        self, row: CheckpointRow, labels: set[str | None]
    ) -> Iterator[Breach]:
        if row.state not in labels:
            yield Rule.PLACE.broken(
                f"{named(row)} stands in a visit of {self.label or 'no state'}"
            )

    def _new(self, row: CheckpointRow, key: object) -> Iterator[Breach]:
        if key is not None and key in self._known:
            yield Rule.ONCE.broken(
                f"{named(row)} records what its visit had recorded already"
            )
        self._known.add(key)


def named(row: CheckpointRow) -> str:
    """Name a row as findings do: ``row 3 (Process MEMO)``."""
    kind = "" if row.kind == RowKind.STATE_ENTRY else f" {RowKind(row.kind).name}"
    return f"row {row.sequence} ({row.state}{kind})"


def without_superfluous(
    log: Sequence[CheckpointRow], *, kept: Sequence[CheckpointRow]
) -> tuple[CheckpointRow, ...]:
    """Return a log without those superfluous cursors that are not kept either."""
    cursors = [row for row in log if row.kind == RowKind.STEP_CURSOR]
    last = {row.task: row.sequence for row in cursors}
    return tuple(
        row
        for row in log
        if row.kind != RowKind.STEP_CURSOR
        or last[row.task] == row.sequence
        or row in kept
    )


def is_older(found: Sequence[CheckpointRow], newest: Sequence[CheckpointRow]) -> bool:
    """Say whether a log is an older state of another: its first rows, and not all."""
    return len(found) < len(newest) and tuple(newest[: len(found)]) == tuple(found)


def is_own_memo(row: CheckpointRow) -> bool:
    """Say whether a MEMO row is the engine's own, and no task's."""
    memo = decoded(Memo.decode, row)
    return memo is not None and (memo.key.startswith(_OWN[0]) or _OWN[1] in memo.key)


def is_nested(row: CheckpointRow) -> bool:
    """Say whether a BRANCH row is that of a part of a part."""
    branch = decoded(Branch.decode, row)
    return branch is not None and "/" in branch.part


def decoded(decode: Callable[[bytes | None], T], row: CheckpointRow) -> T | None:
    """Read a row's payload; None if it can't be read."""
    try:
        return decode(row.payload)
    except (msgspec.MsgspecError, ValueError):
        return None


_READ: Final[dict[RowKind, Callable[[LogReader, CheckpointRow], Iterator[Breach]]]] = {
    RowKind.STATE_ENTRY: LogReader._enter,
    RowKind.RESUME: LogReader._resume,
    RowKind.MEMO: LogReader._memo,
    RowKind.STEP_CURSOR: LogReader._cursor,
    RowKind.BRANCH: LogReader._branch,
    RowKind.COMPENSATION_COMPLETION: LogReader._complete,
    RowKind.ROLLBACK: LogReader._roll_back,
    RowKind.COMPENSATED: LogReader._undo,
}
