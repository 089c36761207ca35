"""The derivation of one derivative to lines of text: factors, drawn matrices, products, shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr
from backprop_cli.algebra.quantity import entries_written
from backprop_cli.algebra.shapes import Shape
from backprop_cli.derive.derivation_data import Chain
from backprop_cli.derive.tensors.gradient_data import (
    Dots,
    Drawing,
    Fit,
    Part,
    Products,
    Ranges,
    Remark,
    Route,
    Section,
    Shaped,
    Slice,
    Stated,
    TensorDerivation,
    Where,
)
from backprop_cli.notation.boxes import (
    Box,
    Line,
    beside,
    centred_text,
    labelled,
    line_width,
    plain_text,
    text_box,
    width,
)
from backprop_cli.notation.flow import Token, lines, natural_width, word
from backprop_cli.render.derivation import INDENT, Page
from backprop_cli.render.formula import Writer, shape_text
from backprop_cli.render.layout import wrapped
from backprop_cli.render.markdown import escaped
from backprop_cli.render.names import Names
from backprop_cli.render.text import printed
from backprop_cli.render.view import View

_MARGIN = " " * INDENT
_DOTS = MappingProxyType({"⋱": ".", "⋮": ":", "…": "..."})


def text(found: TensorDerivation, view: View, names: Names, shapes: Mapping[str, Shape]) -> str:
    """The derivation for the terminal."""
    page = TensorPage(view, names, shapes)
    body: list[Line] = [((page.title(found), "result"),)]
    body += [((row, "note"),) for row in wrapped(found.conventions, view.width, " · ")]
    for section in found.sections:
        body += [(), page.rule(section), ()]
        body += [((_MARGIN, ""), *line) if line else line for line in page.section(section)]
    return printed(
        [tuple((page.plain(part), role) for part, role in line) for line in body],
        view,
    )


def markdown(found: TensorDerivation, view: View, names: Names, shapes: Mapping[str, Shape]) -> str:
    """The derivation as Markdown: headings, lines in code blocks."""
    page = TensorPage(view, names, shapes)
    parts = [f"# {escaped(page.plain(page.title(found)))}"]
    parts.append(escaped(page.plain(" · ".join(found.conventions))))
    for section in found.sections:
        parts.append(f"## {escaped(page.plain(page.heading_text(section)))}")
        body = "\n".join(page.plain(plain_text(line)) for line in page.section(section))
        parts.append("```text\n" + body.strip("\n") + "\n```")
    return "\n\n".join(part for part in parts if part) + "\n"


class TensorPage(Page):
    """Writes the parts of a derivation in one width and one alphabet."""

    def __init__(self, view: View, names: Names, shapes: Mapping[str, Shape]) -> None:
        super().__init__(view, names)
        self.writer = Writer(names, self.layout.drawing, shapes, None)
        self.room = view.width - INDENT

    def words(self, text: str) -> str:
        """Words with the quantities in them as they are printed."""
        return super().words(entries_written(text, self.names.text))

    def title(self, found: TensorDerivation) -> str:
        """What is derived."""
        of, by = self.names.text(found.of.name), self.names.text(found.by.name)
        return f"The gradient of {of} with respect to {by}"

    # Sections -----------------------------------------------------------------------------------

    def heading_text(self, section: Section) -> str:
        """The words of a section, its formula, its shape."""
        symbol = f" {self.one_line(section.symbol)}" if section.symbol is not None else ""
        return section.words + symbol + (f"  {self.shape(section.shape)}" if section.shape else "")

    def rule(self, section: Section) -> Line:
        """`Factor ∂Ŷ/∂Z² ────────── (K×K)`."""
        symbol = f" {self.one_line(section.symbol)}" if section.symbol is not None else ""
        shape = f" {self.shape(section.shape)}" if section.shape else ""
        head = section.words + symbol
        dashes = self.view.width - width(head) - width(shape) - 1
        rule = ("-" if self.view.ascii else "─") * max(dashes, 3)
        return (head, "heading"), (f" {rule}{shape}", "note")

    def shape(self, shape: Shape) -> str:
        """`(K×N₁)`; a number has none."""
        return f"({shape_text(shape, self.layout.times)})" if shape else "(number)"

    def section(self, section: Section) -> Iterator[Line]:
        """The parts below one another, room between those that are not alike."""
        before: type | None = None
        for part in section.parts:
            if before is not None and not {before, type(part)} <= _CLOSE:
                yield ()
            before = type(part)
            yield from _PARTS[type(part)](self, part)

    # Parts --------------------------------------------------------------------------------------

    def chained(self, chain: Chain) -> Iterator[Line]:
        """A chain of equal lines under its heading."""
        if chain.definitions:
            yield from self.definitions(chain.definitions)
            yield ()
        heading = self.heading(chain)
        if heading:
            yield heading
        yield from self.chain(chain)
        for note in chain.notes:
            yield from self.noted(note)

    def noted(self, note: str) -> Iterator[Line]:
        """A sentence."""
        for row in wrapped(self.words(note).split(), self.room, " "):
            yield ((row, "note"),)

    def stated(self, part: Stated) -> Iterator[Line]:
        """`Z¹ = (W¹)ᵀ x + b¹`, the shape at the margin."""
        shape = self.shape(part.shape) if part.shape else ""
        room = self.room - (width(shape) + 2 if shape else 0)
        if not part.forms:
            head = self.one_line(part.left)
            yield ((head + "  ", ""), (shape, "note"))
            return
        rows = self.layout_of_equation(part.left, part.forms, room)
        for number, row in enumerate(rows):
            gap = self.room - line_width(row) - width(shape)
            last = number == len(rows) - 1 and shape
            yield (*row, (" " * gap, ""), (shape, "note")) if last else row

    def layout_of_equation(self, left: Expr, forms: Sequence[Expr], room: int) -> list[Line]:
        """The lines of `left = form = form`."""
        segments = [self.writer.tokens(form) for form in forms]
        narrow = replace(self.layout, view=replace(self.view, width=room), indent=0)
        return [*narrow.equation(self.writer.tokens(left), segments)]

    def ranges(self, part: Ranges) -> Iterator[Line]:
        """`i = 1, …, N`."""
        said = []
        for letters, range_ in part.letters:
            last = shape_text((range_.last,), self.layout.times)
            many = isinstance(range_.last, str) or range_.last > range_.first + 1
            middle = f", {self.layout.drawing.glyphs.across}, " if many else ", "
            if isinstance(range_.last, int) and range_.last == range_.first:
                said.append(f"{', '.join(letters)} = {last}")
            else:
                said.append(f"{', '.join(letters)} = {range_.first}{middle}{last}")
        for row in wrapped(said, self.room, "     "):
            yield ((row, "note"),)

    def where(self, part: Where) -> Iterator[Line]:
        """`∂Ŷₖ/∂Z¹ is row k of ∂Ŷ/∂Z¹`."""
        said = f"{self.one_line(part.part)} is {part.words} {self.one_line(part.whole)}"
        gap = self.room - width(said) - width(self.shape(part.shape))
        yield ((said, "note"), (" " * gap + self.shape(part.shape), "note"))

    def remark(self, part: Remark) -> Iterator[Line]:
        """A sentence."""
        yield from self.noted(part.words)

    def route(self, part: Route) -> Iterator[Line]:
        """`W¹ᵢⱼ → Z¹ⱼ → H¹ⱼ → Ŷₖ`, the letters that take every value behind it."""
        arrow = " -> " if self.view.ascii else " → "
        every = f"   for every {', '.join(part.every)}" if part.every else ""
        stops = [self.names.text(stop.name) for stop in part.stops]
        for row in wrapped([*stops[:-1], stops[-1] + every], self.room, arrow):
            yield ((row, ""),)

    # Products -----------------------------------------------------------------------------------

    def products(self, part: Products) -> Iterator[Line]:
        """`∂Ŷ/∂W¹ = ∂Ŷ/∂Z² ∂Z²/∂W¹`, shapes below the factors."""
        tokens: list[Token] = [word("=")]
        for number, term in enumerate(part.terms):
            if number:
                tokens.append(word("+", space=True, level=1))
            for place, factor in enumerate(term):
                if place and self.view.ascii:
                    tokens.append(word("@", space=True, level=2))
                token = self.factor(factor, alone=len(term) == 1)
                breaks = place and not self.view.ascii
                tokens.append(replace(token, space=True, level=2 if breaks else None))
        left = self.writer.tokens(part.left)
        head = natural_width(left) + 1
        boxes = [*lines(tokens, self.room - head, 2)]
        for number, box in enumerate(boxes):
            first = self.plain_box(left) if number == 0 else text_box("")
            lead = beside([first, text_box(" " * (head - first.width))])
            whole = beside([lead, box])
            last = number == len(boxes) - 1
            yield from self.margined(whole, self.shape(part.shape)) if last else whole.lines

    def factor(self, factor: Shaped, *, alone: bool) -> Token:
        """One factor, its shape below it."""
        tokens = self.writer.tokens(factor.expr)
        sum_ = any(token.level == 1 for token in tokens[1:]) and not alone
        box = self.plain_box(tokens)
        if sum_:
            box = beside([text_box("("), box, text_box(")")])
        return Token(box, label=shape_text(factor.shape, self.layout.times) or "1")

    def plain_box(self, tokens: Sequence[Token]) -> Box:
        """The tokens on one line, however wide."""
        return next(iter(lines(tokens, natural_width(tokens), 0)))

    def fit(self, part: Fit) -> Iterator[Line]:
        """The shapes of the factors, one product after the other."""
        rows = [" ".join(self.shape(shape) for shape in step) for step in part.steps]
        for number, row in enumerate(rows):
            yield (("  " if number == 0 else "= ", ""), (row, ""))

    # Matrices -----------------------------------------------------------------------------------

    def drawing(self, part: Drawing) -> Iterator[Line]:
        """The matrix, or its slices side by side, each with its place below it."""
        boxes = self.slices(part)
        if not boxes:
            yield from self.noted("the matrix is too wide to be drawn here")
            return
        head = text_box(self.one_line(part.left) + " = ")
        if not part.slices[0].places:
            if head.width + boxes[0].width > self.room:
                yield ((self.one_line(part.left) + " =", ""),)
                head = text_box("")
            yield from self.margined(beside([head, boxes[0]]), self.shape(part.shape))
            return
        shape = self.shape(part.shape)
        yield ((f"{self.one_line(part.left)}, slice by slice  ", ""), (shape, "note"))
        dots = text_box("  " + self.layout.drawing.glyphs.across)
        if part.more:
            boxes.insert(len(boxes) - 1, dots)
        for row in self.packed(boxes):
            yield from beside(row).lines

    def slices(self, part: Drawing) -> list[Box]:
        """The matrices; without their second rows and columns where they would be too wide."""
        for shorter in (False, True):
            slices = [_shorter(each) for each in part.slices] if shorter else part.slices
            boxes = [self.slice(each) for each in slices]
            if max(box.width for box in boxes) <= self.room:
                return boxes
        return []

    def margined(self, box: Box, shape: str) -> Iterator[Line]:
        """The box with its shape at the margin, beside its last line."""
        for number, line in enumerate(box.lines):
            gap = self.room - box.width - width(shape)
            beside_it = number == box.baseline and gap > 0
            yield (*line, (" " * gap, ""), (shape, "note")) if beside_it else line

    def packed(self, boxes: Sequence[Box]) -> Iterator[list[Box]]:
        """The boxes in rows that fit."""
        row: list[Box] = []
        for box in boxes:
            if row and sum(each.width for each in row) + box.width + 3 > self.room:
                yield row
                row = []
            row += [text_box("   "), box] if row else [box]
        yield row

    def slice(self, part: Slice) -> Box:
        """One matrix, where it belongs below it."""
        texts = [[self.entry(entry) for entry in row] for row in part.rows]
        if self.view.rows and len(texts[0]) == 1 and not part.places:
            texts = [[row[0] for row in texts]]  # a vector drawn as a row
        columns = [list(column) for column in zip(*texts, strict=True)]
        padded = [
            [centred_text(each, max(map(width, column))) for each in column] for column in columns
        ]
        box = self.layout.drawing.bracketed(padded)
        return labelled(box, self.conditions(part.places)) if part.places else box

    def entry(self, entry: Expr | Dots) -> str:
        """An entry of a matrix, or dots."""
        if isinstance(entry, Dots):
            return _DOTS[entry.text] if self.view.ascii else entry.text
        return self.one_line(entry)


def _shorter(part: Slice) -> Slice:
    """The slice without what stands before its dots, but for the first."""
    rows = [row for place, row in enumerate(part.rows) if place != 1 or not _has_dots(part.rows)]
    across = any(isinstance(entry, Dots) and entry.text == "…" for entry in part.rows[0])
    return Slice(
        part.places,
        tuple(
            tuple(entry for place, entry in enumerate(row) if place != 1 or not across)
            for row in rows
        ),
    )


def _has_dots(rows: Sequence[Sequence[Expr | Dots]]) -> bool:
    return any(isinstance(row[0], Dots) and row[0].text == "⋮" for row in rows)


_CLOSE = frozenset({Stated, Where, Route, Remark})
"""Parts that stand below one another without an empty line."""

_PARTS: Mapping[type[Part], Callable[..., Iterable[Line]]] = MappingProxyType(
    {
        Chain: TensorPage.chained,
        Stated: TensorPage.stated,
        Where: TensorPage.where,
        Ranges: TensorPage.ranges,
        Remark: TensorPage.remark,
        Route: TensorPage.route,
        Products: TensorPage.products,
        Fit: TensorPage.fit,
        Drawing: TensorPage.drawing,
    }
)
