"""One plan in several sessions, and their reports put together again."""

import json
import os
import subprocess
import sys

import pytest

from pytest_cano.commands import main
from pytest_cano.records.codec import from_json, to_json
from shop_project import BUGGY, POINTS, SAFE, SHOP, schedules

WHOLE = ("--cano-crash=all", "-p", "no:cacheprovider")
PARTS = 3


@pytest.fixture
def shop(project):
    project.add("test_buggy.py", BUGGY)
    project.add("test_safe.py", SAFE)
    return project


def run_shards(project, *args, parts=range(1, PARTS + 1)):
    """Run each part of the plan, and return their results."""
    return [
        project.run(
            *(*WHOLE, *args, "-v", f"--cano-shard={part}/{PARTS}"),
            f"--cano-report=json:part-{part}.json",
        )
        for part in parts
    ]


def merged(project, *args, parts=range(1, PARTS + 1)):
    return main(["merge", *(f"part-{part}.json" for part in parts), *args])


def read(project, name):
    return from_json((project.path / name).read_text("utf-8"))


def found(document):
    """Every schedule of a report, with its verdict."""
    return {
        (program.test, record.name): record.verdict
        for program in document.programs
        for record in program.trials
    }


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--cano-ending=raise,freeze,cancel",),
        ("--cano-crash=everywhere,Ship@start=fail",),
    ],
    ids=["points", "endings", "everywhere"],
)
def test_all_parts_together_are_the_whole(shop, args, monkeypatch):
    monkeypatch.chdir(shop.path)
    run_shards(shop, *args)
    shop.run(*WHOLE, *args, "--cano-report=json:whole.json")

    assert merged(shop, "--cano-report=json:merged.json") == 1

    whole, parts = read(shop, "whole.json"), read(shop, "merged.json")
    assert found(parts) == found(whole)
    for one, other in zip(parts.programs, whole.programs, strict=True):
        assert one.summary.points == other.summary.points
        assert one.summary.covered == other.summary.covered


def test_what_is_made_up_is_split_too(shop, monkeypatch):
    monkeypatch.chdir(shop.path)
    # It ends at the first failure, which only one part would find.
    (shop.path / "test_buggy.py").unlink()
    made_up = ("--cano-crash=random:4", "--cano-seed=3")
    run_shards(shop, *made_up)
    shop.run(*WHOLE, *made_up, "--cano-report=json:whole.json")

    assert merged(shop, "--cano-report=json:merged.json") == 0

    assert found(read(shop, "merged.json")) == found(read(shop, "whole.json"))


def test_no_part_does_what_another_does(shop):
    ran = [name for result in run_shards(shop) for name in schedules(result)]

    assert sorted(ran) == sorted(POINTS * 2)


def test_the_gate_is_for_all_parts_together(shop, monkeypatch, capsys):
    monkeypatch.chdir(shop.path)
    (shop.path / "test_buggy.py").unlink()
    results = run_shards(shop, "--cano-fail-under-coverage=100")
    capsys.readouterr()

    assert [result.ret for result in results] == [0] * PARTS
    assert merged(shop) == 0
    assert (
        "score  8/8 schedules passed (100 %)   coverage  8/8" in capsys.readouterr().out
    )
    assert merged(shop, parts=(1, 2)) == 1
    told = capsys.readouterr().out
    assert f"ERROR there is no report of --cano-shard=3/{PARTS}" in told
    assert "ERROR --cano-fail-under-coverage: " in told


def test_a_part_without_a_point_of_a_test_is_no_failure(project):
    project.add("test_safe.py", SAFE)

    results = [
        project.run("--cano-crash=Ship@start", f"--cano-shard={part}/2")
        for part in (1, 2)
    ]

    assert [result.ret for result in results] == [0, 0]
    assert sum("1/1 crash points" in str(result.outlines) for result in results) == 1


