"""Known failures: a file of what fails today, and must not become more.

A schedule that is listed fails nothing while it fails as it is listed. What is not
listed fails; so does what is listed and passes, until the file is written anew.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self, final

from .faults import DEFAULT
from .moments import MOMENTS
from .notation import EVERY
from .records.files import write_whole
from .schedule import Schedule
from .story import Story, Trial, Verdict
from .summary import Summary

FORMAT: Final = "pytest-cano baseline"
TAKES_OUT: Final = "--cano-baseline-update takes it out"
VERSION: Final = 1

KNOWABLE: Final = frozenset(
    verdict
    for verdict in Verdict
    # These prove nothing, so there is nothing to be known.
    if verdict.fails and verdict not in (Verdict.NOT_FIRED, Verdict.FLAKY_BASELINE)
)


class KnownError(ValueError):
    """A file of known failures can't be read; the message says why."""


@final
@dataclass(frozen=True, slots=True)
class Known:
    """How one schedule is known to fail.

    Attributes:
        verdict: what is found.
        reason: what that comes to, or whatever somebody wrote there.
    """

    verdict: Verdict
    reason: str = ""


Listed = Mapping[str, Known]
"""The known failures of one test, by schedule."""


@final
@dataclass(frozen=True, slots=True)
class KnownFailures:
    """The known failures of a whole suite.

    Attributes:
        tests: by node id.
    """

    tests: Mapping[str, Listed] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file of known failures; one that is not there lists none.

        Raises:
            KnownError: it can't be read, or is none.
        """
        try:
            return cls.parse(path.read_text("utf-8"))
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise KnownError(f"{path} can't be read: {error.strerror}") from None
        except ValueError as error:
            raise KnownError(f"{path} is no list of known failures: {error}") from None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of such a file.

        Raises:
            ValueError: it is none.
        """
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError(f"it has no 'format': {FORMAT!r}")
        if data.get("version") != VERSION:
            raise ValueError(
                f"it is of version {data.get('version')!r}; this pytest-cano reads "
                f"version {VERSION}"
            )
        return cls(
            {
                test: {name: _known(test, name, each) for name, each in listed.items()}
                for test, listed in _mapping(data.get("known"), "known").items()
            }
        )

    def __str__(self) -> str:
        known = {
            test: {
                name: {"verdict": each.verdict.value, "reason": each.reason}
                for name, each in sorted(listed.items())
            }
            for test, listed in sorted(self.tests.items())
            if listed
        }
        whole = {"format": FORMAT, "version": VERSION, "known": known}
        return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"

    def updated(self, found: Iterable[tuple[str, Summary]]) -> KnownFailures:
        """Return what is known after a session; what it did not run stays.

        Args:
            found: for each test that was crashed its id, and what is known of it.
        """
        tests = {test: dict(listed) for test, listed in self.tests.items()}
        for test, summary in found:
            listed = tests.setdefault(test, {})
            for name in (*summary.verdicts, *summary.outdated):
                before = listed.pop(name, None)
                if summary.verdicts.get(name) != Verdict.KNOWN:
                    continue
                verdict, _, reason = summary.excused[name].partition(": ")
                now = Known(Verdict[verdict], reason)
                # What somebody wrote about it is worth more than what we would.
                same = before is not None and before.verdict is now.verdict
                listed[name] = before if same and before is not None else now
        return KnownFailures({test: _first(listed) for test, listed in tests.items()})

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            OSError: it can't be written.
        """
        write_whole(path, str(self))


def _mapping(data: object, what: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"{what!r} is no object")
    return data


def _known(test: str, name: str, data: object) -> Known:
    where = f"{test} [{name}]"
    said = _mapping(data, where)
    verdict = next((each for each in KNOWABLE if each == said.get("verdict")), None)
    if verdict is None:
        raise ValueError(f"{where}: {said.get('verdict')!r} is no verdict of a failure")
    return Known(verdict, str(said.get("reason", "")))


def _may_happen(name: str, baseline: Story) -> bool:
    """Say whether the first life of a schedule can go as it says."""
    schedule = _schedule(name)
    if schedule is None:
        return True
    point = schedule.faults[0].point
    # Points within a task are met only if somebody asks for them.
    return point in baseline.points or bool(MOMENTS[point.moment].detail)


def _first(listed: Listed) -> Listed:
    """Leave out what holds another failure: a search would not even run it."""
    schedules = {name: _schedule(name) for name in listed}
    return {
        name: known
        for name, known in listed.items()
        if not any(
            _holds(schedules[name], other)
            for each, other in schedules.items()
            if each != name
        )
    }


def _schedule(name: str) -> Schedule | None:
    try:
        return Schedule.parse(name)
    except ValueError:
        return None  # it is called otherwise


def _holds(schedule: Schedule | None, other: Schedule | None) -> bool:
    """Say whether one is the other with more lives."""
    if schedule is None or other is None or schedule == other:
        return False
    return schedule.holds(other)


def difference(before: str, after: str, name: str) -> list[str]:
    """Return the lines of a unified diff of two such files."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), name, f"{name} (new)", lineterm="", n=1
    )
    return list(lines)


