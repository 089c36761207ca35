"""The derivation of one derivative to parts that every format of mathematics sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType

from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Num
from backprop_cli.algebra.quantity import entries_written, whole_id
from backprop_cli.algebra.shapes import Shape
from backprop_cli.derive.derivation_data import Chain, Condition, Definition
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
from backprop_cli.notation.nodes import (
    DOTS,
    VERTICAL_DOTS,
    Braced,
    Fenced,
    Grid,
    Letter,
    Named,
    Node,
    Number,
    Sign,
    Word,
    items,
    row,
    width,
)
from backprop_cli.notation.symbols import Symbol, size, symbol
from backprop_cli.notation.writer import FormulaWriter
from backprop_cli.render.names import Names
from backprop_cli.render.sheet_parts import Heading, Note, Row, Rows, Sheet
from backprop_cli.render.sheet_parts import Part as SheetPart
from backprop_cli.render.view import View

_WIDEST = 74
"""Matrices that would be wider than this, in digits, are left out."""

_BLANK, _BREAK = Sign(" ", bare=True), Sign("", 2)
_DOTS: Mapping[str, Node] = MappingProxyType(
    {"…": DOTS, "⋮": VERTICAL_DOTS, "⋱": Sign("⋱", bare=True)}
)


def tensor_sheet(
    found: TensorDerivation, view: View, names: Names, shapes: Mapping[str, Shape]
) -> Sheet:
    """The derivation as parts."""
    return _Maker(view, names, shapes).sheet(found)


class _Maker:
    def __init__(self, view: View, names: Names, shapes: Mapping[str, Shape]) -> None:
        self.view, self.names, self.shapes = view, names, shapes
        self.writer = FormulaWriter(
            self.symbol,
            shapes,
            bases=names.counting,
            rows=view.rows,
        )

    def sheet(self, found: TensorDerivation) -> Sheet:
        of, by = (self.names.text(each.name) for each in (found.of, found.by))
        parts: list[SheetPart] = [Note(" · ".join(found.conventions))]
        for section in found.sections:
            parts.append(self.heading(section))
            parts += self.below(section)
        tips = {id: self.tip(id, shape) for id, shape in self.shapes.items() if shape}
        roles = {id: self.names.role(id) for id in self.shapes}
        return Sheet(f"The gradient of {of} with respect to {by}", tuple(parts), tips, roles)

    def symbol(self, id: str) -> Symbol:
        """The symbol of a quantity; who points at an entry is told about the whole."""
        found, base = symbol(self.names.naming, id), whole_id(id)
        return replace(found, node=Named(base, found.node)) if base in self.shapes else found

    def tip(self, id: str, shape: Shape) -> Node:
        """The shape of a quantity."""
        return row(self.names.node(id), Sign(":"), size(shape))

    def below(self, section: Section) -> Iterator[SheetPart]:
        """The parts of a section; what is stated one after the other stands aligned."""
        for stated, group in groupby(section.parts, lambda part: isinstance(part, Stated)):
            if stated:
                yield Rows(tuple(line for part in group for line in self.stated(part)))
                continue
            for part in group:
                yield from _PARTS[type(part)](self, part)

    def heading(self, section: Section) -> Heading:
        nodes: list[Node] = [self.writer.node(section.symbol)] if section.symbol else []
        if section.shape:
            nodes += [_BLANK, _BLANK, self.shape(section.shape)]
        return Heading(section.words, row(*nodes) if nodes else None)

    def shape(self, shape: Shape) -> Node:
        return Fenced("(", size(shape), ")")

    def words(self, said: str) -> str:
        return entries_written(said, self.names.text)

    def condition(self, condition: Condition) -> Node:
        left, right = self.writer.node(condition.left), self.writer.node(condition.right)
        return row(left, Sign(condition.relation), right)

    def conditions(self, conditions: Sequence[Condition]) -> Node:
        nodes: list[Node] = []
        for each in conditions:
            nodes += [Sign(",", bare=True), _BLANK] if nodes else []
            nodes.append(self.condition(each))
        return row(*nodes)

    # Parts ----------------------------------------------------------------------------------------

    def chain(self, chain: Chain) -> Iterator[SheetPart]:
        rows = [*self.definitions(chain.definitions)]
        if rows:
            yield Rows(tuple(rows))
        if chain.words or chain.conditions:
            holds = self.conditions(chain.conditions) if chain.conditions else None
            yield Note(self.words(chain.words) or "Case", holds)
        head = self.writer.node(chain.left)
        yield Rows(
            tuple(
                Row(None if number else head, self.writer.node(each.expr), self.words(each.words))
                for number, each in enumerate(chain.lines)
            )
        )

    def definitions(self, definitions: Sequence[Definition]) -> Iterator[Row]:
        for each in definitions:
            bodies = [self.writer.node(form) for form in each.forms]
            if each.conditions:
                where = (_BLANK, Word("where"), _BLANK, self.conditions(each.conditions))
                bodies[-1] = row(bodies[-1], *where)
            for number, body in enumerate(bodies):
                yield Row(None if number else self.writer.node(each.symbol), body)

    def stated(self, part: Part) -> Iterator[Row]:
        assert isinstance(part, Stated)
        bodies = [self.writer.node(form) for form in part.forms]
        if part.shape:
            bodies[-1] = row(bodies[-1], _BLANK, _BLANK, self.shape(part.shape))
        head = self.writer.node(part.left)
        for number, body in enumerate(bodies):
            yield Row(None if number else head, body)

    def where(self, part: Where) -> Iterator[SheetPart]:
        words = (_BLANK, Word(f"is {part.words}"), _BLANK)
        left, right = self.writer.node(part.part), self.writer.node(part.whole)
        yield Note("", row(left, *words, right, _BLANK, self.shape(part.shape)))

    def ranges(self, part: Ranges) -> Iterator[SheetPart]:
        said: list[Node] = []
        for letters, range_ in part.letters:
            if said:
                said += [Sign(";", bare=True), _BLANK]
            for number, letter in enumerate(letters):
                said += [Sign(",", bare=True)] if number else []
                said.append(Letter(letter))
            said += [Sign("="), *_counted(range_.first, range_.last)]
        yield Note("", row(*said))

    def remark(self, part: Remark) -> Iterator[SheetPart]:
        yield Note(self.words(part.words))

    def route(self, part: Route) -> Iterator[SheetPart]:
        nodes: list[Node] = []
        for stop in part.stops:
            nodes += [Sign("→"), self.writer.node(stop)] if nodes else [self.writer.node(stop)]
        if part.every:
            nodes += [_BLANK, Word(f"for every {', '.join(part.every)}")]
        yield Note("", row(*nodes))

    # Products and matrices ------------------------------------------------------------------------

    def products(self, part: Products) -> Iterator[SheetPart]:
        nodes: list[Node] = []
        for number, term in enumerate(part.terms):
            nodes += [Sign("+", 1)] if number else []
            for place, factor in enumerate(term):
                nodes += [_BREAK] if place else []
                nodes.append(self.factor(factor, alone=len(term) == 1))
        nodes += [_BLANK, _BLANK, self.shape(part.shape)] if part.shape else []
        yield Rows((Row(self.writer.node(part.left), row(*nodes)),))

    def factor(self, factor: Shaped, *, alone: bool) -> Node:
        node = self.writer.node(factor.expr)
        levels = [item.level for item in items(node) if isinstance(item, Sign)]
        if 1 in levels and not alone:
            node = Fenced("(", node, ")")
        return Braced(node, size(factor.shape) if factor.shape else Number("1"))

    def fit(self, part: Fit) -> Iterator[SheetPart]:
        first, *rest = (row(*map(self.shape, step)) for step in part.steps)
        yield Note("", first)
        if rest:
            yield Rows(tuple(Row(None, each) for each in rest))

    def drawing(self, part: Drawing) -> Iterator[SheetPart]:
        slices = [self.slice(each) for each in part.slices]
        if max(map(width, slices)) > _WIDEST:
            yield Note("The matrix is too wide to be drawn.")
            return
        if part.more:
            slices.insert(len(slices) - 1, DOTS)
        nodes: list[Node] = []
        for each in slices:
            nodes += [_BREAK, each] if nodes else [each]
        if not part.slices[0].places:  # that of a tensor stands above it
            nodes += [_BLANK, _BLANK, self.shape(part.shape)]
        yield Rows((Row(self.writer.node(part.left), row(*nodes)),))

    def slice(self, part: Slice) -> Node:
        rows = tuple(tuple(map(self.entry, line)) for line in part.rows)
        if self.view.rows and len(rows[0]) == 1 and not part.places:
            rows = (tuple(line[0] for line in rows),)  # a vector drawn as a row
        grid = Grid(rows)
        return Braced(grid, self.conditions(part.places)) if part.places else grid

    def entry(self, entry: Expr | Dots) -> Node:
        if isinstance(entry, Dots):
            return _DOTS[entry.text]
        if isinstance(entry, Num) and entry.value >= 0:
            return Word(str(entry.value))  # among formulas, in the middle of its column
        return self.writer.node(entry)


def _counted(first: int, last: object) -> list[Node]:
    """1, …, N."""
    assert isinstance(last, int | str)
    end = size((last,))
    if last == first:
        return [end]
    comma = Sign(",", bare=True)
    far = isinstance(last, str) or last > first + 1
    return [Number(str(first)), comma, *((Letter("…"), comma) if far else ()), end]


_PARTS: Mapping[type[Part], Callable[..., Iterator[SheetPart]]] = MappingProxyType(
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
