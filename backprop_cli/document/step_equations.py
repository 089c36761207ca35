"""A step to its equation: symbols = numbers put in = result, and its entries written out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Op, Sym, symbols, walk
from backprop_cli.algebra.quantity import quantity
from backprop_cli.algebra.shapes import Shape
from backprop_cli.document.document_data import Equation
from backprop_cli.document.drawn_values import Values
from backprop_cli.document.names import Names
from backprop_cli.notation.nodes import Braced, Grid, Node, Number, width
from backprop_cli.notation.symbols import symbol
from backprop_cli.notation.writer import FormulaWriter
from backprop_cli.operations.sizes import Sizes
from backprop_cli.readings.at_kinks import at_kinks
from backprop_cli.trace import Step, Trace

Array = NDArray[np.float64]
_Place = tuple[int, ...]


class Known(Struct, frozen=True):
    """What a trace knows of every quantity in it: its shape, and its value where it has one."""

    shapes: Mapping[str, Shape]
    values: Mapping[str, Array]


def known(trace: Trace) -> Known:
    """What a trace knows; an entry that is a step of its own has no shape."""
    shapes: dict[str, Shape] = {name: given.value.shape for name, given in trace.given.items()}
    shapes |= {id: found.shape for id, found in trace.unknown.items()}
    shapes |= {step.id: () if quantity(step.id).index else step.shape for step in trace.steps}
    values = {name: given.value for name, given in trace.given.items()}
    values |= {step.id: step.value for step in trace.steps if step.value is not None}
    return Known(shapes, values)


class Formulas(Struct, frozen=True):
    """Writes formulas with the names and values of one document."""

    names: Names
    drawn: Values
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
        if not places:
            return
        from backprop_cli.readings.entries import entry

        sizes = Sizes(self.known.shapes, {})
        for at in places:
            written = entry(step.expr, at, sizes)
            if written != step.expr:
                yield self._entry(step, at, written, known)

    def _entry(self, step: Step, at: _Place, written: Expr, known: Known) -> Equation:
        assert step.value is not None  # numbers are put in only where there are some
        head = self.names.node(self.names.counting.entry(step.id, at))
        kinds = (False, True) if symbols(written) else (True,)
        sides = [self.writer(known, numbers=numbers).node(written) for numbers in kinds]
        return _equation(head, sides, self.drawn.value(np.asarray(float(step.value[at]))))


def _equation(head: Node, sides: Sequence[Node], result: Node | None) -> Equation:
    """An equation in which no side repeats the one before it or the result: no 1 = 1."""
    unlike = [side for side in dict.fromkeys(sides) if side != result]
    return Equation(head, tuple(unlike), result)


def is_value(node: Node) -> bool:
    """Whether a formula is a drawn value and nothing else."""
    listed = isinstance(node, Grid) and bool(node.separator)
    return isinstance(node, Number | Grid | Braced) and not listed


_MOST_ENTRIES = 12
_MOST_TERMS = 36  # a name with more entries would make sums too long to read
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
