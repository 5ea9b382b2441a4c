"""The store as a backend of ``cano_store``, under a name of its own."""

from store import JsonLinesStore


def pytest_cano_make_store(name, directory):
    return JsonLinesStore(directory / "runs") if name == "jsonl" else None
