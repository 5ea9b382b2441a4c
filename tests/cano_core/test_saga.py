"""Tasks that can be undone, and when and how they are."""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pydantic
import pytest

from cano_core import (
    CompensationFailedError,
    ConfigurationError,
    MemoryCheckpointStore,
    RecordingObserver,
    Retry,
    RetryExhaustedError,
    RolledBackError,
    RunContext,
    RunPhase,
    TaskConfig,
    TaskFailedError,
    Workflow,
)
from sagas import ONCE, Journal, resume, saga, start, written
from scripted_store import ScriptedStore

AGAIN = TaskConfig(retry=Retry.fixed(2, 0))


def undone_after(
    task: Any, compensate: Any = None, store: Any = None, **options: Any
) -> TaskFailedError:
    """Let one task succeed, fail after it, and return what came out."""

    async def fail() -> str:
        raise ValueError("no")

    workflow = Workflow(checkpoint_store=store, **options).add_exit_state("Done")
    workflow.register_with_compensation("A", task, compensate=compensate, config=ONCE)
    workflow.register("B", fail, config=ONCE)
    with pytest.raises(TaskFailedError) as caught:
        start(workflow)
    assert caught.value.state == "B"
    return caught.value


# What is undone, and in which order


def test_u11_what_was_done_is_undone_the_last_one_first() -> None:
    journal = Journal(D=[ValueError("no")])
    with pytest.raises(TaskFailedError) as caught:
        start(saga(journal, states="ABCD", plain="D"))

    assert journal.did == ["A", "B", "C", "D", "undo C1", "undo B1", "undo A1"]
    assert caught.value.state == "D"
    assert caught.value.path == ("A", "B", "C", "D")
    assert isinstance(caught.value.__cause__, ValueError)


def test_u12_only_what_can_be_undone_is() -> None:
    journal = Journal(E=[ValueError("no")])
    with pytest.raises(TaskFailedError):
        start(saga(journal, states="ABCDE", plain="BDE"))

    assert journal.undone == ["C1", "A1"]


def test_u36_a_deep_stack_is_undone_in_reverse() -> None:
    states = "".join(map(chr, range(0x100, 0x100 + 60)))
    journal = Journal(**{states[-1]: [ValueError("no")]})
    with pytest.raises(TaskFailedError):
        start(saga(journal, states=states, plain=""), states[0])

    assert journal.undone == [f"{label}1" for label in reversed(states[:-1])]


@pytest.mark.parametrize("failing", "ABCDE")
def test_u37_whatever_fails_exactly_the_completed_prefix_is_undone(
    failing: str,
) -> None:
    journal = Journal(**{failing: [ValueError("no")]})
    with pytest.raises(TaskFailedError):
        start(saga(journal, MemoryCheckpointStore(), states="ABCDE", plain=""))

    done = "ABCDE"[: "ABCDE".index(failing)]
    assert journal.undone == [f"{label}1" for label in reversed(done)]


def test_a_loop_is_undone_visit_by_visit() -> None:
    undone = []

    async def book(run: RunContext) -> tuple[str, int]:
        if run.visit == 3:
            raise ValueError("no")
        return "A", run.visit

    async def cancel(seat: int, run: RunContext) -> None:
        undone.append((seat, run.visit, run.label))

    workflow = Workflow().add_exit_state("Done")
    workflow.register_with_compensation("A", book, compensate=cancel, config=ONCE)
    with pytest.raises(TaskFailedError):
        start(workflow)

    assert undone == [(2, 2, "A"), (1, 1, "A")]


def test_a_run_that_finishes_undoes_nothing() -> None:
    journal = Journal()
    assert start(saga(journal, MemoryCheckpointStore())) == "Done"
    assert journal.did == ["A", "B", "C"]


def test_u35_where_nothing_was_done_the_run_stays_interrupted() -> None:
    """H13: and goes on, once what was wrong is mended."""
    store = MemoryCheckpointStore()
    journal = Journal(A=[ValueError("no")])
    with pytest.raises(TaskFailedError, match=r"resume_from\('r'\) runs this state"):
        start(saga(journal, store))

    assert written(store) == ["A"]
    assert resume(saga(journal, store)) == "Done"
    assert journal.did == ["A", "A", "B", "C"]


def test_the_run_is_rolled_back_and_nothing_runs_under_its_id_again() -> None:
    store = MemoryCheckpointStore()
    journal = Journal(C=[ValueError("no")])
    workflow = saga(journal, store)
    with pytest.raises(TaskFailedError) as failed:
        start(workflow)
    assert "resume_from" not in str(failed.value)
    status = asyncio.run(workflow.status("r"))
    assert (status.phase, status.state) == (RunPhase.ROLLED_BACK, "C")
    before = list(journal.did)
    with pytest.raises(RolledBackError, match=r"'C' failed with ValueError: no") as end:
        resume(workflow)

    assert end.value.failure.path == ("A", "B", "C")
    assert journal.did == before


