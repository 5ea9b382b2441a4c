"""Each level finds a mistake that those below it do not; its mended twin passes."""

from pathlib import Path
from typing import Any

import pytest

from cano_core import RunContext, Workflow
from programs import ForgetfulStore
from pytest_cano.idempotence.passage import Guide
from pytest_cano.view import WorldView
from repeated import building, charge, failure, repeat


async def forgets(ledger: Any) -> str:
    ledger.effect("charge", 42)
    return "Ship"


async def marks_when_done(ledger: Any, disk: Path) -> str:
    """Fine when it runs twice, and not when it is stopped before it makes its mark."""
    if not (disk / "charged").exists():
        ledger.effect("charge", 42)
        (disk / "charged").touch()
    return "Ship"


async def tolerates_one(ledger: Any, disk: Path, run: RunContext) -> str:
    """Takes one leftover for its own, and a second one for somebody else's."""
    tries = disk / "tries"
    before = int(tries.read_text()) if tries.exists() else 0
    tries.write_text(str(before + 1))
    ledger.effect("charge", 42, key=f"{run.idempotency_key}/{max(0, before - 1)}")
    return "Ship"


async def hands_over(disk: Path, ledger: Any) -> str:
    """Goes by what lies there, which the next state takes away."""
    if not (disk / "parcel").exists():
        (disk / "parcel").touch()
        ledger.effect("charge", 42)
    return "Ship"


async def takes_away(disk: Path) -> str:
    (disk / "parcel").unlink(missing_ok=True)
    return "Done"


PLANTED = {
    1: building(forgets),
    2: building(marks_when_done),
    3: building(tolerates_one),
    4: building(hands_over, then=takes_away),
}


@pytest.mark.parametrize("level", PLANTED)
def test_a_mistake_is_found_at_its_level_and_not_below(level):
    build = PLANTED[level]

    if level > 1:
        assert repeat(build, level=level - 1).passed
    text = failure(build, level=level)

    assert text.startswith(
        "the task of Charge is not idempotent: charge(42) happened 2 times, 1 in the "
        f"undisturbed run\n\n  level {level}   "
    )


@pytest.mark.parametrize("level", PLANTED)
def test_a_higher_level_finds_what_a_lower_one_does_at_the_lower_one(level):
    assert f"\n  level {level}   " in failure(PLANTED[level], level=4)


async def marks_in_two_steps(ledger: Any, disk: Path, run: RunContext) -> str:
    if not (disk / "charged").exists():
        ledger.effect("charge", 42, key=run.idempotency_key)
        (disk / "charged").touch()
    return "Ship"


async def counts_for_nothing(ledger: Any, disk: Path, run: RunContext) -> str:
    tries = disk / "tries"
    before = int(tries.read_text()) if tries.exists() else 0
    tries.write_text(str(before + 1))
    return await charge(ledger, run)


async def hands_over_once(ledger: Any, disk: Path, run: RunContext) -> str:
    if not (disk / "parcel").exists():
        (disk / "parcel").touch()
        ledger.effect("charge", 42, key=run.idempotency_key)
    return "Ship"


@pytest.mark.parametrize(
    "build",
    [
        building(charge),
        building(marks_in_two_steps),
        building(counts_for_nothing),
        building(hands_over_once, then=takes_away),
    ],
)
def test_the_mended_twin_passes_every_level(build):
    assert repeat(build, level=4).passed


def test_what_was_tried_is_told():
    one, two, three, four = (repeat(building(), level=level) for level in (1, 2, 3, 4))
    prefixes = ["Charge@end", "Charge@start", "Charge@effect:1"]
    pairs = [f"{first} > {then}" for first in prefixes for then in prefixes]
    again = [f"{each} > {each} > {each}" for each in prefixes]

    assert list(one.verdicts) == ["Charge@end"]
    assert list(two.verdicts) == prefixes
    assert set(three.verdicts) == {*prefixes, *pairs, *again}
    assert set(four.verdicts) - set(three.verdicts) == {"Charge@start=twin"}
    assert set(four.verdicts.values()) == {"PASS"}
    assert str(two).startswith("Charge is idempotent up to level 2: 3 schedules  ")
    assert str(one).startswith("Charge is idempotent up to level 1: 1 schedule  ")


def test_level_2_is_what_is_asked_for_otherwise():
    assert list(repeat(building()).verdicts) == list(
        repeat(building(), level=2).verdicts
    )


