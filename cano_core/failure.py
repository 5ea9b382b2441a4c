"""What a run failed with, as it is recorded, and what of it is not undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import msgspec

from .errors import RunFailedError, TaskFailedError

LONGEST_MESSAGE = 10_000
"""Characters of a failure's message that are kept."""


@final
@dataclass(frozen=True, slots=True)
class Failure:
    """What a run failed with.

    Attributes:
        state: label of the state that failed.
        error: name of the exception's type; of a failed task, of its own exception.
        message: the exception's text.
        path: labels of the states that the run went through, the last thousand.
    """

    state: str
    error: str
    message: str
    path: tuple[str, ...]

    @classmethod
    def of(cls, error: RunFailedError) -> Failure:
        """Describe an exception that ended a run."""
        cause = error.__cause__ if isinstance(error, TaskFailedError) else None
        raised = error if cause is None else cause
        try:
            message = str(raised)
        except Exception:  # noqa: BLE001 -- whatever a user's __str__ may raise
            message = ""
        return cls(
            error.state, type(raised).__name__, message[:LONGEST_MESSAGE], error.path
        )


@final
@dataclass(frozen=True, slots=True)
class NotUndone:
    """One visit that a rollback has not undone.

    Attributes:
        state: its label.
        sequence: of its entry row; None in a run without a log.
        output: what its task had returned for `compensate`; the encoded bytes, if
            they can't be read.
        error: why it could not be undone; None if that was not tried, for lack of time
            or because something else has to be undone before it.
    """

    state: str
    sequence: int | None
    output: object
    error: Exception | None


def encode_failure(failure: Failure) -> bytes:
    """Return the payload of a ROLLBACK row."""
    try:
        return msgspec.msgpack.encode(failure)
    except UnicodeEncodeError:
        # Lone surrogates, as in a file name that is no UTF-8.
        plain = failure.message.encode(errors="backslashreplace").decode()
        return msgspec.msgpack.encode(
            Failure(failure.state, failure.error, plain, failure.path)
        )


def decode_failure(payload: bytes | None) -> Failure:
    """Return the failure of a ROLLBACK row.

    Raises:
        msgspec.MsgspecError: these bytes are none.
    """
    return _FAILURE.decode(payload or b"")


_FAILURE = msgspec.msgpack.Decoder(Failure)
