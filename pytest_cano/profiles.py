"""Profiles: settings that go together, under one name.

Three are built in. A section of the ini file adds others, or changes these::

    [cano:nightly]                    pytest.ini, tox.ini, setup.cfg
    [tool.cano.nightly]               pyproject.toml
    [cano.nightly]                    pytest.toml
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from .notation import did_you_mean
from .options import OPTIONS, Option, OptionError

PROFILES: Final[Mapping[str, Mapping[str, str]]] = {
    "smoke": {"cano_crash": "@end", "cano_budget": "30s"},
    "ci": {
        "cano_crash": "all",
        "cano_ending": "raise,kill",
        "cano_budget": "10m",
        "cano_fail_under_coverage": "100",
    },
    "nightly": {
        "cano_crash": "all,everywhere,random:200",
        "cano_ending": "all",
        "cano_depth": "2",
        "cano_budget": "2h",
        "cano_fail_under_coverage": "100",
    },
}
"""The built-in profiles: what each says of options, as an ini file would."""

_OPTIONS: Final = {
    option.name: option for option in OPTIONS if option.name != "cano_profile"
}
_YES: Final = ("1", "yes", "true", "on")
_NO: Final = ("0", "no", "false", "off")


def profile(name: str, source: str, inipath: Path | None) -> dict[str, Any]:
    """Return what a profile says, as `config.getini` would, by option name.

    Args:
        name: of the profile.
        source: what names it, for messages.
        inipath: the ini file, which may define it, or change a built-in one.

    Raises:
        OptionError: there is none, or it makes no sense.
    """
    sections = {} if inipath is None else _sections(inipath)
    if name not in PROFILES and name not in sections:
        known = sorted({*PROFILES, *sections})
        where = "an ini file" if inipath is None else inipath.name
        raise OptionError(
            f"{source}: there is no profile {name!r} ({', '.join(known)}; others are "
            f"sections of {where})" + did_you_mean(name, known)
        )
    said: dict[str, Any] = {**PROFILES.get(name, {}), **sections.get(name, {})}
    try:
        return {key: _value(_option(key, name, inipath), said[key]) for key in said}
    except ValueError as error:
        raise OptionError(f"profile {name}: {error}") from None


def _sections(path: Path) -> dict[str, Mapping[str, Any]]:
    """Return the profiles that an ini file has; pytest has read it before."""
    if path.suffix == ".toml":
        import tomllib

        return _tables(path.name, tomllib.loads(path.read_text("utf-8")))
    from iniconfig import IniConfig

    prefix = "cano:"
    return {
        section.name.removeprefix(prefix): dict(section.items())
        for section in IniConfig(str(path))
        if section.name.startswith(prefix)
    }


def _tables(file: str, whole: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the profiles of a TOML file: tables in the table of all of them."""
    table = "cano"
    if file == "pyproject.toml":
        table, whole = "tool.cano", whole.get("tool", {})
    found = whole.get("cano", {})
    if not isinstance(found, dict):
        raise OptionError(
            f"{file}: {table} = {found!r} holds no profiles; write each as a section "
            f"such as [{table}.mine]"
        )
    for name, each in found.items():
        if not isinstance(each, dict):
            raise OptionError(
                f"{file}: {name} = {each!r} in [{table}] is no profile; write each as "
                f"a section such as [{table}.mine]; what is to hold without a profile "
                "is for pytest's own section"
            )
    return dict(found)


def _option(key: str, name: str, inipath: Path | None) -> Option:
    option = _OPTIONS.get(key)
    if key == "cano_profile":
        raise ValueError(
            f"{key}: a profile can't build on another one; say here what it is to have"
        )
    if option is None:
        where = "" if inipath is None else f" ({inipath.name})"
        raise ValueError(
            f"there is no option {key!r}{where}" + did_you_mean(key, _OPTIONS)
        )
    return option


def _value(option: Option, said: Any) -> Any:
    """Return a value of the option's kind."""
    if option.kind == "bool":
        return said if isinstance(said, bool) else _bool(option, str(said))
    if option.kind == "string":
        return str(said)
    if isinstance(said, list):
        return [str(each) for each in said]
    if option.kind == "args":
        return shlex.split(str(said))
    return [line.strip() for line in str(said).splitlines() if line.strip()]


def _bool(option: Option, said: str) -> bool:
    if said.strip().lower() not in (*_YES, *_NO):
        raise ValueError(f"{option.name}: {said!r} is neither true nor false")
    return said.strip().lower() in _YES
