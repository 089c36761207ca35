"""A formula to one of the same value that keeps the digits which the plain one would lose.

ln ŷ and 1 - ŷ of a softmax or sigmoid are taken from its argument, since ŷ itself has been rounded
to 0 or 1 where they matter most. Three of the operations are used nowhere else and have no entry
in the table: `xtimes`, `softmax_share` and `softmax_jacobian`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.build import ONE
from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Option,
    Sym,
    fold,
    num,
    op,
    rewrite,
    substitute,
    symbols,
    unfold,
    walk,
)
from backprop_cli.algebra.shapes import Shape
from backprop_cli.calculus.differentiate import Backward, Equations, added_up, needed, shares
from backprop_cli.errors import Complaint, UserError
from backprop_cli.operations.arithmetic import xtimes
from backprop_cli.operations.record import Array, Rules, Value
from backprop_cli.operations.table import Sizes, in_placeholders, operation

Definitions: TypeAlias = Mapping[str, Expr]
Rule: TypeAlias = Callable[[Op, Definitions], "Op | None"]

_TWO = num(2)
_NEAR_ONE = 0.5  # of outputs that add up to 1, at most one is larger


def careful(expr: Expr, definitions: Definitions) -> Expr:
    """The formula with everything in it written so that no digits are lost.

    `definitions` are the equations behind the names.
    """

    if not any(map(_may_lose, walk(expr))):
        return expr

    def rule(node: Op) -> Op | None:
        known = _RULES.get(node.name)
        return None if known is None else known(node, definitions)

    return unfold(expr, rule)


def _may_lose(node: Expr) -> bool:
    """Whether one of the rules may have to do with a node, told from the node alone."""
    if not isinstance(node, Op) or node.name not in _RULES:
        return False
    if node.name == "sub":
        first = node.args[0]
        return isinstance(first, Num) or (isinstance(first, Op) and first.name == "diag")
    if node.name == "mul":
        second = node.args[1]
        return isinstance(second, Op) and second.name == "sub"
    return True


def function_of(node: Op) -> Value:
    """What computes the values of a node's operation."""
    return _VALUES.get(node.name) or operation(node).value or _by_definition(node)


def _by_definition(node: Op) -> Value:
    """The value of what the operation is in others."""

    def value(*args: Array, **_: object) -> Array:
        form, names = _computed(node.name, node.options, tuple(np.shape(arg) for arg in args))
        return as_it_stands(form, dict(zip(names, args, strict=True)))

    return value


def as_it_stands(expr: Expr, values: Mapping[str, Array]) -> Array:
    """The value of a formula just as it is written, whatever digits that costs."""

    def leaf(one: Sym | Num) -> Array:
        return np.asarray(values[one.name] if isinstance(one, Sym) else float(one.value))

    return fold(expr, leaf, applied)


@lru_cache(maxsize=256)
def _computed(
    name: str, options: tuple[tuple[str, Option], ...], shapes: tuple[Shape, ...]
) -> tuple[Expr, tuple[str, ...]]:
    """What an operation is in others, without loss of digits, and the names of its arguments."""
    found = in_placeholders(Op(name, (), options), shapes)
    if found is None:
        raise NoValueError(name)
    return careful(found[0], {}), tuple(found[1].names)


def applied(node: Op, args: Sequence[Array]) -> Array:
    """The value of a node whose arguments have these."""
    return np.asarray(function_of(node)(*args, **dict(node.options)), dtype=float)


class NoValueError(UserError):
    """An operation with neither a value nor a definition, by its name."""

    def __init__(self, name: str) -> None:
        instead = "two axes at most, and sizes that are numbers"
        super().__init__(Complaint(f"{name} has no value here", instead=instead))


def _defined(expr: Expr, definitions: Definitions) -> Op | None:
    """The operation that gives `expr`, looked up where `expr` is a name."""
    found = definitions.get(expr.name) if isinstance(expr, Sym) else expr
    return found if isinstance(found, Op) else None


