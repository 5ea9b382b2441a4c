"""DUPLICATED: an effect happened more often than undisturbed."""

import pytest

from pytest_cano.oracles.duplicated import Duplicated
from pytest_cano.story import Finding, Verdict
from stories import baseline, crashed, effect, extra, returned, story

ORACLE = Duplicated()
READS = "if it only reads: spy(..., ignore='charge'), or name it in cano_ignore_effects"
CHARGE, EMAIL = "charge('order-1', 42)", "email('order-1')"


def test_an_effect_that_happened_as_often_is_fine():
    usual = baseline(effects=(effect(CHARGE), effect(EMAIL)))

    assert ORACLE.judge(usual, story(effects=(effect(EMAIL), effect(CHARGE)))) is None


def test_an_effect_that_happened_more_often_is_named():
    usual = baseline(effects=(effect(CHARGE),))
    seen = story(effects=(effect(CHARGE), effect(CHARGE, life=2)))

    assert ORACLE.judge(usual, seen) == Finding(
        Verdict.DUPLICATED,
        "charge('order-1', 42) happened 2 times, 1 in the undisturbed run",
        (
            "no call had a key; hand it key=run.idempotency_key",
            READS,
        ),
    )


def test_an_effect_that_never_happened_undisturbed_is_named():
    finding = ORACLE.judge(baseline(), story(effects=(effect(CHARGE),)))

    assert finding is not None
    assert finding.message == f"{CHARGE} happened 1 time, 0 in the undisturbed run"


def test_further_effects_are_details():
    seen = story(effects=(effect(CHARGE), effect(EMAIL)))
    finding = ORACLE.judge(baseline(), seen)

    assert finding is not None
    assert finding.details == (f"{EMAIL} happened 1 time, 0 in the undisturbed run",)


def test_a_key_makes_a_second_call_harmless():
    usual = baseline(effects=(effect(CHARGE, key="k"),))
    seen = story(effects=(effect(CHARGE, key="k"), effect(CHARGE, key="k", life=2)))

    assert ORACLE.judge(usual, seen) is None


def test_another_key_does_not():
    usual = baseline(effects=(effect(CHARGE, key="k1"),))
    seen = story(
        effects=(effect(CHARGE, key="k1"), effect(CHARGE, key="k2" * 40, life=2))
    )

    finding = ORACLE.judge(usual, seen)
    assert finding is not None
    assert finding.details == (
        "its key differed: 'k1' in life 1, 'k2k2k2k2k2k2…' in life 2",
    )


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        (
            ("test_p.py::test_pay/Charge/1/0", "test_p.py::test_pay/Charge/1/1"),
            ("…/0", "…/1"),
        ),
        (
            ("test_p.py::test_pay/Charge/1", "test_p.py::test_pay/Charge/1/a"),
            ("…/1", "…/1/a"),
        ),
        (("charge:order:1234567", "charge:order:1234568"), ("…1234567", "…1234568")),
        (("order-1/a", "order-1/b"), ("order-1/a", "order-1/b")),
        (
            ("3f2a9c1b" * 4, "9c1b3f2a" * 4),
            ("3f2a9c1b3f2a…", "9c1b3f2a9c1b…"),
        ),
        (
            ("order-1/Charge", "order-2/Charge/1", "order-2/Charge/2"),
            ("order-1/Charge", "order-2/Charge/1", "order-2/Charge/2"),
        ),
    ],
)
def test_keys_that_begin_alike_are_shown_where_they_differ(keys, shown):
    usual = baseline(effects=(effect(CHARGE, key=keys[0]),))
    calls = [effect(CHARGE, key=key, life=life) for life, key in enumerate(keys, 1)]
    finding = ORACLE.judge(usual, story(effects=calls))

    lives = ", ".join(f"{key!r} in life {life}" for life, key in enumerate(shown, 1))
    assert finding is not None
    assert finding.details == (f"its key differed: {lives}",)


def test_the_end_of_a_long_key_that_came_twice_is_shown():
    key = "test_p.py::test_pay/Charge/1"
    usual = baseline(effects=(effect("charge(100)", key=key),))
    calls = (
        effect("charge(100)", key=key),
        effect("charge(101)", key=key, life=2),
    )
    finding = ORACLE.judge(usual, story(effects=calls))

    assert finding is not None
    assert finding.message.startswith("same key '…pay/Charge/1', other arguments: ")


def test_the_same_key_with_other_arguments_is_told_as_such():
    usual = baseline(effects=(effect("charge(100)", key="k"),))
    seen = story(
        effects=(
            effect("charge(100)", key="k"),
            effect("email(101)", key="k"),
            effect("charge(101)", key="k", life=2),
        )
    )
    usual = baseline(effects=(*usual.effects, effect("email(101)", key="k")))

    assert ORACLE.judge(usual, seen) == Finding(
        Verdict.DUPLICATED,
        "same key 'k', other arguments: charge(100) in life 1, charge(101) in life 2",
    )


def test_an_effect_less_is_not_its_business():
    assert ORACLE.judge(baseline(effects=(effect(CHARGE),)), story()) is None


def test_an_effect_of_the_extra_start_is_told_as_such():
    usual = baseline(effects=(effect(CHARGE),))
    seen = story(
        lives=(crashed(), returned(), extra(3)),
        effects=(effect(CHARGE), effect(CHARGE, life=3)),
    )

    assert ORACLE.judge(usual, seen) == Finding(
        Verdict.DUPLICATED,
        "charge('order-1', 42) happened 1 time more when the finished program was "
        "started once more",
    )


def test_what_the_program_s_body_does_in_the_extra_start_is_not_judged():
    usual = baseline(effects=(effect("look()", point=None),))
    seen = story(
        lives=(crashed(), returned(), extra(3)),
        effects=(effect("look()", point=None), effect("look()", point=None, life=3)),
    )

    assert ORACLE.judge(usual, seen) is None


def test_what_every_start_of_the_program_does_is_told_as_such():
    usual = baseline(effects=(effect("seed()", point=None),))
    seen = story(effects=(effect("seed()", point=None), effect("seed()", point=None)))
    finding = ORACLE.judge(usual, seen)

    assert finding is not None
    assert finding.details[0].startswith("seed() is done outside of every task")
