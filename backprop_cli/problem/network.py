"""Layers to equations: a feed-forward network as written becomes the formulas it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Sym, num, op, substitute
from backprop_cli.algebra.shapes import Shape, ShapeError, Size, described, plus
from backprop_cli.errors import Complaints, Mark
from backprop_cli.operations.losses import LOSSES, Loss, Setting
from backprop_cli.operations.sizes import Sizes
from backprop_cli.problem.data import Convention, Function, Layer, Problem, Skip
from backprop_cli.problem.kinks import kinks
from backprop_cli.problem.model import Array, Equation, Fusion, Model
from backprop_cli.problem.samples import per_sample
from backprop_cli.problem.targets import prediction_expected, stacked, targets
from backprop_cli.problem.texts import dialect, parsed
from backprop_cli.trace import Given

PRE, POST, WEIGHTS, BIAS = "Z", "H", "W", "b"


@dataclass
class _Network:
    """The equations gathered while the layers are read from the first to the last."""

    problem: Problem
    complaints: Complaints
    samples: int | None
    given: dict[str, Given] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    equations: list[Equation] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)
    trained: list[str] = field(default_factory=list)
    neighbours: list[tuple[str, str]] = field(default_factory=list)
    units: list[Size | None] = field(default_factory=list)
    penalised: list[tuple[str, str]] = field(default_factory=list)

    @property
    def convention(self) -> Convention:
        return self.problem.convention

    @property
    def unit_axis(self) -> int | None:
        """The axis of the units in a batch; None for a single sample, which has no other."""
        return None if self.samples is None else 1 if self.convention.rows else 0

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self.problem.layers or ()

    def output_of(self, layer: int) -> str:
        """What layer `layer` puts out (0 is the input)."""
        if layer == 0:
            return "X"
        return "Yhat" if layer == len(self.layers) else f"{POST}{layer}"

    def axes(self, what: str = "unit") -> tuple[str, ...]:
        """The axes of a quantity of one layer."""
        if self.samples is None:
            return (what,)
        return ("sample", what) if self.convention.rows else (what, "sample")

    def shape(self, units: Size) -> Shape:
        """The shape of a quantity with so many units."""
        if self.samples is None:
            return (units,)
        return (self.samples, units) if self.convention.rows else (units, self.samples)

    def sizes(self) -> Sizes:
        return Sizes(self.shapes, kinks(self.convention.kinks))

    # Quantities -------------------------------------------------------------------------------

    def give(self, name: str, value: Array, axes: tuple[str, ...], role: str) -> None:
        self.given[name] = Given(value, axes, role)  # type: ignore[arg-type]
        self.shapes[name] = value.shape

    def define(self, name: str, expr: Expr, rule: str, axes: tuple[str, ...], words: str) -> None:
        self.equations.append(Equation(name, expr, rule, axes, words))
        self.shapes[name] = self.sizes().shape(expr)

    def parameter(self, name: str, value: Array, axes: tuple[str, ...], trained: bool) -> None:
        self.give(name, value, axes, "parameter")
        if trained:
            self.wanted.append(name)
            self.trained.append(name)


def network(
    problem: Problem, complaints: Complaints, chosen: tuple[int, ...] | None = None
) -> Model | None:
    """The model of a problem with `layers`; None where complaints make it meaningless.

    `chosen` are the samples of a batch (from 0); all of them where it is None.
    """
    x = stacked(problem, complaints, chosen)
    if x is None:
        return None
    rows = problem.convention.rows
    net = _Network(problem, complaints, None if x.ndim == 1 else x.shape[0 if rows else 1])
    net.give("X", x, net.axes("input"), "data")
    net.units.append(x.shape[0] if x.ndim == 1 else x.shape[1 if rows else 0])
    for number, layer in enumerate(problem.layers or (), start=1):
        if not _layer(net, number, layer):
            return None
    net.wanted.append("X")
    return _with_loss(net, chosen)


# One layer --------------------------------------------------------------------------------------


def _layer(net: _Network, number: int, layer: Layer) -> bool:
    weights = _weights(net, number, layer)
    if weights is None:
        return False
    source = net.output_of(number - 1)
    total: Expr = _product(net.convention, Sym(f"{WEIGHTS}{number}"), _with_bias_input(net, source))
    bias = _bias(net, number, layer)
    if bias is not None:
        total = op("add", total, bias)
    for skip in layer.skips:
        if skip.into == "pre":
            total = _added(net, total, _skipped(net, number, skip), skip.mark)
    pre = f"{PRE}{number}"
    net.define(pre, total, "affine", net.axes(), f"pre-activation of layer {number}")
    net.neighbours.append((pre, source))
    net.neighbours += [(pre, net.output_of(s.source)) for s in layer.skips if s.into == "pre"]
    return _activated(net, number, layer, pre)


def _activated(net: _Network, number: int, layer: Layer, pre: str) -> bool:
    post = net.output_of(number)
    result = _activation(net, layer.activation, Sym(pre))
    if result is None:
        return False
    for skip in layer.skips:
        if skip.into == "post":
            result = _added(net, result, _skipped(net, number, skip), skip.mark)
    last = number == len(net.layers)
    words = "prediction" if last else f"output of layer {number}"
    net.define(post, result, _rule(layer.activation), net.axes(), words)
    net.neighbours.append((post, pre))
    net.neighbours += [(post, net.output_of(s.source)) for s in layer.skips if s.into == "post"]
    return not net.complaints.found


def _weights(net: _Network, number: int, layer: Layer) -> Array | None:
    """The weight matrix of a layer, given to the network, its sizes checked."""
    values, fan_in = layer.weights, net.units[-1]
    if values is None or values.array is None:
        if values is None:
            net.complaints.add(
                f"layer {number} has no weights",
                layer.mark,
                "weights: [[…], […]], or `backprop derive` for letters",
            )
        return None
    matrix = _as_matrix(values.array, net.convention)
    expected = fan_in if net.convention.bias == "separate" or fan_in is None else plus(fan_in, 1)
    inputs, units = _fan(matrix.shape, net.convention)
    if inputs != expected:
        _mismatch(net, number, values.mark, matrix.shape, expected)
        return None
    net.units.append(units)
    name = f"{WEIGHTS}{number}"
    net.parameter(name, matrix, _weight_axes(net.convention), "weights" in layer.train)
    net.penalised.append((name, "weights"))
    return matrix


def _as_matrix(array: Array, convention: Convention) -> Array:
    """A flat list of weights is one unit's; a number alone one weight."""
    if array.ndim == 2:
        return array
    units_are_rows = _weight_axes(convention)[0] == "unit"
    return array.reshape(1, -1) if units_are_rows else array.reshape(-1, 1)


