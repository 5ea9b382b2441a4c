"""Fenced blocks of a Markdown document, and the comments that direct them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(r"(?P<indent>\s*)(?P<marks>`{3,}|~{3,})\s*(?P<language>[^`]*)$")
COMMENT = re.compile(r"\s*<!--\s*(?P<text>.*?)\s*-->\s*$")

RUN_LANGUAGES = ("python", "console")

DIRECTIVES = {
    "file": "write the block to this file of the scenario's directory",
    "patch": "apply the diff to this file of the scenario's directory",
    "run": "the command or program ends with this status, as in 'run: exit 1'",
    "not run": "why a block that is neither python nor console is not run",
    "command": "the name under which .ci/run finds and runs this one-line command",
    "new scenario": "go on in an empty directory",
}


class DocumentError(Exception):
    """A block, or a comment directly before one, that can't be understood."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: where it is, what it holds, and what its comments say."""

    line: int  # of the opening fence, counted from 1
    language: str
    text: str
    directives: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Comment:
    line: int
    text: str

    @property
    def name(self) -> str:
        return self.text.partition(":")[0].strip()

    @property
    def value(self) -> str:
        return self.text.partition(":")[2].strip()


def parse(markdown: str) -> list[Block]:
    """All blocks of a document, in their order.

    Raises:
        DocumentError: for a fence that never closes, for a comment directly before a
            block that is no directive or does not suit it, and for a directive that
            no block follows.
    """
    blocks: list[Block] = []
    comments: list[_Comment] = []
    lines = enumerate(markdown.splitlines(), start=1)
    for number, line in lines:
        if fence := FENCE.match(line):
            text = _text(number, fence, lines)
            language = fence["language"].strip()
            block = Block(number, language, text, _directives(comments))
            _validate(block)
            blocks.append(block)
            comments = []
        elif comment := COMMENT.match(line):
            comments.append(_Comment(number, comment["text"]))
        elif line.strip():
            _refuse_directives(comments)
            comments = []
    _refuse_directives(comments)
    return blocks


def _text(opened: int, fence: re.Match[str], lines: Iterator[tuple[int, str]]) -> str:
    text: list[str] = []
    for _, line in lines:
        if line.strip().startswith(fence["marks"]):
            return "".join(f"{line}\n" for line in text)
        text.append(line.removeprefix(fence["indent"]))
    raise DocumentError(opened, "this block is never closed")


def _directives(comments: list[_Comment]) -> dict[str, str]:
    for comment in comments:
        if comment.name not in DIRECTIVES:
            known = ", ".join(DIRECTIVES)
            raise DocumentError(
                comment.line,
                f"{comment.name!r} is no directive ({known}); a comment directly "
                "before a block has to be one",
            )
    return {comment.name: comment.value for comment in comments}


def _validate(block: Block) -> None:
    if not block.language:
        raise DocumentError(block.line, "a block has to name its language")
    said = block.directives.keys() - {"new scenario"}
    if len(said) > 1:
        raise DocumentError(block.line, f"only one of {', '.join(sorted(said))}")
    is_run = block.language in RUN_LANGUAGES
    if is_run and said & {"not run", "command"}:
        raise DocumentError(block.line, f"{block.language} blocks are always run")
    if not is_run and "run" in said:
        raise DocumentError(block.line, f"{block.language} blocks are never run")
    if ("patch" in said) != (block.language == "diff"):
        raise DocumentError(block.line, "'patch: FILE' and diff blocks go together")
    if "command" in said and block.text.count("\n") != 1:
        raise DocumentError(block.line, "a command has to be one line")


def _refuse_directives(comments: list[_Comment]) -> None:
    for comment in comments:
        if comment.name in DIRECTIVES:
            raise DocumentError(comment.line, f"no block follows {comment.text!r}")