def test_parts_of_different_code_are_not_put_together_unseen(shop, monkeypatch, capsys):
    monkeypatch.chdir(shop.path)
    (shop.path / "test_buggy.py").unlink()
    run_shards(shop, parts=(1, 2))
    changed = (shop.path / "shop.py").read_text("utf-8")
    shop.add(
        "shop.py",
        # Of another length, for bytecode of the same second would be taken for it.
        changed.replace('"Ship", ship', '"Dispatch", ship').replace(
            'return "Ship"', 'return "Dispatch"'
        ),
    )
    run_shards(shop, parts=(3,))
    capsys.readouterr()

    assert merged(shop) == 1
    assert (
        "ERROR test_safe.py::test_safe: the sessions met different crash points"
        in capsys.readouterr().out
    )


def test_the_known_failures_are_written_when_all_parts_are_known(
    shop, monkeypatch, capsys
):
    monkeypatch.chdir(shop.path)
    run_shards(shop)
    ratchet = ("--cano-baseline=known.json",)

    assert merged(shop, *ratchet, "--cano-baseline-update") == 0
    assert [result.ret for result in run_shards(shop, *ratchet)] == [0] * PARTS
    assert merged(shop, *ratchet) == 0
    assert merged(shop) == 0

    known = json.loads((shop.path / "known.json").read_text("utf-8"))["known"]
    assert list(known["test_buggy.py::test_buggy"]) == ["Charge@effect:1", "Charge@end"]


def test_an_exception_that_is_none_any_more_is_seen_by_all_parts_together(
    project, monkeypatch, capsys
):
    monkeypatch.chdir(project.path)
    accept = '@pytest.mark.cano_accept("Charge", verdict="DUPLICATED", reason="none")'
    marked = SAFE.replace("def test", f"{accept}\ndef test")
    project.add("test_safe.py", f"import pytest\n{marked}")
    results = run_shards(project)
    capsys.readouterr()

    assert [result.ret for result in results] == [0] * PARTS
    assert merged(project) == 1
    assert "DUPLICATED was not found there any more" in capsys.readouterr().out


def test_reports_of_other_tests_are_put_together_too(shop, monkeypatch, capsys):
    monkeypatch.chdir(shop.path)
    for name in ("buggy", "safe"):
        shop.run(*WHOLE, f"test_{name}.py", f"--cano-report=json:{name}.json")
    shop.run(*WHOLE, "--cano-report=json:whole.json")

    assert main(["merge", "buggy.json", "safe.json", "--cano-report=json:both"]) == 1

    assert found(read(shop, "both")) == found(read(shop, "whole.json"))


def test_an_old_report_is_judged_again(shop, monkeypatch, capsys):
    monkeypatch.chdir(shop.path)
    shop.run(*WHOLE, "--cano-ending=raise,freeze", "--cano-report=json:old.json")
    capsys.readouterr()

    assert main(["judge", "old.json", "--cano-report=json:new.json"]) == 1

    assert "was " not in capsys.readouterr().out
    assert read(shop, "new.json") == read(shop, "old.json")


def test_what_is_judged_otherwise_today_is_told(shop, monkeypatch, capsys):
    monkeypatch.chdir(shop.path)
    (shop.path / "test_buggy.py").unlink()
    shop.run(*WHOLE, "--cano-fail-under=100", "--cano-report=json:old.json")
    text = (shop.path / "old.json").read_text("utf-8")
    # As if the oracles of that time had not seen a second charge.
    document = json.loads(text)
    effects = document["programs"][0]["trials"][-1]["story"]["effects"]
    effects.append(effects[0] | {"key": "another"})
    (shop.path / "old.json").write_text(json.dumps(document), "utf-8")
    capsys.readouterr()

    assert main(["judge", "old.json"]) == 1

    told = capsys.readouterr().out
    assert "test_safe.py::test_safe [Done@cleared]  was PASS, is DUPLICATED" in told
    assert told.count("ERROR --cano-fail-under: 7 of 8 schedules passed") == 1


