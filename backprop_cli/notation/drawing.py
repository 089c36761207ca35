"""Columns of texts to matrices in brackets, and how wide and with which signs they are drawn."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from backprop_cli.notation.boxes import (
    UNICODE,
    Box,
    Glyphs,
    beside,
    centred_text,
    text_box,
    width,
)
from backprop_cli.notation.printed_numbers import Digits

_COLUMN_GAP = "  "
_DEFAULT_DIGITS = Digits()


class Drawing(Struct, frozen=True):
    """How matrices become boxes: digits, delimiters, orientation of vectors, the widest."""

    digits: Digits = _DEFAULT_DIGITS
    glyphs: Glyphs = UNICODE
    rows: bool = False
    most_width: int = 90
    gap: bool = True
    """Whether two rows get a line between them, on which an operator can stand."""

    def bracketed(self, columns: list[list[str]]) -> Box:
        """Columns of texts between brackets, each text in the middle of its column."""
        padded = [_centred(column) for column in columns]
        height = max(map(len, padded), default=0)
        if height == 0:
            return text_box("[]")
        texts = [_COLUMN_GAP.join(column[row] for column in padded) for row in range(height)]
        if height == 2 and self.gap:
            texts.insert(1, " " * width(texts[0]))
        baseline = (len(texts) - 1) // 2
        left, right = (fence.drawn(len(texts), baseline) for fence in self.glyphs.brackets)
        body = Box(tuple(((text, ""),) for text in texts), width(texts[0]), baseline)
        return beside([left, body, right])

    def has_room(self, columns: Sequence[Sequence[str]]) -> bool:
        """Whether a matrix of these columns is no wider than one may be."""
        gaps = len(_COLUMN_GAP) * (len(columns) - 1)
        return 2 + gaps + sum(max(map(width, column)) for column in columns) <= self.most_width


def _centred(column: Sequence[str]) -> list[str]:
    wide = max(map(width, column))
    return [centred_text(each, wide) for each in column]
