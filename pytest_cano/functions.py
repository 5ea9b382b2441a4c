"""A function as a program: called once per life."""

from __future__ import annotations

import asyncio
import inspect
import os
import traceback
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias, final

from .life import Life, SimulatedCrash
from .lifetime import until_crash
from .places import Opener
from .program import LifeResult
from .view import WorldView

if TYPE_CHECKING:
    from .spy import KeyFunction

ProgramFunction: TypeAlias = Callable[[WorldView], Any]
"""A sync or async function, called once per life."""

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


@final
class FunctionProgram:
    """A function as a program: called once per life.

    Args:
        function: sync or async.
        open_store: opens the store of a world.
        effect_key: finds the keys of spied calls that have none by themselves.

    Attributes:
        name: of the function.
        error: what it raised in its last life, if anything.
    """

    def __init__(
        self,
        function: ProgramFunction,
        open_store: Opener,
        effect_key: KeyFunction | None = None,
    ) -> None:
        self.name = getattr(function, "__name__", type(function).__name__)
        self._function = function
        self.error: BaseException | None = None
        self._open_store = open_store
        self._effect_key = effect_key

    def live(self, life: Life) -> LifeResult:
        """Call the function once."""
        view = WorldView(life, lambda: self._open_store(life.world), self._effect_key)
        self.error = None
        try:
            with life.here():
                result = self._function(view)
                if inspect.isawaitable(result):
                    result = _run(life, result)
                life.probes.read(life)
            if result is not None and not life.crashed:
                life.observe("returned", result)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- a program may raise anything
            self.error = error
            failure = "" if life.crashed else _failure(error)
            return LifeResult("failed", failure, error)
        finally:
            view.close()
        return LifeResult("passed")


def _run(life: Life, awaitable: Awaitable[Any]) -> Any:
    with asyncio.Runner() as runner:
        # What a crash leaves of other tasks is no news.
        runner.get_loop().set_exception_handler(_handle)
        return runner.run(until_crash(life, awaitable))


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), SimulatedCrash):
        loop.default_exception_handler(context)


def _failure(error: BaseException) -> str:
    """Return a traceback that begins in the program."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(
        (_PACKAGE, os.path.dirname(asyncio.__file__))
    ):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace)).rstrip()
