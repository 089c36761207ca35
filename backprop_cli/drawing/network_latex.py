"""A network laid out on a plane, in LaTeX's own picture: it paints no white below a label, so that
every edge stops before it and goes on behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from backprop_cli.document.networks import Network
from backprop_cli.drawing.network_pictures import Point, Scale, along, placed
from backprop_cli.notation.tex import tex, text

_DOWN: Final = 15.0  # millimetres between two units of a column
_WIDEST: Final = 45.0  # between two columns
_PAGE: Final = 135.0
_RADIUS: Final = 4.5
_BELOW: Final = 9.0
_LETTER: Final = 1.5  # millimetres of a label, with some air
_LINE: Final = 3.0
_PARTS: Final = 120  # of an edge, each of which is drawn or not

Box = tuple[Point, float]
"""The middle of a label, and half its width."""


def network_latex(network: Network) -> Iterator[str]:
    """The picture, as lines of LaTeX."""
    across = min(_WIDEST, _PAGE / max(1, len(network.heads) - 1))
    found = placed(network, Scale(across, _DOWN, 2.0, 4.6))
    wide, high = found.size
    wide, tall = wide + 24, high + 2 * _RADIUS + _BELOW + 3
    yield r"\par\medskip\setlength{\unitlength}{1mm}"
    yield rf"\begin{{picture}}({wide:.1f},{tall:.1f})(-12,{-high - _RADIUS - _BELOW:.1f})"
    labels = [(edge, at) for edge, at in zip(network.edges, found.labels, strict=True) if at]
    boxes = [(at, _LETTER * (len(edge.text) + 0.5) / 2) for edge, at in labels if edge.label]
    for edge, bend in zip(network.edges, found.bends, strict=True):
        start, end = found.middles[edge.start], found.middles[edge.end]
        yield from _edge(start, end, bend, boxes, plain=edge.plain)
    for unit, at in zip(network.units, found.middles, strict=True):
        if unit.kind != "dots":
            yield rf"\put({_at(at)}){{\circle{{{2 * _RADIUS:g}}}}}"
        yield _label(at, f"${tex(unit.label)}$")
    for edge, at in labels:
        if edge.label is not None:
            yield _label(at, rf"\scriptsize ${tex(edge.label)}$")
    for column, words in enumerate(network.heads):
        at = (column * across, high + _RADIUS + _BELOW - 3)
        yield _label(at, rf"\footnotesize {text(words)}")
    yield r"\end{picture}\par"
    for note in network.notes:
        yield rf"{{\footnotesize {text(note)}\par}}"


def _at(point: Point) -> str:
    """A point, upwards as LaTeX counts."""
    return f"{point[0]:.1f},{-point[1] + 0.0:.1f}"


def _edge(
    start: Point, end: Point, bend: Point | None, boxes: Sequence[Box], *, plain: bool
) -> Iterator[str]:
    """What is seen of a line between two circles; LaTeX draws any slope as a curve only."""
    ends = _towards(start, bend or end), _towards(end, bend or start)
    for first, last in _seen([along(*ends, bend, place / _PARTS) for place in _places()], boxes):
        shares = first / _PARTS, last / _PARTS
        near, far = (along(*ends, bend, share) for share in shares)
        dots = f"[{max(2, round(40 * (shares[1] - shares[0])))}]" if plain else ""
        middle = _between(ends[0], bend or along(*ends, None, 0.5), ends[1], *shares)
        yield rf"\qbezier{dots}({_at(near)})({_at(middle)})({_at(far)})"


def _places() -> range:
    return range(_PARTS + 1)


def _seen(points: Sequence[Point], boxes: Sequence[Box]) -> Iterator[tuple[int, int]]:
    """The parts of an edge that no label covers: the numbers of their first and last points."""
    covered = [-1, *(place for place in _places() if _in_one(points[place], boxes)), _PARTS + 1]
    for before, behind in pairwise(covered):
        if behind - before > 2:
            yield before + 1, behind - 1


def _in_one(point: Point, boxes: Sequence[Box]) -> bool:
    return any(
        abs(point[0] - at[0]) <= half and abs(point[1] - at[1]) <= _LINE / 2 for at, half in boxes
    )


def _between(start: Point, bend: Point, end: Point, first: float, last: float) -> Point:
    """The point that bends a part of a curve as the whole is bent."""
    shares = (1 - first) * (1 - last), first + last - 2 * first * last, first * last
    return (
        sum(share * point[0] for share, point in zip(shares, (start, bend, end), strict=True)),
        sum(share * point[1] for share, point in zip(shares, (start, bend, end), strict=True)),
    )


def _towards(start: Point, end: Point) -> Point:
    across, down = end[0] - start[0], end[1] - start[1]
    share = _RADIUS / max((across**2 + down**2) ** 0.5, _RADIUS)
    return start[0] + share * across, start[1] + share * down


def _label(at: Point, words: str) -> str:
    return rf"\put({_at(at)}){{\makebox(0,0){{{words}}}}}"
