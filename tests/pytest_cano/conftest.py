"""Searches of single programs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_cano.view import WorldView
from search import Search


@pytest.fixture
def search(tmp_path: Path) -> Callable[..., Search]:
    def make(function: Callable[[WorldView], Any], **options: Any) -> Search:
        found = Search(function, tmp_path, **options)
        assert found.baseline.judged.ended == "returned", found.baseline.judged.failure
        return found

    return make
