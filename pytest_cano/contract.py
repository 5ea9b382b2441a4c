"""The checkpoint-store contract as a test class, for whoever writes a store.

Subclass it in a test module and say how to make a store; every line of the contract
becomes a test:

    class TestMyStore(CheckpointStoreContract):
        def make_store(self, directory):
            return MyStore(directory / "runs")

A check that fails begins with the line that is broken::

    contract broken: 'append is atomic': after a refused append ...

The contract itself is `pytest_cano._contract.lines.Line`, and with more words
`docs/stores.md`.
"""

from __future__ import annotations

from typing import NoReturn

import pytest

from ._contract.appending import AppendChecks
from ._contract.durability import DurabilityChecks
from ._contract.finding import ListChecks
from ._contract.loading import LoadChecks
from ._contract.loops import LoopChecks
from ._contract.mixture import MixtureChecks
from ._contract.outcomes import OutcomeChecks
from ._contract.racing import RaceChecks
from ._contract.runs import RunChecks
from ._contract.tail import TailChecks

__all__ = ["CheckpointStoreContract"]


class CheckpointStoreContract(
    ListChecks,
    TailChecks,
    OutcomeChecks,
    DurabilityChecks,
    LoopChecks,
    RaceChecks,
    MixtureChecks,
    RunChecks,
    LoadChecks,
    AppendChecks,
):
    """Checks every line of the store contract on the store that `make_store` makes.

    The tests are ordinary sync tests and need no async plugin. Some start other
    processes, which import the subclass from its file: define it at the top level of
    a test module, and let `make_store` depend on nothing but its argument, the
    module and the environment.

    What a store does not claim is skipped, with the reason: set `durable` and
    `shared` to False where they do not hold; the optional methods (`finish`,
    `outcome`, `load_tail`, `list_runs`, `prune`) are found by attribute.
    """

    def _skip(self, reason: str) -> NoReturn:
        __tracebackhide__ = True
        pytest.skip(reason)
