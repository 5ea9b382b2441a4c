"""When a flow's ticks come: one class for each way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, ClassVar, Protocol, final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped]
from apscheduler.triggers.interval import (  # type: ignore[import-untyped]
    IntervalTrigger,
)

from ..errors import ConfigurationError
from .clock import Clock, Due

SHORTEST = 0.001
"""Seconds that ticks are at least apart."""


class Timing(Protocol):
    """Asks the clock for a flow's ticks."""

    at_once: ClassVar[bool]
    """Whether there is a tick as soon as the scheduler starts."""

    def begin(self, clock: Clock, name: str, due: Due, now: datetime) -> None:
        """Ask for the ticks that do not depend on runs.

        Args:
            clock: whom to ask.
            name: under which name.
            due: what to call.
            now: when the scheduler starts.
        """

    def ended(self, clock: Clock, name: str, due: Due, earliest: datetime) -> None:
        """Ask for the tick after a run has ended, if that is what it depends on.

        Args:
            clock: whom to ask.
            name: under which name.
            due: what to call.
            earliest: before this moment it would be skipped.
        """


@final
@dataclass(frozen=True, slots=True)
class FixedDelay:
    """The first tick at once, each other so many seconds after a run's end."""

    at_once: ClassVar[bool] = True
    seconds: float

    def begin(self, clock: Clock, name: str, due: Due, now: datetime) -> None:
        """Do nothing: every tick depends on the run before."""

    def ended(self, clock: Clock, name: str, due: Due, earliest: datetime) -> None:
        """Ask for a tick after the delay."""
        after = datetime.now(UTC) + timedelta(seconds=self.seconds)
        clock.once(name, max(after, earliest), due)


@final
@dataclass(frozen=True, slots=True)
class FixedRate:
    """The first tick at once, the others every so many seconds by the clock."""

    at_once: ClassVar[bool] = True
    seconds: float

    def begin(self, clock: Clock, name: str, due: Due, now: datetime) -> None:
        """Ask for all ticks but the first."""
        second = now + timedelta(seconds=self.seconds)
        trigger = IntervalTrigger(seconds=self.seconds, start_date=second, timezone=UTC)
        clock.repeat(name, trigger, due)

    def ended(self, clock: Clock, name: str, due: Due, earliest: datetime) -> None:
        """Do nothing: the clock goes on by itself."""


@final
@dataclass(frozen=True, slots=True)
class Cron:
    """A tick whenever an expression matches."""

    at_once: ClassVar[bool] = False
    trigger: Any

    def begin(self, clock: Clock, name: str, due: Due, now: datetime) -> None:
        """Ask for all ticks."""
        clock.repeat(name, self.trigger, due)

    def ended(self, clock: Clock, name: str, due: Due, earliest: datetime) -> None:
        """Do nothing: the clock goes on by itself."""


@final
@dataclass(frozen=True, slots=True)
class Manual:
    """No tick but by `Scheduler.trigger`."""

    at_once: ClassVar[bool] = False

    def begin(self, clock: Clock, name: str, due: Due, now: datetime) -> None:
        """Do nothing."""

    def ended(self, clock: Clock, name: str, due: Due, earliest: datetime) -> None:
        """Do nothing."""


def interval(fixed_delay: float | None, fixed_rate: float | None) -> Timing:
    """Return the timing for one of the two.

    Raises:
        ConfigurationError: there are none or both, or it is no length of time.
    """
    if (fixed_delay is None) == (fixed_rate is None):
        raise ConfigurationError(
            "every() needs one of fixed_delay=SECONDS (counted from the end of the run "
            "before) and fixed_rate=SECONDS (counted by the clock)"
        )
    name, seconds = (
        ("fixed_delay", fixed_delay)
        if fixed_delay is not None
        else ("fixed_rate", fixed_rate)
    )
    given: Any = seconds
    # A year and more is no interval but a mistake, and more than a timer can wait.
    if not (isinstance(given, int | float) and SHORTEST <= given <= 366 * 86_400):
        raise ConfigurationError(
            f"every({name}={given!r}) must be seconds, from {SHORTEST} to those of a "
            "year"
        )
    return FixedDelay(given) if name == "fixed_delay" else FixedRate(given)


_FIELDS = ("second", "minute", "hour", "day", "month", "day_of_week", "year")


def cron(expression: str, timezone: str | tzinfo) -> Cron:
    """Return the timing for a cron expression.

    Raises:
        ConfigurationError: the expression or the time zone can't be understood, or
            the expression never matches.
    """
    where = f"cron expression {expression!r}"
    if not isinstance(expression, str):
        raise ConfigurationError(f"{where} is no string")
    parts = expression.split()
    if len(parts) == 5:
        parts.insert(0, "0")
    if not 6 <= len(parts) <= 7:
        raise ConfigurationError(
            f"{where} has {len(parts)} fields; give 'second minute hour day month "
            "weekday', with a year after them or without the second"
        )
    fields = dict(zip(_FIELDS, parts, strict=False))
    # Sunday is 0 or 7 for cron, 1 for some, and 6 for APScheduler.
    if re.search(r"(?<![/\d])\d", fields["day_of_week"]):
        raise ConfigurationError(
            f"{where}: weekdays by number mean different days to different programs; "
            "give names, such as mon-fri or sat,sun"
        )
    try:
        trigger = CronTrigger(**fields, timezone=_zone(timezone))
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{where}: {error}") from error
    if trigger.get_next_fire_time(None, datetime.now(UTC)) is None:
        raise ConfigurationError(f"{where} never matches any more")
    return Cron(trigger)


def _zone(timezone: str | tzinfo) -> tzinfo:
    if isinstance(timezone, tzinfo):
        return timezone
    if timezone == "UTC":
        return UTC
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
        raise ConfigurationError(
            f"time zone {timezone!r} is not known here; give a name such as "
            "'Europe/Berlin' (where the system has no zones, install tzdata), or a "
            "tzinfo"
        ) from error
