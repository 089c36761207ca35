"""Functions of one free input as curves in characters; the region of two where the output is 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from backprop_cli.derive.free import FreeInputs, Function
from backprop_cli.derive.halfspaces import Affine
from backprop_cli.derive.intervals import ones
from backprop_cli.derive.pieces import Pieces
from backprop_cli.render.view import View

_ROWS, _COLUMNS = 7, 57
_REGION_ROWS, _REGION_COLUMNS = 17, 49
_BORDER = Fraction(1, 3)  # of the span between the kinks, drawn on either side of them


def picture(free: FreeInputs, view: View) -> list[str]:
    """The picture; nothing where there are more inputs than can be drawn."""
    if len(free.inputs.names) == 1:
        return list(_curves(free, view))
    if len(free.inputs.names) == 2:
        return list(_region(free, view))
    return []


def _span(points: Sequence[Fraction]) -> tuple[Fraction, Fraction]:
    """From where to where to draw, with all the points inside."""
    low, high = min(points, default=Fraction(0)), max(points, default=Fraction(0))
    border = (high - low) * _BORDER if high > low else Fraction(2)
    return low - border, high + border


def _value(found: Pieces, point: Sequence[Fraction]) -> Fraction | None:
    for piece in found:
        if all(half.holds(point) for half in piece.region):
            return piece.value.at(point) if isinstance(piece.value, Affine) else None
    return None


# One input ----------------------------------------------------------------------------------------


def _curves(free: FreeInputs, view: View) -> Iterator[str]:
    points = [
        -half.function.constant / half.function.slopes[0]
        for function in free.functions
        for piece in function.pieces
        for half in piece.region
    ]
    low, high = _span(points)
    step = (high - low) / (_COLUMNS - 1)
    places = [low + step * i for i in range(_COLUMNS)]
    for function in free.functions:
        if len({piece.value for piece in function.pieces}) > 1:
            yield from _curve(function, free, places, sorted(set(points)), view)
            yield ""


def _curve(
    function: Function,
    free: FreeInputs,
    places: Sequence[Fraction],
    kinks: Sequence[Fraction],
    view: View,
) -> Iterator[str]:
    """One function: its values as rows of dots, the largest and smallest named at the left."""
    values = [_value(function.pieces, (x,)) for x in places]
    known = [value for value in values if value is not None]
    if not known:
        return
    low, high = min(known), max(known)
    rows = [_row(value, low, high) for value in values]
    index = "".join(str(i + free.indices) for i in function.index)
    yield f"{function.name}{f'[{index}]' if index else ''} as a function of {free.inputs.names[0]}"
    dot = "*" if view.ascii else "•"
    for row in range(_ROWS):
        value = high if row == 0 else low if row == _ROWS - 1 else None
        label = f"{float(value):>8.4g}" if value is not None else " " * 8
        yield f"{label} {'|' if view.ascii else '┤'}" + "".join(
            dot if at == row else " " for at in rows
        )
    yield " " * 9 + _axis(places, kinks, view)
    yield " " * 10 + _ticks(places, kinks)


def _row(value: Fraction | None, low: Fraction, high: Fraction) -> int | None:
    if value is None:
        return None
    return round((high - value) / (high - low) * (_ROWS - 1)) if high > low else _ROWS // 2


def _axis(places: Sequence[Fraction], kinks: Sequence[Fraction], view: View) -> str:
    marked = {_column(places, kink) for kink in kinks}
    plain, tick, corner = ("-", "+", "+") if view.ascii else ("─", "┴", "└")
    return corner + "".join(tick if i in marked else plain for i in range(len(places)))


def _ticks(places: Sequence[Fraction], kinks: Sequence[Fraction]) -> str:
    text = [" "] * (len(places) + 8)
    free = 0
    for kink in kinks:
        label, at = f"{float(kink):.4g}", _column(places, kink)
        if at >= free:
            text[at : at + len(label)] = label
            free = at + len(label) + 1
    return "".join(text).rstrip()


def _column(places: Sequence[Fraction], x: Fraction) -> int:
    return round((x - places[0]) / (places[1] - places[0]))


# Two inputs ---------------------------------------------------------------------------------------


def _region(free: FreeInputs, view: View) -> Iterator[str]:
    """Where the last quantity is 1, the second input upwards."""
    last = free.functions[-1]
    if ones(last.pieces, free.inputs) is None:
        return
    halves = [half for piece in last.pieces for half in piece.region]
    corners = _corners([half.function for half in halves])
    across, up = _span([x for x, _ in corners]), _span([y for _, y in corners])
    full, empty = ("#", ".") if view.ascii else ("█", "·")
    first, second = free.inputs.names
    yield f"{full} where {last.name} is 1; {first} to the right, {second} upwards"
    for row in range(_REGION_ROWS):
        y = up[1] - (up[1] - up[0]) * row / (_REGION_ROWS - 1)
        label = f"{float(y):>8.4g}" if row % 4 == 0 else " " * 8
        marks = (_mark(last, across, column, y) for column in range(_REGION_COLUMNS))
        yield f"{label} " + "".join(full if mark else empty for mark in marks)
    left, right = f"{float(across[0]):.4g}", f"{float(across[1]):.4g}"
    yield " " * 9 + left + right.rjust(_REGION_COLUMNS - len(left))


def _mark(function: Function, across: tuple[Fraction, Fraction], column: int, y: Fraction) -> bool:
    x = across[0] + (across[1] - across[0]) * column / (_REGION_COLUMNS - 1)
    return _value(function.pieces, (x, y)) == 1


def _corners(borders: Sequence[Affine]) -> list[tuple[Fraction, Fraction]]:
    """Where borders meet; where none do, where they are nearest to the middle."""
    found = []
    for i, first in enumerate(borders):
        for second in borders[i + 1 :]:
            (a, b), (c, d) = first.slopes, second.slopes
            determinant = a * d - b * c
            if determinant:
                x = (b * second.constant - d * first.constant) / determinant
                y = (c * first.constant - a * second.constant) / determinant
                found.append((x, y))
    if found:
        return list(dict.fromkeys(found))
    return [_foot(border) for border in borders]


def _foot(border: Affine) -> tuple[Fraction, Fraction]:
    a, b = border.slopes
    factor = -border.constant / (a * a + b * b)
    return factor * a, factor * b
