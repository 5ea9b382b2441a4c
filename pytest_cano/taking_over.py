"""Whether a test is run by us: crashed, or refused; every other one is pytest's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import pytest

from .choice import choose
from .items import refuse_item, run_item
from .options import OptionError, Settings


def take_over(
    item: pytest.Item,
    nextitem: pytest.Item | None,
    settings: Settings,
    marks: Iterable[pytest.Mark],
) -> Literal[True] | None:
    """Run a test if it is to be crashed; None leaves it to others.

    Args:
        item: the test.
        nextitem: the one after it.
        settings: of the session.
        marks: its ``cano_crash`` markers.
    """
    if not isinstance(item, pytest.Function):
        return None
    try:
        choice = choose(item, settings, marks)
    except OptionError as error:
        problem = str(error)
    else:
        if choice is not None:
            run_item(item, nextitem, choice, settings)
        return None if choice is None else True
    # Outside of the handler: what is raised there would have its error for a context.
    refuse_item(item, nextitem, problem, settings)
    return True
