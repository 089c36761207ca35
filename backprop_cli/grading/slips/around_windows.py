"""What stands around a picture before it is pooled, to what else people put or count there."""

from __future__ import annotations

from collections.abc import Iterator

from backprop_cli.algebra.expr import Expr, Op, num, op, put
from backprop_cli.grading.slips.case import Case, each
from backprop_cli.operations.pooling import pool_of

_LOW, _MEANS, _BACK = frozenset({"low_padded"}), frozenset({"mean_pool", "div"}), "to_windows"


def wrong_padding(case: Case) -> Iterator[Expr]:
    """Zeros around for −∞, which may be the largest; means that count them, or do not."""
    for place, node in each(case.expr, _LOW):
        yield put(case.expr, place, Op("zero_padded", node.args, node.options))
    for place, node in each(case.expr, _MEANS):
        other = _counted(case, node) if node.name == "div" else _not_counted(case, node)
        if other is not None:
            yield put(case.expr, place, other)


def _not_counted(case: Case, node: Op) -> Expr | None:
    """The mean over what there is, for one that counts the zeros around."""
    match node.args[0]:
        case Op("zero_padded", (picture,)) as wide:
            there = _there(wide, case.shape(picture) or ())
            return op("div", *(Op("sum_pool", (each,), node.options) for each in (wide, there)))
    return None


def _there(wide: Op, shape: tuple[int | str, ...]) -> Op:
    """1 where there is something of the picture, and 0 around."""
    return Op("zero_padded", (op("spread", num(1), shape=shape),), wide.options)


def _counted(case: Case, node: Op) -> Expr | None:
    """The mean that counts what stands around; on its way back, too, and the other way round."""
    match node.args:
        case (Op("sum_pool", (wide,)) as top, Op("sum_pool")):
            return Op("mean_pool", (wide,), top.options)
        case (top, Op("sum_pool", (wide,)) as below):
            how = pool_of(below, case.shape(wide) or ())
            return op("div", top, num(how.size**how.axes))
    return None
