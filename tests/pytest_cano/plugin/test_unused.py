"""Installed and unused, the plugin costs three modules and shows nothing."""

import json

import pytest

LEAVES = """
    import json, sys

    def pytest_unconfigure(config):
        with open("modules.json", "w") as file:
            json.dump(sorted(sys.modules), file)
"""


@pytest.fixture
def modules(project):
    """Run a session and return the modules that it had loaded at its very end."""
    project.add("conftest.py", LEAVES)

    def loaded(*args):
        result = project.pytester.runpytest_subprocess(*args)
        assert result.ret == 0
        return set(json.loads((project.path / "modules.json").read_text()))

    return loaded


def test_an_unused_plugin_adds_exactly_three_modules(project, modules):
    project.add("pytest.ini", "[pytest]")
    project.add("test_plain.py", "def test_plain(tmp_path): pass")

    without = modules("-p", "no:cano")
    added = modules("-p", "cano") - without
    # An older pytest reads the metadata of a plugin that is named by -p.
    added -= {"email.feedparser", "email.parser"}

    assert added == {"pytest_cano", "pytest_cano.plugin", "pytest_cano.options"}
    # Not by pytest either, so that what we load late is really late.
    heavy = {"asyncio", "cano_core", "faker", "hypothesis", "sqlite3"}
    assert not heavy & without


def test_nothing_is_shown_in_a_run_that_uses_nothing(project):
    project.add("pytest.ini", "[pytest]")
    project.add("test_plain.py", "def test_plain(): pass")

    shown = project.run("-v")
    without = project.pytester.runpytest_inprocess("-v", "-p", "no:cano")

    def stable(result):
        noise = ("====", "plugins: ")
        return [line for line in result.outlines if not line.startswith(noise)]

    assert stable(shown) == stable(without)


def test_without_option_and_marker_nothing_is_crashed(project):
    project.add(
        "test_buggy.py",
        """
        from shop import run, shop

        def test_once(cano_store, cano_ledger, cano_workflow_id, tmp_path):
            with (tmp_path / "lives").open("a") as file:
                file.write("life ")
            assert run(shop(cano_store, cano_ledger), cano_workflow_id) == "Done"
            assert cano_ledger.count("charge") == 1
            assert (tmp_path / "lives").read_text() == "life "
    """,
    )

    result = project.run("-v")

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*crash summary*")


def test_the_plugin_can_be_switched_off(project):
    project.add("pytest.ini", "[pytest]")
    project.add("test_plain.py", "def test_plain(): pass")

    result = project.pytester.runpytest_inprocess("-p", "no:cano")
    unknown = project.pytester.runpytest_inprocess("-p", "no:cano", "--cano-crash=all")

    result.assert_outcomes(passed=1)
    assert unknown.ret == pytest.ExitCode.USAGE_ERROR
