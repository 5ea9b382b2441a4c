"""The beginning of a session that is to write something: all is checked by then."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import pytest

from ..known import KnownError
from ..measured import is_measuring
from ..options import OptionError, Settings
from ..sharing import known_failures
from .lines import NOTHING_MEASURED
from .lines import OPTION as LINES_OPTION
from .registry import Report, make_reports

BEGAN: Final = pytest.StashKey[float]()
"""When a session began, in seconds of the epoch."""


def open_reports(config: pytest.Config, settings: Settings) -> Mapping[str, Report]:
    """Return the reports that this process is to write, by what asked for each.

    A worker writes none, nor does a session that only lends its lives.

    Raises:
        OptionError: a report can't be written, or would be written over another file,
            the known failures can't be read, or nothing is measured of which a part has
            to be reached.
    """
    config.stash[BEGAN] = time.time()
    try:
        known_failures(config, settings)
    except KnownError as error:
        raise OptionError(f"--cano-baseline: {error}") from None
    lent = config.pluginmanager.has_plugin("cano-fresh-session")
    if lent or hasattr(config, "workerinput"):
        return {}
    if settings.cov_fail_under is not None and not is_measuring():
        raise OptionError(f"{LINES_OPTION}: {NOTHING_MEASURED}")
    return make_reports(settings, config.hook.pytest_cano_report)
