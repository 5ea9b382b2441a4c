"""What can be said only of a whole session: selectors that no test met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..options import Settings
from ..selectors import Selector, parse_selectors, unmet_message


def unmet_problems(
    settings: Settings, results: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return a problem for each selector of the session that no test met.

    Args:
        settings: of the session.
        results: what each selected test left: its outcome, the points that it met
            and the selectors that it did not, and whether it searched for itself.
    """
    if settings.crash:
        source, texts = settings.crash_source, settings.crash
    elif any(result["points"] for result in results):
        # The ini file speaks for all runs, and this may be one of other tests.
        source, texts = "ini option cano_crash", settings.default_crash
    else:
        return []
    searched = any(result["searched"] for result in results)
    unmet = [
        selector.text
        for selector in dict.fromkeys(
            selector for text in texts for selector in parse_selectors(text)
        )
        if all(selector.text in result["unmet"] for result in results)
        # Whoever names no state is content with a test that searches for itself.
        and not (searched and _names_no_state(selector))
    ]
    if not unmet:
        return []
    points = dict.fromkeys(point for result in results for point in result["points"])
    if points:
        return [f"{source}: {unmet_message(selector, points)}" for selector in unmet]
    why = _why(results, settings.select)
    if searched:
        why += f"; a test's own cano.check() has its own selectors, not {unmet[0]!r}"
    return [f"{source}: nothing was crashed, for {why}"]


def _names_no_state(selector: Selector) -> bool:
    return selector.schedule is None and (
        selector.part is None or selector.part.state is None
    )


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
        for outcome in ("failed", "skipped", "expected to fail")
    }
    told = [f"{number} {outcome}" for outcome, number in count.items() if number]
    tests = f"{len(results)} test" + "s" * (len(results) != 1)
    return (
        f"no test ran a workflow and passed undisturbed ({tests} chosen"
        + "".join(f", {part}" for part in told)
        + ")"
    )


def idle_patterns(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what no test had that was to be ignored."""
    idle = [set(result["idle"]) for result in results if result["idle"] is not None]
    if not idle or any(result["searched"] for result in results):
        return []
    return sorted(set.intersection(*idle))
