"""Compares what a document says a command prints with what it printed."""

import difflib
import re

ELLIPSIS = "..."

# What differs from one run to the next, and what stands for it in both texts.
VOLATILE = [
    (re.compile(r"\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?"), "DATE"),
    (re.compile(r"[ ]*\b\d+(\.\d+)? ?(s|ms|µs)\b"), " 0s"),
    # pytest fills its lines up, whatever the length of what is in them.
    (re.compile(r"([=_-])\1{2,}"), r"\1\1\1"),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
]


def matches(expected: str, actual: str) -> bool:
    """Whether a command printed what it should have.

    Durations, dates and the length of rules never matter. `...` in a line stands for
    anything in that line, `...` alone for any number of lines.
    """
    pattern = "".join(map(_line_pattern, normalise(expected).splitlines()))
    return re.fullmatch(pattern, normalise(actual)) is not None


def difference(expected: str, actual: str) -> str:
    """A unified diff from what was said to what was printed."""
    lines = difflib.unified_diff(
        normalise(expected).splitlines(),
        normalise(actual).splitlines(),
        "expected",
        "printed",
        lineterm="",
    )
    return "\n".join(lines)


def normalise(text: str) -> str:
    """The text without what differs from one run to the next."""
    for pattern, replacement in VOLATILE:
        text = pattern.sub(replacement, text)
    text = text.strip("\n")
    return f"{text}\n" if text else ""


def _line_pattern(line: str) -> str:
    if line.strip() == ELLIPSIS:
        return r"(?:.*\n)*?"
    return ".*?".join(map(re.escape, line.split(ELLIPSIS))) + r"\n"
