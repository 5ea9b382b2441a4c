"""What is wrong with the question, and not with the task, is said so."""

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest

import pytest_cano
from cano_core import ConfigurationError, RunContext, Workflow
from pytest_cano.idempotence import assert_idempotent
from pytest_cano.idempotence.levels import LEVELS
from pytest_cano.view import WorldView
from repeated import building, charge, failure, repeat


def test_it_is_a_public_name():
    assert pytest_cano.assert_idempotent is assert_idempotent


def test_a_workflow_is_no_function_that_builds_one():
    with pytest.raises(TypeError, match=r"takes a function that builds the workflow"):
        assert_idempotent(Workflow(), "Charge")  # type: ignore[arg-type]


def test_what_can_not_be_called_builds_nothing():
    with pytest.raises(TypeError, match=r"^'Charge' is no function that builds a"):
        assert_idempotent("Charge", "Charge")  # type: ignore[arg-type]


def test_what_builds_has_to_return_a_workflow():
    def build(world: WorldView) -> None:
        building()(world)

    with pytest.raises(TypeError, match=r"^build\(world\) has to return a Workflow, n"):
        repeat(build)


@pytest.mark.parametrize("level", [0, 5, 2.0, "2", None])
def test_there_are_four_levels(level):
    with pytest.raises(ValueError, match=r"4 \(a late duplicate\)$"):
        repeat(building(), level=level)


def test_levels_are_numbered_from_1():
    assert [level.number for level in LEVELS] == [1, 2, 3, 4]


def test_an_unknown_state_is_named_with_the_nearest():
    with pytest.raises(ValueError, match=r"\(Charge, Ship\); did you mean 'Charge'\?$"):
        repeat(building(), "Chrge")
    with pytest.raises(ValueError, match="no state 'Star'"):
        repeat(building(), start="Star")


def test_an_exit_state_has_no_task():
    with pytest.raises(ValueError, match="'Done' is an exit state: it has no task"):
        repeat(building(), "Done")


def test_a_run_that_never_comes_to_the_state_proves_nothing():
    with pytest.raises(ValueError, match=r"never came to Charge: it went Ship > Done;"):
        repeat(building(), start="Ship")


def test_a_task_that_fails_undisturbed_fails_with_its_own_error():
    async def fails() -> str:
        raise LookupError("as ever")

    with pytest.raises(Exception, match="as ever") as raised:
        repeat(building(fails))

    assert raised.value.__notes__ == [
        "Charge failed undisturbed, so it was not repeated"
    ]


def test_a_workflow_without_a_store_is_told_to_have_one():
    def build(world: WorldView) -> Workflow:
        workflow = Workflow(resources={"ledger": world.ledger}).add_exit_state("Ship")
        return workflow.register("Charge", charge)

    with pytest.raises(ConfigurationError, match="needs a log") as raised:
        repeat(build)
    assert not hasattr(raised.value, "__notes__")


def test_a_task_that_is_never_the_same_can_not_be_judged():
    numbers = itertools.count()

    async def counts(ledger: Any) -> str:
        ledger.effect("charge", next(numbers), key="k")
        return "Ship"

    text = failure(building(counts))

    assert text.startswith(
        "the task of Charge can't be judged: two undisturbed runs of it differ\n\n"
        "FLAKY_BASELINE  charge(0) happened 1 time first, then 0 times\n"
    )


def test_a_following_state_that_is_never_the_same_can_not_be_judged_either():
    numbers = itertools.count()

    async def counts(ledger: Any) -> str:
        ledger.effect("ship", next(numbers), key="k")
        return "Done"

    assert repeat(building(then=counts), level=3).passed
    assert "FLAKY_BASELINE  ship(0)" in failure(building(then=counts), level=4)


def test_a_point_that_is_not_always_met_proves_nothing():
    numbers = itertools.count()

    async def some_times(ledger: Any) -> str:
        # The undisturbed runs and the first repetitions do it, and then no more.
        if next(numbers) < 5:
            ledger.effect("charge", key="k")
        return "Ship"

    text = failure(building(some_times))

    assert text.startswith(
        "the task of Charge can't be judged: Charge@effect:1 was never reached"
    )


def test_effects_may_be_left_out():
    async def audits(ledger: Any, run: RunContext) -> str:
        ledger.effect("audit")
        return await charge(ledger, run)

    assert "audit() happened" in failure(building(audits))
    assert repeat(building(audits), level=4, ignore_effects=("aud*",)).passed


def test_that_the_ledger_heard_nothing_is_said():
    async def silent() -> str:
        return "Ship"

    (limit,) = repeat(building(silent), level=4).limits

    assert limit.startswith("the ledger was told of no effect of the task of Charge, ")


def test_the_worlds_of_failures_are_left_to_look_at(tmp_path: Path):
    async def writes(disk: Path, ledger: Any) -> str:
        (disk / "seen").touch()
        ledger.effect("charge", 42)
        return "Ship"

    assert failure(building(writes), directory=tmp_path)
    (left,) = tmp_path.iterdir()
    assert (left / "seen").exists()


def test_nothing_is_left_of_what_passed(tmp_path: Path):
    assert repeat(building(), level=4, directory=tmp_path).passed

    assert not [*tmp_path.iterdir()]


def test_what_the_second_process_stumbles_over_is_not_lost(monkeypatch):
    built = itertools.count()

    def build(world: WorldView) -> Workflow:
        # The lives of the late duplicate come last: the first, and meanwhile another.
        if world.life == 2 and next(built) == 3:
            raise KeyboardInterrupt
        return building()(world)

    monkeypatch.setattr("pytest_cano.idempotence.part.MOST_PREFIXES", 0)
    with pytest.raises(KeyboardInterrupt):
        repeat(build, level=4)


def test_it_is_called_in_a_running_loop():
    async def main() -> None:
        repeat(building(), level=4)

    asyncio.run(main())
