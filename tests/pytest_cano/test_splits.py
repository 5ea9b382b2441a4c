"""Splits: one task with a start and an end, and branches that crash beside others."""

import asyncio
from typing import Any

import pytest

from cano_core import JoinConfig, JoinStrategy, RunContext, SplitResult, Workflow
from programs import ONCE
from pytest_cano.view import WorldView
from search import Search


def fan(*branches: Any, strategy: Any = JoinStrategy.ALL, join: Any = None) -> Any:
    """A program: Fan, split into what ``branch(world)`` makes, > Join > Done."""

    async def program(world: WorldView) -> object:
        async def gather(result: SplitResult) -> str:
            world.observe("values", result.values)
            return "Done"

        workflow = (
            Workflow(checkpoint_store=world.store)
            .register_split(
                "Fan",
                [branch(world) for branch in branches],
                JoinConfig(strategy, "Join"),
                config=ONCE,
            )
            .register("Join", join(world) if join else gather, config=ONCE)
            .add_exit_state("Done")
        )
        return await workflow.start_or_resume("Fan", workflow_id=world.workflow_id)

    return program


def calling(name: str, *, keyed: bool = True, pause: int = 0) -> Any:
    """A branch with one effect, which gives way to others first."""

    def branch(world: WorldView) -> Any:
        async def call(run: RunContext) -> str:
            for _ in range(pause):
                await asyncio.sleep(0)
            world.ledger.effect(name, key=run.idempotency_key if keyed else None)
            return name

        return call

    return branch


def blocking(name: str) -> Any:
    """The same as a sync task, which runs in a thread."""

    def branch(world: WorldView) -> Any:
        def call(run: RunContext) -> str:
            world.ledger.effect(name, key=run.idempotency_key)
            return name

        return call

    return branch


FAN = [
    *("Fan@enter", "Fan@start", "Fan@effect:1", "Fan@effect:2", "Fan@effect:3"),
    *("Fan@branch:1", "Fan@branch:2", "Fan@branch:3", "Fan@end"),
]


@pytest.mark.parametrize("pause", [0, 40])
@pytest.mark.parametrize("kind", [calling, blocking])
def test_a_split_is_one_task_with_the_effects_of_all_branches(tmp_path, kind, pause):
    slow = calling("c", pause=pause)
    search = Search(fan(kind("a"), kind("b"), slow), tmp_path)

    assert search.flaky is None
    assert sorted(search.points) == sorted(
        [*FAN, "Join@start", "Join@end", "Done@cleared"]
    )
    runs = [(run.state, run.ended) for run in search.baseline.task_runs]
    assert runs == [("Fan", "returned"), ("Join", "returned")]
    assert search.failures() == {}


def test_a_branch_that_is_a_row_is_not_run_again(tmp_path):
    program = fan(calling("a", keyed=False), calling("b", pause=60))
    search = Search(program, tmp_path)

    assert search.failures() == {"Fan@effect:1": "DUPLICATED"}


def test_a_branch_that_can_not_be_repeated_is_found(tmp_path):
    program = fan(calling("a"), calling("b", keyed=False, pause=60))
    search = Search(program, tmp_path)

    assert search.failures() == {"Fan@effect:2": "DUPLICATED"}


def test_what_a_branch_leaves_in_memory_only_is_found(tmp_path):
    def leaving(world: WorldView) -> Any:
        async def call() -> None:
            world.result = "a"  # type: ignore[attr-defined]

        return call

    def join(world: WorldView) -> Any:
        async def tell() -> str:
            world.ledger.effect("tell", getattr(world, "result", None), key="join")
            return "Done"

        return tell

    search = Search(fan(leaving, calling("b", pause=60), join=join), tmp_path)

    found = search.failures()
    assert set(found.values()) == {"DUPLICATED"}
    assert "Fan@branch:1" in found
    assert "Fan@start" not in found


def test_the_loser_of_a_join_is_crashed_as_any_other(tmp_path):
    program = fan(
        calling("a"), calling("never", pause=10_000), strategy=JoinStrategy.ANY
    )
    search = Search(program, tmp_path)

    assert "Fan@effect:1" in search.points
    assert "Fan@effect:2" not in search.points
    assert search.failures() == {}


def test_what_other_branches_try_after_the_crash_is_refused(tmp_path):
    def stubborn(world: WorldView) -> Any:
        async def call() -> str:
            try:
                await asyncio.Event().wait()
            finally:
                world.ledger.effect("cleanup")
            return "never"

        return call

    search = Search(
        fan(calling("a", pause=5), stubborn, strategy=JoinStrategy.ANY),
        tmp_path,
        ignore=("cleanup",),
    )
    story = search.run("Fan@effect:1").story

    assert any("cleanup() was tried after the crash" in x for x in story.lives[0].notes)
    assert [
        each.life for each in search.worlds[-1].effects if each.name == "cleanup"
    ] == [2]
    assert search.failures() == {}


def test_memos_of_branches_are_points_of_the_split(tmp_path):
    def once(world: WorldView) -> Any:
        async def call(run: RunContext) -> str:
            def act() -> str:
                world.ledger.effect("act", run.idempotency_key)
                return "acted"

            return await run.once("act", act)

        return call

    search = Search(fan(once, once), tmp_path)

    assert {"Fan@memo:1", "Fan@memo:2"} <= set(search.points)
    assert set(search.failures()) <= {"Fan@effect:1", "Fan@effect:2"}
    assert set(search.failures().values()) == {"DUPLICATED"}


def test_an_effect_is_where_its_branch_asked_for_it(tmp_path):
    def once(world: WorldView) -> Any:
        async def call(run: RunContext) -> None:
            await run.once("act", world.ledger.effect, "act")

        return call

    search = Search(fan(once, calling("b")), tmp_path)

    assert {each.location.rpartition(" ")[2] for each in search.baseline.effects} == {
        "call"
    }
