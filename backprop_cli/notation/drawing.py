"""Arrays to boxes: matrices with brackets, aligned at the decimal point, their middle left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.notation.boxes import (
    UNICODE,
    Box,
    Glyphs,
    Role,
    beside,
    centred_text,
    labelled,
    text_box,
    width,
)
from backprop_cli.notation.printed_numbers import Digits, aligned

COLUMN_GAP = "  "
_DEFAULT_DIGITS = Digits()


class Drawing(Struct, frozen=True):
    """How arrays become boxes: digits, delimiters, orientation of vectors, what is left out."""

    digits: Digits = _DEFAULT_DIGITS
    glyphs: Glyphs = UNICODE
    rows: bool = False
    most_rows: int = 10
    most_width: int = 90
    gap: bool = True
    """Whether two rows get a line between them, on which an operator can stand."""

    def array(self, value: NDArray[np.float64], role: Role = "") -> Box:
        """A number, a vector (a column, or a row where vectors are rows), a matrix or several."""
        if value.ndim == 0:
            return text_box(self.digits.one(float(value)), role)
        return self.matrix(self.upright(value), role)

    def upright(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """A vector as the column, or the row, that it is drawn as."""
        if value.ndim != 1:
            return value
        return value[None, :] if self.rows else value[:, None]

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
        if height == 2 and self.gap:
            texts.insert(1, " " * width(texts[0]))
        baseline = (len(texts) - 1) // 2
        left, right = (fence.drawn(len(texts), baseline) for fence in self.glyphs.brackets)
        body = Box(tuple(((text, role),) for text in texts), width(texts[0]), baseline)
        return beside([left, body, right])

    def centred(self, columns: list[list[str]]) -> Box:
        """Columns of texts between brackets, each text in the middle of its column."""
        return self.bracketed(
            [[centred_text(each, max(map(width, column))) for each in column] for column in columns]
        )

    def has_room(self, columns: Sequence[Sequence[str]]) -> bool:
        """Whether a matrix of these columns is no wider than one may be."""
        return _total([[max(column, key=width)] for column in columns]) <= self.most_width

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
