"""What holds for every test: a reproducible environment, and Hypothesis's profiles."""

import os

import pytest
from hypothesis import settings

import children

# No deadlines: a test that starts a process takes as long as the machine is busy.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(autouse=True)
def _reproducible_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs inside a test print the same in a terminal as on a CI service."""
    for name in children.UNWANTED - {"PYTHONSAFEPATH"}:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
