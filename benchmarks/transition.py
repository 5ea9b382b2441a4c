"""What a transition in memory costs, beside a loop that does nothing but make it.

    python benchmarks/transition.py [--rounds N] [--steps N]

The floor is a bare ``while`` loop that looks up the state's coroutine function and
awaits it. The same coroutine functions are then run by a workflow without a store.
Floor and workflow are measured in turn, round by round; the ratio is the median over
rounds of the workflow's time against the floor's time of the same round.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from cano_core import RunContext, Workflow

TARGET = 12.0


class Step(Enum):
    WORK = auto()
    DONE = auto()


@dataclass
class Countdown:
    """How many transitions are still to be made."""

    left: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """A trivial task that returns its own state until the countdown has ended."""

    title: str
    task: Callable[..., Any]
    start: Any
    end: Any
    arguments: tuple[Any, ...] = ()


def cases(countdown: Countdown) -> list[Case]:
    async def by_text() -> str:
        countdown.left -= 1
        return "Work" if countdown.left else "Done"

    async def by_enum() -> Step:
        countdown.left -= 1
        return Step.WORK if countdown.left else Step.DONE

    async def with_context(run: RunContext) -> str:
        countdown.left -= 1
        return "Work" if countdown.left else "Done"

    return [
        Case("states are strings", by_text, "Work", "Done"),
        Case("states are Enum members", by_enum, Step.WORK, Step.DONE),
        Case("the task takes its RunContext", with_context, "Work", "Done", (None,)),
    ]


async def bare(case: Case) -> None:
    tasks = {case.start: case.task}
    arguments = case.arguments
    state, end = case.start, case.end
    while state != end:
        state = await tasks[state](*arguments)


def workflow_of(case: Case) -> Workflow:
    return Workflow().register(case.start, case.task).add_exit_state(case.end)


async def measure(rounds: int, steps: int) -> list[tuple[str, float, float, float]]:
    countdown = Countdown()
    results = []
    for case in cases(countdown):
        workflow = workflow_of(case)
        floors, times, ratios = [], [], []
        for number in range(rounds + 1):
            countdown.left = steps
            begun = time.perf_counter()
            await bare(case)
            floor = time.perf_counter() - begun
            countdown.left = steps
            begun = time.perf_counter()
            await workflow.orchestrate(case.start)
            ours = time.perf_counter() - begun
            if number:  # the first round warms up
                floors.append(floor / steps)
                times.append(ours / steps)
                ratios.append(ours / floor)
        results.append(
            (
                case.title,
                statistics.median(floors),
                statistics.median(times),
                statistics.median(ratios),
            )
        )
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=20_000)
    arguments = parser.parse_args()
    print(f"{'a transition in memory':32} {'floor':>9} {'ours':>9} {'ratio':>7}")
    for title, floor, ours, ratio in asyncio.run(
        measure(arguments.rounds, arguments.steps)
    ):
        verdict = "" if ratio <= TARGET else f"  above {TARGET:.0f}"
        print(
            f"{title:32} {floor * 1e9:6.0f} ns {ours * 1e9:6.0f} ns {ratio:6.1f}x"
            f"{verdict}"
        )


if __name__ == "__main__":
    main()
