"""Operations that look along an axis: sums, means, the largest, norms, softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, num, op
from backprop_cli.algebra.shapes import Shape, ShapeError, Size, described
from backprop_cli.operations import stable_values
from backprop_cli.operations.record import Notation, Operation, Rules, Shares, total

_AXIS = {"axis": None, "keep": None}


def _reduced(shapes: tuple[Shape, ...], node: Op) -> Shape:
    (shape,) = shapes
    axis = stable_values.axis_of(node, shape)
    if axis is None:
        return (1,) * len(shape) if node.option("keep") else ()
    kept: Shape = (1,) if node.option("keep") else ()
    return shape[:axis] + kept + shape[axis + 1 :]


def _along(shapes: tuple[Shape, ...], node: Op) -> Shape:
    (shape,) = shapes
    if stable_values.axis_of(node, shape) is None and len(shape) > 1:
        raise ShapeError(
            f"{node.name} of {described(shape)} needs an axis", stable_values.axes_there_are(shape)
        )
    if not shape:
        raise ShapeError(f"{node.name} needs a vector or a matrix, and this is a number")
    return shape


def _of_each(shapes: tuple[Shape, ...], node: Op) -> Shape:
    """A share of each entry, along an axis that there is."""
    stable_values.axis_of(node, shapes[0])
    if len({*shapes}) > 1:
        raise ShapeError(f"{node.name} takes two of one shape, not {described(shapes[1])}")
    return shapes[0]


def count(shape: Shape, axis: int | None) -> Expr:
    """How many entries are reduced: a number, or the letter of the size."""
    sizes: tuple[Size, ...] = shape if axis is None else (shape[axis],)
    product: Expr = build.ONE
    for size in sizes:
        product = build.mul(product, build.size(size))
    return product


def _kept(expr: Expr, node: Op, rules: Rules) -> Expr:
    """`expr`, a reduction's result, with the reduced axis put back as size 1."""
    rank = len(rules.shape(node.args[0]))
    if rank == 1:
        return _plain(expr, node)
    if node.option("axis") is None or node.option("keep"):
        return expr
    return op("expand", expr, axis=node.option("axis"))


def _plain(expr: Expr, node: Op) -> Expr:
    """The result of a vector's reduction as a number, although it is kept as a vector of one."""
    return op("at", expr, index=(0,)) if node.option("keep") else expr


def _whole(g: Expr, node: Op, rules: Rules) -> Expr:
    """The upstream gradient of a reduction, given to every entry reduced."""
    factor, rest = build.coefficient(g)
    shape = rules.shape(node.args[0])
    if not shape:
        return g
    if len(shape) == 1:
        return build.scaled(factor, op("spread", _plain(rest, node), shape=shape))
    axis = None if node.option("keep") else node.option("axis")
    return build.scaled(factor, op("spread", rest, axis=axis, shape=shape))


def _summed(a: Expr, node: Op, rules: Rules) -> Expr:
    """`a` summed along the node's axis, so that it can be combined with what was summed."""
    if len(rules.shape(node.args[0])) == 1:
        return total(a)
    return total(a, axis=node.whole("axis"), keep=1)