def test_a_report_that_is_judged_alike_passes_its_gate(shop, monkeypatch, capsys):
    monkeypatch.chdir(shop.path)
    (shop.path / "test_buggy.py").unlink()
    result = shop.run(
        *("--cano-crash=@end", "--cano-fail-under-coverage=50"),
        "--cano-report=json:old.json",
    )

    assert result.ret == 1
    assert main(["judge", "old.json"]) == 1
    assert main(["judge", "old.json", "--cano-fail-under-coverage=25"]) == 0


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["merge", "none.json"], "merge: none.json: No such file or directory"),
        (["merge", "pytest.ini"], "merge: pytest.ini: it is no JSON"),
        (["judge", "r.json", "--cano-fail-under=x"], "judge: --cano-fail-under: 'x'"),
        (["merge", "r.json", "r.json"], "merge: a report is named twice"),
        (
            ["judge", "r.json", "--cano-report=jsn:x"],
            "judge: --cano-report: there is no",
        ),
        (["judge", "r.json", "--cano-baseline=pytest.ini"], "judge: *is no list of"),
    ],
)
def test_what_a_command_can_not_do_is_told(project, monkeypatch, capsys, args, problem):
    monkeypatch.chdir(project.path)
    project.add("test_safe.py", SAFE)
    project.run("--cano-crash=@end", "--cano-report=json:r.json")
    capsys.readouterr()

    assert main(args) == 2
    name, _, said = problem.partition("*")
    told = capsys.readouterr().err
    assert told.startswith(name)
    assert said in told


def test_a_merged_report_can_be_read_again(shop, monkeypatch):
    monkeypatch.chdir(shop.path)
    run_shards(shop)
    merged(shop, "--cano-report=json:merged.json")

    text = (shop.path / "merged.json").read_text("utf-8")
    assert to_json(from_json(text)) == text


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "1/0"])
def test_a_shard_that_is_none_is_a_usage_error(project, shard):
    result = project.run(f"--cano-shard={shard}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --cano-shard: '{shard}' is no part of *"])


def test_a_test_that_a_part_has_not_run_is_missed(shop, monkeypatch, capsys):
    monkeypatch.chdir(shop.path)
    run_shards(shop, parts=(1, 2))
    run_shards(shop, "--deselect=test_buggy.py::test_buggy", parts=(3,))
    capsys.readouterr()

    assert merged(shop) == 1
    assert (
        "ERROR part-3.json: test_buggy.py::test_buggy was not run, so its part of the "
        "plan is missing" in capsys.readouterr().out
    )


def test_parts_of_different_plans_are_not_one(shop, monkeypatch, capsys):
    monkeypatch.chdir(shop.path)
    (shop.path / "test_buggy.py").unlink()
    run_shards(shop, parts=(1, 2))
    run_shards(shop, "--cano-ending=freeze", parts=(3,))
    capsys.readouterr()

    assert merged(shop) == 1
    assert (
        "ERROR the parts were run with different values of cano_ending"
        in capsys.readouterr().out
    )


def test_a_session_that_was_cut_short_is_no_evidence(shop, monkeypatch, capsys):
    monkeypatch.chdir(shop.path)
    shop.add("test_a.py", "def test_a(): assert False")
    shop.run(*WHOLE, "-x", "--cano-report=json:short.json")
    capsys.readouterr()

    for command in ("judge", "merge"):
        assert main([command, "short.json"]) == 1
        assert "the session was ended before its end" in capsys.readouterr().out


BROKEN = """
import pytest
from shop import run, shop

@pytest.fixture(scope="module")
def wide():
    yield
    raise RuntimeError("not torn down")

def test_safe(wide, cano_store, cano_ledger, cano_workflow_id):
    run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
"""


@pytest.mark.parametrize(
    ("name", "text", "args", "failed"),
    [
        ("test_wide.py", BROKEN, (), "test_wide.py::test_safe"),
        (
            "test_plain.py",
            "def test_plain(): assert 0",
            (),
            "test_plain.py::test_plain",
        ),
        (
            "test_none.py",
            "import nowhere_to_be_found",
            ("--continue-on-collection-errors",),
            "test_none.py",
        ),
    ],
)
def test_what_failed_otherwise_fails_who_judges_it_again(
    project, monkeypatch, capsys, name, text, args, failed
):
    monkeypatch.chdir(project.path)
    project.add("test_safe.py", SAFE)
    project.add(name, text)
    result = project.run(*WHOLE, *args, "--cano-report=json:r.json")
    capsys.readouterr()

    assert result.ret == 1
    assert main(["judge", "r.json"]) == 1
    assert f"FAILED {failed} in its session" in capsys.readouterr().out


