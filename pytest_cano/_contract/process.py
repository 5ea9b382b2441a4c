"""A fresh interpreter that opens the store under test: the parent's side.

The two sides talk by lines of JSON over pipes: the child says that its store is open,
waits for the word to go, and answers.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, final

from .base import StoreChecks

# The path comes first: nothing of ours can be imported before it is set.
_BOOT = (
    "import json, sys; order = json.loads(sys.argv[1]); sys.path[:] = order['path']; "
    "from pytest_cano._contract.child import main; main(order)"
)


@contextmanager
def store_process(
    checks: StoreChecks, directory: Path, role: str, **arguments: object
) -> Iterator[StoreProcess]:
    """Start a process that opens the store, and end it with the block at the latest."""
    order = {
        "path": [os.path.abspath(entry) for entry in sys.path],
        **_whereabouts(type(checks)),
        "directory": str(directory),
        "role": role,
        "arguments": arguments,
    }
    with (
        tempfile.TemporaryFile("w+", errors="replace") as errors,
        subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT, json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as popen,
    ):
        process = StoreProcess(popen, errors, role, checks.patience)
        watchdog = threading.Timer(checks.patience, process.give_up)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            popen.kill()


@final
class StoreProcess:
    """One child process with a store of its own."""

    def __init__(
        self, popen: subprocess.Popen[str], errors: IO[str], role: str, patience: float
    ) -> None:
        self._popen = popen
        self._errors = errors
        self._role = role
        self._patience = patience
        self._killed = False
        self._late = False

    def wait_until_open(self) -> None:
        """Wait until the child's store is open."""
        self.answer()

    def go(self) -> None:
        """Let the child begin."""
        stdin = self._popen.stdin
        if stdin is not None:
            stdin.write("\n")
            stdin.flush()

    def answer(self) -> Any:
        """Return the child's next answer."""
        __tracebackhide__ = True
        answer = next(self.answers(), None)
        if answer is None:
            raise self._failure("ended without an answer")
        return answer

    def answers(self) -> Iterator[Any]:
        """Yield the child's answers until it has ended; fail if it failed."""
        __tracebackhide__ = True
        for line in self._popen.stdout or ():
            if not line.endswith("\n"):
                break  # killed while it wrote this
            message = json.loads(line)
            if "broken" in message:
                raise AssertionError(message["broken"])
            yield message["answer"]
        failed = self._popen.wait() != 0 and not self._killed
        if failed or self._late:
            raise self._failure("failed")

    def killed_after(self, count: int) -> list[Any]:
        """Let the child begin, and kill it after so many answers, at least two.

        Returns:
            All that it answered in its life.
        """
        __tracebackhide__ = True
        self.go()
        answers, start = [], 0.0
        for answer in self.answers():
            answers.append(answer)
            if len(answers) == 1:
                start = time.perf_counter()
            if len(answers) == count:
                # Not at once: the answer itself gave the processor to us, so the child
                # would always die between two calls of the store, never inside one.
                time.sleep((time.perf_counter() - start) / (count - 1) / 2)
                self._killed = True
                self._popen.kill()
        return answers

    def ends(self, within: float) -> bool:
        """Wait until the child has ended; tell whether it did so in time."""
        try:
            self._popen.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return not self._late

    def give_up(self) -> None:
        """End the child because it took too long."""
        self._late = True
        self._popen.kill()

    def _failure(self, what: str) -> Exception:
        if self._late:
            what = f"was still busy after {self._patience:g} s (patience)"
        self._errors.seek(0)
        errors = self._errors.read().strip()
        return RuntimeError(
            f"a process of this test (to {self._role}) {what}\n{errors}"
        )


def _whereabouts(checks: type[StoreChecks]) -> dict[str, str]:
    name = checks.__qualname__
    try:
        file = inspect.getfile(checks)
    except (TypeError, OSError):
        file = ""
    if "<locals>" in name or not file:
        raise RuntimeError(
            f"{name} can't be loaded by the processes that this test starts; "
            "define it at the top level of a file"
        )
    return {"file": os.path.abspath(file), "module": checks.__module__, "class": name}
