"""A state whose tasks run beside each other, as the branches of a split."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import ConfigurationError
from .join import SplitResult
from .progress import JOINED

if TYPE_CHECKING:
    from .run import Run, Visit


def joined(run: Run, visit: Visit) -> SplitResult:
    """Return what the split before a visit has come to.

    Raises:
        ConfigurationError: the visit does not follow a split.
    """
    if JOINED not in visit.progress.memos:
        raise ConfigurationError(
            f"{run.described}: the task of state {visit.handler.label!r} takes a "
            "SplitResult, but the state was not entered from a split"
        )
    raise NotImplementedError
