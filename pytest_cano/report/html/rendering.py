"""From values to the text of the page: Jinja2, with everything escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ...records.document import Document
from ..characters import visible
from .page import Page

_POLICY: Final = (
    "default-src 'none'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
)
"""What a browser may do with the page, beside its own style and script: nothing.

What a user's program has put into a text could do no harm even if it were not escaped.
"""


def render(document: Document) -> str:
    """Return the page of a document."""
    style, script = _asset("page.css"), _asset("page.js")
    policy = "; ".join(
        (
            *_POLICY,
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
        )
    )
    template = _environment().get_template("page.html.jinja")
    values: Mapping[str, Any] = {
        "page": Page.of(document),
        "policy": policy,
        # Both are files of ours, and hold nothing of the document.
        "style": Markup(style),
        "script": Markup(script),
    }
    return template.render(values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _printable(value: Any) -> Any:
    """Write out what can't be seen, or not be encoded, in a text of a user's."""
    return visible(value) if type(value) is str else value


def _asset(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text("utf-8")


def _digest(text: str) -> str:
    """Return how a policy names a script or a style that is part of the page."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
