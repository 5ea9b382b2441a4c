"""``cano_accept``: shown and counted, no failure; and one where it is not found."""

import pytest

from shop_project import BUGGY

HEAD = """
    import pytest
    from shop import run, shop

"""
TEST = """
    def test_buggy(cano_store, cano_ledger, cano_workflow_id):
        assert run(shop(cano_store, cano_ledger), cano_workflow_id) == "Done"
"""
WHY = "reason='the bank knows no keys'"


def accepting(*markers: str, keyed: bool = False) -> str:
    lines = [f"    @pytest.mark.cano_accept({marker})\n" for marker in markers]
    test = TEST.replace("ledger)", "ledger, keyed=True)") if keyed else TEST
    return HEAD + "".join(lines) + test.lstrip("\n")


CHARGE = f"'Charge', verdict='DUPLICATED', {WHY}"


def test_what_is_accepted_is_shown_and_counted_and_no_failure(project):
    project.add("test_buggy.py", accepting(CHARGE))

    result = project.run("-v", "--cano-crash=all")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "test_buggy.py::test_buggy ACCEPTED [[]Charge@end]*",
            "test_buggy.py::test_buggy PASSED [[]Ship@end]*",
            "test_buggy  6/8 crash points  2 accepted  * s",
            "accepted  test_buggy [[]Charge@effect:1] DUPLICATED: the bank knows *",
            "accepted  test_buggy [[]Charge@end] DUPLICATED: the bank knows no keys",
            "score  6/8 schedules passed (75 %), 2 accepted   coverage  8/8 *",
            "*= 7 passed, 2 accepted in *",
        ]
    )


def test_it_is_shown_in_a_quiet_run_too(project):
    project.add("test_buggy.py", accepting(CHARGE))

    result = project.run("-q", "--cano-crash=Charge@end")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["*accepted  test_buggy [[]Charge@end] *", "1 passed, 1 accepted in *"]
    )


def test_in_the_matrix_it_is_no_failure(project):
    project.add(
        "test_buggy.py",
        accepting(f"'Charge@end', verdict='DUPLICATED', {WHY}"),
    )

    result = project.run("--cano-crash=Charge")

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "test_buggy  enter  start  effect      end       cleared",
            "  Charge    ok     ok     DUPLICATED  accepted",
        ]
    )


CLEANING = """
    import asyncio
    import pytest
    from cano_core import Workflow

    {marker}
    def test_cleaning(cano_store, cano_ledger, cano_disk, cano_workflow_id):
        paid = cano_disk / "paid"

        async def charge():
            try:
                cano_ledger.effect("charge", key=None if paid.exists() else "once")
            finally:
                paid.touch()
            return "Done"

        workflow = Workflow(checkpoint_store=cano_store).add_exit_state("Done")
        workflow.register("Charge", charge)
        run = workflow.start_or_resume("Charge", workflow_id=cano_workflow_id)
        assert asyncio.run(run) == "Done"
"""


@pytest.mark.parametrize(
    ("verdict", "found"),
    [
        ("ENDINGS_DISAGREE", ["FAILED", "PASSED", "ACCEPTED"]),
        ("DUPLICATED", ["ACCEPTED", "PASSED"]),
    ],
)
def test_endings_may_disagree(project, verdict, found):
    marker = f"@pytest.mark.cano_accept('Charge', verdict='{verdict}', {WHY})"
    project.add("test_cleaning.py", CLEANING.format(marker=marker))

    result = project.run(
        "-v", "--cano-crash=Charge@effect", "--cano-ending=raise,freeze"
    )

    points = ("Charge@effect:1", "Charge@effect:1=freeze", "Charge@effect:1=all")
    told = zip(found, points, strict=False)
    result.stdout.fnmatch_lines([f"*::test_cleaning {v} [[]{p}]*" for v, p in told])
    assert result.ret == (1 if "FAILED" in found else 0)
    assert ("Charge@effect:1=all" in result.stdout.str()) is (len(found) == 3)


def test_an_exception_that_is_none_any_more_fails_the_test(project):
    project.add("test_safe.py", accepting(CHARGE, keyed=True))

    result = project.run("--cano-crash=Charge")

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "*cano_accept('Charge', verdict='DUPLICATED'): DUPLICATED was not found *",
            "*= 1 failed, 4 passed in *",
        ]
    )


def test_where_its_points_are_not_crashed_nothing_is_said(project):
    project.add("test_buggy.py", accepting(CHARGE))

    assert project.run().ret == 0
    assert project.run("--cano-crash=Ship").ret == 0
    assert project.run("--cano-crash=Charge@start").ret == 0


def test_a_state_that_is_not_there_fails_the_test(project):
    project.add(
        "test_buggy.py",
        accepting(CHARGE, f"'Chargge@end', verdict='DUPLICATED', {WHY}"),
    )

    result = project.run("--cano-crash=Charge")

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["@pytest.mark.cano_accept('Chargge@end', *no run was in a state 'Chargge' *"]
    )


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("'Charge@ennd', verdict='LOST', reason='x'", "no moment 'ennd'*'end'?"),
        ("'Charge', verdict='LOTS', reason='x'", "verdict='LOTS' is nothing*'LOST'?"),
        ("'Charge', reason='x'", "verdict=None is nothing that can be accepted *"),
        ("'Charge', verdict='LOST'", "it needs a reason, *reason='...'"),
        ("verdict='LOST', reason='x'", "takes one selector, for example *"),
        ("'A', 'B', verdict='LOST', reason='x'", "takes one selector, *"),
        ("'A', verdikt='LOST', reason='x'", "no keyword 'verdikt'; *verdict=*"),
        ("42, verdict='LOST', reason='x'", "42 is no text*"),
    ],
)
def test_a_marker_that_makes_no_sense_is_a_collection_error(project, marker, said):
    project.add("test_buggy.py", accepting(marker))

    result = project.run()

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        [f"*test_buggy.py:4: @pytest.mark.cano_accept*{said.replace('[', '[[]')}"]
    )


def test_junit_has_the_verdict(project):
    project.add("test_buggy.py", accepting(CHARGE))

    cases = project.junit("--cano-crash=Charge@end")

    properties = [
        {each.get("name"): each.get("value") for each in case.iter("property")}
        for case in cases
    ]
    assert {"cano.schedule": "Charge@end", "cano.verdict": "ACCEPTED"} in properties
    assert not any(case.findall("failure") for case in cases)


def test_workers_report_it_alike(project):
    pytest.importorskip("xdist")
    project.add("test_buggy.py", accepting(CHARGE))
    project.add("test_other.py", BUGGY)

    result = project.run("-n", "2", "-v", "--cano-crash=Charge@end", plugins=["xdist"])

    assert result.ret == 1
    text = result.stdout.str()
    assert "ACCEPTED [Charge@end]" in text
    assert "accepted  test_buggy.py::test_buggy [Charge@end] DUPLICATED: the" in text
    assert "score  0/2 schedules passed (0 %), 1 accepted" in text
