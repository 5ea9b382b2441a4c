"""That acknowledged rows outlive the object, the event loop and the process."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import cast

from cano_core.checkpoints.store import CheckpointStore, RemembersOutcomes

from .base import StoreChecks
from .calls import holds, write
from .lines import Line, broken, checking
from .process import store_process
from .rows import DONE, RUN, compare, listing, row, rows, same_fields


class DurabilityChecks(StoreChecks):
    """Reopening, SIGKILL, and going without a `close`."""

    def test_a_new_object_sees_the_rows(self, tmp_path: Path) -> None:
        """A store that is closed and opened again goes on where it was."""
        self._need_durable()

        async def first(store: CheckpointStore) -> None:
            await write(store, RUN, rows(0, 3))
            await write(store, "cleared", [row(0)])
            await store.clear("cleared")

        async def second(store: CheckpointStore) -> None:
            await holds(store, RUN, rows(0, 3), Line.DURABLE, "opened again")
            await holds(store, "cleared", [], Line.DURABLE, "opened again, cleared")
            await write(store, RUN, [row(3)], Line.DURABLE)

        async def third(store: CheckpointStore) -> None:
            await holds(store, RUN, rows(0, 4), Line.DURABLE, "opened a third time")

        for check in (first, second, third):
            self._check(Line.DURABLE, tmp_path, check)

    def test_acknowledged_rows_survive_sigkill(self, tmp_path: Path) -> None:
        """A process that writes without pause is killed, at several moments.

        Every row that it saw acknowledged is there, an append in flight is there as a
        whole or not at all, and the log goes on.
        """
        self._need_durable()
        ids, batch = ["order-1", "order-2", "order-3"], 25
        with checking(Line.DURABLE), ExitStack() as stack:
            writers = []
            for moment in (2, 7, 20):
                directory = tmp_path / str(moment)
                directory.mkdir()
                writer = stack.enter_context(
                    store_process(self, directory, "append", ids=ids, batch=batch)
                )
                writers.append((moment, directory, writer))
            for moment, directory, writer in writers:
                writer.wait_until_open()
                acknowledged = dict.fromkeys(ids, 0) | dict(writer.killed_after(moment))
                self._check_killed(directory, acknowledged, batch)

    def _check_killed(
        self, directory: Path, acknowledged: dict[str, int], batch: int
    ) -> None:
        __tracebackhide__ = True

        async def check(store: CheckpointStore) -> None:
            for workflow_id, length in acknowledged.items():
                log = await store.load_run(workflow_id)
                when = (
                    f"{length} rows of {workflow_id!r} were acknowledged "
                    f"in appends of {batch}, then SIGKILL; afterwards"
                )
                if len(log) < length:
                    raise broken(Line.DURABLE, f"{when} there were {listing(log)}")
                if len(log) % batch:
                    raise broken(Line.ATOMIC, f"{when} there were {listing(log)}")
                compare(log, rows(0, min(len(log), length + batch)), Line.DURABLE, when)
                await write(store, workflow_id, [row(len(log))])

        self._check(Line.DURABLE, directory, check)

    def test_finished_runs_survive_sigkill(self, tmp_path: Path) -> None:
        """A process that finishes one run after another is killed.

        Every run of it has either its log or its outcome: never both, never neither.
        """
        self._need_durable()

        async def look(store: CheckpointStore) -> None:
            self._need(store, "finish", "outcome")

        self._check(Line.DURABLE, tmp_path, look)
        with checking(Line.DURABLE):
            with store_process(self, tmp_path, "finish") as process:
                process.wait_until_open()
                said = dict(process.killed_after(20))
            self._check_finished(tmp_path, said)

    def _check_finished(self, directory: Path, said: dict[str, str]) -> None:
        __tracebackhide__ = True

        async def check(store: CheckpointStore) -> None:
            remembering = cast(RemembersOutcomes, store)
            for workflow_id, what in said.items():
                log = await store.load_run(workflow_id)
                outcome = await remembering.outcome(workflow_id)
                when = f"{workflow_id!r} was {what}, then SIGKILL; afterwards"
                if (outcome is None) != bool(log):
                    raise broken(
                        Line.FINISH, f"{when} it had {listing(log)} and {outcome!r}"
                    )
                if outcome is None and what == "finished":
                    raise broken(Line.DURABLE, f"{when} it had no outcome")
                if outcome is None:
                    compare(log, rows(0, 2), Line.DURABLE, when)
                else:
                    same_fields(outcome, DONE, Line.OUTCOME, f"{when} its outcome")

        self._check(Line.DURABLE, directory, check)

    def test_a_store_left_unclosed_keeps_no_process_alive(self, tmp_path: Path) -> None:
        """A program that forgets to close its store ends all the same."""
        with (
            checking(Line.UNCLOSED),
            store_process(self, tmp_path, "leave the store unclosed") as process,
        ):
            process.wait_until_open()
            process.go()
            process.answer()
            # What is done ends quickly; most of the patience is for the beginning.
            limit = self.patience / 5
            if not process.ends(limit):
                raise broken(
                    Line.UNCLOSED,
                    "a process that appended two rows and reached its end without "
                    f"closing the store was still alive after {limit:g} s",
                )
