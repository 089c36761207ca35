"""Numbers to values that do not overflow on the way: entry by entry, and along an axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Option, Sym, num, op
from backprop_cli.algebra.shapes import Shape, ShapeError, described
from backprop_cli.operations.masks import every
from backprop_cli.operations.record import Along, Array, Derivative, Entries, Index, Rules


def mean(x: Array, axis: int | None = None, keep: int | None = None) -> Array:
    """The mean; each entry is divided first where their sum would overflow."""
    found = np.mean(x, axis=axis, keepdims=bool(keep))
    if np.all(np.isfinite(found)):
        return np.asarray(found)
    parts = x / (x.size if axis is None else x.shape[axis])
    return np.asarray(np.where(np.isfinite(found), found, np.sum(parts, axis, keepdims=bool(keep))))


def along_axis(function: Any) -> Any:
    """A function of NumPy with the options of a reduction."""

    def value(x: Array, axis: int | None = None, keep: int | None = None) -> Array:
        return np.asarray(function(x, axis=axis, keepdims=bool(keep)))

    return value


def _squeezed(kept: Array, axis: int | None, keep: int | None) -> Array:
    """The result of a reduction without the axes that were kept as size 1, unless they stay."""
    if keep:
        return kept
    return kept.reshape(()) if axis is None else np.squeeze(kept, axis=axis)


def logsumexp(x: Array, axis: int | None = None, keep: int | None = None) -> Array:
    """ln of the sum of e^x, the largest entry taken out before the exponential."""
    top = _top(x, axis)
    sums = np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return _squeezed(sums, axis, keep)


def _top(x: Array, axis: int | None) -> Array:
    """The largest entry along the axis, which stays; 0 for one that cannot be taken off."""
    top = x.max(axis=axis, keepdims=True)
    there = np.isfinite(top)
    return top if every(there) else np.where(there, top, 0.0)


def softmax(x: Array, axis: int | None = None) -> Array:
    """e^x over its sum along the axis, the largest entry taken out first."""
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def log_softmax(x: Array, axis: int | None = None) -> Array:
    """ln of the softmax, without numbers that underflow: ln 2 is lost in a sum with 10¹⁶."""
    below = x - _top(x, axis)
    return np.asarray(below - logsumexp(below, axis=axis, keep=1))


def log_others(x: Array, axis: int | None = None) -> Array:
    """ln(1 - softmax): of the largest entry, summed over the others, since its 1 - p cancels."""
    is_top, below = _is_top(x, axis), x - _top(x, axis)
    others = np.where(is_top, -np.inf, below)
    rest = logsumexp(others, axis, keep=1) - logsumexp(below, axis, keep=1)
    return np.where(is_top, rest, np.log1p(-softmax(x, axis)))


def _is_top(x: Array, axis: int | None) -> NDArray[np.bool_]:
    """Whether an entry is the (first) largest along the axis; no other can be above one half."""
    along = (axis or 0) % x.ndim
    places = np.arange(x.shape[along]).reshape(-1, *(1,) * (x.ndim - 1 - along))
    return np.asarray(places == x.argmax(axis=along, keepdims=True))


def others_share(g: Array, x: Array, axis: int | None = None) -> Array:
    """The sum over i ≠ j of g_i p_j / (1 - p_i), for each j, where p is the softmax of x.

    The term of the largest p_i is formed from the softmax of the others: both p_j and 1 - p_i may
    be too small for a number, and their quotient is not.
    """
    top, p = _is_top(x, axis), softmax(x, axis)
    weights = np.where(top, 0.0, g / (1.0 - p))
    if x.shape[axis or 0] == 1:
        return np.zeros(x.shape)
    of_top = np.sum(np.where(top, g, 0.0), axis=axis, keepdims=True)
    others = softmax(np.where(top, -np.inf, x), axis)
    rest = np.sum(weights, axis=axis, keepdims=True) - weights
    return np.asarray(p * rest + of_top * others)


def norm(x: Array, axis: int | None = None, keep: int | None = None) -> Array:
    """The Euclidean length, scaled so that squares do not overflow."""
    top = np.max(np.abs(x), axis=axis, keepdims=True)
    scale = np.where((top == 0) | ~np.isfinite(top), 1.0, top)
    length = scale * np.sqrt(np.sum((x / scale) ** 2, axis=axis, keepdims=True))
    return _squeezed(length, axis, keep)


_APART = 2.0**-44
"""Of their size: numbers that are less apart are the same, worked out in two ways."""


def is_largest(x: Array, axis: int | None = None) -> NDArray[np.bool_]:
    """Where the largest entry stands: in several places where as large ones tie."""
    top = np.max(x, axis=axis, keepdims=True)
    with np.errstate(invalid="ignore"):  # nothing is near an infinite one
        return np.asarray((x == top) | (x > top - _APART * np.abs(top)))


def largest_shares(x: Array, axis: int | None = None, at_tie: float | str = "first") -> Array:
    """1 at the only largest entry; where several tie, what `at_tie` says: 1 at the first of them,
    equal shares, or that number at each."""
    is_top = is_largest(x, axis)
    if at_tie == "first":
        flat = is_top.reshape(-1) if axis is None else is_top
        first = flat & (np.cumsum(flat, axis=axis) == 1)
        return np.asarray(first.reshape(x.shape), dtype=float)
    count = np.sum(is_top, axis=axis, keepdims=True)
    share = 1.0 / count if at_tie == "shared" else np.where(count > 1, float(at_tie), 1.0)
    return np.asarray(np.where(is_top, share, 0.0))


def argmax(x: Array, axis: int | None = None, first: int = 0) -> Array:
    """The number of the largest entry along the axis, counted from `first`."""
    return np.asarray(np.argmax(is_largest(x, axis), axis=axis) + first, dtype=float)


def axis_of(node: Op, shape: Shape) -> int | None:
    """The axis the node names, counted from 0, checked against the shape of its argument."""
    axis = node.option("axis")
    if axis is None:
        return None
    if not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
        raise ShapeError(f"{described(shape)} has no axis {axis}", axes_there_are(shape))
    return axis % len(shape)


def axes_there_are(shape: Shape) -> str | None:
    """What to write instead of an axis that is not there."""
    return {1: "axis=0, or no axis", 2: "axis=0 (down each column) or axis=1 (along each row)"}.get(
        len(shape)
    )


def _axes(node: Op, index: Index, write: Entries) -> tuple[list[Along], Callable[[Index], Index]]:
    """The axes that are reduced, and an entry of the argument by its places on them."""
    (x,) = node.args
    rank, axis = len(write.shape(x)), axis_of(node, write.shape(x))
    gone = range(rank) if axis is None else (axis,)
    rest = index
    if node.option("keep"):
        rest = tuple(i for place, i in enumerate(index) if place not in gone)

    def whole(chosen: Index) -> Index:
        inside, others = iter(chosen), iter(rest)
        return tuple(next(inside if place in gone else others) for place in range(rank))

    return [((x, place),) for place in gone], whole


def sum_entry(node: Op, index: Index, write: Entries) -> Expr:
    """The sum of the entries that are reduced."""
    along, whole = _axes(node, index, write)
    return write.total(node, along, lambda chosen: write.at(node.args[0], whole(chosen)))


def _terms(node: Op, index: Index, write: Entries) -> list[Expr]:
    along, whole = _axes(node, index, write)
    return write.terms(along, lambda chosen: write.at(node.args[0], whole(chosen)))


def max_entry(node: Op, index: Index, write: Entries) -> Expr:
    """The largest of them."""
    along, whole = _axes(node, index, write)
    return write.largest(along, lambda chosen: write.at(node.args[0], whole(chosen)))


def argmax_entry(node: Op, index: Index, write: Entries) -> Expr:
    """The number of the largest of them."""
    return Op("argmax", (Op("stack", tuple(_terms(node, index, write))),), _without_axis(node))


def _without_axis(node: Op) -> tuple[tuple[str, Option], ...]:
    return tuple((key, value) for key, value in node.options if key != "axis")


def of_slice(node: Op, index: Index, write: Entries) -> Expr:
    """An entry of what is only defined for a whole slice: that slice, and the place in it."""
    shape = write.shape(node.args[0])
    axis = axis_of(node, shape)
    along: list[Along] = [
        ((node.args[0], place),) for place in (range(len(shape)) if axis is None else (axis,))
    ]
    places: list[Index] = []

    def entry(arg: Expr, chosen: Index) -> Expr:
        places.append(chosen if axis is None else (*index[:axis], *chosen, *index[axis + 1 :]))
        return write.at(arg, places[-1])

    slices = [
        Op("stack", tuple(write.terms(along, lambda chosen, arg=arg: entry(arg, chosen))))  # type: ignore[misc]
        for arg in node.args
    ]
    own = places.index(index)
    if build.LOWEST in slices[0].args:
        return _of_those_there(node, slices[0].args, own)
    found = Op(node.name, tuple(slices), _without_axis(node))
    return op("at", found, index=(own,))


def _of_those_there(node: Op, entries: Sequence[Expr], own: int) -> Expr:
    """The share of one entry where −∞, of which there is none, stands beside it."""
    if entries[own] == build.LOWEST:
        return build.ZERO
    there = [place for place, entry in enumerate(entries) if entry != build.LOWEST]
    found = Op(node.name, (Op("stack", tuple(entries[k] for k in there)),), _without_axis(node))
    return op("at", found, index=(there.index(own),))


erf = np.vectorize(math.erf, otypes=[float])
_erfc = np.vectorize(math.erfc, otypes=[float])


def entry_by_entry(function: Any, x: Array) -> Array:
    """A vectorised Python function; np.vectorize refuses empty arrays unless told the type."""
    return np.asarray(function(x), dtype=float).reshape(np.shape(x))


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x) without overflow: the exponential is only taken of -|x|."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def softplus(x: Array) -> Array:
    """ln(1 + e^x) without overflow."""
    return np.logaddexp(0.0, x)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """x above 0, alpha (e^x - 1) below (Clevert, Unterthiner and Hochreiter 2016)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def normal_cdf(x: Array) -> Array:
    """The standard normal distribution function, accurate in both tails."""
    return 0.5 * entry_by_entry(_erfc, -x / math.sqrt(2.0))


