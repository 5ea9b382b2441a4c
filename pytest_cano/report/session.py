"""What can be said only of a whole session: selectors that no test met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..options import Settings
from ..selectors import parse_selectors, unmet_message


def unmet_problems(
    settings: Settings, results: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return a problem for each selector of the session that no test met.

    Args:
        settings: of the session.
        results: what each selected test left: its outcome, the points that it met
            and the selectors that it did not.
    """
    if settings.crash:
        source, texts = "--cano-crash", settings.crash
    elif any(result["points"] for result in results):
        # The ini file speaks for all runs, and this may be one of other tests.
        source, texts = "ini option cano_crash", settings.default_crash
    else:
        return []
    unmet = [
        selector
        for selector in dict.fromkeys(
            str(selector) for text in texts for selector in parse_selectors(text)
        )
        if all(selector in result["unmet"] for result in results)
    ]
    if not unmet:
        return []
    points = dict.fromkeys(point for result in results for point in result["points"])
    if points:
        return [f"{source}: {unmet_message(selector, points)}" for selector in unmet]
    return [f"{source}: nothing was crashed, for {_why(results, settings.select)}"]


def _why(results: Sequence[Mapping[str, Any]], select: str) -> str:
    if not results and select == "all":
        return "no test ran a workflow"
    if not results:
        return (
            "no test uses a cano fixture or marker; use one (cano_store, cano_ledger, "
            "...), or set cano_select = all in the ini file to crash every test that "
            "runs a workflow"
        )
    count = {
        outcome: sum(result["outcome"] == outcome for result in results)
        for outcome in ("failed", "skipped")
    }
    told = [f"{number} {outcome}" for outcome, number in count.items() if number]
    tests = f"{len(results)} test" + "s" * (len(results) != 1)
    return (
        f"no test ran a workflow ({tests} chosen"
        + "".join(f", {part}" for part in told)
        + ")"
    )
