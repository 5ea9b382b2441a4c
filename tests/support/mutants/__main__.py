"""Runs mutants: `PYTHONPATH=tests/support python -m mutants`, see the package."""

import argparse
import sys
import time
from pathlib import Path

from mutants import page
from mutants.campaign import Verdict, verdicts
from mutants.table import MUTANTS


def say(verdict: Verdict) -> None:
    """Print a verdict in one line."""
    mutant, seconds = verdict.mutant, verdict.result.seconds
    name = "(sound engine)" if mutant is None else mutant.name
    if verdict.kill is not None:
        said = f"{verdict.kill.verdict}  {verdict.kill.schedule}"
    elif mutant is None:
        said = "passes" if verdict.as_it_must_be else "FAILS"
        said += f"  {verdict.command}"
    else:
        said = f"SURVIVED  pytest {verdict.command}"
    print(f"{seconds:5.1f} s  {name:<38}  {said}", flush=True)


def main() -> int:
    """Run what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m mutants")
    parser.add_argument("name", nargs="*", help="only these mutants, with all output")
    parser.add_argument("--page", type=Path, help="write the page to this file")
    given = parser.parse_args()
    known = {mutant.name: mutant for mutant in MUTANTS}
    if unknown := [name for name in given.name if name not in known]:
        parser.error(f"no mutant {unknown[0]!r}; there are {', '.join(known)}")
    if given.name and given.page:
        parser.error("a page is made of all mutants")
    chosen = [known[name] for name in given.name] or MUTANTS
    began = time.perf_counter()
    done = []
    for verdict in verdicts(chosen):
        say(verdict)
        if given.name or not verdict.as_it_must_be:
            print(verdict.result.output)
        done.append(verdict)
    killed = sum(verdict.kill is not None for verdict in done if verdict.mutant)
    seconds = time.perf_counter() - began
    print(f"{killed} of {len(chosen)} mutants found out in {seconds:.0f} s")
    if not all(verdict.as_it_must_be for verdict in done):
        return 1
    if given.page:
        given.page.write_text(page.text(done), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