def test_s1_many_sagas_at_once_each_net_to_zero_or_are_complete() -> None:
    """40 runs of one workflow and one store; each fails at a step of its own."""
    balance: Counter[str] = Counter()

    def charge(step: int, following: str) -> Any:
        async def task(run: RunContext) -> tuple[str, int]:
            await asyncio.sleep(0)
            if int(run.workflow_id) % 4 == step:
                raise ValueError("declined")
            balance[run.workflow_id] += step + 1
            return following, step + 1

        async def refund(amount: int, run: RunContext) -> None:
            await asyncio.sleep(0)
            balance[run.workflow_id] -= amount
            assert balance[run.workflow_id] >= 0

        return task, refund

    workflow = Workflow(checkpoint_store=MemoryCheckpointStore())
    for step, (label, following) in enumerate(itertools.pairwise("ABCD")):
        task, refund = charge(step, following)
        workflow.register_with_compensation(label, task, compensate=refund, config=ONCE)
    workflow.add_exit_state("D")

    async def main() -> list[Any]:
        ids = random.Random(1).sample(range(40), 40)
        runs = [workflow.orchestrate("A", workflow_id=str(n)) for n in ids]
        ended = await asyncio.gather(*runs, return_exceptions=True)
        return [end for _, end in sorted(zip(ids, ended, strict=True))]

    for number, ended in enumerate(asyncio.run(main())):
        if number % 4 == 3:
            assert (ended, balance[str(number)]) == ("D", 6)
        else:
            assert isinstance(ended, TaskFailedError)
            assert balance[str(number)] == 0


# The two forms, and what the compensation is given


class Booking:
    """One object that does and undoes."""

    name = "booking"

    def __init__(self) -> None:
        self.undone: list[object] = []

    async def run(self) -> tuple[Literal["B"], int]:
        return "B", 7

    async def compensate(self, seat: int, hotel: str, run: RunContext) -> None:
        self.undone.append((seat, hotel, run.state, run.attempt))


def test_an_object_does_and_undoes() -> None:
    booking = Booking()
    undone_after(booking, resources={"hotel": "Ritz"})
    assert booking.undone == [(7, "Ritz", "A", 1)]


def test_a_function_may_undo_what_an_object_did() -> None:
    undone = []

    async def other(whatever: int) -> None:
        undone.append(whatever)

    booking = Booking()
    undone_after(booking, other)
    assert (booking.undone, undone) == ([], [7])


def test_sync_functions_do_and_undo_in_a_thread() -> None:
    undone = []
    undone_after(lambda: ("B", 7), lambda output: undone.append(output))
    assert undone == [7]


def test_h10_states_with_one_task_or_name_have_compensators_of_their_own() -> None:
    undone: list[str] = []

    async def pay(run: RunContext) -> tuple[str, str]:
        return {"A": "B", "B": "C"}[run.label], f"of {run.label}"

    def undoing(who: str) -> Any:
        async def undo(output: str) -> None:
            undone.append(f"{who} undoes {output}")

        return undo

    async def fail() -> str:
        raise ValueError("no")

    workflow = Workflow().add_exit_state("Done").register("C", fail, config=ONCE)
    for label in "AB":
        workflow.register_with_compensation(label, pay, compensate=undoing(label))
    with pytest.raises(TaskFailedError):
        start(workflow)

    assert undone == ["B undoes of B", "A undoes of A"]


def test_u17_a_compensatable_state_can_not_be_registered_over() -> None:
    """No stale compensator, for no state is ever replaced."""
    workflow = saga(Journal())
    with pytest.raises(ConfigurationError, match="'A'"):
        workflow.register("A", Booking())


