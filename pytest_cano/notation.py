"""The text form of crash points: reading and writing its parts.

    [RUN:][STATE][@MOMENT[:K]][#VISIT][=KIND[:N]]

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

from .faults import FAULTS
from .moments import MOMENTS

RESERVED: Final = frozenset({"all", "everywhere", "random"})
"""Words of the grammar; a state of that name is written as a JSON string."""

EVERY: Final = "all"
"""Behind the ``=`` of a selector: every ending."""

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_BARE = r"[\w\-./]+(?: +[\w\-./]+)*"
_PART = re.compile(
    rf"(?:(?P<run>[0-9]+):)?(?P<state>{_QUOTED}|{_BARE})?"
    r"(?:@(?P<moment>[\w-]+)(?::(?P<index>[0-9]+))?)?"
    r"(?:#(?P<visit>[0-9]+))?"
    r"(?:=(?P<kind>[\w\-]+!?)(?::(?P<amount>[0-9]+))?)?"
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
    amount: int | None = None

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
            _check_kind(text, found["kind"], found["amount"], moment)
        run, index, visit, amount = (
            int(found[name]) if found[name] else None
            for name in ("run", "index", "visit", "amount")
        )
        if 0 in (run, index, visit):
            raise SelectorError(f"{text!r}: runs, visits and K are counted from 1")
        state = None if found["state"] is None else unquote(text, found["state"])
        return cls(text, run, state, moment, index, visit, found["kind"], amount)


def _check_moment(text: str, moment: str, index: str | None) -> None:
    if moment not in MOMENTS:
        raise SelectorError(
            f"{text!r}: there is no moment {moment!r} ({moments()})"
            + did_you_mean(moment, MOMENTS)
        )
    if index is not None and not MOMENTS[moment].indexed:
        raise SelectorError(f"{text!r}: the moment {moment!r} takes no ':K'")


def _check_kind(text: str, kind: str, amount: str | None, moment: str | None) -> None:
    if kind == EVERY and amount is None:
        return
    known = FAULTS.get(kind)
    if known is None:
        raise SelectorError(
            f"{text!r}: the fault {kind!r} does not exist ({kinds()})"
            + did_you_mean(kind, FAULTS)
        )
    if known.counted != (amount is not None) and not (known.listed and amount is None):
        raise SelectorError(f"{text!r}: the fault is written {known.usage!r}")
    if known.listed and amount == "0":
        raise SelectorError(f"{text!r}: {known.usage!r} is counted from 1")
    if moment is not None and (problem := known.excluded_from(moment)):
        raise SelectorError(f"{text!r}: {kind!r} can't happen at {moment!r}: {problem}")


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
    mark = re.escape(separator)
    pieces = re.findall(rf'(?:{_QUOTED}|[^"{mark}]|")+|{mark}', text)
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


def kinds() -> str:
    """Every kind of fault as it is written, for messages."""
    return ", ".join(kind.usage for kind in FAULTS.values())


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """Return the end of a message that names what is nearest, or nothing."""
    by_folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(text.casefold(), by_folded, n=1, cutoff=0.6)
    return f"; did you mean {by_folded[near[0]]!r}?" if near else ""
