"""Deeper searches in a session: what is reported, shared, and remembered."""

import json

import pytest

from shop_project import BUGGY, SAFE, schedules

TWICE = """
import asyncio
from cano_core import RunContext, Workflow

def test_twice(cano_store, cano_ledger, cano_workflow_id):
    async def charge(run: RunContext):
        key = None if run.resumes > 1 else run.idempotency_key
        cano_ledger.effect("charge", 42, key=key)
        return "Done"

    workflow = Workflow(checkpoint_store=cano_store).register("Charge", charge)
    workflow.add_exit_state("Done")
    asyncio.run(workflow.start_or_resume("Charge", workflow_id=cano_workflow_id))
"""


def kept(project):
    path = project.path / ".pytest_cache" / "v" / "cano" / "failed"
    return json.loads(path.read_text()) if path.exists() else {}


def test_a_nested_schedule_has_an_entry_of_its_own_where_it_is_distinct(project):
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=Ship", "--cano-depth=2", "-v")

    assert schedules(result) == [
        "Ship@start",
        "Ship@effect:1",
        "Ship@end",
        "Ship@start > Ship@start",
        "Ship@start > Ship@effect:1",
        "Ship@start > Done@cleared",
    ]
    result.stdout.fnmatch_lines(
        [
            "test_safe  3/3 crash points of 8  depth 2: */*  * s",
            "score  * schedules passed (100 %)   coverage  3/8 crash points*",
            "search  * nested schedules came to 3 distinct states",
        ]
    )


def test_a_nested_failure_is_reported_and_can_be_run_again(project):
    project.add("test_twice.py", TWICE)

    result = project.run("--cano-crash=all", "--cano-depth=2", "-rf")
    cases = project.junit("--cano-crash=all", "--cano-depth=2")

    result.stdout.fnmatch_lines(
        [
            "*_ test_twice [[]Charge@start > Charge@effect:1] _*",
            "DUPLICATED  charge(42) happened 2 times*",
            "  again *--cano-crash='Charge@start > Charge@effect:1'",
        ]
    )
    names = [case.get("name") for case in cases]
    assert "test_twice[Charge@start > Charge@effect:1]" in names
    again = project.run("--cano-crash=Charge@start > Charge@effect:1")
    again.assert_outcomes(failed=2)


def test_exitfirst_stops_in_the_depth_too(project):
    project.add("test_twice.py", TWICE)
    project.add("test_z.py", SAFE)

    result = project.run("--cano-crash=all", "--cano-depth=2", "-x")

    result.assert_outcomes(failed=2, passed=6)
    result.stdout.fnmatch_lines(["test_twice: stopped early, after * schedules"])
    result.stdout.no_fnmatch_line("test_z.py*")


# The budget


def test_a_budget_is_shared_among_the_tests_and_what_is_left_goes_on(project):
    project.add("test_a.py", SAFE.replace("test_safe", "test_a"))
    project.add("test_b.py", SAFE.replace("test_safe", "test_b"))
    project.add("test_c.py", SAFE.replace("test_safe", "test_c"))

    result = project.run("--cano-crash=@cleared,Ship", "--cano-budget=9")
    small = project.run("--cano-crash=Ship", "--cano-budget=1")

    result.stdout.fnmatch_lines(
        [f"test_{name}  3/3 crash points of 8*" for name in "abc"]
        + ["score  9/9 *", "search  the budget left out 3 schedules"]
    )
    # Each of them has one.
    small.stdout.fnmatch_lines([f"test_{name}  1/1 *" for name in "abc"])


def test_what_one_test_does_not_need_is_there_for_the_next(project):
    project.add(
        "test_a.py",
        """
        import asyncio
        from cano_core import Workflow

        def test_a(cano_store, cano_workflow_id):
            async def only(): return "End"
            workflow = Workflow(checkpoint_store=cano_store)
            workflow.register("Only", only).add_exit_state("End")
            asyncio.run(workflow.start_or_resume("Only", workflow_id=cano_workflow_id))
    """,
    )
    project.add("test_b.py", SAFE)

    result = project.run("--cano-crash=all", "--cano-budget=12")

    result.stdout.fnmatch_lines(["test_a     4/4 crash*", "test_safe  8/8 crash*"])


