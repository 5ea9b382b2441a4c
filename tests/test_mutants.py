"""Our harness finds out engines that are wrong, with our own examples.

All of them take minutes: `tox run -e nightly`, see `docs/mutants.md`. Here are those
questions whose answers are quick, and a sample.
"""

from pathlib import Path

import pytest

from mutants import page
from mutants.campaign import together
from mutants.mutant import ENGINE, Mutant, Rotten
from mutants.table import MUTANTS
from mutants.trial import tried

PAGE = Path(__file__).parents[1] / "docs" / "mutants.md"
SAMPLE = ["memo-ignored-on-resume", "compensated-row-missing", "sequences-not-dense"]


def made(**other: str) -> Mutant:
    given = {
        "name": "wrong",
        "rule": "right is right",
        "file": "log.py",
        "fragment": "right = 1\n",
        "replacement": "right = 0\n",
        "tests": "test_it.py",
        "how": "--cano-crash=all",
    }
    return Mutant(**(given | other))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_the_engine(mutant: Mutant):
    source = (ENGINE / mutant.file).read_text("utf-8")

    assert mutant.apply(source) != source


def test_there_are_many_and_each_has_a_name_of_its_own():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 32


@pytest.mark.parametrize("name", SAMPLE)
def test_a_mutant_is_found_out_as_the_page_says(name: str, tmp_path: Path):
    (mutant,) = (each for each in MUTANTS if each.name == name)

    result = tried(mutant.command, tmp_path, mutant)

    assert result.status == 1, result.output
    kill = result.kills[0]
    assert page.line(mutant, kill) in PAGE.read_text("utf-8")
    assert kill.finding


def test_the_engine_as_it_is_passes(tmp_path: Path):
    (mutant,) = (each for each in MUTANTS if each.name == "memo-ignored-on-resume")

    result = tried(mutant.command, tmp_path)

    assert (result.status, result.kills) == (0, ()), result.output


def test_a_mutant_that_fails_undisturbed_is_not_found_out_by_that(tmp_path: Path):
    broken = made(
        fragment="            self.hold(kind, state, task, payload)\n",
        replacement='            raise SystemError("at once")\n',
        tests="examples/checkout/test_fixed_checkout.py",
    )

    result = tried(broken.command, tmp_path, broken)

    assert result.status != 0
    assert result.kills == ()
    assert "at once" in result.output


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("left = 1\n", "occurs 0 times in log.py"),
        ("right = 1\nright = 1\n", "occurs 2 times in log.py"),
        ("if right:\n    right = 1\n", "is no Python"),
    ],
)
def test_a_mutant_that_does_not_fit_is_rotten(source: str, said: str):
    mutant = made(replacement="right = (\n") if "if" in source else made()

    with pytest.raises(Rotten, match=said):
        mutant.apply(source)


def test_the_commands_of_one_test_are_put_together():
    mutants = [
        made(how="--cano-crash=Ship"),
        made(how="--cano-crash=Pay@end"),
        made(how="--cano-crash=Ship"),
        made(tests="test_store.py", how="-k gap"),
        made(tests="test_store.py", how="-k taken"),
    ]

    assert list(together(mutants)) == [
        "test_it.py --cano-crash='Ship, Pay@end'",
        "test_store.py -k 'gap or taken'",
    ]


def test_the_page_lists_every_mutant():
    written = PAGE.read_text("utf-8")

    assert page.names(written) == [mutant.name for mutant in MUTANTS]
    for mutant in MUTANTS:
        assert f"| {mutant.rule} | `{mutant.command}` |" in written
    assert page.INTRODUCTION in written


def test_a_page_has_no_place_for_a_mutant_that_survives():
    with pytest.raises(ValueError, match=f"{MUTANTS[0].name} was not found out"):
        page.text([])