def _weight_axes(convention: Convention) -> tuple[str, str]:
    units_first = convention.affine in ("W x + b", "x W^T + b")
    return ("unit", "input") if units_first else ("input", "unit")


def _fan(shape: Shape, convention: Convention) -> tuple[Size, Size]:
    """How many inputs and units a weight matrix has."""
    return (shape[1], shape[0]) if _weight_axes(convention)[0] == "unit" else (shape[0], shape[1])


def _mismatch(net: _Network, number: int, mark: Mark, shape: Shape, expected: Size | None) -> None:
    inputs, units = _fan(shape, net.convention)
    before = "x has" if number == 1 else f"layer {number - 1} gives"
    extra = "" if net.convention.bias == "separate" else ", and the bias is one more"
    wanted = (units, expected) if _weight_axes(net.convention)[0] == "unit" else (expected, units)
    hint = f"a {wanted[0]} × {wanted[1]} matrix"
    if units == expected:
        hint += f" (yours transposed), or convention: {{affine: {_other_way(net.convention)}}}"
    net.complaints.add(
        f"the weights of layer {number} are {described(shape)}, which with "
        f"{net.convention.affine} takes {inputs} inputs; {before} {net.units[-1]}{extra}",
        mark,
        hint,
    )


def _other_way(convention: Convention) -> str:
    return {"W x + b": "W^T x + b", "W^T x + b": "W x + b", "x W + b": "x W^T + b"}.get(
        convention.affine, "x W + b"
    )


def _product(convention: Convention, weights: Expr, inputs: Expr) -> Expr:
    factor = op("transpose", weights) if convention.transposed else weights
    return op("matmul", inputs, factor) if convention.rows else op("matmul", factor, inputs)


def _with_bias_input(net: _Network, source: str) -> Expr:
    if net.convention.bias == "separate":
        return Sym(source)
    name = "prepend" if net.convention.bias == "first" else "append"
    return op(
        name, Sym(source), num(net.convention.bias_input), axis=-1 if net.convention.rows else 0
    )


