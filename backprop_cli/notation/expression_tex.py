"""An expression as LaTeX, for mathematics mode."""

from __future__ import annotations

from collections.abc import Mapping

from backprop_cli.algebra.expr import Expr
from backprop_cli.algebra.shapes import Shape
from backprop_cli.notation.symbols import Naming, symbol
from backprop_cli.notation.tex import tex
from backprop_cli.notation.writer import FormulaWriter
from backprop_cli.readings.index_bases import Bases

_PLAIN, _COUNTED = Naming(), Bases()


def latex(
    expr: Expr,
    bases: Bases = _COUNTED,
    naming: Naming = _PLAIN,
    shapes: Mapping[str, Shape] | None = None,
    *,
    rows: bool = False,
) -> str:
    """The formula with the names of `naming`; entries count from `bases`.

    Where `shapes` are known, products of arrays are told from products with numbers, and vectors
    are turned as they stand in a product (`rows`: they are rows).
    """
    writer = FormulaWriter(lambda id: symbol(naming, id), shapes or {}, bases=bases, rows=rows)
    return tex(writer.node(expr))
