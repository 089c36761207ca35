"""The loss of a network: its equation, penalty, collapsed gradient, the class decided on."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Sym, num, op, substitute
from backprop_cli.algebra.quantity import at_step, layer_id, loss_parts
from backprop_cli.algebra.shapes import ShapeError, Size, described
from backprop_cli.errors import Complaints
from backprop_cli.operations.losses import LOSSES, Loss, Setting
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.fitted_arrays import weight_axes
from backprop_cli.problem.ids import names_said
from backprop_cli.problem.layer_types.layer_type import per_sample
from backprop_cli.problem.model import Equation, Fusion, Remark, behind, unsuited
from backprop_cli.problem.model_builder import PRE, Draft, rule_of
from backprop_cli.problem.problem_data import Function, Penalty
from backprop_cli.problem.text.formula_texts import Scope, dialect, log_base, parsed


def add_loss(net: Draft) -> bool:
    """Defines L, or L_data where a penalty is added to it; False where it could not be."""
    assert net.problem.loss is not None
    function = net.problem.loss.function
    if function.formula is not None:
        value = _own_loss(net, function)
    else:
        value = _named_loss(net, function, LOSSES[function.name or ""])
    if value is None:
        return False
    if net.goes_over_time(len(net.layers)):
        value = _over_time(net, value)
    name = loss_parts("L")[0] if net.problem.penalty else "L"
    if net.samples is not None and net.problem.loss.over_samples == "mean":
        if net.convention.batch_gradients == "per-sample":
            net.summed[name] = value
        value = build.div(value, build.size(net.samples))
    words = "loss, summed over the steps" if net.goes_over_time(len(net.layers)) else "loss"
    net.define(name, value, function.name or "formula", (), words, _remark(net, function))
    return True


def _over_time(net: Draft, value: Expr) -> Expr:
    """The loss of each step, added up or averaged: `value` is that of a step called Yhat, Y."""
    base, steps = net.steps_of["Yhat"]
    each = [
        substitute(
            value,
            {
                "Yhat": Sym(at_step(base, t)),
                layer_id(PRE, len(net.layers)): Sym(layer_id(PRE, len(net.layers), t)),
                "Y": op("at", Sym("Y"), index=(t - 1,)),
            },
        )
        for t in range(1, steps + 1)
    ]
    assert net.problem.loss is not None
    mean = net.problem.loss.over_steps == "mean"
    return build.div(build.added(each), build.size(steps)) if mean else build.added(each)


def _remark(net: Draft, function: Function) -> Remark | None:
    """What to say of a loss that does not belong behind the last activation."""
    if function.name is None or len(net.layers) in net.guessed:
        return None
    loss, units = LOSSES[function.name], net.units[-1]
    return unsuited(loss, net.last_activation, units, plain=net.ends_plainly)


def _named_loss(net: Draft, function: Function, loss: Loss) -> Expr | None:
    units = None if len(net.layers) in net.guessed else net.units[-1]
    instead = behind(loss, net.last_activation, units)
    if instead is not None:
        net.complaints.add(
            f"{loss.name} does not fit behind {rule_of(net.last_activation)}"
            f"{' with one unit' if units == 1 else ''}",
            function.mark,
            instead,
        )
        return None
    setting = Setting(net.unit_axis, build.size(net.units[-1]), log_base(net.convention))
    return loss.build(Sym(_loss_input(net, loss)), Sym("Y"), setting, dict(function.options))


def _loss_input(net: Draft, loss: Loss) -> str:
    from_logits = loss.logits and rule_of(net.last_activation) != "linear"
    return layer_id(PRE, len(net.layers)) if from_logits else "Yhat"


def _own_loss(net: Draft, function: Function) -> Expr | None:
    assert function.formula is not None
    formula = parsed(
        function.formula, dialect(net.convention), net.complaints, Scope(("yhat", "y"))
    )
    if formula is None:
        return None
    try:
        expr = substitute(formula, {"y": Sym("Y"), "yhat": Sym("Yhat")})
        expr = per_sample(expr, net.unit_axis)
        shapes = net.sizes()
        if net.goes_over_time(len(net.layers)):
            shapes = Sizes(dict.fromkeys(("Y", "Yhat"), (net.units[-1],)), {})
        shape = shapes.shape(expr)
    except ShapeError as error:
        net.complaints.add(f"in this loss, {error}", function.formula.mark, error.instead)
        return None
    units = shape if net.samples is None else (shape[net.unit_axis or 0],) if shape else ()
    if any(size != 1 for size in units):
        net.complaints.add(
            f"this loss is {described(shape)} and not one number a sample",
            function.formula.mark,
            f"sum({function.formula.text.strip()[:60]})",
        )
        return None
    return op("sum", expr) if shape else expr


# What follows from the loss and the last activation ---------------------------------------------


def fusion(net: Draft) -> Fusion | None:
    """The collapsed gradient of the logits, where loss and last activation allow it."""
    assert net.problem.loss is not None
    loss = LOSSES.get(net.problem.loss.function.name or "")
    activation = rule_of(net.last_activation)
    if loss is None or loss.fused != activation or not net.ends_plainly:
        return None
    if net.goes_over_time(len(net.layers)):
        return None  # each step has its own
    if activation == "softmax" and not _targets_sum_to_one(net):
        return None
    difference = build.mul(num(loss.factor), op("sub", Sym("Yhat"), Sym("Y")))
    mean = net.samples is not None and net.problem.loss.over_samples == "mean"
    if mean and not net.summed:
        assert net.samples is not None
        difference = build.mul(build.div(build.ONE, build.size(net.samples)), difference)
    base = log_base(net.convention)
    if base is not None and loss.name.endswith("cross-entropy"):
        difference = build.div(difference, op("log", num(base)))
    why = (
        f"{activation} and {loss.words} belong together: "
        "the derivative of one cancels that of the other"
    )
    if activation == "softmax" and "Y" not in net.given:
        why += ", since Σ y = 1"
    return Fusion("Yhat", layer_id(PRE, len(net.layers)), difference, why)


def _targets_sum_to_one(net: Draft) -> bool:
    """Whether Σ y = 1 in each sample; targets without numbers are taken to be such."""
    if "Y" not in net.given:
        return True
    sums = net.given["Y"].value.sum(axis=net.unit_axis)
    return bool(np.all(np.abs(sums - 1) < 1e-9))


def decision(net: Draft) -> Equation | None:
    """The class decided on: the largest output, or whether a single sigmoid unit reaches ½."""
    if not net.ends_plainly:
        return None
    rule = rule_of(net.last_activation)
    loss = net.problem.loss.function.name if net.problem.loss else None
    logits = loss is not None and loss.endswith("with-logits") and rule == "linear"
    if net.units[-1] == 1 and (rule == "sigmoid" or logits):
        threshold = num("1/2") if rule == "sigmoid" else build.ZERO
        single = net.samples is None and not net.goes_over_time(len(net.layers))
        unit = op("at" if single else "flat", Sym("Yhat"), index=(0,) if single else None)
        return _class(net, build.compared(unit, ">=", threshold))
    if rule == "softmax" or loss in ("cross-entropy", "cross-entropy-with-logits"):
        first = net.convention.indices or None
        axis = 1 if net.goes_over_time(len(net.layers)) else net.unit_axis
        return _class(net, op("argmax", Sym("Yhat"), axis=axis, first=first))
    return None


def _class(net: Draft, expr: Expr) -> Equation:
    axes = () if net.samples is None else ("sample",)
    axes = ("step",) if net.goes_over_time(len(net.layers)) else axes
    return Equation("class", expr, "decision", axes, "the class decided on")


def penalty_term(
    penalty: Penalty, weights: Mapping[str, str], penalised: list[Expr], samples: Size | None
) -> Expr:
    """λ·½ΣW² or λΣ|W|, or both of them, each λ by what `weights` calls it."""
    parts = []
    for key, weight in weights.items():
        factor: Expr = Sym(weight)
        if key == "l2" and penalty.form == "half":
            factor = build.div(factor, num(2))
        if penalty.divided_by_samples and samples:
            factor = build.div(factor, build.size(samples))
        sizes = (op("pow", one, num(2)) if key == "l2" else op("abs", one) for one in penalised)
        parts.append(op("mul", factor, build.sum_of(op("sum", one) for one in sizes)))
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
