"""A computation graph to a picture: SVG, laid out by Graphviz where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise
from types import MappingProxyType

from msgspec import Struct

from backprop_cli.drawing.graph import GRAPH, Graph, Vertex, layered
from backprop_cli.notation.boxes import width

Point = tuple[float, float]

_LETTER = 7.3  # pixels: a monospaced character at this size of type
_LINE = 17.0
_PAD = 10.0
_ALONG = 46.0  # pixels between layers
_APART = 16.0
_MARGIN = 14.0
_LEGEND = 34.0

_STYLE = """
svg { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --faint: #667; --box: #f6f8fa;
  --data: #1a7f37; --parameter: #0550ae; --gradient: #8a2bb0; --result: #b35900; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #14171b; --ink: #e4e7eb; --faint: #9aa4af; --box: #1d2127;
    --data: #6bd088; --parameter: #79b8ff; --gradient: #d8a6f5; --result: #ffb266; } }
text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink);
  white-space: pre; }
.title { font-weight: bold; } .faint { fill: var(--faint); } .gradient { fill: var(--gradient); }
rect { fill: var(--box); stroke: var(--faint); stroke-width: 1.2; }
.data rect { stroke: var(--data); } .data .title { fill: var(--data); }
.parameter rect { stroke: var(--parameter); stroke-width: 2; }
.parameter .title { fill: var(--parameter); }
.constant rect { stroke-dasharray: 4 3; }
.result rect { stroke: var(--result); stroke-width: 2; }
path { fill: none; stroke: var(--faint); stroke-width: 1.4; }
marker path { fill: var(--faint); stroke: none; }
"""

_ROUND: Mapping[str, float] = MappingProxyType({"data": 0, "parameter": 14, "constant": 0})


class Drawn(Struct, frozen=True):
    """Where the middles of the boxes lie, and the curves of the edges, as cubic Bézier points."""

    size: Point
    middles: Mapping[str, Point]
    curves: tuple[tuple[Point, ...], ...]


def svg(graph: Graph, *, graphviz: bool = True) -> str:
    """The picture; without Graphviz (or where it is not wanted) in plain layers."""
    sizes = {vertex.id: _size(vertex) for vertex in graph.vertices}
    drawn = (_by_graphviz(graph, sizes) if graphviz else None) or _by_layers(graph, sizes)
    wide = max(drawn.size[0] + 2 * _MARGIN, 460.0)
    high = drawn.size[1] + 2 * _MARGIN + _LEGEND
    return "\n".join(
        [
            *_opening(graph, wide, high),
            *_body(graph, drawn, sizes),
            "</g>",
            *_legend(high),
            "</svg>\n",
        ]
    )


def _opening(graph: Graph, wide: float, high: float) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{high:.0f}" '
        f'viewBox="0 0 {wide:.0f} {high:.0f}" role="img">'
    )
    yield f"<title>{escape(graph.title or GRAPH['title'])}</title>"
    yield f"<style>{_STYLE}</style>"
    yield '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
    yield ' markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>'
    yield '<rect x="0" y="0" width="100%" height="100%" style="fill:var(--paper);stroke:none"/>'
    yield f'<g transform="translate({_MARGIN} {_MARGIN})">'


def _body(graph: Graph, drawn: Drawn, sizes: Mapping[str, Point]) -> Iterator[str]:
    for curve in drawn.curves:
        start, *rest = (f"{x:.1f} {y:.1f}" for x, y in curve)
        yield f'<path d="M{start}C{", ".join(rest)}" marker-end="url(#arrow)"/>'
    for vertex in graph.vertices:
        yield from _box(vertex, drawn.middles[vertex.id], sizes[vertex.id])


def _lines(vertex: Vertex) -> Iterator[tuple[str, str]]:
    """The lines of a box, and their classes."""
    yield f"{vertex.title}  {vertex.shape}".rstrip(), "title"
    yield from ((line, "") for line in vertex.value)
    yield from ((line, "gradient") for line in vertex.gradient_lines)


def _size(vertex: Vertex) -> Point:
    lines = [text for text, _ in _lines(vertex)]
    return max(map(width, lines)) * _LETTER + 2 * _PAD, len(lines) * _LINE + 2 * _PAD - 4


def _box(vertex: Vertex, middle: Point, size: Point) -> Iterator[str]:
    left, top = middle[0] - size[0] / 2, middle[1] - size[1] / 2
    yield f'<g class="{vertex.kind}">'
    corner = _ROUND.get(vertex.kind, 6)
    yield (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}"'
        f' rx="{corner}"/>'
    )
    for number, (text, kind) in enumerate(_lines(vertex)):
        baseline = top + _PAD + _LINE * (number + 0.65)
        yield f'<text x="{left + _PAD:.1f}" y="{baseline:.1f}" class="{kind}">{escape(text)}</text>'
    yield "</g>"


def _legend(high: float) -> Iterator[str]:
    x = _MARGIN
    for kind in ("data", "parameter", "computed"):
        words = GRAPH[kind]
        corner = min(_ROUND.get(kind, 4), 7)
        yield f'<g class="{kind}"><rect x="{x:.0f}" y="{high - 27:.0f}" rx="{corner}"'
        yield ' width="16" height="14"/>'
        yield f'<text x="{x + 22:.0f}" y="{high - 16:.0f}">{words}</text></g>'
        x += 22 + width(words) * _LETTER + 18
    yield f'<text x="{x:.0f}" y="{high - 16:.0f}" class="gradient">{GRAPH["gradient"]}</text>'


# Places -------------------------------------------------------------------------------------------


def _by_graphviz(graph: Graph, sizes: Mapping[str, Point]) -> Drawn | None:
    ids = list(sizes)
    number = {id: place for place, id in enumerate(ids)}
    edges = [(number[start], number[end]) for start, end in dict.fromkeys(graph.edges)]
    found = positions([sizes[id] for id in ids], edges)
    if found is None:
        return None
    middles = {id: found.middles[place] for id, place in number.items()}
    return Drawn(found.size, middles, found.curves)


def _by_layers(graph: Graph, sizes: Mapping[str, Point]) -> Drawn:
    """From left to right: the layers' widths are those of their widest boxes."""
    places = layered({id: size[1] for id, size in sizes.items()}, graph.edges, _APART)
    starts: list[float] = []
    x = 0.0
    for layer in places.layers:
        starts.append(x)
        x += max((sizes[id][0] for id in layer), default=0.0) + _ALONG
    widths = [max((sizes[id][0] for id in layer), default=0.0) for layer in places.layers]
    layer_of = {id: number for number, layer in enumerate(places.layers) for id in layer}
    middles = {
        id: (starts[layer_of[id]] + widths[layer_of[id]] / 2, places.across[id]) for id in sizes
    }
    curves = []
    for (start, end), route in places.routes.items():
        first, last = layer_of[start], layer_of[end]
        points = [
            (middles[start][0] + sizes[start][0] / 2, route[0]),
            (starts[first] + widths[first], route[0]),  # past the wider boxes of the layer
        ]
        for number, across in enumerate(route[1:-1], start=layer_of[start] + 1):
            points += [(starts[number], across), (starts[number] + widths[number], across)]
        points.append((starts[last], route[-1]))
        points.append((middles[end][0] - sizes[end][0] / 2, route[-1]))
        curves.append(_smooth(points))
    high = max((middles[id][1] + sizes[id][1] / 2 for id in sizes), default=0.0)
    high = max([high, *(max(route) for route in places.routes.values())])
    return Drawn((max(x - _ALONG, 0.0), high), middles, tuple(curves))


