"""Where the states of a workflow stand: in layers, so that runs go from left to right.

The layers are those of Sugiyama: what leads back is turned round, each state stands
right of all that lead to it, and what passes a layer has a place in it. Of a graph with
some ten states that makes a drawing that nobody has to untangle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias, final

Edge: TypeAlias = tuple[str, str]

Place: TypeAlias = str | tuple[str, str, int]
"""A state, or where an edge passes the layer of that number."""


@final
@dataclass(frozen=True, slots=True)
class _Column:
    """Where a layer stands."""

    left: float
    right: float

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


_SWEEPS: Final = 4
"""Times that each layer is ordered by its neighbours, to and fro."""


@final
@dataclass(frozen=True, slots=True)
class Size:
    """Of a state, as it is drawn."""

    width: float
    height: float


@final
@dataclass(frozen=True, slots=True)
class Route:
    """The way of an edge.

    Attributes:
        points: where it leaves, what it passes, and where it arrives.
        back: whether it leads to a state further left.
    """

    points: tuple[tuple[float, float], ...]
    back: bool = False


@final
@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands.

    Attributes:
        centres: of the states.
        routes: of the edges; without those from a state to itself.
        width: of it all.
        height: of it all.
    """

    centres: Mapping[str, tuple[float, float]]
    routes: Mapping[Edge, Route]
    width: float
    height: float


def lay_out(
    sizes: Mapping[str, Size],
    edges: Iterable[Edge],
    *,
    across: float = 56.0,
    between: float = 22.0,
) -> Layout:
    """Find a place for every state.

    Args:
        sizes: of the states; runs begin in the first one.
        edges: what leads where.
        across: from layer to layer.
        between: from state to state in a layer.
    """
    known = [edge for edge in dict.fromkeys(edges) if edge[0] != edge[1]]
    back = _leading_back(sizes, known)
    forward = {edge: edge[::-1] if edge in back else edge for edge in known}
    ranks = _ranks(sizes, set(forward.values()))
    chains = {edge: _chain(forward[edge], ranks) for edge in known}
    layers = _layers(ranks, chains.values())
    neighbours = _neighbours(chains.values())
    _order(layers, neighbours)
    heights: dict[Place, float] = {
        place: sizes[place].height if isinstance(place, str) else 8.0
        for layer in layers
        for place in layer
    }
    ys = _rows(layers, neighbours, heights, between)
    columns = _columns(layers, sizes, across)
    top = min((y - heights[place] / 2 for place, y in ys.items()), default=0.0)
    ys = {place: y - top for place, y in ys.items()}
    centres = {label: (columns[ranks[label]].middle, ys[label]) for label in sizes}
    routes = {
        edge: _route(chain, centres, ys, columns, sizes, back=edge in back)
        for edge, chain in chains.items()
    }
    return Layout(
        centres,
        routes,
        width=columns[-1].right,
        height=max((y + heights[place] / 2 for place, y in ys.items()), default=0.0),
    )


def _leading_back(labels: Iterable[str], edges: Sequence[Edge]) -> set[Edge]:
    """Return the edges that lead to where their run has come from."""
    back: set[Edge] = set()
    done: set[str] = set()
    for root in labels:
        # Each entry is a state that is being gone through, with its edges to come.
        way = [(root, [edge for edge in edges if edge[0] == root])]
        open_states = {root}
        while way and root not in done:
            label, left = way[-1]
            if not left:
                done.add(label)
                open_states.discard(label)
                way.pop()
                continue
            edge = left.pop(0)
            if edge[1] in open_states:
                back.add(edge)
            elif edge[1] not in done:
                open_states.add(edge[1])
                way.append((edge[1], [each for each in edges if each[0] == edge[1]]))
    return back


def _ranks(labels: Iterable[str], edges: set[Edge]) -> dict[str, int]:
    """Return the layer of each state: right of all that lead to it."""
    ranks: dict[str, int] = dict.fromkeys(labels, 0)
    changed = True
    while changed:
        changed = False
        for before, after in edges:
            if ranks[after] <= ranks[before]:
                ranks[after] = ranks[before] + 1
                changed = True
    return ranks


def _chain(edge: Edge, ranks: Mapping[str, int]) -> list[Place]:
    """Return what an edge goes through, a place for each layer."""
    before, after = edge
    passed = range(ranks[before] + 1, ranks[after])
    return [before, *((before, after, rank) for rank in passed), after]


def _layers(
    ranks: Mapping[str, int], chains: Iterable[Sequence[Place]]
) -> list[list[Place]]:
    layers: list[list[Place]] = [[] for _ in range(max(ranks.values(), default=0) + 1)]
    for label, rank in ranks.items():
        layers[rank].append(label)
    for chain in chains:
        for place in chain[1:-1]:
            # Two edges between the same states, to and fro, pass as one.
            if not isinstance(place, str) and place not in layers[place[2]]:
                layers[place[2]].append(place)
    return layers