def test_tests_that_are_not_crashed_have_no_share(project):
    project.add("test_safe.py", SAFE)
    project.add("test_other.py", "def test_other(): pass\ndef test_more(): pass\n")

    result = project.run("--cano-crash=all", "--cano-budget=8")

    result.stdout.fnmatch_lines(["test_safe  8/8 crash points *"])


# Earlier failures


def test_what_failed_is_tried_first_and_forgotten_once_it_passes(project):
    project.add("test_buggy.py", BUGGY)
    failed = ["Charge@effect:1", "Charge@end"]

    project.run("--cano-crash=all")
    assert kept(project) == {"test_buggy.py::test_buggy": failed}
    again = project.run("--cano-crash=all", "-v")
    assert schedules(again)[:3] == [*failed, "Charge@enter"]

    # What is not run again stays as it was.
    project.run("--cano-crash=Ship@end")
    assert kept(project) == {"test_buggy.py::test_buggy": failed}

    project.add("test_buggy.py", BUGGY.replace("ledger),", "ledger, keyed=True),"))
    assert project.run("--cano-crash=all").ret == 0
    assert kept(project) == {}


def test_a_nested_failure_comes_first_the_next_time(project):
    project.add("test_twice.py", TWICE)
    options = ("--cano-crash=all", "--cano-depth=2", "-v")

    first = schedules(project.run(*options))
    second = schedules(project.run(*options))

    nested = kept(project)["test_twice.py::test_twice"]
    assert nested
    assert all(" > " in text for text in nested)
    assert first[: len(nested)] != nested
    assert second[: len(nested)] == nested
    assert sorted(first) == sorted(second)


@pytest.mark.parametrize("text", ['{"test_buggy.py::test_buggy": ["no", 7]}', "[1]"])
def test_a_cache_of_another_version_does_no_harm(project, text):
    project.add("test_buggy.py", BUGGY)
    project.run("--cano-crash=@end")
    (project.path / ".pytest_cache" / "v" / "cano" / "failed").write_text(text)

    project.run("--cano-crash=@end").assert_outcomes(failed=2, passed=1)
    assert "Charge@end" in kept(project)["test_buggy.py::test_buggy"]


def test_without_a_cache_nothing_is_remembered(project):
    project.add("test_buggy.py", BUGGY)

    project.run("--cano-crash=@end", "-p", "no:cacheprovider").assert_outcomes(
        failed=2, passed=1
    )
    assert kept(project) == {}


def test_workers_report_what_failed_and_the_controller_remembers_it(project):
    pytest.importorskip("xdist")
    project.add("test_buggy.py", BUGGY)
    project.add("test_safe.py", SAFE)
    options = ("--cano-crash=@end", "--cano-depth=2", "-n", "2")

    result = project.run(*options, plugins=["xdist"])

    assert kept(project) == {"test_buggy.py::test_buggy": ["Charge@end"]}
    result.stdout.fnmatch_lines(
        ["test_safe  *depth 2: *", "search  * nested schedules came to *"]
    )


# Markers and options


