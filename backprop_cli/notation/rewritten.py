"""What is written as something else: moved entries as values, a share of a fraction as one."""

from __future__ import annotations

from backprop_cli.algebra.expr import Expr, Num, Op, num, op
from backprop_cli.operations.table import TABLE

_MOVES = frozenset(name for name, record in TABLE.items() if record.moves) - {"diagonal"} | {
    "flipped",
    "switch",
    "largest_shares",
}
"""Operations that move entries, or are 0 and 1: with numbers put in, their result is drawn."""


def one_fraction(node: Op) -> Expr | None:
    """¼ · a / b as a / (4 b): a share of a fraction is one fraction; None where it is none."""
    match node.args:
        case (Num(share), Op("div" | "ratio", (top, bottom))):
            if share.denominator > 1 and abs(share.numerator) == 1:
                whole = op("div", top, op("mul", num(share.denominator), bottom))
                return whole if share > 0 else op("neg", whole)
    return None


def only_moves(expr: Expr) -> bool:
    """Whether an expression does nothing but pick and place entries of names."""
    if isinstance(expr, Op):
        moves = expr.name in _MOVES and not (expr.name == "place" and _single(expr))
        return moves and all(map(only_moves, expr.args))
    return True


def _single(node: Op) -> bool:
    index = node.option("index")
    return isinstance(index, tuple) and all(isinstance(place, int) for place in index)
