"""Linear inequalities with exact numbers to regions, and functions in pieces on them as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from math import gcd, lcm
from typing import TypeAlias

from msgspec import Struct, field

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Sym
from backprop_cli.derive.simplify.monomials import summed

_WORK = 2_500_000
"""Steps of arithmetic that a whole problem may take: less than a second."""
_QUESTION = 20
"""What a question costs whose answer is remembered."""


class Affine(Struct, frozen=True):
    """a₁x₁ + a₂x₂ + … + constant."""

    slopes: tuple[Fraction, ...]
    constant: Fraction

    def __add__(self, other: Affine) -> Affine:
        slopes = (a + b for a, b in zip(self.slopes, other.slopes, strict=True))
        return Affine(tuple(slopes), self.constant + other.constant)

    def times(self, factor: Fraction) -> Affine:
        """The function times a number."""
        return Affine(tuple(factor * a for a in self.slopes), factor * self.constant)

    def __neg__(self) -> Affine:
        return self.times(Fraction(-1))

    def __sub__(self, other: Affine) -> Affine:
        return self + -other

    @property
    def is_constant(self) -> bool:
        """Whether no input changes it."""
        return not any(self.slopes)

    def at(self, point: Sequence[Fraction]) -> Fraction:
        """The value at a point."""
        return sum((a * x for a, x in zip(self.slopes, point, strict=True)), self.constant)


Row: TypeAlias = tuple[int, ...]


class Half(Struct, frozen=True):
    """Where a linear function is not negative; where it is positive, if `strict`.

    `row` are its slopes and its constant in whole numbers without a common divisor.
    """

    row: Row
    strict: bool = False

    @classmethod
    def of(cls, function: Affine, strict: bool = False) -> Half:
        """Where the function is not negative, or positive."""
        numbers = (*function.slopes, function.constant)
        up = lcm(*(value.denominator for value in numbers))
        found = [value.numerator * (up // value.denominator) for value in numbers]
        down = gcd(*found) or 1
        return cls(tuple(value // down for value in found), strict)

    @property
    def function(self) -> Affine:
        """A function that is above 0 where this holds."""
        *slopes, constant = map(Fraction, self.row)
        return Affine(tuple(slopes), constant)

    @property
    def outside(self) -> Half:
        """Where this does not hold."""
        return Half(tuple(-value for value in self.row), not self.strict)

    @property
    def inside(self) -> Half:
        """Without its border."""
        return self if self.strict else Half(self.row, True)

    def at(self, point: Sequence[Fraction]) -> Fraction:
        """A number above 0 inside, 0 on the border, below 0 outside."""
        *slopes, constant = self.row
        return sum((a * x for a, x in zip(slopes, point, strict=True) if a), Fraction(constant))

    def holds(self, point: Sequence[Fraction]) -> bool:
        """Whether the point belongs to it."""
        value = self.at(point)
        return value > 0 or (value == 0 and not self.strict)


Region: TypeAlias = tuple[Half, ...]
"""Points for which all of these hold; the whole space where it is empty."""


class Space(Struct):
    """Answers questions about regions, and remembers the answers.

    TooMuchWorkError where these take more than `work` steps of arithmetic.
    """

    work: int = _WORK
    known: dict[frozenset[Half], bool] = field(default_factory=dict)

    def possible(self, region: Iterable[Half]) -> bool:
        """Whether some point belongs to it."""
        key = frozenset(region)
        self.spend(_QUESTION + len(key))
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self._possible(key)
        return found

    def _possible(self, key: frozenset[Half]) -> bool:
        """By linear programming: how far above 0 can the strict ones be lifted together?"""
        halves = sorted(key, key=lambda half: (half.row, half.strict))
        if any(len(half.row) == 2 for half in halves):
            return _on_a_line(halves)
        tableau = Tableau.of([half.row for half in halves], [half.strict for half in halves])
        found = tableau.possible(self.work)
        self.spend(tableau.work)
        return found

    def spend(self, work: int) -> None:
        """Counts work done elsewhere."""
        self.work -= work
        if self.work <= 0:
            raise TooMuchWorkError

    def within(self, region: Region, half: Half) -> bool:
        """Whether the inequality holds everywhere in the region."""
        return not self.possible((*region, half.outside))

    def needed(self, region: Iterable[Half]) -> Region:
        """The same region without the inequalities that follow from the others."""
        kept = list(dict.fromkeys(region))
        for half in reversed(list(kept)):
            others = tuple(other for other in kept if other != half)
            if self.within(others, half):
                kept.remove(half)
        return tuple(kept)

    # Unions ---------------------------------------------------------------------------------------

    def joined(self, first: Region, second: Region) -> Region | None:
        """One region that holds exactly the points of both; None where they do not make one.

        The two have no point in common, so that they can only make one if they share a border.
        """
        borders = {half.row for half in first}
        if first and not any(half.outside.row in borders for half in second):
            return None
        around = (
            *(half for half in first if self.within(second, half)),
            *(half for half in second if self.within(first, half)),
        )
        for a in first:
            for b in second:
                if self.possible((*around, a.outside, b.outside)):
                    return None
        return self.needed(around)

    def merged(self, regions: Iterable[Region]) -> tuple[Region, ...]:
        """Fewer regions with the same points, joined where two make one."""
        found = list(regions)
        while self._one_joined(found):
            pass
        return tuple(found)

    def _one_joined(self, found: list[Region]) -> bool:
        for i, first in enumerate(found):
            for j in range(i + 1, len(found)):
                union = self.joined(first, found[j])
                if union is not None:
                    found[i] = union
                    del found[j]
                    return True
        return False


def _on_a_line(halves: Iterable[Half]) -> bool:
    """With one input: is the largest lower bound below the smallest upper one?"""
    low: tuple[Fraction, bool] | None = None
    high: tuple[Fraction, bool] | None = None
    for half in halves:
        slope, constant = half.row
        if not slope:
            if constant < 0 or (constant == 0 and half.strict):
                return False
            continue
        bound = Fraction(-constant, slope)
        if slope > 0:
            low = max(low or (bound, half.strict), (bound, half.strict))
        else:
            high = min(high or (bound, not half.strict), (bound, not half.strict))
    if low is None or high is None:
        return True
    return low[0] < high[0] or (low[0] == high[0] and not low[1] and high[1])


# Whether they hold together -----------------------------------------------------------------------


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


# Functions in pieces ------------------------------------------------------------------------------

Value: TypeAlias = "Affine | Expr"
"""A linear function of the inputs; what is not linear stays a formula in them."""


class Piece(Struct, frozen=True):
    """A value, and the region where the function has it."""

    region: Region
    value: Value


Pieces: TypeAlias = tuple[Piece, ...]


class Inputs(Struct, frozen=True):
    """The names of the free inputs, in order."""

    names: tuple[str, ...]

    def constant(self, value: Fraction) -> Affine:
        """A number as a function of the inputs."""
        return Affine((Fraction(0),) * len(self.names), value)

    def input(self, name: str) -> Affine:
        """One of the inputs as a function of them all."""
        place = self.names.index(name)
        slopes = tuple(Fraction(i == place) for i in range(len(self.names)))
        return Affine(slopes, Fraction(0))

    def expr(self, value: Value) -> Expr:
        """The value as a formula: 2·x₁ − x₂ + 1."""
        if not isinstance(value, Affine):
            return value
        terms = [(slope, Sym(name)) for name, slope in zip(self.names, value.slopes, strict=True)]
        return summed([*terms, (value.constant, build.ONE)])


class Place(Struct, frozen=True):
    """A region, and what can be asked about it."""

    inputs: Inputs
    space: Space
    region: Region

    def sides(self, border: Affine, at_zero: bool = True) -> Iterator[tuple[Place, bool]]:
        """The part where `border` is above 0 (at 0 too, if so asked), and the rest."""
        if border.is_constant:
            yield self, border.constant > 0 or (at_zero and border.constant == 0)
            return
        upper = Half.of(border, not at_zero)
        for half, above in ((upper, True), (upper.outside, False)):
            part = (*self.region, half)
            if self.space.possible(part):
                yield Place(self.inputs, self.space, self.space.needed(part)), above

    def piece(self, value: Value) -> Piece:
        """The region with a value."""
        return Piece(self.region, value)
