"""``--cano-report=github``: annotations, a step summary and outputs of a step."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from documents import HOSTILE, document, hostile, program, trial, twice
from pytest_cano.options import ReportOption
from pytest_cano.records.document import TrialRecord
from pytest_cano.report.annotations import annotations_of, shown
from pytest_cano.report.github import GitHubReport, outputs
from pytest_cano.report.source import Line, Sources
from pytest_cano.report.step_summary import LIMIT, step_summary
from pytest_cano.story import Finding, Verdict
from pytest_cano.task_lines import FileLines, TaskLines
from shop_project import BUGGY, SAFE
from stories import baseline, crashed, effect, returned, run

REPORT = ("--cano-crash=all", "--cano-report=github", "-p", "no:cacheprovider")
SOURCES = Sources("/repo", {})
COMMAND = re.compile(
    r"::(?P<level>error|warning|notice)(?: (?P<given>[^\r\n]*?))?::(?P<said>[^\r\n]*)"
)


def understood(line: str) -> dict[str, str]:
    """A workflow command as GitHub's runner reads it."""
    found = COMMAND.fullmatch(line)
    assert found, line
    told = {"level": found["level"], "message": _unescaped(found["said"])}
    for each in filter(None, (found["given"] or "").split(",")):
        key, _, value = each.partition("=")
        value = value.replace("%3A", ":").replace("%2C", ",")
        told[key] = _unescaped(value)
    return told


def _unescaped(text: str) -> str:
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def commands(found) -> list[dict[str, str]]:
    return [understood(str(each)) for each in annotations_of(found, SOURCES)]


def reordered(number: int) -> list[TrialRecord]:
    """Schedules that failed alike, each in another state."""
    return [
        trial("REORDERED", schedule=f"S{each}@end", message="mail() happened before")
        for each in range(number)
    ]


def summary(found, **more) -> str:
    return step_summary(found, SOURCES, **more)


@pytest.fixture
def github(project, monkeypatch):
    """A project as a step of GitHub Actions has it: below the repository's root."""
    project.add("test_buggy.py", BUGGY)
    project.add("test_safe.py", SAFE)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.path.parent))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "summary.md"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(project.path / "output.txt"))
    return project


def lines_of(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if line.startswith("::")]


@pytest.mark.parametrize("args", [(), ("-q",), ("-qq",), ("-v", "--color=yes")])
def test_the_annotations_are_lines_of_their_own(github, args):
    result = github.run(*REPORT, *args)

    (line,) = lines_of(result)
    told = understood(line)
    assert told["file"] == f"{github.path.name}/shop.py"
    assert told["line"] == "11"
    assert told["title"] == "DUPLICATED in Charge"
    assert told["message"].splitlines()[-2:] == [
        "test_buggy.py::test_buggy [Charge@effect:1] and 1 more schedule",
        "again: pytest 'test_buggy.py::test_buggy' --cano-crash='Charge@effect:1'",
    ]
    result.stdout.fnmatch_lines(["report  github: 1 annotation, and the step summary"])


def test_a_green_session_has_none(github):
    result = github.run(*REPORT, "-q", "test_safe.py")

    assert not lines_of(result)
    result.stdout.fnmatch_lines(["report  github: 0 annotations, and the step summary"])


def test_later_steps_may_ask_for_the_score(github):
    (github.path / "output.txt").write_text("other=1\n", "utf-8")

    github.run(*REPORT)

    assert (github.path / "output.txt").read_text("utf-8").splitlines() == [
        *("other=1", "score=87", "coverage=100", "new-failures=2", "worst=DUPLICATED")
    ]


def test_the_summary_is_added_to_what_is_there(github):
    (github.path / "summary.md").write_text("# Before", "utf-8")

    github.run(*REPORT)

    page = (github.path / "summary.md").read_text("utf-8")
    assert page.startswith("# Before\n## Crash tests failed\n\n| score |")
    for part in (
        "| **87 %** (14/16 schedules passed) | **100 %** (16/16 crash points) |",
        "**DUPLICATED** `test_buggy.py::test_buggy [Charge@end]` at `",
        "```sh\npytest 'test_buggy.py::test_buggy' --cano-crash='Charge@end'\n```",
        '```mermaid\nflowchart TD\n    s0["Charge"]:::failed\n    s1["Ship"]:::passed',
        "| `Charge` | ok | ok | **DUPLICATED** | **DUPLICATED** |  |",
        "- re\\-executed  2\\/2 states",
    ):
        assert part in page


