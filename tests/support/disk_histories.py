"""Histories of a small disk, for Hypothesis."""

from collections.abc import Sequence

from hypothesis import strategies as st

from pytest_cano.powerloss.operations import (
    Create,
    Delete,
    Operation,
    Sync,
    SyncNames,
    Truncate,
    Write,
)

NAMES = st.sampled_from(["a", "b", "c"])
WRITES = st.builds(Write, NAMES, st.integers(0, 6), st.binary(min_size=1, max_size=4))
STEPS = st.one_of(
    WRITES,
    WRITES,
    st.builds(Truncate, NAMES, st.integers(0, 8)),
    st.builds(Create, NAMES),
    st.builds(Delete, NAMES),
    st.builds(Sync, NAMES),
    st.builds(SyncNames),
)


def possible(steps: Sequence[Operation]) -> list[Operation]:
    """Leave out what nobody can do: changing a file that is not there."""
    there: set[str] = set()
    history: list[Operation] = []
    for step in steps:
        if isinstance(step, Create) and step.file not in there:
            there.add(step.file)
        elif isinstance(step, SyncNames):
            pass
        elif isinstance(step, Create) or step.file not in there:
            continue
        elif isinstance(step, Delete):
            there.remove(step.file)
        history.append(step)
    return history


def histories(most: int = 24) -> st.SearchStrategy[list[Operation]]:
    return st.lists(STEPS, max_size=most).map(possible)


def as_seen(history: Sequence[Operation]) -> dict[str, bytes]:
    """What a program sees, told in the simplest way there is."""
    files: dict[str, bytearray] = {}
    for step in history:
        match step:
            case Create(file):
                files[file] = bytearray()
            case Delete(file):
                del files[file]
            case Write(file, offset, data):
                content = files[file]
                content.extend(bytes(max(0, offset + len(data) - len(content))))
                content[offset : offset + len(data)] = data
            case Truncate(file, size):
                content = files[file]
                content[:] = (content + bytes(size))[:size]
    return {name: bytes(content) for name, content in files.items()}
