"""Processes that a test starts, watches, lets go on and kills, on one directory.

Each is forked, as if it had just been started, from a server process that has imported
everything and has done nothing else; so one takes some milliseconds. What they do is
in `killable`.
"""

import asyncio
import functools
import multiprocessing
import os
import shutil
import signal
import tempfile
from multiprocessing import forkserver
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from unittest import mock

import killable
from cano_core import CheckpointRow, Outcome, SQLiteCheckpointStore

PATIENCE = 60.0
"""Seconds after which a process that says nothing is taken for hanging."""

_forks = multiprocessing.get_context("forkserver")


@functools.cache
def _begin_server() -> None:
    """Start the process that the others are forked from."""
    # Each of them looks at the program that the tests were started with: pytest.
    _forks.set_forkserver_preload(["killable", "pytest"])
    # Before Python 3.14 the server is not told where else to look for modules.
    path = [os.path.dirname(__file__), *filter(None, [os.environ.get("PYTHONPATH")])]
    with mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(path)):
        forkserver.ensure_running()


class Effect(NamedTuple):
    """Something that the world saw.

    Attributes:
        life: the name of the process that did it.
        name: what it was.
        key: the idempotency key that it was done under.
    """

    life: str
    name: str
    key: str


class Life:
    """One process, seen from outside; at the end of a ``with`` it is dead.

    Args:
        orders: what it is to do.
    """

    def __init__(self, orders: killable.Orders) -> None:
        _begin_server()
        self._pipe, theirs = _forks.Pipe()
        self._process = _forks.Process(target=killable.live, args=(orders, theirs))
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process.is_alive():
            self._process.kill()
        self._process.join(PATIENCE)
        self._process.close()
        self._pipe.close()

    def told(self) -> tuple[Any, ...] | None:
        """Return the next that it tells; None once it is dead."""
        if not self._pipe.poll(PATIENCE):
            raise TimeoutError("the process says nothing any more")
        try:
            message: tuple[Any, ...] = self._pipe.recv()
        except (EOFError, OSError):
            return None  # perhaps amid a message
        return message

    def until(self, *messages: tuple[object, ...]) -> list[tuple[Any, ...]]:
        """Read on until it has told all of these; return everything that was told."""
        seen: list[tuple[Any, ...]] = []
        while not set(messages) <= set(seen):
            message = self.told()
            assert message is not None, f"it died after {seen}"
            assert message[0] != "ended" or message in messages, message
            seen.append(message)
        return seen

    def at(self, point: str) -> Self:
        """Wait until it stops at a point."""
        self.until(("at", point))
        return self

    def go_on(self) -> None:
        """Let it go on from where it stops."""
        self._pipe.send("go on")

    def kill(self) -> list[tuple[Any, ...]]:
        """Kill it; return what it had told that nobody had read."""
        self._process.kill()
        return self.died()

    def died(self) -> list[tuple[Any, ...]]:
        """Wait until it is dead, by a signal; return what it told before that."""
        seen = []
        while (message := self.told()) is not None:
            seen.append(message)
        self._process.join(PATIENCE)
        assert self._process.exitcode in (-signal.SIGKILL, -signal.SIGXFSZ)
        return seen

    def ended(self) -> tuple[str, str]:
        """Wait for its end; return its exit state, or its error's name, and text."""
        last: tuple[Any, ...] = ()
        while (message := self.told()) is not None:
            last = message
        self._process.join(PATIENCE)
        assert self._process.exitcode == 0, f"it died after {last}"
        what, result, text = last
        assert what == "ended"
        return result, text


class Directory:
    """The files that the processes have in common; the run's id is ``run``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lives = 0

    def life(self, flow: str = "plain", *stops: str, **orders: Any) -> Life:
        """Start a process; the first one's name is ``1``."""
        self._lives += 1
        return Life(
            killable.Orders(
                str(self.path),
                orders.pop("name", str(self._lives)),
                flow,
                stops=frozenset(stops),
                **orders,
            )
        )

    def killed(self, flow: str, stop: str, **orders: Any) -> None:
        """Start a process, and kill it where it stops."""
        with self.life(flow, stop, **orders) as life:
            life.at(stop).kill()

    def ended(self, flow: str = "plain", **orders: Any) -> tuple[str, str]:
        """Start a process, and wait for its end."""
        with self.life(flow, **orders) as life:
            return life.ended()

    def effects(self, life: str | None = None) -> list[Effect]:
        """What the world saw, of one process or of all, in order."""
        try:
            lines = (self.path / "effects").read_text().splitlines()
        except FileNotFoundError:
            return []
        found = [Effect(*line.split("|")) for line in lines]
        return [each for each in found if life in (None, each.life)]

    def names(self, life: str | None = None) -> list[str]:
        return [each.name for each in self.effects(life)]

    def rows(self) -> list[CheckpointRow]:
        """The log, as whoever comes next will find it."""
        rows, _ = self.left()
        return rows

    def outcome(self) -> Outcome | None:
        _, outcome = self.left()
        return outcome

    def left(self) -> tuple[list[CheckpointRow], Outcome | None]:
        """The log and the outcome, as whoever comes next will find them."""
        # In a copy, so that the next process finds the files as they were left.
        with tempfile.TemporaryDirectory(dir=self.path) as copy:
            for end in ("", "-wal", "-journal"):
                file = self.path / f"runs.db{end}"
                if file.exists():
                    shutil.copy(file, copy)
            with SQLiteCheckpointStore(Path(copy, "runs.db")) as store:

                async def look() -> tuple[list[CheckpointRow], Outcome | None]:
                    rows = await store.load_run("run")
                    return list(rows), await store.outcome("run")

                return asyncio.run(look())
