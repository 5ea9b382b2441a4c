"""``python -m pytest_cano explain``: what it prints, and that it has all there is."""

import re
import subprocess
import sys

import pytest

from pytest_cano.advice import ADVICE
from pytest_cano.commands import main
from pytest_cano.commands.glossary import SELECTORS, WORDS
from pytest_cano.faults import FAULTS
from pytest_cano.moments import MOMENTS
from pytest_cano.options import MARKERS, OPTIONS
from pytest_cano.profiles import PROFILES
from pytest_cano.story import Verdict

FAILING = [verdict for verdict in Verdict if verdict.fails]


@pytest.fixture
def explain(capsys):
    def explained(*topics: str) -> str:
        assert main(["explain", *topics]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        return printed.out

    return explained


def squeeze(text: str) -> str:
    return " ".join(text.split())


def test_every_verdict_has_advice():
    assert set(ADVICE) == set(Verdict)


@pytest.mark.parametrize("verdict", FAILING)
def test_what_fails_has_a_usual_cause_and_a_way_out(verdict):
    for cause in ADVICE[verdict].usual:
        for text in (cause.what, cause.remedy):
            assert re.fullmatch(r".*[^.;:]", text)
    assert ADVICE[verdict].usual


@pytest.mark.parametrize("verdict", Verdict)
def test_a_verdict_is_explained_with_all_its_causes(explain, verdict):
    said = squeeze(explain(verdict.value))

    assert said.startswith(f"{verdict} {ADVICE[verdict].when}")
    for cause in ADVICE[verdict].usual:
        assert squeeze(f"usually {cause.what} do {cause.remedy}") in said


def test_a_verdict_is_found_however_it_is_written(explain):
    assert explain("lost-work") == explain("LOST_WORK") == explain("lost_work")


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=str)
def test_a_moment_is_explained(explain, moment):
    said = squeeze(explain(f"@{moment.usage}"))

    assert f"durable {moment.durable}" in said
    assert f"finds {moment.finds}" in said
    assert (f"--cano-detail={moment.detail}" in said) == bool(moment.detail)
    assert explain(moment.name) == explain(f"@{moment.usage}")


@pytest.mark.parametrize("kind", FAULTS.values(), ids=str)
def test_a_fault_is_explained(explain, kind):
    said = squeeze(explain(kind.usage))

    assert kind.help in said
    assert ("the life is over" in said) == kind.ends
    assert explain(f"={kind.name}") == explain(kind.usage)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_an_option_is_explained(explain, option):
    said = squeeze(explain(option.name))

    assert squeeze(option.help) in said
    assert option.flag is None or f"{option.flag} an option" in said


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_an_option_is_explained_as_it_is_given(explain, option):
    if option.flag is not None:
        said = explain(option.flag)

        assert explain(option.name).startswith(said)
        assert explain(f"{option.flag}=VALUE").startswith(said)


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_is_no_topic(explain, flag):
    assert explain(flag).startswith("usage: ")


@pytest.mark.parametrize("word", [*SELECTORS, *WORDS, "random", "random:200"])
def test_a_selector_or_another_word_is_explained(explain, word):
    name = "random:N" if word.startswith("random") else word
    said = squeeze(explain(word))

    assert said.startswith(f"{name} a ")
    for entry, text in {**SELECTORS, **WORDS}[name].items():
        assert f"{entry} {text}" in said


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_explained_by_what_it_says(explain, name):
    said = squeeze(explain(name))

    for option, value in PROFILES[name].items():
        assert f"{option} = {value}" in said
    assert "page docs/ci.md" in said
    assert explain(f"--cano-profile={name}").endswith(explain(name))


def test_a_profile_of_ones_own_is_told_of_where_profiles_are(explain):
    said = squeeze(explain("--cano-profile=mine"))

    assert "mine a profile says what its section of the ini file says" in said
    assert "[cano:mine] of pytest.ini, or [tool.cano.mine] of pyproject.toml" in said
    assert "page docs/ci.md" in said


@pytest.mark.parametrize("marker", MARKERS, ids=lambda marker: marker.name)
def test_a_marker_is_explained(explain, marker):
    said = squeeze(explain(f"@pytest.mark.{marker.name}"))

    assert f"{marker.name}({marker.signature})" in said
    assert squeeze(marker.help) in said


def test_a_crash_point_is_explained_as_the_lives_that_it_makes(explain):
    assert explain("Process@end") == (
        "Process@end  a schedule: what happens in 2 lives\n"
        "\n"
        "  life 1\n"
        "  at       Process@end: the task had returned, nothing was recorded\n"
        "  raise    a SimulatedCrash unwinds the life\n"
        "  then     the life is over; the next one starts on the same disk\n"
        "  durable  the entry row and all effects; nothing about the result\n"
        "  finds    tasks that can't be repeated when they are done\n"
        "\n"
        "  life 2   on the same disk, undisturbed; this is the life that is judged\n"
    )


def test_a_fault_that_a_life_survives_does_not_end_it(explain):
    said = squeeze(explain("Pay@end=fail + Book@undo > Book@undo=kill"))

    assert "what happens in 3 lives" in said
    assert "fail the task raises an ordinary exception there then the life may" in said
    assert "life 3 on the same disk, undisturbed" in said
    assert "or the one before it" in said


def test_several_topics_come_one_after_the_other(explain):
    assert explain("STUCK", "kill") == f"{explain('STUCK')}\n{explain('kill')}"


def test_without_a_topic_it_says_how_a_failure_is_read_and_what_else_there_is(explain):
    said = explain()

    assert "How a failure is read" in said
    for topic in (*Verdict, *(each.usage for each in (*MOMENTS.values(),))):
        assert re.search(rf"\b{re.escape(topic)}\b", said), topic
    for kind in FAULTS.values():
        assert kind.usage in said
    for name, words in {
        "selectors": SELECTORS,
        "profiles": PROFILES,
        "words": WORDS,
    }.items():
        assert re.search(rf"(?m)^  {name} +{', '.join(words)}$", said)
    assert max(map(len, said.splitlines())) <= 88


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ("DUPLICATE", "'DUPLICATE' is neither a verdict*did you mean 'DUPLICATED'?"),
        ("Process@ned", "*no moment 'ned'*did you mean 'end'?"),
        ("--cano-fail-onn=LOST", "*did you mean '--cano-fail-on'?"),
        ("evrywhere", "*did you mean 'everywhere'?"),
        ("all:1", "*is neither a verdict*"),
        ("Process", "*a crash point is written STATE@MOMENT*"),
        ("all=kill", "*is neither a verdict*"),
        ("", "*is neither a verdict*"),
    ],
)
def test_what_there_is_not_is_an_error_that_says_so(capsys, topic, said):
    assert main(["explain", topic]) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    pattern = re.escape(f"explain: {said}").replace(r"\*", ".*")
    assert re.fullmatch(pattern + r"\n", printed.err)


def test_it_is_a_command_of_the_module_and_needs_no_pytest():
    code = (
        "import runpy, sys; sys.argv[1:] = ['explain', 'LOST']\n"
        "try: runpy.run_module('pytest_cano', run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "assert 'pytest' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("LOST  an effect happened less often")