def _sum(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    return (_whole(g, node, rules),)


def _mean(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    shape = rules.shape(node.args[0])
    return (build.div(_whole(g, node, rules), count(shape, stable_values.axis_of(node, shape))),)


def _var(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    """What comes through the mean adds up to 0, which the definition's share does not say."""
    x = node.args[0]
    shape = rules.shape(x)
    twice = build.div(num(2), count(shape, stable_values.axis_of(node, shape)))
    share = build.mul(twice, op("sub", x, _middle(node, rules)))
    return (build.mul(_whole(g, node, rules), share),)


def _max(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    at_tie = None if rules.tie() == "first" else rules.tie()
    share = op("largest_shares", node.args[0], axis=node.option("axis"), at_tie=at_tie)
    return (build.mul(_whole(g, node, rules), share),)


def _logsumexp(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    x = node.args[0]
    axis = node.option("axis")
    if not rules.shape(x):
        return (g,)
    if axis is None and len(rules.shape(x)) > 1:
        share = op("exp", build.sub(x, op("logsumexp", x)))
    else:
        share = op("softmax", x, axis=axis)
    return (build.mul(_whole(g, node, rules), share),)


def _norm(g: Expr, r: Expr, node: Op, rules: Rules) -> Shares:
    x = node.args[0]
    return (build.mul(_whole(g, node, rules), op("ratio", x, _kept(r, node, rules))),)


def _softmax(g: Expr, r: Expr, node: Op, rules: Rules) -> Shares:
    return (build.mul(r, build.sub(g, _summed(build.mul(r, g), node, rules))),)


def _log_softmax(g: Expr, r: Expr, node: Op, rules: Rules) -> Shares:
    softmax_ = op("softmax", node.args[0], axis=node.option("axis"))
    return (build.sub(g, build.mul(softmax_, _summed(g, node, rules))),)


def _log_others(g: Expr, r: Expr, node: Op, rules: Rules) -> Shares:
    x, axis = node.args[0], node.option("axis")
    through_all = build.mul(op("softmax", x, axis=axis), _summed(g, node, rules))
    return (build.sub(op("others_share", g, x, axis=axis), through_all),)


# Definitions and entries --------------------------------------------------------------------------


def _like(name: str, node: Op, x: Expr) -> Op:
    """A reduction of x with the options of the node."""
    return Op(name, (x,), node.options)


def _softmax_of(node: Op) -> Op:
    return op("softmax", node.args[-1], axis=node.option("axis"))


def _kept_sum(node: Op, x: Expr, rules: Rules) -> Expr:
    """The sum along the node's axis, so that it can be combined with what was summed."""
    axis = node.option("axis")
    if axis is None or _is_vector(node.args[-1], rules):
        return op("sum", x)
    return op("sum", x, axis=axis, keep=1)


def _is_vector(x: Expr, rules: Rules) -> bool:
    """Whether there is one axis; in a formula of unknown shapes there may be more."""
    try:
        return len(rules.shape(x)) == 1
    except (KeyError, ShapeError):
        return False


def _mean_of_sum(node: Op, rules: Rules) -> Expr:
    shape = rules.shape(node.args[0])
    return build.div(
        _like("sum", node, node.args[0]), count(shape, stable_values.axis_of(node, shape))
    )


def _mean_of_squares(node: Op, rules: Rules) -> Expr:
    """The mean of the squares of the deviations, with 1/n."""
    deviations = op("sub", node.args[0], _middle(node, rules))
    return _like("mean", node, op("pow", deviations, num(2)))


def _middle(node: Op, rules: Rules) -> Expr:
    (x,), axis = node.args, node.option("axis")
    if axis is None or len(rules.shape(x)) == 1:
        return op("mean", x)
    return op("mean", x, axis=axis, keep=1)


def _logarithm_of_sum(node: Op, _: Rules) -> Expr:
    return op("log", _like("sum", node, op("exp", *node.args)))


def _root_of_squares(node: Op, _: Rules) -> Expr:
    return op("sqrt", _like("sum", node, op("pow", node.args[0], num(2))))


def _shares_of_sum(node: Op, rules: Rules) -> Expr:
    powers = op("exp", *node.args)
    return op("div", powers, _kept_sum(node, powers, rules))


def _through_the_others(node: Op, rules: Rules) -> Expr:
    """p ⊙ (Σ q - q) for q = g / (1 - p)."""
    p = _softmax_of(node)
    q = op("div", node.args[0], op("sub", build.ONE, p))
    return op("mul", p, op("sub", _kept_sum(node, q, rules), q))


def _reduction(
    name: str, words: str, value: Any, pullback: Any, text: str = "", **rest: Any
) -> Operation:
    rest.setdefault("options", _AXIS)
    return Operation(
        name,
        words,
        Notation("defined" if rest.pop("written_out", False) else "special", text or name),
        rest.pop("shape", _reduced),
        value,
        pullback=pullback,
        along=True,
        **rest,
    )


def _none(g: Expr, r: Expr, node: Op, rules: Rules) -> Shares:
    return (None,) * len(node.args)


REDUCTIONS = (
    _reduction(
        "sum",
        "sum",
        stable_values.along_axis(np.sum),
        _sum,
        "Σ",
        rises=True,
        adds=True,
        entry=stable_values.sum_entry,
        reduces=True,
    ),
    _reduction(
        "mean",
        "mean",
        stable_values.mean,
        _mean,
        rises=True,
        definition=_mean_of_sum,
        reduces=True,
    ),
    _reduction(
        "var",
        "variance",
        None,
        _var,
        definition=_mean_of_squares,
        reduces=True,
        taken=False,
    ),
    _reduction(
        "max",
        "largest entry",
        stable_values.along_axis(np.max),
        _max,
        kink="max",
        rises=True,
        exact=True,
        entry=stable_values.max_entry,
        reduces=True,
    ),
    _reduction(
        "logsumexp",
        "logarithm of a sum of exponentials",
        stable_values.logsumexp,
        _logsumexp,
        rises=True,
        written_out=True,
        definition=_logarithm_of_sum,
        reduces=True,
    ),
    _reduction(
        "norm",
        "Euclidean length",
        stable_values.norm,
        _norm,
        definition=_root_of_squares,
        reduces=True,
    ),
    _reduction(
        "softmax",
        "softmax",
        stable_values.softmax,
        _softmax,
        shape=_along,
        options={"axis": None},
        activation=True,
        vanishes=True,
        definition=_shares_of_sum,
    ),
    _reduction(
        "log_softmax",
        "logarithm of the softmax",
        stable_values.log_softmax,
        _log_softmax,
        shape=_along,
        options={"axis": None},
        in_one_step=True,
        definition=lambda node, rules: op("log", _softmax_of(node)),
    ),
    _reduction(
        "log_others",
        "logarithm of 1 minus the softmax",
        stable_values.log_others,
        _log_others,
        shape=_along,
        options={"axis": None},
        public=False,
        in_one_step=True,
        written_out=True,
        definition=lambda node, rules: op("log", build.sub(build.ONE, _softmax_of(node))),
    ),
    _reduction(
        "others_share",
        "what reaches an entry through the others",
        stable_values.others_share,
        _none,
        shape=_of_each,
        arity=2,
        options={"axis": None},
        public=False,
        entry=stable_values.of_slice,
        in_one_step=True,
        written_out=True,
        definition=_through_the_others,
    ),
    _reduction(
        "largest_shares",
        "where the largest entry is",
        stable_values.largest_shares,
        _none,
        shape=_of_each,
        options={"axis": None, "at_tie": "first"},
        public=False,
        exact=True,
        entry=stable_values.of_slice,
    ),
    _reduction(
        "argmax",
        "number of the largest entry",
        stable_values.argmax,
        _none,
        options={"axis": None, "first": 0},
        exact=True,
        entry=stable_values.argmax_entry,
        reduces=True,
    ),
)
