"""Logs that break their own rules, and what a store may get away with."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import pytest

from cano_core import (
    CheckpointRow,
    CheckpointStoreError,
    CorruptLogError,
    MemoryCheckpointStore,
    RowKind,
    RunConflictError,
)
from cano_core.progress import STARTED, Memo
from cano_core.replay import replay
from saga_rows import (
    BRANCH,
    COMPENSATED,
    COMPLETION,
    CURSOR,
    ROLLBACK,
    branch,
    compensated,
    completion,
    cursor,
    rollback,
    started,
)
from small_flow import MEMO, RESUME, Flow, memo, row


class Holding(MemoryCheckpointStore):
    """A store that holds whatever rows it is given."""

    load_tail = None  # type: ignore[assignment]

    def __init__(self, *rows: Any) -> None:
        super().__init__()
        self.held = list(rows)

    async def load_run(self, workflow_id: str) -> Sequence[CheckpointRow]:
        return list(self.held)


COMPLETED = [row(0, "Start"), completion(1, "Start", "Process", 7)]

CORRUPT = {
    "gap": ([row(0, "Start"), row(2, "Process")], 2, "row 1 is missing"),
    "no beginning": ([row(1, "Start")], 1, "row 0 is missing"),
    "one sequence twice": (
        [row(0, "Start"), row(1, "Process"), row(1, "Process")],
        1,
        "is there twice",
    ),
    "begins with a resume": ([row(0, "Start", RESUME)], 0, "begins with a RESUME row"),
    "begins with a nameless resume": ([row(0, "", RESUME)], 0, "has no state ''"),
    "begins with a memo": ([memo(0, "Start")], 0, "begins with a MEMO row"),
    "unknown state": ([row(0, "Start"), row(1, "Gone")], 1, "no state 'Gone'"),
    "unknown older state": ([row(0, "Gone"), row(1, "Process")], 0, "no state 'Gone'"),
    "resume of another state": (
        [row(0, "Start"), row(1, "Process", RESUME)],
        1,
        "stands in a visit of 'Start'",
    ),
    "memo of another state": (
        [row(0, "Start"), memo(1, "Process")],
        1,
        "stands in a visit of 'Start'",
    ),
    "memo without payload": ([row(0, "Start"), row(1, "Start", MEMO)], 1, "no memo"),
    "memo of rubbish": (
        [row(0, "Start"), row(1, "Start", MEMO, b"\xc1rubbish")],
        1,
        "no memo",
    ),
    "memo of another shape": (
        [row(0, "Start"), row(1, "Start", MEMO, msgspec.msgpack.encode([1, 2]))],
        1,
        "no memo",
    ),
    "one memo twice": (
        [row(0, "Start"), memo(1, "Start"), memo(2, "Start")],
        2,
        "second memo 'call'",
    ),
    "a row after the end": (
        [row(0, "Start"), row(1, "Done"), row(2, "Process")],
        2,
        "nothing may follow the exit state 'Done'",
    ),
    "a resume after the end": (
        [row(0, "Start"), row(1, "Done"), row(2, "Done", RESUME)],
        2,
        "nothing may follow the exit state 'Done'",
    ),
    "a kind that is none": (
        [row(0, "Start"), row(1, "Start", 99)],  # the number of no kind
        1,
        "99 is no kind of row",
    ),
    "a completion that is none": (
        [row(0, "Start"), row(1, "Start", COMPLETION, b"\x93\xa1x")],
        1,
        "its payload is no completion",
    ),
    "a completion of another state": (
        [row(0, "Start"), completion(1, "Process", "Done")],
        1,
        "stands in a visit of 'Start'",
    ),
    "a cursor that is none": (
        [row(0, "Start"), row(1, "Start", CURSOR)],
        1,
        "its payload is no cursor",
    ),
    "one cursor twice": (
        [row(0, "Start"), cursor(1, "Start"), cursor(2, "Start")],
        2,
        "a second cursor 1 in one visit",
    ),
    "a cursor of another state": (
        [row(0, "Start"), cursor(1, "Process")],
        1,
        "stands in a visit of 'Start'",
    ),
    "a branch that is none": (
        [row(0, "Start"), row(1, "Start", BRANCH, b"")],
        1,
        "its payload is no result of a branch",
    ),
    "one branch twice": (
        [row(0, "Start"), branch(1, "Start"), branch(2, "Start")],
        2,
        "a second result of branch '0' in one visit",
    ),
    "a moment that is none": (
        [row(0, "Start"), row(1, "Start", MEMO, Memo(STARTED, b"\xa1x").encode())],
        1,
        "its payload is no moment",
    ),
    "a memo after its visit": (
        [row(0, "Start"), completion(1, "Start", "Process"), memo(2, "Start")],
        2,
        "stands after the visit it belongs to",
    ),
    "a rollback of another state's failure": (
        [
            *COMPLETED,
            row(2, "Process", ROLLBACK, rollback(2, "Start").payload),
        ],
        2,
        "its failure is one of another state, 'Start'",
    ),
    "a rollback without a failure": (
        [*COMPLETED, row(2, "Start", ROLLBACK, b"")],
        2,
        "its payload is no failure",
    ),
    "an undone row that is none": (
        [*COMPLETED, rollback(2, "Start"), row(3, "Start", COMPENSATED)],
        3,
        "its payload is no sequence",
    ),
    "what was never done is undone": (
        [*COMPLETED, rollback(2, "Start"), compensated(3, "Start", 1)],
        3,
        "no visit of 'Start' began in row 1",
    ),
    "another state is undone": (
        [*COMPLETED, rollback(2, "Start"), compensated(3, "Process", 0)],
        3,
        "no visit of 'Process' began in row 0",
    ),
    "undone twice": (
        [
            *COMPLETED,
            rollback(2, "Start"),
            compensated(3, "Start", 0),
            compensated(4, "Start", 0),
        ],
        4,
        "row 0 was undone twice",
    ),
    "one memo of a compensation twice": (
        [*COMPLETED, rollback(2, "Start"), memo(3, "Start"), memo(4, "Start")],
        4,
        "second memo 'call'",
    ),
    "unknown state in a rollback": (
        [*COMPLETED, rollback(2, "Gone")],
        2,
        "no state 'Gone'",
    ),
}


@pytest.mark.parametrize("case", CORRUPT)
@pytest.mark.parametrize("call", ["resume_from", "start_or_resume"])
def test_a_log_that_breaks_its_rules_is_left_alone(case: str, call: str) -> None:
    """U08 and more: the row is named, nothing is set up, run or written."""
    rows, sequence, problem = CORRUPT[case]
    store = Holding(*rows)
    flow = Flow(store)

    with pytest.raises(CorruptLogError) as caught:
        flow.resume() if call == "resume_from" else flow.start_or_resume()

    assert (caught.value.workflow_id, caught.value.sequence) == ("r", sequence)
    assert f"'r', row {sequence}: " in str(caught.value)
    assert problem in str(caught.value)
    assert store.held == rows
    assert flow.managed.setups == 0
    assert flow.ran == []
    assert flow.watcher.events == []


PHASES = {
    "at the beginning": ([], {"STATE_ENTRY"}),
    "within a visit": (
        [*COMPLETED, row(2, "Process")],
        {*RowKind.__members__} - {"COMPENSATED"},
    ),
    "after a completed visit": (
        COMPLETED,
        {"STATE_ENTRY", "RESUME", "MEMO", "ROLLBACK"},
    ),
    "in a rollback": (
        [*COMPLETED, row(2, "Process"), rollback(3, "Process")],
        {"RESUME", "MEMO", "COMPENSATED"},
    ),
}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("kind", RowKind)
def test_a_kind_stands_where_it_may_and_nowhere_else(kind: RowKind, phase: str) -> None:
    """Every kind in every phase: what is no legal order is named, with its row."""
    before, legal = PHASES[phase]
    n = len(before)
    state = before[-1].state if before else "Start"
    made = {
        RowKind.STATE_ENTRY: row(n, state),
        RowKind.RESUME: row(n, state, RESUME),
        RowKind.MEMO: started(n, state),
        CURSOR: cursor(n, state),
        BRANCH: branch(n, state),
        COMPLETION: completion(n, state, "Process"),
        ROLLBACK: rollback(n, state),
        COMPENSATED: compensated(n, "Start", 0),
    }[kind]
    read = partial(
        replay,
        "r",
        [*before, made],
        states={"Start", "Process", "Done"},
        exits={"Done"},
    )

    if kind.name in legal:
        assert read().rows == n + 1
        return
    with pytest.raises(CorruptLogError, match=f"{kind.name} row") as caught:
        read()
    assert caught.value.sequence == n
    assert not before or phase in str(caught.value)


@dataclass
class Order:
    total: int


@pytest.mark.parametrize("payload", [None, b"", b"rubbish", b'{"total": "x"}'])
def test_data_that_can_not_be_read_is_a_corrupt_row(payload: bytes | None) -> None:
    flow = Flow(data=Order)
    flow.seed(row(0, "Start", payload=payload))

    with pytest.raises(CorruptLogError, match="row 0: its data can't be read as"):
        flow.resume()
    assert len(flow.rows()) == 1


@pytest.mark.parametrize("held", [None, 3, [None], ["row"]], ids=repr)
def test_a_store_that_gives_no_rows_has_failed(held: Any) -> None:
    class Odd(MemoryCheckpointStore):
        async def load_run(self, workflow_id: str) -> Any:
            return held

    with pytest.raises(CheckpointStoreError, match=r"load_\w+ failed in Odd"):
        Flow(Odd()).resume()


def test_rows_may_come_in_any_order_and_with_plain_numbers_for_kinds() -> None:
    """U48: a user's store may sort and type as it likes."""
    rows = [row(0, "Start"), row(1, "Process"), row(2, "Process", RESUME)]
    plain = [
        CheckpointRow(each.sequence, each.state, each.task, int(each.kind))
        for each in reversed(rows)
    ]
    flow = Flow(Holding(*plain))
    position = asyncio.run(flow.workflow.status("r"))

    assert (position.state, position.rows) == ("Process", 3)
    with pytest.raises(RunConflictError):  # it can't append; that far it came
        flow.resume()
