"""A network to LaTeX's own picture environment, for which no package is needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backprop_cli.document.networks import Network
from backprop_cli.drawing.network_layout import Point, Scale, placed
from backprop_cli.notation.tex import tex, text

_DOWN: Final = 15.0  # millimetres between two units of a column
_WIDEST: Final = 45.0  # between two columns
_PAGE: Final = 135.0
_RADIUS: Final = 4.5
_BELOW: Final = 9.0


def network_latex(network: Network) -> Iterator[str]:
    """The picture, as lines of LaTeX."""
    across = min(_WIDEST, _PAGE / max(1, len(network.heads) - 1))
    found = placed(network, Scale(across, _DOWN, 2.0, 4.6))
    wide, high = found.size
    wide, tall = wide + 24, high + 2 * _RADIUS + _BELOW + 3
    yield r"\par\medskip\setlength{\unitlength}{1mm}"
    yield rf"\begin{{picture}}({wide:.1f},{tall:.1f})(-12,{-high - _RADIUS - _BELOW:.1f})"
    for edge, bend in zip(network.edges, found.bends, strict=True):
        yield _edge(found.middles[edge.start], found.middles[edge.end], bend, plain=edge.plain)
    for unit, at in zip(network.units, found.middles, strict=True):
        if unit.kind != "dots":
            yield rf"\put({_at(at)}){{\circle{{{2 * _RADIUS:g}}}}}"
        yield _label(at, f"${tex(unit.label)}$")
    for edge, place in zip(network.edges, found.labels, strict=True):
        if place is not None and edge.label is not None:
            yield _label((place[0], place[1] - 1.8), rf"\scriptsize ${tex(edge.label)}$")
    for column, words in enumerate(network.heads):
        at = (column * across, high + _RADIUS + _BELOW - 3)
        yield _label(at, rf"\footnotesize {text(words)}")
    yield r"\end{picture}\par"
    for note in network.notes:
        yield rf"{{\footnotesize {text(note)}\par}}"


def _at(point: Point) -> str:
    """A point, upwards as LaTeX counts."""
    return f"{point[0]:.1f},{-point[1] + 0.0:.1f}"


def _edge(start: Point, end: Point, bend: Point | None, *, plain: bool) -> str:
    """A line that begins and ends at the circles; LaTeX draws any slope as a curve only."""
    (x1, y1), (x2, y2) = _towards(start, bend or end), _towards(end, bend or start)
    middle = bend or ((x1 + x2) / 2, (y1 + y2) / 2)
    dots = "[40]" if plain else ""
    return rf"\qbezier{dots}({_at((x1, y1))})({_at(middle)})({_at((x2, y2))})"


def _towards(start: Point, end: Point) -> Point:
    across, down = end[0] - start[0], end[1] - start[1]
    share = _RADIUS / max((across**2 + down**2) ** 0.5, _RADIUS)
    return start[0] + share * across, start[1] + share * down


def _label(at: Point, words: str) -> str:
    return rf"\put({_at(at)}){{\makebox(0,0){{{words}}}}}"
