"""The workflow ids of a flow's ticks.

A tick's id is the flow's, a slash, and the moment of the tick in UTC, to the
microsecond: ``backup/2026-03-01T02:30:00.000000Z``. So the ids of one flow sort by
time, and no other process makes the same id for another tick.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ..errors import ConfigurationError
from ..states import LONGEST_ID, check_workflow_id
from ..status import RunPhase, RunStatus

_STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"
_STAMP_LENGTH = len("2026-03-01T02:30:00.000000Z")

TICK = timedelta(microseconds=1)
"""By how much two ticks of one flow differ at least."""


def check_flow_id(flow_id: object) -> str:
    """Return the id, if every store can keep the ids that begin with it.

    Raises:
        ConfigurationError: it is no string, empty, too long, or not printable.
    """
    text = check_workflow_id(flow_id)
    longest = LONGEST_ID - 1 - _STAMP_LENGTH
    if len(text) > longest:
        raise ConfigurationError(
            f"flow id {text[:40]}… has {len(text)} characters, {longest} are allowed: "
            "the ids of its runs begin with it"
        )
    return text


def tick_id(flow_id: str, moment: datetime) -> str:
    """Return the workflow id of a tick."""
    return f"{flow_id}/{moment.astimezone(UTC).strftime(_STAMP)}"


def moment_of(flow_id: str, workflow_id: str) -> datetime | None:
    """Return the moment of a flow's tick; None if the id is not one of its ticks'."""
    owner, slash, stamp = workflow_id.rpartition("/")
    if not slash or owner != flow_id or len(stamp) != _STAMP_LENGTH:
        return None
    try:
        return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def is_unfinished(status: RunStatus) -> bool:
    """Tell whether a run was begun and has something left to do.

    A finished run that still has rows is one: its log is to be cleared.
    """
    if status.phase is RunPhase.FINISHED:
        return status.rows > 0
    return status.phase in (RunPhase.INTERRUPTED, RunPhase.ROLLING_BACK)


def lists_runs(store: object) -> bool:
    """Tell whether a store can say which runs it has."""
    return callable(getattr(store, "list_runs", None))
