"""Texts of a user's program, made fit for files that others read."""

from __future__ import annotations


def visible(text: str, *, keep: str = "\n\t") -> str:
    r"""Return a text with whatever can't be seen written out, such as ``\x1b``.

    Nothing of what is left is forbidden in XML, moves a terminal's cursor or turns the
    direction of writing.

    Args:
        text: any text.
        keep: characters that stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in keep else _written_out(each)
        for each in text
    )


def on_one_line(text: str) -> str:
    r"""Return a text with its line ends written out, too: ``\n``."""
    return visible(text, keep="")


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