def _is_softmax(expr: Expr, definitions: Definitions) -> bool:
    node = _defined(expr, definitions)
    return node is not None and node.name == "softmax"


def _along(name: str, node: Op, *args: Expr) -> Op:
    """An operation along the axis that `node` names."""
    return op(name, *args, axis=node.option("axis"))


def logarithm(expr: Expr, definitions: Definitions) -> Expr | None:
    """ln of a softmax, a sigmoid, an exponential, a sum of such, or 1 minus or plus one."""
    match _defined(expr, definitions):
        case Op("softmax", (z,)) as node:
            return _along("log_softmax", node, z)
        case Op("sigmoid", (z,)):
            return op("neg", op("softplus", op("neg", z)))
        case Op("exp", (z,)):
            return z
        case Op("sub", (one, q)) if one == ONE:
            return _logarithm_of_complement(q, definitions)
        case Op("add", (left, right)) if ONE in (left, right):
            other = right if left == ONE else left
            return _of_exponential("softplus", other, definitions)
        case Op("sum", (q,)) as node if not node.option("keep"):
            found = _of_exponential("logsumexp", q, definitions)
            return None if found is None else _along("logsumexp", node, *found.args)
    return None


def _of_exponential(name: str, expr: Expr, definitions: Definitions) -> Op | None:
    """An operation on z, where the expression is e^z."""
    match _defined(expr, definitions):
        case Op("exp", (z,)):
            return op(name, z)
    return None


def _logarithm_of_complement(expr: Expr, definitions: Definitions) -> Op | None:
    """ln(1 - q) for a sigmoid or softmax q."""
    match _defined(expr, definitions):
        case Op("sigmoid", (z,)):
            return op("neg", op("softplus", z))
        case Op("softmax", (z,)) as node:
            return _along("log_others", node, z)
    return None


def _complement(expr: Expr, definitions: Definitions) -> Op | None:
    """1 - q for a sigmoid or softmax q, or the square of a tanh."""
    match _defined(expr, definitions):
        case Op("sigmoid", (z,)):
            return op("sigmoid", op("neg", z))
        case Op("softmax", (z,)) as node:
            return op("exp", _along("log_others", node, z))
        case Op("pow", (base, exponent)) if exponent == _TWO:
            match _defined(base, definitions):
                case Op("tanh", (z,)):
                    u = op("mul", _TWO, z)
                    return op(
                        "mul", op("mul", num(4), op("sigmoid", u)), op("sigmoid", op("neg", u))
                    )
    return None


def _log(node: Op, definitions: Definitions) -> Op | None:
    found = logarithm(node.args[0], definitions)
    return found if found is None or isinstance(found, Op) else op("identity", found)


def _xlogy(node: Op, definitions: Definitions) -> Op | None:
    found = logarithm(node.args[1], definitions)
    return None if found is None else op("xtimes", node.args[0], found)


def _sub(node: Op, definitions: Definitions) -> Op | None:
    """1 - q, and a softmax's Jacobian, whose diagonal is p (1 - p)."""
    match node.args:
        case (Num(), inner) if node.args[0] == ONE:
            return _complement(inner, definitions)
        case (Op("diag", (p,)) as diagonal, Op("outer", (first, second)) as square):
            if p == first == second and _is_softmax(p, definitions):
                slopes = op("mul", p, op("sub", ONE, p))
                return op("softmax_jacobian", Op("diag", (slopes,), diagonal.options), square)
    return None


def _mul(node: Op, definitions: Definitions) -> Op | None:
    """p (g - Σ p g) for a softmax p: where p is nearly 1, g and the sum are nearly the same."""
    match node.args:
        case (p, Op("sub", (g, Op("sum", (Op("mul", (p_again, g_again)),)) as total))):
            if (p, g) == (p_again, g_again) and _is_softmax(p, definitions):
                complement = _complement(p, definitions)
                assert complement is not None
                return _along("softmax_share", total, p, g, complement)
    return None


