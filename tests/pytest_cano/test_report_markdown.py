"""Texts of a user's program in Markdown, and in files that others read."""

import pytest

from pytest_cano.report.characters import on_one_line, visible
from pytest_cano.report.markdown import block, code, plain, table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Process", "`Process`"),
        ("a`b", "``a`b``"),
        ("`a``b`", "``` `a``b` ```"),
        ("two\nlines", "`two\\nlines`"),
        ("\x1b[31m", "`\\x1b[31m`"),
        ("  ", ""),
    ],
)
def test_code_in_a_line(text, shown):
    assert code(text) == shown


def test_no_text_ends_a_block():
    assert block("a\n```\nb") == "````text\na\n```\nb\n````"
    assert block("pytest", "sh") == "```sh\npytest\n```"


def test_plain_text_is_no_markup():
    assert plain("<b> *a* [b](c) | 50 %") == (r"\<b\> \*a\* \[b\]\(c\) \| 50 \%")
    assert plain("é 漢\n") == "é 漢\\\\n"


def test_no_text_ends_a_cell():
    assert table(("state", "why"), [(code("a|b"), plain("c|d"))]) == (
        "| state | why |\n| --- | --- |\n| `a\\|b` | c\\|d |"
    )


def test_what_can_not_be_seen_is_written_out():
    text = "a\r\n\tb\x00\u202e\ud800\U0001f4a5 é"

    assert visible(text) == "a\\r\n\tb\\x00\\u202e\\ud800\U0001f4a5 é"
    assert on_one_line(text) == "a\\r\\n\\tb\\x00\\u202e\\ud800\U0001f4a5 é"