def _bias(net: _Network, number: int, layer: Layer) -> Expr | None:
    values = layer.bias
    if values is None or values.array is None:
        return None
    name, units, array = f"{BIAS}{number}", net.units[-1], values.array
    if array.ndim == 2 and 1 in array.shape:
        array = array.reshape(-1)
    if array.shape not in ((), (units,)):
        net.complaints.add(
            f"the bias of layer {number} is {described(array.shape)}, and the layer has {units} units",
            values.mark,
            f"a vector of {units}, or a number alone for one bias shared by all",
        )
        return None
    net.parameter(name, array, ("unit",)[: array.ndim], "bias" in layer.train)
    net.penalised.append((name, "bias"))
    if array.ndim == 0 or net.samples is None:
        return Sym(name)
    return op("row" if net.convention.rows else "column", Sym(name))


def _skipped(net: _Network, number: int, skip: Skip) -> Expr | None:
    source = net.output_of(skip.source)
    if skip.source >= number:
        net.complaints.add(
            f"layer {number} cannot skip from layer {skip.source}, which comes later",
            skip.mark,
            f"from: 0 to {number - 1}",
        )
        return None
    if skip.weights is None:
        return Sym(source)
    if skip.weights.array is None:
        return None
    name = f"{WEIGHTS}{number}_{skip.source}"
    matrix = _as_matrix(skip.weights.array, net.convention)
    wanted = (net.units[skip.source], net.units[number])
    if _fan(matrix.shape, net.convention) != wanted:
        shape = wanted[::-1] if _weight_axes(net.convention)[0] == "unit" else wanted
        net.complaints.add(
            f"the skip weights from layer {skip.source} into layer {number} are "
            f"{described(matrix.shape)}",
            skip.weights.mark,
            f"a {shape[0]} × {shape[1]} matrix",
        )
        return None
    if name in net.given:
        net.complaints.add(
            f"layer {number} has two weighted skips from layer {skip.source}", skip.mark
        )
        return None
    trained = "weights" in net.layers[number - 1].train
    net.parameter(name, matrix, _weight_axes(net.convention), trained)
    net.penalised.append((name, "weights"))
    return _product(net.convention, Sym(name), Sym(source))


def _added(net: _Network, total: Expr, branch: Expr | None, mark: Mark) -> Expr:
    if branch is None:
        return total
    have, more = net.sizes().shape(total), net.sizes().shape(branch)
    if have != more:
        net.complaints.add(
            f"this skip adds {described(more)} to {described(have)}",
            mark,
            "weights: a matrix that turns the one into the other",
        )
        return total
    return op("add", total, branch)


def _rule(activation: Function) -> str:
    return activation.name or "formula"


def _activation(net: _Network, activation: Function, z: Expr) -> Expr | None:
    if activation.formula is not None:
        return _own_activation(net, activation, z)
    name = (activation.name or "linear").replace("-", "_")
    options = {key: _plain(value) for key, value in activation.options}
    if name == "linear":
        return z
    if name == "softmax":
        return op("softmax", z, axis=net.unit_axis)
    if name == "step" and net.convention.kinks.step_at_zero != 1:
        options["at_zero"] = _plain(net.convention.kinks.step_at_zero)
    return op(name, z, **options)


def _plain(value: float) -> int | float:
    return int(value) if value == int(value) else value


def _own_activation(net: _Network, activation: Function, z: Expr) -> Expr | None:
    assert activation.formula is not None
    formula = parsed(activation.formula, dialect(net.convention), net.complaints, {"z"})
    if formula is None:
        return None
    try:
        expr = per_sample(substitute(formula, {"z": z}), net.unit_axis)
        shape = net.sizes().shape(expr)
    except ShapeError as error:
        net.complaints.add(f"in this activation, {error}", activation.formula.mark, error.instead)
        return None
    if shape != net.sizes().shape(z):
        net.complaints.add(
            f"this activation makes {described(shape)} of {described(net.sizes().shape(z))}",
            activation.formula.mark,
            "a formula entry by entry, such as z * sigmoid(z)",
        )
        return None
    return expr


# The loss ---------------------------------------------------------------------------------------


