"""Real pytest sessions in a user's project."""

import pytest

# What a session inside this process loads would be forgotten again after it.
import pytest_cano.checking
import pytest_cano.fixtures
import pytest_cano.items
import pytest_cano.report.junit
import pytest_cano.report.session
import pytest_cano.report.terminal  # noqa: F401
from shop_project import Project


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.delenv("PYTEST_PLUGINS", raising=False)
    return Project(pytester)
