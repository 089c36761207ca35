"""Slips of the forward pass: the right formula of a quantity to what is computed instead."""

from __future__ import annotations

from collections.abc import Iterator

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, num, op, put, substitute, symbols
from backprop_cli.algebra.quantity import loss_parts, new_id
from backprop_cli.grading.slips.case import (
    ACTIVATIONS,
    Case,
    added,
    each,
    in_parts,
    plain_name,
    signed_terms,
    terms,
    without,
)


def is_forward(case: Case) -> bool:
    """Whether a quantity belongs to the forward pass, or to the one with new parameters."""
    return case.step.phase == "forward" or case.step.rule == "forward-again"


def activation_omitted(case: Case) -> Iterator[Expr]:
    """H = Z."""
    if not is_forward(case):
        return
    for place, node in each(case.expr, ACTIVATIONS):
        yield put(case.expr, place, node.args[0])
    if case.step.rule == "formula":
        yield from _formula_omitted(case)


def _formula_omitted(case: Case) -> Iterator[Expr]:
    """The same for an activation that is a formula: all that is made of one name alone."""
    for name in symbols(case.expr):
        if name in case.model.given:
            continue
        yield Sym(name)
        others = [part for part in signed_terms(case.expr) if not set(symbols(part)) <= {name}]
        yield added([Sym(name), *others])


def bias_left_out(case: Case) -> Iterator[Expr]:
    """Z = Wx: a summand with a given name, or the constant input of a bias inside W, left out."""
    if not is_forward(case):
        return
    roles = {name: given.role for name, given in case.model.given.items()}
    parameters = [name for name, role in roles.items() if role == "parameter"] or list(roles)
    given = {*parameters, *map(new_id, case.model.trained)}
    for place, node in each(case.expr, frozenset({"add"})):
        for kept, dropped in (node.args, node.args[::-1]):
            if plain_name(dropped) in given and not isinstance(kept, Num):
                yield put(case.expr, place, kept)
    for place, node in each(case.expr, frozenset({"prepend", "append"})):
        yield put(case.expr, place, Op(node.name, (node.args[0], num(0)), node.options))


def transpose_omitted(case: Case) -> Iterator[Expr]:
    """W where Wᵀ belongs, or Wᵀ where W belongs, in a product."""
    for place, node in each(case.expr, frozenset({"matmul"})):
        for position, arg in enumerate(node.args):
            if len(case.shape(arg) or ()) != 2:
                continue
            other = (
                arg.args[0]
                if isinstance(arg, Op) and arg.name == "transpose"
                else op("transpose", arg)
            )
            args = tuple(other if i == position else kept for i, kept in enumerate(node.args))
            yield put(case.expr, place, Op("matmul", args))


def log_base(case: Case) -> Iterator[Expr]:
    """Another base of the logarithm in the loss."""
    if case.step.shape != () or not any(
        each(case.expr, frozenset({"xlogy", "log", "logsumexp", "log2", "log10"}))
    ):
        return
    said = case.model.problem.convention.log
    own = None if said == "natural" else num(said)
    for base in (None, num(2), num(10)):
        if base == own:
            continue
        factor = op("div", _log(own), _log(base))
        yield op("mul", case.expr, factor)
        yield from in_parts(case, lambda part: op("mul", part, factor))  # noqa: B023


def _log(base: Num | None) -> Expr:
    return num(1) if base is None else op("log", base)


def targets_swapped(case: Case) -> Iterator[Expr]:
    """y and ŷ exchanged."""
    used = symbols(case.expr)
    for prediction, target in case.compared:
        for output in (prediction, new_id(prediction)):
            if output in used and target in used:
                yield substitute(case.expr, {output: Sym(target), target: Sym(output)})


def penalty_omitted(case: Case) -> Iterator[Expr]:
    """The loss, or a gradient, without its penalty."""
    penalty = loss_parts(case.model.target or "")[1]
    parts = {penalty, new_id(penalty)}
    for place, part in terms(case.expr):
        names = set(symbols(part))
        if (names & parts or "lambda" in names) and (rest := without(case.expr, place)) is not None:
            yield rest


def branch_lost(case: Case) -> Iterator[Expr]:
    """One of several branches that add up, left out."""
    if not is_forward(case):
        return
    no_path = {*case.model.trained, "lambda", *(target for _, target in case.compared)}
    computed = [place for place, part in terms(case.expr) if not no_path.issuperset(symbols(part))]
    if len(computed) < 2:
        return
    for place in computed:
        if (rest := without(case.expr, place)) is not None:
            yield rest
