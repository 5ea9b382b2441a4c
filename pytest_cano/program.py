"""What can be crashed: anything that can be started again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, final

from .life import Life


@final
@dataclass(frozen=True, slots=True)
class LifeResult:
    """How a program ended in one life; not asked about where the life crashed.

    Attributes:
        outcome: whether the program returned, failed, or was skipped.
        failure: text of the failure, the line that names it last; empty if none.
        error: the exception itself, where it is at hand.
    """

    outcome: Literal["passed", "failed", "skipped"]
    failure: str = ""
    error: BaseException | None = None


class Program(Protocol):
    """Anything that can be started again and again."""

    @property
    def name(self) -> str:
        """What reports call it."""

    def live(self, life: Life) -> LifeResult:
        """Run the program once, from its start to its end or crash.

        Never raises because of a crash or a failure of the program.
        `pytest_cano.injection.injected` has been entered around it, and is left as
        soon as it returns.
        """
