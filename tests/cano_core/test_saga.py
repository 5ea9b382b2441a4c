"""Tasks that can be undone, and when and how they are."""

import asyncio
import itertools
import random
import time
from collections import Counter
from typing import Any

import pytest

from cano_core import (
    CompensationFailedError,
    ConfigurationError,
    MemoryCheckpointStore,
    PollTask,
    Ready,
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
from wall_clock import Wall

AGAIN = TaskConfig(retry=Retry.fixed(2, 0))


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


# Attempts and limits of a compensation


def test_a_compensation_is_tried_again_as_its_task_is() -> None:
    journal = Journal(C=[ValueError("no")] * 3, undo_B=[OSError("busy")] * 2)
    watcher = RecordingObserver()
    with pytest.raises(RetryExhaustedError):
        start(saga(journal, config=AGAIN, observers=[watcher]))

    assert journal.undone == ["B1", "B1", "B1", "A1"]
    assert watcher.compensated == ["B", "A"]
    assert watcher.of("on_compensation_failure") == []


def test_a_compensation_that_fails_every_time_is_listed_with_its_last_failure() -> None:
    errors = [OSError("1st"), OSError("2nd"), OSError("3rd")]
    journal = Journal(C=[ValueError("no")] * 3, undo_B=errors)
    with pytest.raises(CompensationFailedError) as caught:
        start(saga(journal, config=AGAIN))
    assert caught.value.errors == (errors[-1],)


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
    assert "TimeoutError: the attempt_timeout of 0.01 seconds is over" in str(
        caught.value
    )


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
    assert watcher.of("on_compensation_failure") == [("r", "C", left[0].error)]
    assert written(store)[-1] == "D failed"


def test_u25_the_limit_is_there_for_every_cause_of_a_rollback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also for one that comes before a task: the total timeout between two states."""
    wall = Wall()
    monkeypatch.setattr("cano_core.interruption.time", wall)
    began = time.monotonic()

    def last() -> str:
        wall.now += 10.5
        return "D"

    workflow = hanging_saga(compensation_timeout=0.01, total_timeout=10)
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


def test_a_failure_says_whether_what_was_done_is_undone() -> None:
    async def reserve() -> tuple[str, int]:
        return "Pay", 5

    async def release(amount: int) -> None:
        pass

    async def pay() -> str:
        raise OSError("no money")

    def workflow() -> Workflow:
        made = Workflow(checkpoint_store=MemoryCheckpointStore())
        made.register_with_compensation("Reserve", reserve, compensate=release)
        made.register("Pay", pay, config=TaskConfig.minimal())
        return made.add_exit_state("Done")

    with pytest.raises(TaskFailedError) as undone:
        asyncio.run(workflow().orchestrate("Reserve", workflow_id="r"))
    with pytest.raises(TaskFailedError) as left:
        asyncio.run(workflow().orchestrate("Pay", workflow_id="r"))
    assert (undone.value.rolled_back, left.value.rolled_back) == (True, False)


def test_a_processing_model_can_not_be_compensated_and_the_error_says_so() -> None:
    class Wait(PollTask):
        async def poll(self) -> Ready[str]:
            return Ready("Done")

    with pytest.raises(ConfigurationError, match="is a PollTask, which can't be"):
        Workflow().register_with_compensation("A", Wait(), compensate=print)
