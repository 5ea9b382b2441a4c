"""When a split is decided, and what it gives to the state after it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

from .errors import ConfigurationError
from .states import State, label_of


@final
@dataclass(frozen=True, slots=True)
class JoinStrategy:
    """How many branches have to succeed, and whether the others are waited for.

    Use one of `ALL`, `ANY`, `quorum`, `percentage`, `partial_results` and
    `partial_timeout`.

    Attributes:
        name: which of them.
        amount: its number; None if it has none.
    """

    name: str
    amount: float | None = None

    ALL: ClassVar[JoinStrategy]
    """Every branch; the first failure decides."""
    ANY: ClassVar[JoinStrategy]
    """The first success decides."""

    def __post_init__(self) -> None:
        takes_number = _STRATEGIES.get(self.name)
        amount: object = self.amount
        right = (
            isinstance(amount, int | float) and amount > 0
            if takes_number
            else takes_number is not None and amount is None
        )
        if not right:
            raise ConfigurationError(
                f"JoinStrategy({self.name!r}, {amount!r}) is none; use "
                "JoinStrategy.ALL, .ANY, .quorum(n), .percentage(p), "
                ".partial_results(n) or .partial_timeout(minimum)"
            )

    @classmethod
    def quorum(cls, n: int) -> JoinStrategy:
        """``n`` successes decide; and so does the failure that makes them impossible.

        Raises:
            ConfigurationError: n is no whole number from 1.
        """
        return cls("quorum", _whole("quorum", n))

    @classmethod
    def percentage(cls, p: float) -> JoinStrategy:
        """As `quorum`, with the fraction ``p`` of the branches, rounded up.

        Raises:
            ConfigurationError: p is not above 0 and at most 1.
        """
        fraction: object = p
        number = isinstance(fraction, int | float) and not isinstance(fraction, bool)
        if not (number and 0 < p <= 1):
            raise ConfigurationError(
                f"JoinStrategy.percentage({p!r}) must be above 0 and at most 1"
            )
        return cls("percentage", p)

    @classmethod
    def partial_results(cls, n: int) -> JoinStrategy:
        """``n`` successes decide; if they become impossible, it fails at the end.

        Unlike `quorum` it lets every branch end before it fails, so that a resumed
        run need not do again what has succeeded.

        Raises:
            ConfigurationError: n is no whole number from 1.
        """
        return cls("partial_results", _whole("partial_results", n))

    @classmethod
    def partial_timeout(cls, minimum: int = 1) -> JoinStrategy:
        """Whatever has succeeded when all are done or the time is over, if enough.

        Needs ``JoinConfig(timeout=...)``.

        Raises:
            ConfigurationError: minimum is no whole number from 1.
        """
        return cls("partial_timeout", _whole("partial_timeout", minimum))

    def needed(self, branches: int) -> int:
        """Return how many of so many branches have to succeed."""
        if self.name == "all":
            return branches
        if self.name == "any" or self.amount is None:
            return 1
        if self.name == "percentage":
            # A hundred times 0.07 is a little more than 7, and 7 is meant.
            return max(1, math.ceil(branches * self.amount - 1e-9))
        return int(self.amount)

    def is_settled(self, branches: int, succeeded: int, failed: int) -> bool:
        """Tell whether no other branch has to be waited for.

        Args:
            branches: how many there are in all.
            succeeded: how many of them have succeeded so far.
            failed: how many have failed so far.
        """
        needed = self.needed(branches)
        left = branches - succeeded - failed
        if succeeded >= needed:
            return not left or not self.takes_all
        return not left or (
            succeeded + left < needed and self.name != "partial_results"
        )

    @property
    def takes_all(self) -> bool:
        """Whether successes beyond those that are needed are waited for."""
        return self.name == "partial_timeout"


_STRATEGIES = {
    "all": False,
    "any": False,
    "quorum": True,
    "percentage": True,
    "partial_results": True,
    "partial_timeout": True,
}
"""Every strategy, and whether it has a number."""

JoinStrategy.ALL = JoinStrategy("all")
JoinStrategy.ANY = JoinStrategy("any")


def _whole(name: str, n: object) -> int:
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ConfigurationError(
            f"JoinStrategy.{name}({n!r}) must be a whole number from 1"
        )
    return n


@final
@dataclass(frozen=True, slots=True)
class JoinConfig:
    """How the branches of a split come together.

    Attributes:
        strategy: when the split is decided.
        join_state: the state after it.
        timeout: seconds that the branches may take in all, or None. When they are
            over, ``partial_timeout`` goes on with what there is; any other strategy
            that is not decided has failed.
        bulkhead: how many branches may run at the same time; None for all.

    Raises:
        ConfigurationError: one of them can't be used.
    """

    strategy: JoinStrategy
    join_state: State
    timeout: float | None = field(default=None, kw_only=True)
    bulkhead: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        problems = []
        strategy: object = self.strategy
        timeout: object = self.timeout
        bulkhead: object = self.bulkhead
        if not isinstance(strategy, JoinStrategy):
            problems.append(
                f"JoinConfig(strategy={strategy!r}) must be a JoinStrategy, such "
                "as JoinStrategy.ALL"
            )
        label_of(self.join_state)
        if timeout is not None and not (
            isinstance(timeout, int | float) and timeout > 0
        ):
            problems.append(
                f"JoinConfig(timeout={timeout!r}) must be above 0 seconds, or None"
            )
        if bulkhead is not None and not (isinstance(bulkhead, int) and bulkhead > 0):
            problems.append(
                f"JoinConfig(bulkhead={bulkhead!r}) must be a whole number above "
                "0, or None"
            )
        if problems:
            raise ConfigurationError(*problems)

    def problems(self, branches: int) -> list[str]:
        """Return why so many branches can never come together, each a sentence."""
        if not branches:
            return ["a split needs at least one task"]
        found = []
        needed = self.strategy.needed(branches)
        if needed > branches:
            found.append(
                f"its join needs {needed} successes of {branches} branch(es); lower "
                "the number, or add tasks"
            )
        if self.strategy.takes_all and self.timeout is None:
            found.append(
                f"JoinStrategy.{self.strategy.name} needs a time: "
                "JoinConfig(..., timeout=seconds)"
            )
        return found


@final
@dataclass(frozen=True, slots=True)
class SplitResult:
    """What the branches of a split have come to; a join state's task may take it.

    A branch is known by its index, from 0, in the order of registration.

    A branch that succeeds at the last moment, when the join is decided already, is
    as one that was not waited for: there are as many values as the strategy needs, or
    with ``partial_timeout`` as many as there are.

    Attributes:
        values: what the successful branches returned, in order of their index.
        errors: why branches failed, by index. A resumed run knows of successes, and
            of what failed since.
        cancelled: the indices of those that were not waited for.
        succeeded: the indices that ``values`` belong to.
    """

    values: tuple[Any, ...]
    errors: Mapping[int, str]
    cancelled: tuple[int, ...]
    succeeded: tuple[int, ...]

    @property
    def by_branch(self) -> Mapping[int, Any]:
        """What the successful branches returned, by index."""
        return dict(zip(self.succeeded, self.values, strict=True))
