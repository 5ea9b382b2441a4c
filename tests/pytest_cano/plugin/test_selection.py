"""Which tests are crashed where, and what is said when nothing is."""

import pytest

from shop_project import BUGGY, POINTS, SAFE, schedules

PLAIN = "def test_plain(): pass\n"

UNRELATED = """
def test_unrelated(cano_ledger):
    cano_ledger.effect("hello")
"""

UNMARKED = """
from cano_core import MemoryCheckpointStore
from shop import run, shop

class Ledger:
    def effect(self, *args, key=None): pass

def test_unmarked():
    assert run(shop(MemoryCheckpointStore(), Ledger()), "order") == "Done"
"""


def marked(*selectors):
    """A test that is crashed by its own marker."""
    mark = f"@pytest.mark.cano_crash{selectors or ''}"
    return SAFE.replace("def ", f"import pytest\n\n{mark}\ndef ")


@pytest.mark.parametrize(
    ("selector", "points"),
    [
        ("all", POINTS),
        ("Charge", POINTS[:4]),
        ("charge", POINTS[:4]),
        ("@effect", ("Charge@effect:1", "Ship@effect:1")),
        ("Ship@end", ("Ship@end",)),
        ("Ship@end,@cleared", ("Ship@end", "Done@cleared")),
        ("Charge@end > Charge@start", ("Charge@end > Charge@start",)),
    ],
)
def test_selectors_choose_the_schedules(project, selector, points):
    project.add("test_safe.py", SAFE)

    result = project.run(f"--cano-crash={selector}", "-v")

    assert tuple(schedules(result)) == points
    result.assert_outcomes(passed=len(points) + 1)
    assert result.ret == 0


def test_the_option_may_be_given_more_than_once(project):
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=Ship@end", "--cano-crash=Charge@end", "-v")

    assert set(schedules(result)) == {"Charge@end", "Ship@end"}


def test_the_ini_file_names_a_default(project):
    project.add("test_safe.py", SAFE)
    ini = "cano_crash=Ship@end"

    assert schedules(project.run("-o", ini, "-v")) == ["Ship@end"]
    given = project.run("-o", ini, "--cano-crash=Charge@end", "-v")
    assert schedules(given) == ["Charge@end"]


def test_a_marker_crashes_its_test_without_the_option(project):
    project.add("test_marked.py", marked("Ship@end"))
    project.add("test_safe.py", SAFE)

    result = project.run("-v")

    assert schedules(result) == ["Ship@end"]
    result.assert_outcomes(passed=3)


def test_a_marker_without_selectors_means_all(project):
    project.add("test_marked.py", marked())

    assert tuple(schedules(project.run("-v"))) == POINTS


def test_marker_and_option_together_mean_both(project):
    project.add("test_marked.py", marked("Ship@end"))

    result = project.run("--cano-crash=Charge@end", "-v")

    assert set(schedules(result)) == {"Charge@end", "Ship@end"}


def test_a_marker_takes_the_place_of_the_ini_file(project):
    project.add("test_marked.py", marked("Ship@end"))

    assert schedules(project.run("-o", "cano_crash=all", "-v")) == ["Ship@end"]


def test_tests_that_use_nothing_of_ours_are_left_alone(project):
    project.add("test_safe.py", SAFE)
    project.add("test_plain.py", PLAIN)
    project.add("test_unmarked.py", UNMARKED)

    result = project.run("--cano-crash=@end", "-v")

    result.assert_outcomes(passed=3 + 2)
    assert schedules(result) == ["Charge@end", "Ship@end"]


def test_select_all_crashes_every_test_that_runs_a_workflow(project):
    project.add("test_plain.py", PLAIN)
    project.add("test_unmarked.py", UNMARKED)

    result = project.run("--cano-crash=Charge@end", "-o", "cano_select=all", "-v")

    # It starts over with a store that is new in every life.
    assert schedules(result) == ["Charge@end"]
    result.stdout.fnmatch_lines(
        ["*again *--cano-crash='Charge@end' -o cano_select=all"]
    )
    result.stdout.fnmatch_lines(["test_plain.py::test_plain PASSED*"])


