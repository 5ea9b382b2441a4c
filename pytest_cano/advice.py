"""What is usually behind a verdict, and what to do: the one table of it.

The command ``explain`` and the page of verdicts read it. It knows no single test, so
it can only say what is usual; what happened is what the failure itself tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from .story import Verdict


@final
@dataclass(frozen=True, slots=True)
class Cause:
    """What a verdict usually comes from, and what to do about that."""

    what: str
    remedy: str


@final
@dataclass(frozen=True, slots=True)
class Advice:
    """What there is to know of a verdict.

    Attributes:
        when: what has been seen, in full.
        usual: what it usually comes from, the most frequent first.
    """

    when: str
    usual: tuple[Cause, ...] = ()


_START = "let the program call start_or_resume with the same id in every life"

ADVICE: Final[Mapping[Verdict, Advice]] = {
    Verdict.DUPLICATED: Advice(
        "an effect happened more often than undisturbed; repeats that the receiver "
        "knows count once",
        (
            Cause(
                "the task ran again, as a resume has to, and its call has no "
                "idempotency key",
                "hand the receiver run.idempotency_key: it is the same in every life "
                "and for every attempt, and another one for every other visit",
            ),
            Cause(
                "there is a key, but each life makes up a new one (uuid4, the time)",
                "make it of run.idempotency_key, or record it first: "
                "await run.once(NAME, FUNCTION)",
            ),
            Cause(
                "the receiver knows no keys",
                "record the call's result by run.once, or give the effect a state of "
                "its own: what is left is the moment between the call and its row; "
                "if that can't be closed, declare it by @pytest.mark.cano_accept",
            ),
            Cause(
                "nobody minds the repeat, or the receiver finds it out by itself",
                'say so to the ledger: semantics="at_least_once", or dedupe_by=',
            ),
            Cause("the program starts the run anew instead of resuming it", _START),
        ),
    ),
    Verdict.LOST: Advice(
        "an effect happened less often than undisturbed",
        (
            Cause(
                "the task notes that something is done (a flag, a file, a row of its "
                "own) before it is done",
                "do it first and note it then; or let run.once do both",
            ),
            Cause(
                "the effect waits in memory: in a buffer, or in an asyncio task that "
                "nobody awaits",
                "flush or await it before the task returns",
            ),
            Cause(
                "the effect is made in a finally block or at the exit of the process",
                "make it in a task: a killed process runs neither",
            ),
        ),
    ),
    Verdict.DIVERGED: Advice(
        "another exit state, other observations, or the test's own assertion fails "
        "after the restart",
        (
            Cause(
                "the test counts what happened in the last life only: a Mock, or a "
                "list in the test",
                "ask the ledger, which remembers every life: cano_ledger.count(NAME)",
            ),
            Cause(
                "a result is kept in memory, and the resumed life does not have it",
                "put it into the run's data: Workflow(data=TYPE)",
            ),
            Cause(
                "the run is undone: the first life raises the task's failure, every "
                "later one RolledBackError",
                "let the test expect both",
            ),
            Cause(
                "the time, chance or a reply decides which way the run takes",
                "record the choice by run.once, so that a resumed task makes the same",
            ),
        ),
    ),
    Verdict.STUCK: Advice(
        "no restart reaches an end",
        (
            Cause(
                "the task fails where part of its work is done already (the file "
                "exists, the seat is taken)",
                "let it look first, or take that answer for a success",
            ),
            Cause(
                "the task needs what only the memory of the dead process held",
                "put it into the run's data, or build it in a resource, which is set "
                "up in every life",
            ),
            Cause(
                "a compensation can't be repeated",
                "let it accept that everything is undone already",
            ),
            Cause("the program can only begin runs, and the id is taken", _START),
        ),
    ),
    Verdict.TIMEOUT: Advice(
        "a life did not end, and had to be ended",
        (
            Cause(
                "the resumed life waits for something that the dead one had promised: "
                "a lock, an event, a reply",
                "let the wait have an end of its own: TaskConfig(attempt_timeout=)",
            ),
            Cause(
                "a hang was planned, and no limit ends it",
                "give the task TaskConfig(attempt_timeout=), or the run "
                "Workflow(total_timeout=)",
            ),
            Cause("the test is only slow", "allow it more: --cano-timeout=SECONDS"),
        ),
    ),
    Verdict.RERAN: Advice(
        "a state ran again that the log had already passed, or was undone again",
        (
            Cause(
                "the store gives back a log without its newest rows",
                "run pytest_cano.contract.CheckpointStoreContract on it",
            ),
            Cause(
                "the program clears the log of a run that it finds, and begins again",
                _START,
            ),
        ),
    ),
    Verdict.REORDERED: Advice(
        "effects happened for the first time in an order that the undisturbed run "
        "rules out",
        (
            Cause(
                "a task has started something beside itself, and returns without "
                "waiting for it",
                "await it before the task returns",
            ),
            Cause(
                "a resumed task leaves out, or puts off, what it believes to be done",
                "let it do the same calls in the same order, with their keys",
            ),
        ),
    ),
    Verdict.HALF_UNDONE: Advice(
        "a visit was undone though the run came to its end, or twice, or before one "
        "that was completed later; or was not undone though the run is said to be "
        "rolled back, or was begun anew in the midst of its rollback",
        (
            Cause(
                "the program clears or begins anew a run that is being rolled back",
                "let it call start_or_resume until that returns, or raises "
                "RolledBackError",
            ),
            Cause(
                "a task undoes by itself what its compensation undoes again",
                "leave it to the compensation",
            ),
            Cause(
                "the store loses or repeats rows",
                "run pytest_cano.contract.CheckpointStoreContract on it",
            ),
        ),
    ),
    Verdict.TWO_OWNERS: Advice(
        "after a RunConflictError, whoever had lost the run still began a task or "
        "compensation of it, wrote to its log, or had another effect in its task",
        (
            Cause(
                "a task catches RunConflictError, or every exception, and goes on",
                "let it through; the program may call start_or_resume again",
            ),
            Cause(
                "the store takes rows from two processes at once",
                "run pytest_cano.contract.CheckpointStoreContract on it",
            ),
        ),
    ),
    Verdict.SWALLOWED: Advice(
        "a store operation failed, and the program returned, having observed what the "
        "undisturbed one observes, though the run had not come to its end; or the run "
        "went on without the row that could not be written",
        (
            Cause(
                "the program catches CheckpointStoreError, or every exception, and "
                "says that all went well",
                "let it through: the run stays resumable, and whoever started the "
                "program has to know",
            ),
            Cause(
                "the store keeps a failure to itself",
                "let it raise CheckpointStoreError",
            ),
        ),
    ),
    Verdict.LOST_WORK: Advice(
        "the store had lost rows that it had acknowledged, or that a run had ended",
        (
            Cause(
                "append returns before the rows are safe",
                "let it fsync first, the directory of a new file too; or declare how "
                "many rows may be gone: may_lose",
            ),
            Cause(
                "something removes the store's files between two lives, such as a "
                "fixture's teardown",
                "leave what is on cano_disk alone: it is the disk that survives",
            ),
        ),
    ),
    Verdict.BAD_LOG: Advice(
        "the log has a gap, a changed row, an illegal transition, a branch, step or "
        "compensation recorded twice, or was left after the end",
        (
            Cause(
                "the store changes, drops or reorders rows",
                "run pytest_cano.contract.CheckpointStoreContract on it",
            ),
            Cause(
                "something else than the engine writes to the log",
                "leave the log to the engine; what has to be kept beside it belongs "
                "into the run's data or into run.once",
            ),
        ),
    ),
    Verdict.ENDINGS_DISAGREE: Advice(
        "the same point passes under one ending of the life and fails under another",
        (
            Cause(
                "a finally or except block cleans up, which a killed process does not",
                "let the next life find and clean up what is left",
            ),
            Cause(
                "a global or a class attribute remembers, which a killed process does "
                "not",
                "make it in the test or in a function-scoped fixture, and keep what "
                "has to last in the run's data",
            ),
        ),
    ),
    Verdict.NOT_FIRED: Advice(
        "the planned crash was never reached: an error, not a pass",
        (
            Cause(
                "the schedule is of an earlier version of the code",
                "crash everything again (--cano-crash=all), and name what is found now",
            ),
            Cause(
                "the run takes another way each time: the time, chance, threads",
                "give every life the same data (cano_faker is seeded alike)",
            ),
            Cause("a life ends before the point, for it starts over", _START),
        ),
    ),
    Verdict.FLAKY_BASELINE: Advice(
        "two undisturbed runs differ, so nothing can be judged",
        (
            Cause(
                "effects or observations have times, random values or new ids in them",
                "make them alike (cano_faker), or pass them through a function "
                "(cano.normalise)",
            ),
            Cause(
                "calls that only read are recorded",
                "leave them out: spy(..., ignore=), or the ini option "
                "cano_ignore_effects",
            ),
            Cause(
                "the first run leaves something for the second one: a global, a "
                "fixture of a wider scope, a file outside of cano_disk",
                "make it in the test or in a function-scoped fixture",
            ),
        ),
    ),
    Verdict.ACCEPTED: Advice(
        "it fails as @pytest.mark.cano_accept declared it to",
        (
            Cause(
                "it is known, and not mended yet",
                "mend it: then the test fails until the marker is removed",
            ),
        ),
    ),
    Verdict.KNOWN: Advice(
        "it fails as the file of known failures says",
        (
            Cause(
                "the file of --cano-baseline lists it, with its verdict",
                "mend it: then the test fails until --cano-baseline-update has taken "
                "it off the list",
            ),
        ),
    ),
    Verdict.TOLERATED: Advice(
        "what was found is not among the verdicts that fail",
        (
            Cause(
                "--cano-fail-on names other verdicts",
                "name this one too, as soon as it is to fail",
            ),
        ),
    ),
    Verdict.PASS: Advice("the outside world can't tell it from the undisturbed run"),
}
"""Of every verdict, the most frequent first."""
