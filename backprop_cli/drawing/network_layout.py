"""A network to places on a plane: where its units lie, and where along each edge its weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from backprop_cli.document.networks import Network, NetworkEdge

Point: TypeAlias = tuple[float, float]

_SHARES: Final = (0.3, 0.7, 0.22, 0.38, 0.62, 0.78, 0.5, 0.45, 0.55)
"""How far along an edge its label may stand, the places tried first that are liked best."""

_BULGE: Final = 1.15  # rows that an edge over several layers keeps from the units that it passes


class Scale(Struct, frozen=True):
    """How far apart columns and rows are, and how much room a letter of a label takes."""

    across: float
    down: float
    letter: float
    line: float


class Placed(Struct, frozen=True):
    """Where the middles of the units lie, the bends of edges that pass units, and the labels.

    `bends` has the middle point of a curve for each edge that is none between neighbours.
    """

    size: Point
    middles: tuple[Point, ...]
    bends: tuple[Point | None, ...]
    labels: tuple[Point | None, ...]


def placed(network: Network, scale: Scale) -> Placed:
    """Places that start at 0 in both directions."""
    top = min(unit.place for unit in network.units)
    bottom = max(unit.place for unit in network.units)
    rise = _BULGE * any(_spans(network, edge) > 1 for edge in network.edges)
    middles = [
        (unit.column * scale.across, (unit.place - top + rise) * scale.down)
        for unit in network.units
    ]
    bends = [_bend(network, edge, middles) for edge in network.edges]
    labels = _labels(network.edges, middles, bends, scale)
    wide = max(x for x, _ in middles)
    return Placed((wide, (bottom - top + rise) * scale.down), tuple(middles), tuple(bends), labels)


def _spans(network: Network, edge: NetworkEdge) -> int:
    return network.units[edge.end].column - network.units[edge.start].column


def _bend(network: Network, edge: NetworkEdge, middles: Sequence[Point]) -> Point | None:
    """The point that pulls a long edge above all units between its ends."""
    if _spans(network, edge) < 2:
        return None
    (x1, y1), (x2, y2) = middles[edge.start], middles[edge.end]
    return (x1 + x2) / 2, -0.5 * (y1 + y2) / 2


def along(start: Point, end: Point, bend: Point | None, share: float) -> Point:
    """The point of an edge at a share of its way: on a line, or on a curve with one bend."""
    rest = 1 - share
    if bend is None:
        return rest * start[0] + share * end[0], rest * start[1] + share * end[1]
    a, b, c = rest * rest, 2 * rest * share, share * share
    return a * start[0] + b * bend[0] + c * end[0], a * start[1] + b * bend[1] + c * end[1]


def _labels(
    edges: Sequence[NetworkEdge],
    middles: Sequence[Point],
    bends: Sequence[Point | None],
    scale: Scale,
) -> tuple[Point | None, ...]:
    """A place for each label, one by one where it is farthest from those before it."""
    taken: list[tuple[Point, float]] = []
    found: list[Point | None] = []
    for edge, bend in zip(edges, bends, strict=True):
        if not edge.text:
            found.append(None)
            continue
        ends = middles[edge.start], middles[edge.end]
        wide = scale.letter * len(edge.text)
        best = max(
            (along(*ends, bend, share) for share in _SHARES),
            key=lambda at: min(1.0, _room(at, wide, taken, scale)),
        )
        taken.append((best, wide))
        found.append(best)
    return tuple(found)


def _room(at: Point, wide: float, taken: Sequence[tuple[Point, float]], scale: Scale) -> float:
    """How far a label is from its nearest neighbour: below 1 they overlap."""
    return min(
        (
            max(
                abs(at[0] - other[0]) * 2 / (wide + width + scale.letter),
                abs(at[1] - other[1]) / scale.line,
            )
            for other, width in taken
        ),
        default=1.0,
    )