def _smooth(points: Sequence[Point]) -> tuple[Point, ...]:
    """A curve through the points that leaves and reaches each of them level."""
    curve = [points[0]]
    for (x1, y1), (x2, y2) in pairwise(points):
        middle = (x1 + x2) / 2
        curve += [(middle, y1), (middle, y2), (x2, y2)]
    return tuple(curve)


# By Graphviz --------------------------------------------------------------------------------------


_INCH = 72.0
_SECONDS = 20


class Positions(Struct, frozen=True):
    """The middle of every box and the curve of every edge, y downward."""

    size: Point
    middles: tuple[Point, ...]
    curves: tuple[tuple[Point, ...], ...]


def positions(sizes: Sequence[Point], edges: Sequence[tuple[int, int]]) -> Positions | None:
    """Where dot puts boxes of these sizes; None where it is missing or fails."""
    program = shutil.which("dot")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603  # numbers alone are passed on, nothing from a file
            [program, "-Tplain"],
            input=_source(sizes, edges),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
        return _read(done.stdout, len(sizes))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _source(sizes: Sequence[Point], edges: Sequence[tuple[int, int]]) -> str:
    lines = ["digraph {", "rankdir=LR; nodesep=0.25; ranksep=0.6;"]
    lines.append('node [shape=box, fixedsize=true, label=""]; edge [arrowhead=none];')
    lines += [
        f"n{number} [width={wide / _INCH:.4f}, height={high / _INCH:.4f}];"
        for number, (wide, high) in enumerate(sizes)
    ]
    lines += [f"n{start} -> n{end};" for start, end in edges]
    return "\n".join([*lines, "}"])


def _read(plain: str, count: int) -> Positions:
    """The answer: `graph scale w h`, `node name x y …`, `edge tail head n x1 y1 …`, in inches."""
    size: Point = (0.0, 0.0)
    middles: list[Point] = [(0.0, 0.0)] * count
    curves: list[tuple[Point, ...]] = []
    for line in plain.splitlines():
        word, *rest = line.split()
        if word == "graph":
            size = (float(rest[1]) * _INCH, float(rest[2]) * _INCH)
        elif word == "node":
            middles[int(rest[0][1:])] = _point(rest[1], rest[2], size)
        elif word == "edge":
            numbers = rest[3 : 3 + 2 * int(rest[2])]
            curves.append(
                tuple(_point(x, y, size) for x, y in zip(numbers[::2], numbers[1::2], strict=True))
            )
    return Positions(size, tuple(middles), tuple(curves))


def _point(x: str, y: str, size: Point) -> Point:
    return float(x) * _INCH, size[1] - float(y) * _INCH
