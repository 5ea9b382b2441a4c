"""A task is run as the engine runs it, whatever its state is registered as."""

import asyncio
from collections.abc import AsyncIterator
from enum import Enum, auto
from pathlib import Path
from typing import Any, Literal

import pytest

from cano_core import (
    BatchTask,
    Count,
    Done,
    JoinConfig,
    JoinStrategy,
    More,
    RunContext,
    SplitResult,
    StreamTask,
    Workflow,
)
from programs import THRICE, ForgetfulStore
from pytest_cano.view import WorldView
from repeated import ONCE, Order, building, charge, failure, repeat


def key_of(run: RunContext, *, keyed: bool) -> str | None:
    return run.idempotency_key if keyed else None


class Parcels(BatchTask):
    def __init__(self, *, keyed: bool) -> None:
        self.keyed = keyed

    def load(self) -> list[int]:
        return [1, 2]

    async def process_item(self, item: int, ledger: Any, run: RunContext) -> int:
        ledger.effect("send", item, key=key_of(run, keyed=self.keyed))
        return item

    def finish(self, results: Any) -> str:
        return "Done"


class Feed(StreamTask):
    window = Count(2)

    def __init__(self, *, keyed: bool) -> None:
        self.keyed = keyed

    async def open(self, cursor: int | None) -> AsyncIterator[tuple[int, int]]:
        for number in range(cursor or 0, 3):
            yield number + 1, number

    async def process_item(self, item: int, ledger: Any, run: RunContext) -> int:
        ledger.effect("send", item, key=key_of(run, keyed=self.keyed))
        return item

    def flush_window(self, results: Any) -> None:
        """Nothing is kept of a window."""

    def on_close(self, reason: Any) -> str:
        return "Done"


def stepping(*, keyed: bool) -> Any:
    async def step(
        cursor: int | None, ledger: Any, run: RunContext
    ) -> More[int] | Done[str]:
        at = cursor or 0
        ledger.effect("send", at, key=key_of(run, keyed=keyed))
        return More(at + 1) if at < 2 else Done("Done")

    return step


def remembering(*, keyed: bool) -> Any:
    async def once(ledger: Any, run: RunContext) -> str:
        for number in (1, 2):
            key = key_of(run, keyed=keyed)
            await run.once(f"send {number}", ledger.effect, "send", number, key=key)
        return "Done"

    return once


def branching(*, keyed: bool) -> Any:
    async def branch(ledger: Any, run: RunContext) -> int:
        ledger.effect("send", key=key_of(run, keyed=keyed))
        return 1

    return branch


def working(kind: str, *, keyed: bool) -> Any:
    """What builds Work > Done, Work being of that kind."""

    def build(world: WorldView) -> Workflow:
        workflow = Workflow(
            checkpoint_store=world.store, resources={"ledger": world.ledger}
        ).add_exit_state("Done")
        if kind == "batch":
            workflow.register("Work", Parcels(keyed=keyed), config=ONCE)
        elif kind == "stream":
            workflow.register_stream("Work", Feed(keyed=keyed), config=ONCE)
        elif kind == "steps":
            workflow.register_stepped("Work", stepping(keyed=keyed), config=ONCE)
        elif kind == "memos":
            workflow.register("Work", remembering(keyed=keyed), config=ONCE)
        else:
            branches = [branching(keyed=keyed), branching(keyed=True)]
            join = JoinConfig(JoinStrategy.ALL, "Done")
            workflow.register_split("Work", branches, join, config=ONCE)
        return workflow

    return build


