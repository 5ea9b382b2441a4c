"""What can be said to the plugin, where, and what it comes to.

One table for the command line, the ini file and the markers: parsing, help texts,
documentation and tests read it. Nothing here is specific to pytest's own objects
beyond reading values from them, and importing this module costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, Protocol


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
    """

    name: str
    kind: Literal["string", "args", "linelist"]
    default: Any
    help: str
    flag: str | None = None
    metavar: str | None = None


OPTIONS = (
    Option(
        "cano_crash",
        "linelist",
        (),
        "Crash workflows at these points, start them again and compare: all, STATE, "
        "@MOMENT, STATE@MOMENT or a whole schedule. Commas join them, and the option "
        "may be given more than once.",
        flag="--cano-crash",
        metavar="SELECTORS",
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
        "*selectors",
        "crash this test's workflow at these points (all of them, if none is named), "
        "start it again and compare. Example: @pytest.mark.cano_crash('Process@end')",
    ),
    Marker(
        "cano_store",
        "*backends",
        "what cano_store gives this test; several backends run it once on each. "
        "Example: @pytest.mark.cano_store('sqlite', 'memory')",
    ),
)

SELECTS = ("cano", "all")
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
    """

    crash: tuple[str, ...] = ()
    default_crash: tuple[str, ...] = ()
    select: str = "cano"
    stores: tuple[str, ...] = DEFAULT_STORES
    ignore_effects: tuple[str, ...] = ()

    @property
    def session_crash(self) -> tuple[str, ...]:
        """Selectors for every test that is selected, marker or not."""
        return self.crash or self.default_crash


class Mark(Protocol):
    """What is read of a pytest mark."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def args(self) -> tuple[Any, ...]:
        """Its positional arguments."""

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """Its keyword arguments."""


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
    select = ini["cano_select"].strip()
    if select not in SELECTS:
        raise OptionError(
            f"ini option cano_select: {select!r} is not one of {', '.join(SELECTS)}"
            + suggestion(select, SELECTS)
        )
    stores = words(ini["cano_stores"])
    return Settings(
        crash=crash,
        default_crash=default_crash,
        select=select,
        stores=stores or DEFAULT_STORES,
        ignore_effects=words(ini["cano_ignore_effects"]),
    )


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


def crash_marker(mark: Mark) -> tuple[str, ...]:
    """Return the selectors of a ``cano_crash`` marker; without any, all points."""
    selectors = _texts(mark, "selectors", "'Process@end'")
    check_selectors(selectors, f"@pytest.mark.{mark.name}")
    return selectors or ("all",)


def store_marker(mark: Mark) -> tuple[str, ...]:
    """Return the backends of a ``cano_store`` marker."""
    backends = _texts(mark, "backends", "'sqlite', 'memory'")
    if not backends:
        raise OptionError(
            f"@pytest.mark.{mark.name}() names no backend; say for example "
            f"@pytest.mark.{mark.name}('sqlite')"
        )
    return backends


def argnames(mark: Mark) -> tuple[str, ...]:
    """Return the names that a ``parametrize`` marker gives values to."""
    names = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
    return words([names] if isinstance(names, str) else names)


def check_stores(names: Iterable[str], known: Iterable[str], source: str) -> None:
    """Raise `OptionError` for a backend that nobody can make."""
    known = tuple(known)
    for name in names:
        if name not in known:
            raise OptionError(
                f"{source}: no backend {name!r} ({', '.join(known)}; one of your own "
                "is made by the hook pytest_cano_make_store in a conftest.py)"
                + suggestion(name, known)
            )


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean ...?`` where something known is near, else nothing."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _texts(mark: Mark, what: str, example: str) -> tuple[str, ...]:
    name = f"@pytest.mark.{mark.name}"
    if mark.kwargs:
        keyword = next(iter(mark.kwargs))
        raise OptionError(
            f"{name}: no keyword {keyword!r}; it takes only {what}, for example "
            f"{name}({example})"
        )
    for value in mark.args:
        if not isinstance(value, str):
            raise OptionError(
                f"{name}: {value!r} is no text; it takes {what}, for example "
                f"{name}({example})"
            )
    return tuple(mark.args)
