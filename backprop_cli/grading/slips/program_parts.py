"""A line of code to what it computes with one thing wrong in it that paper seldom makes.

Any part of the line, in any of the ways in which it may be written; in a loop the same thing goes
wrong each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial, reduce
from itertools import islice
from typing import Final

from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Place,
    Sym,
    addends,
    factors,
    num,
    op,
    places,
    put,
    rewrite,
    symbols,
)
from backprop_cli.algebra.quantity import at_step, quantity, step_of
from backprop_cli.algebra.shapes import Shape
from backprop_cli.calculus.differentiate import shares
from backprop_cli.grading.slips.backward import differences
from backprop_cli.grading.slips.case import ACTIVATIONS, CONFUSED, Case, added, part_at
from backprop_cli.grading.slips.formula_parts import Change, exchanged, of_node
from backprop_cli.grading.slips.forward import is_forward, largest_lost, windows_otherwise
from backprop_cli.grading.slips.pull_backs import applied
from backprop_cli.operations.losses import LOSSES, Setting

_MOST: Final = 2_000
"""So many changes of one quantity are tried."""

_MOST_TERMS: Final = 12
_DEEPEST: Final = 3
"""So many functions may stand between a sum and its brackets: 1/√(v + ε)."""

_SUMS: Final = frozenset({"add", "sub"})
_NUMBER: Final = "0123456789_"
_FACTORS: Final = frozenset({"mul", "div"})
_CONSTANTS: Final = {"slope": (0.01, 0.1, 0.2, 0.3), "alpha": (0.1, 1), "delta": (0.5, 1, 2)}
"""What people take for a constant of a function, where it is another."""


def code_changes(case: Case, ways: Sequence[Expr]) -> Iterator[Change]:
    """Every formula that a quantity's becomes, in any of its `ways`, and the mistake that it is."""
    return islice(_changes(case, ways), _MOST)


def collapsed(case: Case) -> Iterator[Expr]:
    """ŷ − y, as it stands in most programs, where a gradient goes back through the output."""
    targets = dict(case.compared)
    for one in applied(case):
        if one.user.name in targets and one.node.args == (Sym(case.by or ""),):
            yield from differences(case, one.user.name, targets[one.user.name])


def _changes(case: Case, ways: Sequence[Expr]) -> Iterator[Change]:
    written = (*ways, *map(case.inlined, ways))
    for way in dict.fromkeys((*written, *map(_logarithms, written))):
        one = replace(case, step=replace(case.step, expr=way), _kept={})
        for place, node in places(way):
            for slip, part in _of_part(one, node):
                yield slip, put(way, place, part)
        yield from _exchanged(one)
        yield from _in_a_loop(one)
        yield from _other_targets(one)
    yield from _other_losses(case)


def _logarithms(expr: Expr) -> Expr:
    """y ln p as the product that a program has."""

    def product(node: Expr) -> Expr | None:
        match node:
            case Op("xlogy", (y, p)):
                return op("mul", y, op("log", p))
        return None

    return rewrite(expr, product)


def _of_part(case: Case, node: Expr) -> Iterator[Change]:
    if isinstance(node, Num):
        return
    yield from _function_added(node)
    yield from _reduced(case, node)
    if isinstance(node, Sym):
        yield from _value_or_gradient(case, node)
        yield from _of_its_family(case, node, node)
        yield from _behind(case, node)
        return
    if node.name == "transpose" and isinstance(node.args[0], Sym):
        yield from _of_its_family(case, node, node.args[0])
    yield from _other_function(case, node)
    yield from _brackets(node)
    yield from _operator(node)
    yield from _of_sums(case, node)
    yield from (("term-left-out", part) for part in largest_lost(case, node))
    yield from windows_otherwise(case, node)
    if node.name == "pow" and isinstance(node.args[1], Num):
        for exponent in (node.args[1].value + 1, node.args[1].value - 1):
            yield "power-left-out", op("pow", node.args[0], num(exponent))
    for name, values in _CONSTANTS.items():
        if node.option(name) is not None:
            for value in values:
                options = {**dict(node.options), name: value}
                yield "wrong-constant", op(node.name, *node.args, **options)


