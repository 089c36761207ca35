"""Formulas to renderables of rich: equations aligned at `=`, chains with reasons, tall cases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment

from backprop_cli.document.document_data import Equation, Row
from backprop_cli.notation.boxes import Box, Line, Role, Span, beside, line_width, text_box, width
from backprop_cli.notation.flow import Token, Tokens, lines, natural_width, restyled, word
from backprop_cli.notation.nodes import Cases, Grid, Node, Word, every
from backprop_cli.notation.terminal import Terminal

TALLEST = 24
"""Numbers put in that would take more lines than this are left out; the result still follows."""

_GAP = 3  # columns between formulas and what is said beside them
_LEAST = 24  # columns that reasons need to stand beside their lines
_HANG = 2


class Drawn(Struct, frozen=True):
    """Lines of styled text that are as wide as they are given room: what rich draws."""

    def lines(self, room: int) -> Iterator[Line]:
        """The lines, of at most so many columns where that can be."""
        raise NotImplementedError

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines(options.max_width):
            for text, role in joined_spans(line):
                yield Segment(text, console.get_style(role) if role else None)
            yield Segment.line()

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        del console
        widths = [line_width(line) for line in self.lines(options.max_width)]
        most = max(widths, default=0)
        return Measurement(min(most, options.max_width), min(most, options.max_width))


def joined_spans(line: Line) -> Iterator[Span]:
    """The line with neighbours of one style in one piece, and the blanks between them."""
    spans = [(text, role) for text, role in line if text]
    for place in range(1, len(spans) - 1):
        (_, before), (text, role), (_, after) = spans[place - 1 : place + 2]
        if text.isspace() and not role and before == after:
            spans[place] = (text, before)
    for role, group in groupby(spans, lambda span: span[1]):
        yield "".join(text for text, _ in group), role


class Boxed(Drawn, frozen=True):
    """A box as it is; of what is made of several, they fall below one another where it is wide."""

    box: Box
    tokens: Tokens = ()

    def lines(self, room: int) -> Iterator[Line]:
        """Its lines."""
        fits = self.box.width <= room or not self.tokens
        for box in [self.box] if fits else lines(self.tokens, room, 0):
            yield from box.lines


class Inline(Boxed, frozen=True):
    """A line that stands among words."""


def inline(line: Line) -> Inline:
    """A line of its own width."""
    return Inline(Box((line,), line_width(line), 0))


class Moved(Drawn, frozen=True):
    """Lines further to the right."""

    inner: Drawn
    by: int

    def lines(self, room: int) -> Iterator[Line]:
        """The lines of what is inside, in the room that is left."""
        margin: Span = (" " * self.by, "")
        for line in self.inner.lines(room - self.by):
            yield (margin, *line) if line else line


class Headline(Drawn, frozen=True):
    """A number, a name and words; a shape at the right margin."""

    number: str
    words: Tokens
    shape: str

    def lines(self, room: int) -> Iterator[Line]:
        """One line, or more where the words do not fit."""
        margin = len(self.number)
        left = room - margin - (len(self.shape) + 2 if self.shape else 0)
        for place, box in enumerate(lines(self.words, left, 0)):
            start: Span = (" " * margin, "") if place else (self.number, "note")
            line: Line = (start, *box.lines[box.baseline])
            gap = " " * (room - line_width(line) - len(self.shape))
            yield line if place or not self.shape else (*line, (gap, ""), (self.shape, "note"))


class Flowing(Drawn, frozen=True):
    """Words and formulas one after another, broken where they do not fit."""

    tokens: Tokens
    hang: int = 0

    def lines(self, room: int) -> Iterator[Line]:
        for box in lines(self.tokens, room, self.hang):
            yield from box.lines


class Phrases(Drawn, frozen=True):
    """Phrases with a sign between them; a line ends before the sign, which is left out there."""

    phrases: tuple[str, ...]
    joiner: str

    def lines(self, room: int) -> Iterator[Line]:
        line = ""
        for phrase in self.phrases:
            longer = f"{line}{self.joiner}{phrase}" if line else phrase
            if line and width(longer) > room:
                yield ((line, "note"),)
                longer = phrase
            *full, line = wrapped(longer, room) if width(longer) > room else (longer,)
            yield from (((each, "note"),) for each in full)
        yield ((line, "note"),)


def worded(text: str, role: Role = "") -> Tokens:
    """A sentence as tokens, between any two of which a line may end."""
    return tuple(Token(text_box(each, role), space=True, level=1) for each in text.split())


# Equations ----------------------------------------------------------------------------------------


class Equal(Drawn, frozen=True):
    """`head = side = side = result`, on one line where it is short, else aligned at the `=`."""

    equation: Equation
    setter: Terminal

    def lines(self, room: int) -> Iterator[Line]:
        head = self.setter.tokens(self.equation.head)
        margin = natural_width(head) + 1
        segments = list(self.segments(room - margin))
        yield from equal_lines(head, segments, room)

    def segments(self, room: int) -> Iterator[Tokens]:
        """What is joined by `=`, without numbers put in that would be taller than a screen."""
        sides, result = self.equation.sides, self.equation.result
        for place, side in enumerate(sides):
            tokens = self.setter.tokens(side)
            if place and result is not None and self.too_tall(tokens, room):
                continue
            yield without_equal_labels(tokens)
        if result is not None:
            yield resulting(result, self.setter)

    def too_tall(self, tokens: Tokens, room: int) -> bool:
        """Whether the numbers put in are left out; few are not even laid out to see it."""
        if sum(token.box.height + bool(token.label) for token in tokens) <= TALLEST:
            return False
        return sum(box.height for box in lines(tokens, room, _HANG)) > TALLEST


def resulting(node: Node, setter: Terminal) -> Tokens:
    """What came out: it stands out, and the shape of a matrix that is whole needs no label."""
    tokens = restyled(setter.tokens(node), "result")
    return tuple(replace(token, label="") for token in tokens) if isinstance(node, Grid) else tokens


def has_drawing(node: Node) -> bool:
    """Whether a matrix is drawn in a formula, which no line can be broken in."""
    return any(isinstance(part, Grid) and not part.separator for part in every(node))


def without_equal_labels(tokens: Tokens) -> Tokens:
    """The tokens with shapes below them only where these are not all the same."""
    if len({token.label for token in tokens if token.label}) < 2:
        return tuple(replace(token, label="") for token in tokens)
    return tokens


def equal_lines(
    head: Tokens, segments: Iterable[Tokens], room: int, margin: int = 0
) -> Iterator[Line]:
    """Segments joined by `=`; each on lines of its own where they do not fit on one."""
    margin = margin or natural_width(head) + 1
    rows: list[list[Token]] = []
    for segment in segments:
        equals = [word("="), replace(segment[0], space=True), *segment[1:]]
        if rows and _joins(rows[-1], equals, room - margin):
            rows[-1] += [replace(equals[0], space=True), *equals[1:]]
        else:
            rows.append(equals)
    if not rows:
        yield from _side_by_side(head).lines
    for position, row in enumerate(rows):
        for number, box in enumerate(lines(row, room - margin, _HANG)):
            first = position == number == 0
            yield from beside([*_lead(head if first else (), margin), box]).lines


def _lead(head: Tokens, margin: int) -> list[Box]:
    """What stands before the `=`: the head, or blanks of its width."""
    if not head:
        return [text_box(" " * margin)]
    return [_side_by_side(head), text_box(" " * (margin - natural_width(head)))]


def _joins(row: Sequence[Token], more: Sequence[Token], room: int) -> bool:
    """Whether a segment goes on the line before: no tall one behind a formula in symbols."""
    if natural_width(row) + 1 + natural_width(more) > room:
        return False
    return not _is_flat(row) or _is_flat(more) or len(row) <= 2


def _is_flat(tokens: Sequence[Token]) -> bool:
    return all(token.box.height == 1 for token in tokens)


def _side_by_side(tokens: Tokens) -> Box:
    """The tokens on one line, however wide."""
    return next(iter(lines(tokens, natural_width(tokens), 0)))


# Chains -------------------------------------------------------------------------------------------


class Chain(Drawn, frozen=True):
    """Equal things below one another; their reasons in a column, or below where none fits."""

    rows: tuple[Row, ...]
    setter: Terminal
    width: int
    """Of the heads, so that several chains stand aligned."""

    def lines(self, room: int) -> Iterator[Line]:
        margin = self.width + 1 if self.width else 0
        forms = self.rows[0].head is not None and not any(map(self.is_apart, self.rows))
        if forms and len(self.rows) > 1:
            yield from self.joined(room)
            return
        drawn = [self.drawn(row, room - margin) for row in self.rows]
        column = self.column(drawn, room - margin)
        for row, boxes in zip(self.rows, drawn, strict=True):
            if max(box.width for box in boxes) <= room - margin or not has_drawing(row.body):
                yield from self.step(row, boxes, margin, column, room)
            else:
                yield from self.too_wide(row, boxes, room)

    def too_wide(self, row: Row, boxes: Sequence[Box], room: int) -> Iterator[Line]:
        """A matrix below its name, or the words that it has no room."""
        head = self.setter.tokens(row.head) if row.head is not None else ()
        (bare,) = lines(self.setter.tokens(row.body), 10 * boxes[0].width, 0)
        if bare.width > room:
            said = word("= (the matrix is too wide to be drawn here)", space=True)
            yield from _side_by_side((*head, restyled((said,), "note")[0])).lines
            return
        yield from _side_by_side((*head, word("=", space=True))).lines
        yield from with_shape(bare.lines, self.shape(row), room, bare.baseline)

    def is_apart(self, row: Row) -> bool:
        """Whether a row has a line of its own: it has a reason, or is tall."""
        return bool(row.words) or isinstance(row.body, Cases) or row.result is not None

    def joined(self, room: int) -> Iterator[Line]:
        """Forms of one thing on one line where they fit."""
        first, shape = self.rows[0], self.shape(self.rows[-1])
        head = self.setter.tokens(first.head) if first.head is not None else ()
        segments = [self.setter.tokens(row.body) for row in self.rows]
        left = room - (width(shape) + _HANG if shape else 0)
        found = list(equal_lines(head, segments, left, self.width + 1))
        yield from with_shape(found, shape, room, len(found) - 1)

    def drawn(self, row: Row, room: int) -> list[Box]:
        """The right side of a row."""
        shape = self.shape(row)
        room -= len(shape) + _HANG if shape else 0
        if isinstance(row.body, Cases) and row.result is None:
            return [beside([text_box("= "), tall_cases(row.body, self.setter, room - 2)])]
        body = self.setter.tokens(row.body)
        tokens = [word("="), replace(body[0], space=True), *body[1:]]
        if row.result is not None:
            result = resulting(row.result, self.setter)
            tokens += [word("=", space=True, level=0), replace(result[0], space=True), *result[1:]]
        return list(lines(tokens, room, _HANG))

    def shape(self, row: Row) -> str:
        """`(2×3)` at the margin."""
        return f"({self.setter.shape(row.shape)})" if row.shape else ""

    def column(self, drawn: Sequence[Sequence[Box]], room: int) -> int:
        """Where the reasons begin, counted from the `=`: behind most of the lines."""
        most = room - _LEAST - _GAP
        fitting = [box.width for boxes in drawn for box in boxes if box.width <= most]
        return max(fitting, default=most) + _GAP

    def step(
        self, row: Row, boxes: Sequence[Box], margin: int, column: int, room: int
    ) -> Iterator[Line]:
        """A row with its reason, or with its shape at the right margin."""
        head = self.setter.tokens(row.head) if row.head is not None else ()
        blank = " " * (margin - natural_width(head))
        first = beside([_side_by_side(head), text_box(blank)]) if head else text_box(" " * margin)
        found = [
            line
            for place, box in enumerate(boxes)
            for line in beside([text_box(" " * margin) if place else first, box]).lines
        ]
        if row.words:
            yield from self.with_reason(row.words, found, margin + column, room)
        else:
            at = len(found) - boxes[-1].height + boxes[-1].baseline
            yield from with_shape(found, self.shape(row), room, at)

    def with_reason(
        self, words: str, found: Sequence[Line], column: int, room: int
    ) -> Iterator[Line]:
        """The lines, and beside the last of them (or below) why they hold."""
        reasons = list(wrapped(words, max(room - column, _LEAST)))
        start = len(found) - 1
        if line_width(found[start]) + _GAP > column:
            start += 1
        for number in range(max(len(found), start + len(reasons))):
            line = found[number] if number < len(found) else ()
            said = number - start
            if 0 <= said < len(reasons):
                line = (*line, (" " * (column - line_width(line)), ""), (reasons[said], "note"))
            yield line


def with_shape(found: Sequence[Line], shape: str, room: int, at: int) -> Iterator[Line]:
    """The lines with a shape at the right margin, beside one of them."""
    for number, line in enumerate(found):
        gap = room - line_width(line) - len(shape)
        shown = shape and number == at and gap > 0
        yield (*line, (" " * gap, ""), (shape, "note")) if shown else line


def wrapped(text: str, room: int) -> Iterator[str]:
    """Words on lines of at most so many columns."""
    for box in lines(worded(text), room, 0):
        yield "".join(part for part, _ in box.lines[0])


# Cases --------------------------------------------------------------------------------------------


def tall_cases(cases: Cases, setter: Terminal, room: int) -> Box:
    """Values below one another behind a brace, and where each holds."""
    values = [setter.tokens(value) for value, _ in cases.rows]
    wide = max(map(natural_width, values))
    where = word("where")
    below = room - wide - 9 - 3 < min(_LEAST, room - 8)
    found: list[Line] = []
    for (value, when), tokens in zip(cases.rows, values, strict=True):
        said = value == Word("")
        left = 4 if below else wide
        begins = () if isinstance(when, Word) or said else (where,)
        condition = (*begins, *_spaced(setter.tokens(when)))
        margin = left + 3 + (6 if said else 0)
        conditions = [line for box in lines(condition, room - margin - 2, 6) for line in box.lines]
        if below and not said:
            found += [line for box in lines(tokens, room - 2, 4) for line in box.lines]
        shown = () if below or said else _side_by_side(restyled(tokens, "result")).lines[0]
        for number, line in enumerate(conditions):
            start = shown if number == 0 else ()
            found.append((*start, (" " * (margin - line_width(start)), ""), *line))
    longest = max(map(line_width, found))
    padded = tuple((*line, (" " * (longest - line_width(line)), "")) for line in found)
    middle = (len(padded) - 1) // 2
    brace = setter.fence("{").drawn(len(padded), middle)
    return beside([brace, text_box(" "), Box(padded, longest, middle)])


def _spaced(tokens: Tokens) -> Tokens:
    first, *rest = tokens
    return (replace(first, space=True), *rest)
