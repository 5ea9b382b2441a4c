"""LOST: an effect happened less often than undisturbed."""

from pytest_cano.oracles.lost import Lost
from pytest_cano.story import Finding, Verdict
from stories import baseline, crashed, effect, extra, returned, story

ORACLE = Lost()
CHARGE, EMAIL = "charge('order-1', 42)", "email('order-1')"


def test_an_effect_that_happened_as_often_or_more_is_fine():
    usual = baseline(effects=(effect(CHARGE),))

    assert ORACLE.judge(usual, story(effects=(effect(CHARGE),) * 2)) is None


def test_an_effect_that_is_missing_is_named():
    usual = baseline(effects=(effect(CHARGE), effect(EMAIL), effect(EMAIL)))

    assert ORACLE.judge(usual, story(effects=(effect(EMAIL),))) == Finding(
        Verdict.LOST,
        f"{CHARGE} happened 0 times, 1 in the undisturbed run",
        (f"{EMAIL} happened 1 time, 2 in the undisturbed run",),
    )


def test_one_key_for_two_effects_loses_one():
    usual = baseline(effects=(effect(CHARGE, key="1"), effect(CHARGE, key="2")))
    seen = story(effects=(effect(CHARGE, key="1"), effect(CHARGE, key="1")))

    assert ORACLE.judge(usual, seen) is not None


def test_the_extra_start_does_not_make_up_for_it():
    usual = baseline(effects=(effect(CHARGE),))
    seen = story(
        lives=(crashed(), returned(), extra(3)), effects=(effect(CHARGE, life=3),)
    )

    assert ORACLE.judge(usual, seen) is not None


LAMP, VASE = "pack('lamp')", "pack('vase')"


def test_an_effect_under_the_key_of_another_one_is_lost():
    usual = baseline(effects=(effect(LAMP, key="1"), effect(VASE, key="2")))
    seen = story(effects=(effect(LAMP, key="1"), effect(VASE, key="1")))

    finding = ORACLE.judge(usual, seen)

    assert finding is not None
    assert finding.message == f"{VASE} happened 0 times, 1 in the undisturbed run"
    assert (
        "under a key that a call with other arguments had taken" in finding.details[0]
    )


def test_a_program_that_always_gives_two_calls_one_key_is_as_it_is():
    effects = (effect(LAMP, key="1"), effect(VASE, key="1"))

    assert ORACLE.judge(baseline(effects=effects), story(effects=effects)) is None


def test_calls_of_different_names_may_share_a_key():
    effects = (effect(CHARGE, key="1"), effect(EMAIL, key="1"))
    usual = baseline(effects=(effect(CHARGE, key="1"), effect(EMAIL, key="2")))

    assert ORACLE.judge(usual, story(effects=effects)) is None
