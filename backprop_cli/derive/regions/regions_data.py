"""Functions of the free inputs as data: pieces, each a value in a region, and the regions."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TypeAlias

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Sym
from backprop_cli.derive.regions.halfspaces import Affine, Half, Region, Space
from backprop_cli.derive.simplify.monomials import summed

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
