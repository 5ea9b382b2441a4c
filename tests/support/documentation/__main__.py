"""Prints a document's command: `python -m documentation README.md tests`."""

import sys
from pathlib import Path

from documentation.blocks import parse

path, name = sys.argv[1:]
commands = [
    block.text.strip()
    for block in parse(Path(path).read_text(encoding="utf-8"))
    if block.directives.get("command") == name
]
if len(commands) != 1:
    sys.exit(f"{path} has {len(commands)} commands named {name!r} instead of one")
print(commands[0])
