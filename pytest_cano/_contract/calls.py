"""Calls of a store that must succeed, must be refused, or must find something."""

from __future__ import annotations

from collections.abc import Sequence

from cano_core.checkpoints.row import CheckpointRow, Outcome
from cano_core.checkpoints.store import CheckpointStore, RemembersOutcomes
from cano_core.errors import RunConflictError

from .lines import Line, broken
from .rows import DONE, compare, listing


async def write(
    store: CheckpointStore,
    workflow_id: str,
    batch: Sequence[CheckpointRow],
    line: Line = Line.APPEND,
) -> None:
    """Append rows that the store must take."""
    __tracebackhide__ = True
    try:
        await store.append(workflow_id, *batch)
    except Exception as error:
        raise broken(
            line,
            f"append of {listing(batch)} to {workflow_id!r} should succeed, "
            f"yet {type(error).__name__}: {error}",
        ) from error


async def finish(
    store: RemembersOutcomes,
    workflow_id: str,
    last: Sequence[CheckpointRow],
    end: Outcome = DONE,
) -> None:
    """Finish a run that the store must finish."""
    __tracebackhide__ = True
    what = f"finish of {workflow_id!r} with {listing(last)}"
    try:
        await store.finish(workflow_id, last, end)
    except Exception as error:
        raise broken(
            Line.FINISH,
            f"{what} should succeed, yet {type(error).__name__}: {error}",
        ) from error
    if await store.outcome(workflow_id) is None:
        raise broken(Line.FINISH, f"after {what} it has no outcome")


async def refuses(
    store: CheckpointStore,
    workflow_id: str,
    batch: Sequence[CheckpointRow],
    line: Line,
) -> None:
    """Check that `append` refuses a batch, and that nothing of it was written."""
    __tracebackhide__ = True
    before = await store.load_run(workflow_id)
    what = f"append of {listing(batch)} to a log of {listing(before)}"
    try:
        await store.append(workflow_id, *batch)
    except RunConflictError:
        pass
    except Exception as error:
        raise broken(Line.CONFLICT, f"{what} raised {error!r}") from error
    else:
        raise broken(line, f"{what} was accepted")
    await holds(store, workflow_id, before, Line.ATOMIC, f"after a refused {what}")


async def holds(
    store: CheckpointStore,
    workflow_id: str,
    expected: Sequence[CheckpointRow],
    line: Line,
    when: str,
) -> None:
    """Check that a log holds exactly these rows."""
    __tracebackhide__ = True
    compare(await store.load_run(workflow_id), expected, line, when)
