"""Reports as text: verdict first, what happened, and how to see it again."""

import re

import pytest

from pytest_cano.report.text import (
    failed_line,
    failure_text,
    flaky_text,
    matrix_text,
    score_text,
    summary_line,
    summary_text,
    title,
)
from pytest_cano.schedule import CrashPoint, Schedule
from pytest_cano.story import Finding, LifeStory, Trial, Verdict
from pytest_cano.summary import Summary
from stories import baseline, crashed, effect, extra, failed, returned, story

CHARGE, EMAIL = "charge('order-1', 42)", "email('order-1')"
PLACE = "shop/checkout.py:31 in process"
TWICE = Finding(
    Verdict.DUPLICATED, f"{CHARGE} happened 2 times, 1 in the undisturbed run"
)


def trial(*findings: Finding, usual=None, **more) -> Trial:
    seen = story(**more)
    found = findings or (TWICE,)
    assert seen.schedule is not None
    return Trial(seen.schedule, found[0].verdict, found, seen, usual or baseline())


def test_the_title_names_the_schedule():
    schedule = Schedule.parse("Process@end > Process@start")

    assert title("test_x", schedule) == "test_x [Process@end > Process@start]"


def test_a_failure_as_printed():
    usual = baseline(effects=(effect(CHARGE), effect(EMAIL)))
    charges = [effect(CHARGE, life=life, location=PLACE) for life in (1, 2)]
    seen = trial(
        usual=usual,
        lives=(crashed(), returned(2, "resumed at Process > Finalize > Done")),
        effects=(*charges, effect(EMAIL, life=2)),
    )

    again = "pytest 'tests/test_checkout.py::test_checkout' --cano-crash='Process@end'"
    assert (
        failure_text(seen, again=again)
        == f"""\
DUPLICATED  charge('order-1', 42) happened 2 times, 1 in the undisturbed run

  life 1   Start > Process  crashed at end: the task had returned, nothing was recorded
  life 2   resumed at Process > Finalize > Done

  effect                  undisturbed  this run
  charge('order-1', 42)             1         2   shop/checkout.py:31 in process
  email('order-1')                  1         1

  again   {again}"""
    )


def test_what_a_life_survived_is_told_below_it():
    schedule = "Charge@end=error + Ship@start=fail > Ship@end=kill"
    lives = (
        returned(1, "Charge > Ship", struck=Schedule.parse(schedule).lives[0]),
        crashed(2, "Ship@end", "resumed at Ship"),
    )

    text = failure_text(trial(lives=lives, schedule=schedule), again="")

    assert (
        """
  life 1   Charge > Ship
           the store operation after Charge@end was made to fail
           the task was made to fail at Ship@start
  life 2   resumed at Ship  crashed at end"""
        in text
    )


def test_further_findings_hints_notes_and_the_failure_follow():
    died = LifeStory(
        1,
        "crashed",
        ("Start > Process",),
        CrashPoint("Process", "effect", 1),
        notes=("clear of run 'r' was tried after the crash, and refused",),
    )
    seen = trial(
        Finding(Verdict.STUCK, "the run was left at Process", ("so it is",)),
        Finding(Verdict.RERAN, "the task of Start ran 2 times"),
        lives=(died, failed(2, "Traceback\nE   RunExistsError: r exists\n")),
        hints=("let the program call workflow.start_or_resume(...)",),
    )

    assert (
        failure_text(seen, again="...")
        == """\
STUCK  the run was left at Process
       so it is

  life 1   Start > Process  crashed at effect:1: effect 1 had happened, the task never learnt of it
           clear of run 'r' was tried after the crash, and refused
  life 2   no state was entered  failed: RunExistsError: r exists

  also    RERAN  the task of Start ran 2 times

  hint    let the program call workflow.start_or_resume(...)

  life 2 failed:
    Traceback
    E   RunExistsError: r exists

  again   ..."""  # noqa: E501
    )


