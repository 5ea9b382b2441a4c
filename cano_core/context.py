"""What one attempt of a task knows of its run, and how it makes a call only once."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar, final, overload

from .errors import ConfigurationError
from .progress import JOINED, Memo, memo_key
from .recording import unrecordable
from .results import codec_of, encode_result
from .states import State, text_problem
from .wording import shown

if TYPE_CHECKING:
    from .join import SplitResult
    from .run import Run, Visit

T = TypeVar("T")


@final
class RunContext:
    """One attempt of a state's task; a task gets it by annotating a parameter.

    Attributes:
        attempt: number of this attempt under the retry policy, from 1.
    """

    __slots__ = ("_data", "_part", "_run", "_used", "_visit", "attempt")

    def __init__(self, run: Run, visit: Visit, attempt: int, part: str = "") -> None:
        self._run = run
        self._visit = visit
        self._part = part
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
        return self._visit.handler.state

    @property
    def label(self) -> str:
        """The state's label."""
        return self._visit.handler.label

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
        every other visit of any run (a slash in the label is written ``%2F``). Each
        branch, step, item, window and compensation has one of its own, which ends in
        ``/{index}`` or the like.

        Raises:
            ConfigurationError: a router leaves no row from which its visits could be
                told apart after a crash.
        """
        visit = self._visit
        if visit.entry is None and self._run.log is not None:
            raise ConfigurationError(
                f"state {self.label!r} is a router, whose visits leave no row, so they "
                "have no idempotency key; register it with register()"
            )
        label = visit.handler.label.replace("%", "%25").replace("/", "%2F")
        key = f"{self._run.id}/{label}/{visit.number}"
        return f"{key}/{self._part}" if self._part else key

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

    @property
    def _follows_split(self) -> bool:
        return JOINED in self._visit.progress.memos

    def _joined(self) -> SplitResult:
        """Return what the split before this state has come to."""
        from .split import joined

        return joined(self._run, self._visit)

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
            ConfigurationError: the name was used before in this attempt, this is no
                function, or the result can't be stored and read back equal; in the
                last case the run stops, whatever the task makes of it, for the call
                has happened.
            RunConflictError: somebody else owns the run; it stops.
            CheckpointStoreError: the store failed; the run stops.
        """
        self._use(name)
        if not callable(function):
            raise self._called_already(name, function)
        run, visit = self._run, self._visit
        try:
            codec = codec_of(function)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self._call(name)}: {error}") from error
        key = memo_key(self._part, name)
        memos = visit.progress.memos
        recorded = memos.get(key)
        if recorded is None:
            if visit.entry is None and run.log is not None and run.halt is None:
                # Before the call, and whatever the task makes of this exception.
                run.halt = unrecordable(run, visit, f"run.once({name!r})")
            if run.halt is not None:
                raise run.halt
            result = function(*args, **kwargs)
            if inspect.isawaitable(result):
                result = await result
            try:
                encoded = encode_result(
                    codec, result, f"the result of {self._call(name)}"
                )
            except ConfigurationError as error:
                # The call has happened and the log can't know of it: whatever the
                # task makes of this exception, the run must not go on.
                run.halt = error
                raise
            await run.record(visit, Memo(key, encoded), f"run.once({name!r})")
            # An earlier result, if a call of another attempt came back first.
            recorded = memos[key]
        return codec.decode(recorded)

    def _use(self, name: object) -> None:
        """Take a name for one call of this attempt."""
        if not isinstance(name, str):
            raise ConfigurationError(
                f"run.once() in state {self.label!r} takes a name and then the "
                f"function, its first argument is {name!r}"
            )
        if problem := text_problem(name):
            raise ConfigurationError(f"{self._call(name)}: the name {problem}")
        if self._used is None:
            self._used = set()
        if name in self._used:
            raise ConfigurationError(
                f"{self._call(name)} was called twice in one attempt; give each call "
                "a name of its own"
            )
        self._used.add(name)

    def _called_already(self, name: str, given: object) -> ConfigurationError:
        """Return what says that a function is wanted, not what it gave."""
        if inspect.iscoroutine(given):
            # Nobody can await it any more, of which Python would warn.
            given.close()
        return ConfigurationError(
            f"{self._call(name)} is handed {shown(given)}, which can't be called; pass "
            f"the function and then its arguments, once({name!r}, function, ...), so "
            "that it is called only if there is no result yet"
        )

    def _call(self, name: str) -> str:
        return f"run.once({name!r}) in state {self.label!r} of run {self._run.id!r}"


_UNREAD: Any = object()
