"""A function in a line of code to what stands in its place, or is left of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Sym,
    addends,
    num,
    op,
    places,
    put,
    rewrite,
    substitute,
    symbols,
    walk,
)
from backprop_cli.algebra.quantity import quantity
from backprop_cli.calculus.differentiate import shares
from backprop_cli.grading.slips.case import ACTIVATIONS, CONFUSED, Case, added, sizes_in, users_of
from backprop_cli.grading.slips.formula_parts import Change, of_node
from backprop_cli.grading.slips.forward import is_forward
from backprop_cli.grading.slips.program_brackets import brackets
from backprop_cli.grading.slips.program_pieces import as_a_choice
from backprop_cli.operations.losses import LOSSES, Setting
from backprop_cli.operations.table import TABLE

_CONSTANTS: Final = {
    "slope": (0.01, 0.1, 0.2, 0.3),
    "alpha": (0.1, 1),
    "delta": (0.5, 1, 2),
    "limit": (0.5, 1, 2, 5),
}
"""What people take for a constant of a function, where it is another."""


def of_function(case: Case, node: Expr) -> Iterator[Change]:
    """What a part of a line becomes where a function is too much there, or missing, or another."""
    yield from _added(case, node)
    if isinstance(node, Op):
        yield from _left_out(node)
        yield from _another(case, node)
        yield from _other_power(node)
        yield from _other_constants(node)
        yield from _other_sides(node)
        yield from _of_sign(node)
        yield from _of_its_pieces(case, node)
        yield from _of_a_choice(case, node)
        yield from _argument_moved(case, node)
        yield from _on_one_side(node)
        yield from _of_largest(node)
        yield from _of_softmax(node)
        if node.name == "exp":
            yield "wrong-activation", op("pow", node.args[0], num(2))


def _added(case: Case, node: Expr) -> Iterator[Change]:
    """A square, a root, a reciprocal, the size, the sign or an activation of what is right.

    Of a constant nobody takes the sign: that would be 1.
    """
    for power in (2, "1/2", -1, -2, "-1/2"):
        yield "function-added", op("pow", node, num(power))
    is_constant = isinstance(node, Sym) and case.shape(node) == () and node.name not in case.steps
    for name in () if is_constant else ("abs", "sign", "switch", "exp", *CONFUSED):
        yield "function-added", op(name, node)


def _left_out(node: Op) -> Iterator[Change]:
    """p for ln p; of an activation that is said otherwise."""
    if _is_function(node) and node.name not in ACTIVATIONS:
        yield "function-left-out", node.args[0]


def _is_function(node: Expr) -> bool:
    """Whether something is a function of one argument, entry by entry."""
    if not isinstance(node, Op) or len(node.args) != 1 or node.name == "neg":
        return False
    return node.name in TABLE and TABLE[node.name].elementwise


def _another(case: Case, node: Op) -> Iterator[Change]:
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
    if is_forward(case) and len(case.shape(inner) or ()) == 2:
        powers = op("exp", op("sub", inner, op("max", inner)))
        yield slip, op("div", powers, op("sum", powers))  # e / e.sum()
    if node.name == "sigmoid" and is_forward(case):  # of a GELU, where it is about that
        yield slip, op("sigmoid", op("mul", num("1.702"), inner))
    if node.name != "leaky_relu":
        yield from ((slip, op("leaky_relu", inner, slope=slope)) for slope in _CONSTANTS["slope"])


def _other_power(node: Op) -> Iterator[Change]:
    if node.name == "pow" and isinstance(node.args[1], Num):
        for exponent in (node.args[1].value + 1, node.args[1].value - 1):
            yield "power-left-out", op("pow", node.args[0], num(exponent))


def _other_constants(node: Op) -> Iterator[Change]:
    """0.01 where a slope is 0.1, and the point in another place."""
    for name, values in _CONSTANTS.items():
        own = node.option(name)
        moved = (own * 10, own / 10) if isinstance(own, int | float) else ()
        for value in (*values, *moved) if own is not None else ():
            yield "wrong-constant", node.with_options(**{name: value})


def _other_sides(node: Op) -> Iterator[Change]:
    """Of a slope below 0 the opposite, its reciprocal, a tenth of it, ten times as much."""
    below = node.option("below", 0)
    if node.name == "switch" and isinstance(below, int | float) and below:
        for value in (-below, 1 / below, below / 10, below * 10):
            yield "wrong-constant", node.with_options(below=value)


def _of_sign(node: Op) -> Iterator[Change]:
    """|w|, w or w² for the sign of w, max(z, 0) for [z > 0]: what is summed up for its slope."""
    if node.name == "switch":
        yield "relu-derivative-wrong", op("relu", *node.args)
    if node.name == "switch" and (node.option("below", 0), node.option("above", 1)) == (-1, 1):
        (w,) = node.args
        for other in (op("abs", w), w, op("pow", w, num(2)), op("switch", w)):
            yield "wrong-activation-derivative", other


_OTHER_ZEROS: Final = (1, -1, "1/10", "1/100")


def _of_its_pieces(case: Case, node: Op) -> Iterator[Change]:
    """What a function is made of, with one thing wrong in it: eᶻ for eᶻ − 1 in an ELU."""
    whole = _in_pieces(case, node)
    if whole is None:
        return
    if node.name == "relu":
        for zero in _OTHER_ZEROS:
            yield "wrong-constant", op("maximum", node.args[0], num(zero))
    for place, part in places(whole):
        for changes in (partial(of_node, case, place), partial(brackets, case), _left_out):
            made = changes(part) if isinstance(part, Op) else ()
            yield from ((slip, put(whole, place, new)) for slip, new in made)
        if isinstance(part, Op) and part.name == "choose":
            sign, above, below = part.args
            yield "operator-exchanged", put(whole, place, op("choose", sign, below, above))


def _in_pieces(case: Case, node: Op) -> Expr | None:
    """A function as a program without it has it; of a slope only what is cut off on both sides."""
    if node.name == "clip":
        (x,), limit = node.args, num(str(node.option("limit", 1)))
        beyond = op("mul", limit, op("sign", x))
        return op("choose", op("sub", op("abs", x), limit), beyond, x)
    if is_forward(case) and (choice := as_a_choice(node)) is not None:
        return choice
    definition = TABLE[node.name].definition if _is_function(node) else None
    return definition(node, case.rules) if definition and is_forward(case) else None


def _of_a_choice(case: Case, node: Op) -> Iterator[Change]:
    """A slope on two sides: z for 1 on one of them, and the gradient that says which it is."""
    choice = node if node.name == "choose" else as_a_choice(node)
    if choice is None or is_forward(case):
        return
    z, *sides = choice.args
    for position, side in enumerate(sides, 1):
        for other in (z, num(0), num(1), build.mul(side, z)):
            if isinstance(side, (Num, Sym)) and other != side:
                yield "wrong-activation-derivative", put(choice, (position,), other)
    for g in sorted(case.upstreams):
        if case.sizes.names.get(g) == case.shape(z):
            yield "mask-from-gradient", put(choice, (0,), Sym(g))


def _argument_moved(case: Case, node: Op) -> Iterator[Change]:
    """f(ab) for f(a)·b, and f(a) + b for f(a + b) where the sum has a name of its own."""
    for one, other in (node.args, node.args[::-1]) if node.name == "mul" else ():
        if isinstance(one, Op) and one.name == "matmul":  # W.T @ (δσ′) for (W.T @ δ)σ′
            for position, arg in enumerate(one.args):
                if case.shape(arg) == case.shape(other):
                    moved = put(one, (position,), op("mul", arg, other))
                    yield "brackets-misplaced", moved
        if isinstance(one, Op) and _is_function(one):
            yield "brackets-misplaced", Op(one.name, (op("mul", *one.args, other),), one.options)
        if isinstance(one, Op) and one.name == "pow":  # (kg)² for kg²
            yield "brackets-misplaced", put(one, (0,), op("mul", one.args[0], other))
    if _is_function(node) and isinstance(node.args[0], Sym):
        terms = list(addends(case.model.definitions.get(node.args[0].name, num(0))))
        for k, term in enumerate(terms if len(terms) > 1 else ()):
            rest = added([*terms[:k], *terms[k + 1 :]])
            yield "brackets-misplaced", op("add", Op(node.name, (rest,), node.options), term)
            yield "brackets-misplaced", op("add", Op(node.name, (term,), node.options), rest)


def _on_one_side(node: Op) -> Iterator[Change]:
    """The slope itself where the gradient times the slope belongs, or z times it: dz[z < 0] = α."""
    for g, slope in (node.args, node.args[::-1]) if node.name == "mul" else ():
        match slope:
            case Op("switch", (z,)) if below := slope.option("below", 0):
                yield "upstream-left-out", op("choose", z, g, num(str(below)))
                yield "wrong-operand", op("choose", z, g, _times(below, z))
                yield (
                    "wrong-activation-derivative",
                    op("mul", g, op("choose", z, num(1), _times(below, z))),
                )
            case Op("switch", (z,)):
                yield "relu-derivative-wrong", op("choose", z, g, num(1))


def _of_largest(node: Op) -> Iterator[Change]:
    """The smallest, or the mean, for the largest."""
    if node.name in ("maximum", "minimum"):
        other = "minimum" if node.name == "maximum" else "maximum"
        yield "wrong-activation", Op(other, node.args, node.options)
        yield from (("function-left-out", arg) for arg in node.args if not isinstance(arg, Num))
    if node.name in ("max", "min"):
        for name in ("max", "min", "mean", "sum"):
            if name != node.name:
                yield "wrong-activation", Op(name, node.args, node.options)


def _of_softmax(node: Op) -> Iterator[Change]:
    """Powers divided by the power of the sum, and by the largest of them."""
    if node.name == "softmax":
        (z,), along = node.args, node.axis
        kept = {} if along is None else {"axis": along, "keep": 1}
        less = op("sub", z, op("max", z, **kept))
        yield "function-left-out", op("div", op("exp", less), build.sum_along(less, along))
        for total in (op("exp", build.sum_along(z, along)), op("max", op("exp", z), **kept)):
            yield "summed-too-early", op("div", op("exp", z), total)


def _times(factor: object, z: Expr) -> Expr:
    return op("mul", num(str(factor)), z)


_MOST_SQUARE: Final = 4


def other_losses(case: Case) -> Iterator[Change]:
    """Another loss, and the gradient of one, behind the same output."""
    if case.step.shape == ():
        for prediction, y in case.compared if case.step.phase == "forward" else ():
            if prediction in case.followers:  # it is itself compared, or comes before what is
                continue
            for value in _losses(case, prediction, y):
                for count in sorted({1, *case.counts, *sizes_in(case, Sym(prediction))}):
                    yield "other-loss", op("div", value, num(count))
        return
    target = dict(case.compared).get(case.by)
    if target is None:
        return
    for value in _losses(case, case.by, target):
        found = [g for name, g in shares(value, build.ONE, value, case.rules) if name == case.by]
        if found:
            gradient = added(found)
            for count in (1, *sorted(case.counts)):
                yield "other-loss", op("div", gradient, num(count))


def others_penalties(case: Case) -> Iterator[Change]:
    """The penalty of another parameter on this one, too: λb added to the gradient of a bias."""
    for other in case.model.trained if case.by in case.model.trained else ():
        step = case.steps.get(case.model.gradient(other))
        for term in addends(step.expr) if step is not None and other != case.by else ():
            names = {name for name in symbols(term) if case.sizes.names.get(name) != ()}
            if names == {other}:
                own = substitute(rewrite(term, _alone), {other: Sym(case.by)})
                yield "term-added", op("add", case.expr, own)


def _alone(node: Expr) -> Expr | None:
    """Weights without what stands around them where their biases are among them."""
    if isinstance(node, Op) and node.name in ("prepend", "append"):
        return rewrite(node.args[0], _with_all)
    return None


def _losses(case: Case, prediction: str, target: str) -> Iterator[Expr]:
    """Every loss of a prediction and its target."""
    shape = case.sizes.names.get(prediction) or ()
    setting = Setting(axis=None if len(shape) < 2 else 1 - (case.model.sample_axis or 0))
    for loss in LOSSES.values():
        yield loss.build(Sym(prediction), Sym(target), setting, loss.options)


def once_more(case: Case, node: Expr) -> Iterator[Change]:
    """A matrix too many: A(AX) for AX, where A is square and stands in a product nearby."""
    shape = case.shape(node)
    if shape is None or len(shape) != 2:
        return
    for name in case.kept("square", lambda: _square_factors(case)):
        for matrix in (Sym(name), op("transpose", Sym(name))):
            for args in ((matrix, node), (node, matrix)):
                if case.shape(op("matmul", *args)) == shape:
                    yield "factor-added", op("matmul", *args)


def sloped_again(case: Case, node: Sym) -> Iterator[Change]:
    """δ ⊙ [z > 0], or δ ⊙ h(1 − h), where δ has all that it needs."""
    z = quantity(node.name).by
    if case.is_gradient(node.name) and z and case.shape(Sym(z)) == case.shape(node):
        for name in dict.fromkeys((z, *users_of(case, z))):
            if case.shape(Sym(name)) == case.shape(node):
                for slope in slopes(Sym(name)):
                    yield "factor-added", op("mul", node, slope)


def slopes(x: Expr) -> Iterator[Expr]:
    """The slopes of ReLU, sigmoid and tanh, at a value or in what the function gave."""
    yield op("switch", x)
    yield op("mul", x, op("sub", num(1), x))
    yield op("sub", num(1), op("pow", x, num(2)))


def _square_factors(case: Case) -> list[str]:
    """The square matrices that something is multiplied by in the model."""
    found: dict[str, None] = {}
    for expr in case.model.definitions.values():
        for part in walk(expr):
            for one in part.args if isinstance(part, Op) and part.name == "matmul" else ():
                shape = case.shape(one) or ()
                if isinstance(one, Sym) and len(shape) == 2 and shape[0] == shape[1]:
                    found[one.name] = None
    return list(found)[:_MOST_SQUARE]


_DROPPED: Final = {"drop_first": "drop_last", "drop_last": "drop_first"}


def of_constants(node: Op) -> Iterator[Change]:
    """Another place for the bias: the last entry for the first, or among the weights."""
    for position, arg in enumerate(node.args):
        if isinstance(arg, Op) and arg.name in _DROPPED and node.name in ("pow", "abs", "square"):
            yield "term-added", put(node, (position,), arg.args[0])
    options = dict(node.options)
    match node:
        case Op("drop_first" | "drop_last" as name, (inner,)):
            yield "wrong-operand", op(_DROPPED[name], inner, **options)
        case Op("prepend" | "append" as name, (inner, Num(0))):
            whole = rewrite(inner, _with_all)
            if whole != inner:
                yield "term-added", whole
                for axis in (0, 1):  # Theta[1:] for Theta[:, 1:]
                    moved = rewrite(inner, partial(_dropped_along, axis))
                    yield "wrong-axis", op(name, moved, num(0), axis=axis)
        case Op("prepend" | "append" as name, (inner, constant)):
            other = "append" if name == "prepend" else "prepend"
            yield "other-order", op(other, inner, constant, **options)
            for function in CONFUSED:
                both = op(function, constant)
                yield "function-added", op(name, inner, both, **options)


def _dropped_along(axis: int, node: Expr) -> Expr | None:
    if isinstance(node, Op) and node.name in _DROPPED:
        return op(node.name, *node.args, axis=axis)
    return None


def _with_all(node: Expr) -> Expr | None:
    """Something with the entry that is left out."""
    if isinstance(node, Op) and node.name in _DROPPED:
        return node.args[0]
    return None
