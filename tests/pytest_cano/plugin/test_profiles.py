"""Profiles: settings under a name, built in or of the ini file's sections."""

from pathlib import Path

import pytest

from pytest_cano.options import OPTIONS
from pytest_cano.profiles import PROFILES, profile
from pytest_cano.said import settings_of
from shop_project import SAFE

DEFAULTS = {option.name: option.default for option in OPTIONS}


@pytest.mark.parametrize("name", PROFILES)
def test_a_built_in_profile_makes_sense(name):
    settings = settings_of({"cano_profile": name}, DEFAULTS, None)

    assert settings.crash
    assert settings.budget


def test_the_documentation_lists_what_each_profile_says():
    page = (Path(__file__).parents[3] / "docs" / "ci.md").read_text("utf-8")
    said = {name for each in PROFILES.values() for name in each}
    names = [option.name for option in OPTIONS if option.name in said]
    rows = [
        (
            f"`{name}`",
            *(f"`{said[name]}`" if name in said else "" for said in PROFILES.values()),
        )
        for name in names
    ]
    head = ("option", *(f"`{name}`" for name in PROFILES))
    table = [head, ("---",) * len(head), *rows]

    assert "\n".join(f"| {' | '.join(row)} |" for row in table) in page


def test_a_profile_crashes_and_is_gated(project):
    project.add("test_safe.py", SAFE)

    smoke = project.run("--cano-profile=smoke")
    gated = project.run("--cano-profile=ci", "--cano-budget=3")

    assert [smoke.ret, gated.ret] == [0, 1]
    smoke.stdout.fnmatch_lines(["test_safe  2/2 crash points of 8 *"])
    gated.stdout.fnmatch_lines(["ERROR --cano-fail-under-coverage: *left out *"])


def test_a_profile_whose_points_nothing_met_is_named(project):
    project.add(
        "pytest.ini", "[pytest]\npythonpath = .\n[cano:mine]\ncano_crash = Nowhere"
    )
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-profile=mine")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["ERROR profile mine: cano_crash: *'Nowhere'*"])


def test_the_command_line_overrides_a_profile(project):
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-profile=smoke", "--cano-crash=Ship@start")

    result.stdout.fnmatch_lines(["test_safe  1/1 crash points of 8 *"])


SECTIONS = {
    "pytest.ini": (
        "[pytest]\npythonpath = .\ncano_stores = memory\n"
        "[cano:smoke]\ncano_crash = Ship\n[cano:mine]\ncano_crash =\n  @end\n  Done\n"
    ),
    "pyproject.toml": """
        [tool.pytest.ini_options]
        pythonpath = ["."]
        cano_stores = ["memory"]
        [tool.cano.smoke]
        cano_crash = "Ship"
        [tool.cano.mine]
        cano_crash = ["@end", "Done"]
        """,
}


@pytest.mark.parametrize("file", SECTIONS)
def test_a_section_changes_a_profile_or_makes_one(project, file):
    (project.path / "pytest.ini").unlink()
    project.add(file, SECTIONS[file])
    project.add("test_safe.py", SAFE)

    smoke = project.run("--cano-profile=smoke")
    mine = project.run("-o", "cano_profile=mine")

    smoke.stdout.fnmatch_lines(["test_safe  3/3 crash points of 8 *"])
    mine.stdout.fnmatch_lines(["test_safe  3/3 crash points of 8 *"])


def test_a_profile_overrides_the_ini_file(project):
    project.add(
        "pytest.ini",
        "[pytest]\npythonpath = .\ncano_stores = memory\ncano_crash = all\n"
        "[cano:smoke]\ncano_budget =\n",
    )
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-profile=smoke")

    result.stdout.fnmatch_lines(["test_safe  2/2 crash points of 8 *"])


@pytest.mark.parametrize(
    ("section", "name", "problem"),
    [
        ("", "smok", "--cano-profile: there is no profile 'smok' (*; did you mean *"),
        (
            "[cano:mine]\ncano_crsh = all",
            "mine",
            "profile mine: there is no option 'cano_crsh' (pytest.ini); did you mean *",
        ),
        (
            "[cano:mine]\ncano_crash = @ennd",
            "mine",
            "profile mine: cano_crash: *'ennd'*'end'?",
        ),
        (
            "[cano:mine]\ncano_depth = 7",
            "mine",
            "profile mine: cano_depth: '7' is no whole number from 1 to 3",
        ),
        (
            "[cano:mine]\ncano_baseline_update = maybe",
            "mine",
            "profile mine: cano_baseline_update: 'maybe' is neither true nor false",
        ),
    ],
)
def test_a_profile_that_makes_no_sense_is_a_usage_error(
    project, section, name, problem
):
    project.add("pytest.ini", f"[pytest]\n{section}\n")

    result = project.run(f"--cano-profile={name}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {problem}"])


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        (
            "[tool]\ncano = 5",
            "pyproject.toml: tool.cano = 5 holds no profiles; *mine[]]",
        ),
        (
            "[tool.cano]\nci = 3",
            "pyproject.toml: ci = 3 in [[]tool.cano] is no profile; *.mine[]]; *",
        ),
        (
            "[tool.cano]\ncano_crash = 'all'",
            "pyproject.toml: cano_crash = 'all' in [[]tool.cano] is no profile; *",
        ),
        (
            "[tool.cano.ci]\ncano_profile = 'smoke'",
            "profile ci: cano_profile: a profile can't build on another one; *",
        ),
    ],
)
def test_what_is_no_profile_in_a_toml_file_is_a_usage_error(project, section, problem):
    (project.path / "pytest.ini").unlink()
    project.add("pyproject.toml", f"[tool.pytest.ini_options]\n{section}\n")

    result = project.run("--cano-profile=ci")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {problem}"])


def test_paths_of_an_ini_file_begin_where_it_is(project, monkeypatch):
    project.add("tests/test_safe.py", SAFE)
    project.add(
        "pytest.ini",
        "[pytest]\npythonpath = .\ncano_stores = memory\n"
        "cano_report = json:out/r.json\n",
    )
    (project.path / "elsewhere").mkdir()
    monkeypatch.chdir(project.path / "elsewhere")

    result = project.run("--cano-crash=@end", "../tests")

    assert result.ret == 0
    assert (project.path / "out/r.json").exists()


def test_a_profile_says_what_the_ini_file_would():
    assert profile("ci", "--cano-profile", None)["cano_ending"] == ["raise,kill"]