def normal_pdf(x: Array) -> Array:
    """The standard normal density."""
    return np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


def switch(x: Array, below: float = 0.0, at: float = 0.0, above: float = 1.0) -> Array:
    """One of three constants, by the sign of x."""
    return np.where(
        x > 0, float(above), np.where(x < 0, float(below), np.where(x == 0, float(at), x))
    )


def choose(x: Array, above: Array, otherwise: Array) -> Array:
    """One of two arrays, entry by entry, by the sign of x."""
    return np.where(x > 0, above, otherwise)


def huber(x: Array, delta: float = 1.0) -> Array:
    """Half the square up to delta, a straight line beyond (Huber 1964)."""
    size = np.abs(x)
    inner = np.minimum(size, delta)
    return 0.5 * inner * inner + delta * (size - inner)


def times_x(function: Any) -> Any:
    """x times a function of x, which wins over x at minus infinity."""

    def value(x: Array) -> Array:
        return np.where(np.isneginf(x), 0.0, x * function(x))

    return value


def by_sign(x: Expr, below: float, at: float, above: float) -> Expr:
    """A constant on either side of 0, another at 0."""
    return op("switch", x, below=build.plain(below), at=build.plain(at), above=build.plain(above))


def relu_slope(kink: str) -> Derivative:
    """1 above 0, 0 below, at 0 what the convention says."""

    def derivative(x: Expr, _: Expr, __: Op, rules: Rules) -> Expr:
        return by_sign(x, 0, rules.kink(kink), 1)

    return derivative


