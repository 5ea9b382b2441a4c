"""The commands of ``python -m pytest_cano``; none of them needs pytest.

A new one is a module with ``add_to`` and a line here.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from . import check_log, explain, judge, merge, schema

__all__ = ["main"]

_COMMANDS = (check_log, explain, judge, merge, schema)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status.

    Args:
        arguments: of the command line; those of this process, unless given.
    """
    parser = argparse.ArgumentParser(
        prog="python -m pytest_cano",
        description="Crash tests are run by pytest; see pytest --help, group cano.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_to(commands)
    chosen = parser.parse_args(arguments)
    status: int = chosen.perform(chosen)
    return status
