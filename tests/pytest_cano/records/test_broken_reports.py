"""A report that was broken, or edited by hand, is refused, and why is said."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from documents import document, program, trial, twice
from pytest_cano.records.codec import FormatError, from_json, to_json
from pytest_cano.records.document import Document

EXCUSED = trial("KNOWN", found="LOST", excuse="LOST: for now", schedule="Process@start")


@pytest.fixture
def data() -> Any:
    """A sound report, as JSON has it."""
    text = to_json(document(program(twice(), EXCUSED)))
    assert to_json(from_json(text)) == text
    return json.loads(text)


def refused(data: Any) -> str:
    with pytest.raises(FormatError) as caught:
        from_json(json.dumps(data))
    return str(caught.value)


@pytest.mark.parametrize("shard", ["x", "1", "0/2", "3/2", "1/2/3", "-1/2", "1/"])
def test_a_part_of_a_plan_is_one_of_several(data, shard):
    data["made"]["shard"] = shard

    assert refused(data) == (
        f"{shard!r} is no part of a whole, such as 2/5 @ $.made.shard"
    )


def test_a_verdict_is_one_that_there_is(data):
    data["programs"][0]["summary"]["verdicts"]["Process@end"] = "FINE"

    assert refused(data) == (
        "'FINE' is no verdict @ $.programs[0].summary.verdicts['Process@end']"
    )


@pytest.mark.parametrize("excuse", [None, "", "LOST", "FINE: why not", "PASS: it does"])
def test_an_excuse_says_what_was_found(data, excuse):
    found = data["programs"][0]
    if excuse is None:
        del found["summary"]["excused"], found["trials"][1]["excuse"]
    else:
        found["summary"]["excused"]["Process@start"] = excuse
        found["trials"][1]["excuse"] = excuse

    told = refused(data)

    said = f"KNOWN says by {excuse or ''!r} not what was found: VERDICT: REASON @ "
    assert f"{said}$.programs[0].summary.excused['Process@start']" in told
    assert f"{said}$.programs[0].trials[1].excuse" in told


def test_what_is_excused_is_there_and_needs_it(data):
    data["programs"][0]["summary"]["excused"] |= {
        "Process@end": "LOST: it",
        "Nowhere@end": "LOST: it",
    }

    told = refused(data)

    where = "$.programs[0].summary.excused"
    assert f"DUPLICATED needs no excuse @ {where}['Process@end']" in told
    assert f"there is no such schedule @ {where}['Nowhere@end']" in told


def test_every_story_has_a_life(data):
    found = data["programs"][0]
    found["baseline"]["lives"] = found["trials"][0]["story"]["lives"] = []

    assert refused(data) == (
        "a story has a life that is judged @ $.programs[0].baseline.lives; "
        "a story has a life that is judged @ $.programs[0].trials[0].story.lives"
    )


def test_every_run_of_a_task_is_part_of_a_run(data):
    task = {"run": 7, "state": "Process", "visit": 1, "life": 1}
    data["programs"][0]["baseline"]["task_runs"] = [task]

    assert refused(data) == (
        "it names a run that there is not @ $.programs[0].baseline.task_runs"
    )


COVERED = {
    **{name: [] for name in ("states", "entered", "repeated", "points")},
    **{name: [] for name in ("undisturbed", "crashed", "declared", "jumps")},
    **{name: [] for name in ("taken", "resumed")},
}


@pytest.mark.parametrize(
    "covered",
    [
        {},
        {**COVERED, "states": "Process"},
        {**COVERED, "points": [1]},
        {**COVERED, "taken": [["Process"]]},
        {**COVERED, "declared": [["Process", ["Done"]]]},
        {**COVERED, "jumps": [["Process", "sideways"]]},
    ],
)
def test_what_was_covered_can_be_read(data, covered):
    data["programs"][0]["summary"]["covered"] = [COVERED, covered]

    assert refused(data) == (
        "it is no coverage of a workflow @ $.programs[0].summary.covered[1]"
    )


@pytest.mark.parametrize("version", [True, 1.0, "1", None, [1]])
def test_a_version_is_a_whole_number(data, version):
    data["version"] = version

    assert "version" in refused(data)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_what_is_nested_too_deeply_is_no_report(text):
    with pytest.raises(FormatError, match="nested too deeply"):
        from_json(text)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the way to everything in some JSON."""
    if path:
        yield path
    for key in data if isinstance(data, dict) else ():
        yield from places(data[key], (*path, key))
    for number in range(len(data) if isinstance(data, list) else 0):
        yield from places(data[number], (*path, number))


def with_other(data: Any, path: tuple[Any, ...], value: Any) -> str:
    """Return some JSON as text, with another value at one place."""
    within = changed = json.loads(json.dumps(data))
    *above, last = path
    for key in above:
        within = within[key]
    within[last] = value
    return json.dumps(changed)


ODD = [None, True, -1, "x", [], {}, [{}], {"x": {}}, float("inf"), [[[1]]]]


@pytest.mark.parametrize("value", ODD, ids=str)
def test_whatever_stands_anywhere_is_read_or_refused(data, value):
    for path in places(data):
        # Nothing but this may be raised.
        with suppress(FormatError):
            assert isinstance(from_json(with_other(data, path, value)), Document)
