"""What the command line, a profile and the ini file say, read and checked.

Imported only where something was said.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, final

from .notation import did_you_mean
from .options import (
    DEEPEST,
    DEFAULT_STORES,
    DETAILS,
    OptionError,
    ReportOption,
    Settings,
    words,
)

SELECTS: Final = ("cano", "all")


def settings_of(
    given: Mapping[str, Any], ini: Mapping[str, Any], inipath: Path | None
) -> Settings:
    """Make settings of what was said; see `pytest_cano.options.resolve`.

    Raises:
        OptionError: something makes no sense.
    """
    said = _Said(given, ini, inipath)
    crash, source = tuple(given.get("cano_crash") or ()), "--cano-crash"
    if not crash and "cano_crash" in said.profile:
        source, value = said.of("cano_crash")
        crash = tuple(value)
    default_crash = tuple(ini["cano_crash"])
    check_selectors(crash, source)
    check_selectors(default_crash, "ini option cano_crash")
    settings = Settings(
        crash=crash,
        crash_source=source,
        default_crash=default_crash,
        select=said.one_of("cano_select", SELECTS),
        stores=said.words("cano_stores") or DEFAULT_STORES,
        ignore_effects=said.words("cano_ignore_effects"),
        ignore_observations=said.words("cano_ignore_observations"),
        endings=said.endings(),
        depth=said.number("cano_depth", least=1, most=DEEPEST),
        detail=said.one_of("cano_detail", DETAILS),
        budget=said.budget(),
        seed=said.number("cano_seed", least=0) or 0,
        timeout=said.number("cano_timeout", least=0) or None,
        workers=said.number("cano_workers", least=1) or 1,
        fail_under=said.number("cano_fail_under", least=0, most=100),
        fail_under_coverage=said.number("cano_fail_under_coverage", least=0, most=100),
        cov_fail_under=said.number("cano_cov_fail_under", least=0, most=100),
        fail_on=said.fail_on(),
        max_accepted=said.number("cano_max_accepted", least=0),
        baseline=said.path("cano_baseline"),
        baseline_update=bool(said.of("cano_baseline_update")[1]),
        reports=said.reports(),
        shard=said.shard(),
    )
    _check_together(settings)
    return settings


def _check_together(settings: Settings) -> None:
    """Raise `OptionError` where what was said can't be had at once."""
    if not settings.baseline_update:
        return
    if settings.baseline is None:
        raise OptionError(
            "--cano-baseline-update: say which file, by --cano-baseline=FILE"
        )
    if settings.shard is not None:
        raise OptionError(
            "--cano-baseline-update: a shard knows only a part of the failures; give "
            "the option to python -m pytest_cano merge instead"
        )


@final
class _Said:
    """What was said of each option: by the command line, a profile, or the ini file.

    Attributes:
        profile: what the profile says, by option name.
    """

    def __init__(
        self, given: Mapping[str, Any], ini: Mapping[str, Any], inipath: Path | None
    ) -> None:
        self._given = given
        self._ini = ini
        self._base = Path.cwd() if inipath is None else inipath.parent
        self.profile: Mapping[str, Any] = {}
        self._profile = ""
        source, name = self.of("cano_profile")
        if name.strip():
            from .profiles import profile

            self.profile = profile(name.strip(), source, inipath)
            self._profile = f"profile {name.strip()}"

    def of(self, name: str) -> tuple[str, Any]:
        """Return where an option was set, and its value."""
        value = self._given.get(name)
        if value is not None:
            return f"--{name.replace('_', '-')}", value
        if name in self.profile:
            return f"{self._profile}: {name}", self.profile[name]
        return f"ini option {name}", self._ini[name]

    def words(self, name: str) -> tuple[str, ...]:
        return words(self.of(name)[1])

    def one_of(self, name: str, known: tuple[str, ...]) -> str:
        source, text = self.of(name)
        text = text.strip()
        if text not in known:
            raise OptionError(
                f"{source}: {text!r} is not one of {', '.join(known)}"
                + did_you_mean(text, known)
            )
        return str(text)

    def number(self, name: str, *, least: int, most: int | None = None) -> int | None:
        source, text = self.of(name)
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
        source, value = self.of("cano_ending")
        names = words(value)
        return check_endings(names, source) if names else ("raise",)

    def budget(self) -> str:
        source, text = self.of("cano_budget")
        text = text.strip()
        if text:
            from .budget import parse_budget
            from .notation import SelectorError

            try:
                parse_budget(text)
            except SelectorError as error:
                raise OptionError(f"{source}: {error}") from None
        return str(text)

    def fail_on(self) -> tuple[str, ...]:
        source, value = self.of("cano_fail_on")
        names = words(value)
        if names:
            from .tolerance import CHOOSABLE

            for name in names:
                if name not in CHOOSABLE:
                    raise OptionError(
                        f"{source}: {name!r} is no verdict that can fail a test "
                        f"({', '.join(CHOOSABLE)})"
                        + did_you_mean(name.upper(), CHOOSABLE)
                    )
        return names

    def path(self, name: str) -> Path | None:
        """Return a path, which an ini file means relative to itself."""
        _, text = self.of(name)
        return Path(os.path.abspath(self._from(name) / text)) if text else None

    def reports(self) -> tuple[ReportOption, ...]:
        base = self._from("cano_report")
        parts = (text.partition(":") for text in self.of("cano_report")[1])
        return tuple(ReportOption(kind, target, base) for kind, _, target in parts)

    def shard(self) -> tuple[int, int] | None:
        source, text = self.of("cano_shard")
        if not text.strip():
            return None
        part, _, whole = text.strip().partition("/")
        numbers = part.isdecimal() and whole.isdecimal()
        if not numbers or not 1 <= int(part) <= int(whole):
            raise OptionError(
                f"{source}: {text!r} is no part of a whole, such as 2/5 for the second "
                "of five"
            )
        # The only part is the whole, which has a gate.
        return (int(part), int(whole)) if int(whole) > 1 else None

    def _from(self, name: str) -> Path:
        """Return the directory that relative paths of an option begin in."""
        return Path.cwd() if self._given.get(name) is not None else self._base


def check_endings(names: Iterable[str], source: str) -> tuple[str, ...]:
    """Return the endings that are meant; an `OptionError` names their source."""
    from .selectors import SelectorError, parse_endings

    try:
        return parse_endings(names)
    except SelectorError as error:
        raise OptionError(f"{source}: {error}") from None


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
