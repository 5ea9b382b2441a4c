"""Which line of a user's program a finding is about, and what its file is called."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, final

from ..effects import Effect
from ..schedule import CrashPoint

if TYPE_CHECKING:
    from ..records.document import ProgramRecord, TrialRecord
    from ..story import Story

_LOCATION: Final = re.compile(r"(?P<file>.+):(?P<line>[1-9]\d*) in .+", re.DOTALL)


@final
@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file.

    Attributes:
        file: relative to the root of the sources, with ``/`` between its parts.
        number: from 1.
    """

    file: str
    number: int


@final
@dataclass(frozen=True, slots=True)
class Place:
    """What a finding is about.

    Attributes:
        point: the crash point; None if it is about no state.
        line: of the effect, the task or the test; None if none of ours is known.
    """

    point: CrashPoint | None
    line: Line | None

    @property
    def state(self) -> str:
        """The label of the state; empty for none."""
        return "" if self.point is None else self.point.state


@final
class Sources:
    """The files that belong to a user's program.

    Args:
        root: what the paths of a document are relative to; empty if that is unknown.
        environ: of the process.
    """

    def __init__(self, root: str, environ: Mapping[str, str] = os.environ) -> None:
        self._root = os.path.realpath(root) if root else ""
        top = _top_of(self._root, environ) if root else ""
        self._below = os.path.relpath(self._root, top) if root else ""

    def line(self, location: str) -> Line | None:
        """Return the line that a location means, such as ``shop/pay.py:31 in pay``.

        None if it is none, or of a file that is nobody's source here.
        """
        found = _LOCATION.fullmatch(location)
        return found and self.line_of(found["file"], int(found["line"]))

    def line_of(self, file: str, number: int) -> Line | None:
        """Return that line of a file of the document."""
        if os.path.isabs(file) and self._root:
            file = os.path.relpath(os.path.realpath(file), self._root)
        path = os.path.normpath(os.path.join(self._below, file))
        parts = PurePosixPath(path).parts
        foreign = os.path.isabs(path) or file.startswith("<") or not file
        if foreign or ".." in parts or "site-packages" in parts:
            return None
        return Line(path.replace(os.sep, "/"), max(number, 1))

    def place(self, program: ProgramRecord, record: TrialRecord) -> Place:
        """Return what the weightiest finding of a schedule is about.

        That is the effect that it names, or the task that was crashed.
        """
        crashed = record.schedule.faults[-1].point
        stories = (record.story, program.reference(record))
        happened = [*reversed(stories[0].effects), *stories[1].effects]
        for effect in _named(record, happened):
            line = self.line(effect.location)
            if line is not None:
                return Place(effect.point or crashed, line)
        for story in stories:
            line = self.task_line(story, crashed)
            if line is not None:
                return Place(crashed, line)
        return Place(crashed, self.line_of(program.file, program.line))

    def task_line(self, story: Story, point: CrashPoint) -> Line | None:
        """Return the line at which the task of a crash point's state begins."""
        run = story.runs.get(point.run)
        return self.line("" if run is None else run.tasks.get(point.state, ""))


def _named(record: TrialRecord, happened: Sequence[Effect]) -> Iterator[Effect]:
    """Return the effects that a finding names, the likeliest first."""
    for finding in record.findings[:1]:
        for said in (finding.message, "\n".join(finding.details)):
            named = [each for each in happened if each.identity in said]
            # What is named first is what it is about; a longer name may begin alike.
            named.sort(key=lambda e: (said.index(e.identity), -len(e.identity)))
            yield from named


def _top_of(root: str, environ: Mapping[str, str]) -> str:
    """Return the directory that the services which show sources take paths from."""
    workspace = environ.get("GITHUB_WORKSPACE", "")
    if workspace:
        workspace = os.path.realpath(workspace)
        if Path(root).is_relative_to(workspace):
            return workspace
    for above in (Path(root), *Path(root).parents):
        if (above / ".git").exists():
            return str(above)
    return root
