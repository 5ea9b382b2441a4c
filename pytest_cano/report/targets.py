"""Where a report goes: what is wrong with that is said before anything runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..options import ReportOption


def file_of(option: ReportOption) -> Path:
    """Return the file that a report is to be written to.

    Raises:
        ValueError: it names none.
    """
    path = _path(option, "FILE")
    if path.is_dir():
        raise ValueError(f"{option}: {option.target} is a directory, not a file")
    return path


def directory_of(option: ReportOption) -> Path:
    """Return the directory that a report is to be written to.

    Raises:
        ValueError: it names none.
    """
    path = _path(option, "DIR")
    if path.exists() and not path.is_dir():
        raise ValueError(f"{option}: {option.target} is no directory")
    return path


def _path(option: ReportOption, what: str) -> Path:
    if not option.target:
        raise ValueError(f"{option}: say where it goes: {option.kind}:{what}")
    path = option.base / option.target
    # Directories that are missing will be made, where one may be made.
    above = next(each for each in path.parents if each.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise ValueError(f"{option}: nothing can be written below {above}")
    return path
