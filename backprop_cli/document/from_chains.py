"""A derivation to a document: what is defined, chains of equal lines with reasons, tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from backprop_cli.algebra.expr import Expr, Sym
from backprop_cli.algebra.shapes import Shape
from backprop_cli.derive.derivation_data import Chain, Condition, Definition, Derivation, Table
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
from backprop_cli.document.names import Names
from backprop_cli.document.view import View
from backprop_cli.notation.nodes import Grid, Node, Sign, Word, row
from backprop_cli.notation.symbols import symbol


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
    maker = Maker(Names(view.notation, layers=False, ascii=view.ascii))
    parts = tuple(_parts(maker, derivation))
    return Document(derivation.title, (), parts, tips=_tips(maker, derivation) if page.tips else {})


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
