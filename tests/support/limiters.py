"""The two kinds of limiters, five in ten seconds, for tests that both have to pass."""

from collections.abc import Callable
from typing import Any

from cano_core import RateLimiter, WindowedRateLimiter

LIMITERS: dict[str, Callable[..., Any]] = {
    "bucket": lambda **options: RateLimiter(5, 10.0, **options),
    "window": lambda **options: WindowedRateLimiter(5, 10.0, **options),
}
