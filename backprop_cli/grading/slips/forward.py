"""Slips of the forward pass and of windows: a right formula to what is computed instead."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice, product

import numpy as np

from backprop_cli.algebra.build import ones
from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Place,
    Sym,
    addends,
    in_order,
    num,
    op,
    places,
    put,
    rewrite,
    substitute,
    symbols,
)
from backprop_cli.algebra.quantity import loss_parts, new_id
from backprop_cli.grading.slips import pull_backs
from backprop_cli.grading.slips.case import (
    ACTIVATIONS,
    Case,
    added,
    each,
    in_parts,
    plain_name,
    terms,
    without,
)
from backprop_cli.grading.slips.rows_of_tables import to_all_rows
from backprop_cli.grading.slips.updates_wrong import is_bias
from backprop_cli.operations.pooling import pool_of
from backprop_cli.operations.sliding import AXES, axes_of
from backprop_cli.trace import Array

_LOGARITHMS = frozenset({"xlogy", "log", "logsumexp", "log2", "log10"})


def is_forward(case: Case) -> bool:
    """Whether a quantity belongs to the forward pass, or to the one with new parameters."""
    return case.step.phase == "forward" or case.step.rule == "forward-again"


def activation_omitted(case: Case) -> Iterator[Expr]:
    """H = Z."""
    if not is_forward(case):
        return
    for place, node in each(case.expr, ACTIVATIONS):
        yield put(case.expr, place, node.args[0])
    if case.step.rule == "formula":
        yield from _formula_omitted(case)


def _formula_omitted(case: Case) -> Iterator[Expr]:
    """The same for an activation that is a formula: all that is made of one name alone."""
    for name in symbols(case.expr):
        if name in case.model.given:
            continue
        yield Sym(name)
        others = [part for part in addends(case.expr) if not set(symbols(part)) <= {name}]
        yield added([Sym(name), *others])


def bias_left_out(case: Case) -> Iterator[Expr]:
    """Z = Wx: a summand with a given name, or the constant input of a bias inside W, left out."""
    if not is_forward(case):
        return
    roles = {name: given.role for name, given in case.model.given.items()}
    parameters = [name for name, role in roles.items() if role == "parameter"]
    parameters = parameters or [name for name in roles if is_bias(case, name)]
    given = {*parameters, *map(new_id, case.model.trained)}
    for place, node in each(case.expr, frozenset({"add"})):
        for kept, dropped in (node.args, node.args[::-1]):
            if plain_name(dropped) in given and not isinstance(kept, Num):
                if len(shape := case.shape(dropped) or ()) == 2 and 1 not in shape:
                    continue  # a whole matrix: what goes past a layer is no bias
                yield put(case.expr, place, kept)
    for place, node in each(case.expr, frozenset({"prepend", "append"})):
        yield put(case.expr, place, Op(node.name, (node.args[0], num(0)), node.options))


def transpose_omitted(case: Case) -> Iterator[Expr]:
    """W where Wᵀ belongs, or Wᵀ where W belongs, in a product."""
    for place, node in each(case.expr, frozenset({"matmul"})):
        for position, arg in enumerate(node.args):
            if len(case.shape(arg) or ()) != 2:
                continue
            other = (
                arg.args[0]
                if isinstance(arg, Op) and arg.name == "transpose"
                else op("transpose", arg)
            )
            args = tuple(other if i == position else kept for i, kept in enumerate(node.args))
            yield put(case.expr, place, Op("matmul", args))


def log_base(case: Case) -> Iterator[Expr]:
    """Another base of the logarithm in the loss: of all, of one part, or of the logarithms."""
    if case.step.shape != () or not any(each(case.expr, _LOGARITHMS)):
        return
    said = case.model.problem.convention.log
    own = None if said == "natural" else num(said)
    for base in (None, num(2), num(10)):
        if base == own:
            continue
        factor = op("div", _log(own), _log(base))
        yield op("mul", case.expr, factor)
        yield from in_parts(case, lambda part: op("mul", part, factor))  # noqa: B023
        yield rewrite(case.expr, partial(_with, factor))


def _with(factor: Expr, node: Expr) -> Expr | None:
    """A logarithm in another base: log₁₀(1 + eᶻ) − yz has nothing else in it that changes."""
    return op("mul", node, factor) if isinstance(node, Op) and node.name in _LOGARITHMS else None


def _log(base: Num | None) -> Expr:
    return num(1) if base is None else op("log", base)


def largest_lost(case: Case, node: Op) -> Iterator[Expr]:
    """exp(z − max z)/Σ exp(z), and the reverse: the largest taken off on one side alone."""
    if node.name not in ("softmax", "log_softmax", "logsumexp"):
        return
    is_share = node.name == "softmax"
    for one in _largest(case, node):
        for off in (one, op("neg", one)):
            yield op("mul", node, op("exp", off)) if is_share else op("add", node, off)


def powers_alone(case: Case, node: Op) -> Iterator[Expr]:
    """exp(z − max z), and no division by its sum."""
    if node.name == "softmax":
        for one in _largest(case, node):
            yield op("exp", op("sub", node.args[0], one))


def _largest(case: Case, node: Op) -> Iterator[Expr]:
    """The largest z of all, and of those that are added up together."""
    (z,), axis, keep = node.args, node.axis, None if node.name == "logsumexp" else 1
    yield op("max", z)
    if len(case.shape(z) or ()) == 2 and axis is not None:
        yield op("max", z, axis=axis, keep=keep)


def targets_swapped(case: Case) -> Iterator[Expr]:
    """y and ŷ exchanged."""
    used = symbols(case.expr)
    for prediction, target in case.compared:
        for output in (prediction, new_id(prediction)):
            if output in used and target in used:
                yield substitute(case.expr, {output: Sym(target), target: Sym(output)})


def penalty_omitted(case: Case) -> Iterator[Expr]:
    """The loss, or a gradient, without its penalty."""
    penalty = loss_parts(case.model.target or "")[1]
    parts = {penalty, new_id(penalty)}
    for place, part in terms(case.expr):
        names = set(symbols(part))
        if (names & parts or "lambda" in names) and (rest := without(case.expr, place)) is not None:
            yield rest


def branch_lost(case: Case) -> Iterator[Expr]:
    """One of several branches that add up, left out."""
    if not is_forward(case):
        return
    no_path = {*case.model.trained, "lambda", *(target for _, target in case.compared)}
    computed = [place for place, part in terms(case.expr) if not no_path.issuperset(symbols(part))]
    if len(computed) < 2:
        return
    for place in computed:
        if (rest := without(case.expr, place)) is not None:
            yield rest


CONVOLUTIONS = frozenset({"conv", "conv_transpose"})
KERNEL = frozenset({"conv_kernel"})
_POOLS = frozenset({"max_pool", "mean_pool"})
_SLID = frozenset({"conv"}) | KERNEL | _POOLS
_WINNERS = frozenset({"to_winners"})
_MOST_POSITIONS = 36  # of a window, each of which might be the only one


def kernel_flipped(case: Case) -> Iterator[Expr]:
    """The kernel as it is where it belongs turned, or turned where it does not."""
    for place, node in each(case.expr, CONVOLUTIONS):
        a, k = node.args
        yield put(case.expr, place, Op(node.name, (a, _turned(k, node, case)), node.options))
    for place, node in each(case.expr, KERNEL):
        above = _above(case.expr, place)
        if above is not None and above.name == "rot":
            yield put(case.expr, place[:-1], node)
        else:
            yield put(case.expr, place, _turned(node, node, case))
            x, g = node.args  # or what slides over it, as on the way to the picture
            yield put(case.expr, place, Op(node.name, (x, _turned(g, node, case)), node.options))


def _above(expr: Expr, place: Place) -> Op | None:
    """The operation that a part is an argument of."""
    above = (one for at, one in places(expr) if place and at == place[:-1])
    return next((one for one in above if isinstance(one, Op)), None)


def _turned(k: Expr, node: Op, case: Case) -> Expr:
    """The other way round than it is."""
    if isinstance(k, Op) and k.name == "rot":
        return k.args[0]
    axes = _axes(node, case)
    return op("rot", k, axes=None if axes == AXES else axes)


def _axes(node: Op, case: Case) -> int:
    return axes_of(node, case.shape(node.args[0]) or (1,))


def one_position_only(case: Case) -> Iterator[Expr]:
    """What comes from a single place of the window, where all of them add up."""
    for place, node in each(case.expr, KERNEL | {"conv_transpose"}):
        which = 1 if node.name == "conv_kernel" else 0
        g = node.args[which]
        for one in islice(_alone(g, node, case), _MOST_POSITIONS):
            args = (*node.args[:which], one, *node.args[which + 1 :])
            yield put(case.expr, place, Op(node.name, args, node.options))
    if case.by in case.model.trained:
        yield from _of_channels(case)


def _alone(g: Expr, node: Op, case: Case) -> Iterator[Expr]:
    """The gradient with a single place of the window left in it, in every channel."""
    shape = case.shape(g) or ()
    axes = _axes(node, case)
    before = len(shape) - axes
    for at in product(*(range(int(size)) for size in shape[before:])):
        index = (*(None,) * before, *at)
        yield op("place", op("at", g, index=index), index=index, shape=shape)


def _of_channels(case: Case) -> Iterator[Expr]:
    """The bias: one place of each channel, and not their sum."""
    for place, node in each(case.expr, frozenset({"channel_sums"})):
        shape = case.shape(node.args[0]) or ()
        places = product(*(range(int(size)) for size in shape[1:]))
        for at in islice(places, _MOST_POSITIONS):
            yield put(case.expr, place, op("at", node.args[0], index=(None, *at)))


def other_targets(case: Case) -> Iterator[tuple[str, Expr]]:
    """1 for every target, 0 and 1 exchanged, or the class beside: 0 is the first, and not 1."""
    for _, target in case.compared:
        y, shape = Sym(target), case.shape(Sym(target)) or ()
        if target not in symbols(case.expr) or not _is_in_entropy(case, target):
            continue
        others = [ones(y), op("sub", num(1), y)]
        across = 1 - (case.model.sample_axis or 0) if len(shape) > 1 else 0
        if shape and (count := int(shape[across])) > 2:
            rows = across == len(shape) - 1 and len(shape) > 1
            beside = (_moved_on(count, by) for by in (1, -1))
            others += [op("matmul", y, one) if rows else op("matmul", one, y) for one in beside]
        yield from (("wrong-target", substitute(case.expr, {target: other})) for other in others)


def _is_in_entropy(case: Case, target: str) -> bool:
    """Whether it tells classes, beside a logarithm: what is compared otherwise is no class."""
    given = case.model.given[target].value
    if not np.isin(given, (-1, 0, 1)).all() and not _shares_out(given):
        return False  # a weight of the loss, such as α
    beside = (expr for expr in case.model.definitions.values() if target in symbols(expr))
    return any(not in_order(expr).operations.isdisjoint(("xlogy", "log")) for expr in beside)


def _shares_out(given: Array) -> bool:
    """Whether it shares 1 out among the classes of a sample."""
    sums = (given.sum(axis=axis) for axis in range(given.ndim))
    return bool((given >= 0).all()) and any(np.allclose(each, 1) for each in sums)


def _moved_on(count: int, by: int) -> Expr:
    """The matrix that puts every class in the place of one beside it."""
    places = ((k, (k + by) % count) for k in range(count))
    return added([op("place", num(1), index=at, shape=(count, count)) for at in places])


def gradient_to_all(case: Case) -> Iterator[Expr]:
    """The gradient of the largest given to all entries of the window, whole or in equal shares."""
    for place, node in each(case.expr, _WINNERS):
        how = pool_of(node)
        every = op("to_windows", node.args[0], **how.options)
        yield put(case.expr, place, every)
        yield put(case.expr, place, op("div", every, num(how.size**how.axes)))
    yield from pull_backs.gradient_to_all(case)
    yield from to_all_rows(case)


def windows_side_by_side(case: Case) -> Iterator[Expr]:
    """As many windows, each one place behind the one before: x[i:i + k] for x[s i:s i + k].

    So, too, for the entries that a kernel meets.
    """
    for place, node in each(case.expr, _SLID):
        shape, axes = case.shape(node) or (), _axes(node, case)
        counts = ((0, int(size)) for size in shape[len(shape) - axes :])
        index = (*(None,) * (len(shape) - axes), *counts)
        usual = {"stride": node.option("size", 2) if node.name in _POOLS else 1, "dilation": 1}
        for name, far in usual.items():
            if node.option(name, far) != 1:
                close = node.with_options(**{name: 1})
                yield put(case.expr, place, op("at", close, index=index))


def windows_otherwise(case: Case, node: Op) -> Iterator[tuple[str, Expr]]:
    """Mean for largest; a kernel or picture turned over its diagonal."""
    if node.name in _POOLS:
        other = "mean_pool" if node.name == "max_pool" else "max_pool"
        yield "wrong-activation", Op(other, node.args, node.options)
    if node.name not in CONVOLUTIONS | KERNEL:
        return
    for position, arg in enumerate(node.args):
        shape = case.shape(arg) or ()
        if len(shape) == 2 and shape[0] == shape[1]:
            args = (*node.args[:position], op("transpose", arg), *node.args[position + 1 :])
            yield "transpose-omitted", Op(node.name, args, node.options)
    yield from _of_one_channel(case, node)
    yield from _summed_over_places(case, node)


def _of_one_channel(case: Case, node: Op) -> Iterator[tuple[str, Expr]]:
    """x[0] and w[0] for all channels of a picture."""
    if node.name != "conv":
        return
    x, k = node.args
    axes, shape = _axes(node, case), case.shape(x) or ()
    for c in {0, int(shape[0]) - 1} if len(shape) == axes + 1 and shape[0] != 1 else ():
        one = (c, c + 1), *(None,) * axes
        filters = (None,) * (len(case.shape(k) or ()) - len(one))
        alone = op("at", x, index=one), op("at", k, index=(*filters, *one))
        yield "path-lost", Op(node.name, alone, node.options)


def _summed_over_places(case: Case, node: Op) -> Iterator[tuple[str, Expr]]:
    """Every window times the sum of a channel's gradient."""
    if node.name == "conv_kernel":
        x, g = node.args
        shape = case.shape(g) or ()
        if len(shape) == _axes(node, case) + 1:
            everywhere = op("per_channel", op("channel_sums", g), shape=shape)
            yield "summed-too-early", Op(node.name, (x, everywhere), node.options)


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
