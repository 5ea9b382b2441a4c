"""Rollbacks that are begun, resumed or ended wrongly (law 5)."""

from mutants.mutant import Mutant
from mutants.table.commands import DELIVERED, OWN_STORE_SAGA, REFUNDED, SAGA, SNOWED_IN

MUTANTS = (
    Mutant(
        "rollback-row-after-the-first-compensation",
        "the intent to roll back is a row before the first compensation",
        "rollback.py",
        """\
        if run.completed:
            await log.flush()
    await rollback.undo_all()
""",
        """\
    await rollback.undo_all()
""",
        DELIVERED,
        "--cano-crash='Ship@effect:1=fail + Charge@undone'",
    ),
    Mutant(
        "first-in-first-undone",
        "what was completed last is undone first",
        "rollback.py",
        """\
        for completed in reversed(run.completed):
""",
        """\
        for completed in run.completed:
""",
        SNOWED_IN,
        "--cano-crash=Reserve@end",
    ),
    Mutant(
        "compensated-twice",
        "each completed visit is undone once",
        "rollback.py",
        """\
            async with scope:
                await handler.compensate(
                    run, visit, output, part=part_of(UNDO, entry), over=scope.expired
                )
""",
        """\
            async with scope:
                for _ in range(2):
                    await handler.compensate(
                        run, visit, output, part=part_of(UNDO, entry), over=bool
                    )
""",
        SNOWED_IN,
        "--cano-crash=Charge@undo",
    ),
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
        "completed-visits-forgotten-on-resume",
        "a resumed run that fails undoes what was completed before the crash, too",
        "run.py",
        """\
        self.completed = position.to_undo
""",
        "",
        SAGA,
        "--cano-crash=Ship@start",
    ),
    Mutant(
        "output-of-another-visit",
        "a compensation is handed what its own visit has left",
        "replay.py",
        """\
        position.entry,
        completion.output,
""",
        """\
        position.entry,
        next((each.output for each in position.completed.values()), completion.output),
""",
        REFUNDED,
        "--cano-crash=Charge@undo#2",
    ),
    Mutant(
        "failed-compensation-passed-over",
        "a run is rolled back only if everything is undone",
        "rollback.py",
        """\
        if self._remaining:
            await self._recorded(undone)
""",
        """\
        if self._remaining and False:
            await self._recorded(undone)
""",
        REFUNDED,
        "--cano-crash=Charge@undone#2=fail",
    ),
    Mutant(
        "rolled-back-run-begun-anew",
        "a run that was rolled back is not begun anew",
        "launch.py",
        """\
            return None if outcome is None else _ended_at(self.definition, run, outcome)
""",
        """\
            if outcome is None or outcome.status is OutcomeStatus.ROLLED_BACK:
                return None
            return _ended_at(self.definition, run, outcome)
""",
        SAGA,
        "--cano-crash=Ship@cleared",
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
