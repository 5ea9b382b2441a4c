"""Every mutant against its command, and the engine as it is against the same ones."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from mutants.mutant import Mutant
from mutants.trial import Kill, Result, tried

WORKERS = 2
"""Commands that run at the same time."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What has become of a mutant, or of the engine as it is.

    Attributes:
        mutant: the mutant; None for the engine as it is.
        command: the command it was put to.
        result: what came of that.
    """

    mutant: Mutant | None
    command: str
    result: Result

    @property
    def kill(self) -> Kill | None:
        """What found the mutant out first; None if nothing did."""
        kills = self.result.kills
        return kills[0] if kills and self.result.status else None

    @property
    def as_it_must_be(self) -> bool:
        """Whether the mutant was found out, or the engine was found to be sound."""
        if self.mutant is None:
            return self.result.status == 0
        return self.kill is not None


def verdicts(mutants: Sequence[Mutant], *, sound: bool = True) -> Iterator[Verdict]:
    """Put mutants to their commands, and give each verdict as it comes.

    Args:
        mutants: the mutants.
        sound: whether the engine as it is has to pass all their commands first.
    """
    trials: list[tuple[str, Mutant | None]] = []
    if sound:
        trials += [(command, None) for command in together(mutants)]
    trials += [(mutant.command, mutant) for mutant in mutants]
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting = [pool.submit(_verdict, *trial) for trial in trials]
        for done in as_completed(waiting):
            yield done.result()


def together(mutants: Iterable[Mutant]) -> Iterator[str]:
    """Give commands that do all that those of the mutants do, one for each test."""
    groups: dict[tuple[str, str], list[str]] = {}
    for mutant in mutants:
        option, value = mutant.how.split("=" if "=" in mutant.how else " ", 1)
        groups.setdefault((mutant.tests, option), []).append(value.strip("'"))
    for (tests, option), values in groups.items():
        between, joint = (" ", " or ") if option == "-k" else ("=", ", ")
        yield f"{tests} {option}{between}'{joint.join(dict.fromkeys(values))}'"


def _verdict(command: str, mutant: Mutant | None) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="cano-mutant-") as directory:
        return Verdict(mutant, command, tried(command, Path(directory), mutant))
