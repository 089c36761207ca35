"""The losses of a training to a small picture, with the first, some, and the last values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from backprop_cli.document.step_words import after_updates
from backprop_cli.notation.boxes import Line, width
from backprop_cli.render.blocks import LossBlock

if TYPE_CHECKING:
    from backprop_cli.render.layout import Layout

_FEW = 12
_HEIGHT = 8
_WIDEST = 60
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a Braille cell, by row and column."""


def history_lines(block: LossBlock, layout: Layout) -> Iterator[Line]:
    """A few losses in words, many as a curve."""
    name = layout.names.text(block.id)
    digits = layout.drawing.digits
    arrow = "->" if layout.view.ascii else "→"
    first, last = block.history[0], block.history[-1]
    texts = digits.several(block.history if len(block.history) <= _FEW else (first, last))
    after = after_updates(len(block.history) - 1)
    first_text = f"    {name}  {texts[0]} {arrow} "
    yield ((first_text, ""), (texts[-1], "result"), (f"   {after}", "note"))
    if 2 < len(block.history) <= _FEW:
        yield ((f"    {'  '.join(texts)}", "note"),)
    if len(block.history) > _FEW:
        yield ()
        yield from ((("    " + text, ""),) for text in curve(block.history, layout))


def curve(values: Sequence[float], layout: Layout) -> Iterator[str]:
    """The values from left to right, in Braille dots or stars, the scale at the left."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return
    low, high = min(finite), max(finite)
    digits = layout.drawing.digits
    scale = digits.several((high, (high + low) / 2, low))
    margin = max(map(width, scale))
    room = max(10, min(_WIDEST, layout.view.width - margin - 8))
    picture = (_stars if layout.view.ascii else _braille)(values, room, low, high)
    marks = {0: scale[0], _HEIGHT // 2: scale[1], _HEIGHT - 1: scale[2]}
    bar = "|" if layout.view.ascii else "┤"
    for row, text in enumerate(picture):
        yield f"{marks.get(row, '').rjust(margin)} {bar}{text}".rstrip()
    corner, dash = ("+", "-") if layout.view.ascii else ("└", "─")
    yield f"{' ' * margin} {corner}{dash * room}"
    yield f"{' ' * margin}  0{f'{len(values) - 1} updates'.rjust(room - 1)}"


def sampled(values: Sequence[float], most: int) -> tuple[list[tuple[float, float]], float, float]:
    """At most so many points for a picture, each how far along and its value; lowest, highest."""
    count = min(most, len(values))
    last = len(values) - 1
    places = [round(i * last / max(count - 1, 1)) for i in range(count)]
    points = [(place / max(last, 1), values[place]) for place in places]
    finite = [(share, value) for share, value in points if math.isfinite(value)]
    heights = [value for _, value in finite] or [0.0]
    return finite, min(heights), max(heights)


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