def test_a_failure_tells_the_whole_story():
    line = forgets.__code__.co_firstlineno + 1
    text = failure(building(forgets), level=3)

    path = "tests/pytest_cano/idempotence/test_levels.py"
    assert text == (
        "the task of Charge is not idempotent: charge(42) happened 2 times, 1 in the "
        "undisturbed run\n"
        "\n"
        "  level 1   run twice: the task had come to its end, the process died, and "
        "the task ran again\n"
        "\n"
        "__________________ the task of Charge [Charge@end] ___________________\n"
        "DUPLICATED  charge(42) happened 2 times, 1 in the undisturbed run\n"
        "            no call had a key; hand it key=run.idempotency_key\n"
        "            if it only reads: spy(..., ignore='charge'), or name it in "
        "cano_ignore_effects\n"
        "\n"
        "  life 1   Charge  crashed at end: the task had returned, nothing was "
        "recorded\n"
        "  life 2   resumed at Charge > Ship\n"
        "\n"
        "  effect       undisturbed  this run\n"
        f"  charge(42)             1         2   {path}:{line} in forgets\n"
        "\n"
        "  again   assert_idempotent(build, 'Charge', level=3)"
    )


def test_other_failures_of_the_level_are_named():
    text = failure(building(tolerates_one), level=3)

    assert "\n  also      Charge@end > Charge@end  DUPLICATED\n" in text
    assert text.count("  also      ") <= 8


def test_of_many_failures_some_are_named():
    async def many(ledger: Any) -> str:
        for number in range(12):
            ledger.effect("charge", number)
        ledger.effect("mark", key="k")
        return "Ship"

    async def never(ledger: Any, disk: Path, run: RunContext) -> str:
        if not (disk / "done").exists():
            await many(ledger)
            (disk / "done").touch()
        return "Ship"

    text = failure(building(never))

    assert text.count("  also      ") == 8
    assert "\n  … and 4 more\n" in text


def test_a_late_duplicate_is_told_as_three_lives():
    text = failure(PLANTED[4], level=4)

    assert (
        "  life 1   Charge\n"
        "           it stood still before the task, until life 2 had ended, and then "
        "ran it\n"
        "  life 2   resumed at Charge > Ship > Done\n"
        "  life 3   had finished at Done\n"
    ) in text
    assert "\n  remedy    the log keeps such a process from going on" in text


def test_of_a_store_that_forgets_the_run_no_third_life_asks():
    stores: dict[Path, ForgetfulStore] = {}

    def open_store(disk: Path) -> ForgetfulStore:
        return stores.setdefault(disk, ForgetfulStore())

    text = failure(PLANTED[4], level=4, store=open_store)

    assert "\n  life 2   resumed at Charge > Ship > Done\n\n" in text


def test_behind_a_router_comes_the_state_that_it_leads_to():
    async def hands_over_to_pick(disk: Path, ledger: Any) -> str:
        await hands_over(disk, ledger)
        return "Pick"

    async def pick() -> str:
        return "Ship"

    def build(world: WorldView) -> Workflow:
        workflow = building(hands_over_to_pick, then=takes_away)(world)
        return workflow.register_router("Pick", pick)

    assert repeat(build, level=3).passed
    assert "life 2   resumed at Charge > Pick > Ship > Done" in failure(build, level=4)


def test_a_late_duplicate_that_never_was_proves_nothing(monkeypatch):
    monkeypatch.setattr(Guide, "on_task_start", lambda *_: None)

    assert failure(building(), level=4).startswith(
        "the task of Charge can't be judged: no late duplicate ran at Charge@start, so "
    )


def test_many_prefixes_are_combined_in_part_and_that_is_said(monkeypatch):
    monkeypatch.setattr("pytest_cano.idempotence.part.MOST_PREFIXES", 3)

    async def many(ledger: Any, run: RunContext) -> str:
        for number in range(5):
            ledger.effect("charge", number, key=run.idempotency_key)
        return "Ship"

    repetitions = repeat(building(many), level=3)

    prefixes = [text for text in repetitions.verdicts if " > " not in text]
    pairs = [text for text in repetitions.verdicts if text.count(" > ") == 1]
    assert len(prefixes) == 7
    assert len(pairs) == 9
    assert "Charge@end > Charge@end" in pairs
    assert "Charge@effect:5 > Charge@start" in pairs
    assert str(repetitions).endswith(
        "\nthe task of Charge has 7 prefixes, of which 3 were combined with each other"
    )
