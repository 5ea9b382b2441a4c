"""The runner of the documentation: what it understands, and what it refuses."""

from pathlib import Path
from textwrap import dedent

import pytest

from documentation import DocumentError, check, difference, matches, parse, refresh


@pytest.fixture
def problems(tmp_path: Path):
    """The messages of the problems that a document has."""
    examples = tmp_path / "examples"
    examples.mkdir()
    (examples / "hello.py").write_text("print('hello')")

    def messages(markdown: str) -> list[str]:
        found = check(dedent(markdown), tmp_path / "run", examples)
        return [problem.message for problem in found]

    return messages


SHOP = """\
# Shop

The shop:

<!-- file: shop.py -->
```python
def price():
    return 42
```

<!-- file: test_shop.py -->
```python
from shop import price

def test_price():
    assert price() == 42
```
"""


def test_a_block_knows_its_line_language_text_and_directives():
    shop, test = parse(SHOP)

    assert (shop.line, shop.language) == (6, "python")
    assert shop.text == "def price():\n    return 42\n"
    assert test.directives == {"file": "test_shop.py"}


def test_an_indented_block_loses_the_indentation_of_its_fence():
    markdown = "* a list\n\n  ~~~python\n  if True:\n      pass\n  ~~~\n"

    assert parse(markdown)[0].text == "if True:\n    pass\n"


@pytest.mark.parametrize(
    ("markdown", "message"),
    [
        ("```python\npass\n", "line 1: this block is never closed"),
        ("```\npass\n```\n", "line 1: a block has to name its language"),
        ("<!-- fille: a -->\n```toml\n```\n", "line 1: 'fille' is no directive"),
        ("<!-- file: a -->\ntext\n```toml\n```\n", "no block follows 'file: a'"),
        ("<!-- not run: a -->\n```python\n```\n", "python blocks are always run"),
        ("<!-- run: exit 1 -->\n```sh\nls\n```\n", "sh blocks are never run"),
        ("<!-- patch: a -->\n```sh\nls\n```\n", "diff blocks go together"),
        ("```diff\n+a\n```\n", "diff blocks go together"),
        ("<!-- command: a -->\n```sh\n1\n2\n```\n", "a command has to be one line"),
        (
            "<!-- file: a -->\n<!-- run: exit 1 -->\n```python\n```\n",
            "only one of file, run",
        ),
    ],
)
def test_what_can_not_be_understood_is_refused(markdown: str, message: str):
    with pytest.raises(DocumentError, match=message):
        parse(markdown)


@pytest.mark.parametrize(
    ("markdown", "message"),
    [
        ("```sh\npip install x\n```\n", "'sh' is neither run nor written"),
        ("<!-- not run: -->\n```sh\nls\n```\n", "'sh' is neither run nor written"),
        ("<!-- patch: a -->\n```diff\n```\n", "no block before it writes a"),
        ("```console\n$ rm x\n```\n", "only pytest and python run"),
        ("```console\npytest\n```\n", "the first line has to be"),
        ("```console\n```\n", "an empty console block"),
        ("<!-- run: 1 -->\n```python\n```\n", "has to be 'run: exit N'"),
    ],
)
def test_what_can_not_be_performed_is_refused(problems, markdown: str, message: str):
    with pytest.raises(DocumentError, match=message):
        problems(markdown)


def test_blocks_that_are_excused_or_left_to_ci_are_no_problem(problems):
    assert not problems(
        """\
        <!-- not run: installs -->
        ```sh
        pip install x
        ```

        <!-- command: tests -->
        ```sh
        pytest
        ```
        """
    )


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("one\n", "one\n"),
        ("1 failed in 0.12s", "1 failed in 13.40s"),
        ("4/4   0.8 s", "4/4  12.8 s"),
        ("== 1 passed in 1s ==".replace("==", "====="), "=== 1 passed in 20s ==="),
        ("on 2025-01-01", "on 2026-12-31T10:11:12"),
        ("one\n...\nfour", "one\ntwo\nthree\nfour"),
        ("one\n...\ntwo", "one\ntwo"),
        ("at <...>!", "at <0xff>!"),
        ("one  \n\n", "\none"),
        ("...", ""),
    ],
)
def test_output_matches(said: str, printed: str):
    assert matches(said, printed)


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("one", "two"),
        ("one", "one\ntwo"),
        ("one\n...\nfour", "one\ntwo\nthree"),
        ("a...c", "a\nc"),
        ("2 passed in 1s", "3 passed in 1s"),
        ("a.c", "abc"),
        ("", "one"),
    ],
)
def test_output_does_not_match(said: str, printed: str):
    assert not matches(said, printed)
    assert difference(said, printed)


