"""``explain``: what a verdict, a crash point or an option means, and what to do."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from textwrap import wrap
from typing import Any, Final

from ..advice import ADVICE
from ..faults import DEFAULT, FAULTS, FaultKind
from ..moments import MOMENTS, Moment
from ..notation import SelectorError, did_you_mean
from ..options import MARKERS, OPTIONS, Marker, Option
from ..profiles import PROFILES
from ..schedule import Fault, Schedule
from ..story import Verdict
from .glossary import SELECTORS, WORDS, told_of

EXPLAINED, UNKNOWN = 0, 2
"""Exit statuses."""

WIDTH: Final = 80

_HELP = (
    "Say what a verdict (DUPLICATED), a crash point or a schedule (Process@end), a "
    "moment (effect), a fault (kill), an option (--cano-fail-on), a marker "
    "(cano_crash), a selector (everywhere), a profile (ci) or a word of the summary "
    "(score) means; without a topic, how the failure of a crash test is read."
)

_INTRODUCTION = """\
A crash test is run undisturbed first; the moments at which its process could die so
that the world outside can tell are its crash points. Then, for each of them, the test
is run on a fresh disk and ended there (life 1), and run again on the same disk, as a
restarted program would (life 2). What comes of it has to be what came of the
undisturbed run: the same effects, the same end, the same observations.

How a failure is read:

  DUPLICATED  charge(42) happened 2 times, ...      the verdict, and what was seen
  life 1   Charge  crashed at end: ...              how each life went, and ended
  life 2   resumed at Charge > Ship > Done
  effect         undisturbed  this run              what differs, and where it is made
  again   pytest '...' --cano-crash='Charge@end'    runs exactly this once more

A test is crashed if it uses a cano fixture (cano_store, cano_ledger, ...) or marker. It
has to do what a restarted program does, start_or_resume with cano_workflow_id, on
cano_store, and to tell cano_ledger of whatever must not be repeated.

Explained one by one, as in `python -m pytest_cano explain DUPLICATED`:
"""

_CLOSING = """\
A crash point or a schedule (Process@end, 'Process@end > Process@start=kill') is
explained, too. Every option: pytest --help, group cano. All pages: docs/ of the source.
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    # A flag of pytest is a topic here: nothing that can be typed begins an option.
    parser = commands.add_parser(
        "explain", help=_HELP, description=_HELP, prefix_chars="\0", add_help=False
    )
    parser.add_argument("topic", nargs="*", help="what is to be explained")
    parser.set_defaults(perform=partial(_perform, parser))


