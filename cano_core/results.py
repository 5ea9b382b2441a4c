"""How what a function returned becomes bytes and comes back.

A function that declares what it returns has its results written and read as that
type. Of one that declares nothing, only results are taken that come back equal.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from enum import Enum
from typing import Any, Literal, TypeVar

from .codec import Codec, MsgspecCodec, codec_for
from .errors import ConfigurationError
from .signature import UNKNOWN, declared_result
from .wording import described, shown

UNTYPED: Codec[Any] = MsgspecCodec(Any)
"""Writes the results of functions that do not declare them."""


def codec_of(function: Callable[..., Any]) -> Codec[Any]:
    """Return what writes and reads a function's results.

    Raises:
        ConfigurationError: values of the declared type can't be stored.
    """
    return codec_of_type(declared_result(function))


def codec_of_type(declared: object) -> Codec[Any]:
    """Return what writes and reads values that are declared as some type.

    Raises:
        ConfigurationError: values of the declared type can't be stored.
    """
    if declared in (UNKNOWN, Any, object) or isinstance(declared, TypeVar):
        return UNTYPED
    if typing.get_origin(declared) is Literal:
        # An Enum is a type that can be stored; some of its members are not one.
        kinds = {type(each) for each in typing.get_args(declared)}
        if len(kinds) == 1 and issubclass(kind := kinds.pop(), Enum):
            return codec_for(kind)
    return codec_for(declared)


def encode_result(codec: Codec[Any], result: object, where: str) -> bytes:
    """Return the bytes of a result that can be read back.

    Raises:
        ConfigurationError: it can't; ``where`` says whose it is.
    """
    try:
        payload = codec.encode(result)
        back = codec.decode(payload)
        same = codec is not UNTYPED or (type(back) is type(result) and back == result)
    except Exception as error:
        raise ConfigurationError(
            f"{where} can't be stored: {described(error)}; return something plainer, "
            "or annotate what the function returns"
        ) from error
    if not same:
        raise ConfigurationError(
            f"{where} would be read back as {shown(back)} instead of {shown(result)}; "
            "annotate what the function returns"
        )
    return payload
