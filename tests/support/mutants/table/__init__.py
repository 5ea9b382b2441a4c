"""The table of all mutants, chapter by chapter."""

from mutants.table import ownership, resuming, rollback, rows, stores

MUTANTS = (
    *rows.MUTANTS,
    *resuming.MUTANTS,
    *rollback.MUTANTS,
    *ownership.MUTANTS,
    *stores.MUTANTS,
)
