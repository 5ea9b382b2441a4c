"""What the stores know of flows that have run before: found before anything runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, final

from ..errors import CheckpointStoreError
from ..wording import described
from .plan import Plan
from .ticks import is_unfinished, moment_of


@final
@dataclass(frozen=True, slots=True)
class History:
    """One flow's runs, as a store has them.

    Attributes:
        unfinished: ids of those that are to be gone on with, oldest first.
        newest: the moment of the newest run, unfinished or not; None without any.
    """

    unfinished: tuple[str, ...] = ()
    newest: datetime | None = None


async def histories(plans: Iterable[Plan]) -> dict[str, History]:
    """Look up every flow's history, by the flow's id.

    Raises:
        CheckpointStoreError: a store failed, or did not answer in time.
    """
    listed: dict[int, Sequence[str]] = {}
    found: dict[str, History] = {}
    for plan in plans:
        if plan.store is None:
            found[plan.flow_id] = History()
            continue
        key = id(plan.store)
        if key not in listed:
            listed[key] = await _runs_of(plan.store, plan.workflow._store_timeout)
        found[plan.flow_id] = await _history(plan, listed[key])
    return found


async def _history(plan: Plan, runs: Iterable[str]) -> History:
    moments = {
        run_id: moment
        for run_id in runs
        if (moment := moment_of(plan.flow_id, run_id)) is not None
    }
    return History(
        tuple(
            [
                run_id
                for run_id in sorted(moments)
                if is_unfinished(await plan.workflow.status(run_id))
            ]
        ),
        max(moments.values(), default=None),
    )


async def _runs_of(store: Any, seconds: float | None) -> Sequence[str]:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            runs: Sequence[str] = await store.list_runs()
            return runs
    except CheckpointStoreError:
        raise
    except Exception as error:
        problem = (
            f"no answer within {seconds} seconds"
            if limit.expired()
            else described(error)
        )
        raise CheckpointStoreError(
            f"list_runs failed in {type(store).__name__}: {problem}; nothing was "
            "started, because nobody knows which runs to go on with"
        ) from error
