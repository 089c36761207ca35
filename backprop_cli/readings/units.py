"""The digits that a sheet, or a type of floats, uses, and what is made of a number with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import isfinite
from typing import Final, Literal, get_args

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.operations.bounds import Array, Interval, is_point, point
from backprop_cli.operations.masks import every, some
from backprop_cli.operations.record import Operation
from backprop_cli.operations.table import TABLE


def named(holds: Callable[[Operation], bool]) -> frozenset[str]:
    """The names of the operations of the table of which that holds."""
    return frozenset(name for name, record in TABLE.items() if holds(record))


EXACT = named(lambda record: record.exact or record.moves)
SUMS = named(lambda record: record.adds)
_NO_NEW_DECIMALS = EXACT | SUMS
TOTALS = named(lambda record: record.adds and record.reduces)
PRODUCTS = named(lambda record: record.multiplies)


@cache
def _decimal(count: int) -> Array:
    return np.asarray(10.0**-count)


_A_DIGIT_MORE = 0.05
"""Of a unit: how far up rounding at a later digit may lead, half of a tenth."""


def _cut_off(size: Array, unit: Array) -> Array:
    return np.floor(size / unit + 1e-9) * unit


def _rounded(size: Array, unit: Array) -> Array:
    return np.floor(size / unit + 0.5 + 1e-9) * unit


def _most(size: Array, unit: Array) -> Array:
    """What rounding at the last digit gives, or at a later one: half of a tenth more at most."""
    steps = size / unit
    whole = np.floor(steps + 1e-9)
    rest = np.minimum(steps - whole, _A_DIGIT_MORE)
    return np.where(steps - whole < 0.5 - 1e-9, size + rest * unit, (whole + 1) * unit)


def _least_of(low: Array, unit: Array) -> Array:
    """The least that rounding or cutting off at the last digit, or at a later one, may give."""
    if low.ndim == 0:  # half as much to do: one number is written out a thousand times
        return np.asarray(_cut_off(low, unit) if low > 0 else -_most(-low, unit))
    return np.where(low > 0, _cut_off(low, unit), -_most(-low, unit))


_KNOWN, _UNKNOWN = np.asarray(True), np.asarray(False)

SLACK = 1e-9
"""Relative room for the noise of floating-point arithmetic."""

LEAST = 1e-12
"""The same for numbers that came out of a difference of larger ones."""

OF_A_DIGIT = 1e-3
"""Noise is never more of a digit typed: else a number of nine digits would have none behind."""


def short(value: Array, unit: Array) -> NDArray[np.bool_]:
    """Where a number has no digits beyond this unit: it can be typed as itself only."""
    with np.errstate(all="ignore"):
        beyond = np.abs(value - np.rint(value / unit) * unit)
        noise = np.minimum(SLACK * np.abs(value) + LEAST, OF_A_DIGIT * unit)
    return np.asarray((unit > 0) & (beyond <= noise))


class Unit(Struct, frozen=True):
    """The digits a sheet uses: so many decimals, or significant digits."""

    count: int
    significant: bool = False

    def at(self, value: Array) -> Array:
        """The unit of the last digit of numbers of this size; one for all where decimals count."""
        if not self.significant:
            return _decimal(self.count)
        size = np.abs(value)
        place = np.floor(np.log10(np.where((size == 0) | np.isinf(size), 1.0, size)))
        return 10.0 ** (place - self.count + 1)

    @property
    def definite(self) -> bool:
        """Whether this is one person's way of rounding, and no allowance for any."""
        return False

    @property
    def exact(self) -> frozenset[str]:
        """The operations after which there is nothing to round, their arguments being rounded."""
        return EXACT if self.significant else _NO_NEW_DECIMALS

    def widened(self, interval: Interval) -> Interval:
        """What rounding or cutting off after the last digit, or a later one, makes of the values.

        Who needs no more digits rounds nothing.
        """
        low, high = interval
        below = self.at(low)
        known = _KNOWN if low is high else np.asarray(low == high)
        as_it_is = known & short(low, below) if some(known) else _UNKNOWN
        if every(as_it_is):
            return low, high
        above = self.at(high) if self.significant else below
        down, up = _least_of(low, below), -_least_of(-high, above)
        if not some(as_it_is):
            return down, up
        return np.where(as_it_is, low, down), np.where(as_it_is, high, up)

    def holds(self, interval: Interval) -> bool:
        """Whether the ends have no more digits than that."""
        return all(every(short(end, self.at(end))) for end in interval)


Within = Literal[
    "only products",
    "every product",
    "every product and sum",
    "every step",
    "every step and sum",
    "every key",
    "no total",
    "no term",
    "no product",
    "no sum or product",
    "nothing",
    "only quotients",
]
*_usual, _ = get_args(Within)
WITHIN: Sequence[Within] = tuple(_usual)
"""All but the last, which is a way of those who keep another kind of digits than they write."""
_BY_PRODUCT: frozenset[Within] = frozenset(
    {"only products", "every product", "every product and sum"}
)
_NOT_WRITTEN: Mapping[Within, frozenset[str]] = {
    "only products": frozenset(TABLE) - {"mul"},  # a function of a number is one key
    "only quotients": frozenset(TABLE) - {"div", "ratio", "pow"},  # and squares
    "no total": EXACT | TOTALS | {"add", "mean"},  # which stays on the display
    "no sum or product": EXACT | SUMS | PRODUCTS,
    "no product": EXACT | PRODUCTS,  # before it is added to something
    "every product": EXACT | SUMS | PRODUCTS - {"mul", "xlogy"},  # which are added up as they stand
}
"""What nobody writes down who goes by one of these ways."""


