"""``json:FILE``: everything that is needed to judge a session again, elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, final

from ..records.codec import joined, to_json
from ..records.files import write_whole
from .targets import file_of

if TYPE_CHECKING:
    from ..options import ReportOption
    from ..records.document import Document


@final
class JsonReport:
    """Writes the document itself."""

    def __init__(self, option: ReportOption) -> None:
        self._option, self._path = option, file_of(option)

    def write(self, document: Document) -> Iterable[str]:
        """Write the file."""
        return self._write(to_json(document))

    def write_records(
        self, document: Document, programs: Sequence[str]
    ) -> Iterable[str]:
        """Write the file of programs that nobody has to read; see `joined`."""
        return self._write(joined(document, programs))

    def _write(self, text: str) -> Iterable[str]:
        write_whole(self._path, text)
        return [f"report  {self._option}"]
