"""Faults that a life survives: failures of tasks and of stores."""

import asyncio
import contextlib
from typing import Any

import pytest

from cano_core import (
    CheckpointStoreError,
    MemoryCheckpointStore,
    RolledBackError,
    RunContext,
    SQLiteCheckpointStore,
    TaskFailedError,
    Workflow,
)
from programs import ONCE, THRICE, ForgetfulStore, charging, processing, shop, sound
from pytest_cano.report.text import failure_text
from pytest_cano.story import Trial
from pytest_cano.view import WorldView
from saga_programs import planted, saga

STORES = {
    "memory": lambda world: world.keep("store", MemoryCheckpointStore),
    "sqlite": lambda world: SQLiteCheckpointStore(world.disk / "runs.db"),
    "forgetful": lambda world: world.keep("store", ForgetfulStore),
}


def told(trial: Trial) -> tuple[str, list[str]]:
    """The verdict, and how each life ended."""
    return trial.verdict.value, [life.ended for life in trial.story.lives]


# Failures of tasks


@pytest.mark.parametrize("point", ["start", "effect:1", "end"])
def test_a_failure_that_is_retried_is_survived_in_the_same_life(search, point):
    made = search(processing(keyed, config=THRICE))

    # The life that has survived it, and the start of the finished program.
    assert told(made.run(f"Process@{point}=fail")) == ("PASS", ["returned"] * 2)


def keyed(world: WorldView) -> Any:
    async def charge(run: RunContext) -> str:
        world.ledger.effect("charge", 42, key=run.idempotency_key)
        return "Done"

    return charge


@pytest.mark.parametrize("point", ["start", "effect:1", "end"])
def test_a_failure_that_interrupts_the_run_is_resumed(search, point):
    trial = search(processing(keyed)).run(f"Process@{point}=fail")

    assert told(trial) == ("PASS", ["failed", "returned", "returned"])
    assert f"planned: Process@{point}=fail" in trial.story.lives[0].failure


def test_a_failure_can_be_planned_as_often_as_it_is_tried(search):
    made = search(processing(keyed, config=THRICE))

    def times(number: int) -> tuple[str, list[str]]:
        return told(made.run(" + ".join(["Process@end=fail"] * number)))

    assert times(2) == ("PASS", ["returned"] * 2)
    assert times(3) == ("PASS", ["failed", "returned", "returned"])
    # The third attempt is the last one.
    assert times(4) == ("NOT_FIRED", ["failed"])


def test_what_a_retry_repeats_must_be_harmless(search):
    made = search(processing(charging, config=THRICE), crash="all=fail")

    assert made.found() == {
        "Start@start=fail": "PASS",
        "Start@end=fail": "PASS",
        "Process@start=fail": "PASS",
        "Process@effect:1=fail": "DUPLICATED",
        "Process@end=fail": "DUPLICATED",
    }


async def forward(world: WorldView) -> object:
    """A saga that is to succeed, and whose program expects nothing else."""
    from saga_programs import Saga

    flow = Saga(world)
    flow.refuses = False
    return await flow.start_or_resume()


@pytest.mark.parametrize("program", [planted(refuses=False), forward])
def test_a_failure_that_leads_to_a_rollback_is_no_other_end(search, program):
    found = search(program, crash="all=fail", depth=1).found()

    assert found["Check@start=fail"] == found["Check@end=fail"] == "PASS"
    assert set(found.values()) == {"PASS"}


@pytest.mark.parametrize(
    "crashes", ["Pay@undo", "Pay@undone > Book@undo", "Book@effect:2 > Book@undo"]
)
def test_the_rollback_that_a_failure_leads_to_can_be_crashed(search, crashes):
    trial = search(forward).run(f"Check@end=fail + {crashes}")

    assert trial.verdict == "PASS"
    assert trial.story.runs[1].exit == "Check (rolled back)"
    assert str(trial.story.lives[0].struck[0]) == "Check@end=fail"


async def card_that_expires(world: WorldView) -> None:
    """Pays month by month; the third payment is refused, and all are undone."""

    async def pay(run: RunContext) -> tuple[str, int]:
        if run.visit == 3:
            raise ConnectionError("the card has expired")
        world.ledger.effect("pay", run.visit, key=run.idempotency_key)
        return "Wait", run.visit

    async def refund(month: int, run: RunContext) -> None:
        world.ledger.effect("refund", month, key=run.idempotency_key)

    async def wait() -> str:
        return "Pay"

    workflow = (
        Workflow(checkpoint_store=world.store)
        .register_with_compensation("Pay", pay, compensate=refund, config=ONCE)
        .register("Wait", wait)
        .add_exit_state("Done")
    )
    with contextlib.suppress(RolledBackError, TaskFailedError):
        await workflow.start_or_resume("Pay", workflow_id=world.workflow_id)


def test_a_failure_that_turns_back_earlier_in_a_loop_is_another_end(search):
    made = search(card_that_expires)

    assert made.run("Pay@start=fail").verdict == "PASS"
    assert made.run("Pay@end#2=fail").verdict == "PASS"
    assert made.run("Pay@end#2=fail + Pay@undo").verdict == "PASS"
    assert made.run("Pay@end#3=fail").verdict == "NOT_FIRED"


