"""Processes for the lives of a function: forked, or from a fresh interpreter.

What `pytest_cano.fresh` does for tests. A fresh interpreter imports the module that
the function stands in; what it is made of travels as pickle has it.
"""

from __future__ import annotations

import importlib.util
import io
import os
import pickle
import runpy
import sys
from dataclasses import dataclass
from functools import cache
from types import FunctionType, ModuleType
from typing import Any, BinaryIO, Final, final

from .functions import FunctionProgram
from .hosts import Living
from .life import Life
from .measured import begin_measuring, measuring_alike
from .places import opener
from .processes.choosing import Processes
from .processes.forking import why_not
from .processes.interpreter import Interpreter, line
from .processes.serving import serve
from .program import Program

MAIN: Final = "__mp_main__"
"""What multiprocessing calls a script, too, that is imported in another process."""


@final
@dataclass(frozen=True, slots=True)
class Luggage:
    """Values that another interpreter can have: plain, or found in modules.

    Attributes:
        pickled: the values.
        modules: those that are to be imported for them, each with its file, or
            nothing if it can be imported by its name.
    """

    pickled: bytes
    modules: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, values: object) -> Luggage:
        """Pack values.

        Raises:
            LookupError: another interpreter can't have them; the message says why.
        """
        buffer = io.BytesIO()
        packing = _Packing(buffer, pickle.HIGHEST_PROTOCOL)
        try:
            packing.dump(values)
        except Exception as error:  # whatever keeps it from being pickled
            raise LookupError(str(error)) from error
        return cls(buffer.getvalue(), tuple(map(_file_of, packing.modules)))

    def unpacked(self) -> Any:
        """Import the modules, and return the values.

        Raises:
            LookupError: something is missing that was there.
        """
        for module, file in self.modules:
            _import(module, file)
        try:
            return pickle.loads(self.pickled)
        except AttributeError as error:
            hint = " (is it below `if __name__ == '__main__'`?)"
            main = any(module == "__main__" for module, _ in self.modules)
            raise LookupError(f"{error}{hint if main else ''}") from None


class _Packing(pickle.Pickler):
    """Notes the modules of all functions and classes."""

    def __init__(self, file: BinaryIO, protocol: int) -> None:
        super().__init__(file, protocol)
        self.modules: dict[str, None] = {}

    def persistent_id(self, value: Any) -> None:
        if isinstance(value, (type, FunctionType)):
            self.modules[value.__module__] = None


def _file_of(module: str) -> tuple[str, str]:
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    by_name = module != "__main__" and importable(module, file)
    return module, "" if by_name else file


def importable(module: str, file: str) -> bool:
    """Say whether importing a module by its name runs that file."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return False
    return spec is not None and (spec.origin or "") == file


def _import(name: str, file: str) -> None:
    if name == "__main__":
        made = ModuleType(MAIN)
        made.__dict__.update(runpy.run_path(file, run_name=MAIN))
        sys.modules["__main__"] = sys.modules[MAIN] = made
    elif not file:
        importlib.import_module(name)
    elif name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise LookupError(f"{file} is no module")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])


@final
class FunctionProcesses(Processes):
    """Begins lives of a function in processes, as `pytest_cano.hosts.Host`.

    Args:
        parts: what its program is made of: function, store, and key function.
        timeout: seconds that a life may take until it stops; None for no limit.
    """

    def __init__(self, *parts: Any, timeout: float | None) -> None:
        super().__init__(timeout)
        self._parts = parts
        self._interpreter: Interpreter | None = None

    @property
    def problem(self) -> str:
        """Why no life can have a process here; empty if it can."""
        if self.nurseries is not None:
            return ""
        try:
            Luggage.of(self._parts)
        except LookupError as error:
            reason = why_not()
            return reason and (
                f"lives can't be killed here: this process can't be forked ({reason}), "
                f"and a fresh interpreter can't have what is crashed: {error}; let it "
                "stand at the top of a module"
            )
        return ""

    def begin_fresh(self, program: Program, life: Life) -> Living:
        """Begin a life in the interpreter that has imported the function."""
        if self.problem:
            raise RuntimeError(self.problem)
        if self._interpreter is None or not self._interpreter.usable:
            self._end_interpreter()
            order = {"directory": os.getcwd(), "measuring": measuring_alike()}
            self._interpreter = Interpreter(__name__, order, shows=True)
        luggage = Luggage.of(self._parts)
        return self._interpreter.begin(luggage, program, life, self.timeout)

    def close(self, why: str = "") -> None:
        """End what has been begun."""
        super().close(why)
        self._end_interpreter()

    def _end_interpreter(self) -> None:
        if self._interpreter is not None:
            self._interpreter.close()
            self._interpreter = None


def main() -> None:
    """In a fresh interpreter: begin the lives that are asked for."""
    control = line()
    order = control.receive()
    os.chdir(order["directory"])
    begin_measuring(order["measuring"])
    serve(control, _program)
    os._exit(0)


@cache
def _program(luggage: Luggage) -> FunctionProgram:
    function, store, effect_key = luggage.unpacked()
    return FunctionProgram(function, opener(store), effect_key)
