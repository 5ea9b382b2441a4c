"""The JSON Schema of reports: made from the classes, and published in ``docs/``."""

import json
from pathlib import Path

import jsonschema

from documents import document, hostile, program, trial, twice
from pytest_cano.commands import main
from pytest_cano.records.codec import from_json, to_json
from pytest_cano.records.files import write_whole
from pytest_cano.records.schema import schema

PUBLISHED = Path(__file__).parents[2] / "docs" / "report.schema.json"


def test_what_is_published_is_what_is_written():
    published = json.loads(PUBLISHED.read_text("utf-8"))

    assert published == schema(), (
        "python -m pytest_cano schema > docs/report.schema.json"
    )


def test_it_is_printed(capsys):
    assert main(["schema"]) == 0

    assert capsys.readouterr().out == PUBLISHED.read_text("utf-8")


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(schema())


def test_every_field_says_what_it_is():
    made = schema()
    kinds = {"Document": made, **made["$defs"]}

    silent = {
        f"{name}.{field}"
        for name, kind in kinds.items()
        for field, described in kind.get("properties", {}).items()
        if not described.get("description")
    }
    assert not silent
    assert all(kind["description"] for kind in kinds.values())
    assert "Attributes:" not in json.dumps(made)


def test_a_field_is_described_as_its_class_does():
    made = schema()["$defs"]["Made"]

    assert made["description"] == "How a document came about."
    assert made["properties"]["shard"]["description"] == (
        "Which part of the plan was run: ``2/5``; empty for all of it."
    )


def test_documents_are_as_it_says():
    excused = trial("KNOWN", found="LOST", excuse="LOST: for now")
    whole = document(program(twice(), excused), problems=("--cano-fail-under: no",))
    validator = jsonschema.Draft202012Validator(schema())

    for each in (document(), whole, hostile()):
        text = to_json(each)
        assert not list(validator.iter_errors(json.loads(text)))
        assert from_json(text) == each


def test_odd_names_do_not_keep_a_file_from_being_written(tmp_path: Path):
    # A file's name may hold half of a surrogate pair, which UTF-8 has no bytes for.
    write_whole(tmp_path / "cano.json", to_json(hostile()))

    assert from_json((tmp_path / "cano.json").read_bytes()) == hostile()
