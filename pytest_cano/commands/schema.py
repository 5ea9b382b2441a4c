"""``schema``: prints what ``--cano-report=json:FILE`` writes, as JSON Schema."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

_HELP = "Print the JSON Schema of the reports that --cano-report=json:FILE writes."


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("schema", help=_HELP, description=_HELP)
    parser.set_defaults(perform=_perform)


def _perform(chosen: argparse.Namespace) -> int:
    from ..records.schema import schema

    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
    return 0
