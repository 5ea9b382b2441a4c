"""Whether a value came back from being stored as what it was.

To ask whether the two are equal is not enough: NaN is unlike itself, a moment that
clocks show twice (when summer ends) is unlike the same moment in UTC, and some types
do not say which of their values are equal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime


def came_back(value: object, back: object) -> bool:
    """Say whether a value was read back as what it was.

    Args:
        value: what was written.
        back: what was read.

    Returns:
        False only if the two can be compared, and differ.
    """
    try:
        return bool(value == back) or _alike(value, back)
    except Exception:  # noqa: BLE001 -- whatever a user's __eq__ may raise
        return True


def _alike(value: object, back: object) -> bool:
    """Compare what is unequal part by part."""
    if isinstance(value, datetime) and isinstance(back, datetime):
        if value.tzinfo is None or back.tzinfo is None:
            return False
        return value.astimezone(UTC) == back.astimezone(UTC)
    if isinstance(value, Mapping) and isinstance(back, Mapping):
        return value.keys() == back.keys() and all(
            came_back(each, back[key]) for key, each in value.items()
        )
    if isinstance(value, AbstractSet) and isinstance(back, AbstractSet):
        return len(value) == len(back) and all(
            any(came_back(each, other) for other in back) for each in value
        )
    if type(value) is not type(back):
        return False
    if isinstance(value, list | tuple) and isinstance(back, list | tuple):
        return len(value) == len(back) and all(map(came_back, value, back))
    parts = _parts(value)
    if parts is not None:
        return came_back(parts, _parts(back))
    # What doesn't say what is equal; and NaN, or what may hold one.
    return type(value).__eq__ is object.__eq__ or repr(value) == repr(back)


def _parts(value: object) -> Mapping[str, object] | None:
    """Return what an object consists of, by name; None if that isn't declared."""
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {each.name: getattr(value, each.name) for each in fields if each.compare}
    if hasattr(value, "model_validate_json"):
        return dict(value)  # type: ignore[call-overload,no-any-return]
    names = getattr(value, "__struct_fields__", None)
    return None if names is None else {name: getattr(value, name) for name in names}
