"""The search: what is run, in which order, and what need not be."""

from typing import Any

import pytest

from cano_core import RunContext
from programs import ForgetfulStore, charging, processing, sound
from pytest_cano import Accept, check
from pytest_cano.budget import SessionBudget
from pytest_cano.view import WorldView
from saga_programs import planted, saga


def forgetful(world: Any) -> Any:
    return world.keep("store", ForgetfulStore)


def nested(found: dict[str, str]) -> list[str]:
    return [text for text in found if ">" in text]


# Depth


def test_each_distinct_durable_state_is_recovered_from_once(search):
    made = search(sound, depth=2)
    found = made.found()

    # A crash before the new life has claimed the run leaves what there was, and one in
    # a state that was entered anew what a crash of the first life leaves there; but a
    # RESUME row is a row, and what it is followed by is another log.
    assert nested(found) == [
        "Start@start > Start@start",
        "Start@start > Process@start",
        "Start@start > Process@effect:1",
        "Process@start > Process@start",
        "Process@start > Process@effect:1",
    ]
    assert made.finder.seen == {2: 22}
    assert set(found.values()) == {"PASS"}
    assert made.finder.limits == []


def test_the_third_depth_goes_on_from_what_was_new_in_the_second(search):
    made = search(sound, depth=3)
    found = made.found()
    third = [text for text in nested(found) if text.count(">") == 2]

    assert {text.rpartition(" > ")[0] for text in third} <= {*nested(found)}
    assert third == [
        "Start@start > Start@start > Start@start",
        "Start@start > Start@start > Process@start",
        "Start@start > Start@start > Process@effect:1",
        "Start@start > Process@start > Process@start",
        "Start@start > Process@start > Process@effect:1",
        "Process@start > Process@start > Process@start",
        "Process@start > Process@start > Process@effect:1",
    ]


def counting_resumes(limit: int) -> Any:
    """A task that takes itself for done once it was resumed too often."""

    def process(world: WorldView) -> Any:
        async def task(run: RunContext) -> str:
            if run.resumes < limit:
                world.ledger.effect("charge", 42, key=run.idempotency_key)
            return "Done"

        return task

    return processing(process)


@pytest.mark.parametrize(
    ("limit", "smallest"),
    [
        (1, ["Process@start"]),
        (2, ["Process@start > Process@start"]),
        (3, ["Process@start > Process@start > Process@start"]),
    ],
)
def test_a_bug_is_found_with_the_fewest_crashes_that_show_it(search, limit, smallest):
    found = search(counting_resumes(limit), depth=3).found()
    failed = [text for text, verdict in found.items() if verdict != "PASS"]

    assert [text for text in failed if "Start" not in text] == smallest
    assert {text.count(">") for text in failed} == {limit - 1}


def test_a_rollback_that_is_lost_by_its_second_crash_is_found(search):
    async def unbook(self: Any, seat: int, run: RunContext) -> None:
        # Who was started too often takes the seat for free.
        if self.world.life <= 2:
            self.ledger.effect("unbook", seat, key=run.idempotency_key)

    once = search(planted(unbook=unbook), depth=1).found()
    twice = search(planted(unbook=unbook), crash="@undo").found()

    assert set(once.values()) == {"PASS"}
    failed = {text: verdict for text, verdict in twice.items() if verdict != "PASS"}
    assert failed["Book@undo > Book@undo"] == "LOST"
    assert {text.count(">") for text in failed} == {1}


@pytest.mark.parametrize(
    ("program", "deep"),
    [(sound, False), (saga(), True), (planted(refuses=False), True)],
)
def test_only_what_can_be_undone_is_crashed_twice_unless_asked_for(
    search, program, deep
):
    made = search(program, crash="@start")

    assert bool(nested(made.found())) is deep
    assert set(made.finder.seen) == ({2} if deep else set())
    assert not nested(search(program, crash="@start", depth=1).found())


def test_named_schedules_are_roots_only_if_a_depth_was_asked_for(search):
    named = "Process@end, Start@start > Process@start"
    usual = search(saga(), crash="Book@end, Book@start > Pay@start").found()
    made = search(sound, crash=named, depth=3)

    assert list(usual) == ["Book@end", "Book@start > Pay@start"]
    found = nested(made.found())
    assert found[0] == "Start@start > Process@start"
    assert {text.partition(" > ")[0] for text in found} == {
        "Start@start",
        "Process@end",
    }
    assert "Start@start > Process@start > Process@effect:1" in found
    assert "Process@end > Process@start > Process@start" in found


