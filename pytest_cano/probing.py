"""What is looked at when a life has ended of itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from .life import Life
    from .probes import Probe


@final
class Probes:
    """The probes of one life, by name."""

    def __init__(self) -> None:
        self._probes: dict[str, Probe] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        # What they look at is here, and can't be taken to another process.
        return (Probes, ())

    def add(self, name: str, looked_at: object) -> None:
        """Look at something when the life has ended.

        Raises:
            TypeError: nobody knows how to look at it.
            ValueError: the name is taken.
        """
        from .probes import probe_for

        probe = probe_for(name, looked_at)
        if name in self._probes:
            raise ValueError(f"there is a probe {name!r} already; give it another name")
        self._probes[name] = probe

    def read(self, life: Life) -> None:
        """Observe what they see, if the life has come to its end.

        What the finished program's extra start leaves is not compared.

        Raises:
            Exception: whatever a probe raises.
        """
        if not self._probes or life.over or life.crashed or life.extra:
            return
        from .probes import Look

        own_files = tuple(map(os.path.realpath, life.world.book.files))
        look = Look(life.describer, os.path.realpath(life.world.disk), own_files)
        for name, probe in self._probes.items():
            if name in life.observations:
                raise ValueError(
                    f"{name!r} was both observed and probed; use two names"
                )
            life.observations[name] = [probe.read(look).text]
