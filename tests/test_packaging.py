"""The installed distribution is complete, and says of itself what it should."""

import re
import sys
import tomllib
from configparser import ConfigParser
from importlib.metadata import distribution
from pathlib import Path

import pytest

import cano_core
import pytest_cano

ROOT = Path(__file__).parents[1]
INSTALLED = distribution("pytest-cano")
FILES = {str(path) for path in INSTALLED.files or ()}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

only_as_wheel = pytest.mark.skipif(
    "pytest_cano/plugin.py" not in FILES, reason="installed as editable, not as wheel"
)


@pytest.mark.skipif(not sys.flags.safe_path, reason="PYTHONSAFEPATH is not set")
@pytest.mark.parametrize("package", [cano_core, pytest_cano])
def test_with_the_safe_path_the_wheel_is_what_is_tested(package):
    assert not Path(package.__file__).is_relative_to(ROOT / package.__name__)


@only_as_wheel
@pytest.mark.parametrize("package", ["cano_core", "pytest_cano"])
def test_the_wheel_has_every_file_of_its_packages(package: str):
    sources = {
        str(path.relative_to(ROOT))
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert f"{package}/py.typed" in sources
    assert sources <= FILES


@only_as_wheel
def test_the_wheel_has_nothing_else():
    top = {path.partition("/")[0] for path in FILES if not path.startswith("..")}

    assert {name for name in top if not name.endswith(".dist-info")} == {
        "cano_core",
        "pytest_cano",
    }


def test_pytest_finds_the_plugin():
    (entry,) = INSTALLED.entry_points.select(group="pytest11")

    assert (entry.name, entry.value) == ("cano", "pytest_cano.plugin")


def test_the_license_is_declared_and_shipped():
    assert INSTALLED.metadata["License-Expression"] == "MIT"
    assert any(path.endswith("licenses/LICENSE") for path in FILES)


def test_the_lowest_versions_are_the_ones_that_tox_tests():
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    tested = tox["testenv:lowest"]["deps"].split()

    declared = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]

    lowest = [text.partition(",")[0].replace(">=", "==") for text in declared]
    assert sorted(tested) == sorted(lowest)
    assert all(re.fullmatch(r"[\w-]+>=[\d.]+(,<\d+)?", text) for text in declared)
