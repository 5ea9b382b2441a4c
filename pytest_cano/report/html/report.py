"""The report itself: where the page goes, and that it can be made at all."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, final

from ...records.files import write_whole
from ..targets import file_in

if TYPE_CHECKING:
    from ...options import ReportOption
    from ...records.document import Document

PAGE: Final = "index.html"


@final
class HtmlReport:
    """Writes ``DIR/index.html``.

    Raises:
        ValueError: there is no way to write it; said before any test runs.
    """

    def __init__(self, option: ReportOption) -> None:
        self._option, self._path = option, file_in(option, PAGE)
        if find_spec("jinja2") is None:
            raise ValueError(
                f"{option} needs Jinja2, which is not installed: "
                "pip install 'pytest-cano[html]'"
            )

    def write(self, document: Document) -> Iterable[str]:
        """Write the page."""
        from .rendering import render

        write_whole(self._path, render(document))
        return [f"report  {self._option}"]
