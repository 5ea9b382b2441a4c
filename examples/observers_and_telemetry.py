"""One run, seen four ways: by an observer, in the log, in its health, as spans.

Charge > Ship > Done. The bank is busy the first time it is asked, so that there is
something to see. The spans need OpenTelemetry's SDK (pip install opentelemetry-sdk);
without it that part says so.

    python examples/observers_and_telemetry.py

Prints:

    logged
      INFO run 'order-7': started
      WARNING run 'order-7': task 'charge' failed in attempt 1 and is tried again
      INFO run 'order-7': task 'charge' succeeded
      INFO run 'order-7': task 'ship' succeeded
      INFO run 'order-7': finished at 'Done'
    recorded
      went through Charge > Ship > Done, with 1 retry
    health
      degraded: bank (busy a moment ago)
    traced
      run
        state Charge
          attempt charge (OSError: the bank is busy)
          attempt charge
        state Ship
          attempt ship
        state Done
"""

import asyncio
import logging
import sys
from typing import Any

from cano_core import (
    Health,
    HealthStatus,
    LoggingObserver,
    RecordingObserver,
    Retry,
    TaskConfig,
    Workflow,
)

try:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import (
        InMemorySpanExporter,
    )

    from cano_core.otel import instrument
except ImportError:
    TRACED = False
else:
    TRACED = True


class Bank:
    """Busy the first time."""

    def __init__(self) -> None:
        self.asked = 0

    def charge(self) -> None:
        self.asked += 1
        if self.asked == 1:
            raise OSError("the bank is busy")

    async def health(self) -> HealthStatus:
        return HealthStatus(Health.DEGRADED, "busy a moment ago")


async def charge(bank: Bank) -> str:
    bank.charge()
    return "Ship"


async def ship() -> str:
    return "Done"


def log_to_the_screen() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("  %(levelname)s %(message)s"))
    logger = logging.getLogger("cano_core")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def show(spans: "list[ReadableSpan]", parent: Any = None, depth: int = 1) -> None:
    """Print the spans that stand in another one, in the order of their beginnings."""
    inside = [span for span in spans if span.parent == parent]
    for span in sorted(inside, key=lambda span: span.start_time or 0):
        problem = span.status.description
        print("  " * depth + span.name + (f" ({problem})" if problem else ""))
        show(spans, span.context, depth + 1)


async def main() -> None:
    if TRACED:
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        instrument(tracer_provider=provider)

    watcher = RecordingObserver()
    workflow = (
        Workflow(
            resources={"bank": Bank()},
            observers=[watcher, LoggingObserver()],
        )
        .register("Charge", charge, config=TaskConfig(retry=Retry.fixed(1, 0)))
        .register("Ship", ship)
        .add_exit_state("Done")
    )

    print("logged")
    log_to_the_screen()
    await workflow.orchestrate("Charge", workflow_id="order-7")

    print("recorded")
    path = " > ".join(watcher.path)
    print(f"  went through {path}, with {len(watcher.of('on_retry'))} retry")

    print("health")
    report = await workflow.check_health()
    for name, status in report.resources.items():
        print(f"  {report.status}: {name} ({status.detail})")

    print("traced")
    if TRACED:
        show(list(exporter.get_finished_spans()))
    else:
        print("  not at all: pip install opentelemetry-sdk")


if __name__ == "__main__":
    asyncio.run(main())
