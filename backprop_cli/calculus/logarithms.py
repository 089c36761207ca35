"""A loss to the same loss in logits: the logarithms of softmax, sigmoid and exp are carried out.

Far from 0 a softmax is 0 in floating point: -y/ŷ is infinite there, its product with the slope 0
has no value, and yet the gradient of the logits is a plain number. Written in logits it is found.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, fold, op, rewrite, substitute, symbols
from backprop_cli.calculus.differentiate import Equations, shares
from backprop_cli.calculus.stable import logarithm
from backprop_cli.operations.record import Rules
from backprop_cli.operations.sizes import Sizes

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


class Sources(Struct, frozen=True):
    """Where gradients come from: the seeds, what is silent (its gradient is 1), and ids."""

    seeds: Mapping[str, Expr]
    silent: Collection[str]
    name: Callable[[str], str]


def through_logits(
    output: str, equations: Equations, sources: Sources, sizes: Sizes
) -> dict[str, Expr] | None:
    """What each name behind the output of a softmax, sigmoid or exp gets, formed in logits.

    None where no equation takes the logarithm of that output.
    """
    definition = equations[output]
    users = _users(output, equations, sources.seeds)
    if not isinstance(definition, Op) or output in sources.seeds or not users:
        return None
    (inner,) = definition.args
    outside = Op(definition.name, (_LOGITS,), definition.options)
    written = {user: in_logits(equations[user], {output: outside}) for user in users}
    if all(written[user] == substitute(equations[user], {output: outside}) for user in users):
        return None
    known = Sizes({**sizes.names, _LOGITS.name: sizes.shape(inner)}, sizes.kinks)
    total = _total(written, sources, known)
    tidied = substitute(_tidy(total, outside, output), {_LOGITS.name: inner})
    return dict(_summed(shares(inner, tidied, inner, sizes)))


def _users(output: str, equations: Equations, seeds: Collection[str]) -> list[str]:
    """The equations that use `output` and that a gradient reaches."""
    reached = set(seeds)
    for name in reversed(list(equations)):
        if name in reached:
            reached.update(symbols(equations[name]))
    return [name for name, expr in equations.items() if name in reached and output in symbols(expr)]


def _total(written: Equations, sources: Sources, rules: Rules) -> Expr:
    parts = []
    for user, expr in written.items():
        g = build.ONE if user in sources.silent else Sym(sources.name(user))
        parts += [
            share for name, share in shares(expr, g, Sym(user), rules) if name == _LOGITS.name
        ]
    total = parts[0]
    for part in parts[1:]:
        total = build.add(total, part)
    return total


def _tidy(expr: Expr, outside: Op, output: str) -> Expr:
    """The output by its name, and σ(-z) as 1 - σ(z)."""

    def rule(node: Expr) -> Expr | None:
        if node == outside:
            return Sym(output)
        if outside.name == "sigmoid" and node == op("sigmoid", op("neg", _LOGITS)):
            return build.sub(build.ONE, Sym(output))
        return None

    return rewrite(expr, rule)


def _summed(parts: list[tuple[str, Expr]]) -> dict[str, Expr]:
    found: dict[str, Expr] = {}
    for name, share in parts:
        found[name] = build.add(found[name], share) if name in found else share
    return found
