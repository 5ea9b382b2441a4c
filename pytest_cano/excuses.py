"""Why what was found may fail nothing: all the reasons that one test may have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import final

from .acceptance import Accept, Acceptances
from .known import Listed, Ratchet
from .options import Settings
from .story import Story, Trial
from .tolerance import Tolerance


@final
class Excuses:
    """What is accepted, tolerated, or known to fail.

    Args:
        accepts: the known exceptions that the test declares.
        listed: its known failures.
        settings: of the session.

    Attributes:
        gone: known failures that can't happen any more.
    """

    def __init__(
        self, accepts: Sequence[Accept], listed: Listed, settings: Settings
    ) -> None:
        self.accepts = accepts
        self.gone: list[str] = []
        self._acceptances: Acceptances | None = None
        self._tolerance = Tolerance(settings.fail_on)
        file = "" if settings.baseline is None else settings.baseline.name
        self._ratchet = Ratchet(listed, file, updating=settings.baseline_update)

    def begin(self, baseline: Story) -> Acceptances:
        """Return what takes out of a trial what is accepted, for the search to use.

        Args:
            baseline: what the undisturbed program does.
        """
        self.gone = self._ratchet.gone(baseline)
        self._acceptances = Acceptances(
            self.accepts, baseline, "@pytest.mark.cano_accept"
        )
        return self._acceptances

    def judge(self, trial: Trial) -> Trial:
        """Return a trial as it counts; the search goes on from what it really was."""
        return self._ratchet.judge(self._tolerance.judge(trial))

    def agreed(self) -> list[str]:
        """Return where endings are known to disagree, and have come to the same."""
        return self._ratchet.agreed()

    def problems(self, outdated: Iterable[str]) -> Iterator[str]:
        """Say which excuses are none any more; asked when the search is over.

        Args:
            outdated: earlier failures that can't happen any more.
        """
        if self._acceptances is not None:
            yield from self._acceptances.problems()
        self._ratchet.outdated(outdated)
        yield from self._ratchet.problems()
