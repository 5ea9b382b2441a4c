"""Judging a log on its own, with or without the workflow that wrote it.

A crash test knows what had been appended; of a log from production only the rows are
there. They are read by the same rules, and so far as a workflow is given, by what it
says of states, transitions, versions and data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from cano_core.checkpoints.row import CheckpointRow, Outcome, OutcomeStatus, RowKind
from cano_core.failure import decode_failure
from cano_core.graph import Graph
from cano_core.progress import (
    STARTED,
    Branch,
    Completion,
    Cursor,
    Memo,
    decode_moment,
)
from cano_core.wording import described
from cano_core.workflow import Workflow

from .log_reader import LogReader, decoded, named
from .log_rules import Rule
from .notation import did_you_mean


@final
@dataclass(frozen=True, slots=True)
class LogProblem:
    """One thing that is wrong with a log; its text is the sentence.

    Attributes:
        rule: the rule that is broken.
        message: a sentence that names the row and says what is wrong.
        row: the row; None for what is wrong with the outcome.
    """

    rule: Rule
    message: str
    row: CheckpointRow | None = None

    def __str__(self) -> str:
        return self.message


def check_log(
    rows: Sequence[CheckpointRow],
    workflow: Workflow | Graph | None = None,
    *,
    outcome: Outcome | None = None,
) -> tuple[LogProblem, ...]:
    """Judge a log on its own, as a store gives it.

    A log that is only begun is sound: its run is alive, or was interrupted. Nothing
    runs, and the workflow need not have a store.

    Args:
        rows: every row of one run, as ``load_run`` gives them; no rows are sound.
        workflow: what the run is a run of, or the graph of it; without it, states,
            transitions, versions and data are not judged.
        outcome: what the store remembers of the run.

    Returns:
        Every problem, in the order of the rows; nothing for a sound log. Behind a gap
        in the log only payloads, states and versions are judged.

    Raises:
        ConfigurationError: the workflow's definition is not valid.
    """
    known = _Known.of(workflow)
    problems = [*_rows(rows, known)]
    if outcome is not None:
        problems += _outcome(rows, outcome, known)
    return tuple(problems)


@final
@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a workflow; everything may be nothing."""

    graph: Graph
    versions: frozenset[int] | None
    decode: Callable[[bytes], object] | None

    @classmethod
    def of(cls, workflow: Workflow | Graph | None) -> _Known:
        if isinstance(workflow, Workflow):
            codec = workflow.codec
            decode = None if codec is None else codec.decode
            return cls(workflow.graph, workflow.versions, decode)
        return cls(workflow or Graph((), frozenset(), {}), None, None)

    @property
    def labels(self) -> tuple[str, ...]:
        return (*self.graph.states, *sorted(self.graph.exits))

    def unknown(self, label: str) -> str:
        """Say that there is no such state; empty if there is, or none is known."""
        labels = self.labels
        if not labels or label in labels:
            return ""
        return (
            f"the workflow has no state {label!r} ({', '.join(labels)})"
            f"{did_you_mean(label, labels)}"
        )

    def transitions(
        self, rows: Sequence[CheckpointRow]
    ) -> Mapping[str, frozenset[str] | None]:
        """What may follow what; an unknown state, of which that is said, is no exit."""
        return dict(self.graph.transitions) | {
            row.state: None for row in rows if self.unknown(row.state)
        }


def _rows(rows: Sequence[CheckpointRow], known: _Known) -> Iterator[LogProblem]:
    reader = LogReader(known.transitions(rows), known.graph.kinds)
    dense = True
    for position, row in enumerate(rows):
        if row.kind not in _KINDS:
            yield LogProblem(Rule.KIND, _unknown_kind(row), row)
            dense = False  # nobody knows what it should have changed
            continue
        if dense and row.sequence != position:
            dense = False
            yield LogProblem(
                Rule.SEQUENCE,
                f"{named(row)} stands where row {position} belongs; the order of what "
                "follows was not judged",
                row,
            )
        yield from _alone(row, known)
        if dense:
            for breach in reader.read(row):
                yield LogProblem(breach.rule, str(breach), row)
    if known.decode is not None:
        yield from _last_data(rows, known.decode)


