"""The text form of crash points: reading and writing its parts.

    [RUN:][STATE][@MOMENT[:K]][#VISIT][=ENDING]

`pytest_cano.schedule` and `pytest_cano.selectors` make values of the parts. A state
is written bare where its label allows that, else as a JSON string.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from .moments import MOMENTS

ENDINGS: Final = {"raise": "a SimulatedCrash unwinds the life"}
"""What can happen at a point, by the name that stands after the ``=``."""

RESERVED: Final = frozenset({"all", "everywhere", "random"})
"""Words of the grammar; a state of that name is written as a JSON string."""

_PLANNED = frozenset(
    (
        *("freeze", "cancel", "kill", "fail", "hang", "error", "error!"),
        *("ack-lost", "torn", "unsynced", "twin"),
    )
)
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_BARE = r"[\w\-./]+(?: +[\w\-./]+)*"
_PART = re.compile(
    rf"(?:(?P<run>[0-9]+):)?(?P<state>{_QUOTED}|{_BARE})?"
    r"(?:@(?P<moment>[\w-]+)(?::(?P<index>[0-9]+))?)?"
    r"(?:#(?P<visit>[0-9]+))?"
    r"(?:=(?P<kind>[\w\-]+!?)(?::[0-9]+)?)?"
)
_IS_BARE = re.compile(_BARE)


class SelectorError(ValueError):
    """A text names no crash point, no schedule and nothing that selects them."""


@final
@dataclass(frozen=True, slots=True)
class Part:
    """What one part of a text says; None for everything that it leaves open."""

    text: str
    run: int | None
    state: str | None
    moment: str | None
    index: int | None
    visit: int | None
    kind: str | None

    @property
    def complete(self) -> bool:
        """Whether it names exactly one point."""
        return (
            self.state is not None
            and self.moment is not None
            and (self.index is not None or not MOMENTS[self.moment].indexed)
        )

    @classmethod
    def parse(cls, text: str) -> Part:
        """Read one part.

        Raises:
            SelectorError: the text is none.
        """
        text = text.strip()
        found = _PART.fullmatch(text)
        if found is None or not (found["state"] or found["moment"]):
            raise SelectorError(
                f"{text!r} is neither a state, a moment nor a crash point; write "
                "STATE, @MOMENT, STATE@MOMENT or STATE@MOMENT#VISIT, and a state "
                "with unusual characters as a JSON string"
            )
        moment = found["moment"]
        if moment is not None:
            _check_moment(text, moment, found["index"])
        if found["kind"] is not None:
            _check_ending(text, found["kind"])
        run, index, visit = (
            int(found[name]) if found[name] else None
            for name in ("run", "index", "visit")
        )
        if 0 in (run, index, visit):
            raise SelectorError(f"{text!r}: runs, visits and K are counted from 1")
        state = None if found["state"] is None else unquote(text, found["state"])
        return cls(text, run, state, moment, index, visit, found["kind"])


def _check_moment(text: str, moment: str, index: str | None) -> None:
    if moment not in MOMENTS:
        raise SelectorError(
            f"{text!r}: there is no moment {moment!r} ({moments()})"
            + did_you_mean(moment, MOMENTS)
        )
    if index is not None and not MOMENTS[moment].indexed:
        raise SelectorError(f"{text!r}: the moment {moment!r} takes no ':K'")


def _check_ending(text: str, kind: str) -> None:
    if kind in ENDINGS:
        return
    problem = (
        "is not available in this version"
        if kind in _PLANNED
        else "does not exist" + did_you_mean(kind, ENDINGS)
    )
    raise SelectorError(
        f"{text!r}: the ending {kind!r} {problem}; available: {', '.join(ENDINGS)}"
    )


def quote(label: str) -> str:
    """Write a state's label so that it reads back as that label."""
    if _IS_BARE.fullmatch(label) and label not in RESERVED:
        return label
    return json.dumps(label, ensure_ascii=not label.isprintable())


def unquote(text: str, state: str) -> str:
    """Read a state's label.

    Raises:
        SelectorError: it is a damaged JSON string; ``text`` is where it stands.
    """
    if not state.startswith('"'):
        return state
    try:
        return str(json.loads(state))
    except ValueError as error:
        raise SelectorError(f"{text!r}: {state} is no JSON string: {error}") from None


def split(text: str, separator: str) -> list[str]:
    """Split at a character wherever it stands outside a JSON string."""
    pieces = re.findall(rf'(?:{_QUOTED}|[^"{separator}]|")+|{separator}', text)
    parts = [""]
    for piece in pieces:
        if piece == separator:
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts]


def moments() -> str:
    """Every moment as it is written, for messages."""
    return ", ".join(moment.usage for moment in MOMENTS.values())


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """Return the end of a message that names what is nearest, or nothing."""
    by_folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(text.casefold(), by_folded, n=1, cutoff=0.6)
    return f"; did you mean {by_folded[near[0]]!r}?" if near else ""