def test_it_is_the_same_from_workers(github):
    pytest.importorskip("xdist")

    def report(*args: str, **more) -> tuple[list[str], str, str]:
        lines = lines_of(github.run(*REPORT, "-q", *args, **more))
        texts = []
        for name in ("summary.md", "output.txt"):
            texts.append((github.path / name).read_text("utf-8"))
            (github.path / name).unlink()
        return lines, *texts

    alone = report()
    assert alone[0]
    assert report("-n", "2", plugins=["xdist"], subprocess=True) == alone


def test_without_github_there_is_no_summary(github, monkeypatch):
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name)

    result = github.run(*REPORT)

    assert lines_of(result)
    result.stdout.fnmatch_lines(["report  github: *(GITHUB_STEP_SUMMARY is not set)"])


def test_it_takes_no_target(github):
    result = github.run("--cano-crash=all", "--cano-report=github:out")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --cano-report: github:out: *write github"])


def test_a_summary_that_can_not_be_written_fails_the_session(github, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(github.path / "no" / "summary.md"))

    result = github.run(*REPORT, "test_safe.py")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["ERROR --cano-report=github: it could not be *"])


def test_a_task_and_a_verdict_are_told_once():
    again = replace(twice(), name="Process@effect:1")
    other = twice(effects=(effect("mail()", point="Start@effect:1"),) * 2)
    other = replace(other, findings=(Finding(Verdict.DUPLICATED, "mail() twice"),))
    lost = trial("LOST", message="charge() happened 0 times")

    found = commands(document(program(twice(), again, other, lost)))

    assert [each["title"] for each in found] == [
        *("DUPLICATED in Process", "DUPLICATED in Start", "LOST in Process")
    ]
    assert "[Process@end] and 1 more schedule\n" in found[0]["message"]


def test_what_is_excused_alike_is_told_for_each_verdict():
    known = [
        trial("KNOWN", found=found, schedule=f"Process@{moment}", excuse=f"{found}: no")
        for found, moment in (("LOST", "start"), ("STUCK", "end"), ("LOST", "enter"))
    ]

    found = commands(document(program(*known)))

    assert [each["title"] for each in found] == [
        *("STUCK in Process (known)", "LOST in Process (known)")
    ]


def test_the_weightiest_come_first_and_no_more_than_are_shown():
    many = reordered(12)
    known = trial("KNOWN", found="LOST", excuse="LOST: for now")
    whole = document(program(*many, twice(), known), problems=["--cano-fail-under: no"])

    found = shown(annotations_of(whole, SOURCES))

    levels = [each.level for each in found]
    assert levels == ["error"] * 10 + ["warning"]
    assert [each.title for each in found[:3]] == [
        *("--cano-fail-under", "DUPLICATED in Process", "REORDERED in S0")
    ]


def test_what_was_left_out_is_said(tmp_path):
    report = GitHubReport(ReportOption("github", "", tmp_path), {})

    *_, last = report.write(document(program(*reordered(12))))

    assert last.startswith("report  github: 10 annotations, 2 more than GitHub shows")


@pytest.mark.parametrize(
    ("verdict", "level"),
    [("ACCEPTED", "notice"), ("KNOWN", "warning"), ("TOLERATED", "warning")],
)
def test_what_is_excused_is_no_error(verdict, level):
    excused = trial(verdict, found="LOST", excuse="LOST: the bank knows no keys")

    (told,) = commands(document(program(excused)))

    assert told["level"] == level
    assert told["title"] == f"LOST in Process ({verdict.lower()})"
    assert f"{verdict.lower()}: LOST: the bank knows no keys" in told["message"]


