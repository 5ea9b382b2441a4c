"""What OpenTelemetry's SDK was told, in the words of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cano_core.otel import instrument, uninstrument


class Telemetry:
    """Providers that keep everything in memory."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meter_provider = MeterProvider(metric_readers=[self._reader])

    @property
    def spans(self) -> list[ReadableSpan]:
        """Every span that has ended, in the order of their beginnings."""
        spans = self._exporter.get_finished_spans()
        return sorted(spans, key=lambda span: span.start_time or 0)

    def span(self, name: str) -> ReadableSpan:
        """The only span of a name."""
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def tree(self, root: ReadableSpan | None = None, *, stores: bool = True) -> Any:
        """The spans as nested lists: a name, then the children."""
        parent = None if root is None else root.context.span_id
        found = []
        for span in self.spans:
            if (span.parent.span_id if span.parent else None) != parent:
                continue
            if stores or not span.name.startswith("store "):
                children = self.tree(span, stores=stores)
                found.append([span.name, *children] if children else span.name)
        return found

    def metrics(self) -> dict[str, Any]:
        """Every metric by its name."""
        data = self._reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def points(self, name: str) -> Iterator[tuple[dict[str, Any], Any]]:
        """The attributes of each point of a metric, and its value or count."""
        metric = self.metrics().get(name)
        for point in metric.data.data_points if metric is not None else ():
            value = point.value if hasattr(point, "value") else point.count
            yield dict(point.attributes), value

    def counts(self, name: str) -> dict[tuple[Any, ...], Any]:
        """The same by the attributes' values, in the order of their names."""
        return {
            tuple(value for _, value in sorted(attributes.items())): count
            for attributes, count in self.points(name)
        }

    def shutdown(self) -> None:
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()


@contextmanager
def instrumented() -> Iterator[Telemetry]:
    """Have every run told to providers of its own."""
    telemetry = Telemetry()
    instrument(
        tracer_provider=telemetry.tracer_provider,
        meter_provider=telemetry.meter_provider,
    )
    try:
        yield telemetry
    finally:
        uninstrument()
        telemetry.shutdown()
