"""What a session with crash tests shows, counts and remembers."""

import re

import pytest

from shop_project import BUGGY, SAFE

FAILURE = """\
_ test_buggy [Charge@end] _
DUPLICATED  charge('order-1', 42) happened 2 times, 1 in the undisturbed run
            no call had a key; hand it key=run.idempotency_key
            if it only reads: spy(..., ignore='charge'), or name it in \
cano_ignore_effects

  life 1   Charge  crashed at end: the task had returned, nothing was recorded
  life 2   resumed at Charge > Ship > Done

  effect                  undisturbed  this run
  charge('order-1', 42)             1         2   shop.py:11 in charge
  send('order-1')                   1         1

  again   pytest 'test_buggy.py::test_buggy' --cano-crash='Charge@end'
  read    python -m pytest_cano explain DUPLICATED
_ test_buggy _
1 of 2 crash points failed: Charge@end DUPLICATED
"""


def squeeze(text):
    """Rulers differ with the width of the terminal, and what is between them not."""
    return re.sub(r"([_=])\1+", r"\1", text)


def test_a_failure_is_shown_verdict_first_and_ends_with_its_command(project):
    project.add("test_buggy.py", BUGGY)

    result = project.run("--cano-crash=@end")

    assert FAILURE in squeeze(result.stdout.str())


def test_the_command_of_a_failure_runs_exactly_that_schedule(project):
    project.add("tests/test_buggy.py", BUGGY.replace("def ", PARAMETERS + "def "))

    first = project.run("--cano-crash=@end")
    again = next(line for line in first.outlines if line.startswith("  again "))
    nodeid, crash = re.fullmatch(
        r"  again   pytest '(tests/.*\[.*\])' (--cano-crash=)'Charge@end'", again
    ).groups()
    result = project.run(nodeid, f"{crash}Charge@end", "-v")

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*FAILED [[]Charge@end]*"])


PARAMETERS = (
    "import pytest\n@pytest.mark.parametrize('cano_store', ['memory'], indirect=True, "
    "ids=['a b'])\n"
)


