"""A network to lines of characters: units in parentheses, lines of Braille dots or full stops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Final

from backprop_cli.document.networks import Network, NetworkUnit
from backprop_cli.drawing.network_pictures import Placed, Point, Scale, along, placed
from backprop_cli.notation.boxes import width

_ROWS: Final = 4  # of characters between two units of a column
_ROWS_MANY: Final = 2  # the same where there are many
_MANY: Final = 6
_WIDEST: Final = 34  # characters between two columns
_LEAST: Final = 14
_NO_ROOM: Final = "there is no room for the weights between so many units"
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a Braille cell, by row and column."""


def network_lines(network: Network, room: int, only_ascii: bool) -> list[str] | None:
    """The picture in so many columns; None where there is no room for it."""
    ends = max(width(_shown(unit)) for unit in network.units)
    gaps = len(network.heads) - 1
    across = min(_WIDEST, (room - ends - 1) // gaps)
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
        for text, at in weights if has_room else ():
            self._text(text, at)
        for unit, at in zip(network.units, found.middles, strict=True):
            self._text(_shown(unit), at)
        return has_room

    def _apart(self, texts: Sequence[tuple[str, Point]]) -> bool:
        """Whether of no two texts one would hide a part of the other; their blanks may meet."""
        taken: dict[tuple[int, int], bool] = {}
        for text, at in texts:
            row, first = self._start(text, at)
            for column, char in enumerate(text, first):
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
