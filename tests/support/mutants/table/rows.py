"""Rows that are written too late, in the wrong place, or not at all (law 1)."""

from mutants.mutant import Mutant
from mutants.table.commands import (
    CHECKOUT,
    DELIVERED,
    MODELS,
    OWN_STORE,
    SAGA,
    SUBSCRIPTION,
)

MUTANTS = (
    Mutant(
        "entry-row-after-the-task",
        "an entry row is durable before its task runs",
        "run.py",
        """\
            await log.append(RowKind.STATE_ENTRY, label, name, self.snapshot)
""",
        """\
            log.hold(RowKind.STATE_ENTRY, label, name, self.snapshot)
""",
        CHECKOUT,
        "--cano-crash=Ship",
    ),
    Mutant(
        "exit-row-missing",
        "a run has an entry row of its exit state",
        "log.py",
        """\
            if exit_row:
""",
        """\
            if exit_row and False:
""",
        CHECKOUT,
        "--cano-crash=Charge@enter",
    ),
    Mutant(
        "exit-row-missing-where-logs-are-cleared",
        "a store without outcomes has the exit row before its log is cleared",
        "log.py",
        """\
            if rows:
                await self._guard("append", self._store.append, *rows)
                self._advance()
            await self._alone("clear", self._store.clear)
""",
        """\
            await self._alone("clear", self._store.clear)
            if rows:
                self._advance()
""",
        OWN_STORE,
        "--cano-crash=START@enter",
    ),
    Mutant(
        "log-let-go-before-the-end",
        "a log is let go of in one step with the run's end",
        "log.py",
        """\
                await self._alone("finish", self._store.finish, rows, outcome)
""",
        """\
                from dataclasses import replace

                await self._alone("clear", self._store.clear)
                rows = [replace(row, sequence=at) for at, row in enumerate(rows)]
                await self._alone("finish", self._store.finish, rows, outcome)
""",
        CHECKOUT,
        "--cano-crash=all",
    ),
    Mutant(
        "entry-row-for-routers",
        "a router leaves no row, except where a run starts",
        "handlers.py",
        """\
            if log.end:
                await log.flush()
            else:
                await run.record_entry(visit)
""",
        """\
            await run.record_entry(visit)
""",
        SUBSCRIPTION,
        "--cano-crash=Invoice@enter",
    ),
    Mutant(
        "completion-row-missing",
        "what a compensation needs is in the log before the next state begins",
        "saga.py",
        """\
            run.log.hold(
                RowKind.COMPENSATION_COMPLETION,
                self.label,
                self.name,
                completion.encode(),
            )
""",
        """\
            completion.encode()
""",
        SAGA,
        "--cano-crash=Ship@start",
    ),
    Mutant(
        "completion-with-the-data-before-it",
        "a completion holds the data that its task has left",
        "saga.py",
        """\
        run.recorded = run.snapshot
        if run.log is not None:
            completion = Completion(following.label, encoded, run.snapshot)
""",
        """\
        before, run.recorded = run.recorded, run.snapshot
        if run.log is not None:
            completion = Completion(following.label, encoded, before)
""",
        SUBSCRIPTION,
        "--cano-crash=Due@end",
    ),
    Mutant(
        "entry-row-without-its-memos",
        "what a split has come to is in the log with the entry row after it",
        "run.py",
        """\
        if visit.has_memos:
""",
        """\
        if visit.has_memos and False:
""",
        DELIVERED,
        "--cano-crash=Choose@start",
    ),
    Mutant(
        "memo-row-missing",
        "the result of a `once` call is a row before the task goes on",
        "context.py",
        """\
            await run.record(visit, Memo(key, encoded), f"run.once({name!r})")
""",
        """\
            memos[key] = encoded
""",
        SUBSCRIPTION,
        "--cano-crash=Invoice@end",
    ),
    Mutant(
        "memo-before-the-call",
        "a `once` call is recorded when it has returned, not before",
        "context.py",
        """\
            result = function(*args, **kwargs)
            if inspect.isawaitable(result):
                result = await result
""",
        """\
            await run.record(visit, Memo(key, b"\\x00"), f"run.once({name!r})")
            result = function(*args, **kwargs)
            if inspect.isawaitable(result):
                result = await result
            memos[key] = codec.encode(result)
""",
        SUBSCRIPTION,
        "--cano-crash=Invoice@memo",
    ),
    Mutant(
        "batch-item-recorded-before-it-is-done",
        "an item of a batch is recorded once it was processed",
        "tasks/batch.py",
        """\
        try:
            mine, result = await self.process.made(run, visit, item, part=part)
        except GivenUp as error:
""",
        """\
        early = Branch(part, self.result_codec.encode(""))
        await run.record(visit, early, self.name)
        try:
            mine, result = await self.process.made(run, visit, item, part=part)
            done = Branch(part, self.result_codec.encode(result))
            done.apply(visit.progress)
        except GivenUp as error:
""",
        MODELS,
        "--cano-crash=Draw@branch",
    ),
)