def test_a_misspelt_state_fails_the_session_with_the_nearest_name(project):
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=Chrge")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["*cano crash summary*", "ERROR --cano-crash: *Chrge*Charge*"]
    )


def test_every_selector_that_nothing_met_is_named(project):
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=Ship@end,Shop@end,@memo")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["ERROR *: *Shop@end*", "ERROR *: *@memo*"])
    result.assert_outcomes(passed=2, errors=2)


def test_one_test_that_meets_a_selector_is_enough(project):
    project.add("test_safe.py", SAFE)
    project.add(
        "test_other.py",
        """
        import asyncio
        from cano_core import Workflow

        def test_other(cano_store, cano_workflow_id):
            async def only(): return "End"
            workflow = Workflow(checkpoint_store=cano_store)
            workflow.register("Only", only).add_exit_state("End")
            asyncio.run(workflow.start_or_resume("Only", workflow_id=cano_workflow_id))
    """,
    )

    result = project.run("--cano-crash=Charge@end", "-v")

    assert result.ret == 0
    assert schedules(result) == ["Charge@end"]
    result.stdout.fnmatch_lines(["test_other.py::test_other PASSED*"])


def test_a_selector_of_a_marker_must_be_met_by_its_own_test(project):
    project.add("test_marked.py", marked("Shop@end"))

    result = project.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["@pytest.mark.cano_crash: *Shop@end*Ship*"])


def test_a_chosen_test_without_a_workflow_fails_and_says_what_to_do(project):
    project.add("test_safe.py", SAFE)
    project.add("test_unrelated.py", UNRELATED)

    result = project.run("--cano-crash=Charge@end")

    result.assert_outcomes(failed=1, passed=2)
    result.stdout.fnmatch_lines(
        ["no crash point was met: *no workflow*", "*FAILED test_unrelated.py*"]
    )
    result.stdout.no_fnmatch_line("ERROR --cano-crash*")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("plain", PLAIN, "no test uses a cano fixture*cano_select = all*"),
        ("unrelated", UNRELATED, "*passed undisturbed (1 test chosen, 1 failed)"),
        (
            "skipped",
            "def test_skipped(cano_store): __import__('pytest').skip()",
            "*passed undisturbed (1 test chosen, 1 skipped)",
        ),
    ],
)
def test_a_session_that_crashed_nothing_fails(project, name, text, why):
    project.add(f"test_{name}.py", text)

    result = project.run("--cano-crash=all")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"ERROR --cano-crash: nothing was crashed, for {why}"])


def test_a_default_of_the_ini_file_may_meet_nothing_in_other_tests(project):
    project.add("test_plain.py", PLAIN)

    result = project.run("-o", "cano_crash=Charge")

    assert result.ret == 0
    result.stdout.no_fnmatch_line("*crash*")


def test_a_misspelt_default_of_the_ini_file_fails_the_session(project):
    project.add("test_safe.py", SAFE)

    result = project.run("-o", "cano_crash=Chrge")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["ERROR ini option cano_crash: *Chrge*Charge*"])


def test_no_tests_at_all_is_what_it_always_was(project):
    result = project.run("--cano-crash=all")

    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_deselected_tests_are_not_crashed(project):
    project.add("test_safe.py", SAFE)
    project.add("test_buggy.py", BUGGY)

    result = project.run("--cano-crash=Charge@end", "-k", "safe")

    assert result.ret == 0
    result.assert_outcomes(passed=2, deselected=1)


def test_collecting_only_crashes_nothing(project):
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=all", "--collect-only", "-q")

    assert result.ret == 0
    assert result.outlines[0] == "test_safe.py::test_safe"


@pytest.mark.parametrize("option", ["--setup-only", "--setup-plan"])
def test_nothing_is_crashed_where_no_test_runs(project, option):
    project.add("test_safe.py", SAFE)

    result = project.run("-o", "cano_crash=all", option)

    assert result.ret == 0
    result.stdout.no_fnmatch_line("*crash summary*")
