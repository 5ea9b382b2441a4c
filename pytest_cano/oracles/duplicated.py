"""DUPLICATED: an effect happened more often than undisturbed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

from ..effects import Effect, count_effects
from ..story import Finding, Story, Verdict
from .wording import AGAIN, times

LONGEST_KEY = 12


@final
class Duplicated:
    """The outside world must not be changed more often because of a crash.

    An effect's count is its distinct keys and its calls without a key; one that may
    happen more often is judged only if it never happens undisturbed. In the extra
    start of a finished program only effects of tasks are judged: any start of a
    program does what its body does after the run, and in a test that is looking at
    the result.
    """

    def judge(self, baseline: Story, story: Story) -> Finding | None:
        """Judge a story."""
        more = [*_too_often(baseline, story)] or [*_in_extra_start(story)]
        return Finding(Verdict.DUPLICATED, more[0], tuple(more[1:])) if more else None


def _too_often(baseline: Story, story: Story) -> Iterator[str]:
    extra = 0 if story.extra is None else story.extra.number
    earlier = [effect for effect in story.effects if effect.life != extra]
    usual, seen = count_effects(baseline.effects), count_effects(earlier)
    of_tasks = {effect.identity for effect in earlier if effect.point is not None}
    repeatable = {
        each.identity
        for each in (*baseline.effects, *earlier)
        if each.semantics == "at_least_once" and usual.get(each.identity)
    }
    for identity, count in seen.items():
        if count > usual.get(identity, 0) and identity not in repeatable:
            calls = [effect for effect in earlier if effect.identity == identity]
            same_key = _under_the_same_key(calls[-1], earlier)
            if same_key and not usual.get(identity, 0):
                yield same_key
                continue
            yield (
                f"{identity} happened {times(count)}, {usual.get(identity, 0)} "
                f"{baseline.usual}"
            )
            if identity in of_tasks:
                yield from _about_keys(calls)
            elif usual.get(identity):
                yield (
                    f"{identity} is done outside of every task, so by every start of "
                    "the program; what only prepares a test is better done without "
                    "the ledger, or named in cano_ignore_effects"
                )


def _under_the_same_key(effect: Effect, effects: Sequence[Effect]) -> str:
    """Say so if one key was given to calls with different arguments."""
    if effect.key is None:
        return ""
    calls = {
        each.identity: each.life
        for each in reversed(effects)
        if (each.name, each.key) == (effect.name, effect.key)
    }
    if len(calls) == 1:
        return ""
    lives = ", ".join(
        f"{identity} in life {life}" for identity, life in reversed(calls.items())
    )
    return f"same key {_ending(effect.key)!r}, other arguments: {lives}"


def _about_keys(calls: Sequence[Effect]) -> Iterator[str]:
    """Say what the keys, or their absence, have to do with it."""
    lives: dict[str, int] = {}
    deduped = any(call.dedupe is not None for call in calls)
    for call in calls:
        known_by = call.dedupe if deduped else call.key
        if known_by is not None:
            lives.setdefault(known_by, call.life)
    if len(lives) > 1:
        shown = _told_apart(list(lives))
        keys = ", ".join(
            f"{key!r} in life {life}"
            for key, life in zip(shown, lives.values(), strict=True)
        )
        what = "what its receiver knows repeats by" if deduped else "its key"
        yield f"{what} differed: {keys}"
    elif len(calls) > 1 and not lives:
        yield "no call had a key; hand it key=run.idempotency_key"
        yield (
            f"if it only reads: spy(..., ignore={calls[0].name!r}), or name it in "
            "cano_ignore_effects"
        )


def _told_apart(keys: Sequence[str]) -> Sequence[str]:
    """Cut keys so that what is left of them differs.

    All keys of a run begin with its id, so it is their ends that tell them apart.
    """
    if max(map(len, keys)) <= LONGEST_KEY:
        return keys
    first = keys[0]
    letters = enumerate(zip(*keys, strict=False))
    differ = (at for at, each in letters if len({*each}) > 1)
    alike = next(differ, min(map(len, keys)))
    start = max(first.rfind("/", 0, alike), alike - LONGEST_KEY // 2)
    cut = [_beginning(key if start <= 0 else f"…{key[start:]}") for key in keys]
    return cut if len({*cut}) == len(keys) else keys


def _beginning(key: str) -> str:
    return key if len(key) <= LONGEST_KEY else f"{key[:LONGEST_KEY]}…"


def _ending(key: str) -> str:
    return key if len(key) <= LONGEST_KEY else f"…{key[-LONGEST_KEY:]}"


def _in_extra_start(story: Story) -> Iterator[str]:
    if story.extra is None:
        return
    of_tasks = [effect for effect in story.effects if effect.point is not None]
    before = count_effects(e for e in of_tasks if e.life != story.extra.number)
    repeatable = {e.identity for e in of_tasks if e.semantics == "at_least_once"}
    for identity, count in count_effects(of_tasks).items():
        known = before.get(identity, 0)
        if count > known and not (known and identity in repeatable):
            yield (
                f"{identity} happened {times(count - before.get(identity, 0))} more "
                f"{AGAIN}"
            )
