"""Text to two-dimensional boxes, set beside one another on one baseline; delimiters that grow."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Literal, TypeAlias

from msgspec import Struct

from backprop_cli.notation.numbers_and_indices import MINUS, Digits

Role = Literal["", "data", "parameter", "gradient", "result", "note", "heading"]
"""What a text is, for its colour."""

Span: TypeAlias = "tuple[str, Role]"
Line: TypeAlias = "tuple[Span, ...]"


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
)
ASCII = Glyphs(
    _fences("[[||[", "]]||]"),
    _fences("(/||\\", ")\\||/"),
    _fences("{{||{", "}}||}"),
    _fence("|||||"),
    Fences(*["||"] * 5),
    "...",
)


@lru_cache(maxsize=4096)
def width(text: str) -> int:
    """How many terminal columns `text` takes: marks above a letter take none."""
    if text.isascii() or text.replace(MINUS, "-").isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


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


# Matrices in brackets -----------------------------------------------------------------------------


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
