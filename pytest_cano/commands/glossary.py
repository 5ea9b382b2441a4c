"""What ``explain`` says of words that have no table of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from ..profiles import PROFILES

Entries: TypeAlias = Mapping[str, str]
"""What there is to say of a word, by the name of the entry."""

SELECTORS: Final[Mapping[str, Entries]] = {
    "all": {
        "means": "every crash point that the undisturbed run meets, one after another",
        "asked": "by --cano-crash=all",
        "page": "docs/crash-points.md",
    },
    "everywhere": {
        "means": "one schedule that crashes at every point in turn, life after life",
        "finds": "recoveries that do not stand many crashes in a row",
        "asked": "by --cano-crash=everywhere, or all,everywhere",
        "page": "docs/searching.md",
    },
    "random:N": {
        "means": "N made-up schedules, of several lives, with several faults in one; "
        "one that fails is made as simple as it can be",
        "asked": "by --cano-crash=random:200; another --cano-seed makes up others",
        "page": "docs/searching.md",
    },
}
"""Selectors that name no point."""

WORDS: Final[Mapping[str, Entries]] = {
    "score": {
        "means": "the schedules that passed, of all that were run; what is accepted, "
        "known or tolerated fails nothing, and has not passed",
        "beside": "its coverage, which says of how much that is, and the worst verdict",
        "limit": "--cano-fail-under=PERCENT",
        "page": "docs/ci.md",
    },
    "coverage": {
        "means": "the crash points at which something has happened, of all that the "
        "undisturbed runs met",
        "less": "where selectors, a budget, a shard or -k left something out",
        "limit": "--cano-fail-under-coverage=PERCENT",
        "lines": "of the tasks are another matter: --cano-cov-fail-under",
        "page": "docs/ci.md; of lines docs/coverage.md",
    },
}
"""Words of the summary."""


def told_of(topic: str) -> Iterator[tuple[str, Entries]]:
    """Return what there is to say of a word: what it is, and its entries."""
    for name, entries in SELECTORS.items():
        word, counted, _ = name.partition(":")
        if topic in (name, word) or (counted and topic.partition(":")[0] == word):
            yield f"{name}  a selector", entries
    for name, entries in WORDS.items():
        if topic.lower() == name:
            yield f"{name}  a word of the summary", entries
    yield from _profile(topic)


def _profile(topic: str) -> Iterator[tuple[str, Entries]]:
    """Say what a profile does: a built-in one, or one that ``--cano-profile`` names."""
    option, _, name = topic.rpartition("=")
    named = option in ("--cano-profile", "cano_profile") and name
    if not option and name in PROFILES:
        named = name
    if named:
        said = PROFILES.get(name, {})
        yield (
            f"{name}  a profile",
            {
                "says": "; ".join(f"{key} = {value}" for key, value in said.items())
                or "what its section of the ini file says",
                "asked": f"by --cano-profile={name}",
                "section": f"[cano:{name}] of pytest.ini, or [tool.cano.{name}] of "
                "pyproject.toml, makes it, or changes a built-in one",
                "page": "docs/ci.md",
            },
        )
