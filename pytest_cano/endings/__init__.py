"""What happens at a crash point: how a life ends, or what it has to survive there.

A new kind is a line in `pytest_cano.faults`, a class in a file of its own, and a line
here.
"""

from __future__ import annotations

from typing import Final

from .blow import Blow, Wait
from .cancelling import Cancel
from .failing import Fail
from .freezing import Freeze
from .hanging import Hang
from .killing import Kill
from .losing_power import LosePower
from .raising import Raise
from .standing_still import StandStill
from .store_failing import StoreFailure

__all__ = ["BLOWS", "Blow", "Wait"]

BLOWS: Final[dict[str, Blow]] = {
    "raise": Raise(),
    "freeze": Freeze(),
    "cancel": Cancel(),
    "kill": Kill(),
    "fail": Fail(),
    "hang": Hang(),
    "error": StoreFailure(),
    "error!": StoreFailure(lasting=True),
    "ack-lost": StoreFailure(takes_effect=True),
    "twin": StandStill(),
    "torn": LosePower(),
    "unsynced": LosePower(),
    "powerloss": LosePower(),
}
"""What carries out each kind of fault, by its name."""