def _with_loss(net: _Network, chosen: tuple[int, ...] | None) -> Model:
    problem = net.problem
    y = targets(problem, net.units[-1], net.complaints, chosen)
    if y is not None:
        net.give("Y", y, net.axes(), "data")
    fusion, silent, target = None, (), None
    decision = _decision(net)
    if problem.loss is not None and (y is not None or net.complaints.found):
        if y is not None and _loss(net):
            fusion = _fusion(net)
            silent, target = ("L", *_penalty(net)), "L"
    elif problem.loss is not None:
        net.complaints.add("a loss needs the target y", problem.loss.function.mark, "y: […]")
    seeds: dict[str, Expr] = {target: build.ONE} if target else {}
    seeds |= _upstream(net)
    return Model(
        problem,
        tuple(net.equations),
        net.given,
        net.shapes,
        target,
        "L",
        seeds,
        silent,
        tuple(net.wanted) if seeds else (),
        tuple(net.trained),
        tuple(net.neighbours),
        decision,
        fusion,
        net.samples,
        problem.update,
        {f"{POST}{len(net.layers)}": "Yhat"},
    )


def _last_activation(net: _Network) -> Function:
    return net.layers[-1].activation


def _ends_plainly(net: _Network) -> bool:
    """Whether the prediction is the last activation and nothing added to it."""
    return not any(skip.into == "post" for skip in net.layers[-1].skips)


def _loss(net: _Network) -> bool:
    assert net.problem.loss is not None
    function = net.problem.loss.function
    if function.formula is not None:
        value = _own_loss(net, function)
    else:
        value = _named_loss(net, function, LOSSES[function.name or ""])
    if value is None:
        return False
    averaged = net.samples is not None and net.problem.loss.over_samples == "mean"
    if averaged:
        value = build.div(value, num(net.samples or 1))
    name = "L_data" if net.problem.penalty else "L"
    net.define(name, value, function.name or "formula", (), "loss")
    return True


def _named_loss(net: _Network, function: Function, loss: Loss) -> Expr | None:
    instead = prediction_expected(loss, _last_activation(net), net.units[-1])
    if instead is not None:
        net.complaints.add(
            f"{loss.name} does not fit behind {_rule(_last_activation(net))}"
            f"{' with one unit' if net.units[-1] == 1 else ''}",
            function.mark,
            instead,
        )
        return None
    setting = Setting(net.unit_axis, _count(net.units[-1]), dialect(net.convention).log_base)
    return loss.build(Sym(_loss_input(net, loss)), Sym("Y"), setting, dict(function.options))


def _loss_input(net: _Network, loss: Loss) -> str:
    from_logits = loss.logits and _rule(_last_activation(net)) != "linear"
    return f"{PRE}{len(net.layers)}" if from_logits else "Yhat"


def _count(size: Size | None) -> Expr:
    return num(size) if isinstance(size, int) else Sym(str(size))


def _own_loss(net: _Network, function: Function) -> Expr | None:
    assert function.formula is not None
    formula = parsed(function.formula, dialect(net.convention), net.complaints, {"y", "yhat"})
    if formula is None:
        return None
    try:
        expr = substitute(formula, {"y": Sym("Y"), "yhat": Sym("Yhat")})
        expr = per_sample(expr, net.unit_axis)
        shape = net.sizes().shape(expr)
    except ShapeError as error:
        net.complaints.add(f"in this loss, {error}", function.formula.mark, error.instead)
        return None
    units = shape if net.samples is None else (shape[net.unit_axis or 0],) if shape else ()
    if any(size != 1 for size in units):
        net.complaints.add(
            f"this loss is {described(shape)} and not one number a sample",
            function.formula.mark,
            "sum(…) around it",
        )
        return None
    return op("sum", expr) if shape else expr


def _penalty(net: _Network) -> tuple[str, ...]:
    """Adds the penalty to the data loss; the names of the two parts."""
    penalty = net.problem.penalty
    if penalty is None:
        return ()
    kinds = {"weights", "bias"} if penalty.biases else {"weights"}
    named = None if penalty.on is None else {text.text for text in penalty.on}
    for text in penalty.on or ():
        if text.text not in dict(net.penalised):
            net.complaints.add(
                f"there is no parameter '{text.text}'", text.mark, ", ".join(dict(net.penalised))
            )
    squares: Expr = build.ZERO
    for name, kind in net.penalised:
        if name in named if named is not None else kind in kinds:
            squares = build.add(squares, op("sum", op("pow", _penalised(net, name), num(2))))
    net.give("lambda", np.asarray(penalty.l2), (), "constant")
    factor = (
        build.mul(Sym("lambda"), num(1))
        if penalty.form == "full"
        else build.div(Sym("lambda"), num(2))
    )
    if penalty.divided_by_samples and net.samples:
        factor = build.div(factor, num(net.samples))
    net.define("L_penalty", op("mul", factor, squares), "penalty", (), "penalty on the weights")
    net.define(
        "L", op("add", Sym("L_data"), Sym("L_penalty")), "total-loss", (), "loss with its penalty"
    )
    return ("L_data", "L_penalty")


