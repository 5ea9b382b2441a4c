"""What a test has written while it has not ended yet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any


def written_so_far(item: Any, *, last: bool) -> Iterator[tuple[str, str]]:
    """Take what a test has written so far, as the sections of a report.

    What is taken is not there any more: not for a second call, nor for the report.

    Args:
        item: the test.
        last: whether it will not go on from here.
    """
    sections, item._report_sections = item._report_sections, []
    yield from ((f"Captured {key} {when}", text) for when, key, text in sections)
    # pytest says it there, for whoever looks at a process from outside.
    phase = os.environ.get("PYTEST_CURRENT_TEST", "(call)").rpartition("(")[2][:-1]
    plugins = item.config.pluginmanager
    logging = plugins.getplugin("logging-plugin")
    if logging is not None:
        log = logging.report_handler.stream.getvalue().strip()
        logging.report_handler.reset()
        if log:
            yield f"Captured log {phase}", log
    capture = plugins.getplugin("capturemanager")
    if capture is not None:
        if last:
            # What capsys or capfd has, the test will not ask for any more.
            capture.deactivate_fixture()
        written = capture.read_global_capture()
        for key, text in zip(("stdout", "stderr"), written, strict=True):
            if text:
                yield f"Captured {key} {phase}", text
