"""Is a state's task idempotent? It is run again in every way in which a resume does.

`assertion` is the entrance; `levels` says what is repeated how, `program` and `passage`
run a workflow up to one task and no further, `repeating` and `duplicate` judge.
"""

from __future__ import annotations

from .assertion import assert_idempotent
from .repeating import Repetitions

__all__ = ["Repetitions", "assert_idempotent"]