@pytest.mark.parametrize(
    ("life", "line"),
    [
        (
            crashed(1, "Process@enter", "resumed at Process"),
            "resumed at Process  crashed at enter: nothing of it was recorded",
        ),
        (
            LifeStory(1, "crashed", (), CrashPoint("Start", "enter")),
            "no state was entered  crashed at Start@enter: nothing of it was recorded",
        ),
        (
            crashed(1, "Process@start#2", "Start > Process > Process"),
            "Start > Process > Process  crashed at Process@start#2: its entry",
        ),
        (
            crashed(1, "2:Process@start", "1: Start > Done", "2: Process"),
            "1: Start > Done; 2: Process  crashed at 2:Process@start: its entry",
        ),
        (
            extra(3),
            "the finished program, started once more: had finished at Done",
        ),
        (LifeStory(2, "skipped"), "no state was entered  was skipped"),
    ],
)
def test_the_line_of_a_life(life, line):
    text = failure_text(trial(lives=(life, returned(9))), again="...")

    assert f"  life {life.number}   {line}" in text


def test_a_crash_in_a_compensation_says_so():
    point = CrashPoint("Process", "effect", 2)
    died = LifeStory(1, "crashed", ("Start > Process",), point, undoing=True)
    text = failure_text(trial(lives=(died, returned(2))), again="...")

    assert "at effect:2: effect 2 had happened, the compensation never learnt" in text


def test_effects_that_differ_stand_first_in_the_table():
    alike = [effect(f"step({number})") for number in range(3)]
    more = [effect("twice()", life=life) for life in (1, 2)]
    usual = baseline(effects=(*alike, more[0], effect("lost()")))
    lines = failure_text(trial(usual=usual, effects=(*alike, *more)), again="...")

    names = re.findall(r"^  (\w+\([0-9]?\)) ", lines, re.MULTILINE)
    assert names == ["twice()", "lost()", "step(0)", "step(1)", "step(2)"]


def test_effects_that_differ_are_always_in_the_table():
    alike = [effect(f"step({number})") for number in range(30)]
    seen = trial(usual=baseline(effects=alike), effects=(*alike, effect(CHARGE)))
    text = failure_text(seen, again="...")

    assert text.count("step(") == 12
    assert f"  {CHARGE}" in text
    assert "… and 18 more, as often as undisturbed" in text


def test_a_long_effect_is_cut():
    seen = trial(effects=(effect(f"send('{'x' * 300}\n')"),))
    lines = failure_text(seen, again="...").splitlines()

    assert any(line.startswith("  send('xxx") and "…" in line for line in lines)
    assert max(map(len, lines)) < 130


def test_a_lost_effect_s_place_is_that_of_the_undisturbed_run():
    usual = baseline(effects=(effect(CHARGE, location=PLACE),))

    assert PLACE in failure_text(trial(usual=usual), again="...")


def test_what_is_not_judged_is_not_counted():
    look = [effect("look()", point=None, life=life) for life in (2, 3)]
    seen = trial(
        lives=(crashed(), returned(), extra(3)),
        usual=baseline(effects=(effect("look()", point=None),)),
        effects=(*look, effect(CHARGE, life=3)),
    )

    table = failure_text(seen, again="...").splitlines()
    assert "  look()                            1         1" in table
    assert f"  {CHARGE}             0         1   shop.py:31 in process" in table


def test_without_effects_there_is_no_table():
    assert "undisturbed  this run" not in failure_text(trial(), again="...")


def test_a_flaky_baseline_names_the_place_and_the_way_out():
    finding = Finding(
        Verdict.FLAKY_BASELINE, f"{CHARGE} happened 1 times first", ("x",)
    )
    usual = baseline(effects=(effect(CHARGE, location=PLACE), effect(EMAIL)))

    assert (
        flaky_text(finding, usual)
        == """\
FLAKY_BASELINE  charge('order-1', 42) happened 1 times first
                x

  charge('order-1', 42)   shop/checkout.py:31 in process

  Two undisturbed runs differ, so no crash can be judged. Give every life the
  same data (cano_faker is seeded alike), or say what may differ:
  cano.normalise(fn) for arguments and observations, cano_ignore_effects for
  effects, cano_ignore_observations for observations."""
    )


# Summaries

POINTS = [
    "Start@end",
    "Process@start",
    "Process@effect:1",
    "Process@effect:2",
    "Process@end",
    "Done@cleared",
]
PASSED = Summary("test_fine", POINTS, dict.fromkeys(POINTS, "PASS"), 0.84)
FAILED = Summary(
    "test_checkout",
    POINTS,
    {
        "Start@end": "PASS",
        "Process@start": "PASS",
        "Process@effect:1": "PASS",
        "Process@effect:2": "DUPLICATED",
        "Process@end": "DUPLICATED",
        "Process@end > Process@start": "LOST",
    },
    12.0,
)