def leaky_slope(x: Expr, _: Expr, node: Op, rules: Rules) -> Expr:
    """1 above 0, the slope below, at 0 what the convention says."""
    slope = float(str(node.option("slope", 0.01)))
    return by_sign(x, slope, rules.kink("leaky_relu"), 1)


def elu_slope(x: Expr, r: Expr, node: Op, _: Rules) -> Expr:
    """1 above 0, f + α below."""
    alpha = num(float(str(node.option("alpha", 1))))
    return op("choose", x, build.ONE, build.add(r, alpha))


def silu_slope(x: Expr, r: Expr, _: Op, __: Rules) -> Expr:
    """σ(x) + f · (1 − σ(x))."""
    gate = op("sigmoid", x)
    return build.add(gate, build.mul(r, build.sub(build.ONE, gate)))


def gelu_slope(x: Expr, _: Expr, __: Op, ___: Rules) -> Expr:
    """Φ(x) + x · φ(x)."""
    return build.add(op("normal_cdf", x), build.mul(x, op("normal_pdf", x)))


def softsign_slope(x: Expr, _: Expr, __: Op, ___: Rules) -> Expr:
    """The definition's would ask for the slope of |x| at 0, of which nothing is left."""
    return build.div(build.ONE, build.power(build.add(build.ONE, op("abs", x)), num(2)))


def log_slope(base: int | None) -> Derivative:
    """1 / (x · ln of the base)."""

    def derivative(x: Expr, _: Expr, __: Op, ___: Rules) -> Expr:
        return build.div(build.ONE, x if base is None else build.mul(x, op("log", num(base))))

    return derivative


def erf_slope(x: Expr, _: Expr, __: Op, ___: Rules) -> Expr:
    """2/√π · exp(−x²)."""
    bell = op("exp", build.neg(build.power(x, num(2))))
    return build.mul(build.div(num(2), op("sqrt", op("pi"))), bell)


def one_minus(r: Expr) -> Expr:
    """1 − f."""
    return build.sub(build.ONE, r)


def flat(*_: object) -> Expr:
    """0: a step does not rise anywhere."""
    return build.ZERO


# Definitions in pieces ----------------------------------------------------------------------------


def constant(value: Any) -> Expr:
    """What an option says: a number, or the letter that stands for it."""
    return Sym(value) if isinstance(value, str) else num(value)


def exponential_below(z: Expr, alpha: Any = 1) -> Expr:
    """z above 0, and what it is of an exponential unit below."""
    below = op("sub", op("exp", z), build.ONE)
    return op("choose", z, z, build.mul(constant(alpha), below))


def huber_pieces(e: Expr, delta: Any = 1) -> Expr:
    """Half the square within delta, a straight line beyond."""
    size, limit = op("abs", e), constant(delta)
    line = build.mul(limit, op("sub", size, build.div(limit, num(2))))
    square = op("div", op("pow", e, num(2)), num(2))
    return op("choose", op("sub", size, limit), line, square)
