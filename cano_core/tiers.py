"""Keeping several limits at once.

api = MultiRateLimiter(
    Tier("second", RateLimiter(10)),
    Tier("day", WindowedRateLimiter(50_000, 86_400)),
)

await api.acquire()
await client.fetch(page)
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import final

from .errors import ConfigurationError
from .limits import LimiterStatus, RateLimiter, Reservation, WindowedRateLimiter
from .metering import (
    Charges,
    Meter,
    Passage,
    charged,
    check_cost,
    try_to_pass,
    wait_to_pass,
)


@final
@dataclass(frozen=True, slots=True)
class Tier:
    """One limit of a `MultiRateLimiter`.

    Attributes:
        name: what errors and ``only=`` call it.
        limiter: the limit; it may also be in other tiers and limiters.
        cost: how much of it each call uses up; with 0 the tier limits nothing.
    """

    name: str
    limiter: RateLimiter | WindowedRateLimiter
    cost: float = 1

    def __post_init__(self) -> None:
        if not isinstance(self.limiter, RateLimiter | WindowedRateLimiter):
            raise ConfigurationError(
                f"Tier({self.name!r}, {self.limiter!r}): a tier has a RateLimiter or "
                "a WindowedRateLimiter"
            )
        charged([(self.limiter, self.cost)])


@final
class MultiRateLimiter:
    """Several limits that a call has to keep all at once.

    A call passes all tiers in one moment and is counted in each of them, or passes
    none and is counted nowhere. Without tiers it limits nothing.

    Raises:
        ConfigurationError: two tiers have the same name, or together cost more than
            the limiter that they share ever has.
    """

    def __init__(self, *tiers: Tier) -> None:
        for tier in tiers:
            if not isinstance(tier, Tier):
                raise ConfigurationError(
                    f"MultiRateLimiter({tier!r}): say Tier(name, limiter)"
                )
        self._tiers = {tier.name: tier for tier in tiers}
        if len(self._tiers) < len(tiers):
            names = ", ".join(repr(tier.name) for tier in tiers)
            raise ConfigurationError(
                f"MultiRateLimiter: every tier needs a name of its own ({names})"
            )
        self._charges(1, None)

    async def acquire(
        self, cost: float = 1, *, only: Collection[str] | None = None
    ) -> None:
        """Wait until a call may be made in every tier; it is then counted in each.

        A waiting call that is cancelled costs nothing and delays nobody. One that
        waits for one tier does not hold up those that don't need that tier.

        Args:
            cost: how many calls it counts as, each at the costs of the tiers; 0 always
                passes.
            only: names of the tiers that matter for this call; by default all.

        Raises:
            ConfigurationError: a tier never has that much, or there is none of a name.
        """
        await wait_to_pass(self._charges(cost, only))

    def try_acquire(
        self, cost: float = 1, *, only: Collection[str] | None = None
    ) -> bool:
        """Count a call that may be made now without delaying one that waits.

        Returns:
            Whether it may be made.

        Raises:
            ConfigurationError: as `acquire`.
        """
        return isinstance(try_to_pass(self._charges(cost, only)), Passage)

    def reserve(
        self, cost: float = 1, *, only: Collection[str] | None = None
    ) -> Reservation:
        """Count a call that may be made now, until it is certain that it is made.

        Raises:
            RateLimitedError: it may not be made now.
            ConfigurationError: as `acquire`.
        """
        return Reservation.of(self._charges(cost, only), self._tier_of)

    def status(self) -> dict[str, LimiterStatus]:
        """Return how much of each tier is used now, by name."""
        return {name: tier.limiter.status() for name, tier in self._tiers.items()}

    def _tier_of(self, meter: Meter) -> str | None:
        named = (n for n, tier in self._tiers.items() if tier.limiter is meter)
        return next(named, None)

    def _charges(self, cost: float, only: Collection[str] | None) -> Charges:
        check_cost(cost)
        if only is None:
            only = self._tiers
        elif isinstance(only, str) or not set(only) <= set(self._tiers):
            raise ConfigurationError(
                f"only={only!r} must be a collection of names of tiers "
                f"({', '.join(self._tiers)})"
            )
        return charged(
            (tier.limiter, cost * tier.cost)
            for name, tier in self._tiers.items()
            if name in only
        )

    def __repr__(self) -> str:
        tiers = ", ".join(
            f"{name!r}: {tier.limiter._terms}" for name, tier in self._tiers.items()
        )
        return f"<multi rate limiter ({tiers})>"
