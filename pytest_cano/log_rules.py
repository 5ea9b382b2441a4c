"""The rules that a log keeps: the one table of them, and what breaks one."""

from __future__ import annotations

from enum import StrEnum
from typing import Self, final


@final
class Rule(StrEnum):
    """A rule that every log keeps."""

    meaning: str

    def __new__(cls, name: str, meaning: str) -> Self:
        """Make the member a string that carries its meaning."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        return member

    SEQUENCE = "sequence", "rows are numbered densely from 0"
    KIND = "kind", "every row is of a kind that this version knows"
    PLACE = "place", "a row stands in the visit that it belongs to"
    ONCE = "once", "a visit records each memo, step, branch and completion once"
    TRANSITION = "transition", "a state is followed by one that it may lead to"
    ROLLBACK = "rollback", "a rollback undoes what was completed, once, and goes back"
    STATE = "state", "the workflow has the state"
    VERSION = "version", "the workflow accepts the row's version"
    PAYLOAD = "payload", "the payload can be read back"
    READABLE = "readable", "the store can read every row and outcome"
    END = "end", "a run that has ended has an outcome, and no log any more"

    def broken(self, text: str) -> Breach:
        """Return the sentence that says how this rule was broken."""
        return Breach(text, self)


@final
class Breach(str):
    """A sentence that says how a rule was broken.

    Attributes:
        rule: which one.
    """

    rule: Rule

    def __new__(cls, text: str, rule: Rule) -> Self:
        """Make the sentence."""
        breach = super().__new__(cls, text)
        breach.rule = rule
        return breach
