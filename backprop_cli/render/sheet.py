"""A derivation to parts that every format of mathematics sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Sym
from backprop_cli.derive.derivation_data import Chain, Condition, Definition, Derivation, Table
from backprop_cli.notation.nodes import Fenced, Grid, Node, Sign, Word, row
from backprop_cli.notation.symbols import size, symbol
from backprop_cli.notation.writer import FormulaWriter
from backprop_cli.render.names import Names
from backprop_cli.render.sheet_parts import Heading, Note, Part, Row, Rows, Sheet
from backprop_cli.render.view import View


class Maker:
    """Writes formulas with the names of one problem."""

    def __init__(self, names: Names) -> None:
        self.writer = FormulaWriter(
            lambda id: replace(symbol(names.naming, id), node=names.node(id)),
            {},
            bases=names.counting,
        )

    def node(self, expr: Expr) -> Node:
        """A formula."""
        return self.writer.node(expr)

    def condition(self, condition: Condition) -> Node:
        """`i = j`."""
        left, right = self.node(condition.left), self.node(condition.right)
        return row(left, Sign(condition.relation), right)

    def listed(self, nodes: Sequence[Node]) -> Node:
        """Formulas with commas between them."""
        spread: list[Node] = []
        for node in nodes:
            spread += [Sign(",", bare=True), Sign(" ", bare=True), node] if spread else [node]
        return row(*spread)


# Derivations --------------------------------------------------------------------------------------


def sheet(derivation: Derivation, view: View) -> Sheet:
    """The derivation as parts."""
    maker = Maker(Names(view.notation, layers=False))
    chains = (each for chain in derivation.chains for each in chain.definitions)
    tips = {
        each.symbol.name: row(maker.node(each.symbol), Sign("="), maker.node(each.forms[-1]))
        for each in (*chains, *derivation.definitions)
        if isinstance(each.symbol, Sym) and each.forms
    }
    return Sheet(derivation.title, tuple(_parts(maker, derivation)), tips)


def _parts(maker: Maker, derivation: Derivation) -> Iterator[Part]:
    yield from _definitions(maker, derivation.definitions)
    for chain in derivation.chains:
        if chain.words or chain.conditions:
            holds = maker.listed([maker.condition(each) for each in chain.conditions])
            yield Heading(chain.words or "Case", holds if chain.conditions else None)
        yield from _definitions(maker, chain.definitions)
        yield _lines(maker, chain)
        yield from map(Note, chain.notes)
    for table in derivation.tables:
        yield from _table(maker, table)
    yield from map(Note, derivation.notes)


def _definitions(maker: Maker, definitions: Sequence[Definition]) -> Iterator[Part]:
    rows = []
    for each in definitions:
        bodies = [maker.node(form) for form in each.forms]
        if not bodies:
            continue
        if each.conditions:
            holds = maker.listed([maker.condition(condition) for condition in each.conditions])
            bodies[-1] = row(bodies[-1], *spaced("where"), holds)
        head = maker.node(each.symbol)
        rows += [Row(head if not i else None, body) for i, body in enumerate(bodies)]
    if rows:
        yield Rows(tuple(rows))


def _lines(maker: Maker, chain: Chain) -> Rows:
    head = maker.node(chain.left)
    return Rows(
        tuple(
            Row(None if number else head, maker.node(line.expr), line.words)
            for number, line in enumerate(chain.lines)
        )
    )


def _table(maker: Maker, table: Table) -> Iterator[Part]:
    yield Heading(table.words)
    grid = Grid(tuple(tuple(map(maker.node, entries)) for entries in table.entries))
    name = symbol(Names().naming, table.name).node
    yield Rows((Row(name, row(grid, Sign(" ", bare=True), Fenced("(", size(table.shape), ")"))),))


def spaced(text: str) -> tuple[Node, ...]:
    """A word between formulas."""
    blank = Sign(" ", bare=True)
    return blank, Word(text), blank
