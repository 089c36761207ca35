"""Functions with kinks and steps: an operation on linear functions to its pieces in a region."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import TypeAlias

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, num
from backprop_cli.derive.regions.halfspaces import Affine
from backprop_cli.derive.regions.regions_data import Piece, Place, Value
from backprop_cli.derive.simplify.tidy import tidy

Values: TypeAlias = tuple[Value, ...]
Split: TypeAlias = Callable[[Place, Op, Values], "list[Piece] | None"]
"""None where a border would not be a straight one: the operation stays as it is written."""

_Kinked: TypeAlias = Callable[[Place, Op, tuple[Affine, ...]], Iterator[Piece]]


def _when_linear(kinked: _Kinked) -> Split:
    def split(place: Place, node: Op, values: Values) -> list[Piece] | None:
        linear = tuple(value for value in values if isinstance(value, Affine))
        return list(kinked(place, node, linear)) if len(linear) == len(values) else None

    return split


def _number(value: object) -> Fraction:
    return Fraction(str(value))


def _slopes(below: Callable[[Op], Fraction]) -> Split:
    """x above 0, a multiple of x below: ReLU, leaky ReLU, |x|."""

    def kinked(place: Place, node: Op, values: tuple[Affine, ...]) -> Iterator[Piece]:
        (x,) = values
        for part, above in place.sides(x):
            yield part.piece(x if above else x.times(below(node)))

    return _when_linear(kinked)


def _constants(numbers: Callable[[Op], tuple[object, object, object]]) -> Split:
    """One of three numbers: below 0, at 0 and above it, of which two may be the same."""

    def kinked(place: Place, node: Op, values: tuple[Affine, ...]) -> Iterator[Piece]:
        (x,) = values
        low, middle, high = map(_number, numbers(node))
        for part, above in place.sides(x, middle == high):
            if above or middle in (low, high):
                yield part.piece(place.inputs.constant(high if above else low))
                continue
            for inner, zero in part.sides(x):
                yield inner.piece(place.inputs.constant(middle if zero else low))

    return _when_linear(kinked)


def _switched(node: Op) -> tuple[object, object, object]:
    return node.option("below", 0), node.option("at", 0), node.option("above", 1)


def _larger(place: Place, node: Op, values: tuple[Affine, ...]) -> Iterator[Piece]:
    a, b = values
    for part, above in place.sides(a - b):
        yield part.piece(a if above == (node.name == "maximum") else b)


def _cut(place: Place, node: Op, values: tuple[Affine, ...]) -> Iterator[Piece]:
    """x, but not beyond a limit on either side."""
    x, limit = values[0], place.inputs.constant(_number(node.option("limit", 1)))
    for upper, above in place.sides(x - limit):
        if above:
            yield upper.piece(limit)
            continue
        for part, inside in upper.sides(x + limit):
            yield part.piece(x if inside else -limit)


def _huber(place: Place, node: Op, values: tuple[Affine, ...]) -> Iterator[Piece]:
    """Half the square up to delta, a straight line beyond."""
    x, delta = values[0], _number(node.option("delta", 1))
    square = build.mul(num("1/2"), build.power(place.inputs.expr(x), num(2)))
    beyond = place.inputs.constant(delta)
    for upper, above in place.sides(x - beyond):
        if above:
            yield upper.piece((x - beyond.times(Fraction(1, 2))).times(delta))
            continue
        for part, inside in upper.sides(x + beyond):
            line = (x + beyond.times(Fraction(1, 2))).times(-delta)
            yield part.piece(_tidied(place, square) if inside else line)


def _exponential(place: Place, node: Op, values: tuple[Affine, ...]) -> Iterator[Piece]:
    """ELU: x above 0, a formula below."""
    (x,) = values
    alpha = num(str(node.option("alpha", 1)))
    for part, above in place.sides(x):
        below = build.mul(alpha, build.sub(Op("exp", (place.inputs.expr(x),)), build.ONE))
        yield part.piece(x if above else _tidied(place, below))


def _tidied(place: Place, formula: Expr) -> Value:
    found = tidy(formula)
    return place.inputs.constant(found.value) if hasattr(found, "value") else found


def _chosen(place: Place, _: Op, values: Values) -> list[Piece] | None:
    """One of two values, by the sign of the first."""
    x, above, otherwise = values
    if not isinstance(x, Affine):
        return None
    sides = place.sides(x, at_zero=False)
    return [part.piece(above if positive else otherwise) for part, positive in sides]


def _first_largest(place: Place, node: Op, values: tuple[Affine, ...]) -> Iterator[Piece]:
    """The number of the largest value; of several equal ones, the first."""
    base = int(str(node.option("first", 0)))
    rest = [place]
    for number, value in enumerate(values):
        won = rest
        for other in values[number + 1 :]:
            won = [part for each in won for part, above in each.sides(value - other) if above]
        yield from (each.piece(place.inputs.constant(Fraction(base + number))) for each in won)
        rest = [part for each in rest for part in _beaten(each, value, values[number + 1 :])]


def _beaten(place: Place, value: Affine, others: tuple[Affine, ...]) -> Iterator[Place]:
    """Where one of the others is larger."""
    for other in others:
        for part, larger in place.sides(other - value, at_zero=False):
            if larger:
                yield part
                continue
            place = part
            break
        else:
            return


def _zero_at_zero(place: Place, _: Op, values: Values) -> list[Piece] | None:
    """a·ln b and a/b, which are 0 where a is 0."""
    zero = place.inputs.constant(Fraction(0))
    return [place.piece(zero)] if values[0] == zero else None


SPLITS: Mapping[str, Split] = MappingProxyType(
    {
        "relu": _slopes(lambda node: Fraction(0)),
        "positive_part": _slopes(lambda node: Fraction(0)),
        "leaky_relu": _slopes(lambda node: _number(node.option("slope", 0.01))),
        "abs": _slopes(lambda node: Fraction(-1)),
        "step": _constants(lambda node: (0, node.option("at_zero", 1), 1)),
        "sign": _constants(lambda node: (-1, 0, 1)),
        "switch": _constants(_switched),
        "maximum": _when_linear(_larger),
        "minimum": _when_linear(_larger),
        "clip": _when_linear(_cut),
        "huber": _when_linear(_huber),
        "elu": _when_linear(_exponential),
        "choose": _chosen,
        "argmax": _when_linear(_first_largest),
        "xlogy": _zero_at_zero,
        "ratio": _zero_at_zero,
    }
)
