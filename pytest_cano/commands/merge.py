"""``merge``: the reports of several sessions as one, held against the gate."""

from __future__ import annotations

import argparse
from typing import Any

from ..options import Settings
from ..records.codec import FormatError
from ..records.merging import merge
from .reports import conclude, declare, failed_otherwise, read_report

_HELP = (
    "Put the reports (json:FILE) of several sessions together, such as those of "
    "--cano-shard, and hold them against the gate."
)


def add_to(commands: Any) -> None:
    """Declare the command."""
    declare(commands, "merge", _HELP, _merge, nargs="+")


def _merge(chosen: argparse.Namespace, settings: Settings) -> int:
    documents = {name: read_report(name) for name in chosen.reports}
    if len(documents) < len(chosen.reports):
        raise FormatError("a report is named twice")
    failed = [each for part in documents.values() for each in failed_otherwise(part)]
    return conclude(merge(documents), settings, failed=failed)
