"""A quantity's formula to the other ways in which a program may write its line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backprop_cli.algebra.expr import Expr, Op, Sym, op, rewrite, substitute, symbols
from backprop_cli.grading.slips.backward import differences
from backprop_cli.grading.slips.case import Case
from backprop_cli.grading.slips.pull_backs import applied

_DEEPEST: Final = 3  # a norm is x̂ behind a variance behind a mean


def collapsed(case: Case) -> Iterator[Expr]:
    """Several steps back in one: ŷ − y behind an output, and the three terms of a norm."""
    targets = dict(case.compared)
    for one in applied(case):
        if one.user.name in targets and one.node.args == (Sym(case.by or ""),):
            yield from differences(case, one.user.name, targets[one.user.name])
    yield from _through_a_norm(case)


def _through_a_norm(case: Case) -> Iterator[Expr]:
    """(g − mean g − x̂ · mean(g x̂)) / √(σ² + ε), with g the gradient of x̂."""
    for name, expr in case.model.definitions.items():
        gradient = case.model.gradient(name)
        match expr:
            case Op("div", (Op("sub", (Sym(x), Op(along, (Sym(mu),)))), spread)) if x == case.by:
                mean = case.model.definitions.get(mu)
                if gradient in case.steps and isinstance(mean, Op) and mean.name == "mean":
                    yield _in_three_terms(Sym(gradient), Sym(name), spread, along, mean)


def _in_three_terms(g: Expr, xhat: Expr, spread: Expr, along: str, mean: Op) -> Expr:
    def averaged(what: Expr) -> Expr:
        return op(along, Op("mean", (what,), mean.options))

    moved = op("sub", op("sub", g, averaged(g)), op("mul", xhat, averaged(op("mul", g, xhat))))
    return op("div", moved, spread)


def spelt_out(case: Case) -> Expr:
    """A norm in one formula, as where nobody keeps its mean, its variance and what they give."""
    end = case.step.id.removeprefix("H")
    inner = {f"{stem}{end}" for stem in ("mu", "var", "Xhat", "mu_", "var_", "xhat_")}
    expr, definitions = case.expr, case.model.definitions
    for _ in range(_DEEPEST):
        names = [name for name in symbols(expr) if name in inner and name in definitions]
        expr = substitute(expr, {name: definitions[name] for name in names})
    return expr


def with_logarithms(expr: Expr) -> Expr:
    """y ln p as the product that a program has."""

    def product(node: Expr) -> Expr | None:
        match node:
            case Op("xlogy", (y, p)):
                return op("mul", y, op("log", p))
        return None

    return rewrite(expr, product)
