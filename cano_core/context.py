"""What one attempt of a task knows of its run, and how it makes a call only once."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar, final, overload

import msgspec

from .codec import Codec, MsgspecCodec, codec_for
from .errors import CanoError, ConfigurationError
from .states import State

if TYPE_CHECKING:
    from .run import Run, Visit

T = TypeVar("T")


@final
class RunContext:
    """One attempt of a state's task; a task gets it by annotating a parameter.

    Attributes:
        attempt: number of this attempt under the retry policy, from 1.
    """

    __slots__ = ("_data", "_run", "_used", "_visit", "attempt")

    def __init__(self, run: Run, visit: Visit, attempt: int) -> None:
        self._run = run
        self._visit = visit
        self._used: set[str] | None = None
        self._data: Any = _UNREAD
        self.attempt = attempt

    @property
    def workflow_id(self) -> str:
        """The run's id; one made up for this run, if it was given none."""
        return self._run.id

    @property
    def state(self) -> State:
        """The state, as it was registered."""
        return self._visit.state

    @property
    def label(self) -> str:
        """The state's label."""
        return self._visit.label

    @property
    def visit(self) -> int:
        """How many times the run has entered this state so far, this one included."""
        return self._visit.number

    @property
    def resumes(self) -> int:
        """How many times this visit was resumed after a crash or a failure."""
        return self._visit.resumes

    @property
    def idempotency_key(self) -> str:
        """``"{workflow_id}/{label}/{visit}"``: what to hand to a payment API.

        The same over every retry, crash and resume of this visit, and different for
        every other visit of any run (a slash in the label is written ``%2F``).
        """
        label = self._visit.label.replace("%", "%25").replace("/", "%2F")
        return f"{self._run.id}/{label}/{self._visit.number}"

    @property
    def data(self) -> Any:
        """The run's durable data, as of the start of this attempt.

        Change it in place or assign a new value: what the successful attempt leaves
        is stored with the next state's row.

        Raises:
            ConfigurationError: the workflow was not made with ``data=``.
        """
        if self._data is _UNREAD:
            self._data = self._run.decode_data()
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._run.encode_data(value)
        self._data = value

    def _changed_data(self) -> bytes | None:
        """Return the data as this attempt leaves it, encoded; None if unread."""
        if self._data is _UNREAD:
            return None
        return self._run.encode_data(self._data)

    @overload
    async def once(
        self,
        name: str,
        function: Callable[..., Awaitable[T]],
        /,
        *args: Any,
        **kwargs: Any,
    ) -> T: ...

    @overload
    async def once(
        self, name: str, function: Callable[..., T], /, *args: Any, **kwargs: Any
    ) -> T: ...

    async def once(
        self, name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        """Call a function at most once in this visit, as far as the log can know.

        The result is a row before this returns. A retry or a resumed process gets
        the recorded result instead of a second call. A crash between the call and
        its row is the one case in which the function is called again.

        Args:
            name: names the call within the visit.
            function: sync or async; its return annotation says what its result is
                read back as.
            args: its arguments.
            kwargs: its keyword arguments.

        Returns:
            The result, as a resumed process would read it.

        Raises:
            ConfigurationError: the name was used before in this attempt, or the
                result can't be stored and read back equal.
            RunConflictError: somebody else owns the run; it stops.
            CheckpointStoreError: the store failed; the run stops.
        """
        if self._used is None:
            self._used = set()
        if name in self._used:
            raise ConfigurationError(
                f"run.once({name!r}) was called twice in one attempt of state "
                f"{self.label!r}; give each call a name of its own"
            )
        self._used.add(name)
        codec = _result_codec(function)
        recorded = self._visit.memos.get(name)
        if recorded is not None:
            return _read(codec, recorded)
        if self._run.halt is not None:
            raise self._run.halt
        result = function(*args, **kwargs)
        if inspect.isawaitable(result):
            result = await result
        try:
            payload = self._storable(name, codec, result)
            await self._run.record_memo(self._visit, name, payload)
        except CanoError as error:
            # Whatever the task makes of this exception, the run must not go on:
            # the call has happened, and the log does not know.
            self._run.halt = error
            raise
        return _read(codec, payload)

    def _storable(self, name: str, codec: Codec[Any] | None, result: object) -> bytes:
        where = (
            f"the result of run.once({name!r}) in state {self.label!r} of run "
            f"{self.workflow_id!r}"
        )
        try:
            payload = (codec or _UNTYPED).encode(result)
            back = _read(codec, payload)
        except Exception as error:
            raise ConfigurationError(
                f"{where} can't be stored: {error}; return something plainer, or "
                "annotate what the function returns"
            ) from error
        if codec is None and (type(back) is not type(result) or back != result):
            raise ConfigurationError(
                f"{where} would be read back as {back!r} instead of {result!r}; "
                "annotate what the function returns"
            )
        return payload


_UNREAD: Any = object()
_UNTYPED = MsgspecCodec(Any)


def _read(codec: Codec[Any] | None, payload: bytes) -> Any:
    return (codec or _UNTYPED).decode(payload)


def _result_codec(function: Callable[..., Any]) -> Codec[Any] | None:
    """Return the codec of a function's declared result; None if it declares none."""
    try:
        declared = typing.get_type_hints(function).get("return", Any)
    except (TypeError, NameError):
        return None
    if declared is Any or isinstance(declared, TypeVar):
        return None
    try:
        return codec_for(declared)
    except ConfigurationError:
        return None


def encode_memo(name: str, result: bytes) -> bytes:
    """Return the payload of a MEMO row."""
    return msgspec.msgpack.encode((name, result))


def decode_memo(payload: bytes) -> tuple[str, bytes]:
    """Return a MEMO row's name and encoded result.

    Raises:
        msgspec.DecodeError: these bytes are no memo.
    """
    return _MEMO.decode(payload)


_MEMO = msgspec.msgpack.Decoder(tuple[str, bytes])
