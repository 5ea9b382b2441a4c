"""What runs do, as spans and metrics of OpenTelemetry; needs the extra ``otel``.

    from cano_core.otel import instrument

    instrument()

From then on every run of the process is traced and measured, through whatever
providers the program has set up (without any, nothing happens). Only OpenTelemetry's
API is used here; its SDK and exporters are the program's to choose.

A span of a run stands in the span of whoever called ``orchestrate`` or
``resume_from``; in it one for each state or rollback, in these one for each attempt of
a task or compensation, and for each call of the store. While a task's code runs, the
span of its attempt is the current one, so that the task's own spans stand in it.

A process that is killed exports nothing of what was still going on. The process that
resumes the run begins a span of its own, with ``cano.run.resumed_after``; the workflow
id, ``cano.workflow.id``, is what both have. It is on spans only, never on a metric.
"""

from __future__ import annotations

from ..errors import ConfigurationError

try:
    from .instrumentation import instrument, uninstrument
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "opentelemetry":
        raise
    raise ConfigurationError(
        "cano_core.otel needs OpenTelemetry's API, which is not installed: "
        "pip install 'pytest-cano[otel]'"
    ) from error

__all__ = ["instrument", "uninstrument"]
