"""Logs that are read wrongly, so that a resumed run goes on from the wrong place."""

from mutants.mutant import Mutant
from mutants.table.commands import (
    CHECKOUT,
    DELIVERED,
    MODELS,
    OWN_STORE,
    SUBSCRIPTION,
    UPGRADE,
)

MUTANTS = (
    Mutant(
        "sequence-reset-on-resume",
        "a resumed run appends behind the last row of its log",
        "launch.py",
        """\
        log.next_sequence = position.rows
""",
        """\
        log.next_sequence = 0
""",
        CHECKOUT,
        "--cano-crash=Charge@start",
    ),
    Mutant(
        "version-unchecked",
        "the version of every row is accepted before anything runs",
        "replay.py",
        """\
        if row.version != version and row.version not in accepted:
""",
        """\
        if False:
""",
        UPGRADE,
        "--cano-crash=Charge@start",
    ),
    Mutant(
        "rows-without-their-version",
        "every row has the version of the workflow that wrote it",
        "log.py",
        """\
        self._version = version
""",
        """\
        self._version = 0
""",
        UPGRADE,
        "--cano-crash=Charge@start",
    ),
    Mutant(
        "data-of-an-older-entry",
        "a resumed run has the data as of the start of the state it re-enters",
        "replay.py",
        """\
    position.entry = row.sequence
    position.data = row.payload
""",
        """\
    position.entry = row.sequence
    position.data = position.data or row.payload
""",
        DELIVERED,
        "--cano-crash=Reserve@start",
    ),
    Mutant(
        "data-of-the-cursor-forgotten",
        "a resumed step has the data that the step before it has left",
        "replay.py",
        """\
    if cursor.data is not None:
        position.data = cursor.data
""",
        "",
        MODELS,
        "--cano-crash=Listen@cursor",
    ),
    Mutant(
        "visits-drift-with-resume",
        "the visit that is resumed keeps its number, and so its idempotency key",
        "run.py",
        """\
        self._visits[position.label] -= 1
""",
        "",
        CHECKOUT,
        "--cano-crash=Charge@effect",
    ),
    Mutant(
        "key-of-every-resume",
        "an idempotency key is the same after every crash",
        "context.py",
        """\
        key = f"{self._run.id}/{label}/{visit.number}"
""",
        """\
        key = f"{self._run.id}/{label}/{visit.number}.{visit.resumes}"
""",
        CHECKOUT,
        "--cano-crash=Charge@effect",
    ),
    Mutant(
        "cursor-of-another-visit",
        "a loop that comes back to a state starts clean",
        "replay.py",
        """\
    position.path.append(row.state)
    position.progress = Progress()
""",
        """\
    position.path.append(row.state)
    position.progress = Progress(cursors=position.progress.cursors)
""",
        SUBSCRIPTION,
        "--cano-crash=Deliver@start#2",
    ),
    Mutant(
        "memo-of-another-visit",
        "a `once` call is recorded for its visit, and for no later one",
        "replay.py",
        """\
    position.path.append(row.state)
    position.progress = Progress()
""",
        """\
    position.path.append(row.state)
    position.progress = Progress(memos=position.progress.memos)
""",
        SUBSCRIPTION,
        "--cano-crash=Invoice@start#3",
    ),
    Mutant(
        "memo-ignored-on-resume",
        "a resumed task gets the recorded result instead of a second call",
        "replay.py",
        """\
        raise _Wrong(f"a second memo {memo.key!r} in one visit")
    memo.apply(progress)
""",
        """\
        raise _Wrong(f"a second memo {memo.key!r} in one visit")
""",
        SUBSCRIPTION,
        "--cano-crash=Invoice@effect",
    ),
    Mutant(
        "finished-branch-runs-again",
        "a branch whose value is in the log is not run again",
        "replay.py",
        """\
    branch.apply(position.progress)
""",
        "",
        DELIVERED,
        "--cano-crash=Price@branch",
    ),
    Mutant(
        "step-one-too-early",
        "a resumed run goes on behind its last recorded step",
        "tasks/positions.py",
        """\
            self.number, self.payload = context._visit.progress.cursors[part]
""",
        """\
            self.number, payload = context._visit.progress.cursors[part]
            last = codec.decode(payload)
            self.payload = codec.encode(last - 1 if isinstance(last, int) else last)
""",
        DELIVERED,
        "--cano-crash=Pack@cursor",
    ),
    Mutant(
        "step-under-the-key-of-the-one-before",
        "each step has an idempotency key of its own, also after a crash",
        "tasks/positions.py",
        """\
            self.number, self.payload = context._visit.progress.cursors[part]
""",
        """\
            self.number, self.payload = context._visit.progress.cursors[part]
            self.number -= 1
""",
        DELIVERED,
        "--cano-crash=Pack@cursor",
    ),
    Mutant(
        "stream-one-too-far",
        "a stream goes on behind the last item whose window was flushed",
        "tasks/streaming.py",
        """\
        await self._position.advance(self._cursor, mine, what, by=self._read)
""",
        """\
        beyond = self._cursor + 1 if isinstance(self._cursor, int) else self._cursor
        await self._position.advance(beyond, mine, what, by=self._read)
""",
        MODELS,
        "--cano-crash=Listen@cursor",
    ),
    Mutant(
        "wait-begins-anew",
        "a timer's moment is in the log, and a resumed run waits the rest",
        "tasks/waiting.py",
        """\
    if known is None:
        return 0, None
""",
        """\
    if known is None or context.resumes:
        context._visit.progress.cursors.pop(context._part, None)
        return 0, None
""",
        MODELS,
        "--cano-crash=Embargo@cursor",
    ),
    Mutant(
        "state-skipped-after-a-crash",
        "the state of the last entry row runs again",
        "launch.py",
        """\
        if standing is None:
            run.re_enter(position)
""",
        """\
        follows = self.definition.graph.transitions.get(label) or ()
        if standing is None and len(follows) == 1 and position.progress == Progress():
            (label,) = follows
            handler = run.table[self.definition.by_label[label].state]
        elif standing is None:
            run.re_enter(position)
""",
        CHECKOUT,
        "--cano-crash=Charge@start",
    ),
    Mutant(
        "completed-state-runs-again",
        "behind a completion that stands alone, its next state follows",
        "launch.py",
        """\
        label = position.label if standing is None else standing.following
""",
        """\
        label = position.label
""",
        SUBSCRIPTION,
        "--cano-crash=Due@end",
    ),
    Mutant(
        "exit-row-written-again",
        "a run that has its exit row is only let go of",
        "launch.py",
        """\
                await handler.conclude(run, row=False)
""",
        """\
                await handler.conclude(run, row=True)
""",
        OWN_STORE,
        "--cano-crash=DONE@recorded",
    ),
)
