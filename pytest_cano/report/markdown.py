"""Pieces of Markdown as GitHub renders it, in which no text can be taken for markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .characters import on_one_line, visible

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")

_STROKE = re.compile(r"(?<!\\)\|")


def plain(text: str) -> str:
    """Return a text that is shown as it is."""
    return _PUNCTUATION.sub(r"\\\1", on_one_line(text))


def code(text: str) -> str:
    """Return a text as code in a line."""
    shown = on_one_line(text)
    if not shown.strip():
        return ""
    fence = "`" * (_longest_run(shown) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def block(text: str, language: str = "text") -> str:
    """Return a text as code in lines of its own."""
    shown = visible(text)
    fence = "`" * max(3, _longest_run(shown) + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def row(cells: Iterable[str]) -> str:
    """Return a row of a table; its cells are Markdown."""
    # Even in code, a stroke ends a cell.
    return "| " + " | ".join(_STROKE.sub(r"\|", cell) for cell in cells) + " |"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; its cells are Markdown."""
    return "\n".join((row(head), row("---" for _ in head), *map(row, rows)))


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