def _perform(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> int:
    topics: Sequence[str] = chosen.topic
    if "-h" in topics or "--help" in topics:
        parser.print_help()
        return EXPLAINED
    if not topics:
        sys.stdout.write(introduction())
        return EXPLAINED
    for number, topic in enumerate(topics):
        try:
            text = explanation(topic)
        except UnknownTopicError as error:
            sys.stderr.write(f"explain: {error}\n")
            return UNKNOWN
        sys.stdout.write("\n" * (number > 0) + text)
    return EXPLAINED


class UnknownTopicError(ValueError):
    """There is nothing of that name to be explained; the message says what there is."""


def introduction() -> str:
    """Return how a failure is read, and what else can be explained."""
    lists = {
        "verdicts": [verdict.value for verdict in ADVICE],
        "moments": [moment.usage for moment in MOMENTS.values()],
        "faults": [kind.usage for kind in FAULTS.values()],
        "selectors": [*SELECTORS],
        "profiles": [*PROFILES],
        "words": [*WORDS],
    }
    lines = [
        line
        for name, words in lists.items()
        for line in _entry(name, ", ".join(words), indent=12)
    ]
    return f"{_INTRODUCTION}\n" + "\n".join(lines) + f"\n\n{_CLOSING}"


def explanation(topic: str) -> str:
    """Return what there is to say of a topic, several lines.

    Raises:
        UnknownTopicError: there is no such thing.
    """
    found = [text for known in _KINDS if (text := "\n".join(known(topic.strip())))]
    return "\n\n".join(found or ["\n".join(_schedule(topic))]) + "\n"


def _verdict(topic: str) -> Iterator[str]:
    verdict = Verdict.__members__.get(topic.upper().replace("-", "_"))
    if verdict is None:
        return
    advice = ADVICE[verdict]
    yield from _entry(verdict.value, advice.when, indent=len(verdict.value) + 2, left=0)
    for cause in advice.usual:
        yield ""
        yield from _entry("usually", cause.what)
        yield from _entry("do", cause.remedy)


def _moment(topic: str) -> Iterator[str]:
    name = topic.removeprefix("@").partition(":")[0]
    if "@" in topic[1:] or name not in MOMENTS:
        return
    moment = MOMENTS[name]
    yield f"@{moment.usage}  a moment of a state"
    yield from _of_moment(moment)


def _of_moment(moment: Moment) -> Iterator[str]:
    yield from _entry("durable", moment.durable)
    yield from _entry("finds", moment.finds)
    if moment.detail:
        yield from _entry("asked", f"by --cano-detail={moment.detail}")
    excluded = {
        kind.usage: why
        for kind in FAULTS.values()
        if (why := kind.excluded_from(moment.name))
    }
    for why in dict.fromkeys(excluded.values()):
        names = [name for name, other in excluded.items() if other == why]
        yield from _entry("not", f"{', '.join(names)}: {why}")


def _fault(topic: str) -> Iterator[str]:
    name = topic.removeprefix("=").partition(":")[0]
    if name not in FAULTS:
        return
    kind = FAULTS[name]
    what = "an ending of a life" if kind.family == "ending" else "a fault"
    usual = ", where nothing else is said" if name == DEFAULT else ""
    yield f"={kind.usage}  {what}{usual}"
    yield from _of_fault(kind)
    yield from _entry("asked", f"by --cano-crash='@end={kind.usage}', for example")


def _of_fault(kind: FaultKind) -> Iterator[str]:
    yield from _entry(kind.usage, kind.help)
    yield from _entry(
        "then",
        "the life is over; the next one starts on the same disk"
        if kind.ends
        else "the life may go on, and come to its end",
    )


def _option(topic: str) -> Iterator[str]:
    for option in OPTIONS:
        if topic.partition("=")[0] in (option.flag, option.name):
            yield from _of_option(option)


def _of_option(option: Option) -> Iterator[str]:
    yield f"{option.flag or option.name}  an option"
    yield from _entry("means", option.help)
    yield from _entry("ini file", f"{option.name} = ...")


def _marker(topic: str) -> Iterator[str]:
    name = topic.removeprefix("@").removeprefix("pytest.mark.").partition("(")[0]
    for marker in MARKERS:
        if name == marker.name:
            yield from _of_marker(marker)


def _of_marker(marker: Marker) -> Iterator[str]:
    yield f"@pytest.mark.{marker.name}({marker.signature})"
    yield from _entry("means", marker.help)


def _word(topic: str) -> Iterator[str]:
    for what, entries in told_of(topic):
        yield what
        for entry, text in entries.items():
            yield from _entry(entry, text)


def _schedule(topic: str) -> Iterator[str]:
    try:
        schedule = Schedule.parse(topic)
    except SelectorError as error:
        raise UnknownTopicError(_unknown(topic, error)) from None
    yield f"{schedule}  a schedule: what happens in {schedule.depth + 1} lives"
    for number, faults in enumerate(schedule.lives, 1):
        yield ""
        yield f"  life {number}"
        for fault in faults:
            yield from _of_planned(fault)
    yield ""
    last = "on the same disk, undisturbed; this is the life that is judged"
    if not schedule.only_ends:
        last += ", or the one before it, if that has come to the end of the run"
    yield from _entry(f"life {schedule.depth + 1}", last)


def _of_planned(fault: Fault) -> Iterator[str]:
    yield from _entry("at", f"{fault.point}: {fault.point.phrase()}")
    yield from _of_fault(fault.described)
    if fault.described.ends:
        yield from _of_moment(MOMENTS[fault.point.moment])


def _unknown(topic: str, error: SelectorError) -> str:
    if "@" in topic:
        return str(error)
    known = [
        *Verdict.__members__,
        *MOMENTS,
        *FAULTS,
        *(each.name for each in (*OPTIONS, *MARKERS)),
        *(each.flag for each in OPTIONS if each.flag is not None),
        *SELECTORS,
        *PROFILES,
        *WORDS,
    ]
    hint = did_you_mean(topic.partition("=")[0] if topic[:1] == "-" else topic, known)
    return (
        f"{topic!r} is neither a verdict, a moment, a fault, an option, a marker, a "
        "selector without a point nor a built-in profile; a crash point is written "
        "STATE@MOMENT, and a profile of your own is a section of your ini file "
        f"(docs/ci.md){hint}"
    )


def _entry(name: str, text: str, *, indent: int = 11, left: int = 2) -> list[str]:
    """Return a line that begins with a name, and as many as the text needs."""
    first = f"{' ' * left}{name}".ljust(indent - 1) + " "
    return wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


_KINDS: Final[tuple[Callable[[str], Iterator[str]], ...]] = (
    _verdict,
    _moment,
    _fault,
    _option,
    _marker,
    _word,
)