def test_the_nearest_marker_decides_and_each_ending_is_for_its_own_points(project):
    project.add(
        "test_safe.py",
        "import pytest\n"
        "pytestmark = pytest.mark.cano_crash('Charge@end', ending='cancel', depth=3)\n"
        + SAFE.replace(
            "def test_safe",
            "@pytest.mark.cano_crash('Ship', ending='freeze', depth=1)\ndef test_safe",
        ),
    )

    assert schedules(project.run("-v")) == [
        "Charge@end=cancel",
        "Ship@start=freeze",
        "Ship@effect:1=freeze",
        "Ship@end=freeze",
    ]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--cano-crash=everywhere=fail", "*takes an ending (raise, freeze, *"),
        ("--cano-crash=random", "*write random:N*"),
        ("--cano-depth=4", "*--cano-depth: '4' is no whole number from 1 to 3*"),
        ("--cano-budget=soon", "*--cano-budget: 'soon' is no budget*"),
        ("--cano-seed=x", "*--cano-seed: 'x' is no whole number*"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(project, option, message):
    project.add("test_safe.py", SAFE)

    result = project.run(option)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_everywhere_and_random_have_short_names_and_run_again(project):
    project.add("test_buggy.py", BUGGY)
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=everywhere,random:3")

    result.stdout.fnmatch_lines(
        [
            "*_ test_buggy [[]everywhere] _*",
            "  again   pytest 'test_buggy.py::test_buggy' --cano-crash='everywhere*'",
            "test_safe *  everywhere 1/1  random */* *",
        ]
    )


def test_a_test_that_was_made_to_fail_is_not_its_own_judge(project):
    project.add("test_safe.py", SAFE)

    for kind in ("fail", "error", "ack-lost"):
        result = project.run(f"--cano-crash=all={kind}")
        assert result.ret == 0
        result.stdout.fnmatch_lines([f"test_safe  {kind} *"])


def test_a_search_of_its_own_takes_endings_depth_budget_and_seed(project):
    project.add(
        "test_own.py",
        """
        from shop import shop, start

        async def program(world):
            await start(shop(world.store, world.ledger, keyed=True), world.workflow_id)

        def test_own(cano):
            endings = cano.check(program, crash="@end", ending=["raise", "cancel"])
            assert list(endings.verdicts) == [
                "Charge@end", "Ship@end", "Charge@end=cancel", "Ship@end=cancel"
            ]
            deep = cano.check(program, crash="Ship@start", depth=2)
            assert any(" > " in text for text in deep.verdicts)
            assert len(cano.check(program, budget="2").verdicts) == 2
            made = [
                list(cano.check(program, crash="random:4", seed=seed).verdicts)
                for seed in (1, 1, 2)
            ]
            assert made[0] == made[1] != made[2]
    """,
    )

    # By itself, for a worker of pytest-xdist would need fresh interpreters.
    project.run(subprocess=True).assert_outcomes(passed=1)


FINE = """
import asyncio
from cano_core import RunContext, Workflow

def test_fine(cano_store, cano_ledger, cano_workflow_id):
    async def charge(run: RunContext):
        cano_ledger.effect("charge", 42)
        await asyncio.sleep(0)
        return "Done"

    workflow = Workflow(checkpoint_store=cano_store).register("Charge", charge)
    workflow.add_exit_state("Done")
    asyncio.run(workflow.start_or_resume("Charge", workflow_id=cano_workflow_id))
"""


@pytest.mark.parametrize(
    ("detail", "point"), [("awaits", "await:1"), ("lines", "line:2")]
)
def test_a_fine_point_that_failed_runs_again_as_it_is_printed(project, detail, point):
    project.add("test_fine.py", FINE)

    found = project.run("--cano-crash=Charge", f"--cano-detail={detail}")
    found.stdout.fnmatch_lines([f"  again * --cano-crash='Charge@{point}'"])
    alone = project.run(f"--cano-crash=Charge@{point}")

    alone.assert_outcomes(failed=2)
    alone.stdout.fnmatch_lines(
        [
            "DUPLICATED *",
            f"  life 1   Charge  crashed at {point}: *(test_fine.py:7 in charge)",
        ]
    )


def test_what_is_never_made_up_is_not_remembered_for_it(project):
    project.add("test_safe.py", SAFE)

    hanging = project.run("--cano-crash=Charge@start=hang")
    made_up = project.run("--cano-crash=random:2")

    hanging.assert_outcomes(failed=2)
    assert made_up.ret == 0