async def letter_that_comes_back(world: WorldView) -> None:
    """Sends a letter, and fails after that; what was booked before is undone."""

    async def book(run: RunContext) -> tuple[str, int]:
        world.ledger.effect("book", key=run.idempotency_key)
        return "Mail", 1

    async def unbook(seat: int, run: RunContext) -> None:
        world.ledger.effect("unbook", key=run.idempotency_key)

    async def mail(run: RunContext) -> str:
        world.ledger.effect("mail", key=run.idempotency_key)
        raise ConnectionError("it has come back")

    workflow = (
        Workflow(checkpoint_store=world.store)
        .register_with_compensation("Book", book, compensate=unbook, config=ONCE)
        .register("Mail", mail, config=ONCE)
        .add_exit_state("Done")
    )
    with contextlib.suppress(RolledBackError, TaskFailedError):
        await workflow.start_or_resume("Book", workflow_id=world.workflow_id)


def test_a_failure_before_the_one_that_would_have_come_anyway(search):
    assert {*search(letter_that_comes_back, crash="all=fail").found().values()} == {
        "PASS"
    }


def test_what_is_compared_with_the_failure_alone_says_so(search):
    async def refund(self: Any, receipt: str, run: RunContext) -> None:
        self.ledger.effect("refund", receipt)

    trial = search(planted(refuses=False, refund=refund)).run(
        "Check@end=fail + Pay@undone"
    )

    assert trial.verdict == "DUPLICATED"
    assert trial.findings[0].message.endswith("1 with the planned failure alone")
    assert "   failure alone  this run\n" in failure_text(trial, again="")


def test_what_a_rollback_loses_is_seen_beside_the_failure_alone(search):
    async def refund(self: Any, receipt: str, run: RunContext) -> None:
        self.ledger.effect("refund", receipt)

    async def unbook(self: Any, seat: int, run: RunContext) -> None:
        if self.world.life == 1:
            self.ledger.effect("unbook", seat, key=run.idempotency_key)

    made = search(planted(refuses=False, refund=refund, unbook=unbook))

    # The failure alone is undone in one life, as it should be.
    assert made.run("Check@end=fail").verdict == "PASS"
    assert made.run("Check@end=fail + Pay@undone").verdict == "DUPLICATED"
    assert made.run("Check@end=fail + Book@undo").verdict == "LOST"


def test_a_failure_that_the_task_answers_to_is_no_divergence(search):
    async def program(world: WorldView) -> object:
        async def charge(run: RunContext) -> str:
            try:
                world.ledger.effect("charge", 42, key=run.idempotency_key)
            except Exception:
                return "Refused"
            return "Done"

        workflow = (
            Workflow(checkpoint_store=world.store)
            .register("Charge", charge, config=ONCE)
            .add_exit_states("Done", "Refused")
        )
        return await workflow.start_or_resume("Charge", workflow_id="order-1")

    made = search(program)
    trial = made.run("Charge@effect:1=fail")

    assert (trial.verdict, trial.story.runs[1].exit) == ("PASS", "Refused")
    # A crash has no such excuse.
    assert set(made.verdicts().values()) == {"PASS"}


def persistent(*errors: type[Exception]) -> Any:
    """A program that goes on with its run at once, whatever has happened to it."""

    async def program(world: WorldView) -> object:
        workflow = shop(world)
        for _ in range(5):
            try:
                return await workflow.start_or_resume("Start", workflow_id="order-1")
            except errors:
                continue
        raise RuntimeError("five times is enough")

    return program


@pytest.mark.parametrize("kind", ["fail", "error", "ack-lost"])
def test_a_program_may_go_on_with_its_run_in_the_same_life(search, kind):
    program = persistent(TaskFailedError, CheckpointStoreError)
    made = search(program, crash=f"all={kind}")
    trials = made.trials()

    assert {trial.text: trial.verdict.value for trial in trials} == {
        trial.text: "PASS" for trial in trials
    }
    assert all(told(trial)[1] == ["returned"] * 2 for trial in trials)
    assert trials


def test_a_compensation_that_fails_as_planned_comes_last(search):
    found = search(saga(), crash="@undo=fail, @undone=fail", depth=1).found()

    assert found == {
        "Pay@undo=fail": "PASS",
        "Book@undo=fail": "PASS",
        "Pay@undone=fail": "PASS",
        "Book@undone=fail": "PASS",
    }


def test_the_life_that_was_made_to_fail_is_not_its_own_judge(search):
    async def program(world: WorldView) -> None:
        try:
            await shop(world).start_or_resume("Start", workflow_id="order-1")
        except (TaskFailedError, CheckpointStoreError, RolledBackError):
            raise AssertionError("it must not fail") from None

    for crash in ("all=fail", "all=error", "all=error!", "all=ack-lost"):
        assert set(search(program, crash=crash).found().values()) == {"PASS"}


# Failures of stores


