"""Rollbacks that are begun, resumed or ended wrongly (law 5)."""

from mutants.mutant import Mutant
from mutants.table.commands import OWN_STORE_SAGA, REFUNDED, SAGA, SNOWED_IN

MUTANTS = (
    Mutant(
        "rollback-row-missing",
        "that a run is rolled back is in its log",
        "rollback.py",
        """\
        log.hold(RowKind.ROLLBACK, failure.state, "", encode_failure(failure))
""",
        """\
        encode_failure(failure)
""",
        SAGA,
        "--cano-crash=Charge@undo",
    ),
    Mutant(
        "compensated-row-missing",
        "each compensation that was done is a row",
        "rollback.py",
        """\
        if run.log is not None:
            run.log.hold(
                RowKind.COMPENSATED,
                label,
                handler.name,
                encode_number(completed.entry),
            )
        return True
""",
        """\
        return True
""",
        SAGA,
        "--cano-crash=Reserve@undo",
    ),
    Mutant(
        "undone-again-after-a-crash",
        "a resumed rollback goes on from where it was",
        "replay.py",
        """\
            each for entry, each in self.completed.items() if entry not in self.undone
""",
        """\
            each for entry, each in self.completed.items()
""",
        REFUNDED,
        "--cano-crash=Charge@undo",
    ),
    Mutant(
        "rollback-goes-forward-on-resume",
        "a resumed rollback goes on backwards, never forward",
        "launch.py",
        """\
        if position.failure is not None:
""",
        """\
        if position.failure is not None and position.undone:
""",
        SNOWED_IN,
        "--cano-crash=Charge@undo",
    ),
    Mutant(
        "rolled-back-is-called-finished",
        "a run that was undone can be told from one that has finished",
        "rollback.py",
        """\
            OutcomeStatus.ROLLED_BACK,
""",
        """\
            OutcomeStatus.FINISHED,
""",
        SAGA,
        "--cano-crash=Reserve@enter",
    ),
    Mutant(
        "last-compensation-not-recorded",
        "a rollback's end comes after the row of its last compensation",
        "log.py",
        """\
            rows = self._numbered()
            if remembers_outcomes(self._store):
""",
        """\
            rows = self._numbered() if exit_row else []
            if remembers_outcomes(self._store):
""",
        OWN_STORE_SAGA,
        "--cano-crash=Reserve@enter",
    ),
)
