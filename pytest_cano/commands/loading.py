"""From ``module:attribute`` to the workflow that it names."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from importlib import import_module

from cano_core.errors import ConfigurationError
from cano_core.wording import described, shown
from cano_core.workflow import Workflow

from ..notation import did_you_mean


class LoadError(ValueError):
    """The text names no workflow; the message says why."""


def load_workflow(text: str) -> Workflow:
    """Import a workflow, as ``python`` would in the working directory.

    Args:
        text: ``module:attribute``; what it names is a `Workflow`, or is called
            without arguments and returns one.

    Raises:
        LoadError: it does not.
    """
    module_name, colon, attribute = text.partition(":")
    if not (module_name and colon and attribute):
        raise LoadError(
            f"--workflow {text!r}: write MODULE:ATTRIBUTE, for example shop.orders:"
            "workflow"
        )
    if os.getcwd() not in sys.path:
        # Where a program starts, its modules are found; safe-path mode aside.
        sys.path.insert(0, os.getcwd())
    try:
        # What it prints must not get into what is printed here.
        with redirect_stdout(sys.stderr):
            found: object = import_module(module_name)
    except (Exception, SystemExit) as error:
        raise LoadError(
            f"--workflow {text!r}: the module {module_name!r} can't be imported: "
            f"{described(error)}"
        ) from error
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise LoadError(
                f"--workflow {text!r}: there is no {name!r} in it"
                f"{did_you_mean(name, dir(found))}"
            )
        found = getattr(found, name)
    workflow = _made(text, found)
    try:
        workflow.validate()
    except ConfigurationError as error:
        raise LoadError(f"--workflow {text!r} is not valid: {error}") from error
    return workflow


def _made(text: str, found: object) -> Workflow:
    if not isinstance(found, Workflow) and callable(found):
        try:
            with redirect_stdout(sys.stderr):
                found = found()
        except (Exception, SystemExit) as error:
            raise LoadError(
                f"--workflow {text!r} failed when it was called without arguments: "
                f"{described(error)}"
            ) from error
    if not isinstance(found, Workflow):
        raise LoadError(f"--workflow {text!r} is {shown(found)}, and no Workflow")
    return found