def test_what_holds_a_failed_schedule_is_not_run(search):
    made = search(processing(charging), depth=2)
    found = made.found()

    assert [text for text, verdict in found.items() if verdict != "PASS"] == [
        "Process@effect:1",
        "Process@end",
    ]
    assert made.finder.implied
    assert any("could only fail like another" in limit for limit in made.finder.limits)


def test_a_recovery_that_is_not_the_same_each_time_proves_nothing(search):
    lives = iter(range(1000))

    def process(world: WorldView) -> Any:
        async def task(run: RunContext) -> str:
            # Only the first recovery of all knows of this effect.
            if run.resumes and next(lives) == 0:
                world.ledger.effect("charge", 1, key=run.idempotency_key)
                world.ledger.effect("charge", 1, key=run.idempotency_key)
            else:
                world.ledger.effect("charge", 1, key=run.idempotency_key)
            return "Done"

        return task

    made = search(processing(process), crash="Process@start", depth=2)
    found = made.found()

    assert "NOT_FIRED" not in found.values()
    assert made.finder.vanished == 1
    assert any("proved nothing" in limit for limit in made.finder.limits)


def test_a_store_that_forgets_is_not_crashed_after_its_end_at_any_depth(search):
    for crash in ("all", "everywhere", "random:60", "all=ack-lost"):
        made = search(sound, crash=crash, depth=2, store=forgetful)
        found = made.found()

        assert set(found.values()) == {"PASS"}, (crash, found)
        assert not any("@cleared" in text for text in found)
        assert "Done@recorded=ack-lost" not in found


def test_what_a_forgetful_store_can_not_pass_is_said(search):
    limits = search(sound, crash="all, all=ack-lost", store=forgetful).plan.limits

    assert limits[0].startswith("Done@cleared is left out: its store forgets")
    assert limits[1].startswith("Done@recorded=ack-lost is left out: its store")


# Order


def test_what_is_named_comes_first_and_simple_faults_before_others(search):
    made = search(
        sound, crash="@end=error, @end=fail, @end=cancel, @end, everywhere, Start@start"
    )

    assert list(made.found()) == [
        "Start@start",
        "everywhere",
        "Start@end",
        "Process@end",
        "Start@end=cancel",
        "Process@end=cancel",
        "Start@end=fail",
        "Process@end=fail",
        "Start@end=error",
        "Process@end=error",
    ]


# Everywhere


def test_everywhere_is_one_schedule_with_a_crash_at_every_point(search):
    (trial,) = search(sound, crash="everywhere").trials()

    assert (trial.text, trial.exact, trial.verdict) == (
        "everywhere",
        "everywhere=raise",
        "PASS",
    )
    crashes = [str(life.crashed_at) for life in trial.story.lives if life.crashed_at]
    assert crashes == [
        "Start@enter",
        "Start@start",
        "Start@load",
        "Start@end",
        "Process@start",
        "Process@load",
        "Process@enter",
        "Process@effect:1",
        "Process@end",
        "Done@cleared",
    ]
    assert str(trial.schedule) == " > ".join(crashes)


def test_everywhere_finds_what_one_crash_finds(search):
    assert search(processing(charging), crash="everywhere").found() == {
        "everywhere": "DUPLICATED"
    }


def test_everywhere_comes_to_its_end(search, monkeypatch):
    monkeypatch.setattr("pytest_cano.explorer.EVERYWHERE", 3)
    monkeypatch.setattr("pytest_cano.search.EVERYWHERE", 3)
    made = search(sound, crash="everywhere")
    (trial,) = made.trials()

    assert trial.schedule.depth == 3
    assert made.finder.limits == ["everywhere came to its end after 3 crashes"]


# Earlier failures


def test_what_failed_before_is_tried_first(search):
    earlier = ("Process@end > Process@start", "Start@end", "nonsense", "X@end > Y@end")
    made = search(sound, depth=2, earlier=earlier)
    found = list(made.found())

    assert found[:3] == ["Process@end > Process@start", "Start@end", "Start@enter"]
    assert found.count("Start@end") == 1