@pytest.mark.parametrize(
    ("summary", "line"),
    [
        (PASSED, "test_fine  6/6 crash points  0.8 s"),
        (FAILED, "test_checkout  3/5 crash points of 6  depth 2: 0/1  12.0 s"),
        (
            Summary("t", POINTS, {"A@end > B@end": "PASS"}),
            "t  depth 2: 1/1  0.0 s",
        ),
        (Summary("t", POINTS), "t  not crashed  0.0 s"),
        (Summary("t", POINTS, flaky=True), "t  FLAKY_BASELINE, not crashed  0.0 s"),
    ],
)
def test_the_line_of_a_test(summary, line):
    assert summary_line(summary) == line


def test_a_point_at_which_several_things_happen_counts_once():
    points = ['"odd = @ label"@end', "B@end", "C@end"]
    verdicts = {
        f"{point}=unsynced:{number}": "PASS"
        for point in points[:2]
        for number in (1, 2)
    }
    summary = Summary("t", points, verdicts | {"B@end": "LOST_WORK"}, 1.0)

    assert summary_line(summary) == (
        "t  0/1 crash points of 3  unsynced 4/4 at 2 of 3 points  1.0 s"
    )
    assert score_text([summary]).endswith("  2/3 crash points   worst  LOST_WORK")
    assert "LOST_WORK 1/3" in matrix_text([summary])
    assert failed_line(summary) == "1 of 5 schedules failed: B@end LOST_WORK"


def test_the_failed_line():
    assert failed_line(FAILED) == (
        "3 of 6 schedules failed: Process@effect:2 DUPLICATED, Process@end DUPLICATED, "
        "Process@end > Process@start LOST"
    )


def test_the_failed_line_names_only_some():
    verdicts = {f"A@effect:{number}": "LOST" for number in range(1, 9)}
    line = failed_line(Summary("t", list(verdicts), verdicts))

    assert line.startswith("8 of 8 crash points failed: A@effect:1 LOST, ")
    assert line.endswith("A@effect:5 LOST and 3 more")


def test_the_matrix_is_of_what_failed():
    assert (
        matrix_text([PASSED, FAILED])
        == """\
test_checkout  start  effect          end         cleared
  Start                               ok
  Process      ok     DUPLICATED 1/2  DUPLICATED
  Done                                            -

(-: met, not crashed in this session; blank: there is no such moment)"""
    )


def test_the_matrix_keeps_runs_apart():
    verdicts = {"A@end": "PASS", "2:A@end": "LOST"}
    lines = matrix_text([Summary("t", list(verdicts), verdicts)]).splitlines()

    assert lines == ["t           end", "  A         ok", "  run 2: A  LOST"]


def test_nested_schedules_alone_have_no_matrix_and_cover_nothing():
    nested = Summary("t", POINTS, {"Start@end > Process@start": "LOST"})

    assert not matrix_text([nested])
    assert score_text([nested]) == (
        "score  0/1 schedules passed (0 %)   coverage  0/6 crash points   worst  LOST"
    )


def test_one_is_no_plural():
    assert failed_line(Summary("t", POINTS, {"Start@end": "LOST"})) == (
        "1 of 1 crash point failed: Start@end LOST"
    )


def test_the_score_has_its_coverage():
    assert score_text([PASSED, FAILED]) == (
        "score  9/12 schedules passed (75 %)   coverage  11/12 crash points   "
        "worst  DUPLICATED"
    )
    assert score_text([]) == "score  0/0 schedules passed   coverage  0/0 crash points"


def test_the_whole_summary():
    limited = Summary("t", ["A@end"], {"A@end": "PASS"}, 1.0, ["X is left out."])

    assert summary_text([PASSED, limited, limited]) == (
        "test_fine  6/6 crash points  0.8 s\n"
        "t          1/1 crash points  1.0 s\n"
        "t          1/1 crash points  1.0 s\n"
        "\n"
        "X is left out.\n"
        "\n"
        "score  8/8 schedules passed (100 %)   coverage  8/8 crash points   worst  PASS"
    )
