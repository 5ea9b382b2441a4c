"""A mutant: what is changed, which rule that breaks, and how it is to be found out."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import cano_core

ENGINE = Path(cano_core.__file__).parent


class Rotten(Exception):
    """A mutant that does not fit the engine any more."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One small wrong change of the engine.

    Attributes:
        name: names it; words with hyphens.
        rule: what the engine promises, and this mutant does not keep.
        file: the changed module, below `cano_core`.
        fragment: the source that is replaced; it stands there exactly once.
        replacement: what it is replaced by.
        tests: the tests that find it out, ...
        how: ... and pytest's option that makes them do so: ``--cano-crash=...``, or
            for the store contract ``-k ...``.
    """

    name: str
    rule: str
    file: str
    fragment: str
    replacement: str
    tests: str
    how: str

    @property
    def command(self) -> str:
        """The arguments of pytest that find it out."""
        return f"{self.tests} {self.how}"

    def apply(self, source: str) -> str:
        """Return a module's source with the change.

        Raises:
            Rotten: the fragment is not there exactly once, or the result is no Python.
        """
        found = source.count(self.fragment)
        if found != 1:
            raise Rotten(
                f"{self.name}: its fragment occurs {found} times in {self.file}, and "
                f"has to occur once:\n{self.fragment}"
            )
        changed = source.replace(self.fragment, self.replacement)
        try:
            compile(changed, self.file, "exec")
        except SyntaxError as error:
            raise Rotten(f"{self.name}: {self.file} is no Python: {error}") from error
        return changed


def copy_engine(directory: Path, mutant: Mutant | None) -> None:
    """Put a copy of the engine below a directory, with the mutant's change if any."""
    copy = directory / ENGINE.name
    # With its bytecode, which knows its sources by their times: compiling all of the
    # engine would take longer than many a command.
    shutil.copytree(ENGINE, copy)
    if mutant is not None:
        module = copy / mutant.file
        changed = mutant.apply(module.read_text("utf-8"))
        for compiled in module.parent.glob(f"__pycache__/{module.stem}.*.pyc"):
            compiled.unlink()
        module.write_text(changed, encoding="utf-8")
