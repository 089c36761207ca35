"""One entry of a network to a function of its free inputs: pieces, each with its region."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, num
from backprop_cli.derive.halfspaces import Affine, Half, Region, joined, merged, needed, possible
from backprop_cli.derive.tidy import added

_MOST_PIECES = 120
_MOST_IN_SPACE = 24
"""With more than two inputs, where eliminating one after the other takes far longer."""

Value: TypeAlias = "Affine | Expr"
"""A linear function of the inputs; what is not linear stays a formula in them."""


class TooManyPiecesError(Exception):
    """A function that falls into more pieces than anyone reads."""


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
        total: Expr = build.ZERO
        for name, slope in zip(self.names, value.slopes, strict=True):
            if slope:
                total = added(total, build.scaled(slope, Sym(name)))
        return added(total, Num(value.constant))


def pieces(expr: Expr, known: Mapping[str, Pieces], inputs: Inputs) -> Pieces:
    """The pieces of a formula in single numbers, from the pieces of the names in it."""
    return _joined(_Reading(known, inputs).pieces(expr))


class _Reading(Struct, frozen=True):
    known: Mapping[str, Pieces]
    inputs: Inputs

    @property
    def most(self) -> int:
        """How many pieces a function may have."""
        return _MOST_PIECES if len(self.inputs.names) < 3 else _MOST_IN_SPACE

    def pieces(self, expr: Expr) -> Pieces:
        match expr:
            case Num(value):
                return (Piece((), self.inputs.constant(value)),)
            case Sym(name):
                return self.known[name]
        found = self.combined([self.pieces(arg) for arg in expr.args])
        split = _SPLIT.get(expr.name)
        result = []
        for region, values in found:
            linear = all(isinstance(value, Affine) for value in values)
            if split is not None and linear:
                result += list(split(self, expr, region, values))
            else:
                result.append(Piece(region, self.applied(expr, values)))
        if len(result) > self.most:
            raise TooManyPiecesError
        return tuple(result)

    def combined(self, args: list[Pieces]) -> list[tuple[Region, tuple[Value, ...]]]:
        """Every way in which the pieces of the arguments can hold together."""
        found: list[tuple[Region, tuple[Value, ...]]] = [((), ())]
        for arg in args:
            found = [
                ((*region, *piece.region), (*values, piece.value))
                for region, values in found
                for piece in arg
                if not region or not piece.region or possible((*region, *piece.region))
            ]
            if len(found) > 2 * self.most:
                raise TooManyPiecesError
        return [(needed(region), values) for region, values in found]

    def applied(self, node: Op, values: tuple[Value, ...]) -> Value:
        """The operation on one value of each argument: linear where it can be."""
        linear = _linear(node, values)
        if linear is not None:
            return linear
        return Op(node.name, tuple(map(self.inputs.expr, values)), node.options)


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
        case "div", (Affine() as a, Affine() as b) if b.is_constant and b.constant:
            return a.times(1 / b.constant)
    return None


# Functions with kinks -----------------------------------------------------------------------------

Split: TypeAlias = Callable[[_Reading, Op, Region, tuple[Value, ...]], Iterator[Piece]]


def _sides(region: Region, border: Affine, at_zero: bool = True) -> Iterator[tuple[Region, bool]]:
    """The part of a region where `border` is above 0 (at 0 too, if so asked), and the rest."""
    upper = Half(border, not at_zero)
    for half, above in ((upper, True), (upper.outside, False)):
        part = (*region, half)
        if possible(part):
            yield needed(part), above


def _affine(value: Value) -> Affine:
    assert isinstance(value, Affine)
    return value


def _slopes(below: Callable[[Op], Fraction]) -> Split:
    """x above 0, a multiple of x below: ReLU, leaky ReLU, |x|."""

    def split(_: _Reading, node: Op, region: Region, values: tuple[Value, ...]) -> Iterator[Piece]:
        x = _affine(values[0])
        for part, above in _sides(region, x):
            yield Piece(part, x if above else x.times(below(node)))

    return split


def _constants(
    reading: _Reading, node: Op, region: Region, values: tuple[Value, ...]
) -> Iterator[Piece]:
    """The step and the sign: three values, of which that at 0 may be one of the others."""
    x = _affine(values[0])
    at_zero = _number(node.option("at_zero", 1)) if node.name == "step" else Fraction(0)
    low, high = Fraction(0 if node.name == "step" else -1), Fraction(1)
    for part, above in _sides(region, x, at_zero == high):
        if above or at_zero in (low, high):
            yield Piece(part, reading.inputs.constant(high if above else low))
            continue
        for inner, zero in _sides(part, x):
            yield Piece(inner, reading.inputs.constant(at_zero if zero else low))


def _larger(_: _Reading, node: Op, region: Region, values: tuple[Value, ...]) -> Iterator[Piece]:
    a, b = map(_affine, values)
    for part, above in _sides(region, a - b):
        yield Piece(part, a if above == (node.name == "maximum") else b)


def _cut(reading: _Reading, node: Op, region: Region, values: tuple[Value, ...]) -> Iterator[Piece]:
    """x, but not beyond a limit on either side."""
    x, limit = _affine(values[0]), reading.inputs.constant(_number(node.option("limit", 1)))
    for upper, above in _sides(region, x - limit):
        if above:
            yield Piece(upper, limit)
            continue
        for part, inside in _sides(upper, x + limit):
            yield Piece(part, x if inside else -limit)


def _exponential(
    reading: _Reading, node: Op, region: Region, values: tuple[Value, ...]
) -> Iterator[Piece]:
    """ELU: x above 0, a formula below."""
    x = _affine(values[0])
    alpha = num(str(node.option("alpha", 1)))
    for part, above in _sides(region, x):
        below = build.mul(alpha, build.sub(Op("exp", (reading.inputs.expr(x),)), build.ONE))
        yield Piece(part, x if above else below)


def _number(value: object) -> Fraction:
    return Fraction(str(value))


_SPLIT: Mapping[str, Split] = MappingProxyType(
    {
        "relu": _slopes(lambda node: Fraction(0)),
        "positive_part": _slopes(lambda node: Fraction(0)),
        "leaky_relu": _slopes(lambda node: _number(node.option("slope", 0.01))),
        "abs": _slopes(lambda node: Fraction(-1)),
        "step": _constants,
        "sign": _constants,
        "maximum": _larger,
        "minimum": _larger,
        "clip": _cut,
        "elu": _exponential,
    }
)


def _joined(found: Pieces) -> Pieces:
    """Regions with one value joined where they make one; the first come first."""
    by_value: dict[Value, list[Region]] = {}
    for piece in found:
        by_value.setdefault(piece.value, []).append(piece.region)
    fewer = [
        Piece(region, value) for value, regions in by_value.items() for region in merged(regions)
    ]
    return tuple(_absorbed(fewer))


def _absorbed(found: list[Piece]) -> list[Piece]:
    """Edges and points where a neighbour has the same value become part of it: |x| at 0."""
    kept = [piece for piece in found if not _is_edge(piece.region)]
    for edge in [piece for piece in found if piece not in kept]:
        for place, other in enumerate(kept):
            union = _with_edge(edge, other)
            if union is not None:
                kept[place] = Piece(union, other.value)
                break
        else:
            kept.append(edge)
    return kept


def _is_edge(region: Region) -> bool:
    """Whether a region has no inside: a line in the plane, a point."""
    return not possible(Half(half.function, strict=True) for half in region)


def _with_edge(piece: Piece, other: Piece) -> Region | None:
    """The region of `other` with that of `piece`, where its formula holds there too."""
    if piece == other or not isinstance(piece.value, Affine) or not isinstance(other.value, Affine):
        return None
    apart = piece.value - other.value
    above, below = Half(apart, strict=True), Half(-apart, strict=True)
    if possible((*piece.region, above)) or possible((*piece.region, below)):
        return None
    return joined(other.region, piece.region)
