"""The re-execution coverage: what ran again, of what there is."""

import json
from typing import Any, Literal

import pytest

from cano_core import RunContext, TaskConfig, Workflow
from pytest_cano.checking import check
from pytest_cano.coverage import Coverage, coverage_of, merged
from pytest_cano.report.reexecution import coverage_text
from pytest_cano.schedule import CrashPoint, Fault
from pytest_cano.story import LifeStory, Story
from pytest_cano.view import WorldView
from saga_programs import planted, saga
from search import Search
from stories import baseline, crashed, extra, returned, row, rows, run, story, task_run

KINDS: dict[str, Any] = {"Start": "task", "Process": "task"}


def covered(told: Story) -> Coverage:
    (coverage,) = coverage_of(told)
    return coverage


def exercised(search: Search, *schedules: str) -> Coverage:
    trials = [search.run(schedule).story for schedule in schedules]
    (coverage,) = merged(
        each for told in [search.baseline, *trials] for each in coverage_of(told)
    )
    return coverage


def test_an_undisturbed_run_enters_states_and_repeats_none():
    coverage = covered(baseline(task_runs=(task_run("Start"), task_run("Process"))))

    assert coverage.states == ("Start", "Process")
    assert coverage.declared == {("Start", "Process"), ("Process", "Done")}
    assert coverage.entered == {"Start", "Process"}
    assert coverage.taken == coverage.declared
    assert not coverage.repeated
    assert coverage.jumps == {("Start", "at"), ("Process", "at")}
    assert not coverage.resumed


def test_a_task_that_ran_in_two_lives_was_repeated():
    log = rows("Start", "Process", "+Process", "Done")
    coverage = covered(
        story(
            runs=[run(kinds=KINDS, logs=(log,))],
            task_runs=(
                task_run("Start"),
                task_run("Process", ended="crashed"),
                task_run("Process", life=2),
            ),
        )
    )

    assert coverage.repeated == {"Process"}
    assert coverage.resumed == {("Process", "at")}


def test_a_second_visit_is_no_repetition():
    runs = (task_run("Start"), task_run("Start", visit=2), task_run("Process", life=2))

    assert not covered(story(task_runs=runs)).repeated


def test_no_transition_leads_from_one_life_to_the_next():
    # As where a router, which has no row, was the last that ran.
    back = run(transitions={"Start": frozenset({"Pick"}), "Pick": frozenset({"Start"})})
    runs = (task_run("Start"), task_run("Pick"), task_run("Start", life=2))

    coverage = covered(story(runs=[back], task_runs=runs))

    assert coverage.taken == {("Start", "Pick")}
    assert coverage.repeated == {"Start"}


def test_a_loop_of_one_state_is_a_transition():
    loop = run(transitions={"Start": frozenset({"Start", "Done"})})
    runs = (task_run("Start", visit=1), task_run("Start", visit=2))

    coverage = covered(story(runs=[loop], task_runs=runs))

    assert coverage.taken == {("Start", "Start"), ("Start", "Done")}


def test_a_failed_task_leads_nowhere():
    failing = (task_run("Start", ended="interrupted"), task_run("Process"))
    coverage = covered(story(runs=[run(exit=None)], task_runs=failing))

    assert coverage.entered == {"Start", "Process"}
    assert not coverage.taken


def test_the_extra_start_exercises_nothing():
    coverage = covered(
        story(
            lives=[crashed(), returned(2), extra(3)],
            task_runs=(task_run("Start"), task_run("Start", life=3)),
        )
    )

    assert not coverage.repeated


def test_compensations_are_no_tasks_that_ran_again():
    undoing = [task_run("Start", life=life, undoing=True) for life in (1, 2)]

    assert not covered(story(task_runs=tuple(undoing))).entered


@pytest.mark.parametrize(
    ("log", "how"),
    [
        (rows("Start", "+Start"), {("Start", "at")}),
        (rows("Start", "!Start", "+Start"), {("Start", "after")}),
        (rows("Start", "!Start", "Process", "+Process"), {("Process", "at")}),
        (
            rows("Start", "!Start", "Process", "<Process", "+Process"),
            {("Process", "rolling back")},
        ),
    ],
)
def test_how_a_run_was_resumed_is_read_from_its_log(log, how):
    kinds = {"Start": "compensatable", "Process": "task", "Pick": "router"}
    transitions = {
        "Start": frozenset({"Pick", "Process"}),
        "Process": frozenset({"Done"}),
        "Pick": frozenset({"Process"}),
    }
    told = run(kinds=kinds, transitions=transitions, logs=(log,))

    assert covered(story(runs=[told])).resumed == how


def test_a_saga_can_be_resumed_in_every_way(tmp_path):
    search = Search(saga(), tmp_path)

    coverage = exercised(search, *map(str, search.plan.schedules))

    assert coverage.states == ("Book", "Pick", "Pay", "Check")
    assert coverage.entered == set(coverage.states)
    # Check fails, so the only crash in it is the one before its task begins.
    assert coverage.repeated == {"Book", "Pick", "Pay"}
    assert coverage.resumed == {
        *(("Book", "at"), ("Pay", "at"), ("Check", "at")),
        ("Book", "after"),
        ("Check", "rolling back"),
    }
    assert coverage.jumps >= coverage.resumed


