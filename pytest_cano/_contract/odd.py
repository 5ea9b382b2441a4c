"""Values that a careless store gets wrong: odd ids, odd labels, odd payloads.

Hypothesis and Faker are imported when they are asked for: the processes that a check
starts need neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cano_core.checkpoints.row import CheckpointRow, Outcome, OutcomeStatus, RowKind

if TYPE_CHECKING:
    from hypothesis import settings
    from hypothesis.strategies import SearchStrategy

# All legal: not empty, printable, at most 255 characters. Neighbours differ in what a
# collation, a pattern, a file name or a number makes of them.
IDS = (
    *("order", "Order", "ORDER", " order", "order ", "order  ", "or der"),
    *("'", "''", '"', "`", "order'; DROP TABLE rows; --", "\\", "\\'"),
    *("%", "_", "*", "?", "ord%", "orde_", "ord*", "[order]", "{order}", "$HOME"),
    *("/", "a/b", "a:b", ".", "..", "../order", "~", "-rf", "#", "a\\b", "CON"),
    *("0", "00", "1", "01", "1.0", "1e0", "-1", "None", "null", "NULL", "true"),
    *("caf\u00e9", "cafe\u0301", "stra\u00dfe", "strasse", "\ufb01", "fi"),
    *("I", "i", "\u0130", "i\u0307", "\u0131", "\uff4f\uff52", "\u65e5\u672c\u8a9e"),
    *("\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627", "\u0e01\u0e33"),
    *("\U0001f642", "\U0001f642\U0001f642", "\U0001f44d\U0001f3fd", "\ufffd"),
    *("x" * 255, "x" * 254, "x" * 254 + "y", "\u00e9" * 255, "\U0001f642" * 255),
)

LABELS = (
    *("", " ", "a\x00b", "\x00", "a\nb", "a\r\nb", "\t", "\x1b[31mred", "\x7f", "\x85"),
    *("'", '"', "\\", "\\n", "%s", "{}", "\u2028", "\ufeff", "\u202e", "\u200b"),
    *("caf\u00e9", "cafe\u0301", "\ud7ff", "\uffff", "\U0010ffff", "x" * 10_000),
)

PAYLOADS = (
    *(None, b"", b"\x00", b"\n", b"\r\n", b"null", b"\xff\xfe", b"\xef\xbb\xbf"),
    bytes(range(256)),
    bytes(range(256)) * (5 * 1024 * 1024 // 256),
)


def example_settings(max_examples: int) -> settings:
    """Return Hypothesis settings that give every run the same examples."""
    from hypothesis import HealthCheck, settings

    return settings(
        max_examples=max_examples,
        derandomize=True,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow],
    )


def generated_logs() -> SearchStrategy[list[CheckpointRow]]:
    """Return whole logs of rows with any label, kind, payload and version."""
    from hypothesis import strategies as st

    labels = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    contents = st.tuples(
        labels,
        labels,
        st.sampled_from(RowKind),
        st.none() | st.binary(max_size=100),
        st.integers(0, 2**31 - 1),
    )
    return st.lists(contents, min_size=1, max_size=5).map(
        lambda log: [
            CheckpointRow(sequence, *content) for sequence, content in enumerate(log)
        ]
    )


def listed_log() -> list[CheckpointRow]:
    """Return one log with every kind and every odd label and payload of above."""
    kinds = list(RowKind)
    contents = [
        *((label, f"task of {label}", b"data") for label in LABELS),
        *_made_up(10),
        *(("State", "task", payload) for payload in PAYLOADS),
    ]
    return [
        CheckpointRow(sequence, *content[:2], kinds[sequence % len(kinds)], content[2])
        for sequence, content in enumerate(contents)
    ]


def outcomes() -> Iterator[Outcome]:
    """Yield outcomes of every status with odd labels and payloads."""
    for number, (label, payload) in enumerate(zip(LABELS, PAYLOADS * 3, strict=False)):
        for status in OutcomeStatus:
            yield Outcome(status, label, payload, number)


def _made_up(count: int) -> Iterator[tuple[str, str, bytes]]:
    from faker import Faker

    for locale in ("en_US", "ja_JP", "ar_AA", "ru_RU", "hi_IN"):
        fake = Faker(locale)
        fake.seed_instance(0)
        for _ in range(count // 5):
            yield fake.name(), fake.address(), fake.binary(fake.random_int(0, 2000))
