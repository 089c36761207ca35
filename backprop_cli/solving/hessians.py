"""A model to its second derivatives: the equations of its gradients, derived in closed form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.build import ZERO
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, op, substitute, symbols, walk
from backprop_cli.algebra.quantity import Second
from backprop_cli.algebra.shapes import Shape, all_known
from backprop_cli.calculus.differentiate import gradients, needed, pull_back
from backprop_cli.derive.simplify.simplify import shorter
from backprop_cli.operations.record import OtherShapes, Rules, fit, in_shape
from backprop_cli.operations.table import Sizes, operation
from backprop_cli.problem.assumptions import assumed
from backprop_cli.problem.model import Model
from backprop_cli.solving.shortcuts import shortcuts

_LONGEST = 120
"""Parts of a formula that anyone would still read."""

_FLAT = "the entries of a matrix count row by row: a row for each of the first, a column for each "
_FLAT += "of the second"


class Hessian(Struct, frozen=True):
    """The formula of a second derivative, what it is, and what is to be said of it."""

    expr: Expr
    axes: tuple[str, ...]
    words: str
    note: str | None


def gradients_behind(model: Model, sizes: Sizes, wanted: Sequence[str]) -> dict[str, Expr]:
    """The gradients as equations in the order of computing, straight to ŷ − y where that holds."""
    past_outputs = shortcuts(model, sizes, fused=True, careful=False).shares
    backward = replace(model.backward, shortcuts=past_outputs)
    found = gradients(backward, [*dict.fromkeys(wanted)], sizes)
    exprs = {model.gradient(one.of): assumed(one.expr, model.problem, sizes) for one in found}
    return {name: shorter(expr, sizes) for name, expr in exprs.items()}


def hessian(model: Model, asked: Second, behind: Mapping[str, Expr], sizes: Sizes) -> Hessian:
    """The derivative of ∂L/∂w by another quantity, or by w again."""
    gradient = model.gradient(asked.by)
    words = "Hessian" if asked.by == asked.then else "mixed second derivatives"
    shapes = sizes.shape(Sym(asked.by)), sizes.shape(Sym(asked.then))
    axes = (*model.axes(asked.by), *model.axes(asked.then))
    expr = in_closed_form(gradient, asked.then, {**model.definitions, **behind}, sizes)
    if expr is not None:
        return Hessian(shorter(assumed(expr, model.problem, sizes), sizes), axes, words, None)
    flat = any(len(shape) > 1 for shape in shapes)
    pulled = op("jacobian", Sym(gradient), Sym(asked.then), flat=1)
    return Hessian(pulled, _flat(axes, shapes) if flat else axes, words, _FLAT if flat else None)


def _flat(axes: tuple[str, ...], shapes: tuple[Shape, Shape]) -> tuple[str, ...]:
    """The axes where those of a matrix have become one; in letters they stay."""
    found: list[str] = []
    rest = iter(axes)
    for shape in shapes:
        own = [next(rest) for _ in shape]
        found += ["entry"] if len(own) > 1 and all_known(shape) else own
    return tuple(found)


def in_closed_form(of: str, by: str, equations: Mapping[str, Expr], sizes: Sizes) -> Expr | None:
    """∂of/∂by as one formula, where there is one that can be read."""
    if len(sizes.shape(Sym(of))) > 1:
        return None
    try:
        found = closed_form(of, by, equations, sizes)
    except NoClosedFormError:
        return None
    shape = (*sizes.shape(Sym(of)), *sizes.shape(Sym(by)))
    if found is None:
        found = op("spread", ZERO, shape=shape) if shape else ZERO
    if sum(1 for _ in walk(found)) > _LONGEST:
        return None
    if sizes.shape(found) != shape:
        found = op("spread", found, shape=shape)
    return found


class NoClosedFormError(Exception):
    """A quantity on the way is a matrix, or its derivative would be more than one."""


def closed_form(of: str, by: str, equations: Mapping[str, Expr], rules: Rules) -> Expr | None:
    """The derivative of each entry of `of` by each of `by`, the equations in order.

    None where `by` does not act on `of`; NoClosedFormError where it has no form as a matrix.
    """
    found = _Forward(by, rules)
    behind = needed(equations, {of})
    for name, expr in equations.items():
        if name != by and name in behind:
            found.define(name, expr)
    return found.known.get(of)


class _Forward:
    """The derivatives of all quantities by one, a row for each entry, in the order of computing."""

    def __init__(self, by: str, rules: Rules) -> None:
        self.rules = rules
        shape = rules.shape(Sym(by))
        if len(shape) > 1:
            raise NoClosedFormError(by)
        self.scalar = not shape
        self.known: dict[str, Expr] = {by: build.ONE if self.scalar else identity(shape)}

    def define(self, name: str, expr: Expr) -> None:
        """The derivative of a quantity with this formula; none where it does not depend."""
        if not self.known.keys() & set(symbols(expr)):
            return
        if self.rank(Sym(name)) > 1:
            raise NoClosedFormError(name)
        found = self.of(expr, Sym(name))
        if found is not None:
            self.known[name] = found

    def rank(self, expr: Expr) -> int:
        """The number of axes."""
        return len(self.rules.shape(expr))

    def of(self, expr: Expr, result: Expr) -> Expr | None:
        """The derivative of an expression; None where it is 0."""
        if isinstance(expr, Num):
            return None
        if isinstance(expr, Sym):
            return self.known.get(expr.name)
        if not self.known.keys() & set(symbols(expr)):
            return None
        if self.rank(expr) > 1:
            raise NoClosedFormError(expr.name)
        record, rule = operation(expr), _RULES.get(expr.name)
        if rule is not None:
            return rule(self, expr, result)
        if record.elementwise:
            return self.entry_by_entry(expr, result)
        defined = record.definition(expr, self.rules) if record.definition else None
        if defined is None:
            raise NoClosedFormError(expr.name)
        return self.of(defined, result)

    def total(self, *parts: Expr | None) -> Expr | None:
        """The sum of what is not 0."""
        found: Expr | None = None
        for part in parts:
            found = part if found is None else found if part is None else build.add(found, part)
        return found

    def entry_by_entry(self, expr: Op, result: Expr) -> Expr | None:
        """The slopes on a diagonal times the derivative of each argument."""
        shares = _slopes(expr, result, self.rules)
        return self.total(
            *(
                self.share(arg, share, self.of(arg, arg), self.rules.shape(expr))
                for arg, share in zip(expr.args, shares, strict=True)
            )
        )

    def share(self, arg: Expr, slope: Expr | None, inner: Expr | None, shape: Shape) -> Expr | None:
        if slope is None or inner is None or build.coefficient(slope)[0] == 0:
            return None
        if not shape:
            return build.mul(slope, inner)
        if self.rank(arg):
            return build.mul(slope, inner) if self.scalar else on_diagonal(slope, inner, self.rules)
        if self.scalar:
            return fit(build.mul(slope, inner), op("spread", build.ONE, shape=shape), self.rules)
        return build.outer(in_shape(slope, shape, self.rules), inner)

    def product(self, expr: Op, _: Expr) -> Expr | None:
        """A x for a given A, xᵀ A, and xᵀ y."""
        a, b = expr.args
        first, second = self.of(a, a), self.of(b, b)
        ranks = self.rank(a), self.rank(b)
        if ranks == (1, 1):
            return self.total(self.along(b, first), self.along(a, second))
        if ranks == (2, 1):
            return None if second is None else times(a, second, self.rules)
        return None if first is None else times(build.transpose(b), first, self.rules)

    def along(self, vector: Expr, inner: Expr | None) -> Expr | None:
        """vᵀ times the derivative of a vector."""
        if inner is None:
            return None
        return build.matmul(vector, inner) if self.scalar else row_times(vector, inner, self.rules)

    def sum(self, expr: Op, _: Expr) -> Expr | None:
        """The derivatives of all entries added up."""
        (arg,) = expr.args
        inner = self.of(arg, arg)
        if inner is None or not self.rank(arg):
            return inner
        if self.scalar:
            return op("sum", inner)
        return row_times(op("spread", build.ONE, shape=self.rules.shape(arg)), inner, self.rules)

    def repeated(self, expr: Op, _: Expr) -> Expr | None:
        """A number in every entry."""
        (arg,) = expr.args
        inner, shape = self.of(arg, arg), self.rules.shape(expr)
        if inner is None or self.rank(arg):
            return inner
        if self.scalar:
            return op("spread", inner, shape=shape)
        return op("spread", inner, axis=0, shape=(*shape, *self.rules.shape(inner)))

    def softmax(self, expr: Op, result: Expr) -> Expr | None:
        """(diag(p) − p pᵀ) J."""
        inner = self.of(expr.args[0], expr.args[0])
        if inner is None:
            return None
        if self.scalar:
            return build.mul(result, build.sub(inner, build.matmul(result, inner)))
        own = build.sub(op("diag", result), build.outer(result, result))
        return times(own, inner, self.rules)

    def entry(self, expr: Op, _: Expr) -> Expr | None:
        """One entry of a vector: its row."""
        inner = self.of(expr.args[0], expr.args[0])
        return None if inner is None else op("at", inner, index=expr.option("index"))

    def same(self, expr: Op, _: Expr) -> Expr | None:
        """What leaves every entry of a vector as it is."""
        return self.of(expr.args[0], expr.args[0])


def _slopes(expr: Op, result: Expr, rules: Rules) -> list[Expr | None]:
    """The derivative by each argument, entry by entry; what a number is spread over stays apart."""
    held = {f"argument {i}": arg for i, arg in enumerate(expr.args)} | {"result": result}
    shape = rules.shape(expr)
    inside = OtherShapes(rules, Sizes(dict.fromkeys(held, shape), {}).shape)
    names = [Sym(name) for name in held]
    node = Op(expr.name, tuple(names[:-1]), expr.options)
    slopes = pull_back(node, build.ONE, names[-1], inside)
    return [None if slope is None else substitute(slope, held) for slope in slopes]


_RULES = {
    "matmul": _Forward.product,
    "sum": _Forward.sum,
    "spread": _Forward.repeated,
    "softmax": _Forward.softmax,
    "at": _Forward.entry,
    "transpose": _Forward.same,
}


# Products of matrices, as short as they are written by hand ---------------------------------------


def identity(shape: Shape) -> Expr:
    """I."""
    return op("diag", op("spread", build.ONE, shape=shape))


def _on_diagonal(expr: Expr) -> Expr | None:
    """What stands on the diagonal of a diagonal matrix."""
    return expr.args[0] if isinstance(expr, Op) and expr.name == "diag" else None


def _is_identity(expr: Expr) -> bool:
    found = _on_diagonal(expr)
    return isinstance(found, Op) and found.name == "spread" and found.args == (build.ONE,)


def _scalar_in_front(expr: Expr, rules: Rules) -> tuple[Expr, Expr] | None:
    """A number times a matrix: the one and the other."""
    match expr:
        case Op("mul", (factor, rest)) if not rules.shape(factor):
            return factor, rest
        case Op("neg", (rest,)):
            return build.MINUS_ONE, rest
    return None


def times(a: Expr, b: Expr, rules: Rules) -> Expr:
    """A B for matrices, products from the left, numbers in front."""
    if (drawn := _scalar_in_front(b, rules)) is not None:
        return build.mul(drawn[0], times(a, drawn[1], rules))
    match b:
        case Op("matmul", (first, second)) if len(rules.shape(first)) == 2:
            return build.matmul(times(a, first, rules), second)
        case Op("outer", (first, second), ()):
            return build.outer(build.matmul(a, first), second)
    return a if _is_identity(b) else build.matmul(a, b)


def on_diagonal(slope: Expr, b: Expr, rules: Rules) -> Expr:
    """diag(s) B; s B where all entries of s are one number."""
    if slope == build.ONE:
        return b
    if not rules.shape(slope):
        return build.mul(slope, b)
    factor, rest = build.coefficient(slope)
    if isinstance(rest, Op) and rest.name == "spread" and not rules.shape(rest.args[0]):
        return build.scaled(factor, b) if rest.args == (build.ONE,) else build.mul(rest.args[0], b)
    if (drawn := _scalar_in_front(b, rules)) is not None:
        return build.mul(drawn[0], on_diagonal(slope, drawn[1], rules))
    own = _on_diagonal(b)
    if own is not None:
        return op("diag", build.mul(slope, own) if not _is_identity(b) else slope)
    return times(op("diag", slope), b, rules)


def row_times(v: Expr, b: Expr, rules: Rules) -> Expr:
    """vᵀ B, as a vector."""
    if (drawn := _scalar_in_front(b, rules)) is not None:
        return build.mul(drawn[0], row_times(v, drawn[1], rules))
    if _is_identity(b):
        return v
    own = _on_diagonal(b)
    if own is not None:
        return in_shape(build.mul(v, own), rules.shape(v), rules)
    match b:
        case Op("matmul", (first, second)) if len(rules.shape(first)) == 2:
            return row_times(row_times(v, first, rules), second, rules)
        case Op("outer", (first, second), ()):
            return build.mul(build.matmul(v, first), second)
        case Op("add", (first, second)):
            return build.add(row_times(v, first, rules), row_times(v, second, rules))
        case Op("sub", (first, second)):
            return build.sub(row_times(v, first, rules), row_times(v, second, rules))
    factor, rest = build.coefficient(v)
    if isinstance(rest, Op) and rest.name == "spread":
        return build.scaled(factor, build.mul(rest.args[0], op("sum", b, axis=0)))
    return build.matmul(v, b)
