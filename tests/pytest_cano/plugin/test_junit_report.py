"""``--cano-report=junit:FILE``: a test case for each schedule, for strict parsers."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import xmlschema

from documents import HOSTILE, document, hostile, program, trial, twice
from pytest_cano.report.junit_file import junit_text
from shop_project import BUGGY, POINTS, SAFE

SCHEMA = xmlschema.XMLSchema(Path(__file__).parents[2] / "support" / "junit_strict.xsd")
REPORT = ("--cano-crash=all", "--cano-report=junit:out/cano.xml")


def read(text: str) -> ET.Element:
    """A report that the strictest parsers accept."""
    SCHEMA.validate(text)
    return ET.fromstring(text)


def cases(suite: ET.Element) -> dict[str, str]:
    """The test cases by name, with what is in each of them."""
    return {
        case.attrib["name"]: "".join(each.tag for each in case)
        for case in suite.iter("testcase")
    }


@pytest.fixture
def crashed(project):
    project.add("test_buggy.py", BUGGY)
    project.add("tests/test_safe.py", SAFE)
    project.add("test_other.py", "def test_other(): pass")
    return project


def test_a_session_leaves_a_suite_per_test_and_a_case_per_schedule(crashed):
    result = crashed.run(*REPORT)

    result.stdout.fnmatch_lines(["report  junit:out/cano.xml"])
    buggy, safe = read((crashed.path / "out/cano.xml").read_text("utf-8"))
    assert buggy.attrib["name"] == "test_buggy.py::test_buggy"
    assert safe.find("testcase").attrib["classname"] == "tests.test_safe"
    assert cases(buggy) == {
        "test_buggy": "",
        **{f"test_buggy[{point}]": "" for point in POINTS},
        "test_buggy[Charge@effect:1]": "failure",
        "test_buggy[Charge@end]": "failure",
    }
    failure = buggy.find("testcase[@name='test_buggy[Charge@end]']/failure")
    assert failure.attrib["type"] == "DUPLICATED"
    assert failure.attrib["message"].startswith("charge('order-1', 42) happened 2")
    assert failure.text.startswith("DUPLICATED  charge('order-1', 42) happened 2")
    assert failure.text.endswith("--cano-crash='Charge@end'")


def test_it_is_the_same_from_workers(crashed):
    pytest.importorskip("xdist")

    def report(*args: str, **more) -> str:
        crashed.run(*REPORT, "-p", "no:cacheprovider", *args, **more)
        text = (crashed.path / "out/cano.xml").read_text("utf-8")
        return re.sub(r'time(stamp)?="[^"]*"', "", text)

    alone = report()
    assert report("-n", "2", plugins=["xdist"], subprocess=True) == alone


def test_the_names_are_those_of_pytests_own_junit_file(crashed):
    own = crashed.junit(*REPORT)

    ours = read((crashed.path / "out/cano.xml").read_text("utf-8")).iter("testcase")
    names = {(case.attrib["classname"], case.attrib["name"]) for case in own}
    assert {(each.attrib["classname"], each.attrib["name"]) for each in ours} == (
        names - {("test_other", "test_other")}
    )


def test_the_numbers_of_a_suite_count_its_cases():
    excused = trial("KNOWN", found="LOST", schedule="Start@end", excuse="LOST: for now")
    (suite,) = read(junit_text(document(program(twice(), excused))))

    numbers = {key: suite.attrib[key] for key in ("tests", "failures", "errors")}
    assert numbers == {"tests": "3", "failures": "1", "errors": "0"}
    assert suite.attrib["skipped"] == "1"
    assert suite.attrib["timestamp"] == "2026-01-02T03:04:05"


def test_the_properties_of_a_schedule_are_in_its_suite():
    excused = trial("KNOWN", found="LOST", schedule="Start@end", excuse="LOST: for now")
    (suite,) = read(junit_text(document(program(twice(), excused))))

    properties = {
        each.attrib["name"]: each.attrib["value"]
        for each in suite.iter("property")
        if "[" in each.attrib["name"]
    }
    assert properties == {
        "cano.verdict: test_it[Process@end]": "DUPLICATED",
        "cano.again: test_it[Process@end]": twice().again,
        "cano.verdict: test_it[Start@end]": "KNOWN",
        "cano.found: test_it[Start@end]": "LOST",
        "cano.again: test_it[Start@end]": twice().again,
        "cano.excuse: test_it[Start@end]": "LOST: for now",
    }


def test_how_much_was_tried_is_in_the_suite_of_its_test(crashed):
    crashed.run(*REPORT)

    text = (crashed.path / "out/cano.xml").read_text("utf-8")
    properties = {
        each.attrib["name"]: each.attrib["value"]
        for each in read(text).iter("property")
    }
    assert properties["cano.score: test_safe"] == (
        "8/8 schedules passed (100 %)   coverage  8/8 crash points   worst  PASS"
    )
    assert properties["cano.re-executed: test_safe"].startswith(
        "re-executed  2/2 states  2/2 resume jumps  8/8 crash points"
    )


def test_what_is_excused_is_skipped_for_its_reason():
    excused = trial("ACCEPTED", found="LOST", excuse="LOST: the bank knows no keys")
    (suite,) = read(junit_text(document(program(excused))))

    skipped = suite.find(".//skipped")
    assert skipped.attrib == {
        "type": "ACCEPTED",
        "message": "ACCEPTED: LOST: the bank knows no keys",
    }
    assert skipped.text.startswith("LOST  charge() happened 2 times")


@pytest.mark.parametrize(
    ("outcome", "element"),
    [
        ("passed", ""),
        ("failed", "failure"),
        ("skipped", "skipped"),
        ("expected to fail", "skipped"),
        ("interrupted", "error"),
    ],
)
def test_the_undisturbed_run_is_a_case_too(outcome, element):
    (suite,) = read(junit_text(document(program(outcome=outcome))))

    assert cases(suite) == {"test_it": element}


def test_what_is_wrong_with_test_and_session_is_an_error():
    flaky = program(problems=("FLAKY_BASELINE  they differ\n\n  a way out",))
    whole = document(flaky, problems=("--cano-fail-under: 1 of 2 schedules passed",))

    test, session = read(junit_text(whole))

    assert cases(test) == {"test_it": "error"}
    assert test.find(".//error").text == flaky.problems[0]
    assert cases(session) == {"--cano-fail-under (1)": "error"}
    assert session.attrib["name"] == "pytest-cano"


def test_what_its_lives_have_written_is_behind_the_failure():
    spoke = twice(output=[("Captured stdout (life 1)", "paying\n")])
    (suite,) = read(junit_text(document(program(spoke))))

    _, _, written = suite.find(".//failure").text.partition("Captured stdout (life 1)")
    assert written.endswith("\npaying\n")


def test_names_can_not_break_it():
    text = junit_text(hostile())

    test, session = read(text)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\u202e]", text)
    _, found, known = test.iter("testcase")
    assert [each.tag for each in (*found, *known)] == ["failure", "skipped"]
    assert found[0].text.count('charge(Pay\\r\n"now", 100%0A ::error file=x::]]> ')
    assert "\\x1b[31m\\x00\\ud800 <b>&amp;|`" in found[0].attrib["message"]
    assert "\U0001f4a5" in found[0].attrib["message"]
    assert session.find(".//error").attrib["message"]


def test_a_session_without_crash_tests_has_an_empty_report():
    assert [*read(junit_text(document()))] == []


def test_the_hostile_name_is_one():
    # Else nothing would be shown by a report that has it.
    with pytest.raises(ET.ParseError):
        ET.fromstring(f"<a>{HOSTILE}</a>".encode("utf-8", "replace"))
