"""A derivation, or the functions of free inputs, to parts that every format of mathematics sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Num, Sym
from backprop_cli.derive.data import Chain, Condition, Definition, Derivation, Table
from backprop_cli.derive.free import FreeInputs, Function
from backprop_cli.derive.intervals import Alternative, Between, alternatives, ones
from backprop_cli.readings.notation.nodes import Cases, Fenced, Grid, Node, Sign, Word, row
from backprop_cli.readings.notation.symbols import size, symbol
from backprop_cli.readings.notation.writer import FormulaWriter
from backprop_cli.render.free import counted, groups
from backprop_cli.render.free import symbol as name_of
from backprop_cli.render.names import Names
from backprop_cli.render.sheet_parts import Heading, Note, Part, Row, Rows, Sheet
from backprop_cli.render.view import View


class _Maker:
    def __init__(self, view: View, *, layers: bool) -> None:
        names = Names(view.notation, layers=layers)
        self.writer = FormulaWriter(
            lambda id: replace(symbol(names.naming, id), node=names.node(id)),
            {},
            indices=view.indices,
        )

    def node(self, expr: Expr) -> Node:
        return self.writer.node(expr)

    def condition(self, condition: Condition) -> Node:
        left, right = self.node(condition.left), self.node(condition.right)
        return row(left, Sign(condition.relation), right)

    def listed(self, nodes: Sequence[Node]) -> Node:
        spread: list[Node] = []
        for node in nodes:
            spread += [Sign(",", bare=True), Sign(" ", bare=True), node] if spread else [node]
        return row(*spread)


# Derivations --------------------------------------------------------------------------------------


def sheet(derivation: Derivation, view: View) -> Sheet:
    """The derivation as parts."""
    maker = _Maker(view, layers=False)
    chains = (each for chain in derivation.chains for each in chain.definitions)
    tips = {
        each.symbol.name: row(maker.node(each.symbol), Sign("="), maker.node(each.forms[-1]))
        for each in (*chains, *derivation.definitions)
        if isinstance(each.symbol, Sym) and each.forms
    }
    return Sheet(derivation.title, tuple(_parts(maker, derivation)), tips)


def _parts(maker: _Maker, derivation: Derivation) -> Iterator[Part]:
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


def _definitions(maker: _Maker, definitions: Sequence[Definition]) -> Iterator[Part]:
    rows = []
    for each in definitions:
        bodies = [maker.node(form) for form in each.forms]
        if not bodies:
            continue
        if each.conditions:
            holds = maker.listed([maker.condition(condition) for condition in each.conditions])
            bodies[-1] = row(bodies[-1], *_word("where"), holds)
        head = maker.node(each.symbol)
        rows += [Row(head if not i else None, body) for i, body in enumerate(bodies)]
    if rows:
        yield Rows(tuple(rows))


def _lines(maker: _Maker, chain: Chain) -> Rows:
    head = maker.node(chain.left)
    return Rows(
        tuple(
            Row(None if number else head, maker.node(line.expr), line.words)
            for number, line in enumerate(chain.lines)
        )
    )


def _table(maker: _Maker, table: Table) -> Iterator[Part]:
    yield Heading(table.words)
    grid = Grid(tuple(tuple(map(maker.node, entries)) for entries in table.entries))
    name = symbol(Names().naming, table.name).node
    yield Rows((Row(name, row(grid, Sign(" ", bare=True), Fenced("(", size(table.shape), ")"))),))


# Free inputs --------------------------------------------------------------------------------------


def free_sheet(free: FreeInputs, view: View) -> Sheet:
    """The functions of the inputs as parts."""
    maker = _Maker(view, layers=True)
    parts: list[Part] = []
    for _, functions in groups(free):
        parts.append(Heading(functions[0].words))
        parts.append(Rows(tuple(r for each in functions for r in _rows(maker, free, each))))
    for function in groups(free)[-1][1]:
        regions = ones(function.pieces, free.inputs)
        if regions is not None:
            name = row(maker.node(name_of(function, free.indices)), Sign("="), Word("1"))
            holds = _regions(maker, regions) if regions else Word("nowhere")
            parts.append(Note("", row(name, *_word("exactly where"), holds)))
    return Sheet(free.title or "Functions of the inputs", tuple(parts))


def _rows(maker: _Maker, free: FreeInputs, function: Function) -> Iterator[Row]:
    formula = counted(function.formula, free.indices)
    yield Row(maker.node(name_of(function, free.indices)), maker.node(formula))
    found = alternatives(function.pieces, free.inputs)
    if len(found) > 1 or found[0].regions[0]:
        yield Row(None, Cases(tuple(_case(maker, each) for each in found)))
    elif found[0].value != formula:
        yield Row(None, maker.node(found[0].value))


def _case(maker: _Maker, each: Alternative) -> tuple[Node, Node]:
    where = _regions(maker, each.regions) if each.regions else Word("otherwise")
    return maker.node(each.value), where


def _regions(maker: _Maker, regions: Sequence[Sequence[Between]]) -> Node:
    nodes: list[Node] = []
    for region in regions:
        found = (
            maker.listed([_between(maker, each) for each in region])
            if region
            else Word("everywhere")
        )
        nodes += [*_word("or"), found] if nodes else [found]
    return row(*nodes)


def _between(maker: _Maker, each: Between) -> Node:
    middle = maker.node(each.middle)
    if each.single and each.low is not None:
        return row(middle, Sign("="), _number(maker, each.low))
    if each.low is None:
        assert each.high is not None
        return row(middle, Sign("<" if each.high_strict else "≤"), _number(maker, each.high))
    if each.high is None:
        return row(middle, Sign(">" if each.low_strict else "≥"), _number(maker, each.low))
    left = row(_number(maker, each.low), Sign("<" if each.low_strict else "≤"), middle)
    return row(left, Sign("<" if each.high_strict else "≤"), _number(maker, each.high))


def _number(maker: _Maker, value: Fraction) -> Node:
    return maker.node(Num(value))


def _word(text: str) -> tuple[Node, ...]:
    """A word between formulas."""
    blank = Sign(" ", bare=True)
    return blank, Word(text), blank
