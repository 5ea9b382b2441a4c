"""Crash tests on several workers: the same reports, counts and verdicts."""

import xml.etree.ElementTree as ET

import pytest

from shop_project import BUGGY, SAFE


@pytest.fixture
def workers(project):
    """Run pytest with two workers, which are real processes."""
    pytest.importorskip("xdist")

    def run(*args):
        return project.run("-n", "2", *args, plugins=["xdist"])

    return run


def test_two_workers_report_what_one_process_does(project, workers):
    project.add("test_buggy.py", BUGGY)
    project.add("test_safe.py", SAFE)

    result = workers("--cano-crash=@end", "--junitxml=junit.xml", "-rf")

    result.assert_outcomes(failed=2, passed=4)
    text = result.stdout.str()
    assert "_ test_buggy [Charge@end] _" in text
    result.stdout.fnmatch_lines(
        [
            "DUPLICATED *",
            "  again   pytest 'test_buggy.py::test_buggy' --cano-crash='Charge@end'",
            "*cano crash summary*",
            "test_buggy *1/2 crash points of 8*",
            "FAILED [[]Charge@end] test_buggy.py::test_buggy - DUPLICATED *",
            "FAILED test_buggy.py::test_buggy - 1 of 2 crash points failed*",
        ]
    )
    assert "test_safe   2/2 crash points of 8" in text
    assert "score  3/4 schedules passed" in text
    assert "\nre-executed  2/2 states  2/2 resume jumps  2/8 crash points  " in text
    cases = ET.parse(project.path / "junit.xml").getroot().iter("testcase")
    assert sorted(case.get("name") for case in cases) == [
        "test_buggy",
        "test_buggy[Charge@end]",
        "test_buggy[Ship@end]",
        "test_safe",
        "test_safe[Charge@end]",
        "test_safe[Ship@end]",
    ]


def test_unmet_selectors_are_judged_over_all_workers(project, workers):
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

    met = workers("--cano-crash=Ship@end,Only@end")
    unmet = workers("--cano-crash=Only@end,Shp@end")

    assert met.ret == 0
    assert unmet.ret == pytest.ExitCode.TESTS_FAILED
    unmet.stdout.fnmatch_lines(["ERROR --cano-crash: *Shp@end*Ship*"])
    unmet.stdout.no_fnmatch_line("ERROR --cano-crash: *Only@end'*")


def test_maxfail_counts_tests_on_the_controller_too(project, workers):
    many = "".join(
        f"""
def test_{number}(cano_store, cano_ledger, cano_workflow_id):
    run(shop(cano_store, cano_ledger), cano_workflow_id)
"""
        for number in range(2)
    )
    project.add("test_many.py", "from shop import run, shop\n" + many)

    result = workers("--cano-crash=Charge", "--maxfail=3")

    # Two tests with two failed schedules each: six failed reports, two failed tests.
    result.assert_outcomes(failed=6, passed=4)
    result.stdout.no_fnmatch_line("*stopping after*")


def test_usage_errors_are_told_once(project, workers):
    project.add("test_safe.py", SAFE)

    result = workers("--cano-crash=@ennd")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert len(result.errlines) == 1 or len([e for e in result.errlines if e]) == 1
