"""How durable values become bytes and come back.

A run's data has one declared type; the result of a `RunContext.once` call has the
type that its function declares. msgspec writes dataclasses, its own Structs, and the
standard types, as MessagePack; pydantic models write themselves; for anything else a
`Codec` is given instead of a type.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar, final, runtime_checkable

import msgspec

from .errors import ConfigurationError

T = TypeVar("T")


@runtime_checkable
class Codec(Protocol[T]):
    """Writes values of one type as bytes and reads them back, equal."""

    def encode(self, value: T) -> bytes:
        """Return the bytes for a value."""

    def decode(self, payload: bytes) -> T:
        """Return the value that these bytes stand for."""


@final
class MsgspecCodec:
    """MessagePack for every type that msgspec knows."""

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        self._decoder = msgspec.msgpack.Decoder(annotation)

    def encode(self, value: Any) -> bytes:
        """Return the bytes for a value."""
        return msgspec.msgpack.encode(value)

    def decode(self, payload: bytes) -> Any:
        """Return the value, of the declared type."""
        return self._decoder.decode(payload)


@final
class PydanticCodec:
    """A pydantic model's own JSON."""

    def __init__(self, model: Any) -> None:
        self.annotation = model

    def encode(self, value: Any) -> bytes:
        """Return the bytes for a model instance."""
        text: str = value.model_dump_json(round_trip=True)
        return text.encode()

    def decode(self, payload: bytes) -> Any:
        """Return the validated model instance."""
        return self.annotation.model_validate_json(payload)


@final
class OrNone:
    """None as no bytes at all, and everything else as another codec has it."""

    def __init__(self, codec: Codec[Any]) -> None:
        self._codec = codec

    def encode(self, value: Any) -> bytes:
        """Return the bytes for a value, or for None."""
        return b"" if value is None else self._codec.encode(value)

    def decode(self, payload: bytes) -> Any:
        """Return the value, or None."""
        return self._codec.decode(payload) if payload else None


def codec_for(declared: Any) -> Codec[Any]:
    """Return what reads and writes values of a declared type.

    Args:
        declared: a type that msgspec knows, a pydantic model, or a `Codec`.

    Raises:
        ConfigurationError: nothing here can write such values.
    """
    if not isinstance(declared, type) and isinstance(declared, Codec):
        return declared
    if hasattr(declared, "model_validate_json"):
        return PydanticCodec(declared)
    try:
        known = not isinstance(
            msgspec.inspect.type_info(declared), msgspec.inspect.CustomType
        )
        if known:
            return MsgspecCodec(declared)
    except (TypeError, NameError) as error:
        raise ConfigurationError(
            f"values of {declared!r} can't be stored: {error}"
        ) from error
    raise ConfigurationError(
        f"values of {declared!r} can't be stored: give a dataclass, a msgspec Struct, "
        "a pydantic model, a standard type, or an object with encode(value) -> bytes "
        "and decode(bytes) -> value"
    )
