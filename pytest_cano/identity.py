"""What names a test: the same in every life, schedule and process."""

from __future__ import annotations

import os
import shlex
import zlib
from hashlib import sha256
from typing import Any

_LONGEST = 255


def workflow_id_for(nodeid: str) -> str:
    """Return the workflow id of a test: its node id, made a legal id.

    Ids are printable and of limited length. Where a node id is not, what is changed
    in it is made up for by a digest of the whole, so that two tests never share one.
    """
    printable = "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape").decode("ascii")
        for character in nodeid
    )
    if printable == nodeid and 0 < len(nodeid) <= _LONGEST:
        return nodeid
    digest = sha256(nodeid.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{printable[: _LONGEST - len(digest) - 1]}~{digest}"


def seed_for(nodeid: str) -> int:
    """Return the seed of a test's made-up data."""
    return zlib.crc32(nodeid.encode("utf-8", "surrogatepass"))


def again_command(item: Any, schedule: str) -> str:
    """Return the command that runs one schedule of one test once more."""
    path = os.path.relpath(item.path, item.config.invocation_params.dir)
    nodeid = "::".join([path, *item.nodeid.split("::")[1:]])
    return f"pytest {_quoted(nodeid)} --cano-crash={_quoted(schedule)}"


def _quoted(text: str) -> str:
    """Quote for a shell, and even where it need not be: parameters often need it."""
    quoted = shlex.quote(text)
    return quoted if quoted != text else f"'{text}'"
