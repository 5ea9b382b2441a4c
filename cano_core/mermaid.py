"""A workflow's graph as a Mermaid flowchart (https://mermaid.js.org)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from .graph import Graph

_SHAPES = {
    "task": ("[", "]"),
    "router": ("{", "}"),
    "split": ("{{", "}}"),
    "compensatable": ("[", "]"),
    "stepped": ("[[", "]]"),
    "stream": ("[[", "]]"),
    "exit": ("([", "])"),
}


def mermaid(
    graph: Graph,
    start: str | None = None,
    classes: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Draw a graph.

    Args:
        graph: the states and their declared transitions.
        start: label of the state that runs start in, if it is to be marked.
        classes: for each label the class of its node, for whoever adds `classDef`
            lines.

    Returns:
        A Mermaid flowchart: routers are diamonds, splits are hexagons with their
        branches, stepped and stream states have double sides, exits are round; a
        dotted line leads from a compensatable state to what undoes it, and from a
        state that declares no transitions to ``?``.
    """
    labels = (*graph.states, *sorted(graph.exits - set(graph.states)))
    nodes = {label: f"s{number}" for number, label in enumerate(labels)}
    lines = ["flowchart TD"]
    for label, node in nodes.items():
        kind = "exit" if label in graph.exits else graph.kinds.get(label, "task")
        its_class = f":::{classes[label]}" if label in classes else ""
        lines.append(_node(node, label, kind) + its_class)
    if start is not None:
        lines += ["    start((start))", f"    start --> {nodes[start]}"]
    for label in graph.states:
        if label not in graph.exits:
            lines.extend(_edges(graph, label, nodes))
    if any(graph.transitions.get(label) is None for label in graph.states):
        lines.append('    anything(("?"))')
    return "\n".join(lines) + "\n"


def _edges(graph: Graph, label: str, nodes: dict[str, str]) -> Iterator[str]:
    node = nodes[label]
    kind = graph.kinds.get(label, "task")
    following = graph.transitions.get(label)
    tasks = graph.tasks.get(label, ())
    if following is None:
        yield f"    {node} -.-> anything"
        return
    targets = sorted(
        (nodes[each] for each in following), key=lambda name: int(name[1:])
    )
    if kind == "split" and tasks:
        for number, task in enumerate(tasks):
            branch = f"{node}b{number}"
            yield f'    {branch}["{_text(task)}"]'
            yield f"    {node} --> {branch}"
            for target in targets:
                yield f"    {branch} --> {target}"
        return
    for target in targets:
        yield f"    {node} --> {target}"
    if kind == "compensatable":
        for task in tasks[1:]:
            yield f'    {node}u(["{_text(task)}"])'
            yield f"    {node} -. undone by .-> {node}u"


def _node(node: str, label: str, kind: str) -> str:
    before, after = _SHAPES[kind]
    return f'    {node}{before}"{_text(label)}"{after}'


def _text(text: str) -> str:
    """Write a text so that nothing in it is Mermaid's, Markdown's or HTML's."""
    return "".join(
        each if each.isalnum() or each in " _-.,:()" else f"#{ord(each)};"
        for each in text
    )
