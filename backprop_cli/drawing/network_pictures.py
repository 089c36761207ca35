"""A network laid out on a plane and drawn: as SVG, or in LaTeX's own picture environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final, TypeAlias

from msgspec import Struct

from backprop_cli.document.networks import Network, NetworkEdge, NetworkUnit
from backprop_cli.notation.tex import tex, text

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


_DOWN: Final = 15.0  # millimetres between two units of a column
_WIDEST: Final = 45.0  # between two columns
_PAGE: Final = 135.0
_TEX_RADIUS: Final = 4.5
_TEX_BELOW: Final = 9.0


def network_latex(network: Network) -> Iterator[str]:
    """The picture, as lines of LaTeX."""
    across = min(_WIDEST, _PAGE / max(1, len(network.heads) - 1))
    found = placed(network, Scale(across, _DOWN, 2.0, 4.6))
    wide, high = found.size
    wide, tall = wide + 24, high + 2 * _TEX_RADIUS + _TEX_BELOW + 3
    yield r"\par\medskip\setlength{\unitlength}{1mm}"
    yield rf"\begin{{picture}}({wide:.1f},{tall:.1f})(-12,{-high - _TEX_RADIUS - _TEX_BELOW:.1f})"
    for edge, bend in zip(network.edges, found.bends, strict=True):
        yield _edge(found.middles[edge.start], found.middles[edge.end], bend, plain=edge.plain)
    for unit, at in zip(network.units, found.middles, strict=True):
        if unit.kind != "dots":
            yield rf"\put({_tex_at(at)}){{\circle{{{2 * _TEX_RADIUS:g}}}}}"
        yield _label(at, f"${tex(unit.label)}$")
    for edge, place in zip(network.edges, found.labels, strict=True):
        if place is not None and edge.label is not None:
            yield _label((place[0], place[1] - 1.8), rf"\scriptsize ${tex(edge.label)}$")
    for column, words in enumerate(network.heads):
        at = (column * across, high + _TEX_RADIUS + _TEX_BELOW - 3)
        yield _label(at, rf"\footnotesize {text(words)}")
    yield r"\end{picture}\par"
    for note in network.notes:
        yield rf"{{\footnotesize {text(note)}\par}}"


def _tex_at(point: Point) -> str:
    """A point, upwards as LaTeX counts."""
    return f"{point[0]:.1f},{-point[1] + 0.0:.1f}"


def _edge(start: Point, end: Point, bend: Point | None, *, plain: bool) -> str:
    """A line that begins and ends at the circles; LaTeX draws any slope as a curve only."""
    (x1, y1), (x2, y2) = _towards(start, bend or end), _towards(end, bend or start)
    middle = bend or ((x1 + x2) / 2, (y1 + y2) / 2)
    dots = "[40]" if plain else ""
    return rf"\qbezier{dots}({_tex_at((x1, y1))})({_tex_at(middle)})({_tex_at((x2, y2))})"


def _towards(start: Point, end: Point) -> Point:
    across, down = end[0] - start[0], end[1] - start[1]
    share = _TEX_RADIUS / max((across**2 + down**2) ** 0.5, _TEX_RADIUS)
    return start[0] + share * across, start[1] + share * down


def _label(at: Point, words: str) -> str:
    return rf"\put({_tex_at(at)}){{\makebox(0,0){{{words}}}}}"
