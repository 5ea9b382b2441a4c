"""The table of all mutants, chapter by chapter."""

from mutants.table import resuming, rollback, rows, stores

MUTANTS = (
    *rows.MUTANTS,
    *resuming.MUTANTS,
    *rollback.MUTANTS,
    *stores.MUTANTS,
)