def _penalised(net: _Network, name: str) -> Expr:
    """The part of a parameter that the penalty counts: weights without a bias row inside them."""
    penalty, convention = net.problem.penalty, net.convention
    inside = convention.bias != "separate" and name.count("_") == 0
    if not inside or (penalty is not None and penalty.biases):
        return Sym(name)
    axis = 0 if _weight_axes(convention)[0] == "input" else -1
    return op(f"drop_{convention.bias}", Sym(name), axis=axis)


def _fusion(net: _Network) -> Fusion | None:
    """The collapsed gradient of the logits, where loss and last activation allow it."""
    assert net.problem.loss is not None
    function = net.problem.loss.function
    loss = LOSSES.get(function.name or "")
    activation = _rule(_last_activation(net))
    if loss is None or loss.fused != activation or not _ends_plainly(net):
        return None
    if activation == "softmax" and not _targets_sum_to_one(net):
        return None
    difference = build.mul(num(loss.factor), op("sub", Sym("Yhat"), Sym("Y")))
    if net.samples is not None and net.problem.loss.over_samples == "mean":
        difference = build.mul(build.div(build.ONE, num(net.samples)), difference)
    base = dialect(net.convention).log_base
    if base is not None and loss.name.endswith("cross-entropy"):
        difference = build.div(difference, op("log", num(base)))
    why = f"{activation} and {loss.name} belong together: the derivative of one cancels that of the other"
    return Fusion("Yhat", f"{PRE}{len(net.layers)}", difference, why)


def _targets_sum_to_one(net: _Network) -> bool:
    sums = net.given["Y"].value.sum(axis=net.unit_axis)
    return bool(np.all(np.abs(sums - 1) < 1e-9))


def _upstream(net: _Network) -> dict[str, Expr]:
    """Gradients that reach quantities from outside, by the quantity's name."""
    aliases: Mapping[str, str] = {f"{POST}{len(net.layers)}": "Yhat"}
    seeds: dict[str, Expr] = {}
    for key, (text, values) in net.problem.upstream.items():
        name = aliases.get(key, key)
        if name not in {equation.name for equation in net.equations} | {"X"}:
            net.complaints.add(
                f"there is no quantity '{key}' to start from",
                text.mark,
                ", ".join(equation.name for equation in net.equations),
            )
        elif values.array is not None:
            shape = net.shapes[name]
            if values.array.size == 1 and shape == (1,):
                values = replace(values, array=values.array.reshape(1))
            assert values.array is not None
            if values.array.shape != shape:
                net.complaints.add(
                    f"this gradient is {described(values.array.shape)}, and {name} is "
                    f"{described(shape)}",
                    values.mark,
                )
                continue
            given = f"upstream_{name}"
            net.give(given, values.array, net.axes() if shape else (), "data")
            seeds[name] = Sym(given)
    return seeds


def _decision(net: _Network) -> Equation | None:
    """The class decided on: the largest output, or whether a single sigmoid unit reaches ½."""
    if not net.layers or not _ends_plainly(net):
        return None
    rule = _rule(_last_activation(net))
    loss = net.problem.loss.function.name if net.problem.loss else None
    logits = loss is not None and loss.endswith("with-logits") and rule == "linear"
    axes = () if net.samples is None else ("sample",)
    words = "the class decided on"
    if net.units[-1] == 1 and (rule == "sigmoid" or logits):
        threshold = op("sub", Sym("Yhat"), num("1/2")) if rule == "sigmoid" else Sym("Yhat")
        chosen = op("step", threshold)
        flat = op("at", chosen, index=(0,)) if net.samples is None else op("flat", chosen)
        return Equation("class", flat, "decision", axes, words)
    if rule == "softmax" or loss in ("cross-entropy", "cross-entropy-with-logits"):
        first = net.convention.indices or None
        return Equation(
            "class",
            op("argmax", Sym("Yhat"), axis=net.unit_axis, first=first),
            "decision",
            axes,
            words,
        )
    return None
