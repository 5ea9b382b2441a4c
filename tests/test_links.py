"""What the documents link to outside of the repository has the form of an address.

Whether somebody answers there is not asked: a test has no network. Links among the
documents are checked where the site is built, see `test_site.py`.
"""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "examples").rglob("README.md")),
]
FENCED = re.compile(r"^(```+).*?^\1", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(\s*<?([^)>]*?)>?(?:\s+\"[^\"]*\")?\s*\)|<(\w+://[^>]*)>")
HOST = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")


def external(markdown: str) -> list[str]:
    """The addresses that a document links to."""
    prose = FENCED.sub("", markdown)
    links = ["".join(found.groups("")) for found in LINK.finditer(prose)]
    return [link for link in links if re.match(r"[a-z+.-]+:|//", link)]


def wrong_with(address: str) -> str:
    """Why no browser would get there from everywhere, or nothing."""
    parts = urlsplit(address)
    if parts.scheme != "https":
        return "begins with something else than https"
    if not HOST.fullmatch(parts.netloc):
        return "has no public host"
    if not re.fullmatch(r"[!-~]+", address):
        return "has characters that have to be escaped"
    return ""


@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_an_external_link_has_the_form_of_one(document: Path):
    wrong = {
        address: why
        for address in external(document.read_text("utf-8"))
        if (why := wrong_with(address))
    }

    assert not wrong


def test_external_links_are_found_and_told_from_others():
    text = (
        "[a](https://example.org/a) [b](page.md#c) <https://example.org/d>\n"
        "```python\n[x](http://no)\n```\n[e](ftp://example.org)\n"
    )

    assert external(text) == [
        "https://example.org/a",
        "https://example.org/d",
        "ftp://example.org",
    ]


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org",
        "//example.org",
        "https://localhost/docs",
        "https://127.0.0.1:80/",
        "https:///home",
        "file:///home/me/page.html",
        "https://example.org/a b",
    ],
)
def test_what_is_no_external_link(address: str):
    assert wrong_with(address)
