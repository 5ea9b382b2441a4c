"""A log is judged on its own, as strictly as the engine reads it, and no stricter."""

import asyncio
import contextlib
import dataclasses
import os
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cano_core import (
    CanoError,
    CheckpointRow,
    Failure,
    Outcome,
    OutcomeStatus,
    RowKind,
    Workflow,
)
from cano_core.extension import manager
from cano_core.failure import encode_failure
from cano_core.graph import Graph
from cano_core.progress import STARTED, Cursor, Memo
from cano_core.replay import check_versions, replay
from model_program import RUN, Program, programs
from model_world import Crash, Data, Life, World
from pytest_cano import LogProblem, check_log
from saga_rows import (
    branch,
    compensated,
    completion,
    cursor,
    rollback,
    started,
)
from small_flow import ENTRY, MEMO, RESUME, Flow, memo, row

EXAMPLES = int(os.environ.get("CANO_MODEL_EXAMPLES", "40"))


def rules(problems: Sequence[LogProblem]) -> list[str]:
    return [problem.rule.value for problem in problems]


async def forward() -> str:
    return "Pay"


async def paid() -> str:
    return "Done"


async def booked() -> tuple[str, int]:
    return "Pick", 7


async def unbooked(output: int) -> None:
    pass


def shop(**options: object) -> Workflow:
    """Book > Pick (a router) > Pay > Done; what leads where is not declared."""
    workflow = Workflow(**options)  # type: ignore[arg-type]
    workflow.register_with_compensation("Book", booked, compensate=unbooked)
    workflow.register_router("Pick", forward)
    workflow.register("Pay", paid)
    return workflow.add_exit_state("Done")


GRAPH = Graph(
    ("Start", "Process"),
    frozenset({"Done"}),
    {"Start": frozenset({"Process"}), "Process": frozenset({"Done"})},
    {"Start": "task", "Process": "task"},
)

