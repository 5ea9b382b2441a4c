"""What of a workflow crash tests have exercised: states, transitions, crash points.

A crash test proves something about a task only if that task ran again after a crash.
What never did is named here, and so is what no test ever came to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias, final

from cano_core.checkpoints.row import CheckpointRow, RowKind

from .schedule import CrashPoint
from .story import RunStory, Story, TaskRun

Transition: TypeAlias = tuple[str, str]

How: TypeAlias = Literal["at", "after", "rolling back"]
"""How a run is resumed: with a state's task, behind it, or backwards from it."""

Jump: TypeAlias = tuple[str, How]

_TEXTS: Final = ("entered", "repeated", "points", "undisturbed", "crashed")
_PAIRS: Final = ("declared", "jumps", "taken", "resumed")


@final
@dataclass(frozen=True, slots=True)
class Coverage:
    """What was exercised of one workflow definition.

    Attributes:
        states: labels of the states that have a task, in order of registration.
        declared: the transitions that their tasks declare.
        jumps: states at which a run can be resumed, and how.
        entered: states whose task ran.
        taken: those of them that a run went through.
        repeated: states whose task ran again after a crash.
        resumed: those of the jumps that a run made.
        points: the crash points that a run met, as texts without the number of the
            run: ``Process@end#2``.
        undisturbed: those of them that an undisturbed run meets; the others are met
            only in a recovery.
        crashed: those of them at which something has happened.
    """

    states: tuple[str, ...]
    declared: frozenset[Transition] = frozenset()
    jumps: frozenset[Jump] = frozenset()
    entered: frozenset[str] = frozenset()
    taken: frozenset[Transition] = frozenset()
    repeated: frozenset[str] = frozenset()
    resumed: frozenset[Jump] = frozenset()
    points: frozenset[str] = frozenset()
    undisturbed: frozenset[str] = frozenset()
    crashed: frozenset[str] = frozenset()

    @property
    def definition(self) -> object:
        """What makes two workflows the same here."""
        return self.states, self.declared, self.jumps

    def merged(self, other: Coverage) -> Coverage:
        """Return what both of them have exercised, of the same definition."""
        return Coverage(
            self.states,
            self.declared,
            self.jumps,
            self.entered | other.entered,
            self.taken | other.taken,
            self.repeated | other.repeated,
            self.resumed | other.resumed,
            self.points | other.points,
            self.undisturbed | other.undisturbed,
            self.crashed | other.crashed,
        )

    def as_builtins(self) -> dict[str, Any]:
        """Return it as lists of texts, for it may go to another process."""
        told: dict[str, Any] = {"states": list(self.states)}
        for name in _TEXTS:
            told[name] = sorted(getattr(self, name))
        for name in _PAIRS:
            told[name] = sorted(map(list, getattr(self, name)))
        return told

    @classmethod
    def of_builtins(cls, told: Mapping[str, Any]) -> Coverage:
        """Read what `as_builtins` has returned."""
        texts = {name: frozenset(told[name]) for name in _TEXTS}
        pairs: dict[str, Any] = {
            name: frozenset(map(tuple, told[name])) for name in _PAIRS
        }
        return cls(tuple(told["states"]), **texts, **pairs)


def merged(coverages: Iterable[Coverage]) -> tuple[Coverage, ...]:
    """Return one for each definition, in the order in which they first appear."""
    known: dict[object, Coverage] = {}
    for each in coverages:
        before = known.get(each.definition)
        known[each.definition] = each if before is None else before.merged(each)
    return tuple(known.values())


def coverage_of(story: Story) -> tuple[Coverage, ...]:
    """Return what one story has exercised, by workflow definition.

    The extra start of a finished program is left out: it exercises nothing.
    """
    extra = 0 if story.extra is None else story.extra.number
    runs = [each for each in story.task_runs if each.life != extra and not each.undoing]
    lives = [life for life in story.lives if not life.extra]
    met = [point for life in lives for point in life.points]
    crashed = [fault.point for life in lives for fault in life.struck]
    return merged(
        _coverage(
            run,
            [each for each in runs if each.run == run.run],
            points=_texts(run, met),
            undisturbed=_texts(run, met if story.schedule is None else ()),
            crashed=_texts(run, crashed),
        )
        for run in story.runs.values()
        if run.transitions
    )


def _coverage(
    run: RunStory, task_runs: Sequence[TaskRun], **points: frozenset[str]
) -> Coverage:
    declared = frozenset(
        (label, following)
        for label, all_following in run.transitions.items()
        for following in all_following or ()
    )
    jumps = frozenset(_jumps(run))
    return Coverage(
        tuple(run.transitions),
        declared,
        jumps,
        frozenset(each.state for each in task_runs),
        declared.intersection(transitions_taken(run, task_runs)),
        frozenset(_repeated(task_runs)),
        jumps.intersection(each for log in run.logs for each in _resumed(log)),
        **points,
    )


def _texts(run: RunStory, points: Iterable[CrashPoint]) -> frozenset[str]:
    """Return the points of a run; which one it is in its test is no matter here."""
    return frozenset(
        str(replace(each, run=1)) for each in points if each.run == run.run
    )


def _jumps(run: RunStory) -> Iterator[Jump]:
    """Give every way to resume a run that its definition allows for."""
    undoable: set[str] = set()
    for label in run.transitions:
        kind = run.kinds.get(label)
        if kind != "router":
            yield label, "at"
        if kind == "compensatable":
            following = _following(run, label)
            undoable |= following
            # Elsewhere the completion is one with the entry of the next state.
            if any(run.kinds.get(each) == "router" for each in following):
                yield label, "after"
    waiting = list(undoable)
    while waiting:
        new = _following(run, waiting.pop()) - undoable
        undoable |= new
        waiting += new
    for label in run.transitions:
        if label in undoable:
            yield label, "rolling back"


def _following(run: RunStory, label: str) -> frozenset[str]:
    declared = run.transitions.get(label, frozenset())
    return frozenset(run.transitions) if declared is None else declared


def transitions_taken(
    run: RunStory, task_runs: Sequence[TaskRun]
) -> Iterator[Transition]:
    """Give the transitions that a run went through, declared or not."""
    for before, after in pairwise(task_runs):
        another = (before.state, before.visit) != (after.state, after.visit)
        if before.life == after.life and another and before.ended == "returned":
            yield before.state, after.state
    if run.exit is not None and task_runs:
        yield task_runs[-1].state, run.exit


def _repeated(task_runs: Sequence[TaskRun]) -> Iterator[str]:
    first: dict[tuple[str, int], int] = {}
    for each in task_runs:
        if first.setdefault((each.state, each.visit), each.life) < each.life:
            yield each.state


def _resumed(log: Sequence[CheckpointRow]) -> Iterator[Jump]:
    over = back = False
    for row in log:
        if row.kind == RowKind.STATE_ENTRY:
            over = False
        elif row.kind == RowKind.COMPENSATION_COMPLETION:
            over = True
        elif row.kind == RowKind.ROLLBACK:
            back = True
        elif row.kind == RowKind.RESUME:
            yield row.state, "rolling back" if back else "after" if over else "at"
