"""Each quantity to the formulas that give it: any equivalent way of working it out counts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from types import MappingProxyType

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import (
    Expr,
    Folded,
    Num,
    Op,
    Sym,
    factors,
    num,
    op,
    rewrite,
    substitute,
    symbols,
    uses,
    walk,
)
from backprop_cli.algebra.quantity import quantity
from backprop_cli.grading.judging.grouped_otherwise import otherwise_grouped, regrouped
from backprop_cli.operations.determinants import det
from backprop_cli.problem.model import Array, Model
from backprop_cli.solving.notes import deviates
from backprop_cli.solving.plan import Plan, plan

Formulas = Mapping[str, tuple[Expr, ...]]

_FLAT = ("relu", "relu6", "maximum", "minimum")
_SIGN_KEPT = ("leaky_relu", "elu")
_GATES = ("switch", "choose")
"""What asks for the sign of its argument only: as the value of those functions tells it, too."""

_MOST_USERS = 6
"""Of a quantity used more often than that, no use is written otherwise than the others: each of
them apart would be as many formulas, each as long as all."""


def variants(
    model: Model,
    planned: Plan,
    extra: Collection[str] = (),
    values: Mapping[str, Array] = MappingProxyType({}),
) -> Formulas:
    """All formulas of every planned quantity, `extra` ones too, the one that is printed first.

    Where it depends on the true `values` whether a formula gives a number, they tell.
    """
    wants_fused = model.problem.convention.output_gradient == "fused"
    both = wants_fused or model.fusion is not None
    second = plan(model, extra, fused=not wants_fused) if both else planned
    others = {step.id: step.expr for step in second.steps}
    return {
        step.id: tuple(dict.fromkeys(_all(model, values, step.id, step.expr, others[step.id])))
        for step in planned.steps
    }


def fused_first(model: Model, formulas: Formulas) -> Formulas:
    """The same with the collapsed gradient of the logits in front, for who never wrote ∂L/∂Ŷ."""
    fusion = model.fusion
    if fusion is None:
        return formulas
    id = model.gradient(fusion.logits)
    rest = tuple(expr for expr in formulas.get(id, ()) if expr != fusion.expr)
    return {**formulas, id: (fusion.expr, *rest)}


def _all(model: Model, values: Mapping[str, Array], id: str, *exprs: Expr) -> Iterator[Expr]:
    for expr in exprs:
        yield expr
        yield from otherwise_grouped(expr, is_gradient=bool(model.gradient_by(id)))
        for other in chain(
            _softmax_ways(model, id, expr),
            _slope_ways(model, id, expr),
            _gate_ways(model, expr),
            _value_ways(model, id, expr),
            _mean_ways(model, id, expr),
            _variance_ways(model, id, expr),
            _reciprocal_ways(model, expr),
            _cofactor_ways(model, values, expr),
        ):
            yield other
            yield regrouped(other)


def consumers(model: Model, name: str) -> list[str]:
    """The forward quantities whose formulas use `name`."""
    return [other for other, expr in model.definitions.items() if name in symbols(expr)]


def _slope_ways(model: Model, id: str, expr: Expr) -> Iterator[Expr]:
    """σ′ from z instead of from h, in a gradient and in a Jacobian."""
    by = quantity(id).by
    if not by:
        return
    used, users = set(symbols(expr)), consumers(model, by)
    made = {user: model.definitions[user] for user in users if user in used}
    written_out = {user: one for user, one in made.items() if isinstance(one, Op)}
    if len(written_out) > _MOST_USERS:  # in one and the same way for all of them
        yield substitute(expr, written_out)
        return
    for user in users:
        definition = model.definitions[user]
        if user in written_out:
            yield substitute(expr, {user: definition})
        match definition:
            case Op("softplus", args):
                slope = op("sub", num(1), op("exp", op("neg", Sym(user))))
                yield rewrite(expr, lambda node: slope if node == Op("sigmoid", args) else None)  # noqa: B023
            case Op("silu", (Sym(z),)) if (upstream := model.gradient(user)) in symbols(expr):
                gate, own = op("sigmoid", Sym(z)), Sym(user)
                slope = op("add", own, op("mul", gate, op("sub", num(1), own)))
                yield op("mul", Sym(upstream), slope)


def _value_ways(model: Model, id: str, expr: Expr) -> Iterator[Expr]:
    """The value h itself for what it is made of: -G ⊙ h ⊙ d where h = w ⊙ exp(-d²/2)."""
    users = consumers(model, model.gradient_by(id))
    if len(users) > _MOST_USERS:
        return
    plain = Folded[Expr](lambda leaf: leaf, _with_number_first)
    for user in users:
        parts = [*factors(model.definitions[user], through_signs=True)]
        if any(isinstance(factor, Op) for factor in parts):
            definition = [plain.of(factor) for factor in parts]
            found = rewrite(expr, partial(_by_value, definition, Sym(user), plain))
            if found != expr:
                yield found


def _by_value(
    definition: Sequence[Expr], value: Sym, plain: Folded[Expr], part: Expr
) -> Expr | None:
    """A product in which all factors of a definition are, with the value in their place.

    They are compared `plain`, with the numbers of each product in front: -½ · d² for (-d²)/2.
    """
    left = [*factors(part, through_signs=True)]
    if len(left) < len(definition):
        return None
    compared = [plain.of(factor) for factor in left]
    for factor in definition:
        if factor not in compared:
            return None
        at = compared.index(factor)
        del compared[at], left[at]
    made: Expr = value
    for factor in left:
        made = op("mul", made, factor)
    return made


def _with_number_first(node: Op, args: list[Expr]) -> Expr:
    return build.scaled(*build.coefficient(Op(node.name, tuple(args), node.options)))


def _mean_ways(model: Model, id: str, expr: Expr) -> Iterator[Expr]:
    """What comes to a mean without the path through the variance, on which Σ (x - μ) = 0 stands."""
    by = model.gradient_by(id)
    match model.definitions.get(by):
        case Op("mean", (Sym(x),)):
            rest = _without_deviations(expr, x, by)
            if rest is not None:
                yield rest


def _without_deviations(expr: Expr, x: str, mean: str) -> Expr | None:
    """A sum without the terms in which x - μ stands; None where nothing is left."""
    match expr:
        case Op("neg", (inner,)):
            rest = _without_deviations(inner, x, mean)
            return None if rest is None else op("neg", rest)
        case Op("add" | "sub" as name, (left, right)):
            kept, other = (_without_deviations(part, x, mean) for part in (left, right))
            if other is None:
                return kept
            if kept is None:
                return other if name == "add" else op("neg", other)
            return op(name, kept, other)
    return None if any(deviates(node, x, mean) for node in walk(expr)) else expr


def _variance_ways(model: Model, id: str, expr: Expr) -> Iterator[Expr]:
    """As it is known by heart, for -Σ g x̂ / (2 (σ² + ε)): -½ (σ² + ε)^(-3/2) Σ g (x - μ).

    Or Σ g (x - μ) over 2 √(σ² + ε)³.
    """
    for user in consumers(model, model.gradient_by(id)):
        match model.definitions[user]:
            case Op("div", (deviation, Op("sqrt", (variance,)))):
                for divided in (_by_power, _by_root):
                    known = partial(_by_heart, Sym(user), deviation, variance, divided)
                    found = rewrite(expr, known)
                    if found != expr:
                        yield found


def _by_power(total: Expr, variance: Expr) -> Expr:
    return op("mul", op("div", total, num(2)), op("pow", variance, num("-3/2")))


def _by_root(total: Expr, variance: Expr) -> Expr:
    return op("div", total, op("mul", num(2), op("pow", op("sqrt", variance), num(3))))


def _by_heart(
    standard: Expr,
    deviation: Expr,
    variance: Expr,
    divided: Callable[[Expr, Expr], Expr],
    part: Expr,
) -> Expr | None:
    match part:
        case Op("div", (Op("sum", (Op("mul", (g, one)),)) as total, Op("mul", (Num() as two, v)))):
            if (one, two, v) == (standard, num(2), variance):
                return divided(Op("sum", (op("mul", g, deviation),), total.options), variance)
    return None


def _reciprocal_ways(model: Model, expr: Expr) -> Iterator[Expr]:
    """Times 1/√a, where something is divided by √a, or by what is defined as it."""

    def by_reciprocal(node: Expr) -> Expr | None:
        match node:
            case Op("div", (Op() | Sym() as above, below)):
                root = model.definitions.get(below.name) if isinstance(below, Sym) else below
                if isinstance(root, Op) and root.name == "sqrt":
                    return op("mul", above, op("div", num(1), below))
        return None

    found = rewrite(expr, by_reciprocal)
    if found != expr:
        yield found


def _cofactor_ways(model: Model, values: Mapping[str, Array], expr: Expr) -> Iterator[Expr]:
    """|A| A⁻ᵀ for the cofactors of a matrix that has an inverse."""
    named = {one: Sym(name) for name, one in model.definitions.items()}

    def by_inverse(node: Expr) -> Expr | None:
        match node:
            case Op("cof", (Sym(name) as a,)) if name in values and det(values[name]) != 0:
                found = op("det", a)
                return op("mul", named.get(found, found), op("transpose", op("inv", a)))
        return None

    found = rewrite(expr, by_inverse)
    if found != expr:
        yield found


def _gate_ways(model: Model, expr: Expr) -> Iterator[Expr]:
    """The slope of ReLU and its like from h instead of from z, which need not have a name."""
    if not uses(expr, *_GATES):
        return
    for name, node in model.definitions.items():
        if isinstance(node, Op) and node.name in (*_FLAT, *_SIGN_KEPT):
            expr = rewrite(expr, partial(_by_output, node, Sym(name)))
    yield expr


def _by_output(node: Op, output: Sym, part: Expr) -> Expr | None:
    """A gate that asks for the value of a function instead of for its argument.

    Where a flat end is reached the value says no more than that: the slope there is 0.
    """
    if not isinstance(part, Op) or part.name not in _GATES:
        return None
    seen = {arg for arg in node.args if not isinstance(arg, Num)}
    same = {node, *seen, *(op("relu", arg) for arg in seen)}
    argument = rewrite(part.args[0], lambda inner: output if inner in same else None)
    if argument == part.args[0]:
        return None
    flat = node.name in _FLAT and part.name == "switch"
    kept = part.with_options(at=0) if flat else part
    return Op(part.name, (argument, *part.args[1:]), kept.options)


def _softmax_ways(model: Model, id: str, expr: Expr) -> Iterator[Expr]:
    """Through a softmax without its written-out Jacobian, and with its blocks in a batch."""
    by = model.gradient_by(id)
    users = consumers(model, by)
    if len(users) != 1 or model.gradient(users[0]) not in symbols(expr):
        return
    definition = model.definitions[users[0]]
    for node in _summands(definition):
        if isinstance(node, Op) and node.name == "softmax" and node.args == (Sym(by),):
            output = Sym(users[0]) if node == definition else node
            yield from through_softmax(node, output, Sym(model.gradient(users[0])))


def through_softmax(node: Op, output: Expr, upstream: Expr) -> Iterator[Expr]:
    """A gradient pulled back through a softmax: ŷ ⊙ (g − Σ ŷg), in two steps, by the Jacobian."""
    axis = node.axis
    inner = build.sum_along(op("mul", output, upstream), axis)
    yield op("mul", output, op("sub", upstream, inner))
    yield op("sub", op("mul", output, upstream), op("mul", output, inner))
    samples = None if axis is None else 1 - axis
    blocks = op("softmax_blocks", output, samples=samples)
    if samples is None:
        yield op("matmul", blocks, upstream)
    else:
        yield op("apply_blocks", blocks, upstream, samples=samples)


def _summands(expr: Expr) -> list[Expr]:
    """What adds up to a formula: an activation, and a skip behind it."""
    if isinstance(expr, Op) and expr.name == "add":
        return [part for arg in expr.args for part in _summands(arg)]
    return [expr]
