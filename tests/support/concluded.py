"""What a log says is done, and what later processes must therefore leave alone."""

from collections.abc import Sequence

from cano_core import CheckpointRow, RowKind
from cano_core.progress import Branch, Cursor, decode_sequence

FIRST_CURSORS = {"Items": "load"}
"""What the first cursor of a state concludes, where that is not its first step."""


class Concluded:
    """What is done for good as of a log of a run in which each state is visited once.

    Args:
        rows: the log of ``run``.
    """

    def __init__(self, rows: Sequence[CheckpointRow]) -> None:
        self._whole: set[str] = set()
        self._parts: set[str] = set()
        self._backwards = False
        states = {}
        entered = ""
        for row in rows:
            key = f"run/{row.state}/1"
            if row.kind is RowKind.STATE_ENTRY:
                if entered:
                    self._whole.add(entered)
                entered = key
                states[row.sequence] = row.state
            elif row.kind is RowKind.COMPENSATION_COMPLETION:
                self._whole.add(key)
            elif row.kind is RowKind.STEP_CURSOR:
                number = Cursor.decode(row.payload).number - 1
                self._parts.add(f"{key}/{FIRST_CURSORS.get(row.state, number)}")
            elif row.kind is RowKind.BRANCH:
                self._parts.add(f"{key}/{Branch.decode(row.payload).part}")
            elif row.kind is RowKind.ROLLBACK:
                self._backwards = True
            elif row.kind is RowKind.COMPENSATED:
                entry = decode_sequence(row.payload)
                self._parts.add(f"run/{states[entry]}/1/undo/{entry}")

    def __contains__(self, key: str) -> bool:
        """Tell whether what is done under an idempotency key must not be done again."""
        if "/undo/" in key:
            return key in self._parts
        if self._backwards:
            return True
        run, state, visit, *part = key.split("/")
        if f"{run}/{state}/{visit}" in self._whole:
            return True
        return any(
            "/".join((run, state, visit, *part[:length])) in self._parts
            for length in range(1, len(part) + 1)
        )
