"""A step to its equation: symbols = numbers put in = result, and its entries written out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from math import prod
from types import MappingProxyType

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, op, symbols, uses, walk
from backprop_cli.algebra.quantity import at_step, quantity
from backprop_cli.algebra.shapes import Shape, plus
from backprop_cli.document.document_data import Equation, Given, Page
from backprop_cli.document.names import Names
from backprop_cli.document.view import View
from backprop_cli.notation.nodes import (
    DOTS,
    VERTICAL_DOTS,
    Braced,
    Grid,
    Node,
    Number,
    Row,
    Sign,
    Word,
    row,
)
from backprop_cli.notation.numbers_and_indices import Digits
from backprop_cli.notation.symbols import size, symbol
from backprop_cli.notation.widths import width
from backprop_cli.notation.writer import FormulaWriter
from backprop_cli.operations.table import Sizes
from backprop_cli.readings.values import evaluate
from backprop_cli.trace import Step, Trace

Array = NDArray[np.float64]
_Place = tuple[int, ...]


class Known(Struct, frozen=True):
    """What a trace knows of every quantity in it: its shape, and its value where it has one."""

    shapes: Mapping[str, Shape]
    values: Mapping[str, Array]


def known(trace: Trace) -> Known:
    """What a trace knows; an entry that is a step of its own has no shape, the whole has one."""
    shapes: dict[str, Shape] = {name: given.value.shape for name, given in trace.given.items()}
    shapes |= {id: found.shape for id, found in trace.unknown.items()}
    shapes |= {step.id: () if quantity(step.id).index else step.shape for step in trace.steps}
    shapes = _of_wholes(trace, shapes) | _over_time(trace, shapes) | shapes
    values = {name: given.value for name, given in trace.given.items()}
    values |= {step.id: step.value for step in trace.steps if step.value is not None}
    return Known(shapes, values)


def _of_wholes(trace: Trace, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    """The shapes of what has entries as steps: what the step says, of gradients those of their
    variables."""
    entries = [(found, step.shape) for step in trace.steps if (found := quantity(step.id)).index]
    wholes = {replace(found, index=()): shape for found, shape in entries}
    numbers = {name for name, shape in shapes.items() if not shape}
    return {whole.id: shape for whole, shape in wholes.items() if shape} | {
        whole.id: shapes[whole.by]
        for whole in wholes
        if whole.by in shapes and whole.name in numbers
    }


def _over_time(trace: Trace, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    """The shapes of what has the letter of a step in its name, where their number is a letter."""
    found: dict[str, Shape] = {}
    for over in trace.over_time if any(over.length for over in trace.over_time) else ():
        around = range(-over.last, over.last + 1)
        places = [plus(each, by) for each in (over.letter, over.length) for by in around]
        for id, shape in shapes.items():
            base, _, step = id.rpartition("_")
            if step == over.letter:
                found |= dict.fromkeys((at_step(base, at) for at in (*places, *over.steps)), shape)
            elif id in trace.unknown and shape:
                found |= dict.fromkeys((at_step(id, at) for at in places), shape[1:])
    return found


class Formulas(Struct, frozen=True):
    """Writes formulas with the names and values of one document."""

    names: Names
    drawn: ValueWriter
    known: Known

    def writer(
        self, known: Known | None = None, *, numbers: bool = False, braces: bool = False
    ) -> FormulaWriter:
        """What writes expressions of these quantities, in symbols or with their values put in."""
        found = known or self.known
        values, draw = (found.values, self.drawn.value) if numbers else (None, None)
        return self.names.writer(found.shapes, values, draw, rows=self.drawn.rows, braces=braces)

    def letters(self, expr: Expr) -> Node:
        """A formula of sizes."""
        naming = self.names.naming
        writer = FormulaWriter(lambda id: symbol(naming, id), {}, bases=self.names.counting)
        return writer.node(expr)

    def inside(self, step: Step) -> tuple[Step, Known]:
        """A step with the cases of its kinks that hold, and what is known of what it uses."""
        used = [name for name in symbols(step.expr) if name in self.known.shapes]
        values = {name: self.known.values[name] for name in used if name in self.known.values}
        shapes = {name: self.known.shapes[name] for name in (*used, step.id)}
        return replace(step, expr=at_kinks(step.expr, values)), Known(shapes, values)

    def equation(self, step: Step, known: Known, *, numbers: bool, result: bool) -> Equation:
        """Symbols, numbers put in, result."""
        is_formula = not (isinstance(step.expr, Op) and step.expr.name == "jacobian")
        sides = [self._symbols(step, known)] if is_formula else []
        put_in = self._numbers(step, known) if numbers and is_formula else None
        sides += [put_in] if put_in is not None else []
        came_out = (
            self._result(step, step.value, known) if result and step.value is not None else None
        )
        return _equation(self.names.node(step.id), sides, came_out)

    def _symbols(self, step: Step, known: Known) -> Node:
        braces = bool(quantity(step.id).by) and len({*known.shapes.values()} - {()}) > 1
        return self.writer(known, braces=braces).node(step.expr)

    def _numbers(self, step: Step, known: Known) -> Node | None:
        """The expression with values put in; None where it is none or would be too large."""
        used = symbols(step.expr)
        if not used or set(used) - known.values.keys():
            return None
        if max(map(len, known.shapes.values())) > 2:
            return None
        node = self.writer(known, numbers=True).node(step.expr)
        too_wide = width(node) > self.drawn.page.numbers
        return None if too_wide or (is_value(node) and step.value is not None) else node

    def _result(self, step: Step, value: Array, known: Known) -> Node:
        used = known.values.values()
        if used and all(array.size == 1 for array in (value, *used)):
            value = value.reshape(())
        return self.drawn.value(value, step.axes, step.id)

    # Entries --------------------------------------------------------------------------------------

    def entries(self, step: Step, known: Known, places: Sequence[_Place]) -> Iterator[Equation]:
        """Entries written out, but for those that say no more than the formula of the step."""
        if places and is_entrywise(step, self.known):
            yield from self.examples(step, known, places, _LONGEST_ENTRY)
            return
        for at in places:
            yield Equation(self._entry_name(step, at), (), self._at(step, at))

    def examples(
        self, step: Step, known: Known, places: Sequence[_Place], longest: int
    ) -> Iterator[Equation]:
        """Those of the entries that have no more than so many parts."""
        if not places:
            return
        from backprop_cli.readings.entries import entry

        sizes = Sizes(self.known.shapes, {})
        for at in places:
            written = entry(step.expr, at, sizes)
            if written != step.expr and not any(islice(walk(written), longest, None)):
                yield self._entry(step, at, written, known)

    def _entry(self, step: Step, at: _Place, written: Expr, known: Known) -> Equation:
        kinds = (False, True) if symbols(written) else (True,)
        sides = [self.writer(known, numbers=numbers).node(written) for numbers in kinds]
        return _equation(self._entry_name(step, at), sides, self._at(step, at))

    def _entry_name(self, step: Step, at: _Place) -> Node:
        return self.names.node(self.names.counting.entry(step.id, at))

    def _at(self, step: Step, at: _Place) -> Node:
        assert step.value is not None  # numbers are put in only where there are some
        return self.drawn.value(np.asarray(float(step.value[at])))


def _equation(head: Node, sides: Sequence[Node], result: Node | None) -> Equation:
    """An equation in which no side repeats the one before it or the result: no 1 = 1, −1 = −1."""
    unlike = [side for side in dict.fromkeys(sides) if _as_number(side) != result]
    return Equation(head, tuple(unlike), result)


def _as_number(node: Node) -> Node:
    """A number with its sign as one, as a value is drawn; anything else as it is."""
    match node:
        case Row((Sign(sign), Number(text))):
            return Number(f"{sign}{text}")
    return node


def is_value(node: Node) -> bool:
    """Whether a formula is a drawn value and nothing else."""
    listed = isinstance(node, Grid) and bool(node.separator)
    return isinstance(node, Number | Grid | Braced) and not listed


_MOST_ENTRIES = 12
_MOST_TERMS = 36  # a name with more entries would make sums too long to read
_LONGEST_ENTRY = 2_000  # parts; A @ A @ … @ A has twice as many with every factor
_NOT_ENTRYWISE = frozenset({"jacobian", "argmax", "largest_shares"})


def written_places(step: Step, known: Known) -> list[_Place]:
    """The entries that long detail writes out."""
    value = step.value
    if value is None or value.ndim > 2 or value.size > _MOST_ENTRIES or isinstance(step.expr, Sym):
        return []
    return list(np.ndindex(value.shape)) if is_entrywise(step, known) else []


def is_entrywise(step: Step, known: Known) -> bool:
    """Whether an entry can be written out, and is not too long."""
    return not any(
        node.name in _NOT_ENTRYWISE
        if isinstance(node, Op)
        else isinstance(node, Sym) and prod(map(int, known.shapes[node.name])) > _MOST_TERMS
        for node in walk(step.expr)
    )


# At kinks -----------------------------------------------------------------------------------------


Env = Mapping[str, Array]


def at_kinks(expr: Expr, env: Env) -> Expr:
    """An expression of the same value that says of each kink what is true of these values."""
    if not uses(expr, *_FORMS):
        return expr
    if any(name not in env for name in symbols(expr)):
        return expr
    with np.errstate(all="ignore"):
        return _read(expr, env)


def _read(expr: Expr, env: Env) -> Expr:
    if not isinstance(expr, Op):
        return expr
    args = tuple(_read(arg, env) for arg in expr.args)
    node = expr if args == expr.args else Op(expr.name, args, expr.options)
    form = _FORMS.get(node.name)
    return node if form is None else form(node, env)


def _switch(node: Op, env: Env) -> Expr:
    below, at, above = build.levels(node)
    is_sign = (below, at, above) == (-1, 0, 1)
    if is_sign or at in (below, above) or np.any(evaluate(node.args[0], env) == 0):
        return node
    return op("switch", node.args[0], below=below, at=below, above=above)


def _largest(node: Op, env: Env) -> Expr:
    """Without a tie each of the largest is the only one."""
    every = op("largest_shares", *node.args, axis=node.option("axis"), at_tie=1)
    return every if np.array_equal(evaluate(node, env), evaluate(every, env)) else node


def _ratio(node: Op, env: Env) -> Expr:
    a, b = (evaluate(arg, env) for arg in node.args)
    if not np.any((a == 0) & (b == 0)) or np.any(b < 0):
        return node
    return op("choose", node.args[1], op("ratio", *node.args), build.ZERO)


_FORMS: Mapping[str, Callable[[Op, Env], Expr]] = MappingProxyType(
    {"switch": _switch, "largest_shares": _largest, "ratio": _ratio}
)


# Arrays -------------------------------------------------------------------------------------------


_Places = Sequence[int | None]


class ValueWriter(Struct, frozen=True):
    """Draws the values of one document for one page."""

    names: Names
    page: Page
    digits: Digits
    rows: bool = False
    """Whether vectors are drawn as rows."""

    def value(self, value: Array, axes: tuple[str, ...] = (), id: str = "") -> Node:
        """A number, a vector as it stands, a matrix; of more axes, a matrix for each place."""
        if value.ndim == 0:
            return Number(self.digits.one(float(value)))
        if value.ndim == 1:
            value = value[None, :] if self.rows else value[:, None]
        if value.ndim == 2:
            return self.matrix(value)
        blocks = value.reshape(-1, *value.shape[-2:])
        places = list(np.ndindex(value.shape[:-2]))
        shown = kept_places(len(places), self.page.blocks)
        return row(
            *(DOTS if i is None else self._block(blocks[i], places[i], axes, id) for i in shown)
        )

    def _block(self, value: Array, place: tuple[int, ...], axes: tuple[str, ...], id: str) -> Node:
        numbers = self.names.counting.shown(id, (*place, None, None))
        single = len(place) == 1 and axes[:1] == ("sample",)
        label = f"sample {numbers[0]}" if single else f"[{','.join(numbers)}]"
        return Braced(self.matrix(value), Word(label))

    def several(self, values: Sequence[float]) -> tuple[Number, ...]:
        """Numbers that stand together."""
        return tuple(map(Number, self.digits.several(values)))

    def flat(self, value: Array) -> Node:
        """A value for a table: vectors on one line."""
        return self.matrix(value[None, :]) if value.ndim == 1 else self.value(value)

    def given(self, id: str, value: Array | None, shape: Shape) -> Given:
        """A quantity with its value, where there is one; its shape stands beside it."""
        drawn = self.value(value) if value is not None else None
        inner = drawn.inner if isinstance(drawn, Braced) else drawn
        return Given(self.names.node(id), inner, shape)

    def matrix(self, value: Array) -> Node:
        """A matrix, its middle left out where it is large."""
        rows = kept_places(value.shape[0], self.page.rows)
        columns = kept_places(value.shape[1], self.page.columns)
        if None in columns:
            columns = [*range(self.page.columns // 2), None, value.shape[1] - 1]
        entries = self._entries(value, rows, columns)
        whole = value.shape if None in rows or None in columns else ()
        drawn = Grid(tuple(_line(r, columns, entries) for r in rows), whole)
        return Braced(drawn, size(value.shape)) if whole else drawn

    def _entries(
        self, value: Array, rows: _Places, columns: _Places
    ) -> dict[tuple[int, int], Node]:
        """The entries shown, decimal points below one another."""
        kept = [row for row in rows if row is not None]
        across = [column for column in columns if column is not None]
        texts = self.digits.several(float(value[row, column]) for column in across for row in kept)
        return {
            (row, column): entry
            for place, column in enumerate(across)
            for row, entry in zip(
                kept, _aligned(texts[place * len(kept) : (place + 1) * len(kept)]), strict=True
            )
        }

    def exactly(self, precision: int) -> ValueWriter:
        """The same with at least so many decimals, for what the problem states."""
        digits = replace(self.digits, precision=max(self.digits.precision, precision))
        return replace(self, digits=digits)


def values_of(names: Names, view: View, page: Page) -> ValueWriter:
    """The values as a view wants them."""
    return ValueWriter(names, page, Digits(view.decimals), view.rows)


def kept_places(count: int, most: int) -> list[int | None]:
    """The positions shown of so many; None stands for those left out."""
    return list(range(count)) if count <= most else [*range(min(3, most)), None, count - 1]


def _line(
    line: int | None, columns: _Places, entries: Mapping[tuple[int, int], Node]
) -> tuple[Node, ...]:
    if line is None:
        return tuple(VERTICAL_DOTS if column is not None else Sign(" ") for column in columns)
    return tuple(DOTS if column is None else entries[line, column] for column in columns)


def _aligned(column: Sequence[str]) -> list[Node]:
    """The numbers of a column with room beside them that brings their points below one another."""
    halves = [_halves(text) for text in column]
    before = max((left for left, _ in halves), key=len)
    behind = max((right for _, right in halves), key=len)
    return [
        Number(text, behind[len(right) :], before[: max(len(before) - len(left), 0)])
        for text, (left, right) in zip(column, halves, strict=True)
    ]


def _halves(text: str) -> tuple[str, str]:
    """What stands before the decimal point, and the rest; an exponent counts as the former."""
    whole, point, rest = text.partition(".")
    return (text, "") if "e" in text else (whole, point + rest)
