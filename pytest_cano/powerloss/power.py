"""The power of one disk: on, failing, and on again with what the disk has kept."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, final

from cano_core.extension import hookimpl, manager

from ..sqlite_files import files_of
from .images import Image, Images, all_images, torn, unsynced
from .recorder import Recorder

if TYPE_CHECKING:
    import os

    from .connection import Connection


class PowerLossUnavailableError(ImportError):
    """A layer below SQLite needs a package that is not installed."""


@final
class Power:
    """Records what every `SQLiteCheckpointStore` does below a directory.

        with Power(directory) as power:
            ...  # open a store below the directory, and use it
            power.fail()
            ...  # close the store; nothing of that is in any image
            power.restart(power.images()[0])
            ...  # open a store again: what it finds is what the disk has kept

    Other files are left as they are. It can be entered once more, and pickled: another
    process goes on with its recorder.

    Args:
        directory: the disk; files below it are recorded, those of other programs
            (also of `sqlite3`) are not.

    Attributes:
        recorder: what is known of the files.
        kept: what the disk has kept when the power failed, if that was said.

    Raises:
        PowerLossUnavailableError: the extra ``powerloss`` is not installed.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        _vfs()
        self.recorder = Recorder(directory)
        self.kept: Image | None = None

    def fail(self, kept: Image | None = None) -> None:
        """Let the power fail: nothing that is written from now on is kept.

        Args:
            kept: what `come_back` is to find.
        """
        self.recorder.freeze()
        self.kept = kept

    def images(self) -> Images:
        """Return every disk that a power loss may leave now, or left when it came."""
        return all_images(self.recorder.disk)

    def unsynced(self, count: int) -> Image:
        """Return the disk that lacks the last changes that were not synced."""
        return unsynced(self.recorder.disk, count)

    def torn(self, size: int) -> Image:
        """Return the disk on which the last write that was not synced is cut."""
        return torn(self.recorder.disk, size)

    def restart(self, image: Image) -> None:
        """Put an image in the place of the files, and switch the power on again."""
        self.kept = None
        directory = Path(self.recorder.directory)
        names = {*self.recorder.disk.files, *image.files}
        # From here on, what is left over from before is refused.
        self.recorder.restart(image.files)
        for name in names:
            for file in files_of(name):
                with suppress(FileNotFoundError):
                    (directory / file).unlink()
        for name, content in image.files.items():
            (directory / name).write_bytes(content)

    def come_back(self) -> None:
        """Restart with what the disk has kept, if the power has failed."""
        if self.kept is not None:
            self.restart(self.kept)

    @hookimpl
    def cano_connect(self, path: str) -> Connection | None:
        """Connect to a file over the layer that records, if it is below the directory.

        The engine calls it.
        """
        if _vfs().recorded(path) is not self:
            return None
        from .connection import Connection

        return Connection(path)

    def __enter__(self) -> Self:
        _vfs().begin(self)
        manager.register(self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        manager.unregister(self)
        _vfs().end(self)


def _vfs() -> Any:
    try:
        from . import vfs
    except ModuleNotFoundError as error:
        if error.name != "apsw":
            raise
        raise PowerLossUnavailableError(
            "a power loss below SQLite is simulated by means of apsw, which is not "
            "installed: pip install 'pytest-cano[powerloss]'"
        ) from None
    return vfs