@final
class Ratchet:
    """The known failures of one test, and what has become of them.

    Args:
        listed: what is known of the test.
        file: how messages call the file.
        updating: whether the file is being written anew, so that all becomes known.
    """

    def __init__(self, listed: Listed, file: str, *, updating: bool = False) -> None:
        self._listed = listed
        self._file = file
        self._updating = updating
        self._better: dict[str, str] = {}
        self._schedules = {name: _schedule(name) for name in listed}
        self._endings: dict[str, set[str]] = {}

    def gone(self, baseline: Story) -> list[str]:
        """Return what is listed and begins where the program does not come by."""
        return [name for name in self._listed if not _may_happen(name, baseline)]

    def judge(self, trial: Trial) -> Trial:
        """Return the trial, as a known failure if it is one."""
        known = self._listed.get(trial.text)
        found = trial.findings[0].verdict if trial.findings else trial.verdict
        self._compared(trial, found)
        if trial.verdict.fails:
            if found not in KNOWABLE:
                return trial
            reason = trial.findings[0].message
            if known is not None and known.verdict is found:
                reason = known.reason or reason
            elif not self._updating:
                first = self._first(trial.schedule)
                if first is None:
                    return self._told(trial, known)
                reason = f"{reason}; it holds {first}, which is known to fail"
            excuse = f"{found}: {reason}"
            return replace(trial, verdict=Verdict.KNOWN, excuse=excuse)
        if known is not None and not self._updating:
            now = "passes" if trial.verdict is Verdict.PASS else f"is {trial.verdict}"
            self._better[trial.text] = f"{now} now"
        return trial

    def _first(self, schedule: Schedule) -> str | None:
        """Return the known failure that a schedule holds: it could only fail like it.

        A search that has come to that one before leaves it aside.
        """
        return next(
            (
                name
                for name, other in self._schedules.items()
                if _holds(schedule, other) and name not in self._better
            ),
            None,
        )

    def _told(self, trial: Trial, known: Known | None) -> Trial:
        """Let a failure say that another one was known there."""
        if known is None:
            return trial
        hint = (
            f"{self._file} lists it as {known.verdict}; --cano-baseline-update lists "
            "what is found now"
        )
        story = replace(trial.story, hints=(*trial.story.hints, hint))
        return replace(trial, story=story)

    def _compared(self, trial: Trial, found: Verdict) -> None:
        """Take note of the endings that one schedule was run with."""
        if found is Verdict.ENDINGS_DISAGREE:
            self._endings[trial.text] = set()
        elif trial.schedule.only_ends:
            kinds = {fault.kind for fault in trial.schedule.faults}
            name = f"{trial.schedule.with_kind(DEFAULT)}={EVERY}"
            if len(kinds) == 1 and self._endings.get(name, kinds):
                self._endings.setdefault(name, set()).update(kinds)

    def agreed(self) -> list[str]:
        """Return where endings are listed to disagree, and do not; asked at the end."""
        return [
            name
            for name, known in self._listed.items()
            if known.verdict is Verdict.ENDINGS_DISAGREE
            and len(self._endings.get(name, ())) > 1
        ]

    def outdated(self, schedules: Iterable[str]) -> None:
        """Take note of what can't happen any more."""
        if not self._updating:
            for name in schedules:
                if name in self._listed:
                    self._better[name] = "can't happen any more"

    def problems(self) -> Iterator[str]:
        """Say what is listed and should not be; asked when the search is over."""
        if not self._updating:
            self._better |= dict.fromkeys(self.agreed(), "is found no more")
        for name, how in self._better.items():
            yield (
                f"{self._file}: {name} {how}, and is listed there as "
                f"{self._listed[name].verdict}; {TAKES_OUT}"
            )
