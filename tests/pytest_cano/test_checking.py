"""check(): any function, from sync and from async code."""

import asyncio
import itertools
import os
import threading
import time
from pathlib import Path
from typing import Literal

import pytest

import pytest_cano
from cano_core import MemoryCheckpointStore, RunContext, Workflow
from programs import ONCE, ForgetfulStore, shop
from pytest_cano.checking import assert_resumes_to_same_exit, check
from pytest_cano.life import Life
from pytest_cano.selectors import SelectorError
from pytest_cano.view import WorldView


async def sound(world: WorldView) -> str:
    workflow = shop(world)
    return str(await workflow.start_or_resume("Start", workflow_id=world.workflow_id))


async def faulty(world: WorldView) -> None:
    async def charge() -> Literal["Done"]:
        world.ledger.effect("charge", "order-1", 42)
        return "Done"

    workflow = shop(world, process=charge)
    await workflow.start_or_resume("Start", workflow_id=world.workflow_id)


def test_a_sound_program_passes():
    report = check(sound)

    assert report.passed
    assert len(report.verdicts) == 7
    assert set(report.verdicts.values()) == {"PASS"}


def test_a_faulty_program_is_reported_in_full():
    report = check(faulty, crash="Process")
    line = faulty.__code__.co_firstlineno + 2
    path = __file__.removeprefix(f"{Path.cwd()}{os.sep}")

    assert not report.passed
    assert report.verdicts == {
        "Process@start": "PASS",
        "Process@effect:1": "DUPLICATED",
        "Process@end": "DUPLICATED",
    }
    assert report.failures[1] == (
        "________________________ faulty [Process@end] ________________________\n"
        "DUPLICATED  charge('order-1', 42) happened 2 times, 1 in the undisturbed run\n"
        "            no call had a key; hand it key=run.idempotency_key\n"
        "            if it only reads: spy(..., ignore='charge'), or name it in "
        "cano_ignore_effects\n"
        "\n"
        "  life 1   Start > Process  crashed at end: the task had returned, nothing "
        "was recorded\n"
        "  life 2   resumed at Process > Done\n"
        "\n"
        "  effect                  undisturbed  this run\n"
        f"  charge('order-1', 42)             1         2   {path}:{line} in charge\n"
        "\n"
        "  again   check(faulty, crash='Process@end')"
    )
    assert str(report).startswith(report.failures[0])
    assert "faulty  1/3 crash points of 7" in str(report)
    assert "score  1/3 schedules passed (33 %)" in str(report)


def test_a_sync_program_runs_its_own_loops():
    def program(world: WorldView) -> None:
        asyncio.run(sound(world))

    assert check(program).passed


def test_a_program_without_any_loop_is_told_that_nothing_ran():
    with pytest.raises(SelectorError, match="no run met any crash point"):
        check(lambda world: None)


@pytest.mark.asyncio
async def test_from_async_code():
    threads: set[str] = set()

    async def program(world: WorldView) -> None:
        threads.add(threading.current_thread().name)
        await sound(world)

    assert check(program).passed
    assert threads == {"cano-check"}


@pytest.mark.asyncio
async def test_an_error_in_async_code_is_the_program_s_own():
    async def program(world: WorldView) -> None:
        raise LookupError("as ever")

    with pytest.raises(LookupError, match="as ever"):
        check(program)


def test_a_program_that_fails_undisturbed_fails_with_its_own_error():
    async def program(world: WorldView) -> None:
        raise LookupError("as ever")

    with pytest.raises(LookupError, match="as ever") as raised:
        check(program)
    assert raised.value.__notes__ == [
        "program failed undisturbed, so it was not crashed"
    ]
    assert raised.value.__context__ is None


def test_a_program_that_exits_has_failed():
    async def program(world: WorldView) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        check(program)


@pytest.mark.parametrize(
    ("crash", "message"),
    [
        ("Proces", "did you mean 'Process'?"),
        ("Process@finish", "there is no moment 'finish'"),
        ("Process@effect:9", "no run met it"),
        ("", "selects nothing"),
    ],
)
def test_a_bad_selector_is_told(crash, message):
    with pytest.raises(SelectorError) as raised:
        check(sound, crash=crash)

    assert message in str(raised.value)