def test_what_is_wrong_with_test_and_session_is_an_error():
    flaky = program(problems=("FLAKY_BASELINE  they differ",))
    failed = program(test="test_b.py::test_b", outcome="failed")
    whole = document(flaky, failed, problems=("--cano-fail-under: too little",))

    session, test, other = commands(whole)

    assert session == {
        "level": "error",
        "title": "--cano-fail-under",
        "message": "too little",
    }
    assert (test["file"], test["line"]) == ("tests/test_shop.py", "7")
    assert test["message"] == "FLAKY_BASELINE  they differ"
    assert other["title"] == "test_b.py::test_b"


@pytest.mark.parametrize(
    ("location", "line"),
    [
        ("shop/pay.py:31 in process", Line("shop/pay.py", 31)),
        ("a:1 in b/pay.py:2 in <lambda>", Line("a:1 in b/pay.py", 2)),
        ("/repo/shop/pay.py:31 in process", Line("shop/pay.py", 31)),
        ("/elsewhere/pay.py:31 in process", None),
        ("../pay.py:31 in process", None),
        (".venv/lib/site-packages/pay.py:31 in process", None),
        ("<string>:31 in process", None),
        ("", None),
    ],
)
def test_a_location_is_a_line_of_the_sources(location, line):
    assert SOURCES.line(location) == line


def test_paths_begin_where_the_repository_does(tmp_path):
    below = tmp_path / "services" / "shop"
    below.mkdir(parents=True)
    (tmp_path / ".git").mkdir()

    for environ in ({}, {"GITHUB_WORKSPACE": str(tmp_path)}):
        sources = Sources(str(below), environ)
        assert sources.line("pay.py:3 in pay") == Line("services/shop/pay.py", 3)
        assert sources.line("../pay.py:3 in pay") == Line("services/pay.py", 3)


@pytest.mark.parametrize(
    ("found", "line"),
    [
        # What the message names, wherever it happened.
        (trial("LOST", message="mail() happened 0 times"), Line("shop.py", 40)),
        # The task that was crashed.
        (trial("DIVERGED", message="another exit state"), Line("shop.py", 29)),
        # Nothing of ours.
        (trial("STUCK", schedule="Start@end"), Line("tests/test_shop.py", 7)),
    ],
)
def test_a_finding_is_shown_at_the_line_that_it_is_about(found, line):
    usual = baseline(
        runs=[run(tasks={"Process": "shop.py:29 in process"})],
        effects=(
            effect("charge()"),
            effect("mail()", point="Done@effect:1", location="shop.py:40 in mail"),
        ),
    )
    message = found.findings[0].message.replace("charge()", "it")
    told = replace(found, findings=(replace(found.findings[0], message=message),))

    assert SOURCES.place(program(told, baseline=usual), told).line == line


def test_the_summary_never_exceeds_the_limit():
    many = [
        program(
            *(trial("LOST", schedule=f"S{number}@end") for number in range(20)),
            test=f"test_{test}.py::test_it[{'x' * 9000}]",
        )
        for test in range(200)
    ]

    page = summary(document(*many))

    assert LIMIT - 20_000 < len(page.encode()) <= LIMIT
    assert "… and 3950 more; the tables have all of them." in page
    assert page.rstrip().splitlines()[-1] == (
        "Left out, for GitHub shows no more than 1024 KiB of a step: states and "
        "moments, coverage of recovery (in part, or all of it)."
    )


def test_the_summary_takes_the_room_that_is_left(tmp_path):
    path = tmp_path / "summary.md"
    environ = {"GITHUB_STEP_SUMMARY": str(path)}
    report = GitHubReport(ReportOption("github", "", tmp_path), environ)
    path.write_text("x" * (LIMIT - 1200), "utf-8")

    *_, told = report.write(document(program(twice())))
    *_, again = report.write(document(program(twice())))

    assert told.endswith("and the step summary")
    assert again.endswith("no step summary (there is no room left for it)")
    page = path.read_text("utf-8")
    assert len(page.encode()) <= LIMIT
    assert "## Crash tests failed" in page
    assert "Left out" in page


