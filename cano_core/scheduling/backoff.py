"""How long a flow waits after a failure, and when it gives up."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any, final

from ..errors import ConfigurationError


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """What follows a failed run of a flow.

    After the n-th failure in a row the flow waits ``initial * multiplier ** (n - 1)``
    seconds, at most `cap`, give or take the fraction `jitter`.

    Attributes:
        initial: seconds after the first failure.
        multiplier: by how much each further wait grows.
        cap: the longest wait, in seconds, jitter included.
        jitter: from 0 to 1, so that many flows that fail together do not come back
            together.
        trip_after: failures in a row after which the flow stops until
            `Scheduler.reset`; None for never.

    Raises:
        ConfigurationError: a value makes no sense.
    """

    initial: float = 1.0
    multiplier: float = 2.0
    cap: float = 300.0
    jitter: float = 0.1
    trip_after: int | None = None

    def __post_init__(self) -> None:
        wrong = [
            f"Backoff({name}={value!r}) must be {wanted}"
            for name, value, low, high, wanted in (
                ("initial", self.initial, 0, math.inf, "0 or more seconds"),
                ("multiplier", self.multiplier, 1, math.inf, "1 or more"),
                ("cap", self.cap, 0, math.inf, "0 or more seconds"),
                ("jitter", self.jitter, 0, 1, "from 0 to 1"),
            )
            if not _is_number(value) or not low <= value <= high or value == math.inf
        ]
        limit: Any = self.trip_after
        if limit is not None and not (type(limit) is int and limit >= 1):
            wrong.append(
                f"Backoff(trip_after={limit!r}) must be a number of failures from 1, "
                "or None"
            )
        if wrong:
            raise ConfigurationError(*wrong)

    def delay(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row (from 1)."""
        try:
            grown = self.initial * self.multiplier ** (failures - 1)
        except OverflowError:
            grown = self.cap if self.initial else 0.0
        pause = min(grown, self.cap) * (1 + self.jitter * random.uniform(-1, 1))
        return min(pause, self.cap)

    def trips(self, failures: int) -> bool:
        """Tell whether so many failures in a row stop the flow."""
        return self.trip_after is not None and failures >= self.trip_after


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
