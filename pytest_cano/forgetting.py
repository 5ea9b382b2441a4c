"""What can't be passed where a store forgets finished runs.

A store without ``finish`` and ``outcome`` lets go of a log when its run has ended, and
knows nothing of it any more. A program that never saw the end then starts over, and so
does one that stood still while another came to the end. That is such a store's declared
limit, and no fault of the program.
"""

from __future__ import annotations

from .schedule import CrashPoint, Fault
from .story import Story


def starts_over(fault: Fault, baseline: Story) -> bool:
    """Say whether a run has to start over after this fault, for its store forgets."""
    at, run = fault.point, baseline.runs.get(fault.point.run)
    if run is None or run.remembers:
        return False
    return fault.kind == "twin" or at.moment == "cleared" or _clears_unseen(fault)


def limit(fault: Fault) -> str:
    """Say that a fault is left out, as a full sentence."""
    if fault.kind == "twin":
        return (
            "twin is left out: its store forgets finished runs (it has no finish and "
            "outcome), so whoever stood still while another ended the run starts over"
        )
    what: Fault | CrashPoint = fault if _clears_unseen(fault) else fault.point
    return (
        f"{what} is left out: its store forgets finished runs (it has no finish "
        "and outcome), so a program that never saw the end starts over"
    )


def _clears_unseen(fault: Fault) -> bool:
    return (fault.point.moment, fault.kind) == ("recorded", "ack-lost")
