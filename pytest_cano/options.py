"""What can be said to the plugin, where, and what it comes to.

One table for the command line, the ini file and the markers: parsing, help texts,
documentation and tests read it. Nothing here is specific to pytest's own objects
beyond reading values from them, and importing this module costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


class OptionError(ValueError):
    """Something said to the plugin makes no sense; the text says what and where."""


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be set.

    Attributes:
        name: its name in the ini file.
        kind: the ini type.
        default: the value where nothing is said.
        help: one or two sentences for ``pytest --help``.
        metavar: what stands for the value in the help text; None for what has no
            value, or no place on the command line.
        repeats: whether it may be given more than once.
    """

    name: str
    kind: Literal["string", "args", "linelist", "bool"]
    default: Any
    help: str
    metavar: str | None = None
    repeats: bool = False

    @property
    def flag(self) -> str | None:
        """Its name on the command line; None where it has none."""
        none = self.metavar is None and self.kind != "bool"
        return None if none else f"--{self.name.replace('_', '-')}"

    @property
    def argument(self) -> dict[str, Any]:
        """What declares it on a command line, beside its name there."""
        said = {"dest": self.name, "help": self.help, "default": None}
        if self.kind == "bool":
            return said | {"action": "store_true"}
        action = "append" if self.repeats else "store"
        return said | {"action": action, "metavar": self.metavar}


OPTIONS = (
    Option(
        "cano_crash",
        "linelist",
        (),
        "Crash workflows at these points, start them again and compare: all, STATE, "
        "@MOMENT, STATE@MOMENT, a whole schedule, everywhere or random:N. Commas join "
        "them, and the option may be given more than once.",
        metavar="SELECTORS",
        repeats=True,
    ),
    Option(
        "cano_ending",
        "args",
        (),
        "How lives end: raise (the default), freeze, cancel, kill, or all of them.",
        metavar="ENDINGS",
        repeats=True,
    ),
    Option(
        "cano_depth",
        "string",
        "",
        "How many lives in a row are crashed: 1, 2 or 3. Unset, it is 1, and 2 where "
        "the workflow has compensations.",
        metavar="N",
    ),
    Option(
        "cano_detail",
        "string",
        "effects",
        "How fine the crash points inside of tasks are: effects, awaits (each wait of "
        "a task's coroutine, too) or lines (each line of its module, too).",
        metavar="DETAIL",
    ),
    Option(
        "cano_budget",
        "string",
        "",
        "How much is run in all, shared among the tests: a time such as 30s or 5m, or "
        "a number of schedules such as 500.",
        metavar="BUDGET",
    ),
    Option(
        "cano_seed",
        "string",
        "0",
        "Seed of the schedules that random:N makes up.",
        metavar="N",
    ),
    Option(
        "cano_timeout",
        "string",
        "60",
        "Seconds that each life of a crashed test may take; 0 for no limit.",
        metavar="SECONDS",
    ),
    Option(
        "cano_workers",
        "string",
        "1",
        "How many processes of a test run its schedules beside each other.",
        metavar="N",
    ),
    Option(
        "cano_fail_under",
        "string",
        "",
        "Fail the session where fewer schedules pass, in percent of those run.",
        metavar="PERCENT",
    ),
    Option(
        "cano_fail_under_coverage",
        "string",
        "",
        "Fail the session where fewer crash points are crashed, in percent of those "
        "met.",
        metavar="PERCENT",
    ),
    Option(
        "cano_cov_fail_under",
        "string",
        "",
        "Fail the session where less of the tasks ran after a crash, too: percent of "
        "their lines that ran undisturbed; coverage.py has to measure them.",
        metavar="PERCENT",
    ),
    Option(
        "cano_fail_on",
        "args",
        (),
        "The verdicts that fail a test, such as DUPLICATED,LOST; others are shown and "
        "tolerated. Unset, every verdict but PASS fails.",
        metavar="VERDICTS",
        repeats=True,
    ),
    Option(
        "cano_max_accepted",
        "string",
        "",
        "Fail the session where more schedules fail as @pytest.mark.cano_accept says.",
        metavar="N",
    ),
    Option(
        "cano_baseline",
        "string",
        "",
        "File of known failures: those listed there fail nothing, until they pass; "
        "what is not listed there fails.",
        metavar="FILE",
    ),
    Option(
        "cano_baseline_update",
        "bool",
        False,
        "Write the known failures to the file of --cano-baseline, as they are now.",
    ),
    Option(
        "cano_report",
        "args",
        (),
        "Reports to write: json:FILE, html:DIR, junit:FILE, github or sarif:FILE.",
        metavar="KIND:TARGET",
        repeats=True,
    ),
    Option(
        "cano_shard",
        "string",
        "",
        "Run one part of the plan, such as 2/5; python -m pytest_cano merge puts the "
        "reports of all parts together.",
        metavar="I/N",
    ),
    Option(
        "cano_profile",
        "string",
        "",
        "Take the settings of a profile: smoke, ci, nightly, or a section of the ini "
        "file such as [cano:mine].",
        metavar="NAME",
    ),
    Option(
        "cano_select",
        "string",
        "cano",
        "Which tests are crashed: cano (those that use a cano fixture or marker) or "
        "all (every test that runs a workflow).",
    ),
    Option(
        "cano_stores",
        "args",
        (),
        "Backends of the cano_store fixture; with more than one, tests that use it "
        "are parametrised.",
    ),
    Option(
        "cano_ignore_effects",
        "args",
        (),
        "Effects that may differ between two undisturbed runs: names or patterns "
        "such as audit_*.",
    ),
    Option(
        "cano_ignore_observations",
        "args",
        (),
        "Observations that may differ between two runs: names or patterns such as "
        "seen_*.",
    ),
)


