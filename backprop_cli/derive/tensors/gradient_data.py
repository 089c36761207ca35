"""The gradient of one quantity by another as data: factors and entries, drawings, products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, TypeVar

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Sym
from backprop_cli.algebra.quantity import derivative_id, quantity
from backprop_cli.algebra.shapes import Shape
from backprop_cli.derive.derivation_data import Chain, Condition
from backprop_cli.derive.derivation_nodes import Range, derivative, indexed, partial
from backprop_cli.derive.steps.rules import Scalars
from backprop_cli.derive.tensors.entrywise import Entrywise, Letters
from backprop_cli.operations.table import Sizes
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


class Stated(Struct, frozen=True):
    """`left` = each of the forms in turn, and the shape of it all.

    `alone`: no entry stands beside, so that words say what the formula leaves unsaid.
    """

    left: Expr
    forms: tuple[Expr, ...]
    shape: Shape = ()
    alone: bool = False


class Ranges(Struct, frozen=True):
    """From where to where each letter runs."""

    letters: tuple[tuple[tuple[str, ...], Range], ...]


class Dots(Struct, frozen=True):
    """Entries left out: across, down, or both."""

    text: str


class Slice(Struct, frozen=True):
    """A matrix drawn entry by entry: the part of a tensor for which `places` hold."""

    places: tuple[Condition, ...]
    rows: tuple[tuple[Expr | Dots, ...], ...]


class Drawing(Struct, frozen=True):
    """`left` is this matrix or vector, or a tensor with these slices; `more`: some are left out."""

    left: Expr
    slices: tuple[Slice, ...]
    shape: Shape
    more: bool = False


class Shaped(Struct, frozen=True):
    """A factor and its shape."""

    expr: Expr
    shape: Shape


class Products(Struct, frozen=True):
    """`left` is the sum of products of factors, each with its shape below it."""

    left: Expr
    terms: tuple[tuple[Shaped, ...], ...]
    shape: Shape


class Fit(Struct, frozen=True):
    """How the shapes of the factors of one product fit: what is beside one another is the same.

    `steps` are the shapes left after each product, the last the shape of the whole.
    """

    steps: tuple[tuple[Shape, ...], ...]


class Route(Struct, frozen=True):
    """One way from the entry to what it acts on, and the letters that run over all numbers."""

    stops: tuple[Sym, ...]
    every: tuple[str, ...] = ()


class Where(Struct, frozen=True):
    """`part` is some part (`words`) of `whole`, and its shape."""

    part: Expr
    words: str
    whole: Expr
    shape: Shape


class Remark(Struct, frozen=True):
    """A sentence; quantities in it stand by their ids, entries with brackets: `Z1[j]`."""

    words: str


Part: TypeAlias = "Stated | Where | Ranges | Drawing | Products | Fit | Route | Remark | Chain"


class Section(Struct, frozen=True):
    """A heading, a formula and a shape behind it, and what stands below."""

    words: str
    parts: tuple[Part, ...]
    symbol: Expr | None = None
    shape: Shape = ()


class TensorDerivation(Struct, frozen=True):
    """The whole derivation. `of` and `by` are the quantities, or entries of them.

    `ranges` hold for every letter in it; `result` is the last formula of the entry `left`.
    """

    of: Sym
    by: Sym
    conventions: tuple[str, ...]
    sections: tuple[Section, ...]
    ranges: dict[str, Range]
    left: Expr
    result: Expr
