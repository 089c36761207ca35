"""Functions of one free input as curves in characters; the region of two where the output is 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise, zip_longest

from backprop_cli.derive.regions.free_inputs import FreeInputs, Function
from backprop_cli.derive.regions.region_words import ones
from backprop_cli.document.curves import all_breaks, curve, span
from backprop_cli.document.drawings import Curve, label
from backprop_cli.document.maps import value_at, window
from backprop_cli.document.view import View
from backprop_cli.notation.boxes import width

_ROWS, _COLUMNS = 7, 41
_MARGIN = 9  # columns for the numbers beside an axis
_BETWEEN = 3
_LEAST, _MOST = 21, 8  # columns of a curve; curves of one quantity
_REGION_ROWS, _REGION_COLUMNS = 17, 49


# One input ----------------------------------------------------------------------------------------


def curves(
    free: FreeInputs, id: str, names: Sequence[str], called: Sequence[str], view: View
) -> Iterator[str]:
    """Every entry of a quantity as a curve, as many beside one another as there is room for.

    `names` are those of the entries, `called` those of the inputs.
    """
    if len(free.inputs.names) != 1 or len(names) > _MOST:
        return
    across = span(all_breaks(free))
    found = [
        curve(each, free, name, called[0], across)
        for each, name in zip(free.functions[id], names, strict=True)
    ]
    room = view.width - 4
    beside = 2 if len(found) > 1 and room >= 2 * (_LEAST + _MARGIN) + _BETWEEN else 1
    columns = min(_COLUMNS, (room - (beside - 1) * _BETWEEN) // beside - _MARGIN)
    drawn = [list(_curve(each, columns, view)) for each in found if each is not None]
    for start in range(0, len(drawn), beside):
        yield ""
        yield from _joined(drawn[start : start + beside], columns + _MARGIN + _BETWEEN)


def _joined(drawn: Sequence[Sequence[str]], wide: int) -> Iterator[str]:
    for row in zip_longest(*drawn, fillvalue=""):
        *first, last = row
        yield ("".join(text + " " * (wide - width(text)) for text in first) + last).rstrip()


def _curve(found: Curve, columns: int, view: View) -> Iterator[str]:
    """One function: a row of dots a height, the largest and smallest named at the left."""
    heights = found.heights
    if not heights:
        return
    low, high = min(heights), max(heights)
    grid = [[" "] * columns for _ in range(_ROWS)]
    for column, place in _places(found, columns, low, high):
        grid[place][column] = "*" if view.ascii else "•"
    for dot in sorted(found.dots, key=lambda dot: dot.closed):
        shown = ("#" if dot.closed else "o") if view.ascii else "●" if dot.closed else "○"
        grid[_row(dot.at[1], low, high)][_column(found, Fraction(dot.at[0]), columns)] = shown
    yield " " * _MARGIN + f"{found.name} against {found.input}"
    for number, row in enumerate(grid):
        text = label(high) if number == 0 else label(low) if number == _ROWS - 1 else ""
        text = "" if low == high and number != _ROWS // 2 else label(low) if low == high else text
        yield f"{text:>{_MARGIN - 2}} {'|' if view.ascii else '┤'}{''.join(row)}".rstrip()
    yield " " * (_MARGIN - 1) + _axis(found, columns, view)
    yield " " * _MARGIN + _ticks(found, columns)


def _places(found: Curve, columns: int, low: float, high: float) -> Iterator[tuple[int, int]]:
    """The cells that a curve goes through."""
    left, right = map(float, found.across)
    for stroke in found.strokes:
        for column in range(columns):
            x = left + (right - left) * column / (columns - 1)
            if stroke[0][0] <= x <= stroke[-1][0]:
                yield column, _row(_height(stroke, x), low, high)


def _height(stroke: Sequence[tuple[float, float]], x: float) -> float:
    for (x1, y1), (x2, y2) in pairwise(stroke):
        if x1 <= x <= x2:
            return y1 + (y2 - y1) * (x - x1) / (x2 - x1)
    return stroke[-1][1]


def _row(value: float, low: float, high: float) -> int:
    return round((high - value) / (high - low) * (_ROWS - 1)) if high > low else _ROWS // 2


def _axis(found: Curve, columns: int, view: View) -> str:
    marked = {_column(found, at, columns) for at in found.marks}
    plain, tick, corner = ("-", "+", "+") if view.ascii else ("─", "┴", "└")
    return corner + "".join(tick if i in marked else plain for i in range(columns))


def _ticks(found: Curve, columns: int) -> str:
    text = [" "] * (columns + _MARGIN)
    free = 0
    for at in found.marks or found.across:
        said = label(at)
        place = min(_column(found, at, columns), columns - len(said) + 1)
        if place >= free:
            text[place : place + len(said)] = said
            free = place + len(said) + 1
    return "".join(text).rstrip()


def _column(found: Curve, x: Fraction, columns: int) -> int:
    low, high = found.across
    return round((x - low) / (high - low) * (columns - 1))


# Two inputs ---------------------------------------------------------------------------------------


def region(
    free: FreeInputs, function: Function, name: str, called: Sequence[str], view: View
) -> Iterator[str]:
    """Where a function of two inputs is 1, the second input upwards."""
    if len(free.inputs.names) != 2 or not ones(function.pieces or (), free.inputs):
        return
    across, up = window([function])
    full, empty = ("#", ".") if view.ascii else ("█", "·")
    first, second = called
    columns = min(_REGION_COLUMNS, view.width - 4 - _MARGIN)
    yield f"{full} where {name} is 1; {first} to the right, {second} upwards"
    for row in range(_REGION_ROWS):
        y = up[1] - (up[1] - up[0]) * row / (_REGION_ROWS - 1)
        marks = (_mark(function, across, column, columns, y) for column in range(columns))
        text = label(y) if row % 4 == 0 else ""
        yield f"{text:>{_MARGIN - 1}} " + "".join(full if mark else empty for mark in marks)
    left, right = map(label, across)
    yield " " * _MARGIN + left + right.rjust(columns - len(left))


def _mark(
    function: Function, across: tuple[Fraction, Fraction], column: int, columns: int, y: Fraction
) -> bool:
    x = across[0] + (across[1] - across[0]) * column / (columns - 1)
    return value_at(function, (x, y)) == 1
