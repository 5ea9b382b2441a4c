"""Runs that go on, or are undone, when they must only stop (laws 2, 3 and 4)."""

from mutants.mutant import Mutant
from mutants.table.commands import CHECKOUT, DELIVERED, SUBSCRIPTION

_ROLLS_BACK = """\
        except {error} as problem:
            from .errors import TaskFailedError

            state = self.path[-1]
            failure = TaskFailedError(
                str(problem),
                workflow_id=self.workflow_id,
                state=state,
                path=self.path,
                attempts=(),
            )
            {before}await roll_back(self, failure)
            raise
        except RunFailedError as failure:
"""


def _rolls_back(error: str, *, before: str = "") -> str:
    """Return an engine's loop that takes something for a failure of the run."""
    return _ROLLS_BACK.format(error=error, before=before)


MUTANTS = (
    Mutant(
        "conflict-ignored",
        "whoever loses an append stops at once",
        "log.py",
        """\
        except (RunConflictError, CheckpointStoreError, ConfigurationError):
            raise
""",
        """\
        except RunConflictError:
            return None  # type: ignore[return-value]
        except (CheckpointStoreError, ConfigurationError):
            raise
""",
        CHECKOUT,
        "--cano-crash=Charge@start=twin",
    ),
    Mutant(
        "conflict-that-still-compensates",
        "whoever loses an append undoes nothing",
        "run.py",
        """\
        except RunFailedError as failure:
""",
        _rolls_back(
            "__import__('cano_core').RunConflictError",
            before="self.log = None\n            ",
        ),
        DELIVERED,
        "--cano-crash=Pack@start=twin",
    ),
    Mutant(
        "resume-row-missing",
        "whoever resumes a run claims it by a row, before anything else",
        "launch.py",
        """\
        log.hold(RowKind.RESUME, label, name, None)
""",
        """\
        RowKind.RESUME, label, name
""",
        CHECKOUT,
        "--cano-crash=Charge@end",
    ),
    Mutant(
        "claimed-after-the-task",
        "whoever resumes a run has claimed it before a task runs",
        "launch.py",
        """\
        if position.failure is None or position.to_undo:
            await log.flush()
""",
        "",
        CHECKOUT,
        "--cano-crash=Charge@start",
    ),
    Mutant(
        "conflict-that-still-clears",
        "whoever loses an append clears nothing",
        "log.py",
        """\
                await self._alone("finish", self._store.finish, rows, outcome)
                self._advance()
""",
        """\
                try:
                    await self._alone("finish", self._store.finish, rows, outcome)
                except RunConflictError:
                    await self._alone("clear", self._store.clear)
                    raise
                self._advance()
""",
        CHECKOUT,
        "--cano-crash=Ship@end=twin",
    ),
    Mutant(
        "store-error-taken-for-a-failure",
        "nothing is rolled back because a row could not be written",
        "run.py",
        """\
        except RunFailedError as failure:
""",
        _rolls_back("__import__('cano_core').CheckpointStoreError"),
        DELIVERED,
        "--cano-crash=Charge@end=error",
    ),
    Mutant(
        "store-error-in-a-call-taken-for-the-tasks",
        "a store that fails in a `once` call stops the run, whatever its task does",
        "recording.py",
        """\
        self._run.halt = error
        for entry in""",
        """\
        for entry in""",
        SUBSCRIPTION,
        "--cano-crash=Invoice@start#2=error",
    ),
    Mutant(
        "failed-row-passed-over",
        "a run stops where a row could not be written",
        "log.py",
        """\
            await self._guard("append", self._store.append, *self._numbered())
            self._advance()
""",
        """\
            try:
                await self._guard("append", self._store.append, *self._numbered())
            except CheckpointStoreError:
                self._under_way = 0
                return
            self._advance()
""",
        CHECKOUT,
        "--cano-crash=Charge@end=error",
    ),
    Mutant(
        "failed-end-passed-over",
        "a run has ended only if its store says so",
        "log.py",
        """\
                await self._alone("finish", self._store.finish, rows, outcome)
                self._advance()
""",
        """\
                with contextlib.suppress(CheckpointStoreError):
                    await self._alone("finish", self._store.finish, rows, outcome)
                self._advance()
""",
        CHECKOUT,
        "--cano-crash=Ship@end=error",
    ),
    Mutant(
        "base-exception-taken-for-a-failure",
        "only an `Exception` of a task is its failure",
        "handlers.py",
        """\
                result = await station.attempts.call(context)
            except Exception as error:  # noqa: BLE001 -- a task may fail with anything
""",
        """\
                result = await station.attempts.call(context)
            except BaseException as error:
""",
        DELIVERED,
        "--cano-crash=Ship@effect:1=cancel",
    ),
    Mutant(
        "cancelled-run-is-rolled-back",
        "a cancelled asyncio task leaves the log as it is",
        "run.py",
        """\
        except RunFailedError as failure:
""",
        _rolls_back("asyncio.CancelledError"),
        DELIVERED,
        "--cano-crash=Pack@effect:1=cancel",
    ),
    Mutant(
        "key-of-every-attempt",
        "an idempotency key is the same for every attempt",
        "context.py",
        """\
        key = f"{self._run.id}/{label}/{visit.number}"
""",
        """\
        key = f"{self._run.id}/{label}/{visit.number}.{self.attempt}"
""",
        CHECKOUT,
        "--cano-crash=Charge@effect:1=fail",
    ),
    Mutant(
        "data-shared-by-attempts",
        "every attempt has the data as of the start of its state",
        "run.py",
        """\
        return self._codec.decode(self.snapshot)
""",
        """\
        kept = self.__dict__.setdefault("_kept", {})
        if self.snapshot not in kept:
            kept.clear()
            kept[self.snapshot] = self._codec.decode(self.snapshot)
        return kept[self.snapshot]
""",
        DELIVERED,
        "--cano-crash=Choose@end=fail",
    ),
)
