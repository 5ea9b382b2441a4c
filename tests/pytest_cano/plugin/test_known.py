"""The ratchet: a file of known failures, which may become fewer and never more."""

import json

import pytest

from shop_project import BUGGY, SAFE, SHOP

FILE = "cano-baseline.json"
RATCHET = ("--cano-crash=all", f"--cano-baseline={FILE}")
UPDATE = (*RATCHET, "--cano-baseline-update")
BUGGY_ID = "test_buggy.py::test_buggy"
HEAD = '{"format": "pytest-cano baseline", "version": 1, '
TWICE = {
    "verdict": "DUPLICATED",
    "reason": "charge('order-1', 42) happened 2 times, 1 in the undisturbed run",
}


@pytest.fixture
def shop(project):
    project.add("test_buggy.py", BUGGY)
    return project


def known(project):
    return json.loads((project.path / FILE).read_text("utf-8"))["known"]


def list_known(project, **listed):
    text = json.dumps(
        {
            "format": "pytest-cano baseline",
            "version": 1,
            "known": {BUGGY_ID: listed["listed"]},
        }
    )
    project.add(FILE, text)


def test_an_update_lists_what_fails_and_shows_it(shop):
    result = shop.run(*UPDATE)

    assert result.ret == 0
    assert known(shop) == {BUGGY_ID: {"Charge@effect:1": TWICE, "Charge@end": TWICE}}
    result.stdout.fnmatch_lines(
        [
            "test_buggy  6/8 crash points  2 known  * s",
            f"known failures  {FILE} was written",
            '+    "test_buggy.py::test_buggy": {',
            '+      "Charge@effect:1": {',
        ]
    )


def test_what_is_known_fails_nothing_and_is_shown(shop):
    shop.run(*UPDATE)

    result = shop.run("-v", *RATCHET)

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "test_buggy.py::test_buggy KNOWN [[]Charge@effect:1]*",
            "known  test_buggy [[]Charge@end] DUPLICATED: charge*",
            "score  6/8 schedules passed (75 %), 2 known   coverage *   worst  DUPL*",
            "*= 7 passed, 2 known in *",
        ]
    )


def test_a_new_failure_fails(shop):
    list_known(shop, listed={"Charge@end": TWICE})

    result = shop.run(*RATCHET)

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["1 of 8 crash points failed: Charge@effect:1 DUPLICATED"]
    )


def test_what_fails_otherwise_than_it_is_listed_fails(shop):
    list_known(shop, listed={"Charge@end": TWICE | {"verdict": "LOST"}})

    result = shop.run("--cano-crash=Charge@end", f"--cano-baseline={FILE}")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["1 of 1 crash point failed: Charge@end DUPLICATED"])


def test_what_is_listed_and_passes_fails_until_the_file_is_updated(shop):
    shop.run(*UPDATE)
    shop.add("shop.py", SHOP.replace("keyed=False", "keyed=True"))

    better = shop.run(*RATCHET)
    updated = shop.run(*UPDATE)
    after = shop.run(*RATCHET)

    assert [better.ret, updated.ret, after.ret] == [1, 0, 0]
    better.stdout.fnmatch_lines(
        [
            f"{FILE}: Charge@effect:1 passes now, and is listed there as DUPLICATED; *",
        ]
    )
    updated.stdout.fnmatch_lines(['-      "Charge@effect:1": {'])
    assert known(shop) == {}


def test_what_can_not_happen_any_more_is_said(shop):
    list_known(shop, listed={"Charge@effect:2": TWICE})

    result = shop.run("--cano-crash=@start", f"--cano-baseline={FILE}")
    updated = shop.run("--cano-crash=@start", *UPDATE[1:])

    assert [result.ret, updated.ret] == [1, 0]
    result.stdout.fnmatch_lines([f"{FILE}: Charge@effect:2 can't happen any more, *"])
    assert known(shop) == {}


def test_what_was_not_run_stays_listed(shop):
    other = {"test_gone.py::test_gone": {"A@end": TWICE}}
    list_known(shop, listed={"Ship@end": TWICE})
    data = json.loads((shop.path / FILE).read_text("utf-8"))
    data["known"] |= other
    shop.add(FILE, json.dumps(data))

    shop.run("--cano-crash=Charge@end", *UPDATE[1:])

    assert known(shop) == other | {BUGGY_ID: {"Charge@end": TWICE, "Ship@end": TWICE}}


def test_a_reason_that_somebody_wrote_is_kept(shop):
    mine = TWICE | {"reason": "the bank knows no keys, see ticket 7"}
    list_known(shop, listed={"Charge@end": mine})

    result = shop.run(*UPDATE)

    assert known(shop)[BUGGY_ID]["Charge@end"] == mine
    result.stdout.fnmatch_lines(["known  * DUPLICATED: the bank knows no keys*"])


