"""Slips of the backward pass: the right gradient to what is computed instead."""

from __future__ import annotations

from collections.abc import Iterator

from backprop_cli.algebra.expr import Expr, Op, Sym, num, op, substitute, symbols, walk
from backprop_cli.grading.case import ACTIVATIONS, Case, each, in_parts, swapped
from backprop_cli.grading.variants import consumers, through_softmax
from backprop_cli.operations.table import TABLE

TWO, HALF = num(2), num("1/2")


def _through(case: Case) -> Iterator[tuple[str, Op, Sym]]:
    """The activations applied to the name a gradient is by: user, operation, user's gradient."""
    if case.by is None:
        return
    for user in consumers(case.model, case.by):
        definition = case.model.definitions[user]
        gradient = case.model.gradient(user)
        if gradient not in case.steps:
            continue
        for node in walk(definition):
            if isinstance(node, Op) and node.name in ACTIVATIONS and node.args[0] == Sym(case.by):
                yield user, node, Sym(gradient)


def _upstreams(case: Case) -> Iterator[Sym]:
    """The gradients of what is made of a quantity entry by entry, by activation or formula."""
    if case.by is None:
        return
    for user in consumers(case.model, case.by):
        gradient = case.model.gradient(user)
        same = gradient in case.steps and case.steps[gradient].shape == case.step.shape
        if same and _has_slope(case.model.definitions[user], case.by):
            yield Sym(gradient)


_WITHOUT_SLOPE = frozenset({"add", "sub", "neg", "matmul", "dot", "transpose"})


def _has_slope(expr: Expr, by: str) -> bool:
    """Whether a name goes through a function, entry by entry, and is not only added or weighted."""
    ops = [node for node in walk(expr) if isinstance(node, Op) and by in symbols(node)]
    weighted = any(node.name in ("matmul", "dot") for node in ops)
    return not weighted and any(node.name not in _WITHOUT_SLOPE for node in ops)


def derivative_omitted(case: Case) -> Iterator[Expr]:
    """∂L/∂Z = ∂L/∂H; behind a hidden layer."""
    if not _is_last(case):
        yield from _upstreams(case)


def output_derivative_omitted(case: Case) -> Iterator[Expr]:
    """∂L/∂Z = ∂L/∂Ŷ."""
    if _is_last(case):
        yield from _upstreams(case)


def _is_last(case: Case) -> bool:
    """Whether the activation is that of the prediction."""
    users = consumers(case.model, case.by or "")
    return any(
        user in ("Yhat", case.model.target) or case.model.target in consumers(case.model, user)
        for user in users
    )


def derivative_elsewhere(case: Case) -> Iterator[Expr]:
    """σ′(h), or the formula in h written in z, and the other way round."""
    for user, node, upstream in _through(case):
        entry = TABLE[node.name]
        if entry.derivative is None or node.name in ("relu", "leaky_relu", "step", "sign"):
            continue
        z, h = node.args[0], _activated(case, user, node)
        again = Op(node.name, (h,), node.options)
        places = ((h, again), (z, z), (h, h), (Op(node.name, (again,), node.options), h))
        for x, r in places:
            slope = entry.derivative(x, r, node, case.sizes)
            yield op("mul", upstream, slope)


def _activated(case: Case, user: str, node: Op) -> Expr:
    """The output of an activation: the name it has, if nothing is added behind it."""
    return Sym(user) if case.model.definitions[user] == node else node


def relu_derivative(case: Case) -> Iterator[Expr]:
    """Multiplied with z or h, everything let through, nothing at 0, the mask of something else."""
    for user, node, upstream in _through(case):
        if node.name not in ("relu", "leaky_relu"):
            continue
        z, h = node.args[0], _activated(case, user, node)
        for factor in (z, h, op("sub", num(1), h)):
            yield op("mul", upstream, factor)
        for mask in (
            op("switch", z, at=1),
            op("switch", z, below=1, above=0),
            op("switch", upstream),
            op("switch", z, below=-1),
            op("switch", z, below=1, at=1, above=0),
            op("switch", z),
            op("sigmoid", z),
        ):
            yield op("mul", upstream, mask)
        yield op("positive_part", upstream)
        yield op("switch", z)


