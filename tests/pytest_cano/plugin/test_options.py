"""What can be said to the plugin, and what it says to what makes no sense."""

import pytest

from pytest_cano import options
from pytest_cano.plugin import FIXTURES


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--cano-crash=Process@ennd"], "*--cano-crash: *no moment 'ennd'*'end'?"),
        (["--cano-crash=random:x"], "*--cano-crash: *write random:N*"),
        (["--cano-crash=Process@end=kil"], "*--cano-crash: *'kil'*'kill'?"),
        (["--cano-ending=kil"], "*--cano-ending: 'kil' is no ending*'kill'?"),
        (["-o", "cano_ending=fail"], "*ini option cano_ending: 'fail' ends no life*"),
        (["--cano-depth=4"], "*--cano-depth: '4' is no whole number from 1 to 3"),
        (["--cano-detail=line"], "*--cano-detail: 'line' is not one of *'lines'?"),
        (["--cano-budget=soon"], "*--cano-budget: 'soon' is no budget: write a time*"),
        (["--cano-seed=x"], "*--cano-seed: 'x' is no whole number from 0 on"),
        (["--cano-timeout=-1"], "*--cano-timeout: '-1' is no whole number from 0 on"),
        (["--cano-workers=0"], "*--cano-workers: '0' is no whole number from 1 on"),
        (["--cano-crash="], "*--cano-crash: *selects nothing*"),
        (["--cano-crash=all", "--cano-crash=@x"], "*--cano-crash: *no moment 'x'*"),
        (["-o", "cano_crash=@nd"], "*ini option cano_crash: *'nd'*'end'?"),
        (["-o", "cano_select=al"], "*ini option cano_select: 'al'*'all'?"),
    ],
)
def test_a_wrong_option_is_a_usage_error(project, args, message):
    project.add("test_any.py", "def test_any(): raise AssertionError('it ran')")

    result = project.run(*args)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])
    result.stdout.no_fnmatch_line("*it ran*")


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("cano_crash('@ennd')", "@pytest.mark.cano_crash: *'ennd'*'end'?"),
        ("cano_crash(at='end')", "@pytest.mark.cano_crash: no keyword 'at'*"),
        ("cano_crash(depth=9)", "@pytest.mark.cano_crash: depth=9 is no number*"),
        ("cano_crash(ending='kil')", "@pytest.mark.cano_crash: ending: 'kil'*'kill'?"),
        ("cano_crash(7)", "@pytest.mark.cano_crash: 7 is no text*"),
        ("cano_store()", "@pytest.mark.cano_store() names no backend*"),
        ("cano_store('sqlit')", "@pytest.mark.cano_store: *'sqlit'*'sqlite'?"),
        ("cano_store(name='sqlite')", "@pytest.mark.cano_store: no keyword 'name'*"),
    ],
)
def test_a_wrong_marker_is_a_collection_error_with_its_place(project, marker, message):
    project.add(
        "test_marked.py",
        f"""
        import pytest

        @pytest.mark.{marker}
        def test_marked(cano_store): pass
    """,
    )

    result = project.run()

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*ERROR collecting test_marked.py*"])
    result.stdout.fnmatch_lines([f"test_marked.py:3: {message}"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_marker_that_is_wrong_and_added_late_fails_its_test(project):
    project.add(
        "conftest.py",
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.cano_crash("@ennd"))
    """,
    )
    project.add("test_late.py", "def test_late(): pass")

    result = project.run()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no moment 'ennd'*"])


def test_an_unknown_backend_of_the_ini_file_is_a_collection_error(project):
    project.add("test_stores.py", "def test_stores(cano_store): pass")

    result = project.run("-o", "cano_stores=memori")

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*ini option cano_stores: *'memori'*'memory'?"])


def test_help_shows_every_option(project):
    result = project.run("--help")

    text = result.stdout.str()
    assert all(option.name in text for option in options.OPTIONS)
    assert all(option.flag in text for option in options.OPTIONS if option.flag)
    assert max(len(line) for line in result.outlines if "cano" in line) <= 100


def test_markers_are_listed_with_an_example(project):
    result = project.run("--markers")

    for marker in options.MARKERS:
        result.stdout.fnmatch_lines([f"@pytest.mark.{marker.name}(*): *Example: *"])


def test_fixtures_are_listed_with_one_line_each(project):
    result = project.run("--fixtures")

    for name in FIXTURES:
        at = next(
            number
            for number, line in enumerate(result.outlines)
            if line.startswith(f"{name} -- ")
        )
        assert result.outlines[at + 1].startswith("    ")
        assert "no docstring" not in result.outlines[at + 1]
        assert result.outlines[at + 2].strip() == ""


def test_markers_are_known_to_strict_projects(project):
    project.add(
        "test_strict.py",
        """
        import pytest

        @pytest.mark.cano_store("memory")
        def test_strict(cano_store): pass
    """,
    )

    project.run("--strict-markers", "--strict-config").assert_outcomes(passed=1)


INI = {option.name: option.default for option in options.OPTIONS}


def test_unset_options_come_to_nothing():
    settings = options.resolve({"cano_crash": None}, INI)

    assert settings == options.Settings()
    assert not settings.session_crash


def test_the_command_line_takes_the_place_of_the_ini_file():
    ini = INI | {"cano_crash": ["all"]}

    assert options.resolve({"cano_crash": None}, ini).session_crash == ("all",)
    given = options.resolve({"cano_crash": ["A", "B@end"]}, ini)
    assert given.session_crash == ("A", "B@end")


@pytest.mark.parametrize("written", [["a", "b"], ["a, b"], ["a,b"], ["a,", "b"]])
def test_lists_are_written_with_spaces_or_commas(written):
    settings = options.resolve({}, INI | {"cano_ignore_effects": written})

    assert settings.ignore_effects == ("a", "b")
