"""How a schedule's entry appears in JUnit XML: a test case of its own."""

from __future__ import annotations

from typing import Any

import pytest
from _pytest.junitxml import mangle_test_address, xml_key


def describe(config: pytest.Config, report: Any) -> None:
    """Give the entry that this report belongs to its own name and its own time.

    To be called before JUnit's own hook sees the report.
    """
    xml = config.stash.get(xml_key, None)
    if xml is None:
        return
    case = xml.node_reporter(report)
    if xml.report_duration in {"total", report.when}:
        case.duration += report.cano_seconds - report.duration
    if hasattr(report, "cano_schedule"):
        name = mangle_test_address(report.nodeid)[-1]
        case.add_attribute("name", f"{name}[{report.cano_schedule}]")
