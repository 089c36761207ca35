"""The data that factors of a chain are made of: entries, and what a problem says about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Sym
from backprop_cli.algebra.quantity import derivative_id, quantity
from backprop_cli.algebra.shapes import Shape
from backprop_cli.derive.derivation_data import Chain
from backprop_cli.derive.derivation_nodes import derivative, indexed, partial
from backprop_cli.derive.steps.rules import Scalars
from backprop_cli.derive.tensors.entrywise import Entrywise, Letters
from backprop_cli.operations.sizes import Sizes
from backprop_cli.problem.problem_data import Kinks

T = TypeVar("T")


class Place(Struct, frozen=True):
    """An entry of a quantity, named by letters or numbers."""

    name: str
    letters: Letters

    @property
    def symbol(self) -> Sym:
        """The entry as a name."""
        return indexed(self.name, *self.letters)


class Factor(Struct, frozen=True):
    """∂of/∂by: the entry with 1{i = j} in it, how it comes about, and the matrix as a formula.

    `words` say what the chains have in common.
    """

    of: Place
    by: Place
    entry: Expr
    chains: tuple[Chain, ...]
    matrix: Expr | None = None
    words: str = ""


class Setting(Struct, frozen=True):
    """What factors are made from.

    `samples` gives the axis of samples of each name that has one, `sample` their letter.
    """

    definitions: Mapping[str, Expr]
    sizes: Sizes
    write: Entrywise
    kinks: Kinks
    samples: Mapping[str, int]
    sample: str
    denominator: bool

    def shape(self, name: str) -> Shape:
        """The shape of a quantity for one sample."""
        return self.unsampled(name, self.sizes.names[name])

    def unsampled(self, name: str, along: tuple[T, ...]) -> tuple[T, ...]:
        """What belongs to the axes of a quantity, the axis of samples left out."""
        axis = self.samples.get(name)
        return along if axis is None else along[:axis] + along[axis + 1 :]

    def rules(self, bound: frozenset[str]) -> Scalars:
        """The rules of differentiation, where these letters may be the same number."""
        return Scalars(self.sizes.kinks, bound, self.write.indices.ranges)


def quotient(of: Sym, by: Sym) -> Expr:
    """∂of/∂by as it is named: of whole quantities an id, of entries a fraction."""
    whole = not (quantity(of.name).index or quantity(by.name).index)
    return Sym(derivative_id(of.name, by.name)) if whole else partial(derivative(of, by))
