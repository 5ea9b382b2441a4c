"""Asking a run from outside to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import final


@final
class Cancellation:
    """Asks the runs that it was given to (``cancel=``) to stop.

    A run stops where it waits: its task is cancelled at its next ``await`` and raises
    `RunCancelledError`. A compensatable task and a run that is about to end are let
    through, a stream finishes its window. `cancel` may be called from any thread,
    more than once, before the run has begun, and after it has ended.

    Attributes:
        requested: whether `cancel` has been called.
        rollback: whether what the runs have done is to be undone.
    """

    def __init__(self) -> None:
        self.requested = False
        self.rollback = False
        self._listeners: dict[object, Callable[[], None]] = {}
        # A signal handler may call `cancel` while its own thread holds the lock.
        self._lock = threading.RLock()

    def cancel(self, *, rollback: bool = False) -> None:
        """Stop the runs.

        Args:
            rollback: undo what their compensatable tasks have done; otherwise the
                runs stay interrupted and can be resumed. The first call decides.
        """
        with self._lock:
            if self.requested:
                return
            self.rollback = rollback
            self.requested = True
            listeners = list(self._listeners.values())
        for listener in listeners:
            listener()

    def _listen(self, key: object, listener: Callable[[], None]) -> None:
        """Call something as soon as a stop is requested, in the caller's thread."""
        with self._lock:
            self._listeners[key] = listener

    def _forget(self, key: object) -> None:
        with self._lock:
            self._listeners.pop(key, None)
