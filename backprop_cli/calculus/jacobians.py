"""The Jacobian of one quantity with respect to a neighbour, as an expression of its own."""

from __future__ import annotations

from collections.abc import Mapping

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, op, symbols
from backprop_cli.calculus.differentiate import Backward, added_up, gradients, has_slope, slope
from backprop_cli.operations.record import Rules, fit
from backprop_cli.operations.table import Sizes, operation

IDENTITY = Op("identity", ())
"""Stands for I while a Jacobian is put together; never left in a result."""


def local_jacobian(
    of: str,
    by: str,
    expr: Expr,
    rules: Rules,
    sample_axis: int | None = None,
    denominator: bool = False,
) -> Expr:
    """∂of/∂by, where `expr` is the formula of `of`, as a matrix (a block a sample in a batch).

    Where the formula has no short closed form the result is an operation `jacobian(of, by)`, which
    is computed by pulling back a basis.
    """
    if not rules.shape(Sym(of)):
        return _total(expr, by, Sym(of), rules)
    rank = 1 if sample_axis is None else 2
    if len(rules.shape(Sym(of))) == len(rules.shape(Sym(by))) == rank:
        matrix = _matrix(expr, by, Sym(of), rules, sample_axis)
        if matrix is not None:
            return _finished(matrix, of, rules, sample_axis, denominator)
    return jacobian_by_name(of, by, sample_axis, denominator)


def jacobian_by_name(of: str, by: str, sample_axis: int | None, denominator: bool) -> Expr:
    """∂of/∂by where no formula is shorter than its name."""
    layout = "denominator" if denominator else None
    return op("jacobian", Sym(of), Sym(by), samples=sample_axis, layout=layout)


def _finished(
    matrix: Expr, of: str, rules: Rules, sample_axis: int | None, denominator: bool
) -> Expr:
    if matrix == IDENTITY:
        return op("diag", op("spread", build.ONE, shape=rules.shape(Sym(of))), samples=sample_axis)
    if isinstance(matrix, Op) and matrix.name in ("diag", "sub"):
        return matrix
    if denominator:
        matrix = build.transpose(matrix)
    if sample_axis is None:
        return matrix
    shape = (rules.shape(Sym(of))[sample_axis], *rules.shape(matrix))
    return op("spread", matrix, axis=0, shape=shape)


def _matrix(
    expr: Expr, by: str, result: Expr, rules: Rules, sample_axis: int | None
) -> Expr | None:
    """The Jacobian of one sample, numerator layout; None where no rule below gives it."""
    if expr == Sym(by):
        return IDENTITY
    if not isinstance(expr, Op) or by not in symbols(expr):
        return None
    if _entrywise(expr, by, rules):
        return _diagonal(expr, by, result, rules, sample_axis)
    match expr:
        case Op(_, (inner,)) if has_slope(expr) and sample_axis is None:
            return _through_function(expr, inner, by, result, rules)
        case Op("softmax", (Sym(),)):
            square = op("outer", result, result, samples=sample_axis)
            return op("sub", op("diag", result, samples=sample_axis), square)
        case Op("add" | "sub", (left, right)) if by not in symbols(right):
            return _matrix(left, by, left, rules, sample_axis)
        case Op("add", (left, right)) if by not in symbols(left):
            return _matrix(right, by, right, rules, sample_axis)
        case Op("matmul", (left, right)) if by not in symbols(left):
            return _through_constant(left, right, by, rules)
        case Op("matmul", (left, right)) if by not in symbols(right):
            return _through_constant(build.transpose(right), left, by, rules)
    return None


def _through_function(expr: Op, inner: Expr, by: str, result: Expr, rules: Rules) -> Expr | None:
    """The slopes of an entrywise function on a diagonal, times the Jacobian of its argument."""
    slopes = slope(expr, result, rules)
    matrix = _matrix(inner, by, inner, rules, None)
    if slopes is None or matrix is None or matrix == IDENTITY:
        return None
    return build.matmul(op("diag", fit(slopes, result, rules)), matrix)


def _through_constant(weights: Expr, inner: Expr, by: str, rules: Rules) -> Expr | None:
    """The Jacobian of `weights` times `inner`; a constant entry of `inner` loses its column."""
    match inner:
        case Op("prepend" | "append" as grown, (Sym(name), _)) if name == by:
            return build.drop("drop_first" if grown == "prepend" else "drop_last", weights, -1)
        case Sym(name) if name == by and len(rules.shape(weights)) == 2:
            return weights
    return None


def _entrywise(expr: Expr, by: str, rules: Rules) -> bool:
    """Whether each entry of `expr` depends on the same entry of `by` alone."""
    if expr == Sym(by):
        return True
    if by not in symbols(expr):
        return True
    if not isinstance(expr, Op) or not operation(expr).elementwise:
        return False
    shape = rules.shape(Sym(by))
    return all(
        by not in symbols(arg) or (rules.shape(arg) == shape and _entrywise(arg, by, rules))
        for arg in expr.args
    )


def _diagonal(
    expr: Expr, by: str, result: Expr, rules: Rules, sample_axis: int | None
) -> Expr | None:
    total = _total(expr, by, result, rules)
    if total == op("spread", build.ONE, shape=rules.shape(Sym(by))):
        return IDENTITY
    return op("diag", total, samples=sample_axis)


def _total(expr: Expr, by: str, result: Expr, rules: Rules) -> Expr:
    """The derivatives through every place where `by` stands, added up: the gradient of a number."""
    found = added_up(expr, build.ONE, result, rules)
    return fit(found.get(by, build.ZERO), Sym(by), rules)


# Pulled back by name ------------------------------------------------------------------------------


UPSTREAM = "upstream gradient"  # no id has a space in it


def gradient_of(name: str) -> str:
    """What the gradient of `name` is called while pulling back; no id looks like it."""
    return f"gradient of {name}"


def pulled_back(
    of: str, by: str, equations: Mapping[str, Expr], sizes: Sizes
) -> list[tuple[str, Expr]]:
    """The equations, in order, of the gradient of UPSTREAM · of with respect to `by`."""
    order = list(equations)
    until = order[: order.index(of) + 1] if of in order else []
    shapes = {**sizes.names, UPSTREAM: sizes.names[of]}
    shapes |= {gradient_of(name): shape for name, shape in sizes.names.items()}
    between = {name: equations[name] for name in until if name != by}
    rules = Sizes(shapes, sizes.kinks)
    found = gradients(Backward(between, {of: Sym(UPSTREAM)}, gradient_of), [by], rules)
    return [(gradient_of(each.of), each.expr) for each in found]
