"""The gradient of one quantity by another as data: factors, drawings, products, shapes."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Sym
from backprop_cli.algebra.shapes import Shape
from backprop_cli.derive.derivation_data import Chain, Condition
from backprop_cli.derive.derivation_nodes import Range


class Stated(Struct, frozen=True):
    """`left` = each of the forms in turn, and the shape of it all."""

    left: Expr
    forms: tuple[Expr, ...]
    shape: Shape = ()


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
    words: str = ""


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