class WithProducts(Unit, frozen=True):
    """The same digits, for who writes down a sum, or its products, or not: the widest range."""

    @property
    def exact(self) -> frozenset[str]:
        """A sum is written down by some, also of terms that were."""
        return super().exact - TOTALS

    def room(self, terms: int, sizes: Array) -> Array:
        """How far roundings of so many products, and of their sum, may lead from it at most.

        `sizes` are the largest that the products can be, added up.
        """
        if not self.significant:
            return np.asarray((terms + 1) * self.at(sizes))
        return np.asarray(_SLACK * sizes * 10.0 ** (1 - self.count))


_SLACK = 2.5
"""A unit of significant digits of each product, and one of their sum, which has grown by then."""


class Rounding(Unit, frozen=True):
    """Rounds, or cuts off, after each step instead of allowing for it: one person's own way."""

    cuts_off: bool = False
    within: Within = "every step"
    """What is written down within a formula; quantities with a name always are."""
    steps: Unit | None = None
    """The digits of what has no name, where these are not those of what has one."""

    @property
    def inside(self) -> Rounding | None:
        """The way within a formula; None where nothing is written down there."""
        if self.names_only or self.steps is None:
            return None if self.names_only else self
        return Rounding(self.steps.count, self.steps.significant, self.cuts_off, self.within)

    @property
    def names_only(self) -> bool:
        """Whether only quantities with a name are written down."""
        return self.within == "nothing"

    @property
    def by_product(self) -> bool:
        """Whether the products of a sum are written down one by one."""
        return self.within in _BY_PRODUCT

    @property
    def exact(self) -> frozenset[str]:
        """The operations after which nothing is written down."""
        if (own := _NOT_WRITTEN.get(self.within)) is not None:
            return own
        each = self.significant or self.within == "every step and sum"
        return EXACT if each else _NO_NEW_DECIMALS

    @property
    def definite(self) -> bool:
        """It is."""
        return True

    def widened(self, interval: Interval) -> Interval:
        """The values as that person writes them down."""
        if is_point(interval):
            return point(self.written(interval[0]))
        return self.written(interval[0]), self.written(interval[1])

    def written(self, value: Array) -> Array:
        """One number at the person's digits."""
        unit, size = self.at(value), np.abs(value)
        return np.sign(value) * (_cut_off if self.cuts_off else _rounded)(size, unit)


# Floats, in place of digits somebody typed --------------------------------------------------------

EPSILONS: Final = {name: float(np.finfo(name).eps) for name in ("float16", "float32", "float64")}
"""The relative distance of a float from the next one, by the kind."""

_NOTHING: Final = {name: float(1 / np.finfo(name).max) for name in EPSILONS}

_ROUNDINGS = 16
"""Roundings that one operation is allowed: of its arguments, within it, of its result."""

_WORST = 0.05
_LEAST = 1e-9
"""What is asked of nobody: the judge's own figures are no better known."""


class FloatType(Struct, frozen=True):
    """The type a program computes in; `rtol` is the tolerance a teacher sets in place of its own.

    A program is as exact as its coarsest numbers: one float32 among its arrays makes it float32.
    """

    name: str
    rtol: float | None = None

    @property
    def epsilon(self) -> float:
        """The distance of 1 from the next number."""
        return EPSILONS[self.name]

    @property
    def nothing(self) -> float:
        """What is no larger is 0 in a program: its reciprocal is beyond the largest number."""
        return _NOTHING[self.name]

    @property
    def most(self) -> float:
        """What no rounding excuses, however long the sums are: half of the digits are wrong."""
        return max(float(self.epsilon**0.5), self.rtol or 0.0)

    @property
    def worst(self) -> float:
        """What is measured where numbers cancel, or units are saturated, excuses no more than this.

        At a kink nothing is what it was a rounding before, and that is no measure for a program.
        """
        return min(_WORST, 1e3 * self.most)

    def behind(self, terms: int) -> float:
        """The relative tolerance behind sums of so many terms, one after the other.

        Roundings go either way, so that their sum grows with the root of their number.
        """
        if self.rtol is not None:
            return self.rtol
        return min(max(_ROUNDINGS * self.epsilon * (1 + float(terms**0.5)), _LEAST), self.most)


class Floating(Unit, frozen=True):
    """Stands where digits are asked of a person: of a program none are, it has those of its kind.

    `at` is what cannot be told from nothing in numbers of this size, `widened` what one more
    rounding may do to them; both go by the largest entry.
    """

    kind: FloatType = FloatType("float64")

    def at(self, value: Array) -> Array:
        """A difference too small to say anything, one for all entries."""
        return np.full(np.shape(value), self.kind.most * largest(value))

    def widened(self, interval: Interval) -> Interval:
        """The interval with room for one rounding."""
        low, high = interval
        room = self.kind.behind(0) * max(largest(low), largest(high))
        return low - room, high + room


def largest(value: Array) -> float:
    """The size of the largest entry that is a number; 0 where there is none."""
    size = np.abs(value)
    most = float(np.max(size, initial=0.0))
    return most if isfinite(most) else float(np.max(size, initial=0.0, where=np.isfinite(size)))


def persons(unit: Unit, within: Sequence[Within] = WITHIN) -> tuple[Rounding, ...]:
    """Definite ways: to round, or cut off, after every step, or some, or what has a name."""
    if isinstance(unit, Floating):
        return ()
    # Every step is every sum, and sums have no new decimals.
    same = {"every step and sum"} if unit.significant else {"every product and sum", "no total"}
    return tuple(
        Rounding(unit.count, unit.significant, cuts_off, each)
        for each in within
        if each not in same
        for cuts_off in (False, True)
    )
