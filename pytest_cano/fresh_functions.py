"""Processes for the lives of a function: forked, or from a fresh interpreter.

What `pytest_cano.fresh` does for tests. A fresh interpreter imports the module that
the function stands in, so it must stand at the top of one.
"""

from __future__ import annotations

import importlib.util
import os
import runpy
import sys
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from types import ModuleType
from typing import Any, Final, final

from .functions import FunctionProgram
from .hosts import Living
from .life import Life
from .measured import begin_measuring, measuring_alike
from .places import opener
from .processes.forking import Forking, why_not
from .processes.interpreter import Interpreter, line
from .processes.serving import serve
from .program import Program

MAIN: Final = "__mp_main__"
"""What multiprocessing calls a script, too, that is imported in another process."""


@final
@dataclass(frozen=True, slots=True)
class Reference:
    """Where another interpreter finds what is no plain value.

    Attributes:
        module: name of its module.
        file: of that module; empty if it can be imported by its name.
        name: its name there, with dots.
    """

    module: str
    file: str
    name: str

    @classmethod
    def to(cls, value: Any) -> Reference:
        """Return the reference to a function or class.

        Raises:
            LookupError: it does not stand at the top of a module.
        """
        module, name = (
            getattr(value, "__module__", ""),
            getattr(value, "__qualname__", ""),
        )
        there = sys.modules.get(module)
        try:
            found = attrgetter(name)(there) if name else None
        except AttributeError:
            found = None
        if there is None or found is not value:
            raise LookupError(
                f"{name or value!r} does not stand at the top of a module"
            )
        file = getattr(there, "__file__", None) or ""
        if module != "__main__" and importable(module, file):
            file = ""
        return cls(module, file, name)

    def found(self) -> Any:
        """Import the module, and return what is meant.

        Raises:
            LookupError: it is not there, though it is where it was referred to.
        """
        module = _module(self.module, self.file)
        try:
            return attrgetter(self.name)(module)
        except AttributeError:
            hint = " (is it below `if __name__ == '__main__'`?)"
            raise LookupError(
                f"{self.name} is missing in {self.file or self.module} where that is "
                f"imported anew{hint if self.module == '__main__' else ''}"
            ) from None


def importable(module: str, file: str) -> bool:
    """Say whether importing a module by its name runs that file."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return False
    return spec is not None and (spec.origin or "") == file


def _module(name: str, file: str) -> ModuleType:
    if not file:
        return importlib.import_module(name)
    if name == "__main__":
        made = ModuleType(MAIN)
        made.__dict__.update(runpy.run_path(file, run_name=MAIN))
        sys.modules["__main__"] = sys.modules[MAIN] = made
        return made
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{file} is no module")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@final
class FunctionProcesses:
    """Begins lives of a function in processes, as `pytest_cano.hosts.Host`.

    Args:
        parts: what its program is made of: function, store, and key function.
        timeout: seconds that a life may take until it stops; None for no limit.

    Attributes:
        slow: why lives had to be in fresh interpreters; empty if none had to.
    """

    def __init__(self, *parts: Any, timeout: float | None) -> None:
        self._forking = Forking(timeout)
        self._timeout = timeout
        self._parts = parts
        self._interpreter: Interpreter | None = None
        self.slow = ""

    @property
    def problem(self) -> str:
        """Why no life can have a process here; empty if it can."""
        reason = why_not()
        try:
            self._references()
        except LookupError as error:
            if reason:
                return (
                    "lives can't be killed here: this process can't be forked "
                    f"({reason}), and a fresh interpreter can't import what is "
                    f"crashed: {error}"
                )
        return ""

    def begin(self, program: Program, life: Life) -> Living:
        """Begin a life."""
        reason = why_not()
        if not reason:
            return self._forking.begin(program, life)
        if self.problem:
            raise RuntimeError(self.problem)
        references = self._references()
        self.slow = self.slow or reason
        if self._interpreter is None or not self._interpreter.usable:
            self.close()
            order = {"directory": os.getcwd(), "measuring": measuring_alike()}
            self._interpreter = Interpreter(__name__, order, shows=True)
        return self._interpreter.begin(references, program, life, self._timeout)

    def close(self) -> None:
        """End what has been begun."""
        if self._interpreter is not None:
            self._interpreter.close()
            self._interpreter = None

    def _references(self) -> tuple[Any, ...]:
        return tuple(
            part if part is None or isinstance(part, str) else Reference.to(part)
            for part in self._parts
        )


def main() -> None:
    """In a fresh interpreter: begin the lives that are asked for."""
    control = line()
    order = control.receive()
    os.chdir(order["directory"])
    begin_measuring(order["measuring"])
    serve(control, _program)
    os._exit(0)


@cache
def _program(references: tuple[Any, ...]) -> FunctionProgram:
    function, store, effect_key = (
        each.found() if isinstance(each, Reference) else each for each in references
    )
    return FunctionProgram(function, opener(store), effect_key)