def shortcut_misused(case: Case) -> Iterator[Expr]:
    """ŷ − y where it does not hold, or times the derivative once more."""
    targets = dict(case.compared)
    for user, node, _ in _through(case):
        if user not in targets:
            continue
        difference: Expr = op("sub", Sym(user), Sym(targets[user]))
        scaled = [difference]
        scaled += [op("div", difference, num(size)) for size in sorted(case.counts)]
        said = case.model.problem.convention.log
        if said != "natural":
            scaled += [op("div", one, op("log", num(said))) for one in scaled]
        for fused in scaled:
            yield fused
            entry = TABLE[node.name]
            if entry.derivative is not None:
                yield op("mul", fused, entry.derivative(node.args[0], Sym(user), node, case.sizes))
            if node.name == "softmax":
                yield op("mul", fused, _diagonal(Sym(user)))
                yield from through_softmax(node, Sym(user), fused)


def _diagonal(output: Expr) -> Expr:
    return op("mul", output, op("sub", num(1), output))


def softmax_diagonal(case: Case) -> Iterator[Expr]:
    """∂L/∂Ŷ ⊙ ŷ(1 − ŷ)."""
    for user, node, upstream in _through(case):
        if node.name == "softmax":
            yield op("mul", upstream, _diagonal(Sym(user)))


def wrong_layer_input(case: Case) -> Iterator[Expr]:
    """Another layer's values where the layer's own input belongs in ∂L/∂W."""
    if case.by not in case.model.trained or len(case.step.shape) != 2:
        return
    forward = [
        name
        for name in (*case.model.definitions, *case.model.given)
        if name not in case.model.trained and case.sizes.names[name]
    ]
    for name in symbols(case.expr):
        if name not in forward:
            continue
        for other in forward:
            if other not in (name, "Y") and case.sizes.names[other] == case.sizes.names[name]:
                yield substitute(case.expr, {name: Sym(other)})
        for node in each(case.expr, frozenset({"prepend", "append"})):
            yield swapped(
                case.expr, node, op(node.name, node.args[0], num(0), axis=node.option("axis"))
            )


def updated_weights(case: Case) -> Iterator[Expr]:
    """New weights where a gradient goes back through the old ones."""
    if case.step.phase != "backward":
        return
    used = [
        name
        for name in symbols(case.expr)
        if name in case.model.trained and f"{name}_new" in case.steps
    ]
    for name in used:
        yield substitute(case.expr, {name: Sym(f"{name}_new")})


def sign_flipped(case: Case) -> Iterator[Expr]:
    """Everything with the opposite sign."""
    if case.step.phase == "backward":
        yield op("neg", case.expr)


def factor_two(case: Case) -> Iterator[Expr]:
    """Twice or half of it."""
    if case.step.phase in ("backward", "forward") and (
        case.step.phase == "backward" or case.step.shape == ()
    ):
        for factor in (TWO, HALF):
            yield op("mul", factor, case.expr)
            yield from in_parts(case, lambda part: op("mul", factor, part))  # noqa: B023


def mean_sum(case: Case) -> Iterator[Expr]:
    """The number of samples, or of outputs, multiplied or divided out."""
    if case.step.phase not in ("backward", "forward") or (
        case.step.phase == "forward" and case.step.shape
    ):
        return
    for count in sorted(case.counts):
        for name in ("mul", "div"):
            yield op(name, case.expr, num(count))
            yield from in_parts(case, lambda part: op(name, part, num(count)))  # noqa: B023


def bias_not_summed(case: Case) -> Iterator[Expr]:
    """The gradient of one sample, or of one unit, for a bias shared by several."""
    if case.by not in case.model.trained:
        return
    for node in each(case.expr, frozenset({"sum"})):
        inner = node.args[0]
        shape = case.shape(inner)
        if not shape:
            continue
        axis = node.option("axis")
        for place in range(int(shape[0 if axis is None else int(str(axis))])):
            index = (place,) if axis in (None, 0) else (None, place)
            chosen: Expr = op("at", inner, index=index)
            yield swapped(case.expr, node, chosen)
            if axis is None and len(shape) == 2:
                for other in range(int(shape[1])):
                    yield swapped(case.expr, node, op("at", inner, index=(place, other)))