def _softmax_share(p: Array, g: Array, complement: Array, axis: int | None = None) -> Array:
    """p (g (1 - p) - Σ of the other p g), each sum formed so that nothing cancels."""
    weighted = p * g
    near_one = p > _NEAR_ONE
    rest = np.sum(np.where(near_one, 0.0, weighted), axis=axis, keepdims=True)
    whole = np.sum(weighted, axis=axis, keepdims=True)
    others = np.where(near_one, rest, whole - weighted)
    return np.asarray(p * (g * complement - others))


def _softmax_jacobian(on_diagonal: Array, products: Array) -> Array:
    """One array on the diagonal, the other with its sign changed beside it."""
    return np.where(np.eye(products.shape[-1], dtype=bool), on_diagonal, -products)


_RULES: Mapping[str, Rule] = MappingProxyType(
    {"log": _log, "xlogy": _xlogy, "sub": _sub, "mul": _mul}
)
_VALUES: Mapping[str, Any] = MappingProxyType(
    {
        "identity": lambda x: x,
        "xtimes": xtimes,
        "softmax_share": _softmax_share,
        "softmax_jacobian": _softmax_jacobian,
    }
)


_LOGITS = Sym("the logits")  # no id has a space in it


def in_logits(expr: Expr, definitions: Equations) -> Expr:
    """`expr` with ln softmax(z), ln σ(z), ln eᶻ and ln(1 - …) of the first two written in z.

    `definitions` say what stands behind names; they take the place of those names.
    """

    def rule(node: Expr) -> Expr | None:
        match node:
            case Op("log", (inner,)):
                found = logarithm(inner, definitions)
                return None if found is None else _signs(found)
            case Op("xlogy", (y, inner)):
                found = logarithm(inner, definitions)
                return None if found is None else op("mul", y, _signs(found))
        return None

    return substitute(rewrite(expr, rule), definitions)


def _signs(expr: Expr) -> Expr:
    """The formula with -(-z) written as z."""

    def node(one: Op, args: list[Expr]) -> Expr:
        return build.neg(args[0]) if one.name == "neg" else Op(one.name, tuple(args), one.options)

    return fold(expr, lambda leaf: leaf, node)


def through_logits(output: str, backward: Backward, sizes: Sizes) -> dict[str, Expr] | None:
    """What each name behind the output of a softmax, sigmoid or exp gets, formed in logits.

    None where no equation takes the logarithm of that output.
    """
    equations = backward.equations
    definition = equations[output]
    users = _users(output, equations, backward.seeds)
    if not isinstance(definition, Op) or output in backward.seeds or not users:
        return None
    (inner,) = definition.args
    outside = Op(definition.name, (_LOGITS,), definition.options)
    written = {user: in_logits(equations[user], {output: outside}) for user in users}
    if all(written[user] == substitute(equations[user], {output: outside}) for user in users):
        return None
    known = Sizes({**sizes.names, _LOGITS.name: sizes.shape(inner)}, sizes.kinks)
    total = _total(replace(backward, equations=written), known)
    tidied = substitute(_tidy(total, outside, output), {_LOGITS.name: inner})
    return added_up(inner, tidied, inner, sizes)


def _users(output: str, equations: Equations, seeds: Collection[str]) -> list[str]:
    """The equations that use `output` and that a gradient reaches."""
    reached = needed(equations, seeds)
    return [name for name, expr in equations.items() if name in reached and output in symbols(expr)]


def _total(backward: Backward, rules: Rules) -> Expr:
    parts = []
    for user, expr in backward.equations.items():
        g = build.ONE if user in backward.silent else Sym(backward.name(user))
        parts += [
            share for name, share in shares(expr, g, Sym(user), rules) if name == _LOGITS.name
        ]
    return build.sum_of(parts)


def _tidy(expr: Expr, outside: Op, output: str) -> Expr:
    """The output by its name, and σ(-z) as 1 - σ(z)."""

    def rule(node: Expr) -> Expr | None:
        if node == outside:
            return Sym(output)
        if outside.name == "sigmoid" and node == op("sigmoid", op("neg", _LOGITS)):
            return build.sub(build.ONE, Sym(output))
        return None

    return rewrite(expr, rule)
