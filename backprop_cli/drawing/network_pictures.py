"""A network laid out on a plane, drawn: as SVG, and in lines of characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil
from typing import Final, TypeAlias

from msgspec import Struct

from backprop_cli.document.networks import Network, NetworkEdge, NetworkUnit
from backprop_cli.notation.boxes import width

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


_SCALE: Final = Scale(across=190.0, down=72.0, letter=7.6, line=17.0)
_RADIUS: Final = 23.0
_MARGIN: Final = 34.0
_BELOW: Final = 34.0

NETWORK_STYLE: Final = """
.network { max-width: 100%; height: auto; }
.network text, .plots .network text { font: 14px system-ui, -apple-system, "Noto Sans", sans-serif;
  fill: var(--ink); text-anchor: middle; }
.network .edge { fill: none; stroke: var(--faint); stroke-width: 1.2; }
.network .plain { stroke-dasharray: 5 4; }
.network .weight, .plots .network .weight { font-size: 12.5px; paint-order: stroke;
  stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
.network circle { fill: var(--paper); stroke: var(--ink); stroke-width: 1.5; }
.network .bias { stroke-dasharray: 3 3; }
.network .head, .plots .network .head { fill: var(--faint); font-size: 12.5px; }
"""

_COLOURS: Final = """
svg { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --faint: #667; }
@media (prefers-color-scheme: dark) { svg { --paper: #14171b; --ink: #e4e7eb; --faint: #9aa4af; } }
"""


def network_picture(network: Network, words: str) -> str:
    """The picture for a page that has the style; `words` are for those who cannot see it."""
    found = placed(network, _SCALE)
    wide = found.size[0] + 2 * (_MARGIN + _RADIUS)
    high = found.size[1] + 2 * _MARGIN + _RADIUS + _BELOW
    head = (
        f'<svg class="network" xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}"'
        f' height="{high:.0f}" viewBox="0 0 {wide:.0f} {high:.0f}" role="img"'
        f' aria-label="{escape(words)}">'
    )
    moved = f'<g transform="translate({_MARGIN + _RADIUS:.0f} {_MARGIN:.0f})">'
    return "\n".join([head, moved, *_parts(network, found), "</g></svg>"])


def network_file(network: Network, title: str) -> str:
    """The picture by itself, with colours of its own."""
    style = f"<title>{escape(title)}</title><style>{_COLOURS}{NETWORK_STYLE}</style>"
    paper = '<rect width="100%" height="100%" style="fill:var(--paper)"/>'
    head, _, rest = network_picture(network, title).partition("\n")
    return f"{head}\n{style}\n{paper}\n{rest}\n"


def _parts(network: Network, found: Placed) -> Iterator[str]:
    """Edges first, so that circles lie on them; labels last, so that no line crosses one."""
    for edge, bend in zip(network.edges, found.bends, strict=True):
        start, end = found.middles[edge.start], found.middles[edge.end]
        kind = "edge plain" if edge.plain else "edge"
        yield f'<path class="{kind}" d="M{_at(start)}{_to(end, bend)}"/>'
    for unit, middle in zip(network.units, found.middles, strict=True):
        yield from _unit(unit, middle)
    for edge, at in zip(network.edges, found.labels, strict=True):
        if at is not None:
            yield _text(edge.text, at, "weight")
    bottom = found.size[1] + _RADIUS + _BELOW
    for column, words in enumerate(network.heads):
        yield _text(words, (column * _SCALE.across, bottom - 5), "head")


def _unit(unit: NetworkUnit, middle: Point) -> Iterator[str]:
    if unit.kind != "dots":
        kind = ' class="bias"' if unit.kind == "bias" else ""
        yield f'<circle{kind} cx="{middle[0]:.1f}" cy="{middle[1]:.1f}" r="{_RADIUS:.0f}"/>'
    yield _text(unit.text, middle)


def _at(point: Point) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"


def _to(end: Point, bend: Point | None) -> str:
    return f"L{_at(end)}" if bend is None else f"Q{_at(bend)} {_at(end)}"


def _text(text: str, at: Point, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{at[0]:.1f}" y="{at[1] + 4.5:.1f}">{escape(text)}</text>'


# In characters ------------------------------------------------------------------------------------

_ROWS: Final = 4  # of characters between two units of a column
_ROWS_MANY: Final = 2  # the same where there are many
_MANY: Final = 6
_WIDEST_IN_TEXT: Final = 34  # characters between two columns
_LEAST: Final = 14
_NO_ROOM: Final = "there is no room for the weights between so many units"
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a Braille cell, by row and column."""


def network_lines(network: Network, room: int, only_ascii: bool) -> list[str] | None:
    """The picture in so many columns; None where there is no room for it."""
    ends = max(width(_shown(unit)) for unit in network.units)
    gaps = len(network.heads) - 1
    across = min(_WIDEST_IN_TEXT, (room - ends - 1) // gaps)
    if across < max(_LEAST, ends + 6):
        return None
    rows = max(sum(1 for u in network.units if u.column == c) for c in range(gaps + 1))
    down = _ROWS_MANY if rows > _MANY else _ROWS
    found = placed(_without_long(network), Scale(across, down, 1.0, 1.0))
    drawn = _Drawn(ends // 2, only_ascii)
    drawn.edges(_without_long(network), found)
    has_room = drawn.texts(_without_long(network), found)
    lines = [*drawn.lines(), "", _heads(network, across, ends, room)]
    return [*lines, *([] if has_room else [_NO_ROOM]), *_long_said(network)]


def _without_long(network: Network) -> Network:
    """The network without edges that pass whole layers, which are said in words."""
    near = (e for e in network.edges if not _is_long(network, e.start, e.end))
    return Network(network.heads, network.units, tuple(near))


def _is_long(network: Network, start: int, end: int) -> bool:
    return network.units[end].column - network.units[start].column > 1


def _shown(unit: NetworkUnit) -> str:
    return unit.text if unit.kind == "dots" else f"({unit.text})"


class _Drawn:
    """Characters by row and column; a text hides the lines below it."""

    def __init__(self, margin: int, only_ascii: bool) -> None:
        self._margin, self._ascii = margin, only_ascii
        self._cells: dict[tuple[int, int], int] = {}
        self._texts: dict[tuple[int, int], str] = {}

    def edges(self, network: Network, found: Placed) -> None:
        """The lines, as fine as the characters allow."""
        for edge in network.edges:
            start, end = found.middles[edge.start], found.middles[edge.end]
            steps = 4 * ceil(abs(end[0] - start[0]) + abs(end[1] - start[1]))
            for step in range(steps + 1):
                self._dot(along(start, end, None, step / steps))

    def _dot(self, at: Point) -> None:
        x, y = at[0] + self._margin + 0.5, at[1] + 0.5
        row, column = int(y), int(x)
        bit = _DOTS[int((y - row) * 4)][int((x - column) * 2)]
        self._cells[row, column] = self._cells.get((row, column), 0) | bit

    def texts(self, network: Network, found: Placed) -> bool:
        """Units and weights, a blank on either side of a weight; no weight where two would meet."""
        labels = zip(network.edges, found.labels, strict=True)
        weights = [(f" {edge.text} ", at) for edge, at in labels if at is not None]
        has_room = self._apart(weights)
        for words, at in weights if has_room else ():
            self._text(words, at)
        for unit, at in zip(network.units, found.middles, strict=True):
            self._text(_shown(unit), at)
        return has_room

    def _apart(self, texts: Sequence[tuple[str, Point]]) -> bool:
        """Whether of no two texts one would hide a part of the other; their blanks may meet."""
        taken: dict[tuple[int, int], bool] = {}
        for words, at in texts:
            row, first = self._start(words, at)
            for column, char in enumerate(words, first):
                said, place = char != " ", (row, column)
                if place in taken and (said or taken[place]):
                    return False
                taken[place] = said
        return True

    def _start(self, text: str, at: Point) -> tuple[int, int]:
        """The row of a text, and the column of its first character."""
        return round(at[1]), max(0, round(at[0] + self._margin - (width(text) - 1) / 2))

    def _text(self, text: str, at: Point) -> None:
        row, column = self._start(text, at)
        for char in text:
            if width(char) == 0:
                self._texts[row, column - 1] += char
                continue
            self._texts[row, column] = char
            column += 1

    def lines(self) -> Iterator[str]:
        """The rows from the first to the last."""
        places = [*self._cells, *self._texts]
        for row in range(max(r for r, _ in places) + 1):
            last = max((column for r, column in places if r == row), default=-1)
            yield "".join(self._at(row, column) for column in range(last + 1)).rstrip()

    def _at(self, row: int, column: int) -> str:
        if (row, column) in self._texts:
            return self._texts[row, column]
        cell = self._cells.get((row, column), 0)
        return " " if not cell else "." if self._ascii else chr(0x2800 + cell)


def _heads(network: Network, across: int, ends: int, room: int) -> str:
    """The words below the columns, each in the middle of its own where there is room."""
    line = ""
    for column, words in enumerate(network.heads):
        middle = column * across + ends // 2
        start = min(middle - len(words) // 2, room - len(words))
        start = max(len(line) + (2 if line else 0), start)
        line += " " * (start - len(line)) + words
    return line


def _long_said(network: Network) -> Iterator[str]:
    """Edges that pass layers, and what else there is to say."""
    for edge in network.edges:
        if _is_long(network, edge.start, edge.end):
            start, end = network.units[edge.start].text, network.units[edge.end].text
            what = "unchanged" if edge.plain else f"times {edge.text}" if edge.text else "weighted"
            yield f"skips layers: {start} to {end}, {what}"
    yield from network.notes