def test_what_is_declared_and_never_taken_is_left(tmp_path):
    async def program(world: WorldView) -> None:
        async def start(run: RunContext) -> Literal["Ship", "Refund"]:
            return "Ship"

        async def end(run: RunContext) -> Literal["Done"]:
            return "Done"

        workflow = Workflow(checkpoint_store=world.store)
        for state, task in (("Start", start), ("Ship", end), ("Refund", end)):
            workflow.register(state, task, config=TaskConfig.minimal())
        workflow.add_exit_state("Done")
        await workflow.start_or_resume("Start", workflow_id=world.workflow_id)

    coverage = exercised(Search(program, tmp_path), "Start@end")

    assert coverage_text([coverage]) == (
        "re-executed  1/3 states (once only: Ship; never entered: Refund)  "
        "2/4 transitions  1/3 resume jumps  1/6 crash points  0/1 in recovery"
    )


def test_it_survives_a_journey_as_builtins(tmp_path):
    search = Search(planted(refuses=False), tmp_path)
    coverage = exercised(search, "Book@end", "Pick@end")

    told = json.loads(json.dumps(coverage.as_builtins()))

    assert Coverage.of_builtins(told) == coverage


def test_tests_of_one_definition_add_up_and_others_stay_apart():
    one = Coverage(
        ("A", "B"), entered=frozenset({"A"}), points=frozenset({"A@end", "A@enter"})
    )
    two = Coverage(
        ("A", "B"),
        entered=frozenset({"B"}),
        repeated=frozenset({"B"}),
        points=frozenset({"A@end", "B@end"}),
        crashed=frozenset({"A@end"}),
    )
    other = Coverage(("A", "C"))

    assert merged([one, other, two]) == (
        Coverage(
            ("A", "B"),
            entered=frozenset({"A", "B"}),
            repeated=frozenset({"B"}),
            points=frozenset({"A@end", "A@enter", "B@end"}),
            crashed=frozenset({"A@end"}),
        ),
        other,
    )


def test_a_run_of_which_nothing_is_known_has_no_coverage():
    assert coverage_of(baseline(runs=[run(transitions={})])) == ()


def test_crash_points_are_those_that_were_met_and_those_where_something_happened():
    met = tuple(map(CrashPoint.parse, ("Start@end", "Process@end#2", "2:Start@end")))
    first = LifeStory(1, "crashed", points=met[:2], struck=(Fault(met[1]),))
    second = LifeStory(2, "returned", points=met[:1])
    last = LifeStory(3, "returned", points=(CrashPoint.parse("Never@end"),), extra=True)

    coverage = covered(story(lives=[first, second, last], task_runs=(task_run(),)))

    assert coverage.points == {"Start@end", "Process@end#2"}
    assert not coverage.undisturbed
    assert coverage.crashed == {"Process@end#2"}


def test_what_only_a_recovery_meets_is_counted_on_its_own(tmp_path):
    coverage = exercised(Search(planted(refuses=False), tmp_path), "Pay@end")

    assert coverage.points - coverage.undisturbed == {"Pay@load", "Pay@enter"}
    assert coverage_text([coverage]).endswith("  1/11 crash points  0/2 in recovery")


def test_each_workflow_of_a_test_has_its_own_crash_points():
    other = {"Start": frozenset({"Done"})}
    lives = [
        LifeStory(
            1,
            "crashed",
            points=tuple(map(CrashPoint.parse, ("Start@end", "2:Start@enter"))),
            struck=(Fault(CrashPoint.parse("2:Start@enter")),),
        ),
        returned(2),
    ]

    told = story(lives=lives, runs=[run(), run(2, transitions=other)])
    one, two = coverage_of(told)

    assert (one.points, one.crashed) == ({"Start@end"}, frozenset())
    assert (two.points, two.crashed) == ({"Start@enter"}, {"Start@enter"})


def test_what_led_to_a_known_state_has_crashed_there_all_the_same(tmp_path):
    search = Search(saga(), tmp_path, depth=2)
    lone = {str(each) for each in search.plan.points}

    search.trials()
    (coverage,) = search.finder.covered

    assert sum(search.finder.seen.values()) > 0
    assert coverage.points > coverage.undisturbed >= lone
    assert coverage.crashed == coverage.points


def test_a_few_workflows_have_a_line_each_and_many_a_number():
    each = [Coverage((f"S{number}",)) for number in range(12)]
    lines = coverage_text(each).splitlines()

    assert coverage_text([]) == ""
    assert lines[0] == (
        "re-executed  0/1 states of S0 (never entered: S0)  0/0 resume jumps  "
        "0/0 crash points"
    )
    assert lines[10:] == ["… and 2 more workflows"]


def test_of_many_states_a_few_are_named():
    coverage = Coverage(tuple("ABCDEFG"))

    assert "(never entered: A, B, C, D, E and 2 more)" in coverage_text([coverage])


def test_a_report_of_check_has_it():
    text = str(check(planted(refuses=False), crash="Book@end, Pay@end"))

    assert text.endswith(
        "\nre-executed  2/4 states (once only: Pick, Check)  2/9 resume jumps  "
        "2/11 crash points  0/3 in recovery"
    )


def test_rows_of_unknown_kinds_are_passed_over():
    odd = row(1, "Start", kind=99)  # type: ignore[arg-type]

    assert not covered(story(runs=[run(logs=((odd,),))])).resumed
