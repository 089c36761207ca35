"""A derivation to a document: chains of equal lines with reasons, the gradients of tensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType

from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Num, Sym, symbols
from backprop_cli.algebra.shapes import Shape
from backprop_cli.derive.derivation_data import Chain, Condition, Definition, Derivation, Table
from backprop_cli.derive.tensors.gradient_data import (
    Dots,
    Drawing,
    Fit,
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
from backprop_cli.derive.tensors.gradient_data import Part as TensorPart
from backprop_cli.document.document_data import (
    Document,
    Given,
    Heading,
    Note,
    Page,
    Part,
    Row,
    Rows,
)
from backprop_cli.document.formula_words import unsaid
from backprop_cli.document.names import Names, taken_by_functions
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
from backprop_cli.notation.symbols import size, symbol
from backprop_cli.notation.widths import width


class Maker:
    """Writes formulas, and chains of them, with the names of one problem."""

    def __init__(self, names: Names, shapes: Mapping[str, Shape] = MappingProxyType({})) -> None:
        self.names = names
        self.writer = names.writer(shapes)

    def words(self, said: str) -> str:
        """Words as they are printed."""
        return said

    def node(self, expr: Expr) -> Node:
        """A formula."""
        return self.writer.node(expr)

    def condition(self, condition: Condition) -> Node:
        """`i = j`."""
        left, right = self.node(condition.left), self.node(condition.right)
        return row(left, Sign(condition.relation), right)

    def conditions(self, conditions: Sequence[Condition]) -> Node:
        """All of them."""
        return listed([self.condition(each) for each in conditions])

    def definitions(self, definitions: Sequence[Definition]) -> Iterator[Rows]:
        """What stands for what, each form on a line of its own."""
        rows = tuple(line for each in definitions for line in self._definition(each))
        if rows:
            yield Rows(rows)

    def _definition(self, each: Definition) -> Iterator[Row]:
        bodies = [self.node(form) for form in each.forms]
        if bodies and each.conditions:
            bodies[-1] = row(bodies[-1], *spaced("where"), self.conditions(each.conditions))
        for number, body in enumerate(bodies):
            yield Row(None if number else self.node(each.symbol), body)

    def lines(self, chain: Chain) -> Iterator[Part]:
        """Equal lines with their reasons, and what is said below them."""
        head = self.node(chain.left)
        rows = (
            Row(None if number else head, self.node(line.expr), self.words(line.words))
            for number, line in enumerate(chain.lines)
        )
        yield Rows(tuple(rows))
        for note in chain.notes:
            yield Note(self.words(note))


def derived(derivation: Derivation, view: View, page: Page) -> Document:
    """The document of a derivation."""
    latin = taken_by_functions(_formulas(derivation))
    maker = Maker(Names(view.notation, layers=False, ascii=view.ascii, latin=latin))
    parts = tuple(_parts(maker, derivation))
    return Document(derivation.title, (), parts, tips=_tips(maker, derivation) if page.tips else {})


def _formulas(derivation: Derivation) -> Iterator[Expr]:
    """All that is defined and derived."""
    for definition in derivation.definitions:
        yield from definition.forms
    for chain in derivation.chains:
        yield from (line.expr for line in chain.lines)


def _tips(maker: Maker, derivation: Derivation) -> dict[str, Given]:
    """What each letter stands for."""
    chains = (each for chain in derivation.chains for each in chain.definitions)
    return {
        each.symbol.name: Given(maker.node(each.symbol), maker.node(each.forms[-1]))
        for each in (*chains, *derivation.definitions)
        if isinstance(each.symbol, Sym) and each.forms
    }


def _parts(maker: Maker, derivation: Derivation) -> Iterator[Part]:
    yield from maker.definitions(derivation.definitions)
    for chain in derivation.chains:
        if chain.words or chain.conditions:
            holds = maker.conditions(chain.conditions) if chain.conditions else None
            yield Heading(chain.words or "Case", holds)
        yield from maker.definitions(chain.definitions)
        yield from maker.lines(chain)
    for table in derivation.tables:
        yield from _table(maker, table)
    yield from map(Note, derivation.notes)


def _table(maker: Maker, table: Table) -> Iterator[Part]:
    yield Heading(table.words)
    grid = Grid(tuple(tuple(map(maker.node, entries)) for entries in table.entries))
    yield Rows((Row(symbol(Names().naming, table.name).node, grid, shape=table.shape),))


def listed(nodes: Sequence[Node]) -> Node:
    """Formulas with commas between them."""
    comma = (Sign(",", bare=True), Sign(" ", bare=True))
    return row(*(part for place, node in enumerate(nodes) for part in (*comma[: 2 * place], node)))


def spaced(text: str) -> tuple[Node, ...]:
    """A word between formulas."""
    blank = Sign(" ", bare=True)
    return blank, Word(text), blank


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

    def parts(self, found: TensorDerivation) -> Iterator[Part]:
        for section in found.sections:
            symbol = self.node(section.symbol) if section.symbol else None
            yield Heading(section.words, symbol, section.shape)
            yield from self.below(section)

    def below(self, section: Section) -> Iterator[Part]:
        """The parts of a section; what is stated one after the other stands aligned."""
        for stated, group in groupby(section.parts, lambda part: isinstance(part, Stated)):
            parts = tuple(group)
            if stated:
                rows = (line for part in parts for line in self.stated(part))
                yield Rows((*rows, *self.deltas(parts)))
                yield from map(Note, self.unsaid(parts))
                continue
            for part in parts:
                yield from _PARTS[type(part)](self, part)

    def shape(self, shape: Shape) -> Node:
        return Fenced("(", size(shape), ")") if shape else Number("1")

    def words(self, said: str) -> str:
        return _id.sub(lambda found: self.names.text(found[0]), said)

    # Parts ----------------------------------------------------------------------------------------

    def chain(self, chain: Chain) -> Iterator[Part]:
        yield from self.definitions(chain.definitions)
        if chain.words or chain.conditions:
            holds = self.conditions(chain.conditions) if chain.conditions else None
            yield Note(self.words(chain.words) or "Case", holds)
        yield from self.lines(chain)

    def stated(self, part: TensorPart) -> Iterator[Row]:
        assert isinstance(part, Stated)
        head = self.node(part.left)
        for number, form in enumerate(part.forms):
            shape = part.shape if number == len(part.forms) - 1 else ()
            yield Row(None if number else head, self.node(form), shape=shape)

    def deltas(self, parts: Sequence[TensorPart]) -> Iterator[Row]:
        """What each δ is that stands in a formula."""
        plain = replace(self.names, deltas=frozenset())
        stated = [part for part in parts if isinstance(part, Stated)]
        used = (name for part in stated for e in (part.left, *part.forms) for name in symbols(e))
        for name in dict.fromkeys(name for name in used if name in self.names.deltas):
            yield Row(self.names.node(name), plain.node(name))

    def unsaid(self, parts: Sequence[TensorPart]) -> dict[str, None]:
        """What formulas leave unsaid beside which no entry stands."""
        alone = (part for part in parts if isinstance(part, Stated) and part.alone)
        found: dict[str, None] = {}
        for form in (form for part in alone for form in part.forms):
            found |= unsaid(form, self.shapes, self.names, goes_back=True)
        return found

    def where(self, part: Where) -> Iterator[Part]:
        words = (_BLANK, Word(f"is {part.words}"), _BLANK)
        left, right = self.node(part.part), self.node(part.whole)
        yield Note("", row(left, *words, right, _BLANK, self.shape(part.shape)))

    def ranges(self, part: Ranges) -> Iterator[Part]:
        said: list[Node] = []
        for letters, range_ in part.letters:
            if said:
                said += [Sign(";", bare=True), _BLANK]
            for number, letter in enumerate(letters):
                said += [Sign(",", bare=True)] if number else []
                said.append(Letter(letter))
            said += [Sign("="), *_counted(range_.first, range_.last)]
        yield Note("", row(*said))

    def remark(self, part: Remark) -> Iterator[Part]:
        yield Note(self.words(part.words))

    def route(self, part: Route) -> Iterator[Part]:
        nodes: list[Node] = []
        for stop in part.stops:
            nodes += [Sign("→"), self.node(stop)] if nodes else [self.node(stop)]
        if part.every:
            nodes += [_BLANK, Word(f"for every {', '.join(part.every)}")]
        yield Note("", row(*nodes))

    # Products and matrices ------------------------------------------------------------------------

    def products(self, part: Products) -> Iterator[Part]:
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

    def fit(self, part: Fit) -> Iterator[Part]:
        first, *rest = (row(*map(self.shape, step)) for step in part.steps)
        yield Note("", first)
        if rest:
            yield Rows(tuple(Row(None, each) for each in rest))

    def drawing(self, part: Drawing) -> Iterator[Part]:
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


_PARTS: Mapping[type[TensorPart], Callable[..., Iterator[Part]]] = MappingProxyType(
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
