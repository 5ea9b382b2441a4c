"""What a session says beside its findings: what was left out, and what went wrong."""

import re

import pytest

from shop_project import BUGGY, SAFE

CHECK = """
import asyncio
from shop import shop, start

async def program(world):
    await start(shop(world.store, world.ledger, keyed=True), world.workflow_id)

def test_check(cano):
    assert cano.check(program, crash="@end").passed
"""

XFAIL = BUGGY.replace("def ", "import pytest\n@pytest.mark.xfail(strict=False)\ndef ")

SILENT = """
import asyncio
from cano_core import Workflow

def test_silent(cano_store, cano_ledger, cano_workflow_id):
    async def only(): return "End"
    workflow = Workflow(checkpoint_store=cano_store)
    workflow.register("Only", only).add_exit_state("End")
    asyncio.run(workflow.start_or_resume("Only", workflow_id=cano_workflow_id))
"""


@pytest.mark.parametrize("selector", ["all", "@end"])
def test_a_session_of_tests_that_search_themselves_is_no_mistake(project, selector):
    project.add("test_check.py", CHECK)

    result = project.run(f"--cano-crash={selector}")

    assert result.ret == 0
    result.stdout.no_fnmatch_line("*nothing was crashed*")


def test_a_state_that_only_a_search_of_its_own_could_meet_is_not_passed_over(project):
    project.add("test_check.py", CHECK)

    result = project.run("--cano-crash=Charge")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["ERROR *cano.check() has its own selectors*"])


def test_a_test_that_is_expected_to_fail_is_said_not_to_be_crashed(project):
    project.add("test_odd.py", XFAIL)

    alone = project.run("--cano-crash=all")
    project.add("test_safe.py", SAFE)
    beside = project.run("--cano-crash=@end")

    said = "test_buggy: was expected to fail, so it was not crashed"
    assert alone.ret == pytest.ExitCode.TESTS_FAILED
    alone.stdout.no_fnmatch_line("*no test ran a workflow (*")
    alone.stdout.fnmatch_lines([said, "*nothing was crashed*1 expected to fail*"])
    assert beside.ret == 0
    beside.stdout.fnmatch_lines([said])


def test_an_unmet_selector_is_an_error_in_the_last_lines(project):
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=Chrge")

    result.stdout.fnmatch_lines(
        [
            "ERROR --cano-crash: *Chrge*Charge*",
            "*short test summary info*",
            "ERROR --cano-crash - *Chrge*",
            "*1 passed, 1 error in*",
        ]
    )


def test_a_ledger_that_was_told_of_nothing_is_named(project):
    project.add("test_silent.py", SILENT)
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=@end")
    ignored = project.run("--cano-crash=Ship@end", "-o", "cano_ignore_effects=*")

    result.stdout.fnmatch_lines(
        [
            (
                "test_silent: cano_ledger was told of no effect, so only the log and "
                "the assertions were judged"
            )
        ]
    )
    result.stdout.no_fnmatch_line("test_safe: cano_ledger*")
    ignored.stdout.no_fnmatch_line("test_safe: cano_ledger*")


def test_a_pattern_that_ignores_nothing_is_named(project):
    project.add("test_silent.py", SILENT)
    project.add(
        "test_safe.py",
        SAFE.replace("safe(cano_store", "safe(cano, cano_store")
        + "    cano.observe('balance', 42)\n",
    )

    result = project.run(
        "--cano-crash=@end",
        *("-o", "cano_ignore_effects=aud* sen* sned"),
        *("-o", "cano_ignore_observations=balan[cs]e parcls"),
    )

    result.stdout.fnmatch_lines(
        [
            "cano_ignore_effects: no effect is called 'aud*'",
            "cano_ignore_effects: no effect is called 'sned'",
        ]
    )
    result.stdout.no_fnmatch_line("*'sen[*]'")
    result.stdout.fnmatch_lines(
        ["cano_ignore_observations: no observation is called 'parcls'"]
    )
    result.stdout.no_fnmatch_line("*called 'balan*")


