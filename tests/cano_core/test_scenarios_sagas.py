"""What a compensatable task leaves behind when its own attempts do not end well."""

import asyncio

import pytest

from cano_core import (
    MemoryCheckpointStore,
    Retry,
    RetryExhaustedError,
    RunContext,
    TaskConfig,
)
from sagas import Journal, saga, start, written


@pytest.mark.parametrize("durable", [False, True])
def test_a_compensatable_task_that_is_cut_off_has_nothing_to_undo(
    durable: bool,
) -> None:
    """Every attempt took too long; what came before it is undone, it is not."""
    store = MemoryCheckpointStore() if durable else None
    journal = Journal()
    ended: list[int] = []

    async def slow(run: RunContext) -> tuple[str, str]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(run.attempt)
        return "Done", "slow"

    workflow = saga(journal, store, states="A", plain="")
    config = TaskConfig(retry=Retry.fixed(1, 0), attempt_timeout=0.01)
    workflow.register_with_compensation(
        "Slow", slow, compensate=journal.step, config=config
    )

    async def first() -> tuple[str, str]:
        return "Slow", "F1"

    workflow.register_with_compensation(
        "First", first, compensate=lambda output: journal.step(f"undo {output}")
    )
    with pytest.raises(RetryExhaustedError) as caught:
        start(workflow, "First")

    assert caught.value.state == "Slow"
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert ended == [1, 2]
    assert journal.did == ["undo F1"]
    if store is not None:
        assert written(store) == []
