"""Logs that break their own rules, and what a store may get away with."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
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
from small_flow import ENTRY, MEMO, RESUME, Flow, memo, row


class Holding(MemoryCheckpointStore):
    """A store that holds whatever rows it is given."""

    def __init__(self, *rows: Any) -> None:
        super().__init__()
        self.held = list(rows)

    async def load_run(self, workflow_id: str) -> Sequence[CheckpointRow]:
        return list(self.held)


CORRUPT = {
    "gap": ([row(0, "Start"), row(2, "Process")], 2, "row 1 is missing"),
    "no beginning": ([row(1, "Start")], 1, "row 0 is missing"),
    "one sequence twice": (
        [row(0, "Start"), row(1, "Process"), row(1, "Process")],
        1,
        "is there twice",
    ),
    "begins with a resume": ([row(0, "Start", RESUME)], 0, "begins with a RESUME row"),
    "begins with a nameless resume": ([row(0, "", RESUME)], 0, "begins with a RESUME"),
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
        "kind 99",
    ),
    **{
        f"reserved kind {kind.name}": (
            [row(0, "Start"), row(1, "Start", kind)],
            1,
            f"kind {kind.name}",
        )
        for kind in RowKind
        if kind not in (ENTRY, RESUME, MEMO)
    },
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

    with pytest.raises(CheckpointStoreError, match="load_run failed in Odd"):
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
