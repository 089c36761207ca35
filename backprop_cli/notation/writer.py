"""An expression to a formula: in symbols, or with the values of its names put in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Num, Op, Sym
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.notation import function_forms as functions
from backprop_cli.notation import nodes
from backprop_cli.notation import product_forms as products
from backprop_cli.notation import structure_forms as structure
from backprop_cli.notation.nodes import Node, Number, Word, row
from backprop_cli.notation.parts import FLIPPED, Form, Kind, Part
from backprop_cli.notation.product_forms import only_moves
from backprop_cli.notation.structure_forms import ONES, PRODUCT
from backprop_cli.notation.symbols import Ending, Symbol, size
from backprop_cli.operations.table import TABLE, Sizes
from backprop_cli.readings.index_bases import Bases
from backprop_cli.readings.values import evaluate

Array = NDArray[np.float64]

_KIND: Mapping[Ending, Kind] = {"plain": "atom", "raised": "raised", "fraction": "fraction"}

FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "add": products.add,
        "sub": products.sub,
        "neg": products.neg,
        "mul": products.mul,
        "div": products.div,
        "pow": products.power,
        "matmul": products.matmul,
        "outer": products.outer,
        "transpose": products.transpose,
        "inv": products.inverse,
        FLIPPED: products.flipped,
        "column": structure.upright(True),
        "row": structure.upright(False),
        "flat": structure.inner,
        "expand": structure.expand,
        "spread": structure.spread,
        ONES: structure.ones,
        PRODUCT: products.product,
        "at": structure.at,
        "place": structure.in_place,
        "stack": structure.bracketed,
        "concat": structure.bracketed,
        "prepend": structure.grown,
        "append": structure.grown,
        "drop_first": structure.dropped,
        "drop_last": structure.dropped,
        "part": structure.part_of,
        "conv": structure.conv,
        "conv_transpose": structure.conv_transpose,
        "conv_kernel": structure.conv_kernel,
        "zero_padded": structure.pad,
        "low_padded": structure.pad,
        "zeros_between": structure.spaced,
        "window_entries": structure.pooled,
        "max_pool": structure.pooled,
        "mean_pool": structure.pooled,
        "sum_pool": structure.pooled,
        "to_windows": structure.pooled,
        "to_winners": structure.to_winners,
        "per_channel": structure.inner,
        "channel_sums": structure.each_channel,
        "maximum": functions.of_several,
        "minimum": functions.of_several,
        "sum": functions.total,
        "abs": functions.bars("|"),
        "norm": functions.norm,
        "det": functions.bars(nodes.DETERMINANT),
        "logdet": functions.logarithm_of_determinant,
        "log": functions.logarithm,
        "log2": functions.logarithm,
        "log10": functions.logarithm,
        "sqrt": functions.root,
        "positive_part": functions.positive_part,
        "stop_gradient": functions.stopped,
        "switch": functions.switch,
        "choose": functions.choose,
        "largest_shares": functions.largest,
        "diag": functions.diagonal,
        "jacobian": functions.jacobian,
        "pi": functions.pi,
        "causal_mask": lambda writer, node: Part(Word("mask")),
        "derivative": functions.derivative,
        "held": functions.held,
        "sum_over": functions.sum_over,
        "equal": functions.equal,
        "within": functions.within,
        "max_over": functions.max_over,
        "is_largest": functions.is_largest,
    }
)
"""Operations with a form of their own; the others are written name(args)."""

Draw = Callable[[Array], Node]


class FormulaWriter(Struct, frozen=True):
    """Writes expressions. With `values`, names are drawn (by `draw`) as what they stand for.

    `symbol` says what a name is called, `shapes` are those of the names. `braces`: shapes stand
    under the factors of products. Where every value has one entry, numbers are put in for it
    without brackets (`scalars`).
    """

    symbol: Callable[[str], Symbol]
    shapes: Mapping[str, Shape]
    values: Mapping[str, Array] | None = None
    draw: Draw | None = None
    bases: Bases = Bases()
    rows: bool = False
    braces: bool = False
    units: tuple[str, str] = ("e", "E")

    @property
    def scalars(self) -> bool:
        """Whether values are put in and each of them has one entry."""
        return self.values is not None and all(value.size == 1 for value in self.values.values())

    @property
    def sizes(self) -> Sizes:
        """The sizes of the names, by which sums and products are written."""
        return Sizes(self.shapes, {})

    @property
    def numbers(self) -> bool:
        """Whether values are put in."""
        return self.values is not None

    def shape(self, expr: Expr) -> Shape | None:
        """The shape of an expression as it is drawn; None where it is unknown."""
        if isinstance(expr, Op) and expr.name == FLIPPED:
            inner = self.shape(expr.args[0])
            return (
                inner if inner is None or len(inner) != 1 else self._upright(inner, not self.rows)
            )
        try:
            return self.sizes.shape(expr)
        except (KeyError, ShapeError):
            return self._with_letters(expr)

    def _with_letters(self, expr: Expr) -> Shape | None:
        """The shape where the letters of sizes are numbers, which stand in formulas, too."""
        letters = {size for shape in self.shapes.values() for size in shape}
        names = dict.fromkeys(filter(str.isidentifier, map(str, letters)), ())
        try:
            return Sizes({**names, **self.shapes}, {}).shape(expr) if names else None
        except (KeyError, ShapeError):
            return None

    def _upright(self, shape: Shape, row: bool) -> Shape:
        return (1, *shape) if row else (*shape, 1)

    def rank(self, expr: Expr) -> int:
        """The number of axes; 0 where it is unknown, or where numbers stand for arrays."""
        return 0 if self.scalars else len(self.shape(expr) or ())

    def shape_label(self, expr: Expr) -> Node | None:
        """The shape as it is drawn, `2×3`; None where it is unknown or a number's."""
        shape = self.shape(expr)
        if not shape:
            return None
        return size(self._upright(shape, self.rows) if len(shape) == 1 else shape)

    def node(self, expr: Expr) -> Node:
        """The expression as a formula."""
        return self.part(expr).node

    def part(self, expr: Expr) -> Part:
        """The expression as a part of a formula."""
        if isinstance(expr, Num):
            return _number(expr.value)
        if self.values is not None and (only_moves(expr) or _of_inverse(expr)):
            return self._value(expr, self.values)
        if isinstance(expr, Sym):
            found = self.symbol(expr.name)
            return Part(found.node, _KIND[found.ending])
        record = TABLE.get(expr.name)
        defined = self._defined(expr)
        if defined is not None:
            return self.part(defined)
        usual = functions.of_each if record is not None and record.reduces else functions.function
        return FORMS.get(expr.name, usual)(self, expr)

    def _defined(self, expr: Op) -> Expr | None:
        """What is written for an operation that is written out; None where shapes for it lack."""
        record = TABLE.get(expr.name)
        if record is None or record.notation.kind != "defined" or record.definition is None:
            return None
        try:
            return record.definition(expr, self.sizes)
        except (KeyError, ShapeError):
            return None

    def _value(self, expr: Expr, values: Mapping[str, Array]) -> Part:
        turned = isinstance(expr, Op) and expr.name == FLIPPED
        inner = expr.args[0] if turned and isinstance(expr, Op) else expr
        value = evaluate(inner, values)
        if self.scalars:
            return self._drawn(value.reshape(()) if value.size == 1 else value)
        if turned and value.ndim == 1:
            return self._drawn(value[:, None] if self.rows else value[None, :])
        return self._drawn(value)

    def _drawn(self, value: Array) -> Part:
        assert self.draw is not None
        node = self.draw(value)
        if value.ndim:
            return Part(node, drawn=True)
        return Part(node, "sign" if value < 0 else "atom", minus=bool(value < 0))


def _of_inverse(expr: Expr) -> bool:
    """Whether it is an entry of an inverse, of which a number says more than the whole matrix."""
    match expr:
        case Op("at", (Op("inv"),)):
            return True
    return False


def _number(value: Fraction) -> Part:
    if value < 0:
        return Part(row(nodes.Sign("−", bare=True), _number(-value).node), "sign", minus=True)
    if value.denominator == 1:
        return Part(Number(str(value.numerator)))
    if Fraction(repr(float(value))) == value and value != Fraction(1, 2):
        return Part(Number(repr(float(value))))
    above, below = map(Number, _above_and_below(value))
    over = nodes.Fraction(above, below, bare=True)
    return Part(over, "fraction")


_LONG = 1_000


def _above_and_below(value: Fraction) -> tuple[str, str]:
    """3.4318 over 3 for 17159 over 15000: below stands what makes it no decimal number."""
    below = value.denominator
    for prime in (2, 5) if below > _LONG else ():
        while below % prime == 0:
            below //= prime
    above = value * below
    if below <= _LONG and Fraction(repr(float(above))) == above:
        return f"{float(above):.15g}", str(below)
    return str(value.numerator), str(value.denominator)