def test_a_bad_selector_is_told_before_anything_runs():
    def program(world: WorldView) -> None:
        raise AssertionError("this ran")

    with pytest.raises(SelectorError):
        check(program, crash="Process@finish")


@pytest.mark.parametrize("budget", ["3", 3])
def test_a_budget_is_a_text_or_a_number_of_schedules(budget):
    report = check(sound, budget=budget)

    assert len(report.verdicts) == 3
    assert "4 schedules were not run: the budget was used up" in str(report)


@pytest.mark.parametrize("budget", ["0", 0, -3, 2.5, "soon", True])
def test_what_is_no_budget_is_told_before_anything_runs(budget):
    def program(world: WorldView) -> None:
        pytest.fail("it was called")

    with pytest.raises(SelectorError, match=f"'{budget}'.* a number of schedules"):
        check(program, budget=budget)


def test_an_unknown_store_is_told():
    with pytest.raises(ValueError, match=r"no store 'sqlit' .* did you mean 'sqlite'"):
        check(sound, store="sqlit")


@pytest.mark.parametrize(
    "store", ["sqlite", "memory", lambda directory: SHARED.setdefault(directory)]
)
def test_backends(store):
    assert check(sound, store=store, crash="@end").passed


class _Shared(dict[Path, MemoryCheckpointStore]):
    def setdefault(self, key: Path, default=None) -> MemoryCheckpointStore:
        return super().setdefault(key, MemoryCheckpointStore())


SHARED = _Shared()


def test_a_limit_is_reported():
    stores: dict[Path, ForgetfulStore] = {}
    report = check(sound, store=lambda path: stores.setdefault(path, ForgetfulStore()))

    assert report.passed
    assert "Done@cleared is left out: its store forgets" in str(report)


def test_a_selector_that_leaves_nothing_to_crash_is_no_pass():
    stores: dict[Path, ForgetfulStore] = {}

    with pytest.raises(SelectorError, match="nothing is left to crash:\nDone@cleared"):
        check(
            sound,
            crash="@cleared",
            store=lambda path: stores.setdefault(path, ForgetfulStore()),
        )


def test_what_it_returns_is_an_observation():
    async def program(world: WorldView) -> int:
        await sound(world)
        return world.life

    report = check(program, crash="Process@end")

    assert report.verdicts == {"Process@end": "DIVERGED"}
    assert "returned was observed as 2, 1 in the undisturbed run" in str(report)


def test_a_failure_after_the_restart_is_shown_from_the_program_on():
    async def program(world: WorldView) -> None:
        await sound(world)
        if world.life > 1:
            raise LookupError("only then")

    text = str(check(program, crash="Process@end"))

    assert "the program failed after the restart: LookupError: only then" in text
    assert "  life 2 failed:\n    Traceback (most recent call last):\n" in text
    assert "in until_crash" not in text


def test_two_undisturbed_runs_that_differ_are_told():
    numbers = iter(range(100))

    async def program(world: WorldView) -> None:
        world.ledger.effect("charge", next(numbers))
        await sound(world)

    report = check(program)

    assert not report.passed
    assert report.verdicts == {}
    assert str(report).startswith(
        "FLAKY_BASELINE  charge(0) happened 1 time first, then 0 times\n"
    )
    assert "cano.normalise(fn)" in str(report)
    assert "program  FLAKY_BASELINE, not crashed" in str(report)
    assert check(program, ignore_effects=("charge",)).passed


def test_the_disks_of_failures_are_left_where_one_says_so(tmp_path):
    check(faulty, crash="Process", directory=tmp_path)

    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["4", "5"]
    assert (tmp_path / "4" / "cano.db").is_file()


def test_the_workflow_id_is_given(tmp_path):
    ids: set[str] = set()

    async def program(world: WorldView) -> None:
        ids.add(world.workflow_id)
        await sound(world)

    check(program, crash="Process@end", workflow_id="order-7")

    assert ids == {"order-7"}


def test_asserting():
    assert_resumes_to_same_exit(sound)
    with pytest.raises(AssertionError) as raised:
        assert_resumes_to_same_exit(faulty, crash="Process@end")

    assert "DUPLICATED  charge('order-1', 42)" in str(raised.value)