def test_tests_that_were_not_crashed_are_in_no_limit(project, monkeypatch, capsys):
    monkeypatch.chdir(project.path)
    project.add("test_safe.py", SAFE)
    project.add(
        "test_other.py",
        SAFE.replace("test_safe", "test_other").replace("run(shop(", "1 or run(shop("),
    )
    args = ("--cano-crash=Ship", "--cano-fail-under-coverage=30")
    result = project.run(*args, "test_safe.py", "--cano-report=json:r.json")

    assert result.ret == 0
    assert main(["judge", "r.json"]) == 0


def test_the_strictest_limit_holds_for_all(shop, monkeypatch, capsys):
    monkeypatch.chdir(shop.path)
    (shop.path / "test_buggy.py").unlink()
    shop.add("test_other.py", SAFE.replace("test_safe", "test_other"))
    shop.run(*WHOLE, "test_other.py", "--cano-report=json:a.json")
    limit = "--cano-fail-under-coverage=100"
    shop.run("--cano-crash=Ship", limit, "test_safe.py", "--cano-report=json:b.json")

    assert main(["merge", "a.json", "b.json"]) == 1
    assert main(["merge", "b.json", "a.json"]) == 1


def test_the_only_part_is_the_whole(shop):
    result = shop.run(*WHOLE, "--cano-shard=1/1", "--cano-fail-under=100")

    result.stdout.fnmatch_lines(["ERROR --cano-fail-under: 14 of 16 *"])


def test_a_part_has_no_limits_when_it_is_judged_again(project, monkeypatch, capsys):
    monkeypatch.chdir(project.path)
    project.add("test_safe.py", SAFE)
    run_shards(project, "--cano-fail-under-coverage=100", parts=(1,))

    assert main(["judge", "part-1.json"]) == 0


def test_an_update_of_all_parts_is_green_where_they_knew_the_file(
    shop, monkeypatch, capsys
):
    monkeypatch.chdir(shop.path)
    ratchet = ("--cano-baseline=known.json",)
    shop.run(*WHOLE, *ratchet, "--cano-baseline-update")
    shop.add("shop.py", SHOP.replace("keyed=False", "keyed=True"))
    results = run_shards(shop, *ratchet)

    assert 1 in [result.ret for result in results]
    assert merged(shop, *ratchet) == 1
    assert merged(shop, *ratchet, "--cano-baseline-update") == 0
    assert json.loads((shop.path / "known.json").read_text())["known"] == {}


def test_what_was_tolerated_is_held_against_a_file_and_other_verdicts(
    shop, monkeypatch, capsys
):
    monkeypatch.chdir(shop.path)
    shop.run(*WHOLE, "--cano-fail-on=LOST", "--cano-report=json:r.json")
    project = ("judge", "r.json")

    assert main([*project, "--cano-baseline=none.json"]) == 0
    assert main([*project, "--cano-fail-on=DUPLICATED"]) == 1


def test_parts_with_known_failures_do_not_fail_for_what_holds_them(
    shop, monkeypatch, capsys
):
    monkeypatch.chdir(shop.path)
    deep = ("--cano-depth=2", "--cano-baseline=known.json")
    shop.run(*WHOLE, *deep, "--cano-baseline-update")

    assert [result.ret for result in run_shards(shop, *deep)] == [0] * PARTS
    assert merged(shop, "--cano-baseline=known.json") == 0


def test_a_file_that_can_not_be_written_is_said(shop, monkeypatch, capsys):
    monkeypatch.chdir(shop.path)
    shop.run(*WHOLE, "--cano-report=json:r.json")
    update = ("--cano-baseline=r.json/known.json", "--cano-baseline-update")
    capsys.readouterr()

    assert main(["judge", "r.json", *update]) == 2
    assert "can't be read" in capsys.readouterr().err


def test_any_text_can_be_told_anywhere(project, monkeypatch):
    project.add(
        "test_odd.py",
        SAFE.replace('"Done"', '"Done"\n    cano_ledger.effect("ä\\ud800")'),
    )
    project.run("--cano-crash=Ship@end", "--cano-report=json:r.json")
    command = [sys.executable, "-m", "pytest_cano", "judge", "r.json"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}

    done = subprocess.run(
        command, cwd=project.path, env=environment, capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")