def test_each_schedule_has_its_own_line_under_the_tests_name(project):
    project.add("test_buggy.py", BUGGY)

    result = project.run("--cano-crash=@end", "-v")

    result.stdout.fnmatch_lines(
        [
            "test_buggy.py::test_buggy FAILED [[]Charge@end]*[[]100%]",
            "test_buggy.py::test_buggy PASSED [[]Ship@end]*[[]100%]",
            "test_buggy.py::test_buggy FAILED *[[]100%]",
        ],
        consecutive=True,
    )
    result.assert_outcomes(failed=2, passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_the_short_summary_names_schedule_and_verdict(project):
    project.add("test_buggy.py", BUGGY)

    result = project.run("--cano-crash=@end", "-rA", "--tb=no")

    result.stdout.fnmatch_lines(
        [
            "PASSED [[]Ship@end] test_buggy.py::test_buggy",
            "FAILED [[]Charge@end] test_buggy.py::test_buggy - DUPLICATED *",
            "FAILED test_buggy.py::test_buggy - 1 of 2 crash points failed: *",
        ]
    )
    result.stdout.no_fnmatch_line("*life 1*")


def test_the_line_style_shows_one_line_each(project):
    project.add("test_buggy.py", BUGGY)

    result = project.run("--cano-crash=@end", "--tb=line")

    result.stdout.fnmatch_lines(
        [
            "test_buggy.py:3: DUPLICATED *",
            "test_buggy.py:3: 1 of 2 crash points failed: *",
        ],
        consecutive=True,
    )
    result.stdout.no_fnmatch_line("*life 1*")


def test_the_summary_has_a_line_per_test_a_matrix_and_a_score(project):
    project.add("test_buggy.py", BUGGY)
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=all")

    summary = result.stdout.str().split(" cano crash summary ")[1]
    wanted = r"""
test_buggy  6/8 crash points  [\d.]+ s
test_safe   8/8 crash points  [\d.]+ s

test_buggy  enter  start  effect      end         cleared
  Charge    ok     ok     DUPLICATED  DUPLICATED
  Ship             ok     ok          ok
  Done                                            ok

score  14/16 schedules passed \(87 %\)   coverage  16/16 crash points   worst  \w+
re-executed  2/2 states  2/2 resume jumps  8/8 crash points  0/3 in recovery
"""
    assert re.search(wanted, summary)


def test_a_green_summary_has_no_matrix(project):
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=all")

    summary = result.stdout.str().split(" cano crash summary ")[1]
    assert re.match(
        r"=+\ntest_safe  8/8 crash points  [\d.]+ s\n\nscore .*\nre-executed .*\n=",
        summary,
    )


def test_tests_of_one_name_are_told_apart(project):
    project.add("test_one.py", SAFE)
    project.add("test_two.py", SAFE)

    result = project.run("--cano-crash=@end")

    result.stdout.fnmatch_lines(
        ["test_one.py::test_safe  2/2 crash points*", "test_two.py::test_safe  2/2 *"]
    )


def test_the_verdict_is_red_where_there_are_colours(project):
    project.add("test_buggy.py", BUGGY)

    result = project.run("--cano-crash=@end", "--color=yes")

    red, usual = "\x1b[31m\x1b[1m", "\x1b[0m"
    assert f"{red}DUPLICATED{usual}  charge('order-1', 42)" in result.stdout.str()


def test_quiet_runs_are_quiet_unless_something_failed(project):
    project.add("test_buggy.py", BUGGY)

    green = project.run("--cano-crash=Ship@end", "-q")
    red = project.run("--cano-crash=Charge@end", "-q")

    green.stdout.no_fnmatch_line("*crash summary*")
    red.stdout.fnmatch_lines(["*crash summary*"])


def test_the_progress_never_passes_a_hundred(project):
    project.add("test_buggy.py", BUGGY)
    project.add("test_safe.py", SAFE)

    dots = project.run("--cano-crash=all")
    counted = project.run("--cano-crash=all", "-o", "console_output_style=count", "-v")
    timed = project.run("--cano-crash=all", "-o", "console_output_style=times", "-v")

    dots.stdout.fnmatch_lines(
        ["test_buggy.py ..FF....F *[[] 50%]", "test_safe.py ......... *[[]100%]"]
    )
    assert {
        line.split("[")[-1]
        for line in counted.outlines
        if "::" in line and "/2]" in line
    } <= {"1/2]", "2/2]"}
    assert timed.ret == pytest.ExitCode.TESTS_FAILED


def test_durations_count_all_of_a_tests_time_once(project):
    project.add("test_buggy.py", BUGGY)
    project.add(
        "conftest.py",
        """
        def pytest_runtest_logreport(report):
            if report.when == "call":
                print("time:", report.duration, report.cano_seconds)
    """,
    )

    result = project.run("--cano-crash=all", "-s", "--durations=0", "-vv")

    times = [
        tuple(map(float, found.groups()))
        for line in result.outlines
        if (found := re.search(r"time: (\S+) (\S+)$", line))
    ]
    *schedules, (total, undisturbed) = times
    assert len(schedules) == 8
    assert not any(duration for duration, _ in schedules)
    assert total > undisturbed + sum(seconds for _, seconds in schedules)
    result.stdout.fnmatch_lines([f"{total:.2f}s call *test_buggy.py::test_buggy"])


def test_setup_show_shows_every_life(project):
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=Charge@end", "--setup-show")

    shown = [line for line in result.outlines if "SETUP    F cano_store" in line]
    assert len(shown) == 5
    result.assert_outcomes(passed=2)


def test_what_the_lives_of_a_failure_wrote_is_shown_with_it(project):
    project.add(
        "test_loud.py",
        """
        import logging
        from shop import run, shop

        def test_loud(cano, cano_store, cano_ledger, cano_workflow_id):
            print(f"{cano.schedule or 'undisturbed'}, life {cano.life}")
            logging.warning("logged in %s", cano.life)
            run(shop(cano_store, cano_ledger), cano_workflow_id)
    """,
    )

    result = project.run("--cano-crash=@end")

    result.stdout.fnmatch_lines(
        [
            "*_ test_loud [[]Charge@end] _*",
            "*- Captured stdout call (life 1) -*",
            "Charge@end, life 1",
            "*- Captured log call (life 1) -*",
            "*- Captured stdout call (life 2) -*",
            "Charge@end, life 2",
            "*_ test_loud _*",
            "*- Captured stdout call -*",
            "undisturbed, life 1",
        ]
    )
    result.stdout.no_fnmatch_line("Ship@end, life*")
    assert result.outlines.count("Charge@end, life 1") == 1


def test_a_failed_assertion_after_the_restart_is_shown_in_short(project):
    project.add(
        "test_strict.py",
        """
        from shop import run, shop

        def once(effects):
            assert len(effects) == 1

        def test_strict(cano_store, cano_ledger, cano_workflow_id):
            run(shop(cano_store, cano_ledger), cano_workflow_id)
            once([each for each in cano_ledger.effects if each.name == "charge"])
    """,
    )

    short = project.run("--cano-crash=Charge@end")
    long = project.run("--cano-crash=Charge@end", "--tb=long")

    # The reason is told with the line of the test, wherever below it was raised.
    reason = "assert 2 == 1 at test_strict.py:8"
    short.stdout.fnmatch_lines(
        [
            "DUPLICATED *",
            f"  life 2 *failed: {reason}",
            "*test_strict.py:8: in test_strict",
            "*once([[]each for each *",
            "*test_strict.py:4: in once",
            "*assert len(effects) == 1",
            "*E *assert 2 == 1",
            "  again *",
        ]
    )
    short.stdout.no_fnmatch_line("*def test_strict*")
    long.stdout.fnmatch_lines(["*def test_strict(*", "*> *assert len(effects) == 1"])


def test_a_baseline_that_fails_is_reported_as_ever(project):
    project.add(
        "test_failing.py",
        """
        from shop import run, shop

        def test_failing(cano_store, cano_ledger, cano_workflow_id):
            print("seen")
            assert run(shop(cano_store, cano_ledger), cano_workflow_id) == "Nowhere"
    """,
    )

    def failure(*args):
        result = project.run(*args)
        result.assert_outcomes(failed=1)
        told = result.stdout.str().split("= FAILURES =")[1]
        return re.sub(r"0x[0-9a-f]+|in [0-9.]+s", "", told)

    usual = failure()
    assert "Captured stdout call" in usual
    assert failure("-o", "cano_crash=all") == usual


@pytest.mark.parametrize(
    ("body", "outcomes"),
    [
        ("pytest.skip('not today')", {"skipped": 1}),
        ("pytest.xfail('known')", {"xfailed": 1}),
        ("raise RuntimeError", {"failed": 1}),
    ],
)
def test_an_undisturbed_run_that_does_not_pass_is_not_crashed(project, body, outcomes):
    project.add(
        "test_odd.py",
        f"""
        import pytest
        from shop import run, shop

        def test_odd(cano_store, cano_ledger, cano_workflow_id):
            run(shop(cano_store, cano_ledger), cano_workflow_id)
            {body}
    """,
    )
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=Charge@end")

    result.assert_outcomes(passed=2, **outcomes)


def test_a_test_that_is_expected_to_fail_is_not_crashed(project):
    project.add(
        "test_odd.py",
        BUGGY.replace("def ", "import pytest\n@pytest.mark.xfail(strict=False)\ndef "),
    )
    project.add("test_safe.py", SAFE)

    project.run("--cano-crash=all").assert_outcomes(passed=9, xpassed=1)


@pytest.mark.parametrize("phase", ["setup", "teardown"])
def test_an_error_around_the_undisturbed_run_is_reported_as_ever(project, phase):
    project.add(
        "test_error.py",
        f"""
        import pytest
        from shop import run, shop

        @pytest.fixture
        def broken():
            if "{phase}" == "setup":
                raise RuntimeError("broken fixture")
            yield
            raise RuntimeError("broken fixture")

        def test_error(broken, cano_store, cano_ledger, cano_workflow_id):
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    result = project.run("--cano-crash=Charge@end", "-v")

    # The second one is that nothing was crashed.
    result.assert_outcomes(errors=2, passed=int(phase == "teardown"))
    result.stdout.fnmatch_lines(
        [f"*ERROR at {phase} of test_error*", "E *broken fixture"]
    )


def test_the_teardown_of_wider_fixtures_is_reported_with_the_last_test(project):
    project.add(
        "test_module.py",
        """
        import pytest
        from shop import run, shop

        @pytest.fixture(scope="module")
        def machine():
            yield
            print("shutting down")
            raise RuntimeError("does not stop")

        def test_module(machine, cano_store, cano_ledger, cano_workflow_id):
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    result = project.run("--cano-crash=Charge@end")

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_module*", "*does not stop", "shutting down"]
    )


def test_two_undisturbed_runs_that_differ_are_not_judged(project):
    project.add(
        "test_flaky.py",
        """
        import itertools
        from shop import run, shop

        numbers = itertools.count()

        def test_flaky(cano, cano_store, cano_ledger, cano_workflow_id):
            cano_ledger.effect("audit", next(numbers))
            run(shop(cano_store, cano_ledger), cano_workflow_id)
    """,
    )

    flaky = project.run("--cano-crash=Charge@end")
    ignored = project.run("--cano-crash=Ship@end", "-o", "cano_ignore_effects=aud*")

    flaky.assert_outcomes(failed=1)
    flaky.stdout.fnmatch_lines(["FLAKY_BASELINE *audit*", "*cano_ignore_effects*"])
    flaky.stdout.fnmatch_lines(["test_flaky *not crashed*"])
    ignored.assert_outcomes(passed=2)


def test_a_planned_crash_that_never_comes_is_a_failure(project):
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=Charge@end > Charge@memo:1")

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["NOT_FIRED *Charge@memo:1*"])


