"""``check-log``: judges every run in a checkpoint file, and changes nothing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from cano_core.checkpoints.row import CheckpointRow, Outcome
from cano_core.checkpoints.sqlite_reading import SQLiteCheckpointReader
from cano_core.errors import CheckpointStoreError
from cano_core.graph import Graph
from cano_core.status import RunPhase, status_of
from cano_core.workflow import Workflow

from ..log_check import LogProblem, check_log
from ..log_rules import Rule
from ..notation import did_you_mean
from .loading import LoadError, load_workflow

SOUND, UNSOUND, UNUSABLE = 0, 1, 2
"""Exit statuses."""

MOST_PROBLEMS: Final = 20
"""Problems of one run that are printed."""

_HELP = (
    "Judge the logs in a checkpoint file by the rules that every log keeps. The file "
    "is opened read-only and may be in use."
)
_STATUSES = (
    "Exit status: 0 all runs are sound, 1 there are problems, 2 nothing was read."
)


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "check-log", help=_HELP, description=_HELP, epilog=_STATUSES
    )
    parser.add_argument("file", help="a file of SQLiteCheckpointStore")
    parser.add_argument(
        "--run",
        dest="runs",
        metavar="ID",
        action="append",
        help="judge only this run; may be given more than once",
    )
    parser.add_argument(
        "--workflow",
        metavar="MODULE:ATTRIBUTE",
        help="also judge states, transitions, versions and data: a Workflow, or a "
        "function without arguments that returns one",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead")
    parser.set_defaults(perform=_perform)


def _perform(chosen: argparse.Namespace) -> int:
    try:
        workflow = load_workflow(chosen.workflow) if chosen.workflow else None
        with SQLiteCheckpointReader(chosen.file) as reader:
            runs = _chosen(chosen.runs, reader.list_runs(), chosen.file)
            judged = (_judged(reader, run, workflow) for run in runs)
            tell = _tell_json if chosen.json else _tell
            unsound = tell(judged)
    except (LoadError, CheckpointStoreError, _UnknownRun) as error:
        sys.stderr.write(f"check-log: {error}\n")
        return UNUSABLE
    return UNSOUND if unsound else SOUND


class _UnknownRun(ValueError):
    """A run was named that the file does not have."""


def _chosen(
    wanted: Sequence[str] | None, known: Sequence[str], file: str
) -> Sequence[str]:
    if wanted is None:
        return known
    for run in wanted:
        if run not in known:
            raise _UnknownRun(
                f"{file}: there is no run {run!r} ({len(known)} others)"
                f"{did_you_mean(run, known)}"
            )
    return list(dict.fromkeys(wanted))


@final
@dataclass(frozen=True, slots=True)
class _Judged:
    """One run, judged: its id, where it stands in words, and what is wrong with it."""

    run: str
    stands: str
    rows: int
    problems: tuple[LogProblem, ...]


def _judged(
    reader: SQLiteCheckpointReader, run: str, workflow: Workflow | None
) -> _Judged:
    try:
        rows, outcome = reader.load_run(run), reader.outcome(run)
    except CheckpointStoreError as error:
        # The other runs of the file are not affected.
        problem = LogProblem(Rule.READABLE, str(error))
        return _Judged(run, "unreadable", 0, (problem,))
    problems = check_log(rows, workflow, outcome=outcome)
    graph = None if workflow is None else workflow.graph
    return _Judged(run, _stands(rows, outcome, graph), len(rows), problems)


_STANDS: Final = {
    RunPhase.INTERRUPTED: "interrupted (or alive) in",
    RunPhase.ROLLING_BACK: "rolling back, failed in",
    RunPhase.FINISHED: "finished at",
    RunPhase.ROLLED_BACK: "rolled back, failed in",
}


def _stands(
    rows: Sequence[CheckpointRow], outcome: Outcome | None, graph: Graph | None
) -> str:
    exits = frozenset[str]() if graph is None else graph.exits
    status = status_of(rows, outcome, exits=exits, remembered=True)
    return f"{_STANDS[status.phase]} {status.state}"


def _tell(judged: Iterator[_Judged]) -> int:
    runs = unsound = 0
    for each in judged:
        runs += 1
        unsound += bool(each.problems)
        sys.stdout.write(f"{_line(each)}\n")
        for problem in each.problems[:MOST_PROBLEMS]:
            sys.stdout.write(f"  {problem}\n")
        rest = len(each.problems) - MOST_PROBLEMS
        if rest > 0:
            sys.stdout.write(f"  … and {rest} more\n")
    found = "all sound" if not unsound else f"{unsound} with problems"
    sys.stdout.write(f"{_count(runs, 'run')}: {found}\n" if runs else "no runs\n")
    return unsound


def _line(judged: _Judged) -> str:
    verdict = _count(len(judged.problems), "problem") if judged.problems else "sound"
    rows = f", {_count(judged.rows, 'row')}" if judged.rows else ""
    return f"{judged.run}  {verdict}  ({judged.stands}{rows})"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + "s" * (number != 1)


def _tell_json(judged: Iterator[_Judged]) -> int:
    runs = [
        {
            "run": each.run,
            "stands": each.stands,
            "rows": each.rows,
            "problems": [
                {
                    "rule": problem.rule,
                    "row": None if problem.row is None else problem.row.sequence,
                    "message": problem.message,
                }
                for problem in each.problems
            ],
        }
        for each in judged
    ]
    sys.stdout.write(json.dumps(runs, indent=2) + "\n")
    return sum(bool(run["problems"]) for run in runs)
