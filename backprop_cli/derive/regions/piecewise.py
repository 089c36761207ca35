"""One entry of a network to a function of its free inputs: pieces, each with its region."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, num, symbols, walk
from backprop_cli.derive.regions.halfspaces import (
    Affine,
    Half,
    Inputs,
    Piece,
    Pieces,
    Place,
    Region,
    Space,
    TooMuchWorkError,
    Value,
)
from backprop_cli.derive.simplify.monomials import tidy

_MOST_PIECES = 120
_LONGEST = 24
"""Parts of a formula in the inputs; a longer one is left in the quantities before it."""
_HOPELESS = 100
"""Parts of a formula that will not become a readable one, whatever is done to it."""
_LARGEST = 200
"""Bits of a number that anyone would want to read."""


class NotWrittenError(Exception):
    """A function that is not worth writing out; the message says why, and may be empty."""


def pieces(expr: Expr, known: Mapping[str, Pieces], inputs: Inputs, space: Space) -> Pieces:
    """The pieces of a formula in single numbers, from the pieces of the names in it.

    NotWrittenError where there are too many, or they are too long.
    """
    try:
        found = _Reading(known, inputs, space).pieces(expr)
    except TooMuchWorkError:
        raise NotWrittenError("working out its pieces would take too long") from None
    _check_length(found, inputs)
    try:
        return _joined(found, space)
    except TooMuchWorkError:
        return found


def _check_length(found: Pieces, inputs: Inputs) -> None:
    """Refuses numbers and formulas too long to read, and what is not from the inputs alone."""
    for piece in found:
        if isinstance(piece.value, Affine):
            numbers = (*piece.value.slopes, piece.value.constant)
            if any(_bits(number) > _LARGEST for number in numbers):
                raise NotWrittenError("its numbers are too long to be written")
        elif not _readable(piece.value, inputs):
            raise NotWrittenError("")


def _readable(formula: Expr, inputs: Inputs) -> bool:
    names = set(symbols(formula))
    return names <= set(inputs.names) and _size(formula) <= _LONGEST


def _size(formula: Expr) -> int:
    return sum(1 for _ in walk(formula))


def _bits(number: Fraction) -> int:
    return max(number.numerator.bit_length(), number.denominator.bit_length())


class _Reading(Struct, frozen=True):
    known: Mapping[str, Pieces]
    inputs: Inputs
    space: Space

    def pieces(self, expr: Expr) -> Pieces:
        match expr:
            case Num(value):
                return (Piece((), self.inputs.constant(value)),)
            case Sym(name) if name in self.known:
                return self.known[name]
            case Sym(name):
                raise NotWrittenError(f"all of {name} is in it at once")
        split = SPLITS.get(expr.name)
        result: list[Piece] = []
        for region, values in self.combined([self.pieces(arg) for arg in parts(expr)]):
            found = split(Place(self.inputs, self.space, region), expr, values) if split else None
            result += [Piece(region, self.applied(expr, values))] if found is None else found
            if len(result) > _MOST_PIECES:
                raise NotWrittenError(f"it falls into more than {_MOST_PIECES} pieces")
        return _joined(tuple(result), self.space) if split and len(result) > 2 else tuple(result)

    def combined(self, args: list[Pieces]) -> list[tuple[Region, tuple[Value, ...]]]:
        """Every way in which the pieces of the arguments can hold together."""
        found: list[tuple[Region, tuple[Value, ...]]] = [((), ())]
        for arg in args:
            found = [
                (both, (*values, piece.value))
                for region, values in found
                for piece in arg
                if (both := self.met(region, piece.region)) is not None
            ]
            if len(found) > _MOST_PIECES:
                raise NotWrittenError(f"it falls into more than {_MOST_PIECES} pieces")
        return found

    def met(self, first: Region, second: Region) -> Region | None:
        """Where both regions are; None where they are apart."""
        if not first or not second or first == second:
            return first or second
        both = (*first, *second)
        return self.space.needed(both) if self.space.possible(both) else None

    def applied(self, node: Op, values: tuple[Value, ...]) -> Value:
        """The operation on one value of each argument: linear where it can be."""
        self.space.spend(len(self.inputs.names) + 1)
        linear = _linear(node, values)
        if linear is not None:
            return linear
        formula = tidy(rebuilt(node, tuple(map(self.inputs.expr, values))))
        if _size(formula) > _HOPELESS:
            raise NotWrittenError("")
        return self.inputs.constant(formula.value) if isinstance(formula, Num) else formula


def parts(node: Op) -> tuple[Expr, ...]:
    """What an operation works on: the entries of a vector where it takes one."""
    match node:
        case Op("argmax", (Op("stack", entries),)):
            return entries
        case Op("at", (Op(_, stacks),)):
            return tuple(
                entry
                for stack in stacks
                for entry in (stack.args if isinstance(stack, Op) else (stack,))
            )
    return node.args


def rebuilt(node: Op, values: tuple[Expr, ...]) -> Expr:
    """The operation on other parts."""
    match node:
        case Op("argmax", (Op("stack"),)):
            return Op("argmax", (Op("stack", values),), node.options)
        case Op("at", (Op(name, stacks, options),)):
            rest = iter(values)
            args = tuple(
                Op("stack", tuple(next(rest) for _ in stack.args))
                if isinstance(stack, Op)
                else next(rest)
                for stack in stacks
            )
            return Op("at", (Op(name, args, options),), node.options)
    return Op(node.name, values, node.options)


def _linear(node: Op, values: tuple[Value, ...]) -> Affine | None:
    match node.name, values:
        case "add", (Affine() as a, Affine() as b):
            return a + b
        case "sub", (Affine() as a, Affine() as b):
            return a - b
        case "neg", (Affine() as a,):
            return -a
        case "mul", (Affine() as a, Affine() as b) if a.is_constant or b.is_constant:
            return b.times(a.constant) if a.is_constant else a.times(b.constant)
        case "mul", (Affine() as a, _) | (_, Affine() as a) if a == a.times(Fraction(0)):
            return a
        case (("div" | "ratio"), (Affine() as a, Affine() as b)) if b.is_constant and b.constant:
            return a.times(1 / b.constant)
    return None


# Fewer pieces -------------------------------------------------------------------------------------


def _joined(found: Pieces, space: Space) -> Pieces:
    """Regions with one value joined where they make one; the first come first."""
    by_value: dict[Value, list[Region]] = {}
    for piece in found:
        by_value.setdefault(piece.value, []).append(piece.region)
    fewer = [
        Piece(region, value)
        for value, regions in by_value.items()
        for region in space.merged(regions)
    ]
    return tuple(_absorbed(fewer, space))


def _absorbed(found: list[Piece], space: Space) -> list[Piece]:
    """Edges and points where a neighbour has the same value become part of it: |x| at 0."""
    kept = [piece for piece in found if not is_edge(piece.region, space)]
    for edge in [piece for piece in found if piece not in kept]:
        for place, other in enumerate(kept):
            union = _with_edge(edge, other, space)
            if union is not None:
                kept[place] = Piece(union, other.value)
                break
        else:
            kept.append(edge)
    return kept


def is_edge(region: Region, space: Space) -> bool:
    """Whether a region has no inside: a line in the plane, a point."""
    return not space.possible(half.inside for half in region)


def _with_edge(piece: Piece, other: Piece, space: Space) -> Region | None:
    """The region of `other` with that of `piece`, where its formula holds there too."""
    if piece == other or not isinstance(piece.value, Affine) or not isinstance(other.value, Affine):
        return None
    apart = piece.value - other.value
    above, below = Half.of(apart, strict=True), Half.of(-apart, strict=True)
    if space.possible((*piece.region, above)) or space.possible((*piece.region, below)):
        return None
    return space.joined(other.region, piece.region)


# Kinks and steps ----------------------------------------------------------------------------------


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
        "switch": _constants(build.levels),
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