TWO_BUGGY = BUGGY + BUGGY.split("\n", 2)[2].replace("test_buggy", "test_second")


def test_exitfirst_stops_at_the_first_failed_schedule(project):
    project.add("test_buggy.py", TWO_BUGGY)

    result = project.run("--cano-crash=all", "-x")

    # enter and start pass; the first effect fails, and with it the test.
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "test_buggy: stopped early, after 3 of 8 schedules",
            "*stopping after 1 *",
        ]
    )


def test_maxfail_counts_tests_and_not_schedules(project):
    project.add("test_buggy.py", TWO_BUGGY + "\ndef test_third(): pass\n")

    two = project.run("--cano-crash=@end", "--maxfail=2")
    three = project.run("--cano-crash=@end", "--maxfail=3")

    # The second test stops at its first failed schedule, the first one runs both.
    two.assert_outcomes(passed=1, failed=4)
    two.stdout.fnmatch_lines(["*stopping after 2 failures*"])
    three.assert_outcomes(passed=3, failed=4)


def test_last_failed_and_stepwise_know_the_test(project):
    project.add("test_buggy.py", BUGGY)
    project.add("test_safe.py", SAFE)

    project.run("--cano-crash=@end")
    result = project.run("--lf", "-v")

    result.stdout.fnmatch_lines(["*rerun previous 1 failure*"])
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("test_safe.py::*")

    project.run("--cano-crash=@end", "--sw").assert_outcomes(failed=2)
    again = project.run("--sw", "-v")
    again.stdout.fnmatch_lines(["*test_buggy.py::test_buggy PASSED*"])