def _neighbours(
    chains: Iterable[Sequence[Place]],
) -> dict[Place, tuple[list[Place], list[Place]]]:
    """Return for each place those left and right of it that it is joined to."""
    joined: dict[Place, tuple[list[Place], list[Place]]] = {}
    for chain in chains:
        for left, right in pairwise(chain):
            joined.setdefault(left, ([], []))[1].append(right)
            joined.setdefault(right, ([], []))[0].append(left)
    return joined


def _order(
    layers: list[list[Place]],
    neighbours: Mapping[Place, tuple[list[Place], list[Place]]],
) -> None:
    """Order each layer by where its neighbours stand."""
    for sweep in range(_SWEEPS):
        side = sweep % 2
        order = range(len(layers)) if side == 0 else range(len(layers))[::-1]
        for number in order:
            beside = number - 1 if side == 0 else number + 1
            if not 0 <= beside < len(layers):
                continue
            stands = {place: at for at, place in enumerate(layers[beside])}
            before = {place: float(at) for at, place in enumerate(layers[number])}
            wanted = {}
            for place in layers[number]:
                ats = [stands[each] for each in neighbours.get(place, ([], []))[side]]
                wanted[place] = sum(ats) / len(ats) if ats else before[place]
            layers[number].sort(key=lambda place: wanted[place])


def _rows(
    layers: Sequence[Sequence[Place]],
    neighbours: Mapping[Place, tuple[list[Place], list[Place]]],
    heights: Mapping[Place, float],
    between: float,
) -> dict[Place, float]:
    """Return how far down each place is: level with its neighbours where it can be."""
    ys: dict[Place, float] = {}
    for layer in layers:
        ys.update(_apart(layer, dict.fromkeys(layer, 0.0), heights, between))
    for sweep in range(2 * _SWEEPS):
        side = sweep % 2
        for layer in layers if side == 0 else layers[::-1]:
            wanted = {}
            for place in layer:
                beside = neighbours.get(place, ([], []))[side]
                at = [ys[each] for each in beside]
                wanted[place] = sum(at) / len(at) if at else ys[place]
            ys.update(_apart(layer, wanted, heights, between))
    return ys


def _apart(
    layer: Sequence[Place],
    wanted: Mapping[Place, float],
    heights: Mapping[Place, float],
    between: float,
) -> dict[Place, float]:
    """Return places as near to where they are wanted as they fit, in their order."""
    # Places that touch are one block, which stands where its members want it.
    blocks: list[list[Place]] = []
    tops: list[float] = []

    def span(block: Sequence[Place]) -> float:
        return sum(heights[each] for each in block) + between * (len(block) - 1)

    def top(block: Sequence[Place]) -> float:
        offset, wishes = 0.0, []
        for each in block:
            wishes.append(wanted[each] - heights[each] / 2 - offset)
            offset += heights[each] + between
        return sum(wishes) / len(wishes)

    for place in layer:
        blocks.append([place])
        tops.append(top([place]))
        while len(blocks) > 1 and tops[-2] + span(blocks[-2]) + between > tops[-1]:
            last = blocks.pop()
            tops.pop()
            blocks[-1] += last
            tops[-1] = top(blocks[-1])
    ys: dict[Place, float] = {}
    for block, start in zip(blocks, tops, strict=True):
        at = start
        for place in block:
            ys[place] = at + heights[place] / 2
            at += heights[place] + between
    return ys


def _columns(
    layers: Sequence[Sequence[Place]], sizes: Mapping[str, Size], across: float
) -> list[_Column]:
    columns: list[_Column] = []
    at = 0.0
    for layer in layers:
        widths = [sizes[place].width for place in layer if isinstance(place, str)]
        columns.append(_Column(at, at + max(widths, default=0.0)))
        at = columns[-1].right + across
    return columns


def _route(
    chain: Sequence[Place],
    centres: Mapping[str, tuple[float, float]],
    ys: Mapping[Place, float],
    columns: Sequence[_Column],
    sizes: Mapping[str, Size],
    *,
    back: bool,
) -> Route:
    """Return the way along a chain, which goes from left to right, or back."""
    points: list[tuple[float, float]] = []
    for number, place in enumerate(chain):
        if isinstance(place, str):
            side = 1 if number == 0 else -1
            x, y = centres[place]
            # What leads back keeps off the line of what leads there.
            aside = sizes[place].height / 4 if back else 0.0
            points.append((x + side * sizes[place].width / 2, y + aside))
        else:
            column = columns[place[2]]
            points += [(column.left, ys[place]), (column.right, ys[place])]
    return Route(tuple(points[::-1] if back else points), back)