@pytest.mark.parametrize(
    ("task", "compensate", "problem"),
    [
        (lambda: ("B", 1), None, "can't be undone: give compensate="),
        (Booking(), 3, "can't be undone"),
        (3, lambda output: None, "is no task"),
    ],
    ids=["no compensation", "no function", "no task"],
)
def test_what_can_not_be_undone_is_refused_at_once(
    task: Any, compensate: Any, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        Workflow().register_with_compensation("A", task, compensate=compensate)


@pytest.mark.parametrize(
    ("compensate", "problem"),
    [
        (lambda: None, "is handed 1 value"),
        (lambda output, hotel: None, "nothing fills its parameter 'hotel'"),
    ],
)
def test_a_compensation_that_can_not_be_called_is_found_by_validate(
    compensate: Callable[..., Any], problem: str
) -> None:
    workflow = Workflow().add_exit_state("B")
    workflow.register_with_compensation("A", lambda: ("B", 1), compensate=compensate)
    with pytest.raises(ConfigurationError, match=problem):
        workflow.validate()


# The output's type


@dataclass
class Receipt:
    number: int
    tags: frozenset[str] = frozenset({"paid"})


class Invoice(pydantic.BaseModel):
    number: int


def giving(output: object) -> Callable[[], Any]:
    async def task() -> tuple[str, Any]:
        return "B", output

    return task


async def declared_dataclass(output: Receipt, seen: list[Any]) -> None:
    seen.append(output)


async def declared_optional(output: Receipt | None, seen: list[Any]) -> None:
    seen.append(output)


async def declared_model(output: Invoice, seen: list[Any]) -> None:
    seen.append(output)


async def declared_optional_model(output: Invoice | None, seen: list[Any]) -> None:
    seen.append(output)


async def undeclared(output, seen: list[Any]) -> None:  # type: ignore[no-untyped-def]
    seen.append(output)


async def declared_object(output: object, seen: list[Any]) -> None:
    seen.append(output)


@pytest.mark.parametrize(
    ("compensate", "output"),
    [
        (declared_dataclass, Receipt(7)),
        (declared_optional, Receipt(7)),
        (declared_optional, None),
        (declared_model, Invoice(number=7)),
        (declared_optional_model, Invoice(number=7)),
        (declared_optional_model, None),
        (undeclared, {"number": [7, None, 1.5]}),
        (undeclared, None),
        (undeclared, b""),
        (undeclared, ""),
        (declared_object, 7),
    ],
)
@pytest.mark.parametrize("durable", [False, True])
def test_the_output_comes_back_as_what_it_was(
    compensate: Any, output: object, durable: bool
) -> None:
    seen: list[Any] = []
    store = MemoryCheckpointStore() if durable else None
    undone_after(giving(output), compensate, store, resources={"seen": seen})

    assert seen == [output]
    assert type(seen[0]) is type(output)


def test_the_tasks_own_annotation_may_declare_the_output() -> None:
    seen: list[Any] = []

    async def task() -> tuple[Literal["B"], Receipt]:
        return "B", Receipt(7)

    undone_after(task, undeclared, resources={"seen": seen})
    assert seen == [Receipt(7)]


def test_an_output_that_nobody_could_write_is_found_by_validate() -> None:
    async def undo(output: "asyncio.Queue[int]") -> None:
        pass

    workflow = Workflow().add_exit_state("B")
    workflow.register_with_compensation("A", giving(1), compensate=undo)
    with pytest.raises(ConfigurationError, match=r"task 'task': its output: .*Queue"):
        workflow.validate()


@pytest.mark.parametrize("result", ["B", ("B",), ("B", 1, 2), ["B", 1], None])
def test_u57_a_task_that_returns_no_pair_is_a_mistake_of_the_program(
    result: object,
) -> None:
    store = MemoryCheckpointStore()

    async def task() -> Any:
        return result

    workflow = Workflow(checkpoint_store=store).add_exit_state("B")
    workflow.register_with_compensation("A", task, compensate=lambda output: None)
    with pytest.raises(ConfigurationError, match=r"where \(state, output") as caught:
        start(workflow)

    assert "run 'r'" in str(caught.value)
    assert "state 'A'" in str(caught.value)
    assert written(store) == ["A"]


def test_the_task_declares_its_transitions_in_the_first_of_the_pair() -> None:
    workflow = Workflow().add_exit_states("B", "C")
    workflow.register_with_compensation("A", Booking(), compensate=lambda output: None)

    assert workflow.graph.transitions == {"A": {"B"}}
    assert workflow.graph.kinds == {"A": "compensatable"}


# Attempts and limits of a compensation


def test_a_compensation_is_tried_again_as_its_task_is() -> None:
    journal = Journal(C=[ValueError("no")] * 3, undo_B=[OSError("busy")] * 2)
    watcher = RecordingObserver()
    with pytest.raises(RetryExhaustedError):
        start(saga(journal, config=AGAIN, observers=[watcher]))

    assert journal.undone == ["B1", "B1", "B1", "A1"]
    assert watcher.compensated == ["B", "A"]
    assert watcher.of("on_compensation_failure") == []


def test_u23_a_compensation_that_hangs_is_cut_off_and_the_rest_undone() -> None:
    """U49: it began, and never came to its end."""
    undone = []

    async def hang(output: int) -> None:
        undone.append("B begins")
        await asyncio.Event().wait()

    async def undo(output: int) -> None:
        undone.append("A")

    async def fail() -> str:
        raise ValueError("no")

    workflow = Workflow().add_exit_state("Done").register("C", fail, config=ONCE)
    limited = TaskConfig(retry=Retry.none(), attempt_timeout=0.01)
    for label, following, compensate in [("A", "B", undo), ("B", "C", hang)]:
        workflow.register_with_compensation(
            label,
            lambda following=following: (following, 1),
            compensate=compensate,
            config=limited,
        )
    with pytest.raises(CompensationFailedError) as caught:
        start(workflow)

    assert undone == ["B begins", "A"]
    (left,) = caught.value.remaining
    assert (left.state, left.output) == ("B", 1)
    assert isinstance(left.error, TimeoutError)


def hanging_saga(store: Any = None, **options: Any) -> Workflow:
    """A > B > C > D, where D fails, and undoing C hangs; B can be undone at once."""

    async def hang(output: str) -> None:
        await asyncio.Event().wait()

    async def fail() -> str:
        raise ValueError("no")

    async def task(run: RunContext) -> tuple[str, str]:
        return chr(ord(run.label) + 1), f"{run.label}{run.visit}"

    workflow = Workflow(checkpoint_store=store, **options).add_exit_state("Done")
    workflow.register("D", fail, config=ONCE)
    for label, undo in [("A", undone), ("B", undone), ("C", hang)]:
        workflow.register_with_compensation(label, task, compensate=undo)
    return workflow


async def undone(output: str) -> None:
    pass


def test_u24_the_whole_rollback_has_a_time_limit() -> None:
    """U26: what is left when it is over is listed with its output, and not tried."""
    store = MemoryCheckpointStore()
    watcher = RecordingObserver()
    workflow = hanging_saga(store, compensation_timeout=0.01, observers=[watcher])
    began = time.monotonic()
    with pytest.raises(CompensationFailedError) as caught:
        start(workflow)

    assert time.monotonic() - began < 1
    left = caught.value.remaining
    assert [(each.state, each.output) for each in left] == [
        ("C", "C1"),
        ("B", "B1"),
        ("A", "A1"),
    ]
    assert isinstance(left[0].error, TimeoutError)
    assert "compensation_timeout of 0.01 seconds" in str(left[0].error)
    assert [each.error for each in left[1:]] == [None, None]
    assert caught.value.errors == (left[0].error,)
    assert str(caught.value).count(": not tried") == 2
    assert watcher.compensated == []
    assert written(store)[-1] == "D failed"


def test_u25_the_limit_is_there_for_every_cause_of_a_rollback() -> None:
    """Also for one that comes before a task: the total timeout between two states."""
    began = time.monotonic()

    def last() -> str:
        time.sleep(0.02)
        return "D"

    workflow = hanging_saga(compensation_timeout=0.01, total_timeout=0.02)
    workflow.register("Last", last)

    async def first() -> tuple[str, str]:
        return "Last", "F1"

    async def hang(output: str) -> None:
        await asyncio.Event().wait()

    workflow.register_with_compensation("First", first, compensate=hang)
    with pytest.raises(CompensationFailedError) as caught:
        start(workflow, "First")

    assert time.monotonic() - began < 1
    assert caught.value.failure.error == "WorkflowTimeoutError"


# Compensations that fail


def test_u13_every_compensation_is_tried_although_one_fails() -> None:
    journal = Journal(D=[ValueError("no")], undo_B=[OSError("busy")])
    watcher = RecordingObserver()
    with pytest.raises(CompensationFailedError) as caught:
        start(saga(journal, states="ABCD", plain="D", observers=[watcher]))

    assert journal.undone == ["C1", "B1", "A1"]
    error = caught.value
    (left,) = error.remaining
    assert (left.state, left.sequence, left.output) == ("B", None, "B1")
    assert str(left.error) == "busy"
    assert error.errors == (left.error,)
    assert watcher.compensated == ["C", "A"]
    assert watcher.of("on_rollback_end") == [("r", False)]
    # Without a log nobody can try it again.
    assert "resume_from" not in str(error)


def test_u14_the_failure_that_began_it_is_kept_with_its_state_and_path() -> None:
    journal = Journal(C=[ValueError("no")], undo_A=[OSError("busy")])
    with pytest.raises(CompensationFailedError) as caught:
        start(saga(journal, MemoryCheckpointStore()))

    error = caught.value
    assert isinstance(error.__cause__, TaskFailedError)
    assert isinstance(error.__cause__.__cause__, ValueError)
    assert (error.failure.state, error.failure.error) == ("C", "ValueError")
    assert (error.failure.message, error.failure.path) == ("no", ("A", "B", "C"))
    text = str(error)
    assert "run 'r' failed in state 'C' (ValueError: no)" in text
    assert "state 'A', entered in row 0, output 'A1': OSError: busy" in text
    assert text.endswith("resume_from('r') tries it again")


def test_u22_a_compensation_may_raise_anything_that_is_an_exception() -> None:
    """U56: an aggregate of errors among it; the list stays flat."""
    many = ExceptionGroup("many", [OSError("1"), OSError("2")])
    errors = [AssertionError("bug"), many, CompensationFailedError]
    inner = CompensationFailedError.__new__(CompensationFailedError, "inner")
    journal = Journal(D=[ValueError("no")], undo_C=[errors[0]], undo_B=[many])
    journal.fails["undo A"] = [inner]
    with pytest.raises(CompensationFailedError) as caught:
        start(saga(journal, states="ABCD", plain="D"))

    assert caught.value.errors == (errors[0], many, inner)


def test_u51_an_effect_of_a_task_that_fails_after_it_is_the_tasks_own_affair() -> None:
    journal = Journal(B=[ValueError("after the effect")])
    with pytest.raises(TaskFailedError):
        start(saga(journal, states="AB", plain=""))
    assert journal.undone == ["A1"]


def test_a_crash_within_a_compensation_leaves_the_rest_to_a_resume() -> None:
    store = MemoryCheckpointStore()
    journal = Journal(C=[ValueError("no")], undo_B=[KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        start(saga(journal, store))

    assert journal.undone == ["B1"]
    assert written(store)[-1] == "C failed"
    with pytest.raises(RolledBackError):
        resume(saga(journal, store))
    assert journal.undone == ["B1", "B1", "A1"]


# What a compensation can do


def test_a_compensation_has_a_key_of_its_own_that_stays_the_same() -> None:
    keys = []

    async def task(run: RunContext) -> tuple[str, str]:
        return "B", run.idempotency_key

    async def undo(output: str, run: RunContext) -> None:
        keys.append((output, run.idempotency_key))
        if len(keys) < 3:
            raise OSError("busy")

    async def fail() -> str:
        raise ValueError("no")

    def workflow() -> Workflow:
        return (
            Workflow(checkpoint_store=store)
            .register_with_compensation("A", task, compensate=undo, config=ONCE)
            .register("B", fail, config=ONCE)
            .add_exit_state("Done")
        )

    store = MemoryCheckpointStore()
    for attempt in (start, resume):
        with pytest.raises(CompensationFailedError):
            attempt(workflow())
    with pytest.raises(RolledBackError):
        resume(workflow())

    assert keys == [("r/A/1", "r/A/1/undo/0")] * 3


def test_a_compensation_is_given_the_runs_data_and_can_not_change_it() -> None:
    seen = []

    async def task(run: RunContext) -> tuple[str, None]:
        run.data["n"] += 1
        return {"A": "B", "B": "C"}[run.label], None

    async def undo(output: None, run: RunContext) -> None:
        seen.append(dict(run.data))
        run.data["n"] = 100

    async def fail(run: RunContext) -> str:
        run.data["n"] = 50
        raise ValueError("no")

    workflow = Workflow(data=dict[str, int]).add_exit_state("Done")
    for label in "AB":
        workflow.register_with_compensation(label, task, compensate=undo)
    workflow.register("C", fail, config=ONCE)
    with pytest.raises(TaskFailedError):
        start(workflow, data={"n": 0})

    assert seen == [{"n": 2}, {"n": 2}]


def test_a_result_that_a_compensation_can_not_keep_is_its_failure() -> None:
    """The others are undone all the same, those before it and those after it."""
    journal = Journal(C=[ValueError("no")])
    workflow = saga(journal, ScriptedStore(), states="AC")

    async def undo(output: int, run: RunContext) -> None:
        await run.once("refund", object)

    async def undo_first(output: str, run: RunContext) -> None:
        await run.once("refund", journal.step, f"undo {output}")

    workflow.register_with_compensation("X", lambda: ("A", 1), compensate=undo)
    workflow.register_with_compensation(
        "First", lambda: ("X", "F1"), compensate=undo_first
    )
    with pytest.raises(CompensationFailedError) as caught:
        start(workflow, "First")

    assert journal.undone == ["A1", "F1"]
    (left,) = caught.value.remaining
    assert (left.state, type(left.error)) == ("X", ConfigurationError)
