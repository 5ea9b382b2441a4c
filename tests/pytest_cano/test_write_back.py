"""A cache that acknowledges what the store beneath it does not have yet."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from cano_core import MemoryCheckpointStore, RunConflictError
from cano_core.checkpoints.store import remembers_outcomes
from plain_store import PlainStore
from programs import ForgetfulStore
from pytest_cano.contract import CheckpointStoreContract
from pytest_cano.write_back import write_back
from sqlite_runs import FINISHED, entry


def rows_beneath(store: Any, run: str = "run") -> int:
    return len(asyncio.run(store.load_run(run)))


def run(*calls: Awaitable[Any]) -> list[Any]:
    async def main() -> list[Any]:
        return [await call for call in calls]

    return asyncio.run(main())


@pytest.mark.parametrize(("size", "beneath"), [(0, 4), (1, 3), (3, 1), (9, 0)])
def test_the_last_operations_are_held_back(size: int, beneath: int):
    inner = PlainStore()
    cache = write_back(inner, size)

    run(*(cache.append("run", entry(number)) for number in range(4)))

    assert rows_beneath(inner) == beneath
    assert rows_beneath(cache) == 4


def test_what_is_held_back_counts_over_all_runs():
    inner = PlainStore()
    cache = write_back(inner, 2)

    run(
        cache.append("one", entry(0)),
        cache.append("other", entry(0), entry(1)),
        cache.clear("third"),
    )

    assert [rows_beneath(inner, name) for name in ("one", "other")] == [1, 0]


def test_it_goes_on_from_what_the_store_has():
    inner = MemoryCheckpointStore()
    run(inner.append("run", entry(0)), inner.finish("done", [entry(0)], FINISHED))
    cache = write_back(inner, 9)

    run(cache.append("run", entry(1)))

    assert rows_beneath(cache) == 2
    assert run(cache.outcome("done"), cache.outcome("run")) == [FINISHED, None]
    with pytest.raises(RunConflictError):
        run(cache.append("run", entry(1)))
    with pytest.raises(RunConflictError):
        run(cache.append("done", entry(1)))


def test_an_end_is_held_back_like_rows():
    inner = MemoryCheckpointStore()
    cache = write_back(inner, 1)

    run(cache.append("run", entry(0)), cache.finish("run", [entry(1)], FINISHED))

    assert run(cache.outcome("run"), cache.load_run("run")) == [FINISHED, []]
    assert run(inner.outcome("run")) == [None]
    assert rows_beneath(inner) == 1


def test_it_can_what_the_store_can():
    assert not remembers_outcomes(write_back(ForgetfulStore(), 1))
    assert remembers_outcomes(write_back(MemoryCheckpointStore(), 1))
    assert not hasattr(write_back(ForgetfulStore(), 1), "load_tail")
    assert repr(write_back("a store", 1)) == "'a store'"


def test_operations_reach_the_store_one_after_the_other():
    class Slow(PlainStore):
        under_way = most = 0

        async def append(self, workflow_id: str, *rows: Any) -> None:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            for _ in range(3):
                await asyncio.sleep(0)
            self.under_way -= 1
            await super().append(workflow_id, *rows)

    inner = Slow()
    cache = write_back(inner, 1)

    async def main() -> None:
        names = [f"run-{number}" for number in range(5)]
        await asyncio.gather(*(cache.append(name, entry(0)) for name in names))
        await asyncio.gather(*(cache.append(name, entry(1)) for name in names))

    asyncio.run(main())

    assert inner.most == 1
    assert sum(map(len, inner.logs.values())) == 9


class TestHeldBack(CheckpointStoreContract):
    """Whoever uses nothing but the cache can't tell it from a store."""

    durable = shared = False

    # When a run has ended is what the store says that it is handed on to.
    test_prune_forgets_only_older_outcomes = None

    def make_store(self, directory):
        return write_back(MemoryCheckpointStore(), 3)
