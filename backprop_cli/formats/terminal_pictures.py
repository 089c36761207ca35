"""Curves, maps of regions and losses to characters: dots, blocks, Braille cells or stars."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from rich.text import Text

from backprop_cli.document.document_data import Curve, Losses, Map, Picture, label
from backprop_cli.document.networks import Network
from backprop_cli.notation.ascii_signs import ascii_text

_ROWS, _COLUMNS = 7, 41
_MARGIN = 9  # columns for the numbers beside an axis
_LEAST = 21  # columns of a drawing
_GAP = 3  # between two of them
_MAP_ROWS, _MAP_COLUMNS = 17, 49
_HEIGHT, _WIDEST = 8, 60  # of the curve of losses
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a Braille cell, by row and column."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def drawing(picture: Picture, room: int, only_ascii: bool, *, alone: bool) -> Text | None:
    """A picture in characters, half as wide as the room where it is not alone; None where there is
    nothing to draw."""
    half = (room - _GAP) // 2 - _MARGIN
    columns = half if not alone and half >= _LEAST else room - _MARGIN
    found: list[str]
    if isinstance(picture.drawing, Network):
        from backprop_cli.drawing.network_pictures import network_lines

        found = network_lines(picture.drawing, room, only_ascii) or []
    elif isinstance(picture.drawing, Curve):
        found = list(_curve(picture.drawing, min(_COLUMNS, columns), only_ascii))
    else:
        found = list(_map(picture.drawing, min(_MAP_COLUMNS, columns), only_ascii))
    text = "\n".join(line.rstrip() for line in found)
    return Text(ascii_text(text) if only_ascii else text, no_wrap=True) if found else None


# One input ----------------------------------------------------------------------------------------


def _curve(found: Curve, columns: int, only_ascii: bool) -> Iterator[str]:
    """A row of dots a height, the largest and smallest named at the left."""
    heights = found.heights
    if not heights:
        return
    low, high = min(heights), max(heights)
    grid = [[" "] * columns for _ in range(_ROWS)]
    for column, place in _places(found, columns, low, high):
        grid[place][column] = "*" if only_ascii else "•"
    for dot in sorted(found.dots, key=lambda dot: dot.closed):
        shown = ("#" if dot.closed else "o") if only_ascii else "●" if dot.closed else "○"
        grid[_row(dot.at[1], low, high)][_column(found, Fraction(dot.at[0]), columns)] = shown
    yield " " * _MARGIN + f"{found.name} against {found.input}"
    for number, row in enumerate(grid):
        text = _beside(number, low, high)
        yield f"{text:>{_MARGIN - 2}} {'|' if only_ascii else '┤'}{''.join(row)}"
    yield " " * (_MARGIN - 1) + _axis(found, columns, only_ascii)
    yield " " * _MARGIN + _ticks(found, columns)


def _beside(number: int, low: float, high: float) -> str:
    """The height that a row is at, beside the highest and the lowest."""
    if low == high:
        return label(low) if number == _ROWS // 2 else ""
    return label(high) if number == 0 else label(low) if number == _ROWS - 1 else ""


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


def _axis(found: Curve, columns: int, only_ascii: bool) -> str:
    marked = {_column(found, at, columns) for at in found.marks}
    plain, tick, corner = ("-", "+", "+") if only_ascii else ("─", "┴", "└")
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
    return "".join(text)


def _column(found: Curve, x: Fraction, columns: int) -> int:
    low, high = found.across
    return round((x - low) / (high - low) * (columns - 1))


# Two inputs ---------------------------------------------------------------------------------------


def _map(found: Map, columns: int, only_ascii: bool) -> Iterator[str]:
    """The window cell by cell, the second input upwards: a mark where the value is the marked one,
    else a letter for each value."""
    across, up = _window(found)
    rows = round(columns * _MAP_ROWS / _MAP_COLUMNS)
    marks, legend = _marks(found, only_ascii)
    first, second = found.inputs
    yield legend
    yield f"{first} to the right, {second} upwards"
    for row in range(rows):
        y = up[1] - (up[1] - up[0]) * row / (rows - 1)
        places = (across[0] + (across[1] - across[0]) * i / (columns - 1) for i in range(columns))
        cells = "".join(marks[_value_at(found, (x, y))] for x in places)
        text = label(y) if row % 4 == 0 else ""
        yield f"{text:>{_MARGIN - 1}} {cells}"
    left, right = map(label, across)
    yield " " * _MARGIN + left + right.rjust(columns - len(left))


def _window(found: Map) -> tuple[tuple[Fraction, Fraction], tuple[Fraction, Fraction]]:
    across, up = found.window
    return across, up


def _marks(found: Map, only_ascii: bool) -> tuple[dict[object, str], str]:
    """What stands for each value, and the words that say so."""
    full, empty = ("#", ".") if only_ascii else ("█", "·")
    values = list(dict.fromkeys(value for _, value in found.pieces))
    if found.marked is not None:
        marks = {value: full if value == found.marked else empty for value in values}
        return marks | {None: empty}, f"{full} where {found.name} is 1"
    marks = dict(zip(values, _LETTERS, strict=False))
    said = ", ".join(f"{mark} {found.labels.get(value, '?')}" for value, mark in marks.items())
    return {None: " "} | dict.fromkeys(values, "?") | marks, f"{found.name} is {said}"


def _value_at(found: Map, at: tuple[Fraction, Fraction]) -> object:
    """The value at a point, that of its own piece on a border; None where there is no piece."""
    held = (value for region, value in found.pieces if all(half.holds(at) for half in region))
    return next(held, None)


# Losses -------------------------------------------------------------------------------------------


def losses_curve(losses: Losses, room: int, only_ascii: bool) -> Text:
    """The losses from left to right, in Braille dots or stars, the scale at the left."""
    return Text("\n".join(_losses(losses, room, only_ascii)), no_wrap=True)


def _losses(losses: Losses, room: int, only_ascii: bool) -> Iterator[str]:
    values = losses.history
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return
    scale = [ascii_text(each.text) if only_ascii else each.text for each in losses.scale]
    margin = max(map(len, scale))
    columns = max(10, min(_WIDEST, room - margin - 4))
    picture = (_stars if only_ascii else _braille)(values, columns, min(finite), max(finite))
    marks = dict(zip((0, _HEIGHT // 2, _HEIGHT - 1), scale, strict=False))
    bar = "|" if only_ascii else "┤"
    for row, text in enumerate(picture):
        yield f"{marks.get(row, '').rjust(margin)} {bar}{text}".rstrip()
    corner, dash = ("+", "-") if only_ascii else ("└", "─")
    yield f"{' ' * margin} {corner}{dash * columns}"
    yield f"{' ' * margin}  0{f'{len(values) - 1} updates'.rjust(columns - 1)}"


def _heights(
    values: Sequence[float], columns: int, levels: int, low: float, high: float
) -> list[int | None]:
    """The level (from the top) of each column of the picture; None where a value is not finite."""
    span = (high - low) or 1.0
    found: list[int | None] = []
    for column in range(columns):
        value = values[round(column * (len(values) - 1) / max(columns - 1, 1))]
        found.append(round((high - value) / span * (levels - 1)) if math.isfinite(value) else None)
    return found


def _between(before: int | None, level: int | None) -> range:
    """The levels that join a point to the one before it."""
    if level is None:
        return range(0)
    if before is None or abs(before - level) < 2:
        return range(level, level + 1)
    return range(before + 1, level + 1) if before < level else range(level, before)


def _stars(values: Sequence[float], room: int, low: float, high: float) -> list[str]:
    levels = _heights(values, room, _HEIGHT, low, high)
    columns = [_between(*pair) for pair in pairwise([None, *levels])]
    return ["".join("*" if row in column else " " for column in columns) for row in range(_HEIGHT)]


def _braille(values: Sequence[float], room: int, low: float, high: float) -> list[str]:
    cells = [[0] * room for _ in range(_HEIGHT)]
    before: int | None = None
    for x, level in enumerate(_heights(values, 2 * room, 4 * _HEIGHT, low, high)):
        for y in _between(before, level):
            cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
        before = level
    return ["".join(chr(0x2800 + cell) if cell else " " for cell in row) for row in cells]
