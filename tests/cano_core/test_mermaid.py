"""A workflow as a drawing."""

from enum import Enum, auto
from typing import Literal

import pytest

from cano_core import (
    ConfigurationError,
    JoinConfig,
    JoinStrategy,
    Workflow,
)
from cano_core.graph import Graph
from cano_core.mermaid import mermaid


class Step(Enum):
    RESERVE = auto()
    CHOOSE = auto()
    CHECK = auto()
    SHIP = auto()
    DONE = auto()
    REFUSED = auto()


async def reserve() -> tuple[Literal[Step.CHOOSE], int]:
    return Step.CHOOSE, 5


async def release(amount: int) -> None:
    pass


def choose() -> Literal[Step.CHECK, Step.REFUSED]:
    return Step.CHECK


async def stock() -> int:
    return 1


async def credit() -> int:
    return 2


async def ship() -> Literal[Step.DONE]:
    return Step.DONE


def order() -> Workflow:
    return (
        Workflow()
        .register_with_compensation(Step.RESERVE, reserve, compensate=release)
        .register_router(Step.CHOOSE, choose)
        .register_split(
            Step.CHECK, [stock, credit], JoinConfig(JoinStrategy.ALL, Step.SHIP)
        )
        .register(Step.SHIP, ship)
        .add_exit_states(Step.DONE, Step.REFUSED)
    )


def test_every_kind_of_state_has_its_shape_and_its_edges() -> None:
    assert order().to_mermaid(Step.RESERVE).splitlines() == [
        "flowchart TD",
        '    s0["RESERVE"]',
        '    s1{"CHOOSE"}',
        '    s2{{"CHECK"}}',
        '    s3["SHIP"]',
        '    s4(["DONE"])',
        '    s5(["REFUSED"])',
        "    start((start))",
        "    start --> s0",
        "    s0 --> s1",
        '    s0u(["release"])',
        "    s0 -. undone by .-> s0u",
        "    s1 --> s2",
        "    s1 --> s5",
        '    s2b0["stock"]',
        "    s2 --> s2b0",
        "    s2b0 --> s3",
        '    s2b1["credit"]',
        "    s2 --> s2b1",
        "    s2b1 --> s3",
        "    s3 --> s4",
    ]


def test_a_task_that_declares_nothing_may_lead_anywhere() -> None:
    async def task() -> str:
        return "Done"

    workflow = Workflow().register("A", task).add_exit_state("Done")
    assert workflow.to_mermaid().splitlines()[3:] == [
        "    s0 -.-> anything",
        '    anything(("?"))',
    ]


def test_no_label_can_be_taken_for_mermaid() -> None:
    async def task() -> Literal["end"]:
        return "end"

    label = 'say "hi" <b>&`[end];'
    workflow = Workflow().register(label, task).add_exit_state("end")
    assert workflow.to_mermaid().splitlines()[1] == (
        '    s0["say #34;hi#34; #60;b#62;#38;#96;#91;end#93;#59;"]'
    )


def test_an_unknown_start_is_refused() -> None:
    async def task() -> Literal["Done"]:
        return "Done"

    workflow = Workflow().register("A", task).add_exit_state("Done")
    with pytest.raises(ConfigurationError, match="start state 'B'"):
        workflow.to_mermaid("B")


def test_a_state_may_have_a_class() -> None:
    graph = Graph(("A",), frozenset({"Done"}), {"A": frozenset({"Done"})})

    assert mermaid(graph, classes={"Done": "failed", "B": "failed"}).splitlines() == [
        "flowchart TD",
        '    s0["A"]',
        '    s1(["Done"]):::failed',
        "    s0 --> s1",
    ]


def test_a_split_whose_branches_are_unknown_has_its_edges() -> None:
    graph = Graph(
        ("A",), frozenset({"Done"}), {"A": frozenset({"Done"})}, {"A": "split"}
    )

    assert mermaid(graph).splitlines()[1:] == [
        '    s0{{"A"}}',
        '    s1(["Done"])',
        "    s0 --> s1",
    ]
