"""Stores that do not keep their contract."""

from mutants.mutant import Mutant
from mutants.table.commands import CHECKOUT, MEMORY, MODELS, SQLITE

MUTANTS = (
    Mutant(
        "fsync-skipped",
        "what a store has acknowledged survives a power loss",
        "checkpoints/_sqlite_file.py",
        """\
        execute(f"PRAGMA synchronous = {'FULL' if sync else 'OFF'}")
""",
        """\
        execute("PRAGMA synchronous = OFF")
""",
        CHECKOUT,
        "--cano-crash=Ship@start=powerloss",
    ),
    Mutant(
        "commits-not-synced",
        "every commit is synced, not only every checkpoint of SQLite's",
        "checkpoints/_sqlite_file.py",
        """\
        execute(f"PRAGMA synchronous = {'FULL' if sync else 'OFF'}")
""",
        """\
        execute(f"PRAGMA synchronous = {'NORMAL' if sync else 'OFF'}")
""",
        CHECKOUT,
        "--cano-crash=Ship@start=powerloss",
    ),
    Mutant(
        "append-committed-row-by-row",
        "the rows of one append become durable together, or none does",
        "checkpoints/_sqlite_log.py",
        """\
        for row in rows:
            self._unsent.append(
""",
        """\
        for row in rows:
            if row is not rows[0]:
                self.flush()
                self._execute("COMMIT")
                self._execute("BEGIN IMMEDIATE")
            self._unsent.append(
""",
        SQLITE,
        "-k never_sees_a_part",
    ),
    Mutant(
        "finish-in-two-steps",
        "finish replaces the log by the outcome in one step",
        "checkpoints/_sqlite_log.py",
        """\
            raise RunConflictError(workflow_id, 0)
        self._forget(workflow_id)
""",
        """\
            raise RunConflictError(workflow_id, 0)
        self._forget(workflow_id)
        self._execute("COMMIT")
        self._execute("BEGIN IMMEDIATE")
""",
        SQLITE,
        "-k half_a_finish",
    ),
    Mutant(
        "outcome-forgotten",
        "a finished run can be told from one that never started",
        "checkpoints/_sqlite_log.py",
        """\
        self._execute(
            "INSERT INTO outcome VALUES (?, ?, ?, ?, ?, ?)",
            (
                workflow_id,
""",
        """\
        self._execute(
            "INSERT INTO outcome SELECT ?, ?, ?, ?, ?, ? WHERE 0",
            (
                workflow_id,
""",
        CHECKOUT,
        "--cano-crash=Done@cleared",
    ),
    Mutant(
        "log-kept-after-the-end",
        "the outcome replaces the log",
        "checkpoints/_sqlite_log.py",
        """\
            raise RunConflictError(workflow_id, 0)
        self._forget(workflow_id)
""",
        """\
            raise RunConflictError(workflow_id, 0)
        self.flush()
""",
        CHECKOUT,
        "--cano-crash=Done@cleared",
    ),
    Mutant(
        "tail-of-the-first-cursor",
        "a tail leaves out only cursors that a later one replaces",
        "checkpoints/_sqlite_log.py",
        """\
            SELECT max(sequence) FROM log INDEXED BY log_cursors
""",
        """\
            SELECT min(sequence) FROM log INDEXED BY log_cursors
""",
        MODELS,
        "--cano-crash=Listen@end",
    ),
    Mutant(
        "rows-changed-when-written",
        "rows are immutable",
        "checkpoints/_sqlite_log.py",
        """\
_INSERT = "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)"
""",
        """\
_INSERT = "INSERT INTO log VALUES (?, ?, ?, ?, upper(?), ?, ?)"
""",
        CHECKOUT,
        "--cano-crash=Charge@start",
    ),
    Mutant(
        "end-of-the-log-remembered",
        "all objects and processes on one file see the same runs",
        "checkpoints/_sqlite_log.py",
        """\
        if version != self._version or len(self._ends) > _REMEMBERED_ENDS:
""",
        """\
        if len(self._ends) > _REMEMBERED_ENDS:
""",
        SQLITE,
        "-k another_object",
    ),
    Mutant(
        "sequences-not-dense",
        "append succeeds only at exactly the next sequence",
        "checkpoints/_sqlite_log.py",
        """\
            if row.sequence != end:
""",
        """\
            if row.sequence < end:
""",
        SQLITE,
        "-k gap",
    ),
    Mutant(
        "taken-sequence-skipped",
        "append succeeds only at exactly the next sequence",
        "checkpoints/memory.py",
        """\
            if finished or row.sequence != expected + offset:
""",
        """\
            if finished:
""",
        MEMORY,
        "-k taken",
    ),
    Mutant(
        "append-not-atomic",
        "the rows of one append become durable together, or none does",
        "checkpoints/memory.py",
        """\
            self._check(workflow_id, rows)
            self._logs.setdefault(workflow_id, []).extend(rows)
""",
        """\
            for row in rows:
                self._check(workflow_id, [row])
                self._logs.setdefault(workflow_id, []).append(row)
""",
        MEMORY,
        "-k one_append",
    ),
    Mutant(
        "clear-removes-other-runs",
        "clear forgets its run, and nothing else",
        "checkpoints/_sqlite_log.py",
        """\
        self._execute("DELETE FROM log WHERE workflow_id = ?", (workflow_id,))
""",
        """\
        self._execute("DELETE FROM log WHERE workflow_id >= ?", (workflow_id,))
""",
        SQLITE,
        "-k clear",
    ),
    Mutant(
        "zombie-writes-after-the-end",
        "a finished run takes no rows until it is cleared",
        "checkpoints/_sqlite_log.py",
        """\
            if has_outcome:
""",
        """\
            if has_outcome and rows and rows[0].sequence:
""",
        SQLITE,
        "-k finished",
    ),
)
