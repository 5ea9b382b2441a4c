"""The run book: every run of a world, and what its log must hold."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, final

from cano_core.checkpoints.store import CheckpointStore, remembers_outcomes
from cano_core.graph import Graph

from .kept_log import Doubt, KeptLog
from .log_reader import Visit
from .task_code import starts_of

if TYPE_CHECKING:
    from cano_core.workflow import Workflow

Place: TypeAlias = str
RunKey: TypeAlias = tuple[str | None, str]
"""A run's id and its store's place; for a run without a store None and its number."""

PLACES = ("path", "directory", "file", "filename", "root", "location", "url", "dsn")
"""Attributes (with or without an underscore before them) that tell a store's place."""


@final
class RunRecord:
    """One run, over all lives.

    Attributes:
        run: its ordinal.
        workflow_id: its id, or None for a run without a store.
        remembers: whether its store remembers outcomes.
        log: what its store must hold.
        place: where its store is.
        first_life: number of the life that began it.
        sessions: how often it was started or resumed, in all lives.
        before_extra: how many rows it had written before the extra start.
        current: the (state, visit) whose task each resumption has to run again.
        undoing: the (state, visit) that each resumed rollback has to undo.
        storeless_exit: exit state that it reached in the present life, if it has no
            store.
    """

    def __init__(
        self, run: int, key: RunKey, workflow: Workflow, log: KeptLog, life: int
    ) -> None:
        self.run = run
        self.workflow_id, self.place = key
        self._workflow: Workflow | None = workflow
        self.first_life = life
        self.sessions = 0
        self.before_extra = 0
        self.remembers = True
        self.log = log
        self.current: list[Visit] = []
        self.undoing: list[Visit] = []
        self.storeless_exit: str | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What another process can know of it: not the workflow, but its graph."""
        known = {"graph": self.graph, "tasks": self.tasks}
        return self.__dict__ | known | {"_workflow": None}

    @cached_property
    def graph(self) -> Graph:
        """What may follow what; cheap to ask once the run has begun."""
        if self._workflow is None:
            raise RuntimeError(f"the graph of run {self.run} was not handed over")
        return self._workflow.graph

    @cached_property
    def tasks(self) -> Mapping[str, str]:
        """Where the task of each state begins; see `starts_of`."""
        return {} if self._workflow is None else dict(starts_of(self._workflow))

    def has_row(self, state: str, visit: int) -> bool:
        """Say whether the present visit has an entry row, or would with a store.

        A router has one only where the run begins.
        """
        if self.graph.kinds.get(state) != "router":
            return True
        if self.workflow_id is None:
            return False
        rows = self.log.rows
        return (
            bool(rows)
            and rows[0].state == state
            and self.log.repeated == (state, visit) == (state, 1)
        )

    def resumed(self) -> None:
        """The run goes on from where its log stands: what is repeated now is due."""
        visit = self.log.repeated
        if visit is not None:
            self.current.append(visit)
        self.undoing += self.log.undoing

    @property
    def exit(self) -> str | None:
        """How the run ended: see `pytest_cano.kept_log.KeptLog.exit`."""
        return self.storeless_exit if self.workflow_id is None else self.log.exit


@final
class RunBook:
    """Every run of a world.

    Args:
        disk: the world's disk; places of stores are told relative to it.

    Attributes:
        expected: ordinals of the runs that every baseline knows.
        records: every run.
        logs: what each store must hold of a run.
        files: where stores keep their logs: paths of databases, and of directories.
    """

    def __init__(self, disk: Path) -> None:
        self.expected: Mapping[RunKey, int] = {}
        self.records: dict[RunKey, RunRecord] = {}
        self.logs: dict[RunKey, KeptLog] = {}
        self.files: set[str] = set()
        self._disk = str(disk)

    def log(self, workflow_id: str, place: Place) -> KeptLog:
        """Return what a store must hold of a run."""
        return self.logs.setdefault((workflow_id, place), KeptLog())

    def stored(
        self, workflow_id: str, workflow: Workflow, store: CheckpointStore, life: int
    ) -> RunRecord:
        """Return the run of that id in that store."""
        place = self.place(store)
        record = self._record((workflow_id, place), workflow, life)
        record.remembers = remembers_outcomes(store)
        return record

    def storeless(self, number: int, workflow: Workflow, life: int) -> RunRecord:
        """Return the run that is the n-th of its life without a store."""
        record = self._record((None, str(number)), workflow, life)
        record.storeless_exit = None
        return record

    def place(self, store: CheckpointStore) -> Place:
        """Say where a store keeps its logs, alike for every object that opens it.

        Of stores that do not tell their place there is taken to be one of a kind.
        """
        places = [type(store).__qualname__]
        for name in PLACES:
            for attribute in (name, f"_{name}"):
                value = getattr(store, attribute, None)
                if isinstance(value, (str, os.PathLike)):
                    if os.path.isabs(value) and str(value) != self._disk:
                        self.files.add(str(value))
                    places.append(str(value).removeprefix(self._disk))
        return " ".join(dict.fromkeys(places))

    def cut_off(self, life: int) -> None:
        """A life's process is gone, or stands still, whatever it has asked for."""
        for log in self.logs.values():
            log.cut_off(life)

    def forget_unwritten(self) -> None:
        """Free the ordinals of runs that never had a row: they have not begun."""
        for key, record in list(self.records.items()):
            if record.workflow_id is not None and not record.log.begun:
                del self.records[key]

    def adopt(self, other: RunBook) -> None:
        """Know what another process knows; whoever holds a log or a record, too."""
        self.files |= other.files
        for key, log in other.logs.items():
            self.logs.setdefault(key, log).__dict__.update(log.__dict__)
        for gone in self.records.keys() - other.records.keys():
            del self.records[gone]
        for run, record in other.records.items():
            mine = self.records.setdefault(run, record)
            if mine is not record:
                mine.__dict__.update(record.__dict__)
            mine.log = self.logs.get(run, mine.log)

    def pruned(self, place: Place) -> None:
        """A store may have forgotten the outcomes of runs, as it was asked to."""
        for (_, kept_at), log in self.logs.items():
            if kept_at == place and log.outcome is not None:
                log.doubted(Doubt(clears=True))

    def mark_extra_start(self) -> None:
        """Remember what has been written before a finished program starts again."""
        for record in self.records.values():
            record.before_extra = len(record.log.written)

    def restartable(self) -> bool:
        """Say whether a start of the finished program must do nothing at all."""
        return bool(self.records) and all(
            record.workflow_id is not None
            and record.remembers
            and record.exit is not None
            and not record.log.rows
            and not record.log.forgotten
            for record in self.records.values()
        )

    def _record(self, key: RunKey, workflow: Workflow, life: int) -> RunRecord:
        record = self.records.get(key)
        if record is None:
            log = KeptLog() if key[0] is None else self.log(key[0], key[1])
            record = RunRecord(self._ordinal(key), key, workflow, log, life)
            self.records[key] = record
        return record

    def _ordinal(self, key: RunKey) -> int:
        if key in self.expected:
            return self.expected[key]
        taken = {record.run for record in self.records.values()}
        taken |= set(self.expected.values())
        return next(n for n in range(1, len(taken) + 2) if n not in taken)