@pytest.mark.parametrize("kind", ["error", "error!", "ack-lost"])
@pytest.mark.parametrize("store", STORES)
def test_every_operation_of_a_run_can_fail(search, store, kind):
    made = search(sound, crash=f"all={kind}", store=STORES[store])
    trials = made.trials()
    failed = {
        trial.text.partition("=")[0]: next(
            (each.name, each.durable)
            for each in trial.story.runs[1].operations
            if each.ended == "failed"
        )
        for trial in trials
    }
    done = kind == "ack-lost"
    last = {} if done and store == "forgetful" else {"Done@recorded": ("clear", done)}
    end = (
        {"Process@end": ("append", done), **last}
        if store == "forgetful"
        else {"Process@end": ("finish", done)}
    )

    assert {trial.verdict.value for trial in trials} == {"PASS"}
    assert failed == {
        "Start@enter": ("append", done),
        "Start@end": ("append", done),
        **end,
    }


@pytest.mark.parametrize("kind", ["error", "error!", "ack-lost"])
@pytest.mark.parametrize("point", ["load", "enter"])
def test_what_a_resumed_run_asks_of_its_store_can_fail(search, point, kind):
    trial = search(sound).run(f"Process@end > Process@{point}={kind}")
    failed = [
        each.name
        for each in trial.story.runs[1].operations
        if each.ended == "failed" and each.life == 2
    ]

    assert trial.verdict == "PASS"
    assert [life.ended for life in trial.story.lives[:3]] == [
        "crashed",
        "failed",
        "returned",
    ]
    assert failed[0] == ("append" if point == "enter" else "load_tail")


def test_a_store_that_fails_from_now_on_works_again_in_the_next_life(search):
    program = persistent(CheckpointStoreError)
    made = search(program)
    once, lasting = made.run("Start@end=error"), made.run("Start@end=error!")

    assert told(once) == ("PASS", ["returned", "returned"])
    assert told(lasting) == ("PASS", ["failed", "returned", "returned"])


def test_a_program_that_hides_the_failure_of_its_store_is_found(search):
    async def program(world: WorldView) -> str:
        with contextlib.suppress(CheckpointStoreError):
            await shop(world).start_or_resume("Start", workflow_id="order-1")
        return "thank you"

    found = search(program, crash="all=error").found()

    assert set(found.values()) == {"SWALLOWED"}


def test_two_faults_of_a_store_hit_two_operations(search):
    program = persistent(CheckpointStoreError)
    trial = search(program).run("Process@start=error + Process@effect:1=ack-lost")
    failed = [
        (each.name, each.durable)
        for each in trial.story.runs[1].operations
        if each.ended == "failed"
    ]

    assert trial.verdict == "PASS"
    # The first hits the row after Process; the second what the program tries next.
    assert failed == [("finish", False), ("load_tail", False)]


# What leads to the same operation


def test_of_several_points_before_one_operation_the_last_is_tried(search):
    made = search(sound, crash="all=error, Process@start=ack-lost")

    assert list(made.found()) == [
        "Process@start=ack-lost",
        "Start@enter=error",
        "Start@end=error",
        "Process@end=error",
    ]
    (limit,) = made.plan.limits
    assert limit == (
        "3 of 6 store faults are left out: a later point leads to the same store "
        "operation"
    )


def test_among_the_points_that_are_selected(search):
    made = search(sound, crash="@start=error, Process@effect:1=error")

    assert list(made.found()) == [
        "Process@effect:1=error",
        "Start@start=error",
        "Process@start=error",
    ]


def failing(world: WorldView) -> Any:
    async def refuse() -> str:
        raise OSError("sold out")

    return refuse


async def refused(world: WorldView) -> str:
    workflow = shop(world, process=failing(world))
    try:
        await workflow.start_or_resume("Start", workflow_id="order-1")
    except TaskFailedError:
        return "refused"
    raise RuntimeError("it was to be refused")


def test_a_fault_that_no_operation_follows_has_not_happened(search):
    made = search(refused, crash="all=error")
    trial = made.run("Process@start=error")

    assert "Process@start=error" not in made.found()
    assert made.plan.limits[-1] == (
        "1 of 4 store faults are left out: no store operation follows their points"
    )
    assert trial.verdict == "NOT_FIRED"
    assert trial.findings[0].message == (
        "Process@start=error: no store operation of its run followed in life 1, which "
        "returned"
    )


def test_a_fault_before_the_end_of_its_life_has_not_happened_either(search):
    trial = search(sound).run("Process@start=error + Process@end")

    assert trial.verdict == "NOT_FIRED"


def test_runs_beside_each_other_have_stores_that_fail_apart(search):
    async def program(world: WorldView) -> None:
        async def run(name: str) -> None:
            for _ in range(3):
                try:
                    await shop(world).start_or_resume("Start", workflow_id=name)
                except CheckpointStoreError:
                    continue
                return

        await asyncio.gather(run("a"), run("b"))

    trial = search(program).run("2:Process@start=error")
    failed = {
        number: [each.name for each in run.operations if each.ended == "failed"]
        for number, run in trial.story.runs.items()
    }

    assert trial.verdict == "PASS"
    assert failed == {1: [], 2: ["finish"]}
