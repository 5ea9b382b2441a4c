"""``github``: annotations, a step summary and outputs, for a step of GitHub Actions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, final

from ..wording import count
from .annotations import annotations_of, shown
from .score import Score
from .source import Sources
from .step_summary import LIMIT, step_summary

if TYPE_CHECKING:
    from ..options import ReportOption
    from ..records.document import Document


@final
class GitHubReport:
    """Returns the annotations as lines, and adds to the files that GitHub names.

    Args:
        option: what was asked for.
        environ: of the process.
    """

    def __init__(
        self, option: ReportOption, environ: Mapping[str, str] = os.environ
    ) -> None:
        if option.target:
            raise ValueError(
                f"{option}: GitHub says where its files are: write {option.kind}"
            )
        self._environ = dict(environ)

    def write(self, document: Document) -> Iterable[str]:
        """Add to the files; return the annotations."""
        sources = Sources(document.made.root, self._environ)
        self._add_outputs(document)
        told = self._add_summary(document, sources)
        found = annotations_of(document, sources)
        lines = shown(found)
        left_out = len(found) - len(lines)
        more = f", {left_out} more than GitHub shows left out" if left_out else ""
        return [
            *map(str, lines),
            f"report  github: {count(len(lines), 'annotation')}{more}, {told}",
        ]

    def _add_summary(self, document: Document, sources: Sources) -> str:
        name = self._environ.get("GITHUB_STEP_SUMMARY", "")
        if not name:
            return "no step summary (GITHUB_STEP_SUMMARY is not set)"
        path = Path(name)
        # Something else in the step may have written to it.
        room = LIMIT - (path.stat().st_size if path.exists() else 0) - 1
        summary = step_summary(document, sources, room)
        if not summary:
            return "no step summary (there is no room left for it)"
        _append(path, "\n" + summary)
        return "and the step summary"

    def _add_outputs(self, document: Document) -> None:
        if name := self._environ.get("GITHUB_OUTPUT", ""):
            _append(Path(name), "".join(f"{each}\n" for each in outputs(document)))


def outputs(document: Document) -> Iterator[str]:
    """Return what later steps may ask for: ``score=87`` and the like."""
    score = Score.of(document.summaries)
    failed = sum(len(summary.failed) for summary in document.summaries)
    yield f"score={'' if score.percent is None else score.percent}"
    yield f"coverage={'' if score.coverage_percent is None else score.coverage_percent}"
    yield f"new-failures={failed}"
    yield f"worst={score.worst or ''}"


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)
