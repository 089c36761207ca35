"""Blocks to lines of a given width: the formula of a step, values in one line, wrapped words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, symbols
from backprop_cli.algebra.shapes import Shape
from backprop_cli.document.names import Names, shape_text
from backprop_cli.document.step_words import PARAMETERS
from backprop_cli.document.view import View
from backprop_cli.notation.boxes import (
    ASCII,
    UNICODE,
    Box,
    Line,
    Span,
    beside,
    plain_text,
    text_box,
    width,
)
from backprop_cli.notation.drawing import Drawing
from backprop_cli.notation.flow import Token, lines, natural_width, word
from backprop_cli.notation.printed_numbers import Digits
from backprop_cli.render.blocks import GivenBlock, StatedBlocks, StepBlock
from backprop_cli.render.formula import Writer

Array = NDArray[np.float64]

INDENT = 8
_GIVEN_GAP = 4
_APART = text_box("  ")
_TABLE_ROWS = 8
_TALLEST = 24
"""Numbers put in that would take more lines than this are left out; the result still follows."""

_PLAIN = str.maketrans(
    {
        "′": "'",
        "−": "-",
        "·": "|",
        "∂": "d",
        "ŷ": "yhat",
        "Ŷ": "Yhat",
        "…": "...",
        "×": "x",
        "½": "1/2",
        "λ": "lambda",
        "η": "eta",
        "δ": "delta",
        "≤": "<=",
        "≥": ">=",
        "σ": "sigmoid",
        "Σ": "sum",
        "⊙": "*",
        "ᵀ": ".T",
        "–": "-",
        "’": "'",
        "⁺": "_new",
    }
)


class Layout(Struct, frozen=True):
    """Lays out blocks for one view."""

    names: Names
    view: View
    drawing: Drawing
    indent: int = INDENT

    def plain(self, text: str) -> str:
        """Words as they may be printed: in ASCII where only that is wanted."""
        if not self.view.ascii:
            return text
        return text.translate(_PLAIN).encode("ascii", "backslashreplace").decode()

    @property
    def times(self) -> str:
        """What stands between the sizes of a shape."""
        return "x" if self.view.ascii else "×"

    def named(self, id: str) -> Span:
        """A name in its colour."""
        return self.names.text(id), self.names.role(id)

    def shape(self, shape: Shape) -> str:
        """A shape as it stands beside a name: `(2×3)`; nothing for a number."""
        return f"({shape_text(shape, self.times)})" if shape else ""

    def aside(self, quantities: Sequence[tuple[str, Array]]) -> str:
        """`η = 0.5`, for the margin of a heading."""
        digits = replace(self.drawing.digits, precision=max(self.view.precision, 10))
        return "   ".join(
            f"{self.names.text(id)} = {digits.one(float(value))}" for id, value in quantities
        )

    # Formulas ---------------------------------------------------------------------------------

    def formula(self, block: StepBlock) -> Iterator[Line]:
        """Symbols, numbers put in, result: on one line where they are short, else several."""
        head = (Token(text_box(*self.named(block.id))),)
        has_formula = not (isinstance(block.expr, Op) and block.expr.name == "jacobian")
        segments = [self._symbols(block)] if has_formula else []
        numbers = self._numbers(block) if "numbers" in block.parts and has_formula else None
        segments += [numbers] if numbers else []
        if block.value is not None and "result" in block.parts:
            segments.append(self._result(block))
        yield from self.equation(head, [segment for segment in segments if segment])

    def entries(self, block: StepBlock) -> Iterator[Line]:
        """Each entry on a line of its own: `Z¹₁ = W¹₁₁ · x₁ + … = 3 · 1 + … = 4`."""
        for entry in block.entries:
            text = self.names.text(self.names.counting.entry(block.id, entry.index))
            head = (Token(text_box(text, self.names.role(block.id))),)
            segments = [
                self._writer(block, numbers=numbers).tokens(entry.expr)
                for numbers in ((False, True) if symbols(entry.expr) else (True,))
            ]
            result = Token(self.drawing.array(np.asarray(entry.value), "result"))
            if len(segments[-1]) > 1 or len(segments) == 1:
                segments.append((result,))
            yield from self.equation(head, segments)

    def equation(
        self, head: tuple[Token, ...], segments: list[tuple[Token, ...]]
    ) -> Iterator[Line]:
        """Segments joined by `=`, on one line where they fit."""
        room = self.view.width - self.indent
        margin = natural_width(head) + 1
        rows: list[list[Token]] = []
        for segment in _without_repeats(segments):
            equals = [word("="), replace(segment[0], space=True), *segment[1:]]
            if rows and self._joins(rows[-1], equals, room - margin):
                rows[-1] += [replace(equals[0], space=True), *equals[1:]]
            else:
                rows.append(equals)
        for position, row in enumerate(rows):
            for number, box in enumerate(lines(row, room - margin, 2)):
                first = head[0].box if position == number == 0 else text_box("")
                lead = beside([first, text_box(" " * (margin - first.width))])
                yield from beside([lead, box]).lines

    def _joins(self, row: list[Token], more: list[Token], room: int) -> bool:
        """Whether a segment goes on the line before: no tall one behind a formula in symbols."""
        if natural_width(row) + 1 + natural_width(more) > room:
            return False
        return not _flat(row) or _flat(more) or len(row) <= 2

    def _symbols(self, block: StepBlock) -> tuple[Token, ...]:
        return self._writer(block, numbers=False).tokens(block.expr)

    def _numbers(self, block: StepBlock) -> tuple[Token, ...] | None:
        """The expression with values put in; None where it is none or does not fit."""
        used = symbols(block.expr)
        known = bool(used) and not set(used) - block.values.keys()
        if not known or max(map(len, block.shapes.values())) > 2:
            return None
        tokens = self._writer(block, numbers=True).tokens(block.expr)
        if len(tokens) == 1 and block.value is not None:
            return None
        room = self.view.width - self.indent - width(self.names.text(block.id)) - 3
        tall = sum(box.height for box in lines(tokens, room, 2))
        return self._labels(tokens) if tall <= _TALLEST else None

    def _labels(self, tokens: tuple[Token, ...]) -> tuple[Token, ...]:
        """Shapes below the factors, where they are not all the same."""
        if len({token.label for token in tokens if token.label}) < 2:
            return tuple(replace(token, label="") for token in tokens)
        return tokens

    def _result(self, block: StepBlock) -> tuple[Token, ...]:
        assert block.value is not None
        value, used = block.value, block.values.values()
        if used and all(array.size == 1 for array in (value, *used)):
            value = value.reshape(())
        return self.value_tokens(value, block.axes, block.id)

    def value_tokens(
        self, value: Array, axes: tuple[str, ...] = (), id: str = ""
    ) -> tuple[Token, ...]:
        """A value as tokens; of more than two axes, a matrix for each place on the first."""
        if value.ndim < 3:
            return (Token(self.drawing.array(value, "result")),)
        blocks = value.reshape(-1, *value.shape[-2:])
        labels = [self._block_label(place, axes, id) for place in np.ndindex(value.shape[:-2])]
        boxes = self.drawing.several(blocks, labels, "result")
        return tuple(Token(beside([_APART, box]), level=1) for box in boxes)

    def _block_label(self, place: tuple[int, ...], axes: tuple[str, ...], id: str) -> str:
        numbers = self.names.counting.shown(id, (*place, None, None))
        if len(place) == 1 and axes[:1] == ("sample",):
            return f"sample {numbers[0]}"
        return f"[{','.join(numbers)}]"

    def _writer(self, block: StepBlock, *, numbers: bool) -> Writer:
        return Writer(self.names, self.drawing, block.shapes, block.values if numbers else None)

    # Values -----------------------------------------------------------------------------------

    def given(self, blocks: Sequence[GivenBlock]) -> Iterator[Line]:
        """`W¹ = ⎡…⎤` side by side, with their shapes below."""
        digits = replace(self.drawing.digits, precision=max(self.view.precision, 6))
        exact = replace(self.drawing, digits=digits)
        tokens: list[Token] = []
        for block in blocks:
            name = beside(
                [text_box(*self.named(block.id)), text_box(" = "), exact.array(block.value)]
            )
            label = shape_text(block.value.shape, self.times)
            tokens.append(Token(_below_value(name, label), space=True, level=1))
            tokens.append(Token(text_box("  ")))
        rows = list(lines(tokens[:-1], self.view.width - _GIVEN_GAP, 0)) if tokens else []
        for position, box in enumerate(rows):
            if position:
                yield ()
            yield from beside([text_box(" " * _GIVEN_GAP), box]).lines

    def stated(self, block: StatedBlocks) -> Iterator[Line]:
        """A line for each: name, what it is, its shape, how many numbers; their sum below."""
        rows = [
            (
                self.names.text(item.id),
                item.words,
                self.shape(item.shape),
                self._counted(item.count),
            )
            for item in block.items
        ]
        widths = [max(width(row[column]) for row in rows) for column in range(3)]
        margin = " " * _GIVEN_GAP
        for item, row in zip(block.items, rows, strict=True):
            padded = [
                text + " " * (size - width(text) + 2)
                for text, size in zip(row, widths, strict=False)
            ]
            role = self.names.role(item.id)
            yield (margin, ""), (padded[0], role), (padded[1], ""), (padded[2] + row[3], "note")
        if block.total != build.ZERO:
            yield ()
            yield (margin, ""), (f"{PARAMETERS}: {self._count(block.total)}", "")

    def _count(self, count: Expr) -> str:
        """A number of entries as a formula on one line."""
        tokens = Writer(self.names, self.drawing, {}, None).tokens(count)
        return plain_text(next(iter(lines(tokens, natural_width(tokens), 0))).lines[0])

    def _counted(self, count: Expr | None) -> str:
        if count is None:
            return ""
        return f"{self._count(count)} number{'' if count == build.ONE else 's'}"

    def flat(self, value: Array, room: int) -> list[str]:
        """A value in rows of text: `3.0055 5.9217; 4 5`, shortened to what fits."""
        if value.ndim == 0:
            return [self.drawing.digits.one(float(value))]
        rows = value.reshape(-1, value.shape[-1])
        texts = [self._row(row, room) for row in rows[:_TABLE_ROWS]]
        whole = "; ".join(texts)
        if len(rows) > _TABLE_ROWS:
            return [*texts[:3], self.drawing.glyphs.across]
        return [whole] if width(whole) <= room else texts

    def _row(self, row: Array, room: int) -> str:
        """Numbers side by side, those in the middle left out where there is no room for them."""
        dots = self.drawing.glyphs.across
        most = room // 2
        numbers = [
            float(number) for number in (row if len(row) <= most else [*row[:most], row[-1]])
        ]
        *texts, last = self.drawing.digits.several(numbers)
        whole = " ".join([*texts, last])
        if len(numbers) == len(row) and width(whole) <= room:
            return whole
        left = room - width(f"{dots} {last}")
        kept = []
        for text in texts:
            left -= width(text) + 1
            if left < 0:
                break
            kept.append(text)
        return " ".join([*kept, dots, last])


def _widest(columns: int) -> int:
    """The columns a matrix may take: in a narrow window it has to share them with a function."""
    return columns - INDENT - 12 if columns >= 80 else max(20, columns // 2)


def _below_value(box: Box, label: str) -> Box:
    """A shape at the right edge below a named value."""
    if not label:
        return box
    wide = max(box.width, width(label))
    lines_ = tuple((*line, (" " * (wide - box.width), "")) for line in box.lines)
    return Box((*lines_, ((label.rjust(wide), "note"),)), wide, box.baseline)


def layout_of(names: Names, view: View) -> Layout:
    """The layout that a view asks for."""
    digits = Digits(view.precision, view.ascii)
    drawing = Drawing(
        digits,
        ASCII if view.ascii else UNICODE,
        view.rows,
        16 if view.detail == "long" else 10,
        _widest(view.width),
    )
    return Layout(names, view, drawing)


def wrapped(words: Iterable[str], room: int, joiner: str) -> Iterator[str]:
    """The words joined into lines of at most `room`; a line ends before a joiner."""
    line = ""
    for text in words:
        if joiner != " " and width(text) > room:
            yield from [line] if line else []
            line = ""
            yield from wrapped(text.split(), room, " ")
        elif line and width(line) + width(joiner) + width(text) > room:
            yield line
            line = text
        else:
            line = f"{line}{joiner}{text}" if line else text
    if line:
        yield line


def _flat(tokens: Sequence[Token]) -> bool:
    return all(token.box.height == 1 for token in tokens)


def _without_repeats(segments: list[tuple[Token, ...]]) -> Iterator[tuple[Token, ...]]:
    """The segments without one that reads as the one before it: no `= 2 = 2`."""
    before: list[str] | None = None
    for segment in segments:
        text = [part for token in segment for line in token.box.lines for part, _ in line]
        if text != before:
            yield segment
        before = text
