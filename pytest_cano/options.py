"""What can be said to the plugin, where, and what it comes to.

One table for the command line, the ini file and the markers: parsing, help texts,
documentation and tests read it. Nothing here is specific to pytest's own objects
beyond reading values from them, and importing this module costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
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
        flag: its name on the command line, or None where it has none.
        metavar: what stands for the value in the help text.
        repeats: whether the flag may be given more than once.
    """

    name: str
    kind: Literal["string", "args", "linelist"]
    default: Any
    help: str
    flag: str | None = None
    metavar: str | None = None
    repeats: bool = False


OPTIONS = (
    Option(
        "cano_crash",
        "linelist",
        (),
        "Crash workflows at these points, start them again and compare: all, STATE, "
        "@MOMENT, STATE@MOMENT, a whole schedule, everywhere or random:N. Commas join "
        "them, and the option may be given more than once.",
        flag="--cano-crash",
        metavar="SELECTORS",
        repeats=True,
    ),
    Option(
        "cano_ending",
        "args",
        (),
        "How lives end: raise (the default), freeze, cancel, kill, or all of them.",
        flag="--cano-ending",
        metavar="ENDINGS",
        repeats=True,
    ),
    Option(
        "cano_depth",
        "string",
        "",
        "How many lives in a row are crashed: 1, 2 or 3. Unset, it is 1, and 2 where "
        "the workflow has compensations.",
        flag="--cano-depth",
        metavar="N",
    ),
    Option(
        "cano_detail",
        "string",
        "effects",
        "How fine the crash points inside of tasks are: effects, awaits (each wait of "
        "a task's coroutine, too) or lines (each line of its module, too).",
        flag="--cano-detail",
        metavar="DETAIL",
    ),
    Option(
        "cano_budget",
        "string",
        "",
        "How much is run in all, shared among the tests: a time such as 30s or 5m, or "
        "a number of schedules such as 500.",
        flag="--cano-budget",
        metavar="BUDGET",
    ),
    Option(
        "cano_seed",
        "string",
        "0",
        "Seed of the schedules that random:N makes up.",
        flag="--cano-seed",
        metavar="N",
    ),
    Option(
        "cano_timeout",
        "string",
        "60",
        "Seconds that each life of a crashed test may take; 0 for no limit.",
        flag="--cano-timeout",
        metavar="SECONDS",
    ),
    Option(
        "cano_workers",
        "string",
        "1",
        "How many processes of a test run its schedules beside each other.",
        flag="--cano-workers",
        metavar="N",
    ),
    Option(
        "cano_fail_under",
        "string",
        "",
        "Fail the session where fewer schedules pass, in percent of those run.",
        flag="--cano-fail-under",
        metavar="PERCENT",
    ),
    Option(
        "cano_fail_under_coverage",
        "string",
        "",
        "Fail the session where fewer crash points are crashed, in percent of those "
        "met.",
        flag="--cano-fail-under-coverage",
        metavar="PERCENT",
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

SELECTS = ("cano", "all")
DETAILS = ("effects", "awaits", "lines")
DEEPEST = 3
DEFAULT_STORES = ("sqlite",)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line and the ini file come to.

    Attributes:
        crash: selectors of the command line.
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
    """

    crash: tuple[str, ...] = ()
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

    @property
    def session_crash(self) -> tuple[str, ...]:
        """Selectors for every test that is selected, marker or not."""
        return self.crash or self.default_crash


def resolve(given: Mapping[str, Any], ini: Mapping[str, Any]) -> Settings:
    """Make settings of what the command line and the ini file say.

    Args:
        given: value for each flag, by option name; None where it was not given.
        ini: value for each option, by name.

    Raises:
        OptionError: one of them makes no sense.
    """
    crash = tuple(given.get("cano_crash") or ())
    default_crash = tuple(ini["cano_crash"])
    check_selectors(crash, "--cano-crash")
    check_selectors(default_crash, "ini option cano_crash")
    said = _Said(given, ini)
    stores = words(ini["cano_stores"])
    return Settings(
        crash=crash,
        default_crash=default_crash,
        select=said.one_of("cano_select", SELECTS),
        stores=stores or DEFAULT_STORES,
        ignore_effects=words(ini["cano_ignore_effects"]),
        ignore_observations=words(ini["cano_ignore_observations"]),
        endings=said.endings(),
        depth=said.number("cano_depth", least=1, most=DEEPEST),
        detail=said.one_of("cano_detail", DETAILS),
        budget=said.budget(),
        seed=said.number("cano_seed", least=0) or 0,
        timeout=said.number("cano_timeout", least=0) or None,
        workers=said.number("cano_workers", least=1) or 1,
        fail_under=said.number("cano_fail_under", least=0, most=100),
        fail_under_coverage=said.number("cano_fail_under_coverage", least=0, most=100),
    )


class _Said:
    """What was said of each option: on the command line, or else in the ini file."""

    def __init__(self, given: Mapping[str, Any], ini: Mapping[str, Any]) -> None:
        self._given = given
        self._ini = ini

    def _of(self, name: str) -> tuple[str, Any]:
        """Return where an option was set, and its value."""
        value = self._given.get(name)
        if value is None:
            return f"ini option {name}", self._ini[name]
        return f"--{name.replace('_', '-')}", value

    def one_of(self, name: str, known: tuple[str, ...]) -> str:
        source, text = self._of(name)
        text = text.strip()
        if text not in known:
            raise OptionError(
                f"{source}: {text!r} is not one of {', '.join(known)}"
                + suggestion(text, known)
            )
        return str(text)

    def number(self, name: str, *, least: int, most: int | None = None) -> int | None:
        source, text = self._of(name)
        text = text.strip()
        if not text:
            return None
        if (
            not text.isdecimal()
            or int(text) < least
            or (most is not None and int(text) > most)
        ):
            range_ = f"from {least} on" if most is None else f"from {least} to {most}"
            raise OptionError(f"{source}: {text!r} is no whole number {range_}")
        return int(text)

    def endings(self) -> tuple[str, ...]:
        source, value = self._of("cano_ending")
        names = words(value)
        return check_endings(names, source) if names else ("raise",)

    def budget(self) -> str:
        source, text = self._of("cano_budget")
        text = text.strip()
        if text:
            from .budget import parse_budget
            from .notation import SelectorError

            try:
                parse_budget(text)
            except SelectorError as error:
                raise OptionError(f"{source}: {error}") from None
        return str(text)


def check_endings(names: Iterable[str], source: str) -> tuple[str, ...]:
    """Return the endings that are meant; an `OptionError` names their source."""
    from .selectors import SelectorError, parse_endings

    try:
        return parse_endings(names)
    except SelectorError as error:
        raise OptionError(f"{source}: {error}") from None


def words(values: Iterable[str]) -> tuple[str, ...]:
    """Split values at commas too, for lists written either way."""
    return tuple(
        word for value in values for word in value.replace(",", " ").split() if word
    )


def check_selectors(texts: Iterable[str], source: str) -> None:
    """Raise `OptionError` unless every text is a selector, naming its source."""
    texts = tuple(texts)
    if not texts:
        return
    from .selectors import SelectorError, parse_selectors

    for text in texts:
        try:
            parse_selectors(text)
        except SelectorError as error:
            raise OptionError(f"{source}: {error}") from None


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean ...?`` where something known is near, else nothing."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
