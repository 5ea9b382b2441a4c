"""Instrumenting the workflows of a process, and stopping to."""

from __future__ import annotations

from collections.abc import Collection
from typing import final

from opentelemetry.metrics import MeterProvider, get_meter
from opentelemetry.trace import Tracer, TracerProvider, get_tracer

from ..extension import hookimpl, manager
from ..workflow import Workflow
from .instruments import Instruments
from .tracing import RunTelemetry

_SCOPE = "cano_core"
_plugin: Instrumentation | None = None


def instrument(
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    only: Collection[Workflow] | None = None,
) -> None:
    """Trace and measure every run that begins or is resumed from now on.

    Calling it again replaces what was said before.

    Args:
        tracer_provider: makes the spans; the program's global one if None.
        meter_provider: makes the metrics; the program's global one if None.
        only: the workflows to instrument, instead of all of the process.
    """
    global _plugin
    uninstrument()
    _plugin = Instrumentation(
        get_tracer(_SCOPE, tracer_provider=tracer_provider),
        Instruments(get_meter(_SCOPE, meter_provider=meter_provider)),
        None if only is None else tuple(only),
    )
    manager.register(_plugin)


def uninstrument() -> None:
    """Stop; runs that have begun go on being told. Fine if nothing is instrumented."""
    global _plugin
    if _plugin is not None:
        manager.unregister(_plugin)
        _plugin = None


@final
class Instrumentation:
    """Puts a `RunTelemetry` around each run."""

    def __init__(
        self,
        tracer: Tracer,
        instruments: Instruments,
        only: tuple[Workflow, ...] | None,
    ) -> None:
        self._tracer = tracer
        self._instruments = instruments
        self._only = only

    @hookimpl
    def cano_wrap_run(
        self, workflow: Workflow, workflow_id: str | None
    ) -> RunTelemetry | None:
        """Return what the run's engine calls are told to; None for other workflows."""
        if self._only is not None and not any(workflow is each for each in self._only):
            return None
        return RunTelemetry(self._tracer, self._instruments, workflow_id)
