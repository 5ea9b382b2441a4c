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
        ValueError: it names none, or something there that is no file.
    """
    path = _path(option, "FILE")
    if os.path.isdir(path):
        raise ValueError(f"{option}: {option.target} is a directory, not a file")
    return _replaceable(option, path)


def file_in(option: ReportOption, name: str) -> Path:
    """Return the file that a report is to be written to, in its directory.

    Raises:
        ValueError: it names no directory, or the file is there and is none.
    """
    path = _path(option, "DIR")
    if os.path.exists(path) and not os.path.isdir(path):
        raise ValueError(f"{option}: {option.target} is no directory")
    return _replaceable(option, path / name)


def _path(option: ReportOption, what: str) -> Path:
    if not option.target:
        raise ValueError(f"{option}: say where it goes: {option.kind}:{what}")
    path = option.base / option.target
    # Directories that are missing will be made, where one may be made.
    real = Path(os.path.realpath(path))
    above = next(each for each in real.parents if os.path.exists(each))
    if not os.path.isdir(above) or not os.access(above, os.W_OK):
        raise ValueError(f"{option}: nothing can be written below {above}")
    return path


def _replaceable(option: ReportOption, path: Path) -> Path:
    """Return a path where there is a file, or nothing yet: no device, and no pipe."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError(f"{option}: {path} is no regular file; name another one")
    return path