def test_states_are_coloured_by_how_they_went():
    transitions = {
        "Start": frozenset({"Process", "Refund"}),
        "Process": frozenset({"Done"}),
        "Refund": frozenset({"Done"}),
    }
    runs = [run(transitions=transitions, kinds=dict.fromkeys(transitions, "task"))]
    lives = (crashed(1, "Start@end"), returned())
    usual = baseline(runs=runs, effects=(effect("charge()"),))
    whole = document(
        program(
            twice(runs=runs),
            trial(schedule="Start@end", runs=runs, lives=lives),
            baseline=usual,
        )
    )

    page = summary(whole)

    drawn = page.partition("```mermaid\n")[2].partition("```")[0].splitlines()
    assert drawn[:5] == [
        "flowchart TD",
        '    s0["Start"]:::passed',
        '    s1["Process"]:::failed',
        '    s2["Refund"]:::unmet',
        '    s3(["Done"]):::unmet',
    ]
    assert [line.split()[1] for line in drawn if "classDef" in line] == [
        *("failed", "passed", "unmet")
    ]


def test_a_workflow_that_is_too_large_is_not_drawn():
    transitions = {f"S{number}": frozenset({f"S{number + 1}"}) for number in range(600)}
    usual = baseline(runs=[run(transitions=transitions)])

    page = summary(document(program(baseline=usual)))

    assert "It has too many states to be drawn here." in page
    assert "```mermaid" not in page


def test_the_lines_that_recovery_came_to_are_told_where_they_were_measured():
    measured = FileLines(*map(frozenset, ({3, 4, 5}, {3, 4}, {3}, {3})))
    found = program(twice(), lines=TaskLines({"shop.py": measured}))

    page = summary(document(found))

    assert "- task lines  1\\/2 also ran resumed \\(only undisturbed\\: shop" in page
    assert "task lines" not in summary(document(program(twice())))


def test_what_is_excused_is_listed_with_its_reason():
    excused = trial("KNOWN", found="LOST", excuse="LOST: a | b")

    page = summary(document(program(excused)))

    assert "## Crash tests passed" in page
    assert "| known | `tests/test_shop.py::test_it [Process@end]` | LOST\\: a " in page


def test_names_can_not_break_annotations():
    whole = hostile()

    lines = [str(each) for each in annotations_of(whole, SOURCES)]

    assert len(lines) == 4
    for line in lines:
        told = understood(line)
        assert line.isprintable()
        assert told.keys() - {"file", "line"} == {"level", "title", "message"}
        assert '"now", 100%0A ::error file=x::]]> \\x1b[31m' in told["message"]
    assert understood(lines[2])["title"].startswith('DUPLICATED in Pay\\r\\n"now"')


def test_names_can_not_break_the_summary():
    page = summary(hostile())

    assert not re.search(r"[\x00-\x09\x0b-\x1f\ud800-\udfff\u202e]", page)
    inside, fence = False, ""
    for line in page.splitlines():
        found = re.match(r"`{3,}", line)
        if inside:
            inside = line != fence
        elif found and "`" not in line[found.end() :]:
            inside, fence = True, found.group()
        else:
            # Out of code, nothing is markup that is not ours.
            bare = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", line)
            assert "<b>" not in bare
            assert "[a](b)" not in bare
    assert not inside
    assert "::error" in page


def test_the_hostile_name_has_what_github_reads():
    assert {"\n", "\r", "%", "::", ",", "```", "|"} <= {
        part for part in ("\n", "\r", "%", "::", ",", "```", "|") if part in HOSTILE
    }


def test_without_crash_tests_there_is_little_to_say():
    assert [*outputs(document())] == [
        *("score=", "coverage=", "new-failures=0", "worst=")
    ]
    assert "nothing was run" in summary(document())


def test_an_odd_name_does_not_keep_the_files_from_being_written(tmp_path: Path):
    names = {"GITHUB_STEP_SUMMARY": "summary.md", "GITHUB_OUTPUT": "output.txt"}
    environ = {key: str(tmp_path / name) for key, name in names.items()}

    GitHubReport(ReportOption("github", "", tmp_path), environ).write(hostile())

    assert (tmp_path / "summary.md").read_text("utf-8").startswith("\n## Crash tests")
    assert "worst=DUPLICATED" in (tmp_path / "output.txt").read_text("utf-8")
