"""``json:FILE``: everything that is needed to judge a session again, elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, final

from ..records.codec import to_json
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
        write_whole(self._path, to_json(document))
        return [f"report  {self._option}"]
