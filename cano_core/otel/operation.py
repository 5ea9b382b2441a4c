"""One span with its duration, from its beginning to its end.

Whatever goes wrong in here or in a span processor is logged and changes nothing: an
append that is durable stays one, also if its span can't be ended.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, final

from opentelemetry.context import Context, get_current
from opentelemetry.metrics import Histogram
from opentelemetry.trace import Span, StatusCode, Tracer, set_span_in_context

from ..errors import GivenUp, TaskFailedError
from ..wording import described

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger("cano_core")


def harmless(function: Callable[P, T]) -> Callable[P, T | None]:
    """Make a function log what it raises, and return None then."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return function(*args, **kwargs)
        except Exception:
            logger.exception("%s: no telemetry; the run goes on", function.__name__)
            return None

    return guarded


@final
class Operation:
    """A span that is open, and the histogram that its duration goes to.

    Args:
        tracer: makes the span.
        name: its name.
        context: what it stands in.
        measure: the histogram.
        attributes: of the span and of the duration.
        details: attributes of the span alone.

    Attributes:
        span: the span.
    """

    __slots__ = ("_attributes", "_begun", "_measure", "span")

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        context: Context,
        measure: Histogram,
        attributes: Mapping[str, Any],
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self._measure = measure
        self._attributes = dict(attributes)
        self.span: Span = tracer.start_span(
            name, context, attributes={**attributes, **(details or {})}
        )
        self._begun = time.perf_counter()

    def around(self) -> Context:
        """Return the current context with this span as the current one."""
        return set_span_in_context(self.span, get_current())

    def fail(self, error: Exception) -> None:
        """Say that it failed, for the span and for the duration."""
        self._attributes["error.type"] = _type_of(error)
        self.span.set_status(StatusCode.ERROR, described(error))

    def set(self, name: str, value: str | bool) -> None:
        """Set an attribute of the span and of the duration."""
        self._attributes[name] = value

    def end(self) -> None:
        """End the span, and record how long it was open."""
        self.span.set_attributes(self._attributes)
        self.span.end()
        self._measure.record(
            time.perf_counter() - self._begun, self._attributes, self.around()
        )

    def end_with(self, error: BaseException | None) -> None:
        """End it with an outcome: success, failure, or an interruption.

        An interruption (a crash, a cancelled asyncio task) is an event, no error.
        """
        if isinstance(error, GivenUp):
            # How the engine says it to itself.
            error = error.cause
        if error is None:
            self.set("cano.outcome", "success")
        elif isinstance(error, Exception):
            self.set("cano.outcome", "failure")
            record(self.span, error)
            self.fail(error)
        else:
            self.set("cano.outcome", "interrupted")
            interrupt(self.span, error)
        self.end()


def record(span: Span, error: Exception) -> None:
    """Record an exception as an event, whatever its text does when asked."""
    try:
        span.record_exception(error)
    except Exception:  # noqa: BLE001 -- whatever a user's __str__ may raise
        span.add_event("exception", {"exception.type": _type_of(error)})


def interrupt(span: Span, error: BaseException) -> None:
    """Say that something else than a failure ended what a span stands for."""
    span.add_event("cano.interrupted", {"exception.type": _type_of(error)})


def _type_of(error: BaseException) -> str:
    """Return the name of an exception's type, of the task's own where it failed."""
    if isinstance(error, TaskFailedError) and error.__cause__ is not None:
        error = error.__cause__
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
