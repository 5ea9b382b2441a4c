"""What ``cano.check()`` finds is told with the session, where anybody asks for that."""

import pytest

from pytest_cano.commands import main
from pytest_cano.records.codec import from_json
from pytest_cano.story import Verdict

TESTS = """
from shop import run, shop

def keyed(world):
    return run(shop(world.store, world.ledger, keyed=True), world.workflow_id)

def unkeyed(world):
    return run(shop(world.store, world.ledger), world.workflow_id)

def test_both(cano):
    assert cano.check(keyed).passed
    assert not cano.check(unkeyed, crash="Charge@end").passed
"""
REPORT = "--cano-report=json:r.json"


@pytest.fixture
def checking(project):
    project.add("test_check.py", TESTS)
    return project


def programs(project):
    return from_json((project.path / "r.json").read_text("utf-8")).programs


def test_they_are_in_the_reports(checking):
    result = checking.run(REPORT)

    assert result.ret == 0
    keyed, unkeyed = programs(checking)
    assert keyed.test == "test_check.py::test_both keyed"
    assert (keyed.file, keyed.line, len(keyed.trials)) == ("test_check.py", 9, 8)
    # That it is found is what the test expects.
    assert unkeyed.summary.verdicts == {"Charge@end": "TOLERATED"}
    assert unkeyed.trials[0].found is Verdict.DUPLICATED
    result.stdout.fnmatch_lines(
        [
            "test_both: keyed    8/8 crash points  * s",
            "test_both: unkeyed  0/1 crash points of 8  * s",
            "score  8/9 schedules passed (88 %)   coverage  9/16 crash points*",
        ]
    )


def test_what_a_test_expects_is_no_failure_to_who_judges_it_again(
    checking, monkeypatch, capsys
):
    monkeypatch.chdir(checking.path)
    checking.run(REPORT)

    assert main(["judge", "r.json"]) == 0
    assert main(["merge", "r.json"]) == 0


def test_a_check_that_fails_its_test_fails_for_all(checking, monkeypatch, capsys):
    monkeypatch.chdir(checking.path)
    checking.add("test_check.py", TESTS.replace("assert not", "assert"))

    result = checking.run(REPORT, "--cano-crash=all")

    assert result.ret == 1
    result.stdout.no_fnmatch_line("*nothing was crashed*")
    assert programs(checking)[-1].summary.verdicts == {"Charge@end": "DUPLICATED"}
    assert main(["judge", "r.json"]) == 1


def test_each_of_several_searches_of_one_program_is_told(checking):
    checking.add(
        "test_check.py",
        """
        from shop import run, shop

        def test_loop(cano):
            for keyed in (False, True):
                def program(world):
                    work = shop(world.store, world.ledger, keyed=keyed)
                    return run(work, world.workflow_id)
                cano.check(program, crash="Charge@end")
        """,
    )

    result = checking.run(REPORT, "--cano-fail-under=100")

    assert result.ret == 1
    assert [program.test for program in programs(checking)] == [
        "test_check.py::test_loop program",
        "test_check.py::test_loop program (2)",
    ]


def test_they_are_told_by_workers_too(checking):
    pytest.importorskip("xdist")
    checking.run(REPORT, "-n", "2", plugins=["xdist"], subprocess=True)

    assert [len(program.trials) for program in programs(checking)] == [8, 1]


def test_the_gate_counts_them(checking):
    result = checking.run("--cano-fail-under=90")

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["ERROR --cano-fail-under: 8 of 9 schedules passed (88 %), less than 90 %"]
    )


def test_nothing_is_told_of_them_where_nobody_asks(checking):
    result = checking.run()

    assert result.ret == 0
    result.stdout.no_fnmatch_line("*cano crash summary*")


def test_a_test_that_is_crashed_itself_tells_of_them_once(checking):
    checking.add(
        "test_check.py",
        TESTS.replace(
            "def test_both(cano):",
            "def test_both(cano, cano_store,"
            " cano_ledger, cano_workflow_id):\n    run(shop(cano_store, cano_ledger,"
            " keyed=True), cano_workflow_id)",
        ),
    )

    checking.run("--cano-crash=Ship@start", REPORT)

    assert [(program.test, len(program.trials)) for program in programs(checking)] == [
        ("test_check.py::test_both", 1),
        ("test_check.py::test_both keyed", 8),
        ("test_check.py::test_both unkeyed", 1),
    ]
