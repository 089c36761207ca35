"""Arrays of numbers to parts of formulas: a number, a vector as it stands, a matrix in brackets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from backprop_cli.algebra.shapes import Shape
from backprop_cli.document.document_data import Given, Page
from backprop_cli.document.names import Names
from backprop_cli.document.view import View
from backprop_cli.notation.nodes import (
    DOTS,
    VERTICAL_DOTS,
    Braced,
    Grid,
    Node,
    Number,
    Sign,
    Word,
    row,
)
from backprop_cli.notation.printed_numbers import Digits
from backprop_cli.notation.symbols import size

Array = NDArray[np.float64]
_Places = Sequence[int | None]


class Values(Struct, frozen=True):
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
        shown = kept_places(len(places), 4)
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

    def exactly(self, precision: int) -> Values:
        """The same with at least so many decimals, for what the problem states."""
        digits = replace(self.digits, precision=max(self.digits.precision, precision))
        return replace(self, digits=digits)


def values_of(names: Names, view: View, page: Page) -> Values:
    """The values as a view wants them."""
    return Values(names, page, Digits(view.precision), view.rows)


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
