"""A function in a line of code to what stands in its place, or is left of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, addends, num, op, places, put
from backprop_cli.grading.slips.case import ACTIVATIONS, CONFUSED, Case, added
from backprop_cli.grading.slips.formula_parts import Change, of_node
from backprop_cli.grading.slips.forward import is_forward
from backprop_cli.operations.table import TABLE

_CONSTANTS: Final = {"slope": (0.01, 0.1, 0.2, 0.3), "alpha": (0.1, 1), "delta": (0.5, 1, 2)}
"""What people take for a constant of a function, where it is another."""


def of_function(case: Case, node: Expr) -> Iterator[Change]:
    """What a part of a line becomes where a function is too much there, or missing, or another."""
    yield from _added(node)
    if isinstance(node, Op):
        yield from _left_out(node)
        yield from _another(case, node)
        yield from _other_power(node)
        yield from _other_constants(node)
        yield from _of_its_pieces(case, node)
        yield from _argument_moved(case, node)
        yield from _on_one_side(node)
        yield from _of_largest(node)
        yield from _of_softmax(node)


def _added(node: Expr) -> Iterator[Change]:
    """A square, a root, a reciprocal, the size, the sign or an activation of what is right."""
    for power in (2, "1/2", -1, -2, "-1/2"):
        yield "function-added", op("pow", node, num(power))
    for name in ("abs", "sign", *CONFUSED):
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
            options = {**dict(node.options), name: value}
            yield "wrong-constant", op(node.name, *node.args, **options)


_OTHER_ZEROS: Final = (1, -1, "1/10", "1/100")


def _of_its_pieces(case: Case, node: Op) -> Iterator[Change]:
    """What a function is made of, with one thing wrong in it: eᶻ for eᶻ − 1 in an ELU."""
    definition = TABLE[node.name].definition if _is_function(node) else None
    whole = definition(node, case.rules) if definition and is_forward(case) else None
    if whole is None:
        return
    if node.name == "relu":
        for zero in _OTHER_ZEROS:
            yield "wrong-constant", op("maximum", node.args[0], num(zero))
    for place, part in places(whole):
        if isinstance(part, Op):
            yield from ((slip, put(whole, place, new)) for slip, new in of_node(case, place, part))
        if isinstance(part, Op) and part.name == "choose":
            sign, above, below = part.args
            yield "operator-exchanged", put(whole, place, op("choose", sign, below, above))


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
    if node.name in ("max", "min"):
        for name in ("max", "min", "mean", "sum"):
            if name != node.name:
                yield "wrong-activation", Op(name, node.args, node.options)


def _of_softmax(node: Op) -> Iterator[Change]:
    """Powers divided by the power of the sum, and by the largest of them."""
    if node.name == "softmax":
        (z,), along = node.args, node.option("axis")
        kept = {} if along is None else {"axis": along, "keep": 1}
        less = op("sub", z, op("max", z, **kept))
        yield "function-left-out", op("div", op("exp", less), build.sum_along(less, along))
        for total in (op("exp", build.sum_along(z, along)), op("max", op("exp", z), **kept)):
            yield "summed-too-early", op("div", op("exp", z), total)


def _times(factor: object, z: Expr) -> Expr:
    return op("mul", num(str(factor)), z)
