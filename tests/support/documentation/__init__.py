"""Runs every code block of a Markdown document, as its reader would.

A document is one scenario: its blocks share a directory and run in their order. An
HTML comment directly before a block says what to do with it, where the block's
language does not; CONTRIBUTING.md lists them.
"""

from documentation.blocks import Block, DocumentError, parse
from documentation.output import difference, matches
from documentation.scenario import Problem, check, refresh

__all__ = [
    "Block",
    "DocumentError",
    "Problem",
    "check",
    "difference",
    "matches",
    "parse",
    "refresh",
]
