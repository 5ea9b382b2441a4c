"""The whole contract, checked on a store of one's own."""

from pathlib import Path

from store import JsonLinesStore

from pytest_cano.contract import CheckpointStoreContract


class TestJsonLinesStore(CheckpointStoreContract):
    def make_store(self, directory: Path) -> JsonLinesStore:
        return JsonLinesStore(directory / "runs")
