"""What markers say: `pytest_cano.options` has the table of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from .notation import did_you_mean
from .options import DEEPEST, OptionError, words
from .said import check_endings, check_selectors

if TYPE_CHECKING:
    from .acceptance import Accept


class Mark(Protocol):
    """What is read of a pytest mark."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def args(self) -> tuple[Any, ...]:
        """Its positional arguments."""

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """Its keyword arguments."""


@dataclass(frozen=True, slots=True)
class CrashMark:
    """What a ``cano_crash`` marker says; None for what it leaves to the session."""

    selectors: tuple[str, ...]
    endings: tuple[str, ...] | None = None
    depth: int | None = None


def crash_marker(mark: Mark) -> CrashMark:
    """Read a ``cano_crash`` marker; without a selector it means all points."""
    name = f"@pytest.mark.{mark.name}"
    selectors = _texts(mark, "selectors", "'Process@end'", ("ending", "depth"))
    check_selectors(selectors, name)
    ending, depth = mark.kwargs.get("ending"), mark.kwargs.get("depth")
    if depth is not None and (type(depth) is not int or not 1 <= depth <= DEEPEST):
        raise OptionError(f"{name}: depth={depth!r} is no number from 1 to {DEEPEST}")
    endings = None
    if ending is not None:
        names = (ending,) if isinstance(ending, str) else ending
        endings = check_endings(names, f"{name}: ending")
    return CrashMark(selectors or ("all",), endings, depth)


def accept_marker(mark: Mark) -> Accept:
    """Read a ``cano_accept`` marker."""
    name = f"@pytest.mark.{mark.name}"
    example = "'Process@end', verdict='DUPLICATED', reason='...'"
    texts = _texts(mark, "one selector", example, ("verdict", "reason"))
    if len(texts) != 1:
        raise OptionError(
            f"{name} takes one selector, for example {name}({example}); several "
            "exceptions are several markers"
        )
    from .acceptance import Accept
    from .selectors import SelectorError

    verdict, reason = mark.kwargs.get("verdict"), mark.kwargs.get("reason")
    try:
        return Accept(texts[0], verdict, reason)  # type: ignore[arg-type]
    except SelectorError as error:
        raise OptionError(f"{name}: {error}") from None


def store_marker(mark: Mark) -> tuple[str, ...]:
    """Return the backends of a ``cano_store`` marker."""
    backends = _texts(mark, "backends", "'sqlite', 'memory'")
    if not backends:
        raise OptionError(
            f"@pytest.mark.{mark.name}() names no backend; say for example "
            f"@pytest.mark.{mark.name}('sqlite')"
        )
    return backends


def argnames(mark: Mark) -> tuple[str, ...]:
    """Return the names that a ``parametrize`` marker gives values to."""
    names = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
    return words([names] if isinstance(names, str) else names)


def check_stores(names: Iterable[str], known: Iterable[str], source: str) -> None:
    """Raise `OptionError` for a backend that nobody can make."""
    known = tuple(known)
    for name in names:
        if name not in known:
            raise OptionError(
                f"{source}: no backend {name!r} ({', '.join(known)}; one of your own "
                "is made by the hook pytest_cano_make_store in a conftest.py)"
                + did_you_mean(name, known)
            )


def _texts(
    mark: Mark, what: str, example: str, keywords: tuple[str, ...] = ()
) -> tuple[str, ...]:
    name = f"@pytest.mark.{mark.name}"
    for keyword in mark.kwargs:
        if keyword not in keywords:
            also = "".join(f", {each}=" for each in keywords)
            raise OptionError(
                f"{name}: no keyword {keyword!r}; it takes only {what}{also}, for "
                f"example {name}({example})"
            )
    for value in mark.args:
        if not isinstance(value, str):
            raise OptionError(
                f"{name}: {value!r} is no text; it takes {what}, for example "
                f"{name}({example})"
            )
    return tuple(mark.args)