# Signs of a line ---------------------------------------------------------------------------------


def _brackets(node: Op) -> Iterator[Change]:
    """(a − b)/m written a − b/m, g(1 − h) written g·1 − h, √(v + ε) written √v + ε; the reverse.

    What acted on a whole sum acts on one term of it, on either side of the brackets. Of a sigmoid
    written out, 1/(1 + e⁻ᶻ), 1/1 + e⁻ᶻ is left.
    """
    if node.name == "sigmoid":
        yield "brackets-misplaced", op("add", num(1), op("exp", op("neg", *node.args)))
    for place, inner in _sums_within(node):
        first, last = inner.args
        for terms in ((put(node, place, first), last), (first, put(node, place, last))):
            yield "brackets-misplaced", Op(inner.name, terms, inner.options)
    for position, arg in enumerate(node.args):
        if not isinstance(arg, Op) or len(arg.args) != 2:
            continue
        if node.name in _SUMS and arg.name in _FACTORS:  # what acted on a term acts on the sum
            moved = put(node, (position,), arg.args[1 - position])
            yield "brackets-misplaced", put(arg, (1 - position,), moved)
    if node.name in _SUMS:
        yield from _of_all_terms(node)


def _of_all_terms(node: Op) -> Iterator[Change]:
    """p·(y·a + b) for (p·y)·a + b: one of several factors of a term, as one of the whole sum."""
    for position, arg in enumerate(node.args):
        parts = list(factors(arg))
        for k, factor in enumerate(parts if len(parts) > 2 else ()):
            rest = reduce(partial(op, "mul"), (*parts[:k], *parts[k + 1 :]))
            yield "brackets-misplaced", op("mul", factor, put(node, (position,), rest))


def _sums_within(node: Op, place: Place = ()) -> Iterator[tuple[Place, Op]]:
    """The sums on which a node acts as a whole, itself or by what stands between them."""
    for position, arg in enumerate(node.args):
        acts = node.name in _FACTORS or len(node.args) == 1 or (node.name, position) == ("pow", 0)
        if not acts or not isinstance(arg, Op) or len(place) >= _DEEPEST:
            continue
        if arg.name in _SUMS:
            yield (*place, position), arg
        else:
            yield from _sums_within(arg, (*place, position))


def _operator(node: Op) -> Iterator[Change]:
    """One of + − · / for another; < for >."""
    if node.name == "switch":
        sides = {"below": node.option("above", 1), "above": node.option("below", 0)}
        yield "operator-exchanged", op("switch", *node.args, **{**dict(node.options), **sides})
    if node.name in _SUMS | _FACTORS:
        for name in sorted((_SUMS | _FACTORS) - {node.name}):
            if {name, node.name} != _SUMS:  # that is a sign, and is tried as one
                yield "operator-exchanged", op(name, *node.args)


def _function_added(node: Expr) -> Iterator[Change]:
    """A square, a root, a reciprocal, the size, the sign or an activation of what is right."""
    for power in (2, "1/2", -1, -2, "-1/2"):
        yield "function-added", op("pow", node, num(power))
    for name in ("abs", "sign", *CONFUSED):
        yield "function-added", op(name, node)


def _other_function(case: Case, node: Op) -> Iterator[Change]:
    """Any other function; in a slope also x for σ(x), and σ(−x)."""
    if node.name not in ACTIVATIONS or node.name == "softmax":
        return
    (inner,), slip, others = node.args, "wrong-activation", ACTIVATIONS - {node.name, "softmax"}
    if not is_forward(case):
        slip, others = "wrong-activation-derivative", others - {"sign", "step"}  # no slope at all
        yield slip, inner
        yield "term-sign-flipped", Op(node.name, (op("neg", inner),), node.options)
    for name in sorted(others):
        yield slip, op(name, inner)
    if node.name != "leaky_relu":
        yield from ((slip, op("leaky_relu", inner, slope=slope)) for slope in _CONSTANTS["slope"])


# Sums --------------------------------------------------------------------------------------------


