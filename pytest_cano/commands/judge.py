"""``judge``: what a session recorded, by the oracles of today."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from ..options import Settings
from ..records.rejudging import Changes, judged_again
from .reports import conclude, declare, failed_otherwise, read_report, say

_HELP = (
    "Judge a report (json:FILE) of an earlier session by the oracles of this "
    "pytest-cano; nothing is run."
)


def add_to(commands: Any) -> None:
    """Declare the command."""
    declare(commands, "judge", _HELP, _judge)


def _judge(chosen: argparse.Namespace, settings: Settings) -> int:
    document = read_report(chosen.reports)
    again = tuple(judged_again(each, document.gate) for each in document.programs)
    say(*Changes(document.programs, again).lines())
    problems = document.problems
    if document.made.interrupted:
        problems += ("the session was ended before its end",)
    return conclude(
        replace(document, programs=again, problems=problems),
        settings,
        failed=failed_otherwise(document),
    )