def test_an_interrupted_test_is_in_the_summary(project):
    project.add(
        "test_interrupted.py",
        """
        from shop import run, shop

        def test_interrupted(cano, cano_store, cano_ledger, cano_workflow_id):
            if cano.schedule == "Charge@end" and cano.life == 2:
                raise KeyboardInterrupt
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    result = project.run("--cano-crash=all", subprocess=True)

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        [
            "test_interrupted  3/3 crash points of 8 *",
            "test_interrupted: interrupted after 3 of 8 schedules",
        ]
    )


@pytest.mark.parametrize("option", ["--setup-only", "--setup-plan"])
def test_a_setup_plan_misses_no_selector(project, option):
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=all", option)

    assert result.ret == 0
    result.stdout.no_fnmatch_line("*crash summary*")


def test_the_task_s_own_exception_leads_its_failure(project):
    project.add(
        "test_forgetful.py",
        """
        from cano_core import Workflow
        from shop import run

        def test_forgetful(cano_store, cano_workflow_id):
            memory = {}
            async def charge():
                memory["auth"] = 1
                return "Ship"
            async def ship():
                return "Done" if memory["auth"] else "Ship"
            workflow = Workflow(checkpoint_store=cano_store).add_exit_state("Done")
            workflow.register("Charge", charge).register("Ship", ship)
            run(workflow, cano_workflow_id)
    """,
    )

    told = project.run("--cano-crash=Ship@start").stdout.str()

    assert "failed: KeyError: 'auth' at test_forgetful.py:10 in Ship\n" in told
    assert "E   KeyError: 'auth'" in told
    assert not re.search(r"(asyncio|cano_core|pytest_cano)/\S+\.py:\d+", told)
    assert "TaskFailedError" not in told
    assert told.count("KeyError: 'auth' at") == 2


def test_what_a_dead_life_tried_is_shown_with_a_passed_schedule_too(project):
    project.add(
        "test_untidy.py",
        """
        from shop import run, shop

        def test_untidy(cano_store, cano_ledger, cano_workflow_id):
            try:
                run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
            finally:
                cano_ledger.effect("send", "order-1", key="k")
    """,
    )

    result = project.run("--cano-crash=Ship@end", "-rA")

    result.stdout.fnmatch_lines(
        ["*- After the crash (life 1) -*", "send*was tried after the crash*"]
    )


def test_many_points_come_with_a_shorter_way(project):
    project.add(
        "test_long.py",
        """
        import asyncio
        from cano_core import Workflow

        def test_long(cano_store, cano_ledger, cano_workflow_id):
            async def only():
                for number in range(99):
                    cano_ledger.effect("step", number, key=str(number))
                return "End"
            workflow = Workflow(checkpoint_store=cano_store)
            workflow.register("Only", only).add_exit_state("End")
            asyncio.run(workflow.start_or_resume("Only", workflow_id=cano_workflow_id))
    """,
    )

    result = project.run("--cano-crash=all")

    result.stdout.fnmatch_lines(
        ["test_long: 103 crash points; --cano-crash=@end tries one per visit"]
    )


UNTOLD = """
from pathlib import Path
from shop import run, shop

def test_untold(cano_store, cano_ledger, cano_workflow_id, tmp_path):
    workflow = shop(cano_store, cano_ledger, keyed=True)

    async def pack():
        (tmp_path / "on the disk").write_text("")
        Path("elsewhere").write_text("")
        return "Done"

    workflow.register("Pack", pack)
    assert run(workflow, cano_workflow_id) == "Done"
"""


def test_a_line_with_effects_that_nobody_was_told_of_is_named(project):
    project.add("test_untold.py", UNTOLD)
    shop = (project.path / "shop.py").read_text()
    said = "test_untold.py:9 in pack writes elsewhere, which the ledger is not told of"

    unused = project.run("--cano-crash=@end")
    # Longer, for bytecode of the same second and size would be taken for current.
    project.add("shop.py", shop.replace('return "Ship"', 'return str("Pack")'))
    result = project.run("--cano-crash=@end")

    assert said not in unused.outlines
    assert said in result.outlines
    assert (unused.ret, result.ret) == (0, 0)


def test_how_to_crash_without_what_is_no_silent_success(project):
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-ending=kill", "--cano-depth=2")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["--cano-ending, --cano-depth: nothing was crashed; *--cano-crash=all"]
    )
    collected = project.run("--cano-ending=kill", "--collect-only")
    collected.stdout.no_fnmatch_line("*nothing was crashed*")