def _reduced(case: Case, node: Expr) -> Iterator[Change]:
    """The sum or the mean over all entries, or over one axis, in the place of each entry."""
    shape = case.shape(node)
    if not shape:
        return
    keeping: list[dict[str, int]] = [{}]
    if len(shape) == 2:
        keeping += [{"axis": axis, "keep": 1} for axis in (0, 1) if shape[axis] != 1]
    empty = op("mul", num(0), node)
    for options in keeping:
        for name in ("sum", "mean"):
            yield "summed-too-early", op("add", empty, op(name, node, **options))


def _of_sums(case: Case, node: Op) -> Iterator[Change]:
    """The mean for the sum; Σa·Σb for Σab; f(Σx) for Σf(x), and (Σx)² for Σx²."""
    if node.name == "sum":
        yield "mean-sum-confused", op("mean", *node.args, **dict(node.options))
    axis, shape = node.option("axis"), case.shape(node)
    if node.name == "softmax" and axis is not None and shape is not None and len(shape) == 2:
        moved = op("sub", *node.args, op("max", *node.args, axis=1 - int(str(axis)), keep=1))
        yield "wrong-axis", Op(node.name, (moved,), node.options)
    if node.name not in ("sum", "mean"):
        return
    (inner,), options = node.args, dict(node.options)
    if not isinstance(inner, Op):
        return
    if inner.name == "mul":
        parts = (op(node.name, arg, **options) for arg in inner.args)
        yield "summed-too-early", op("mul", *parts)
        return
    argument, *rest = inner.args
    if all(isinstance(one, Num) for one in rest) and case.shape(inner) == case.shape(argument):
        within = op(node.name, argument, **options)
        yield "summed-too-early", Op(inner.name, (within, *rest), inner.options)


# Quantities --------------------------------------------------------------------------------------


def _value_or_gradient(case: Case, node: Sym) -> Iterator[Change]:
    """W where dW belongs, or the reverse; a constant of the method for another."""
    gradient, shape = case.model.gradient(node.name), case.shape(node)
    found = quantity(node.name)
    others = [gradient, *([found.by, *_users(case, found.by)] if found.by else [])]
    if shape == () and node.name not in case.steps:
        others += [name for name in case.sizes.names if name not in case.steps]  # β₂ for β₁
    for other in dict.fromkeys(others):
        if other != node.name and _has(case, other, shape):
            yield "wrong-operand", Sym(other)


def _of_its_family(case: Case, node: Expr, named: Sym) -> Iterator[Change]:
    """c for c0, W1 for W2 or W2ᵀ: what has that name with another number, or none, and fits."""
    stem, shape = named.name.rstrip(_NUMBER), case.shape(node)
    for other in case.sizes.names:
        if other != named.name and other.rstrip(_NUMBER) == stem and _has(case, other, shape):
            yield "wrong-operand", Sym(other)


def _users(case: Case, name: str) -> Iterator[str]:
    """What is computed of one quantity alone: p of z."""
    for user, expr in case.model.definitions.items():
        if isinstance(expr, Op) and expr.args == (Sym(name),):
            yield user


def _behind(case: Case, node: Sym) -> Iterator[Change]:
    """What a quantity is made of in its place: x − μ for (x − μ)/s, ln p for p, z flat for h."""
    match case.model.definitions.get(node.name):
        case Op("div", (top, _)):
            yield "normalisation-left-out", top
        case Op("mul", (left, right)):
            yield from (("factor-left-out", part) for part in (left, right))
        case Op("add" | "sub", (left, right)):
            yield from (("term-left-out", part) for part in (left, right, op("neg", right)))
        case Op("softmax" | "sigmoid" | "exp"):
            yield "function-added", op("log", node)
        case Op("flat" | "flatten" | "reshape" as name, (Sym(inner),), options):
            shape = case.sizes.names.get(inner)
            for other in case.sizes.names:
                if other != inner and _has(case, other, shape):
                    yield "wrong-operand", Op(name, (Sym(other),), options)


def _has(case: Case, name: str, shape: Shape | None) -> bool:
    """Whether there is a quantity of that name, in that shape."""
    known = name in case.steps or not quantity(name).by
    return known and case.sizes.names.get(name) == shape


