"""Each operation to its form: the table by name, and those that are written as others."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backprop_cli.algebra.expr import Op
from backprop_cli.notation.parts import FLIPPED
from backprop_cli.notation.rewritten import REWRITTEN
from backprop_cli.notation.spreading import ONES, PRODUCT
from backprop_cli.render import forms_entries as entries
from backprop_cli.render import forms_functions as functions
from backprop_cli.render import forms_paper as paper
from backprop_cli.render import forms_products as products
from backprop_cli.render.pen import Form, Pen
from backprop_cli.render.pieces import Piece

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
        FLIPPED: products.flipped,
        "column": entries.upright(True),
        "row": entries.upright(False),
        "flat": entries.inner,
        "expand": entries.expand,
        "spread": entries.spread,
        ONES: entries.ones,
        PRODUCT: products.product,
        "at": entries.at,
        "place": entries.in_place,
        "stack": entries.bracketed,
        "concat": entries.bracketed,
        "prepend": entries.grown,
        "append": entries.grown,
        "drop_first": entries.dropped,
        "drop_last": entries.dropped,
        "part": entries.part,
        "sum": functions.total,
        "mean": functions.of_each,
        "max": functions.of_each,
        "argmax": functions.of_each,
        "abs": functions.bars(lambda glyphs: glyphs.bars, "abs"),
        "norm": functions.bars(lambda glyphs: glyphs.double_bars, "norm"),
        "log": functions.logarithm,
        "log2": functions.logarithm,
        "log10": functions.logarithm,
        "sqrt": functions.root,
        "positive_part": functions.positive_part,
        "switch": functions.switch,
        "choose": functions.choose,
        "largest_shares": functions.largest,
        "diag": functions.diagonal,
        "pi": functions.pi,
        "derivative": paper.derivative,
        "sum_over": paper.sum_over,
        "equal": paper.equal,
    }
)


def written(pen: Pen, node: Op) -> Piece:
    """The operation in its own form, or as name(args)."""
    rewritten = REWRITTEN.get(node.name)
    if rewritten is not None:
        return pen.piece(rewritten(node))
    return FORMS.get(node.name, functions.function)(pen, node)