def test_the_file_is_the_same_from_workers(shop):
    pytest.importorskip("xdist")
    shop.add("test_safe.py", SAFE)
    shop.run(*UPDATE)
    alone = (shop.path / FILE).read_text("utf-8")

    result = shop.run(*UPDATE, "-n", "2", plugins=["xdist"], subprocess=True)

    assert result.ret == 0
    assert (shop.path / FILE).read_text("utf-8") == alone
    result.stdout.fnmatch_lines([f"known failures  {FILE} is as it was"])


def test_a_search_goes_on_from_a_known_failure_no_more_than_from_another(shop):
    shop.run("--cano-depth=2", *UPDATE)

    result = shop.run("--cano-depth=2", *RATCHET)

    assert result.ret == 0
    assert set(known(shop)[BUGGY_ID]) == {"Charge@effect:1", "Charge@end"}


def test_a_file_that_is_not_there_lists_nothing(shop):
    result = shop.run(*RATCHET)

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [f"known failures  {FILE} is not there; --cano-baseline-update writes it"]
    )


def test_a_stopped_session_leaves_the_file_alone(shop):
    list_known(shop, listed={"Charge@end": TWICE})
    before = (shop.path / FILE).read_text("utf-8")
    shop.add("test_stop.py", "def test_stop(): raise KeyboardInterrupt")

    shop.run(*UPDATE, subprocess=True)

    assert (shop.path / FILE).read_text("utf-8") == before


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "*cano-baseline.json is no list of known failures: *"),
        ("[]", "*it has no 'format': 'pytest-cano baseline'"),
        (
            '{"format": "pytest-cano baseline", "version": 9}',
            "*it is of version 9; this pytest-cano reads version 1",
        ),
        (
            HEAD + '"known": {"t": {"A@end": {"verdict": "PASS"}}}}',
            "*t [[]A@end]: 'PASS' is no verdict of a failure",
        ),
    ],
)
def test_a_file_that_can_not_be_read_is_a_usage_error(shop, content, problem):
    shop.add(FILE, content)

    result = shop.run(*RATCHET)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --cano-baseline: {problem}"])


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (
            ["--cano-baseline-update"],
            "--cano-baseline-update: say which file, by --cano-baseline=FILE",
        ),
        (
            [*UPDATE, "--cano-shard=1/2"],
            "--cano-baseline-update: a shard knows only a part *",
        ),
    ],
)
def test_an_update_needs_a_file_and_a_whole_session(shop, args, problem):
    result = shop.run(*args)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {problem}"])


def test_what_holds_a_known_failure_is_not_another_one(shop):
    shop.run(*UPDATE)
    nested = "--cano-crash=Charge@start > Charge@end"

    held = shop.run(nested, f"--cano-baseline={FILE}")
    updated = shop.run(nested, *UPDATE[1:])

    assert [held.ret, updated.ret] == [0, 0]
    held.stdout.fnmatch_lines(["known  * it holds Charge@end, which is known to fail"])
    assert set(known(shop)[BUGGY_ID]) == {"Charge@effect:1", "Charge@end"}


def test_the_file_is_the_same_whatever_was_tried_first(shop):
    shop.run("--cano-crash=Charge@start > Charge@end")
    shop.run("--cano-depth=2", *UPDATE)

    assert set(known(shop)[BUGGY_ID]) == {"Charge@effect:1", "Charge@end"}


MEMORY = """
from shop import run, shop

SEEN = []

def test_buggy(cano_store, cano_ledger, cano_workflow_id):
    SEEN.append(1)
    run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    {check}
"""


def test_endings_that_disagree_no_more_are_taken_out(project):
    crash = ("--cano-crash=Ship@start", "--cano-ending=raise,freeze")
    listed = {"Ship@start=all": {"verdict": "ENDINGS_DISAGREE", "reason": "for now"}}
    list_known(project, listed=listed)
    project.add("test_buggy.py", MEMORY.format(check="pass"))

    better = project.run(*crash, f"--cano-baseline={FILE}")
    updated = project.run(*crash, *UPDATE[1:])

    assert [better.ret, updated.ret] == [1, 0]
    better.stdout.fnmatch_lines([f"{FILE}: Ship@start=all is found no more, *"])
    assert known(project) == {}


def test_a_failure_says_what_was_known_there(shop):
    list_known(shop, listed={"Charge@end": TWICE | {"verdict": "LOST"}})

    result = shop.run("--cano-crash=Charge@end", f"--cano-baseline={FILE}")

    result.stdout.fnmatch_lines([f"  hint    {FILE} lists it as LOST; *"])


def test_a_file_that_is_spoilt_meanwhile_is_said_and_fails(shop):
    shop.add(
        "test_spoil.py",
        f"def test_spoil(): open({FILE!r}, 'w').write('no list')",
    )

    result = shop.run(*UPDATE)

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["ERROR --cano-baseline: *is no list of known failures*"]
    )
