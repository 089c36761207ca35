"""The derivation of one derivative to a document: factors, drawn matrices, products, shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType

from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Num
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
from backprop_cli.document.document_data import Document, Given, Heading, Note, Page, Row, Rows
from backprop_cli.document.document_data import Part as DocumentPart
from backprop_cli.document.from_chains import Maker
from backprop_cli.document.names import Names
from backprop_cli.document.view import View
from backprop_cli.notation.nodes import (
    DOTS,
    VERTICAL_DOTS,
    Braced,
    Fenced,
    Grid,
    Letter,
    Node,
    Number,
    Sign,
    Word,
    items,
    row,
)
from backprop_cli.notation.symbols import size
from backprop_cli.notation.widths import width

_id = re.compile(r"[^\W\d]\w*\[[^\]]+\]")
_BLANK, _BREAK = Sign(" ", bare=True), Sign("", 2)
_DOTS: Mapping[str, Node] = MappingProxyType(
    {"…": DOTS, "⋮": VERTICAL_DOTS, "⋱": Sign("⋱", bare=True)}
)


def gradient(
    found: TensorDerivation, view: View, page: Page, names: Names, shapes: Mapping[str, Shape]
) -> Document:
    """The document of one derivative."""
    made = _Maker(view, page, names, shapes)
    of, by = (names.text(each.name) for each in (found.of, found.by))
    title = f"The gradient of {of} with respect to {by}"
    tips = {id: Given(names.node(id), None, shape) for id, shape in shapes.items() if shape}
    roles = {id: names.role(id) for id in shapes}
    parts = tuple(made.parts(found))
    return Document(title, found.conventions, parts, roles, tips if page.tips else {})


class _Maker(Maker):
    def __init__(self, view: View, page: Page, names: Names, shapes: Mapping[str, Shape]) -> None:
        super().__init__(names, shapes)
        self.view, self.page, self.shapes = view, page, shapes
        self.writer = replace(self.writer, rows=view.rows)

    def parts(self, found: TensorDerivation) -> Iterator[DocumentPart]:
        for section in found.sections:
            symbol = self.node(section.symbol) if section.symbol else None
            yield Heading(section.words, symbol, section.shape)
            yield from self.below(section)

    def below(self, section: Section) -> Iterator[DocumentPart]:
        """The parts of a section; what is stated one after the other stands aligned."""
        for stated, group in groupby(section.parts, lambda part: isinstance(part, Stated)):
            if stated:
                yield Rows(tuple(line for part in group for line in self.stated(part)))
                continue
            for part in group:
                yield from _PARTS[type(part)](self, part)

    def shape(self, shape: Shape) -> Node:
        return Fenced("(", size(shape), ")") if shape else Number("1")

    def words(self, said: str) -> str:
        return _id.sub(lambda found: self.names.text(found[0]), said)

    # Parts ----------------------------------------------------------------------------------------

    def chain(self, chain: Chain) -> Iterator[DocumentPart]:
        yield from self.definitions(chain.definitions)
        if chain.words or chain.conditions:
            holds = self.conditions(chain.conditions) if chain.conditions else None
            yield Note(self.words(chain.words) or "Case", holds)
        yield from self.lines(chain)

    def stated(self, part: Part) -> Iterator[Row]:
        assert isinstance(part, Stated)
        head = self.node(part.left)
        for number, form in enumerate(part.forms):
            shape = part.shape if number == len(part.forms) - 1 else ()
            yield Row(None if number else head, self.node(form), shape=shape)

    def where(self, part: Where) -> Iterator[DocumentPart]:
        words = (_BLANK, Word(f"is {part.words}"), _BLANK)
        left, right = self.node(part.part), self.node(part.whole)
        yield Note("", row(left, *words, right, _BLANK, self.shape(part.shape)))

    def ranges(self, part: Ranges) -> Iterator[DocumentPart]:
        said: list[Node] = []
        for letters, range_ in part.letters:
            if said:
                said += [Sign(";", bare=True), _BLANK]
            for number, letter in enumerate(letters):
                said += [Sign(",", bare=True)] if number else []
                said.append(Letter(letter))
            said += [Sign("="), *_counted(range_.first, range_.last)]
        yield Note("", row(*said))

    def remark(self, part: Remark) -> Iterator[DocumentPart]:
        yield Note(self.words(part.words))

    def route(self, part: Route) -> Iterator[DocumentPart]:
        nodes: list[Node] = []
        for stop in part.stops:
            nodes += [Sign("→"), self.node(stop)] if nodes else [self.node(stop)]
        if part.every:
            nodes += [_BLANK, Word(f"for every {', '.join(part.every)}")]
        yield Note("", row(*nodes))

    # Products and matrices ------------------------------------------------------------------------

    def products(self, part: Products) -> Iterator[DocumentPart]:
        nodes: list[Node] = []
        for number, term in enumerate(part.terms):
            nodes += [Sign("+", 1)] if number else []
            for place, factor in enumerate(term):
                nodes += [_BREAK] if place else []
                nodes.append(self.factor(factor, alone=len(term) == 1))
        yield Rows((Row(self.node(part.left), row(*nodes), shape=part.shape),))

    def factor(self, factor: Shaped, *, alone: bool) -> Node:
        node = self.node(factor.expr)
        levels = [item.level for item in items(node) if isinstance(item, Sign)]
        if 1 in levels and not alone:
            node = Fenced("(", node, ")")
        return Braced(node, size(factor.shape) if factor.shape else Number("1"))

    def fit(self, part: Fit) -> Iterator[DocumentPart]:
        first, *rest = (row(*map(self.shape, step)) for step in part.steps)
        yield Note("", first)
        if rest:
            yield Rows(tuple(Row(None, each) for each in rest))

    def drawing(self, part: Drawing) -> Iterator[DocumentPart]:
        slices = self.slices(part)
        if not slices:
            yield Note("The matrix is too wide to be drawn.")
            return
        if part.more:
            slices.insert(len(slices) - 1, DOTS)
        nodes: list[Node] = []
        for each in slices:
            nodes += [_BREAK, each] if nodes else [each]
        shape = () if part.slices[0].places else part.shape  # that of a tensor stands above it
        yield Rows((Row(self.node(part.left), row(*nodes), shape=shape),))

    def slices(self, part: Drawing) -> list[Node]:
        """The matrices; without their second rows and columns where they would be too wide."""
        for slices in (part.slices, [_shorter(each) for each in part.slices]):
            drawn = [self.slice(each) for each in slices]
            if max(map(width, drawn)) <= self.page.drawing:
                return drawn
        return []

    def slice(self, part: Slice) -> Node:
        rows = tuple(tuple(map(self.entry, line)) for line in part.rows)
        if self.view.rows and len(rows[0]) == 1 and not part.places:
            beside = (DOTS if node is VERTICAL_DOTS else node for (node,) in rows)
            rows = (tuple(beside),)  # a vector drawn as a row
        grid = Grid(rows)
        return Braced(grid, self.conditions(part.places)) if part.places else grid

    def entry(self, entry: Expr | Dots) -> Node:
        if isinstance(entry, Dots):
            return _DOTS[entry.text]
        if isinstance(entry, Num) and entry.value >= 0:
            return Word(str(entry.value))  # among formulas, in the middle of its column
        return self.node(entry)


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


def _counted(first: int, last: object) -> list[Node]:
    """1, …, N."""
    assert isinstance(last, int | str)
    end = size((last,))
    if last == first:
        return [end]
    comma = Sign(",", bare=True)
    far = isinstance(last, str) or last > first + 1
    return [Number(str(first)), comma, *((Letter("…"), comma) if far else ()), end]


_PARTS: Mapping[type[Part], Callable[..., Iterator[DocumentPart]]] = MappingProxyType(
    {
        Chain: _Maker.chain,
        Where: _Maker.where,
        Ranges: _Maker.ranges,
        Remark: _Maker.remark,
        Route: _Maker.route,
        Products: _Maker.products,
        Fit: _Maker.fit,
        Drawing: _Maker.drawing,
    }
)