def test_an_earlier_failure_that_is_not_asked_for_is_left_alone(search):
    made = search(sound, crash="Start", earlier=("Process@end", "Start@end > X@end"))

    assert list(made.found()) == ["Start@enter", "Start@start", "Start@end"]


def test_an_earlier_failure_that_can_not_happen_any_more_is_outdated(search):
    made = search(sound, depth=2, earlier=("Process@end > Start@start",))

    assert "Process@end > Start@start" not in made.found()
    assert made.finder.outdated == ["Process@end > Start@start"]


def test_made_up_failures_are_tried_again_where_schedules_are_made_up(search):
    earlier = ("Process@end=fail > Process@start",)

    assert next(iter(search(sound, crash="random:1", earlier=earlier).found())) in (
        earlier
    )


# Budget


def test_a_budget_of_schedules_is_kept_and_what_is_left_out_counted(search):
    made = search(sound, depth=2)
    found = made.found(SessionBudget("4", 1).share())

    assert len(found) == 4
    assert made.finder.left_out >= 3
    assert made.finder.limits[0].startswith(
        f"{made.finder.left_out} schedules were not run: the budget was used up"
    )


def test_even_without_a_budget_one_schedule_is_run(search):
    share = SessionBudget("1", 5)
    for _ in range(3):
        part = share.share()
        assert len(search(sound).found(part)) == 1
        part.close()


def test_made_up_schedules_are_within_the_budget(search):
    made = search(sound, crash="random:30")
    share = SessionBudget("5", 1).share()

    assert len(made.found(share)) <= 5
    assert made.finder.left_out == 25


# Endings


def test_a_shop_that_is_right_is_so_under_every_ending(search):
    made = search(sound, endings=("raise", "freeze", "cancel"))
    found = made.found()

    assert set(found.values()) == {"PASS"}
    assert len(found) == 3 * len(made.points)


def cleaning(world: WorldView) -> Any:
    """A task whose clean-up, which a real death would not run, is what saves it."""
    paid = world.disk / "paid"

    async def task(run: RunContext) -> str:
        try:
            world.ledger.effect("charge", 42, key=None if paid.exists() else "once")
        finally:
            paid.touch()
        return "Done"

    return task


def test_endings_that_disagree_are_compared(search):
    made = search(
        processing(cleaning), crash="Process@effect", endings=("raise", "freeze")
    )
    trials = {trial.text: trial for trial in made.trials()}
    compared = trials["Process@effect:1=all"]

    assert {text: trial.verdict.value for text, trial in trials.items()} == {
        "Process@effect:1": "DUPLICATED",
        "Process@effect:1=freeze": "PASS",
        "Process@effect:1=all": "ENDINGS_DISAGREE",
    }
    assert compared.exact == "Process@effect:1=all"
    message, details = compared.findings[0].message, compared.findings[0].details
    assert message == "it passes under freeze and fails under raise"
    assert details[0].startswith("raise   DUPLICATED  charge(42) happened 2 times")
    assert details[1] == "freeze  PASS"
    assert any(line.startswith("freeze  life 2  resumed at") for line in details)


def test_a_longer_schedule_is_compared_under_each_ending_that_was_named(search):
    named = ", ".join(
        f"Start@end={kind} > Process@effect:1={kind}" for kind in ("raise", "freeze")
    )
    trials = search(processing(cleaning), crash=named).trials()

    assert trials[-1].text == "Start@end > Process@effect:1=all"
    assert trials[-1].exact == named


def under_two_endings(*accepted: str) -> dict[str, str]:
    report = check(
        processing(cleaning),
        crash="Process@effect",
        ending=("raise", "freeze"),
        accept=[Accept("Process@effect", each, "it is known") for each in accepted],
    )
    # An exception that has accepted nothing would be a problem.
    assert "remove it" not in str(report)
    return report.verdicts


def test_that_endings_disagree_can_be_accepted():
    assert under_two_endings("ENDINGS_DISAGREE") == {
        "Process@effect:1": "DUPLICATED",
        "Process@effect:1=freeze": "PASS",
        "Process@effect:1=all": "ACCEPTED",
    }


def test_what_is_accepted_under_one_ending_disagrees_with_none():
    assert under_two_endings("DUPLICATED") == {
        "Process@effect:1": "ACCEPTED",
        "Process@effect:1=freeze": "PASS",
    }
