"""A region to what is written of it: 1 ≤ x < 3, x₁ + x₂ < 1; and what is left to "otherwise"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr
from backprop_cli.derive.regions.free_inputs import FreeInputs, Function, counted
from backprop_cli.derive.regions.halfspaces import (
    Affine,
    Half,
    Inputs,
    Piece,
    Pieces,
    Region,
    Value,
)
from backprop_cli.readings.formula_text import number, plain
from backprop_cli.trace_json import to_json as trace_to_json

_FAR = Fraction(10**30)
_DIGITS = 2  # of the whole numbers before an input


class Between(Struct, frozen=True):
    """low ≤ middle < high: either bound may be absent; equal bounds say what middle is."""

    middle: Expr
    low: Fraction | None = None
    low_strict: bool = False
    high: Fraction | None = None
    high_strict: bool = False

    @property
    def single(self) -> bool:
        """Whether there is but one number left."""
        return self.low is not None and self.low == self.high


class Alternative(Struct, frozen=True):
    """A value, and the regions where it is taken; without regions, everywhere else."""

    value: Expr
    regions: tuple[tuple[Between, ...], ...]


def written(region: Region, inputs: Inputs) -> tuple[Between, ...]:
    """The inequalities of a region, two with the same left side as one."""
    found: dict[tuple[Fraction, ...], Between] = {}
    for half in region:
        slopes, bound, upper = _bound(half)
        middle = inputs.expr(Affine(slopes, Fraction(0)))
        old = found.get(slopes, Between(middle))
        found[slopes] = (
            Between(middle, old.low, old.low_strict, bound, half.strict)
            if upper
            else Between(middle, bound, half.strict, old.high, old.high_strict)
        )
    return tuple(found[slopes] for slopes in sorted(found, key=_order))


def _order(slopes: tuple[Fraction, ...]) -> tuple[int, tuple[Fraction, ...]]:
    """Fewer inputs first, then those that come first."""
    return sum(map(bool, slopes)), tuple(-abs(slope) for slope in slopes)


def _bound(half: Half) -> tuple[tuple[Fraction, ...], Fraction, bool]:
    """The left side with a positive first slope, its bound, and whether that is an upper one."""
    function = half.function
    first = next(slope for slope in function.slopes if slope)
    upper = first < 0
    alone = sum(map(bool, function.slopes)) == 1  # x₁ ≥ 3/2, not 2 · x₁ ≥ 3
    function = function.times(1 / abs(first)) if alone else _readable(function)
    function = -function if upper else function
    return function.slopes, -function.constant, upper


def _readable(function: Affine) -> Affine:
    """1.23·x₁ instead of 123·x₁: decimals where whole numbers would be long."""
    places = len(str(max(abs(slope) for slope in function.slopes).numerator))
    return function.times(Fraction(1, 10 ** (places - 1))) if places > _DIGITS else function


def alternatives(found: Pieces, inputs: Inputs) -> tuple[Alternative, ...]:
    """The pieces by value, from left to right; that with most regions comes last, as the rest."""
    by_value: dict[Value, list[Region]] = {}
    for piece in sorted(found, key=_place):
        by_value.setdefault(piece.value, []).append(piece.region)
    most = max(by_value.values(), key=len)
    rest = next(value for value, regions in by_value.items() if regions is most)
    if len(most) == 1:
        return tuple(_alternative(value, regions, inputs) for value, regions in by_value.items())
    kept = {value: regions for value, regions in by_value.items() if value != rest}
    listed = [_alternative(value, regions, inputs) for value, regions in kept.items()]
    return (*listed, Alternative(inputs.expr(rest), ()))


def _alternative(value: Value, regions: Sequence[Region], inputs: Inputs) -> Alternative:
    return Alternative(inputs.expr(value), tuple(written(region, inputs) for region in regions))


def _place(piece: Piece) -> tuple[Fraction, bool]:
    """Where a piece begins, with one input; all alike, and so in the order found, otherwise."""
    if any(len(half.function.slopes) > 1 for half in piece.region):
        return Fraction(0), False
    lows = [
        (-half.function.constant / half.function.slopes[0], half.strict)
        for half in piece.region
        if half.function.slopes[0] > 0
    ]
    return max(lows, default=(-_FAR, False))


def ones(found: Pieces, inputs: Inputs) -> tuple[tuple[Between, ...], ...] | None:
    """The regions where a function that is 0 or 1 is 1; None where it is something else."""
    values = {piece.value for piece in found}
    zero, one = inputs.constant(Fraction(0)), inputs.constant(Fraction(1))
    if not values <= {zero, one}:
        return None
    return tuple(
        written(piece.region, inputs) for piece in sorted(found, key=_place) if piece.value == one
    )


def to_json(free: FreeInputs) -> dict[str, Any]:
    """The trace as plain data, letters in what is given, and `functions` in every step."""
    data = trace_to_json(free.trace)
    for name, letters in free.letters.items():
        data["given"][name] = _with_letters(free.trace.given[name].value, letters)
    for step in data["steps"]:
        step["functions"] = [_function(each, free) for each in free.functions[step["id"]]]
    return {**data, "free": list(free.inputs.names)}


def _with_letters(value: np.ndarray[Any, Any], letters: Any) -> Any:
    found = np.array(value, dtype=object)
    for index, letter in letters.items():
        found[index] = letter
    return found.tolist() if found.shape else found.item()


def _function(function: Function, free: FreeInputs) -> dict[str, Any]:
    bases, base = free.bases, free.bases.first
    found = function.pieces
    return {
        "index": [int(place) for place in bases.shown(function.name, function.index)],
        "formula": plain(counted(function.formula, bases), base),
        "pieces": None
        if found is None
        else [
            {
                "value": plain(counted(free.inputs.expr(piece.value), bases), base),
                "where": list(_conditions(piece.region, free.inputs)),
            }
            for piece in found
        ],
        "note": function.note or None,
    }


def _conditions(region: Region, inputs: Inputs) -> Iterator[str]:
    for each in written(region, inputs):
        yield from _bounds(each)


def _bounds(each: Between) -> Iterator[str]:
    middle = plain(each.middle)
    if each.single and each.low is not None:
        yield f"{middle} == {number(each.low)}"
        return
    if each.low is not None:
        yield f"{middle} {'>' if each.low_strict else '>='} {number(each.low)}"
    if each.high is not None:
        yield f"{middle} {'<' if each.high_strict else '<='} {number(each.high)}"