KINDS = ["batch", "stream", "steps", "memos", "split"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_passes_every_level_with_keys(kind):
    assert repeat(working(kind, keyed=True), "Work", level=4).passed


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_found_without(kind):
    text = failure(working(kind, keyed=False), "Work")

    assert text.startswith("the task of Work is not idempotent: send(")
    assert "\nDUPLICATED  send(" in text
    # Of the last step nothing is recorded when the task comes to its end.
    level = 1 if kind == "steps" else 2
    assert f"\n  level {level}   " in text


def test_what_the_log_keeps_is_not_done_again():
    verdicts = repeat(working("memos", keyed=True), "Work", level=3).verdicts

    # The first call is a row, so what comes after it is the first of the second life.
    assert "Work@memo:2 > Work@end" in verdicts
    assert "Work@memo:2 > Work@effect:1" not in verdicts
    assert "Work@memo:1 > Work@effect:1" in verdicts
    assert "Work@memo:1 > Work@effect:2" not in verdicts


async def pays(run: RunContext, ledger: Any) -> str:
    order = run.data
    order.paid += 42
    ledger.effect("charge", order.number, key=run.idempotency_key)
    return "Ship"


def test_data_is_read_afresh_by_every_run():
    build = building(pays, data=Order)

    assert repeat(build, level=4, data=Order("order-1")).passed


def test_data_that_differs_after_a_repetition_is_found():
    async def adds_up(run: RunContext, disk: Path) -> str:
        total = disk / "total"
        before = int(total.read_text()) if total.exists() else 0
        total.write_text(str(before + 42))
        run.data.paid = before + 42
        return "Ship"

    text = failure(building(adds_up, data=Order), data=Order("order-1"))

    assert text.startswith(
        "the task of Charge is not idempotent: the data there was observed as "
        "Order(number='order-1', paid=84), Order(number='order-1', paid=42) in the "
        "undisturbed run\n"
    )


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_data_at_an_exit_is_compared_too(store):
    async def adds_up(run: RunContext, disk: Path) -> str:
        run.data.paid = 42 if (disk / "seen").exists() else 0
        (disk / "seen").touch()
        return "Done"

    build = building(adds_up, data=Order)
    text = failure(build, level=1, data=Order("order-1"), store=store)

    assert "the data there was observed as Order(number='order-1', paid=42)" in text


def test_another_next_state_is_found():
    async def goes_elsewhere(disk: Path) -> Literal["Ship", "Done"]:
        if (disk / "seen").exists():
            return "Done"
        (disk / "seen").touch()
        return "Ship"

    text = failure(building(goes_elsewhere))

    assert "DIVERGED  the run ended at Done, did not end in the undisturbed run" in text
    assert "the next state was observed as 'Done', 'Ship' in the undisturbed" in text


def test_what_is_observed_is_compared():
    async def looks(world: WorldView, disk: Path) -> str:
        world.observe("seen", (disk / "seen").exists())
        (disk / "seen").touch()
        return "Ship"

    assert "seen in Charge was observed as True, False in" in failure(building(looks))


def probing(build: Any) -> Any:
    def probed(world: WorldView) -> Workflow:
        world.probe("files", world.disk)
        return build(world)

    return probed


def test_what_is_probed_is_compared():
    async def leaves(disk: Path, run: RunContext) -> str:
        (disk / f"try {run.resumes}").touch()
        return "Ship"

    assert repeat(building(leaves)).passed
    text = failure(probing(building(leaves)))
    assert "files: try 1 is there (a file of 0 bytes" in text


@pytest.mark.parametrize("forgetful", [False, True])
def test_it_is_probed_after_the_late_duplicate(forgetful):
    stores: dict[Path, ForgetfulStore] = {}

    def open_store(disk: Path) -> ForgetfulStore:
        return stores.setdefault(disk, ForgetfulStore())

    async def puts(disk: Path) -> str:
        (disk / "parcel").touch()
        return "Ship"

    async def takes(disk: Path) -> str:
        (disk / "parcel").unlink(missing_ok=True)
        return "Done"

    options = {"store": open_store} if forgetful else {}
    build = probing(building(puts, then=takes))

    assert repeat(build, level=3, **options).passed
    text = failure(build, level=4, **options)
    assert "DIVERGED  files: parcel is there (a file of 0 bytes" in text


def test_a_task_that_fails_when_it_is_repeated_is_found():
    async def insists(disk: Path) -> str:
        (disk / "seen").mkdir()
        return "Ship"

    text = failure(building(insists))

    assert text.startswith("the task of Charge is not idempotent: the program failed")
    assert "FileExistsError" in text


def test_states_after_the_task_do_not_run():
    async def never(ledger: Any) -> str:
        raise AssertionError("this is not to run")

    assert repeat(building(then=never), level=3).passed


def test_at_level_4_the_next_one_does():
    async def fails() -> str:
        raise LookupError("no parcel")

    with pytest.raises(Exception, match="no parcel") as raised:
        repeat(building(then=fails), level=4)

    assert raised.value.__notes__[-1] == (
        "at level 4 the state that follows Charge runs, too; this is how it went "
        "undisturbed"
    )


class Step(Enum):
    START = auto()
    PICK = auto()
    PACK = auto()
    END = auto()


def routed(world: WorldView) -> Workflow:
    async def start(ledger: Any, run: RunContext) -> Literal[Step.PICK]:
        ledger.effect("start", key=run.idempotency_key)
        return Step.PICK

    async def pick() -> Literal[Step.START, Step.PACK]:
        return Step.PACK

    async def pack(ledger: Any) -> Literal[Step.END]:
        ledger.effect("pack")
        return Step.END

    workflow = Workflow(
        checkpoint_store=world.store, resources={"ledger": world.ledger}
    )
    workflow.register(Step.START, start, config=ONCE)
    workflow.register_router(Step.PICK, pick, config=ONCE)
    workflow.register(Step.PACK, pack, config=ONCE)
    return workflow.add_exit_state(Step.END)


def test_a_run_may_begin_before_the_task():
    assert repeat(routed, Step.START, level=3).passed
    text = failure(routed, Step.PACK, start=Step.START)

    assert "PACK is not idempotent: pack() happened 2 times" in text
    assert "  life 1   START > PICK > PACK  crashed at end" in text
    assert text.endswith("(routed, Step.PACK, level=2, start=Step.START)")


def test_a_state_may_be_named_by_its_label():
    assert "pack() happened 2 times" in failure(routed, "PACK", start="START")


def test_a_router_counts_with_the_state_that_it_leads_to():
    assert "pack() happened 2 times, 1" in failure(routed, Step.PACK)
    assert "Charge" not in failure(routed, Step.PACK)
    verdicts = repeat(routed, Step.PICK, level=4, ignore_effects=("pack",)).verdicts
    assert "PICK@end" in verdicts


def test_a_join_is_reached_through_its_split():
    def build(world: WorldView) -> Workflow:
        async def join(result: SplitResult, ledger: Any, run: RunContext) -> str:
            ledger.effect("join", sum(result.values), key=run.idempotency_key)
            return "Done"

        workflow = Workflow(
            checkpoint_store=world.store, resources={"ledger": world.ledger}
        ).add_exit_state("Done")
        strategy = JoinConfig(JoinStrategy.ALL, "Join")
        branches = [branching(keyed=True), branching(keyed=True)]
        workflow.register_split("Fan", branches, strategy, config=ONCE)
        return workflow.register("Join", join, config=ONCE)

    assert repeat(build, "Join", level=4, start="Fan").passed
    with pytest.raises(Exception, match="was not entered from a split"):
        repeat(build, "Join")


def test_a_loop_is_left_before_its_second_visit():
    async def again(ledger: Any, run: RunContext) -> Literal["Charge", "Ship"]:
        ledger.effect("charge", run.visit, key=run.idempotency_key)
        return "Ship" if run.visit > 1 else "Charge"

    repetitions = repeat(building(again), level=2)

    assert set(repetitions.verdicts) == {
        "Charge@start",
        "Charge@effect:1",
        "Charge@end",
    }


def test_a_task_that_is_retried_is_one_run():
    async def flaky(ledger: Any, disk: Path, run: RunContext) -> str:
        ledger.effect("charge", 42, key=run.idempotency_key)
        if run.attempt == 1:
            raise ConnectionError
        return "Ship"

    def build(world: WorldView) -> Workflow:
        workflow = Workflow(
            checkpoint_store=world.store,
            resources={"ledger": world.ledger, "disk": world.disk},
        ).add_exit_state("Ship")
        return workflow.register("Charge", flaky, config=THRICE)

    assert repeat(build, level=4).passed


def test_a_store_that_forgets_will_do():
    stores: dict[Path, ForgetfulStore] = {}

    def open_store(disk: Path) -> ForgetfulStore:
        return stores.setdefault(disk, ForgetfulStore())

    assert repeat(building(), level=4, store=open_store).passed
    assert repeat(building(), "Ship", level=4, store=open_store).passed


def test_a_plain_function_is_a_task_too():
    def blocking(ledger: Any, run: RunContext) -> str:
        ledger.effect("charge", 42, key=run.idempotency_key)
        return "Ship"

    assert repeat(building(blocking), level=4).passed


def test_what_builds_may_be_async_and_be_called_in_a_loop():
    async def build(world: WorldView) -> Workflow:
        await asyncio.sleep(0)
        return building(charge)(world)

    async def main() -> bool:
        return repeat(build, level=4).passed

    assert asyncio.run(main())
