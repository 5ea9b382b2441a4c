"""The engine's store keeps its contract on the layer that records it."""

from pathlib import Path

import pytest

pytest.importorskip("apsw", reason="needs the extra pytest-cano[powerloss]")

from cano_core import SQLiteCheckpointStore
from pytest_cano.contract import CheckpointStoreContract
from pytest_cano.powerloss.power import Power


class TestRecordedStore(CheckpointStoreContract):
    """Not in the other processes that some of the tests start."""

    @pytest.fixture(autouse=True)
    def _power(self, tmp_path: Path):
        with Power(tmp_path) as self.power:
            yield

    def make_store(self, directory):
        return SQLiteCheckpointStore(directory / "runs.db")

    def test_it_is_recorded(self, tmp_path: Path):
        self.test_append_takes_rows_that_continue_the_log(tmp_path)

        assert self.power.recorder.disk.files