def _alone(row: CheckpointRow, known: _Known) -> Iterator[LogProblem]:
    """Say what is wrong with a row, whatever stands before it."""
    if unknown := known.unknown(row.state):
        yield LogProblem(Rule.STATE, f"{named(row)}: {unknown}", row)
    if known.versions is not None and row.version not in known.versions:
        accepted = ", ".join(map(str, sorted(known.versions)))
        yield LogProblem(
            Rule.VERSION,
            f"{named(row)} is of version {row.version}, the workflow accepts "
            f"{accepted}",
            row,
        )
    read = _READ.get(row.kind)
    if read is None:
        return
    try:
        read(row, known)
    except _Wrong as wrong:
        yield LogProblem(Rule.PAYLOAD, f"{named(row)}: {wrong}", row)
    except Exception as error:  # noqa: BLE001 -- whatever reading damaged bytes raises
        yield LogProblem(
            Rule.PAYLOAD,
            f"{named(row)}: its payload can't be read: {described(error)}",
            row,
        )


class _Wrong(ValueError):
    """What is wrong with a payload that can be read."""


def _unknown_kind(row: CheckpointRow) -> str:
    return (
        f"row {row.sequence} ({row.state}) is of kind {row.kind!r}, which this version "
        "does not know; the order of what follows was not judged"
    )


def _recorded(row: CheckpointRow) -> tuple[bytes | None] | None:
    """Return the data that a row records, in a tuple; None if it records none."""
    if row.kind == RowKind.STATE_ENTRY:
        return (row.payload,)
    # Of what can't be read it is said elsewhere.
    if row.kind == RowKind.COMPENSATION_COMPLETION:
        completion = decoded(Completion.decode, row)
        return None if completion is None else (completion.data,)
    if row.kind == RowKind.STEP_CURSOR:
        cursor = decoded(Cursor.decode, row)
        return None if cursor is None or cursor.data is None else (cursor.data,)
    return None


def _last_data(
    rows: Sequence[CheckpointRow], decode: Callable[[bytes], object]
) -> Iterator[LogProblem]:
    """Say that a resumed run could not go on with the data that it finds.

    Older rows may hold data as it was before its type has changed.
    """
    for row in reversed(rows):
        recorded = _recorded(row)
        if recorded is not None:
            yield from _unreadable(row, recorded[0], decode)
            return


def _unreadable(
    row: CheckpointRow, data: bytes | None, decode: Callable[[bytes], object]
) -> Iterator[LogProblem]:
    if data is None:
        yield LogProblem(Rule.PAYLOAD, f"{named(row)} has no data", row)
        return
    try:
        decode(data)
    except Exception as error:  # noqa: BLE001 -- whatever a codec raises
        yield LogProblem(
            Rule.PAYLOAD,
            f"{named(row)}: its data can't be read as the workflow's: "
            f"{described(error)}",
            row,
        )


def _outcome(
    rows: Sequence[CheckpointRow], outcome: Outcome, known: _Known
) -> Iterator[LogProblem]:
    finished = outcome.status == OutcomeStatus.FINISHED
    how = "finished at" if finished else "rolled back, failed in"
    said = f"the outcome ({how} {outcome.state})"
    if rows:
        yield LogProblem(
            Rule.END,
            f"{said} is there, and so are {len(rows)} rows, which it should replace",
        )
    if unknown := known.unknown(outcome.state):
        yield LogProblem(Rule.STATE, f"{said}: {unknown}")
    elif finished and known.labels and outcome.state not in known.graph.exits:
        yield LogProblem(Rule.END, f"{said}: {outcome.state} is no exit state")
    try:
        if not finished:
            decode_failure(outcome.payload)
        elif known.decode is not None and outcome.payload is not None:
            known.decode(outcome.payload)
    except Exception as error:  # noqa: BLE001 -- whatever a codec raises
        what = "data" if finished else "failure"
        yield LogProblem(
            Rule.PAYLOAD, f"{said}: its {what} can't be read: {described(error)}"
        )


def _memo(row: CheckpointRow, known: _Known) -> None:
    memo = Memo.decode(row.payload)
    if memo.key == STARTED:
        decode_moment(memo.result)


def _completion(row: CheckpointRow, known: _Known) -> None:
    completion = Completion.decode(row.payload)
    if unknown := known.unknown(completion.following):
        raise _Wrong(f"it leads on to a state that is not there: {unknown}")


def _failure(row: CheckpointRow, known: _Known) -> None:
    failure = decode_failure(row.payload)
    if failure.state != row.state:
        raise _Wrong(f"its failure is one of another state, {failure.state}")


_KINDS: Final = frozenset(RowKind)

_READ: Final[dict[RowKind, Callable[[CheckpointRow, _Known], object]]] = {
    RowKind.MEMO: _memo,
    RowKind.STEP_CURSOR: lambda row, _: Cursor.decode(row.payload),
    RowKind.BRANCH: lambda row, _: Branch.decode(row.payload),
    RowKind.COMPENSATION_COMPLETION: _completion,
    RowKind.ROLLBACK: _failure,
}