def test_files_of_one_document_lie_in_one_directory_for_its_commands(problems):
    assert not problems(
        SHOP
        + """
```python
from shop import price
assert price() == 42
```

```console
$ pytest -q
.                                                                        [100%]
1 passed in 0.01s
$ python -c "import shop; print(shop.price())"
42
```
"""
    )


def test_a_rewritten_file_is_the_one_that_runs(problems):
    assert not problems(
        SHOP
        + """
<!-- file: shop.py -->
```python
def price():
    return 43
```

<!-- run: exit 1 -->
```console
$ pytest -q
...
1 failed in 0.01s
```
"""
    )


def test_a_diff_is_applied_to_a_file(problems):
    assert not problems(
        SHOP
        + """
<!-- file: shop.py -->
```python
def name():
    return "shop"

def price():
    return 42
```

<!-- patch: shop.py -->
```diff
     return "shop"

 def price():
-    return 42
+    return 43
```

<!-- run: exit 1 -->
```console
$ pytest -q
...
1 failed in 0.01s
```
"""
    )


def test_a_diff_that_does_not_fit_is_a_problem(problems):
    (message,) = problems(
        SHOP + "\n<!-- patch: shop.py -->\n```diff\n-    return 41\n```\n"
    )

    assert "what it replaces stands 0 times in shop.py" in message


def test_a_new_scenario_begins_in_an_empty_directory(problems):
    assert not problems(
        SHOP
        + """
<!-- new scenario -->
<!-- run: exit 5 -->
```console
$ pytest -q
...
```
"""
    )


@pytest.mark.parametrize(
    ("name", "program", "told"),
    [
        ("stock.py", "raise SystemExit('out of stock')", "out of stock"),
        ("test_it.py", "def test_it():\n    assert 1 == 2", "1 failed"),
    ],
)
def test_a_program_in_a_file_that_no_other_block_uses_is_run(
    problems, name: str, program: str, told: str
):
    (message,) = problems(
        f"<!-- file: {name} -->\n```python\n{program}\n```\n\n```python\npass\n```\n"
    )

    assert told in message


def test_a_program_in_a_file_is_not_run_again_where_another_block_uses_it(problems):
    assert not problems(
        """\
        <!-- file: stock.py -->
        ```python
        raise SystemExit(3)
        ```

        <!-- run: exit 3 -->
        ```console
        $ python stock.py
        ```
        """
    )


def test_commands_meet_the_examples(problems):
    assert not problems("```console\n$ python examples/hello.py\nhello\n```\n")


def test_a_script_that_fails_is_a_problem(problems):
    (message,) = problems("```python\nraise SystemExit('out of stock')\n```\n")

    assert "python test_line_1.py ended with 1 instead of 0" in message
    assert "out of stock" in message


def test_a_block_with_tests_is_run_by_pytest(problems):
    (message,) = problems("```python\ndef test_it():\n    assert 1 == 2\n```\n")

    assert "assert 1 == 2" in message
    assert "1 failed" in message


@pytest.mark.parametrize("line", ["import pytest_cano", "from pytest_cano import x"])
def test_a_block_that_uses_the_plugin_alone_is_a_script(problems, line: str):
    (message,) = problems(f"```python\nexit('script')\n{line}\n```\n")

    assert "python test_line_1.py ended with 1" in message


def test_a_block_that_should_fail_and_does_not_is_a_problem(problems):
    (message,) = problems("<!-- run: exit 1 -->\n```python\npass\n```\n")

    assert "ended with 0 instead of 1" in message


def test_a_wrong_status_is_a_problem_even_with_the_right_output(problems):
    (message,) = problems(
        "```console\n$ python -c \"print('x'); raise SystemExit(3)\"\nx\n```\n"
    )

    assert "ended with 3 instead of 0" in message


def test_every_problem_of_a_document_is_told(problems):
    assert len(problems("```python\n1/0\n```\n\n```python\n2/0\n```\n")) == 2


def test_refreshing_replaces_the_output_that_differs_and_nothing_else(tmp_path: Path):
    markdown = """\
```console
$ python -c "print('a'); print('b')"
a
...
$ python -c "print('new')"
old
older
```

```python
raise SystemExit(1)
```
"""
    found = check(markdown, tmp_path / "first", tmp_path)

    refreshed = refresh(markdown, found)

    assert refreshed == markdown.replace("old\nolder\n", "new\n")
    (left,) = check(refreshed, tmp_path / "second", tmp_path)
    assert left.replacement is None
