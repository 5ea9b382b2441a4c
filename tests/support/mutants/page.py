"""The page `docs/mutants.md`: what each mutant breaks, and what has found it out."""

import re
from collections.abc import Iterable

from mutants.campaign import Verdict
from mutants.mutant import Mutant
from mutants.table import MUTANTS
from mutants.trial import Kill

INTRODUCTION = """\
# Mutants

Does a harness that finds nothing look hard enough? Each line of this page is an engine
with one small mistake, of a kind that a careful reader may well pass over: the tests of
the examples pass on it, for as long as nothing goes wrong. Crashed as its command says,
each of them is found out, with the verdict and by the schedule that are given here.

This page is written by

<!-- not run: takes a minute or two, and writes this page -->
```sh
PYTHONPATH=tests/support python -m mutants --page docs/mutants.md
```

which lets the engine as it is pass all those commands, too. One crash is enough for any
of them, so all are run with `--cano-depth=1`. The mistakes themselves are in
`tests/support/mutants/table/`, and `python -m mutants NAME` shows all that the command
of one of them prints. Where the store contract has found one out, the verdict is the
line of it that is broken, and the schedule the check that saw that.
"""

_NAME = re.compile(r"^\| `([a-z-]+)` \|", re.MULTILINE)


def text(verdicts: Iterable[Verdict]) -> str:
    """Return the page."""
    found = {each.mutant: each.kill for each in verdicts}
    lines = [
        "| mutant | breaks the rule that | `pytest` | verdict | schedule |",
        "| --- | --- | --- | --- | --- |",
    ]
    for mutant in MUTANTS:
        kill = found.get(mutant)
        if kill is None:
            raise ValueError(f"{mutant.name} was not found out")
        lines.append(line(mutant, kill))
    table = "\n".join(lines)
    return (
        f"{INTRODUCTION}\n{len(MUTANTS)} mutants, all of them found out:\n\n{table}\n"
    )


def line(mutant: Mutant, kill: Kill) -> str:
    """Return the line of a mutant."""
    return (
        f"| `{mutant.name}` | {mutant.rule} | `{mutant.command}` | {kill.verdict} "
        f"| `{kill.schedule}` |"
    )


def names(page: str) -> list[str]:
    """Return the names of the mutants that a page lists, in its order."""
    return _NAME.findall(page)