def test_the_worlds_of_failures_are_left_to_look_at(project):
    project.add("test_buggy.py", BUGGY)
    project.add("test_safe.py", SAFE)
    project.add("test_failing.py", SAFE.replace("_safe", "_failing") + "    assert 0\n")

    project.run("--cano-crash=@end", "-o", "cano_stores=sqlite", "--basetemp=worlds")

    worlds = project.path / "worlds"
    left = sorted(path.name for path in worlds.iterdir() if not path.is_symlink())
    assert left == ["cano-test_buggy0", "cano-test_failing0"]
    assert len(list(worlds.glob("*0/*/cano.db"))) == 2


def test_junit_has_a_test_case_for_each_schedule(project):
    project.add("test_buggy.py", BUGGY)

    cases = project.junit("--cano-crash=@end")

    assert [case.get("name") for case in cases] == [
        "test_buggy[Charge@end]",
        "test_buggy[Ship@end]",
        "test_buggy",
    ]
    assert {case.get("classname") for case in cases} == {"test_buggy"}
    charge, ship, own = cases
    assert properties(charge) == {
        "cano.schedule": "Charge@end",
        "cano.verdict": "DUPLICATED",
    }
    assert properties(ship) == {"cano.schedule": "Ship@end", "cano.verdict": "PASS"}
    assert properties(own) == {}
    assert charge.find("failure").get("message").startswith("DUPLICATED  charge(")
    assert "life 2   resumed at Charge" in charge.find("failure").text
    assert ship.find("failure") is None
    assert own.find("failure").get("message").startswith("1 of 2 crash points failed")
    assert all(0 < float(case.get("time")) < 5 for case in cases)


def properties(case):
    return {p.get("name"): p.get("value") for p in case.iter("property")}


def test_junit_keeps_parameters_and_the_tests_own_properties(project):
    project.add(
        "test_parameters.py",
        """
        import pytest
        from shop import run, shop

        @pytest.mark.parametrize("value", ["x"])
        def test_shop(value, cano_store, cano_ledger, cano_workflow_id, request):
            request.getfixturevalue("record_property")("own", value)
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    schedule, own = project.junit("--cano-crash=Ship@end", "-o", "junit_family=xunit1")

    assert schedule.get("name") == "test_shop[x][Ship@end]"
    assert "own" not in properties(schedule)
    assert properties(own) == {"own": "x"}


def test_junit_counts_what_there_is(project):
    project.add("test_buggy.py", BUGGY)
    project.run("--cano-crash=all", "--junitxml=junit.xml")

    text = (project.path / "junit.xml").read_text()

    assert 'errors="0" failures="3" skipped="0" tests="9"' in text
