"""Linear inequalities to whether they can hold together: a linear program in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from msgspec import Struct

_WORD = 60  # bits: what a number costs more for each
_EACH = 40  # what every exchange costs, however small
_CELLS = 4  # numbers that cost as much as one step elsewhere


class TooMuchWorkError(Exception):
    """More arithmetic than was allowed."""


class Tableau(Struct):
    """Basic variables in terms of the others: `rows[i]` / `scale[i]`, the last entry a constant.

    Every variable has to be at least 0 but the inputs themselves, which have been solved for and
    are no longer there. `names` are numbers, so that ties are broken the same way each time;
    `lift`, which is to be made large, is how far the strict inequalities stay above 0.
    """

    rows: list[list[int]]
    scale: list[int]
    basic: list[int]
    other: list[int]
    lift: int | None
    work: int = 0

    @classmethod
    def of(cls, halves: Sequence[Sequence[int]], strict: Sequence[bool]) -> Tableau:
        """The tableau of a·x + c ≥ 0, or > 0 where strict; slopes first, then the constant."""
        inputs = len(halves[0]) - 1 if halves else 0
        lifted = any(strict)
        columns = inputs + lifted
        rows = [
            [*half[:-1], *([-int(above)] if lifted else []), half[-1]]
            for half, above in zip(halves, strict, strict=True)
        ]
        if lifted:  # it need not go beyond 1
            rows.append([*[0] * inputs, -1, 1])
        basic = [columns + i for i in range(len(rows))]
        found = cls(rows, [1] * len(rows), basic, list(range(columns)), inputs if lifted else None)
        found._solve_for_inputs(inputs)
        return found

    def _solve_for_inputs(self, inputs: int) -> None:
        """Each input is exchanged for an inequality and then forgotten, or has no say at all."""
        for name in range(inputs):
            column = self.other.index(name)
            row = next((i for i, row in enumerate(self.rows) if row[column]), None)
            if row is None:
                self.other.pop(column)
                for each in self.rows:
                    each.pop(column)
                continue
            self.exchange(row, column)
            del self.rows[row], self.scale[row], self.basic[row]

    def exchange(self, row: int, column: int) -> None:
        """A basic variable and another change places."""
        solved = self.rows[row]
        pivot, old = solved[column], self.scale[row]
        sign = 1 if pivot > 0 else -1
        solved = [-sign * value for value in solved]
        solved[column] = sign * old
        pivot = abs(pivot)
        self.rows[row], self.scale[row] = solved, pivot
        self.basic[row], self.other[column] = self.other[column], self.basic[row]
        for i, each in enumerate(self.rows):
            factor = each[column]
            if i == row or not factor:
                continue
            new = [pivot * value for value in each]
            new[column] = 0
            new = [value + factor * other for value, other in zip(new, solved, strict=True)]
            scale = self.scale[i] * pivot
            common = gcd(scale, *new)
            self.rows[i] = [value // common for value in new] if common > 1 else new
            self.scale[i] = scale // common
        words = 1 + max(self.scale, default=0).bit_length() // _WORD
        self.work += _EACH + len(self.rows) * len(solved) * words * words // _CELLS

    def possible(self, most: int) -> bool:
        """Whether all can hold together (Terlaky's criss-cross method, which ends by itself)."""
        while True:
            if self.work > most:
                raise TooMuchWorkError
            lacking = [i for i, row in enumerate(self.rows) if row[-1] < 0]
            if not lacking and self._lifted():
                return True
            row = min(lacking, key=self.basic.__getitem__, default=None)
            column = self._worth_raising()
            if row is None and column is None:
                return False
            if column is None or (row is not None and self.basic[row] < self.other[column]):
                assert row is not None
                column = self._raising(row)
                if column is None:
                    return False
            else:
                row = self._limiting(column)
            self.exchange(row, column)

    def _lifted(self) -> bool:
        """Whether the strict inequalities are off 0, or there are none."""
        if self.lift is None:
            return True
        return self.lift in self.basic and self.rows[self.basic.index(self.lift)][-1] > 0

    def _worth_raising(self) -> int | None:
        """The first variable that makes the lift larger."""
        if self.lift is None:
            return None
        if self.lift in self.other:
            return self.other.index(self.lift)
        gains = self.rows[self.basic.index(self.lift)][:-1]
        found = [column for column, gain in enumerate(gains) if gain > 0]
        return min(found, key=self.other.__getitem__, default=None)

    def _raising(self, row: int) -> int | None:
        """The first variable that brings a negative one up."""
        found = [column for column, gain in enumerate(self.rows[row][:-1]) if gain > 0]
        return min(found, key=self.other.__getitem__, default=None)

    def _limiting(self, column: int) -> int:
        """The first variable that falls when this one rises; the lift is bounded by one."""
        found = [i for i, row in enumerate(self.rows) if row[column] < 0]
        return min(found, key=self.basic.__getitem__)
