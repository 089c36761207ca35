"""What is written as something else: operations as others, moved entries as their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, num, op

_MOVES = frozenset(
    "transpose column row flat expand prepend append drop_first drop_last part at stack concat "
    "diag spread flipped switch largest_shares".split()
)
"""Operations that move entries, or are 0 and 1: with numbers put in, their result is drawn."""


def _same_axis(name: str, node: Op, *args: Expr) -> Op:
    return op(name, *args, axis=node.option("axis"))


def _log_others(node: Op) -> Expr:
    return op("log", op("sub", build.ONE, _same_axis("softmax", node, *node.args)))


def _others_share(node: Op) -> Expr:
    """p ⊙ (Σ q - q) for q = g / (1 - p): the sum over all others."""
    g, x = node.args
    p = _same_axis("softmax", node, x)
    q = op("div", g, op("sub", build.ONE, p))
    axis = node.option("axis")
    total = op("sum", q) if axis is None else op("sum", q, axis=axis, keep=1)
    return op("mul", p, op("sub", total, q))


REWRITTEN: Mapping[str, Callable[[Op], Expr]] = MappingProxyType(
    {
        "xlogy": lambda node: op("mul", node.args[0], op("log", node.args[1])),
        "ratio": lambda node: op("div", *node.args),
        "log_others": _log_others,
        "others_share": _others_share,
        "logsumexp": lambda node: op("log", _same_axis("sum", node, op("exp", *node.args))),
    }
)
"""Operations that are written as others."""


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
        moves = expr.name in _MOVES or (expr.name == "place" and not _single(expr))
        return moves and all(map(only_moves, expr.args))
    return True


def _single(node: Op) -> bool:
    index = node.option("index")
    return isinstance(index, tuple) and all(isinstance(place, int) for place in index)
