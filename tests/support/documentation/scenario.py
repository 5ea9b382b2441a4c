"""Performs the blocks of one document in a directory of their own."""

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from children import run
from documentation.blocks import Block, DocumentError, parse
from documentation.output import difference, matches

TEST_BLOCK = re.compile(
    r"^(import pytest\b|from pytest\b|class Test)|^\s*(async )?def test_|@pytest\.",
    re.MULTILINE,
)
BARE_PYTEST = re.compile(r"^\$ pytest(?!.*\.py)", re.MULTILINE)
PROMPT = "$ "


@dataclass(frozen=True, slots=True)
class Problem:
    """A block that did not do what its document says.

    `replacement` is the whole text that would be right, where only output differs.
    """

    block: Block
    message: str
    replacement: str | None = None


def check(markdown: str, directory: Path, examples: Path) -> list[Problem]:
    """Perform every block of a document, and say what went wrong.

    Args:
        markdown: The document.
        directory: An empty directory for the files of its scenarios.
        examples: The directory that commands name `examples/`.
    """
    problems: list[Problem] = []
    for count, blocks in enumerate(_by_scenario(parse(markdown)), start=1):
        scenario = _Scenario(directory / f"scenario-{count}", examples)
        for block in blocks:
            problems += scenario.perform(block)
        for block in _never_run(blocks):
            problems += scenario.run_python(block)
    return sorted(problems, key=lambda problem: problem.block.line)


def refresh(markdown: str, problems: list[Problem]) -> str:
    """The document with the output as printed, where nothing but output differed."""
    lines = markdown.splitlines(keepends=True)
    for problem in reversed(problems):
        if problem.replacement is not None:
            first = problem.block.line
            last = first + problem.block.text.count("\n")
            lines[first:last] = [problem.replacement]
    return "".join(lines)


class _Scenario:
    def __init__(self, directory: Path, examples: Path) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self._examples = examples

    def perform(self, block: Block) -> list[Problem]:
        if "file" in block.directives:
            return self._write(block)
        if "patch" in block.directives:
            return self._patch(block)
        if block.language == "python":
            return self.run_python(block)
        if block.language == "console":
            return self._run_console(block)
        # The reason, or the name under which .ci/run finds and runs it.
        if block.directives.get("not run") or block.directives.get("command"):
            return []
        raise DocumentError(
            block.line,
            f"a block of {block.language!r} is neither run nor written to a file: say "
            "<!-- file: NAME --> or <!-- not run: REASON --> before it",
        )

    def _write(self, block: Block) -> list[Problem]:
        path = self._directory / block.directives["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        return []

    def _patch(self, block: Block) -> list[Problem]:
        path = self._directory / block.directives["patch"]
        if not path.is_file():
            raise DocumentError(block.line, f"no block before it writes {path.name}")
        # An editor strips the space that marks an empty line as unchanged.
        lines = re.sub(r"^$", " ", block.text, flags=re.MULTILINE).splitlines(True)
        old = "".join(line[1:] for line in lines if not line.startswith("+"))
        new = "".join(line[1:] for line in lines if not line.startswith("-"))
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            found = f"what it replaces stands {text.count(old)} times in {path.name}"
            return [Problem(block, f"{found}, and has to stand there once:\n{old}")]
        path.write_text(text.replace(old, new), encoding="utf-8")
        return []

    def run_python(self, block: Block) -> list[Problem]:
        # Taken away again, so that a later 'pytest' meets only the document's files.
        path = self._directory / f"test_line_{block.line}.py"
        path.write_text(block.text, encoding="utf-8")
        if TEST_BLOCK.search(block.text):
            command = ("pytest", "-q", "-p", "no:cacheprovider", path.name)
        else:
            command = ("python", path.name)
        done = run(*command, cwd=self._directory)
        path.unlink()
        if done.status == (expected := _status(block)):
            return []
        ended = f"{shlex.join(command)} ended with {done.status} instead of {expected}"
        return [Problem(block, f"{ended}:\n{done.output}")]

    def _run_console(self, block: Block) -> list[Problem]:
        sessions = _sessions(block)
        statuses = [0] * (len(sessions) - 1) + [_status(block)]
        failures: list[str] = []
        differences: list[str] = []
        replacement = ""
        for (command, said), expected in zip(sessions, statuses, strict=True):
            status, output = self._run_command(block, command)
            if status != expected:
                ended = f"{command!r} ended with {status} instead of {expected}"
                failures.append(f"{ended}:\n{output}")
            elif not matches(said, output):
                printed = f"{command!r} printed something else"
                differences.append(f"{printed}:\n{difference(said, output)}")
                said = output.strip("\n") + "\n"
            replacement += f"{PROMPT}{command}\n{said}"
        if failures or differences:
            message = "\n".join(failures + differences)
            # With a wrong status it is not only the output that has to be looked at.
            return [Problem(block, message, None if failures else replacement)]
        return []

    def _run_command(self, block: Block, command: str) -> tuple[int, str]:
        words = shlex.split(command)
        if words[0] not in ("pytest", "python"):
            raise DocumentError(block.line, f"{command!r}: only pytest and python run")
        directory = self._directory
        if any(word.startswith("examples/") for word in words):
            directory = directory.with_name(f"{directory.name}-examples-{block.line}")
            unwanted = shutil.ignore_patterns("__pycache__", ".*")
            shutil.copytree(
                self._examples,
                directory / "examples",
                ignore=unwanted,
                dirs_exist_ok=True,
            )
        done = run(*words, cwd=directory)
        return done.status, done.output.replace(str(directory), "/project")


def _by_scenario(blocks: list[Block]) -> list[list[Block]]:
    scenarios: list[list[Block]] = [[]]
    for block in blocks:
        if "new scenario" in block.directives:
            scenarios.append([])
        scenarios[-1].append(block)
    return scenarios


def _never_run(blocks: list[Block]) -> Iterator[Block]:
    """The programs that were written to a file that nothing else in the scenario uses.

    A file is used where its name is mentioned, and a test also by a bare `pytest`.
    """
    for block in blocks:
        name = Path(block.directives.get("file", ""))
        if name.suffix != ".py":
            continue
        others = [other.text for other in blocks if other is not block]
        is_test = name.stem.startswith("test_") or name.stem == "conftest"
        if is_test and any(BARE_PYTEST.search(text) for text in others):
            continue
        mentioned = re.compile(rf"\b{re.escape(name.stem)}\b")
        if not any(mentioned.search(text) for text in others):
            yield block


def _sessions(block: Block) -> list[tuple[str, str]]:
    sessions: list[tuple[str, str]] = []
    for line in block.text.splitlines(keepends=True):
        if line.startswith(PROMPT):
            sessions.append((line.removeprefix(PROMPT).strip(), ""))
        elif sessions:
            command, said = sessions[-1]
            sessions[-1] = (command, said + line)
        else:
            raise DocumentError(block.line, f"the first line has to be {PROMPT!r}...")
    if not sessions:
        raise DocumentError(block.line, "an empty console block")
    return sessions


def _status(block: Block) -> int:
    run_directive = block.directives.get("run", "exit 0")
    if ended := re.fullmatch(r"exit (\d+)", run_directive):
        return int(ended[1])
    raise DocumentError(block.line, f"'run: {run_directive}' has to be 'run: exit N'")