SOUND = {
    "nothing": [],
    "begun": [row(0, "Start")],
    "resumed": [row(0, "Start"), row(1, "Start", RESUME), row(2, "Process")],
    "memos": [row(0, "Start"), started(1, "Start", 7.0), memo(2, "Start")],
    "one memo in two visits": [row(0, "A"), memo(1, "A"), row(2, "A"), memo(3, "A")],
    "cursors of a stream": [row(0, "A"), cursor(1, "A", 3), cursor(2, "A", 6)],
    "branches": [row(0, "A"), branch(1, "A", "0"), branch(2, "A", "1")],
    "resumed behind a visit": [
        row(0, "A"),
        completion(1, "A", "B"),
        row(2, "A", RESUME),
        started(3, "A", 7.0),
    ],
    "rolled back": [
        row(0, "A"),
        completion(1, "A", "B"),
        row(2, "B"),
        rollback(3, "B"),
        row(4, "B", RESUME),
        compensated(5, "A", 0),
    ],
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_log_has_no_problem(name: str) -> None:
    assert check_log(SOUND[name]) == ()


BROKEN = {
    "gap": ([row(0, "Start"), row(2, "Process")], 2, "sequence", "row 1 belongs"),
    "begins in its midst": ([row(1, "Start")], 1, "sequence", "row 0 belongs"),
    "begins with a memo": ([memo(0, "Start")], 0, "place", "a visit of no state"),
    "a kind that is none": (
        [row(0, "Start"), row(1, "Start", 99)],  # type: ignore[arg-type]
        1,
        "kind",
        "of kind 99, which this version does not know",
    ),
    "one memo twice": (
        [row(0, "A"), memo(1, "A"), memo(2, "A")],
        2,
        "once",
        "had recorded already",
    ),
    "a memo that is none": (
        [row(0, "A"), row(1, "A", MEMO, b"\xc1")],
        1,
        "payload",
        "row 1 (A MEMO): its payload can't be read",
    ),
    "a moment that is none": (
        [row(0, "A"), row(1, "A", MEMO, Memo(STARTED, b"\xc1").encode())],
        1,
        "payload",
        "its payload can't be read",
    ),
    "a cursor that is none": (
        [row(0, "A"), row(1, "A", RowKind.STEP_CURSOR)],
        1,
        "payload",
        "its payload can't be read",
    ),
    "a branch that is none": (
        [row(0, "A"), row(1, "A", RowKind.BRANCH, b"[]")],
        1,
        "payload",
        "its payload can't be read",
    ),
    "a completion that is none": (
        [row(0, "A"), row(1, "A", RowKind.COMPENSATION_COMPLETION)],
        1,
        "payload",
        "its payload can't be read",
    ),
    "a failure that is none": (
        [row(0, "A"), completion(1, "A", "B"), row(2, "A", RowKind.ROLLBACK)],
        2,
        "payload",
        "its payload can't be read",
    ),
    "another state's failure": (
        [
            row(0, "A"),
            completion(1, "A", "B"),
            dataclasses.replace(rollback(2, "B"), state="A"),
        ],
        2,
        "payload",
        "one of another state, B",
    ),
    "a memo of a visit that is over": (
        [row(0, "A"), completion(1, "A", "B"), memo(2, "A")],
        2,
        "place",
        "stands behind the completion of its visit",
    ),
    "undone twice": (
        [
            row(0, "A"),
            completion(1, "A", "B"),
            rollback(2, "B"),
            compensated(3, "A", 0),
            compensated(4, "A", 0),
        ],
        4,
        "rollback",
        "undone already",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_problem_says_which_row_breaks_which_rule(name: str) -> None:
    log, sequence, rule, said = BROKEN[name]

    (problem,) = check_log(log)

    assert problem.row is not None
    assert problem.row.sequence == sequence
    assert problem.rule == rule
    assert said in problem.message
    assert str(problem) == problem.message


OF_A_WORKFLOW = {
    "transition": (
        [row(0, "Start"), row(1, "Done")],
        "row 1 (Done) follows Start, which leads only to Process",
    ),
    "state": (
        [row(0, "Start"), row(1, "Process"), row(2, "Proces", RESUME)],
        (
            "row 2 (Proces RESUME): the workflow has no state 'Proces' "
            "(Start, Process, Done); did you mean 'Process'?"
        ),
    ),
}


@pytest.mark.parametrize("rule", OF_A_WORKFLOW)
def test_a_graph_is_enough_to_judge_states(rule: str) -> None:
    log, said = OF_A_WORKFLOW[rule]

    problems = {each.rule.value: each.message for each in check_log(log, GRAPH)}

    assert problems[rule] == said
    assert rule not in rules(check_log(log))


def test_what_follows_an_unknown_state_is_not_what_follows_an_exit() -> None:
    log = [row(0, "Start"), row(1, "Gone"), row(2, "Process")]

    assert rules(check_log(log, GRAPH)) == ["state", "transition"]


def test_what_follows_a_gap_is_judged_row_by_row() -> None:
    log = [row(0, "A"), row(2, "A"), memo(3, "B"), row(4, "A", MEMO, b"\xc1")]

    assert rules(check_log(log)) == ["sequence", "payload"]


def test_the_versions_that_the_workflow_accepts_are_accepted() -> None:
    log = [row(0, "Pay", version=n) for n in (1,)]
    log += [row(1, "Pay", RESUME, version=2), row(2, "Done", version=3)]

    problems = check_log(log, shop(version=2, accepts_versions=(1,)))

    assert [str(each) for each in problems] == [
        "row 2 (Done) is of version 3, the workflow accepts 1, 2"
    ]
    assert not check_log(log, shop().graph)


def test_a_completion_says_what_is_next() -> None:
    log = [row(0, "Book"), completion(1, "Book", "Pay"), row(2, "Done")]

    (problem,) = check_log(log, shop())

    assert problem.rule == "transition"
    assert problem.message == (
        "row 2 (Done) follows the completion of Book, which says that Pay is next"
    )


def test_the_next_state_may_be_a_router_which_leaves_no_row() -> None:
    log = [row(0, "Book"), completion(1, "Book", "Pick"), row(2, "Pay")]

    assert check_log(log, shop()) == ()


def test_a_completion_leads_to_a_state_that_there_is() -> None:
    log = [row(0, "Book"), completion(1, "Book", "Pai")]

    (problem,) = check_log(log, shop())

    assert problem.rule == "payload"
    assert "no state 'Pai' (Book, Pick, Pay, Done); did you mean 'Pay'?" in str(problem)


@dataclasses.dataclass
class Order:
    total: int


def encoded(value: object) -> bytes:
    return msgspec.msgpack.encode(value)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ([row(0, "Pay", ENTRY, encoded({"total": 7}))], None),
        ([row(0, "Pay", ENTRY, encoded({"sum": 7}))], "its data can't be read as"),
        ([row(0, "Pay")], "row 0 (Pay) has no data"),
        # Only what a resumed run goes on with has to be of today's type.
        (
            [
                row(0, "Pay", ENTRY, encoded({"sum": 7})),
                row(1, "Pay", ENTRY, encoded({"total": 7})),
            ],
            None,
        ),
        (
            [
                row(0, "Book", ENTRY, encoded({"total": 7})),
                completion(1, "Book", "Pay", 7, encoded({"sum": 7})),
            ],
            "row 1 (Book COMPENSATION_COMPLETION): its data",
        ),
        (
            [
                row(0, "Pay", ENTRY, encoded({"total": 7})),
                row(
                    1,
                    "Pay",
                    RowKind.STEP_CURSOR,
                    Cursor("", 1, b"", encoded("rubbish")).encode(),
                ),
            ],
            "row 1 (Pay STEP_CURSOR): its data",
        ),
    ],
)
def test_the_data_that_a_resume_needs_can_be_read(
    log: list[CheckpointRow], said: str | None
) -> None:
    problems = check_log(log, shop(data=Order))

    assert [each.rule.value for each in problems] == (["payload"] if said else [])
    assert said is None or said in str(problems[0])
    assert check_log(log, shop()) == ()


FAILURE = encode_failure(Failure("Pay", "ValueError", "no", ("Book", "Pay")))


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome(OutcomeStatus.FINISHED, "Done", encoded({"total": 7})), []),
        (Outcome(OutcomeStatus.FINISHED, "Done", None), []),
        (Outcome(OutcomeStatus.ROLLED_BACK, "Pay", FAILURE), []),
        (Outcome(OutcomeStatus.FINISHED, "Pay"), ["end"]),
        (Outcome(OutcomeStatus.FINISHED, "Gone"), ["state"]),
        (Outcome(OutcomeStatus.FINISHED, "Done", b"\xc1"), ["payload"]),
        (Outcome(OutcomeStatus.ROLLED_BACK, "Pay", b"\xc1"), ["payload"]),
    ],
)
def test_an_outcome_is_judged_too(outcome: Outcome, said: list[str]) -> None:
    problems = check_log([], shop(data=Order), outcome=outcome)

    assert rules(problems) == said
    assert all(each.row is None for each in problems)