def test_a_check_within_a_check_has_its_own_lives():
    async def program(world: WorldView) -> None:
        inner = await asyncio.to_thread(check, sound, crash="Process@end")
        world.observe("inner", inner.verdicts)
        await sound(world)

    report = check(program, crash="Process@end")

    assert report.verdicts == {"Process@end": "PASS"}
    assert len(report.summary.points) == 7


def test_two_checks_at_once_do_not_mix():
    results: list[dict[str, str]] = []
    both = threading.Barrier(2)

    async def program(world: WorldView) -> None:
        both.wait(timeout=30)
        await sound(world)

    def run() -> None:
        results.append(check(program).verdicts)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results[0] == results[1]
    assert len(results[0]) == 7
    assert set(results[0].values()) == {"PASS"}


def test_what_dead_tasks_leave_is_no_news(caplog):
    async def program(world: WorldView) -> None:
        async def charge() -> str:
            async def forgotten() -> None:
                world.ledger.effect("charge", 42, key="k")

            task = asyncio.ensure_future(forgotten())
            await asyncio.wait([task])
            return "Done"

        workflow = shop(world, process=charge)
        await workflow.start_or_resume("Start", workflow_id=world.workflow_id)

    assert check(program).passed
    assert caplog.records == []


async def four_states(world: WorldView) -> None:
    def working(name: str, following: str):
        async def work(run: RunContext) -> str:
            for number in range(7):
                world.ledger.effect(name, number, key=run.idempotency_key)
            return following

        return work

    names = ["Start", "Process", "Check", "Finalize", "Done"]
    workflow = Workflow(checkpoint_store=world.store).add_exit_state("Done")
    for name, following in itertools.pairwise(names):
        workflow.register(name, working(name, following), config=ONCE)
    await workflow.start_or_resume("Start", workflow_id=world.workflow_id)


def test_many_schedules_take_a_few_seconds():
    began = time.process_time()
    report = check(four_states)

    assert report.passed
    assert len(report.verdicts) == 38
    assert time.process_time() - began < 10


def test_the_public_names():
    assert pytest_cano.check is check
    assert pytest_cano.assert_resumes_to_same_exit is assert_resumes_to_same_exit


def test_a_life_is_not_lived_by_a_plain_run(tmp_path):
    from pytest_cano.world import World

    life = World(tmp_path).new_life()

    async def plain() -> None:
        with life.here():
            view = WorldView(life, MemoryCheckpointStore)
            await sound(view)

    asyncio.run(plain())

    assert isinstance(life, Life)
    assert life.points == ()
    assert [effect.identity for effect in life.world.effects] == ["charge(42)"]


def test_the_repr_of_a_report_is_its_text():
    report = check(faulty)

    assert not report.passed
    assert repr(report) == str(report)


@pytest.mark.parametrize("crash", [None, [], 5, ["Process@end", None]])
def test_what_can_be_no_selector_is_refused(crash):
    with pytest.raises(SelectorError, match="give a text such as 'all'"):
        check(faulty, crash=crash)


def test_selectors_may_be_a_list():
    report = check(faulty, crash=["Process@start", "Process@end"])

    assert list(report.verdicts) == ["Process@start", "Process@end"]


@pytest.mark.parametrize(
    ("options", "called"), [({}, "check"), ({"called": "cano.check"}, "cano.check")]
)
def test_the_way_to_run_it_again_is_the_one_that_was_gone(options, called):
    report = check(faulty, **options)

    assert f"again   {called}(faulty, crash=" in str(report)


def test_what_the_ledger_is_not_told_of_is_named_once(tmp_path):
    receipt = tmp_path / "receipt"

    async def program(world: WorldView) -> None:
        async def charge() -> Literal["Done"]:
            receipt.write_text("charged")
            (world.disk / "own").write_text("on the disk")
            return "Done"

        workflow = shop(world, process=charge)
        await workflow.start_or_resume("Start", workflow_id=world.workflow_id)

    report = check(program)

    assert report.passed
    (said,) = (line for line in str(report).splitlines() if "the ledger is not" in line)
    assert said.endswith(
        f" in charge writes {receipt}, which the ledger is not told of"
    )
