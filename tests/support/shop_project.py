"""A user's project: a shop with a workflow, and pytest sessions in it."""

import gc
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

import pytest

SHOP = '''
"""A shop whose charge is repeated by a resume, unless it has a key."""

import asyncio

from cano_core import RunContext, Workflow


def shop(store, ledger, *, keyed=False):
    async def charge(run: RunContext):
        key = run.idempotency_key if keyed else None
        ledger.effect("charge", "order-1", 42, key=key)
        return "Ship"

    async def ship(run: RunContext):
        ledger.effect("send", "order-1", key=run.idempotency_key)
        return "Done"

    workflow = Workflow(checkpoint_store=store).add_exit_state("Done")
    return workflow.register("Charge", charge).register("Ship", ship)


def start(workflow, workflow_id):
    return workflow.start_or_resume("Charge", workflow_id=workflow_id)


def run(workflow, workflow_id):
    return asyncio.run(start(workflow, workflow_id))
'''

BUGGY = """
from shop import run, shop

def test_buggy(cano_store, cano_ledger, cano_workflow_id):
    assert run(shop(cano_store, cano_ledger), cano_workflow_id) == "Done"
"""

SAFE = """
from shop import run, shop

def test_safe(cano_store, cano_ledger, cano_workflow_id):
    assert run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id) == "Done"
"""

# The crash points of the shop, in the order in which they are met.
POINTS = (
    "Charge@enter",
    "Charge@start",
    "Charge@effect:1",
    "Charge@end",
    "Ship@start",
    "Ship@effect:1",
    "Ship@end",
    "Done@cleared",
)


class Project:
    """A directory with tests, and pytest sessions in it.

    Only the plugins that are named take part, for others would answer for their own
    versions; warnings are errors, as they may be in anybody's project.
    """

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        # Without a disk to wait for; what the disk is for, has tests of its own.
        self.add("pytest.ini", "[pytest]\npythonpath = .\ncano_stores = memory\n")
        self.add("shop.py", SHOP)

    def add(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip(), "utf-8")
        return path

    def run(
        self, *args: str, plugins: Sequence[str] = (), subprocess: bool = False
    ) -> pytest.RunResult:
        """Run pytest here; no run of ours may ever end in an internal error."""
        command = ["-p", "cano"]
        for name in plugins:
            command += ["-p", name]
        if "pytest_asyncio.plugin" in plugins:
            command += ["-o", "asyncio_default_fixture_loop_scope=function"]
        command += ["-W", "error", *args]
        if subprocess:
            result = self.pytester.runpytest_subprocess(*command)
        else:
            result = self.pytester.runpytest_inprocess(*command)
        assert "INTERNALERROR" not in str(result.outlines + result.errlines)
        if "pytest_asyncio.plugin" in plugins:
            # Its older versions leave event loops to whatever test comes next.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                gc.collect()
        return result

    def junit(self, *args: str, **options: object) -> list[ET.Element]:
        """Run pytest and return the test cases of its JUnit file."""
        self.run(*args, "--junitxml=junit.xml", **options)
        return list(ET.parse(self.path / "junit.xml").getroot().iter("testcase"))


def schedules(result: pytest.RunResult) -> list[str]:
    """The schedules that a verbose run reported, in their order."""
    entries = (
        line.split(" ", 1)[1]
        for line in result.outlines
        if "::" in line and " " in line and "@" in line
    )
    return [
        entry.split("[", 1)[1].split("]", 1)[0]
        for entry in entries
        if entry.startswith(("PASSED [", "FAILED ["))
    ]
