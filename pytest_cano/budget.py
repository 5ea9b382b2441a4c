"""The budget of a session: how much may be run, shared fairly among its tests."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from typing import Final, Protocol, final

from .notation import SelectorError

_TEXT: Final = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?) *(?P<unit>ms|s|m|min|h)?")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


class Budget(Protocol):
    """Says whether one more schedule may be run."""

    def granted(self) -> bool:
        """Take one schedule out of the budget; False if nothing is left."""

    def close(self) -> None:
        """Give back what was not spent."""


@final
class Unlimited:
    """Everything may be run."""

    def granted(self) -> bool:
        """Take one schedule: there always is one."""
        return True

    def close(self) -> None:
        """Give nothing back: there is always more."""


UNLIMITED: Final = Unlimited()


@final
class SessionBudget:
    """What a session may spend: seconds, or a number of schedules.

    Each test may spend its share of what is left when it begins, and what it does not
    need is there for those after it.

    Args:
        text: ``30s``, ``5m``, ``1h``, or ``500`` for that many schedules.
        tests: how many tests there are to be.
        among: how many processes run a part of them each, at the same time.
        clock: tells the time, in seconds.

    Raises:
        SelectorError: the text is none of these.
    """

    def __init__(
        self,
        text: str,
        tests: int,
        *,
        among: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        amount, self._in_seconds = parse_budget(text)
        self._left = amount if self._in_seconds else amount / among
        self._tests = max(1, math.ceil(tests / among))
        self._clock = clock

    def share(self) -> Share:
        """Return what the next test may spend."""
        part = self._left / self._tests
        self._tests = max(1, self._tests - 1)
        return Share(self, part if self._in_seconds else math.ceil(part))

    def _begin(self) -> float:
        return self._clock() if self._in_seconds else 0.0

    def _spend(self, amount: float) -> None:
        self._left = max(0.0, self._left - amount)


@final
class Share:
    """What one test may spend; at least one schedule."""

    def __init__(self, session: SessionBudget, amount: float) -> None:
        self._session = session
        self._amount = amount
        self._began = session._begin()
        self._granted = 0
        self._told = 0.0

    def granted(self) -> bool:
        """Take one schedule out of it; False if nothing is left."""
        if self._granted and self._spent() >= self._amount:
            return False
        self._granted += 1
        return True

    def close(self) -> None:
        """Give back what was not spent; whatever is spent later counts, too."""
        spent = self._spent()
        self._session._spend(spent - self._told)
        self._told = spent

    def _spent(self) -> float:
        if self._session._in_seconds:
            return self._session._clock() - self._began
        return self._granted


def parse_budget(text: str) -> tuple[float, bool]:
    """Read a budget: seconds and True, or schedules and False.

    Raises:
        SelectorError: the text is none.
    """
    found = _TEXT.fullmatch(text.strip())
    if found is None or not float(found["number"]):
        raise SelectorError(
            f"{text!r} is no budget: write a time such as 30s, 5m or 1h, or a number "
            "of schedules such as 500"
        )
    if found["unit"]:
        return float(found["number"]) * _SECONDS[found["unit"]], True
    if not found["number"].isdecimal():
        raise SelectorError(f"{text!r}: a number of schedules is a whole one")
    return float(found["number"]), False
