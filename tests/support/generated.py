"""The tables of the documentation that are made of the tables in the code.

A page says where: between the comments `generated: NAME` and `end of NAME`.
"""

import re
from collections.abc import Callable, Iterable

from pytest_cano.advice import ADVICE
from pytest_cano.faults import FAULTS
from pytest_cano.moments import MOMENTS
from pytest_cano.options import MARKERS, OPTIONS

REGION = re.compile(
    r"^<!-- generated: (?P<name>\w+) -->\n(?P<text>.*?)^<!-- end of (?P=name) -->$",
    re.MULTILINE | re.DOTALL,
)


def table(*rows: Iterable[str]) -> str:
    """A Markdown table; its first row is the head."""
    head, *body = [tuple(row) for row in rows]
    lines = [head, tuple("---" for _ in head), *body]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)


def cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def written(value: object) -> str:
    """A default as the ini file has it; empty for none."""
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(value) if isinstance(value, tuple) else str(value)


def code(text: str) -> str:
    return f"`{text}`" if text else "none"


def options() -> str:
    return table(
        ("on the command line", "in the ini file", "default", "meaning"),
        *(
            (
                code("=".join(filter(None, (each.flag, each.metavar)))),
                code(each.name),
                code(written(each.default)),
                each.help,
            )
            for each in OPTIONS
        ),
    )


def markers() -> str:
    return table(
        ("marker", "meaning"),
        *((code(f"{each.name}({each.signature})"), each.help) for each in MARKERS),
    )


def moments() -> str:
    return table(
        ("moment", "durable when the life ends here", "a crash here finds"),
        *((code(each.usage), each.durable, each.finds) for each in MOMENTS.values()),
    )


def faults() -> str:
    return table(
        ("fault", "what happens", "the life"),
        *(
            (code(each.usage), each.help, "is over" if each.ends else "may go on")
            for each in FAULTS.values()
        ),
    )


def verdicts() -> str:
    """A section for each verdict, so that each can be linked to."""
    sections = []
    for verdict, advice in ADVICE.items():
        sections.append(f"## {verdict}\n\n{sentence(advice.when)}")
        if advice.usual:
            causes = ((cause.what, cause.remedy) for cause in advice.usual)
            sections.append(table(("usually because", "what to do"), *causes))
    return "\n\n".join(sections)


TABLES: dict[str, Callable[[], str]] = {
    each.__name__: each for each in (options, markers, moments, faults, verdicts)
}


def names(markdown: str) -> list[str]:
    """What is generated in a page, in its order."""
    return [found["name"] for found in REGION.finditer(markdown)]


def refreshed(markdown: str) -> str:
    """The page with every generated part as it has to be."""

    def made(found: re.Match[str]) -> str:
        name = found["name"]
        return (
            f"<!-- generated: {name} -->\n\n{TABLES[name]()}\n\n<!-- end of {name} -->"
        )

    return REGION.sub(made, markdown)
