"""Text to two-dimensional boxes: matrices with brackets, set beside one another on one baseline."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.render.names import Role
from backprop_cli.render.numbers import MINUS, Digits, aligned

Span: TypeAlias = "tuple[str, Role]"
Line: TypeAlias = "tuple[Span, ...]"

COLUMN_GAP = "  "
_DEFAULT_DIGITS = Digits()


class Box(Struct, frozen=True):
    """Lines of one width; `baseline` is the line on which an operator beside it stands."""

    lines: tuple[Line, ...]
    width: int
    baseline: int = 0

    @property
    def height(self) -> int:
        """The number of lines."""
        return len(self.lines)


class Fences(Struct, frozen=True):
    """A delimiter: alone, and its pieces where it is tall (the middle is at the baseline)."""

    alone: str
    top: str
    middle: str
    between: str
    bottom: str

    def drawn(self, height: int, baseline: int) -> Box:
        """The delimiter beside something of that height."""
        if height == 1:
            return text_box(self.alone)
        inner = [self.between] * height
        inner[baseline if 0 < baseline < height - 1 else height // 2] = self.middle
        inner[0], inner[-1] = self.top, self.bottom
        return Box(tuple(((piece, ""),) for piece in inner), width(self.alone), baseline)


class Glyphs(Struct, frozen=True):
    """The delimiters and dots of one way to draw: Unicode or ASCII."""

    brackets: tuple[Fences, Fences]
    parentheses: tuple[Fences, Fences]
    braces: tuple[Fences, Fences]
    bars: Fences
    double_bars: Fences
    across: str
    down: str


def _fence(pieces: str) -> Fences:
    return Fences(*pieces)


def _fences(left: str, right: str) -> tuple[Fences, Fences]:
    return _fence(left), _fence(right)


UNICODE = Glyphs(
    _fences("[⎡⎢⎢⎣", "]⎤⎥⎥⎦"),
    _fences("(⎛⎜⎜⎝", ")⎞⎟⎟⎠"),
    _fences("{⎧⎨⎪⎩", "}⎫⎬⎪⎭"),
    _fence("|││││"),
    _fence("‖‖‖‖‖"),
    "…",
    "⋮",
)
ASCII = Glyphs(
    _fences("[[||[", "]]||]"),
    _fences("(/||\\", ")\\||/"),
    _fences("{{||{", "}}||}"),
    _fence("|||||"),
    Fences(*["||"] * 5),
    "...",
    ":",
)


@lru_cache(maxsize=4096)
def width(text: str) -> int:
    """How many terminal columns `text` takes: marks above a letter take none."""
    if text.isascii() or text.replace(MINUS, "-").isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def text_box(text: str, role: Role = "") -> Box:
    """A box of one line."""
    return Box((((text, role),),), width(text))


def line_width(line: Line) -> int:
    """The columns a line takes."""
    return sum(width(text) for text, _ in line)


def plain_text(line: Line) -> str:
    """A line without its roles, and without spaces at its end."""
    return "".join(text for text, _ in line).rstrip()


def beside(boxes: Sequence[Box]) -> Box:
    """Boxes from left to right, their baselines on one line."""
    above = max(box.baseline for box in boxes)
    below = max(len(box.lines) - box.baseline for box in boxes)
    padded = [_padded(box, above, below) for box in boxes]
    lines = tuple(tuple(chain.from_iterable(row)) for row in zip(*padded, strict=True))
    return Box(lines, sum(box.width for box in boxes), above)


def _padded(box: Box, above: int, below: int) -> Sequence[Line]:
    """The lines of a box with blank ones, so many in all above and below its baseline."""
    top, bottom = above - box.baseline, below - len(box.lines) + box.baseline
    if not top and not bottom:
        return box.lines
    blank: Line = ((" " * box.width, ""),)
    return (*(blank,) * top, *box.lines, *(blank,) * bottom)


def centred(box: Box, wide: int) -> Box:
    """The box in the middle of a given width."""
    room = wide - box.width
    if room <= 0:
        return box
    left, right = " " * (room // 2), " " * (room - room // 2)
    return Box(tuple(((left, ""), *line, (right, "")) for line in box.lines), wide, box.baseline)


def centred_text(text: str, wide: int) -> str:
    """The text in the middle of a given width."""
    left = (wide - width(text)) // 2
    return " " * left + text + " " * (wide - width(text) - left)


def labelled(box: Box, label: str) -> Box:
    """The box with a dim label centred below it."""
    wide = max(box.width, width(label))
    lines = centred(box, wide).lines
    return Box((*lines, ((centred_text(label, wide), "note"),)), wide, box.baseline)


class Drawing(Struct, frozen=True):
    """How arrays become boxes: digits, delimiters, orientation of vectors, what is left out."""

    digits: Digits = _DEFAULT_DIGITS
    glyphs: Glyphs = UNICODE
    rows: bool = False
    most_rows: int = 10
    most_width: int = 90

    def array(self, value: NDArray[np.float64], role: Role = "") -> Box:
        """A number, a vector (a column, or a row where vectors are rows), a matrix or several."""
        if value.ndim == 0:
            return text_box(self.digits.one(float(value)), role)
        if value.ndim == 1:
            value = value[None, :] if self.rows else value[:, None]
        return self.matrix(value, role)

    def matrix(self, value: NDArray[np.float64], role: Role = "") -> Box:
        """A matrix in brackets, its middle left out where it is large."""
        rows = kept_places(value.shape[0], self.most_rows)
        columns = kept_places(value.shape[1], max(4, self.most_width // 3))
        drawn = self._columns(value, rows, columns)
        if None in columns or _total(drawn) > self.most_width:
            rows, columns = (
                kept_places(value.shape[0], min(6, self.most_rows)),
                kept_places(value.shape[1], 4),
            )
            drawn = self._columns(value, rows, columns)
        while _total(drawn) > self.most_width and len(columns) > 3:
            columns = _fewer(columns)
            drawn = self._columns(value, rows, columns)
        return self.bracketed(drawn, role)

    def _columns(
        self, value: NDArray[np.float64], rows: Sequence[int | None], columns: Sequence[int | None]
    ) -> list[list[str]]:
        """The texts of the entries kept, by column; the dots stand where entries are left out."""
        kept_rows = [row for row in rows if row is not None]
        kept_columns = [column for column in columns if column is not None]
        numbers = [[float(value[row, column]) for row in kept_rows] for column in kept_columns]
        texts = self.digits.several(number for column in numbers for number in column)
        size = len(kept_rows)
        drawn = iter(
            self._with_dots(aligned(texts[i * size : (i + 1) * size]), rows)
            for i in range(len(kept_columns))
        )
        return [next(drawn) if column is not None else self._dots(rows) for column in columns]

    def _with_dots(self, texts: list[str], rows: Sequence[int | None]) -> list[str]:
        if None not in rows:
            return texts
        position = rows.index(None)
        wide = max(map(width, texts))
        return [*texts[:position], centred_text(self.glyphs.down, wide), *texts[position:]]

    def _dots(self, rows: Sequence[int | None]) -> list[str]:
        blank = " " * width(self.glyphs.across)
        return [blank if row is None else self.glyphs.across for row in rows]

    def bracketed(self, columns: list[list[str]], role: Role = "") -> Box:
        """Columns of texts of equal width between brackets; two rows get a line between them."""
        height = max(map(len, columns), default=0)
        if height == 0:
            return text_box("[]", role)
        texts = [COLUMN_GAP.join(column[row] for column in columns) for row in range(height)]
        if height == 2:
            texts.insert(1, " " * width(texts[0]))
        baseline = (len(texts) - 1) // 2
        left, right = (fence.drawn(len(texts), baseline) for fence in self.glyphs.brackets)
        body = Box(tuple(((text, role),) for text in texts), width(texts[0]), baseline)
        return beside([left, body, right])

    def several(
        self, value: NDArray[np.float64], labels: Sequence[str], role: Role = ""
    ) -> list[Box]:
        """Three axes: a matrix for each position along the first, with its label."""
        return [
            text_box(self.glyphs.across)
            if i is None
            else labelled(self.matrix(value[i], role), labels[i])
            for i in kept_places(len(labels), 4)
        ]


def kept_places(size: int, most: int) -> list[int | None]:
    """The positions shown of so many; None stands for those left out."""
    if size <= most:
        return list(range(size))
    return [*range(min(3, most)), None, size - 1]


def _fewer(columns: Sequence[int | None]) -> list[int | None]:
    """One column less, taken from the middle."""
    *first, last = [column for column in columns if column is not None]
    return [*first[:-1], None, last]


def _total(columns: Sequence[Sequence[str]]) -> int:
    gaps = len(COLUMN_GAP) * (len(columns) - 1)
    return 2 + gaps + sum(width(column[0]) for column in columns if column)
