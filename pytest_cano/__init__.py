"""Crash a workflow at every moment that matters, start it again, and compare.

The public names are loaded when they are first used, so that a pytest run without
any crash test pays for none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .acceptance import Accept
    from .checking import Report, assert_resumes_to_same_exit, check
    from .idempotence import assert_idempotent
    from .ledger import EffectLedger
    from .log_check import LogProblem, check_log
    from .notation import SelectorError
    from .probes import DirectoryProbe, SQLAlchemyProbe, SQLiteProbe
    from .schedule import CrashPoint, Fault, Schedule
    from .view import WorldView
    from .world import SimulatedCrash

__all__ = [
    "Accept",
    "CrashPoint",
    "DirectoryProbe",
    "EffectLedger",
    "Fault",
    "LogProblem",
    "Report",
    "SQLAlchemyProbe",
    "SQLiteProbe",
    "Schedule",
    "SelectorError",
    "SimulatedCrash",
    "WorldView",
    "assert_idempotent",
    "assert_resumes_to_same_exit",
    "check",
    "check_log",
]

_HOMES = {
    "Accept": "acceptance",
    "CrashPoint": "schedule",
    "DirectoryProbe": "probes",
    "EffectLedger": "ledger",
    "Fault": "schedule",
    "LogProblem": "log_check",
    "Report": "checking",
    "SQLAlchemyProbe": "probes",
    "SQLiteProbe": "probes",
    "Schedule": "schedule",
    "SelectorError": "notation",
    "SimulatedCrash": "world",
    "WorldView": "view",
    "assert_idempotent": "idempotence",
    "assert_resumes_to_same_exit": "checking",
    "check": "checking",
    "check_log": "log_check",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
