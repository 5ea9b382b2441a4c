"""A fresh interpreter that opens the store under test: the child's side."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Awaitable, Callable
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from cano_core.checkpoints.store import CheckpointStore, RemembersOutcomes

from .base import StoreChecks, close
from .contention import contend
from .lines import names_its_line
from .rows import DONE, row, rows

Tell: TypeAlias = Callable[[object], None]


def main(order: dict[str, Any]) -> None:
    """Open the store, wait for the word, and play a role."""
    # What the store or the test's module prints must not look like an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def send(**message: object) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    def tell(answer: object) -> None:
        send(answer=answer)

    async def play() -> None:
        store = await checks._made(Path(order["directory"]))
        tell("open")
        sys.stdin.readline()
        await ROLES[order["role"]](store, tell, **order["arguments"])

    module = load_module(order["module"], Path(order["file"]))
    checks: StoreChecks = attrgetter(order["class"])(module)()
    try:
        asyncio.run(play())
    except AssertionError as error:
        if not names_its_line(error):
            raise
        send(broken=str(error))


def load_module(name: str, file: Path) -> ModuleType:
    """Import a module under its own name, or else load it from its file.

    pytest gives modules names that need not be importable, so a name counts only if
    it leads to this very file.
    """
    package = Path(*name.split(".")).parent
    if file.parent.parts[len(file.parent.parts) - len(package.parts) :] == (
        package.parts
    ):
        sys.path.append(str(file.parents[len(package.parts)]))
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, AttributeError, ValueError):
        spec = None
    if spec is not None and spec.origin and Path(spec.origin) == file:
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"no way to load {name} from {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


async def _contend(store: CheckpointStore, tell: Tell, name: str, wins: int) -> None:
    tell(await contend(store, name, wins))
    await close(store)


async def _append(
    store: CheckpointStore, tell: Tell, ids: list[str], batch: int
) -> None:
    async def write(workflow_id: str) -> None:
        length = 0
        while True:
            await store.append(workflow_id, *rows(length, length + batch))
            length += batch
            tell([workflow_id, length])

    await asyncio.gather(*map(write, ids))


async def _finish(store: RemembersOutcomes, tell: Tell) -> None:
    number = 0
    while True:
        workflow_id = f"order-{number}"
        await store.append(workflow_id, *rows(0, 2))
        tell([workflow_id, "appended"])
        await store.finish(workflow_id, [row(2)], DONE)
        tell([workflow_id, "finished"])
        number += 1


async def _leave(store: CheckpointStore, tell: Tell) -> None:
    await store.append("left", *rows(0, 2))
    await store.load_run("left")
    tell("left")


ROLES: dict[str, Callable[..., Awaitable[None]]] = {
    "contend": _contend,
    "append": _append,
    "finish": _finish,
    "leave the store unclosed": _leave,
}
