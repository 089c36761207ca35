"""A penalty on large weights to the equations that add it to the loss."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Sym, num, op
from backprop_cli.algebra.quantity import loss_parts
from backprop_cli.algebra.shapes import Size
from backprop_cli.errors import Complaints
from backprop_cli.problem.fitted_arrays import weight_axes
from backprop_cli.problem.ids import names_said
from backprop_cli.problem.model_builder import Draft
from backprop_cli.problem.problem_data import Penalty


def penalty_term(
    penalty: Penalty, weights: Mapping[str, str], penalised: list[Expr], samples: Size | None
) -> Expr:
    """λ·½ΣW² or λΣ|W|, or both of them, each λ by what `weights` calls it."""
    parts = []
    if "l2" in weights:
        parts.append(_of_squares(penalty, weights["l2"], penalised, samples))
    if "l1" in weights:
        sizes: Expr = build.ZERO
        for part in penalised:
            sizes = build.add(sizes, op("sum", op("abs", part)))
        factor: Expr = Sym(weights["l1"])
        if penalty.divided_by_samples and samples:
            factor = build.div(factor, build.size(samples))
        parts.append(op("mul", factor, sizes))
    return parts[0] if len(parts) == 1 else op("add", *parts)


def penalty_weights(penalty: Penalty, taken: Collection[str]) -> dict[str, str]:
    """What each λ is called, by its key: lambda, and lambda1 beside it."""
    found: dict[str, str] = {}
    if penalty.l2 or not penalty.l1:
        found["l2"] = "lambda"
    if penalty.l1:
        found["l1"] = "lambda1" if found else "lambda"
    return {key: _free(name, taken) for key, name in found.items()}


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _of_squares(penalty: Penalty, weight: str, penalised: list[Expr], samples: Size | None) -> Expr:
    squares: Expr = build.ZERO
    for part in penalised:
        squares = build.add(squares, op("sum", op("pow", part, num(2))))
    factor: Expr = Sym(weight)
    if penalty.form == "half":
        factor = build.div(factor, num(2))
    if penalty.divided_by_samples and samples:
        factor = build.div(factor, build.size(samples))
    return op("mul", factor, squares)


def check_names(penalty: Penalty, known: list[str], complaints: Complaints) -> None:
    """Complains of penalised names that are no parameters."""
    for text in penalty.on or ():
        if text.text not in known:
            message, instead = names_said(text.text, known, "parameter")
            complaints.add(message, text.mark, instead)


def add_penalty(net: Draft) -> tuple[str, ...]:
    """Adds the penalty to the data loss; the names of the two parts."""
    penalty = net.problem.penalty
    if penalty is None:
        return ()
    check_names(penalty, [name for name, _ in net.penalised], net.complaints)
    named = None if penalty.on is None else {text.text for text in penalty.on}
    chosen = [
        _without_biases(net, name) if holds == "both" and not penalty.biases else Sym(name)
        for name, holds in net.penalised
        if (name in named if named is not None else holds != "bias" or penalty.biases)
    ]
    weights = penalty_weights(penalty, ())
    for key, name in weights.items():
        net.give(name, np.asarray(getattr(penalty, key)), (), "constant")
    term = penalty_term(penalty, weights, chosen, net.samples)
    data, part = loss_parts("L")
    net.define(part, term, "penalty", (), "penalty on the weights")
    total = op("add", Sym(data), Sym(part))
    net.define("L", total, "total-loss", (), "loss with its penalty")
    return (data, part)


def _without_biases(net: Draft, name: str) -> Expr:
    """The part of a matrix that is weights, without the row or column of biases."""
    return op(f"drop_{net.convention.bias}", Sym(name), axis=_axis_of_biases(net))


def _axis_of_biases(net: Draft) -> int:
    return 0 if weight_axes(net.convention)[0] == "input" else -1


def decaying(net: Draft) -> dict[str, Expr]:
    """The weights alone by their names, as decay takes a share of them: 0 where a bias stands."""
    grown = "prepend" if net.convention.bias == "first" else "append"
    return {
        name: op(grown, _without_biases(net, name), build.ZERO, axis=_axis_of_biases(net))
        if holds == "both"
        else Sym(name)
        for name, holds in net.penalised
        if holds != "bias"
    }