@dataclass(frozen=True, slots=True)
class Marker:
    """One marker: its name, its signature and its one sentence."""

    name: str
    signature: str
    help: str

    def __str__(self) -> str:
        return f"{self.name}({self.signature}): {self.help}"


MARKERS = (
    Marker(
        "cano_crash",
        "*selectors, ending=None, depth=None",
        "crash this test's workflow at these points (all of them, if none is named), "
        "start it again and compare. Example: @pytest.mark.cano_crash('Process@end')",
    ),
    Marker(
        "cano_accept",
        "selector, *, verdict, reason",
        "accept what is found at these points, and fail once it is found no more. "
        "Example: @pytest.mark.cano_accept('Process@end', verdict='DUPLICATED', "
        "reason='the bank knows no keys')",
    ),
    Marker(
        "cano_store",
        "*backends",
        "what cano_store gives this test; several backends run it once on each. "
        "Example: @pytest.mark.cano_store('sqlite', 'memory')",
    ),
)

DETAILS = ("effects", "awaits", "lines")
DEEPEST = 3
DEFAULT_STORES = ("sqlite",)


@dataclass(frozen=True, slots=True)
class ReportOption:
    """One report that is asked for.

    Attributes:
        kind: what it is: ``json``.
        target: where it goes; empty where nothing was said.
        base: the directory in which a relative path begins.
    """

    kind: str
    target: str
    base: Path

    def __str__(self) -> str:
        return f"{self.kind}:{self.target}" if self.target else self.kind


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line and the ini file come to.

    Attributes:
        crash: selectors of the command line, or of its profile.
        crash_source: which of them that is, for messages.
        default_crash: selectors of the ini file.
        select: which tests are crashed.
        stores: backends for tests that name none.
        ignore_effects: patterns of effects that may differ.
        ignore_observations: patterns of observations that may differ.
        endings: how lives end.
        depth: how many lives in a row are crashed, or None.
        detail: how fine the crash points inside of tasks are.
        budget: how much is run in all, as text; empty for all there is.
        seed: of made-up schedules.
        timeout: seconds that each life may take, or None.
        workers: how many processes run a test's schedules.
        fail_under: percent of the schedules that must pass, or None.
        fail_under_coverage: percent of the crash points that must be tried, or None.
        cov_fail_under: percent of the tasks' lines that must run resumed, or None.
        fail_on: names of the verdicts that fail a test; empty for all.
        max_accepted: how many schedules may be accepted, or None.
        baseline: path of the file of known failures, or None.
        baseline_update: whether that file is to be written.
        reports: the reports that are asked for.
        shard: which part of how many is to be run, from 1; None for all.
    """

    crash: tuple[str, ...] = ()
    crash_source: str = "--cano-crash"
    default_crash: tuple[str, ...] = ()
    select: str = "cano"
    stores: tuple[str, ...] = DEFAULT_STORES
    ignore_effects: tuple[str, ...] = ()
    ignore_observations: tuple[str, ...] = ()
    endings: tuple[str, ...] = ("raise",)
    depth: int | None = None
    detail: str = "effects"
    budget: str = ""
    seed: int = 0
    timeout: float | None = 60
    workers: int = 1
    fail_under: int | None = None
    fail_under_coverage: int | None = None
    cov_fail_under: int | None = None
    fail_on: tuple[str, ...] = ()
    max_accepted: int | None = None
    baseline: Path | None = None
    baseline_update: bool = False
    reports: tuple[ReportOption, ...] = ()
    shard: tuple[int, int] | None = None

    @property
    def gated(self) -> bool:
        """Whether what all crash tests come to concerns anybody."""
        limits = (self.fail_under, self.fail_under_coverage, self.max_accepted)
        told = self.session_crash or self.reports or self.cov_fail_under is not None
        return bool(told) or any(limit is not None for limit in limits)

    @property
    def session_crash(self) -> tuple[str, ...]:
        """Selectors for every test that is selected, marker or not."""
        return self.crash or self.default_crash

    @property
    def begins(self) -> bool:
        """Whether there is something to be checked before anything is collected."""
        return bool(self.reports or self.baseline or self.cov_fail_under is not None)


def resolve(
    given: Mapping[str, Any], ini: Mapping[str, Any], inipath: Path | None = None
) -> Settings:
    """Make settings of what the command line and the ini file say.

    Args:
        given: value for each flag, by option name; None where it was not given.
        ini: value for each option, by name.
        inipath: the ini file, if there is one.

    Raises:
        OptionError: one of them makes no sense.
    """
    if all(value is None for value in given.values()) and all(
        _is_default(ini[option.name], option.default) for option in OPTIONS
    ):
        return Settings()
    from .said import settings_of

    return settings_of(given, ini, inipath)


def _is_default(value: object, default: object) -> bool:
    if isinstance(default, tuple):
        return not value
    return value == default


def flags_given(value_of: Callable[[str], object]) -> list[str]:
    """Return the flags that the command line has, by a look at each option's value."""
    return [
        option.flag
        for option in OPTIONS
        if option.flag is not None and value_of(option.name) is not None
    ]


def words(values: Iterable[str]) -> tuple[str, ...]:
    """Split values at commas too, for lists written either way."""
    return tuple(
        word for value in values for word in value.replace(",", " ").split() if word
    )