def test_an_outcome_has_replaced_the_log() -> None:
    (problem,) = check_log(
        [row(0, "Pay"), row(1, "Done")],
        shop(),
        outcome=Outcome(OutcomeStatus.FINISHED, "Done"),
    )

    assert problem.rule == "end"
    assert str(problem) == (
        "the outcome (finished at Done) is there, and so are 2 rows, which it should "
        "replace"
    )


def test_a_workflow_of_any_kind_is_taken() -> None:
    assert check_log([row(0, "Start"), row(1, "Process")], Flow().workflow) == ()


def crashed_at(program: Program, moments: list[int]) -> World:
    world = World(program)
    for moment in moments:
        world.life = Life(moment)
        manager.register(world.life)
        try:
            with contextlib.suppress(Crash, CanoError):
                asyncio.run(
                    world.workflow().start_or_resume("S0", workflow_id=RUN, data=Data())
                )
        finally:
            manager.unregister(world.life)
    return world


LIVES = st.lists(st.integers(1, 60), min_size=1, max_size=3)
SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=SLOW)
@given(programs, LIVES)
def test_whatever_the_engine_leaves_is_sound(
    program: Program, moments: list[int]
) -> None:
    world = crashed_at(program, moments)
    log = world.disk._logs.get(RUN, [])
    workflow = world.workflow()

    for length in range(len(log) + 1):
        assert check_log(log[:length]) == ()
    outcomes = world.disk.outcomes or [None]
    assert check_log(log, workflow, outcome=outcomes[-1]) == ()


def changed(draw: st.DrawFn, log: Sequence[CheckpointRow]) -> list[CheckpointRow]:
    """A log with one row left out, doubled, moved, or with another field."""
    rows = list(log)
    at = draw(st.integers(0, len(rows) - 1))
    how = draw(st.sampled_from(["drop", "double", "swap", "kind", "state", "payload"]))
    other = draw(st.sampled_from(rows))
    if how == "drop":
        del rows[at]
    elif how == "double":
        rows.insert(draw(st.integers(0, len(rows))), rows[at])
    elif how == "swap":
        rows[at] = other
    elif how == "kind":
        kind = draw(st.sampled_from(list(RowKind)))
        rows[at] = dataclasses.replace(rows[at], kind=kind)
    elif how == "state":
        rows[at] = dataclasses.replace(rows[at], state=other.state)
    else:
        payload = draw(st.sampled_from([None, b"", b"\xc1", b"\x07", other.payload]))
        rows[at] = dataclasses.replace(rows[at], payload=payload)
    if draw(st.booleans()):
        rows = [dataclasses.replace(r, sequence=n) for n, r in enumerate(rows)]
    return rows


@settings(max_examples=4 * EXAMPLES, deadline=None, suppress_health_check=SLOW)
@given(programs, LIVES, st.data())
def test_whatever_the_engine_refuses_is_a_problem(
    program: Program, moments: list[int], data: st.DataObject
) -> None:
    world = crashed_at(program, moments)
    log = world.disk._logs.get(RUN, [])
    assume(log)
    rows = changed(data.draw, log)
    assume(rows)
    workflow = world.workflow()
    graph = workflow.graph
    try:
        check_versions(RUN, rows, 4, ())
        replay(RUN, rows, states=(*graph.states, *graph.exits), exits=graph.exits)
    except CanoError:
        assert check_log(rows, workflow)