def _exchanged(case: Case) -> Iterator[Change]:
    """Two quantities of one shape, each in the place of the other."""
    known = [name for name in symbols(case.expr) if name in case.sizes.names]
    yield from (("wrong-operand", swapped) for _, _, swapped in exchanged(case, known))


def _other_targets(case: Case) -> Iterator[Change]:
    """1 taken off everywhere, and not where the class is; added there, or put there."""
    for _, target in case.compared:
        for place, node in places(case.expr):
            if node == Sym(target):
                ones = op("add", op("mul", num(0), node), num(1))
                yield "wrong-target", put(case.expr, place, ones)
            elif isinstance(node, Op) and node.name == "sub" and node.args[1] == Sym(target):
                output, y = node.args
                others = op("mul", output, op("sub", num(1), y))
                yield "gradient-overwritten", put(case.expr, place, op("sub", others, y))
                yield "term-sign-flipped", put(case.expr, place, op("add", output, y))


def _other_losses(case: Case) -> Iterator[Change]:
    """The gradient of another loss, behind the same output."""
    target = dict(case.compared).get(case.by or "")
    if target is None or case.by is None:
        return
    prediction, shape = Sym(case.by), case.shape(Sym(case.by)) or ()
    setting = Setting(axis=None if len(shape) < 2 else 1 - (case.model.sample_axis or 0))
    for loss in LOSSES.values():
        value = loss.build(prediction, Sym(target), setting, loss.options)
        found = [g for name, g in shares(value, build.ONE, value, case.rules) if name == case.by]
        if found:
            gradient = added(found)
            for count in (1, *sorted(case.counts)):
                yield "other-loss", op("div", gradient, num(count))


# Loops -------------------------------------------------------------------------------------------


def _in_a_loop(case: Case) -> Iterator[Change]:
    """The same thing gone wrong in every term of a sum, as in the body of a loop."""
    parts = list(addends(case.expr))
    if not 2 <= len(parts) <= _MOST_TERMS:
        return
    for place, node in places(parts[0]):
        nodes = [part_at(part, place) for part in parts]
        if all(isinstance(one, Op) and one.name == _name(node) for one in nodes):
            yield from _alike(parts, place, [list(of_node(case, place, one)) for one in nodes])  # type: ignore[arg-type]
        elif all(isinstance(one, Sym) for one in nodes):
            for names in _taken_at_each(case, parts, [one.name for one in nodes]):  # type: ignore[union-attr]
                changed = [("wrong-operand", Sym(name)) for name in names]
                yield from _alike(parts, place, [[one] for one in changed])


def _name(node: Expr) -> str:
    return node.name if isinstance(node, Op) else ""


def _alike(
    parts: Sequence[Expr], place: Place, changed: Sequence[Sequence[Change]]
) -> Iterator[Change]:
    """The sum with the k-th change made in all of its terms, where all have it."""
    for made in zip(*changed, strict=False):
        if len({slip for slip, _ in made}) == 1:
            yield (
                made[0][0],
                added([put(part, place, new) for part, (_, new) in zip(parts, made, strict=True)]),
            )


def _taken_at_each(
    case: Case, parts: Sequence[Expr], usual: Sequence[str]
) -> Iterator[Sequence[str]]:
    """What stands in the place of a quantity in each step: another of that step, or one for all."""
    for one in dict.fromkeys(usual):
        yield [one] * len(parts)
    steps = [_step(part) for part in parts]
    if None in steps or len(set(steps)) < len(steps):
        return
    families = dict.fromkeys(found[0] for name in case.sizes.names if (found := step_of(name)))
    shape = case.sizes.names.get(usual[0])
    for family in families:
        for by in (0, 1, -1):
            names = [at_step(family, int(str(step)) + by) for step in steps]
            there = [_has(case, name, shape) for name in names]
            if sum(there) >= len(there) - 1 and any(there):  # the first step has none before it
                kept = zip(names, there, usual, strict=True)
                yield [name if known else own for name, known, own in kept]


def _step(part: Expr) -> int | None:
    """The step in time that a term belongs to: that of the gradient in it."""
    found = (step_of(name) for name in symbols(part) if quantity(name).by)
    return next((one[1] for one in found if one), None)
