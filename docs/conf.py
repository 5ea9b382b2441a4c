"""How the pages become a site: ``tox run -e docs`` builds it in ``build/site``.

The source directory is the repository, so that links among the pages in ``docs``, the
README and its neighbours are the same here and where the files are read as they are,
and every one of them is checked: a link, an anchor or a page that nothing leads to is a
warning, and a warning ends the build.
"""

import re
from importlib.metadata import version as version_of

from docutils import nodes
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

project = "pytest-cano"
author = "the pytest-cano developers"
version = release = version_of("pytest-cano")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "README"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "benchmarks/README.md",
    "docs/*.md",
    "docs/*.rst",
    "examples/README.md",
    "examples/*/README.md",
]
# Headings are linked to by the names that they have where Markdown is shown as it is.
myst_heading_anchors = 4

html_theme = "furo"
html_title = "pytest-cano"
# The front page has the README's name; this one leads there.
html_extra_path = ["site"]
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["tables.css"]
# It would make one dash of the two before an option.
smartquotes = False

# What docstrings put in single backticks.
default_role = "code"
autodoc_typehints = "description"
autodoc_member_order = "groupwise"

# By caption, the pages in the order in which a reader may want them.
NAVIGATION = {
    "Begin here": [
        "docs/getting-started",
        "docs/how-it-works",
        "docs/guarantees",
        "docs/limits",
    ],
    "Crash tests": [
        "docs/finding-bugs",
        "docs/crash-testing",
        "docs/crash-points",
        "docs/outside-world",
        "docs/verdicts",
        "docs/searching",
        "docs/coverage",
        "docs/ci",
        "docs/reports",
        "docs/power-loss",
        "docs/idempotence",
        "docs/production-logs",
    ],
    "The engine": [
        "docs/engine",
        "docs/models",
        "docs/splits",
        "docs/sagas",
        "docs/guards",
        "docs/stores",
        "docs/scheduling",
        "docs/observing",
    ],
    "Look up": [
        "docs/options",
        "docs/compatibility",
        "docs/api",
        "docs/parity",
        "examples/README",
        "examples/ci_gate/README",
        "CHANGELOG",
    ],
    "The project": [
        "CONTRIBUTING",
        "docs/mutants",
        "benchmarks/README",
    ],
}

COMMENT = re.compile(r"\s*<!--\s*(?P<name>[\w ]+?)\s*(:\s*(?P<value>.*?)\s*)?-->\s*")


class Directives(SphinxPostTransform):
    """Names the file that a block is written to, as the comment before it says.

    The comments that tell the tests what to do with a block are no part of the site.
    """

    default_priority = 1

    def run(self, **_: object) -> None:
        """Change the document that is being read."""
        for number, comment in enumerate(list(self.document.findall(nodes.raw))):
            said = COMMENT.fullmatch(comment.astext())
            if not said:
                continue
            block = comment.next_node(descend=False, siblings=True)
            if said["name"] in ("file", "patch") and isinstance(
                block, nodes.literal_block
            ):
                caption = nodes.caption("", said["value"])
                named = nodes.container(
                    "",
                    ids=[f"block-{number}"],
                    literal_block=True,
                    classes=["literal-block-wrapper"],
                )
                block.replace_self(named)
                named += [caption, block]
            comment.parent.remove(comment)


def add_navigation(app: Sphinx, page: str, text: list[str]) -> None:
    """Give the front page the table of contents that the README does without."""
    if page != root_doc:
        return
    for caption, pages in NAVIGATION.items():
        listed = "\n".join(f"/{name}" for name in pages)
        text[0] += f"\n\n```{{toctree}}\n:hidden:\n:caption: {caption}\n{listed}\n```\n"


def setup(app: Sphinx) -> None:
    """Add what MyST lacks."""
    # Drawn by who knows it, and readable as it is.
    app.add_lexer("mermaid", TextLexer)
    app.add_post_transform(Directives)
    app.connect("source-read", add_navigation)
