"""Blocks to formulas as nodes, for every format that sets mathematics: LaTeX and HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Op, symbols
from backprop_cli.algebra.quantity import quantity
from backprop_cli.algebra.shapes import Shape
from backprop_cli.notation.drawing import kept_places
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
    width,
)
from backprop_cli.notation.printed_numbers import Digits
from backprop_cli.notation.symbols import size, symbol
from backprop_cli.notation.writer import FormulaWriter
from backprop_cli.render.blocks import Entry, StepBlock
from backprop_cli.render.names import Names
from backprop_cli.render.view import View

Array = NDArray[np.float64]

_MOST_COLUMNS = 10
_MOST_ROWS = 10
_MOST_ROWS_LONG = 16
_WIDEST = 400
"""Numbers put in that would be wider than this, in digits, are left out; the result follows."""


class Equation(Struct, frozen=True):
    """What stands left of the first `=`, and what is joined by them."""

    head: Node
    sides: tuple[Node, ...]


class Equations(Struct, frozen=True):
    """Makes the formulas of one view."""

    names: Names
    view: View
    digits: Digits

    # Formulas -------------------------------------------------------------------------------------

    def equation(self, block: StepBlock) -> Equation:
        """Symbols, numbers put in, result."""
        is_formula = not (isinstance(block.expr, Op) and block.expr.name == "jacobian")
        sides = [self._symbols(block)] if is_formula else []
        numbers = self._numbers(block) if "numbers" in block.parts and is_formula else None
        sides += [numbers] if numbers is not None else []
        if block.value is not None and "result" in block.parts:
            sides.append(self._result(block))
        return Equation(self.names.node(block.id), tuple(dict.fromkeys(sides)))  # no 1 = 1

    def formula(self, expr: Expr) -> Node:
        """A formula of letters alone."""
        naming = self.names.naming
        return FormulaWriter(lambda id: symbol(naming, id), {}, bases=self.names.counting).node(
            expr
        )

    def entries(self, block: StepBlock) -> Iterator[Equation]:
        """Each entry written out: in symbols, with numbers, its value."""
        for entry in block.entries:
            yield self._entry(block, entry)

    def _entry(self, block: StepBlock, entry: Entry) -> Equation:
        head = self.names.node(self.names.counting.entry(block.id, entry.index))
        kinds = (False, True) if symbols(entry.expr) else (True,)
        sides = [self._writer(block, numbers=numbers).node(entry.expr) for numbers in kinds]
        value = self.value(np.asarray(entry.value))
        if isinstance(sides[-1], Row) or len(sides) == 1:
            sides.append(value)
        return Equation(head, tuple(sides))

    def _symbols(self, block: StepBlock) -> Node:
        return self._writer(block, numbers=False).node(block.expr)

    def _numbers(self, block: StepBlock) -> Node | None:
        """The expression with values put in; None where it is none or would be too large."""
        used = symbols(block.expr)
        known = bool(used) and not set(used) - block.values.keys()
        if not known or max(map(len, block.shapes.values())) > 2:
            return None
        node = self._writer(block, numbers=True).node(block.expr)
        alone = not isinstance(node, Row) and block.value is not None
        return None if alone or width(node) > _WIDEST else node

    def _result(self, block: StepBlock) -> Node:
        assert block.value is not None
        value, used = block.value, block.values.values()
        if used and all(array.size == 1 for array in (value, *used)):
            value = value.reshape(())
        return self.value(value, block.axes, block.id)

    def _writer(self, block: StepBlock, *, numbers: bool) -> FormulaWriter:
        return FormulaWriter(
            lambda id: replace(symbol(self.names.naming, id), node=self.names.node(id)),
            block.shapes,
            block.values if numbers else None,
            self.value if numbers else None,
            self.names.counting,
            self.view.rows,
            braces=not numbers and self._is_chain(block),
        )

    def _is_chain(self, block: StepBlock) -> bool:
        """Whether shapes stand below the factors: in gradients whose factors differ in shape."""
        shapes: Mapping[str, Shape] = block.shapes
        return bool(quantity(block.id).by) and len({*shapes.values()} - {()}) > 1

    # Values ---------------------------------------------------------------------------------------

    def value(self, value: Array, axes: tuple[str, ...] = (), id: str = "") -> Node:
        """A number, a vector as it stands, a matrix; of more axes, a matrix for each place."""
        if value.ndim == 0:
            return Number(self.digits.one(float(value)))
        if value.ndim == 1:
            value = value[None, :] if self.view.rows else value[:, None]
        if value.ndim == 2:
            return self.matrix(value)
        blocks = value.reshape(-1, *value.shape[-2:])
        places = list(np.ndindex(value.shape[:-2]))
        shown = kept_places(len(places), 4)
        return row(
            *(DOTS if i is None else self._block(blocks[i], places[i], axes, id) for i in shown)
        )

    def _block(self, value: Array, place: tuple[int, ...], axes: tuple[str, ...], id: str) -> Node:
        numbers = self.names.counting.shown(id, (*place, None, None))
        single = len(place) == 1 and axes[:1] == ("sample",)
        label = f"sample {numbers[0]}" if single else f"[{','.join(numbers)}]"
        return Braced(self.matrix(value), Word(label))

    def flat(self, value: Array) -> Node:
        """A value for a table: vectors on one line."""
        return self.matrix(value[None, :]) if value.ndim == 1 else self.value(value)

    def matrix(self, value: Array) -> Node:
        """A matrix, its middle left out where it is large."""
        most = _MOST_ROWS_LONG if self.view.detail == "long" else _MOST_ROWS
        rows = kept_places(value.shape[0], most)
        columns = kept_places(value.shape[1], _MOST_COLUMNS)
        if None in columns:
            columns = [*range(5), None, value.shape[1] - 1]
        entries = self._numbers_of(value, rows, columns)
        whole = value.shape if None in rows or None in columns else ()
        drawn = Grid(tuple(self._line(r, columns, entries) for r in rows), whole)
        return Braced(drawn, size(value.shape)) if whole else drawn

    def _line(
        self,
        line: int | None,
        columns: list[int | None],
        entries: Mapping[tuple[int, int], Node],
    ) -> tuple[Node, ...]:
        if line is None:
            return tuple(VERTICAL_DOTS if column is not None else Sign(" ") for column in columns)
        return tuple(DOTS if column is None else entries[line, column] for column in columns)

    def _numbers_of(
        self, value: Array, rows: list[int | None], columns: list[int | None]
    ) -> dict[tuple[int, int], Node]:
        """The entries shown, decimal points below one another."""
        places = [(r, c) for c in columns if c is not None for r in rows if r is not None]
        texts = self.digits.several([float(value[place]) for place in places])
        found: dict[tuple[int, int], Node] = {}
        for column in {c for _, c in places}:
            own = {
                place: text for place, text in zip(places, texts, strict=True) if place[1] == column
            }
            found |= _aligned(own)
        return found

    def exactly(self) -> Equations:
        """The same with at least six decimals, for what the problem states."""
        return replace(self, digits=replace(self.digits, precision=max(self.view.precision, 6)))


def _aligned(column: Mapping[tuple[int, int], str]) -> dict[tuple[int, int], Node]:
    """The numbers of a column with room beside them that brings their points below one another."""
    halves = {place: _halves(text) for place, text in column.items()}
    before = max((left for left, _ in halves.values()), key=len)
    behind = max((right for _, right in halves.values()), key=len)
    return {
        place: Number(
            column[place], behind[len(right) :], before[: max(len(before) - len(left), 0)]
        )
        for place, (left, right) in halves.items()
    }


def _halves(text: str) -> tuple[str, str]:
    """What stands before the decimal point, and the rest; an exponent counts as the former."""
    whole, point, rest = text.partition(".")
    return (text, "") if "e" in text else (whole, point + rest)


def equations_of(names: Names, view: View) -> Equations:
    """The formulas that a view asks for."""
    return Equations(names, view, Digits(view.precision))
