"""The walls between our modules, read from their source."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

import children

ROOT = Path(__file__).parents[1]
PACKAGES = ["cano_core", "pytest_cano"]
SOURCES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
LONGEST = 400

# The engine knows nothing of testing.
TESTING = {"_pytest", "coverage", "faker", "hypothesis", "pytest", "pytest_cano"}

# The part of the plugin that is the integration with pytest; the rest works without.
KNOWS_PYTEST = {
    "pytest_cano.checked",
    "pytest_cano.choice",
    "pytest_cano.contract",
    "pytest_cano.fixtures",
    "pytest_cano.fresh",
    "pytest_cano.fresh_session",
    "pytest_cano.items",
    "pytest_cano.lives",
    "pytest_cano.plugin",
    "pytest_cano.report.closing",
    "pytest_cano.report.entries",
    "pytest_cano.report.junit",
    "pytest_cano.report.opening",
    "pytest_cano.report.progress",
    "pytest_cano.report.results",
    "pytest_cano.report.showing",
    "pytest_cano.report.terminal",
    "pytest_cano.sharing",
    "pytest_cano.taking_over",
    "pytest_cano.tracebacks",
    "pytest_cano.wider",
}

# Data goes forward only: what a part of the plugin must not ask.
FORWARD = {
    "pytest_cano.schedule": {
        "cano_core.checkpoints",
        "pytest_cano.explorer",
        "pytest_cano.injection",
        "pytest_cano.oracles",
        "pytest_cano.report",
        "pytest_cano.world",
    },
    "pytest_cano.oracles": {
        "pytest_cano.explorer",
        "pytest_cano.injection",
        "pytest_cano.report",
    },
    "pytest_cano.records": {
        "pytest_cano.explorer",
        "pytest_cano.injection",
        "pytest_cano.report",
    },
    "pytest_cano.report": {"pytest_cano.explorer", "pytest_cano.injection"},
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


@dataclass(frozen=True, slots=True)
class Imports:
    """What a module imports anywhere in it, and the part that only types need.

    `from a import b` counts as `a` and as `a.b`, which may be a module.
    """

    runtime: frozenset[str]
    typing: frozenset[str]


def read_imports(source: str, module: str, *, is_package: bool = False) -> Imports:
    tree = ast.parse(source)
    typing = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for name in _imported(statement, module, is_package=is_package)
    }
    anywhere = set(_imported(tree, module, is_package=is_package))
    return Imports(frozenset(anywhere - typing), frozenset(typing))


def _imported(tree: ast.AST, module: str, *, is_package: bool) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")
                kept = len(parents) - node.level + is_package
                base = ".".join([*parents[:kept], *filter(None, [base])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def crossing(imported: frozenset[str], forbidden: set[str]) -> list[str]:
    return sorted(
        name
        for name in imported
        if any(name == wall or name.startswith(f"{wall}.") for wall in forbidden)
    )


def crossings(part: str, forbidden: set[str], *, typing: bool) -> dict[str, list[str]]:
    """What each module of a part imports from behind a wall."""
    found: dict[str, list[str]] = {}
    for path in SOURCES:
        name = module_name(path)
        if name == part or name.startswith(f"{part}."):
            source = path.read_text("utf-8")
            imports = read_imports(source, name, is_package=path.stem == "__init__")
            reached = imports.runtime | (imports.typing if typing else frozenset())
            found[name] = crossing(reached, forbidden)
    if not found:
        pytest.fail(f"{part} is gone: what is its wall now?")
    return {name: crossed for name, crossed in found.items() if crossed}


def test_imports_are_found_wherever_they_stand():
    source = """
from typing import TYPE_CHECKING
import os.path
from . import sibling
from ..other import thing
if TYPE_CHECKING:
    import pytest
def late():
    from faker import Faker
"""
    imports = read_imports(source, "package.inner.module")

    assert imports.runtime == {
        "typing",
        "typing.TYPE_CHECKING",
        "os.path",
        "package.inner",
        "package.inner.sibling",
        "package.other",
        "package.other.thing",
        "faker",
        "faker.Faker",
    }
    assert imports.typing == {"pytest"}


def test_a_package_imports_from_itself():
    imports = read_imports("from .a import b", "package", is_package=True)

    assert imports.runtime == {"package.a", "package.a.b"}


def test_a_wall_is_crossed_by_a_module_and_by_what_is_in_it():
    imported = frozenset({"pytest", "pytest.raises", "pytest_asyncio"})

    assert crossing(imported, {"pytest"}) == ["pytest", "pytest.raises"]


def test_the_engine_knows_nothing_of_testing():
    assert not crossings("cano_core", TESTING, typing=True)


def test_only_the_integration_with_pytest_knows_pytest():
    crossed = crossings("pytest_cano", {"_pytest", "pytest"}, typing=True)

    assert crossed.keys() == KNOWS_PYTEST


@pytest.mark.parametrize("part", FORWARD)
def test_data_goes_forward_only(part: str):
    assert not crossings(part, FORWARD[part], typing=False)


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_no_assert_outside_tests(path: Path):
    tree = ast.parse(path.read_text("utf-8"))

    asserts = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]

    assert not asserts, f"{path}:{asserts[0]}: pytest would rewrite it; raise an error"


def test_no_file_is_too_long():
    lengths = {
        module_name(path): path.read_text("utf-8").count("\n") for path in SOURCES
    }
    assert not {name for name, length in lengths.items() if length > LONGEST}
    assert median(lengths.values()) < 180


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_typed(package: str):
    assert (ROOT / package / "py.typed").is_file()


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after a statement."""
    code = f"{statement}; import json, sys; print(json.dumps(sorted(sys.modules)))"
    # The measuring of coverage would load what is asked about.
    environment = {
        name: value
        for name, value in children.environment().items()
        if not name.startswith("COVERAGE_")
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True
    )
    return set(json.loads(done.stdout))


def test_importing_the_engine_loads_nothing_that_it_may_not_need():
    unwanted = {*TESTING, "opentelemetry", "sqlite3", "tenacity"}
    assert not loaded_by("pass") & unwanted

    loaded = loaded_by("import cano_core")

    assert "cano_core" in loaded
    assert not loaded & unwanted
