"""One layer as written to its equations: Z from what comes in, H or Yhat from Z."""

from __future__ import annotations

from backprop_cli.algebra.expr import Expr, Sym, num, op, substitute
from backprop_cli.algebra.quantity import layer_id
from backprop_cli.algebra.shapes import Shape, ShapeError, Size, described
from backprop_cli.errors import Mark
from backprop_cli.problem.file_format.function_names import GENERIC
from backprop_cli.problem.model import Array
from backprop_cli.problem.model_builder import BIAS, PRE, WEIGHTS, Draft, rule_of
from backprop_cli.problem.problem_data import Convention, Function, Layer, Skip, Values
from backprop_cli.problem.samples import per_sample
from backprop_cli.problem.text.formula_texts import dialect, parsed
from backprop_cli.problem.weights import (
    as_matrix,
    expected_inputs,
    fan,
    fits_transposed,
    guessed_units,
    mismatch,
    oriented,
    weight_axes,
)


def add_layer(net: Draft, number: int) -> None:
    """Puts the equations of layer `number` into the draft; every complaint about it is noted."""
    layer = net.layers[number - 1]
    source = net.output_of(number - 1)
    _weights(net, number, layer)
    weights = Sym(layer_id(WEIGHTS, number))
    total = _product(net.convention, weights, _with_bias_input(net, source))
    bias = _bias(net, number, layer)
    if bias is not None:
        total = op("add", total, bias)
    for skip in layer.skips:
        if skip.into == "pre":
            total = _added(net, number, total, skip)
    pre, post = layer_id(PRE, number), net.output_of(number)
    net.define(pre, total, "affine", net.axes(), f"pre-activation of layer {number}")
    _neighbours(net, pre, source, layer, "pre")
    result = _activation(net, layer.activation, Sym(pre))
    for skip in layer.skips:
        if skip.into == "post":
            result = _added(net, number, result, skip)
    last = number == len(net.layers)
    words = "prediction" if last else f"output of layer {number}"
    net.define(post, result, rule_of(layer.activation), net.axes(), words)
    _neighbours(net, post, pre, layer, "post")
    if number in net.guessed:
        net.doubtful |= {pre, post}


def _neighbours(net: Draft, of: str, by: str, layer: Layer, into: str) -> None:
    skipped = [net.output_of(skip.source) for skip in layer.skips if skip.into == into]
    known = [name for name in skipped if name in net.shapes]
    net.neighbours += [(of, name) for name in (by, *known)]


# Weights and bias -------------------------------------------------------------------------------


def _weights(net: Draft, number: int, layer: Layer) -> None:
    """The weight matrix and the number of units it gives; a stand-in where it does not fit."""
    name, inputs = layer_id(WEIGHTS, number), expected_inputs(net)
    matrix = as_matrix(layer.weights, net.convention, inputs)
    if matrix is None:
        _complain_of_absent(net, number, layer, inputs)
        units, known = guessed_units(net, number)
        if net.numbers or not known:
            net.doubtful.add(name)
        if not known:
            net.guessed.add(number)
    else:
        have, has = fan(matrix.shape, net.convention)
        units = has
        if have != inputs:
            net.doubtful.add(name)
            if number - 1 not in net.guessed and layer.weights is not None:
                mismatch(net, number, layer.weights.mark, matrix.shape)
                units = have if fits_transposed(net, number, matrix.shape) else has
    net.units.append(units)
    shape = oriented(inputs, units, net.convention)
    value = matrix if matrix is not None and matrix.shape == shape else None
    net.parameter(name, value, shape, weight_axes(net.convention), "weights" in layer.train)
    net.penalised.append((name, "weights"))


def _complain_of_absent(net: Draft, number: int, layer: Layer, inputs: Size) -> None:
    """Solving needs numbers; weights that are there and unreadable were complained of before."""
    if layer.weights is not None or layer.units is None or not net.numbers:
        return
    certain = isinstance(layer.units, int) and number - 1 not in net.guessed
    if certain and isinstance(layer.units, int):
        shape = oriented(inputs, layer.units, net.convention)
        instead = f"weights: {described(shape)}, with numbers in it"
    else:
        instead = "weights: [[…], […]], with numbers"
    net.complaints.add(
        f"layer {number} has no weights: without numbers there is nothing to solve",
        layer.mark,
        instead,
    )


def _product(convention: Convention, weights: Expr, inputs: Expr) -> Expr:
    factor = op("transpose", weights) if convention.transposed else weights
    return op("matmul", inputs, factor) if convention.rows else op("matmul", factor, inputs)


def _with_bias_input(net: Draft, source: str) -> Expr:
    if net.convention.bias == "separate":
        return Sym(source)
    name = "prepend" if net.convention.bias == "first" else "append"
    axis = -1 if net.convention.rows else 0
    return op(name, Sym(source), num(net.convention.bias_input), axis=axis)


def _bias(net: Draft, number: int, layer: Layer) -> Expr | None:
    if (layer.bias is None and not layer.biased) or net.convention.bias != "separate":
        return None
    if layer.biased and net.numbers:
        message = f"the bias of layer {number} has no numbers: without them nothing can be solved"
        net.complaints.add(message, layer.mark, "bias: […], a number for each unit")
    name, units = layer_id(BIAS, number), net.units[-1]
    array = _as_vector(layer.bias) if layer.bias is not None else None
    if layer.bias is not None and (array is None or array.shape not in ((), (units,))):
        net.doubtful.add(name)
        if array is not None and number not in net.guessed:
            _complain_of_bias(net, number, array, layer.bias.mark)
        array = None
    shape: Shape = (units,) if array is None else array.shape
    net.parameter(name, array, shape, ("unit",)[: len(shape)], "bias" in layer.train)
    net.penalised.append((name, "bias"))
    if not shape or net.samples is None:
        return Sym(name)
    return op("row" if net.convention.rows else "column", Sym(name))


def _as_vector(values: Values) -> Array | None:
    """A bias as typed; a row or column of a matrix is the vector it holds."""
    array = values.array
    return (
        array.reshape(-1) if array is not None and array.ndim == 2 and 1 in array.shape else array
    )


def _complain_of_bias(net: Draft, number: int, array: Array, mark: Mark) -> None:
    units = net.units[-1]
    has = "1 unit" if units == 1 else f"{units} units"
    net.complaints.add(
        f"the bias of layer {number} is {described(array.shape)}, and the layer has {has}",
        mark,
        f"a vector of {units}, or a number alone for one bias shared by all",
    )


# Skips ------------------------------------------------------------------------------------------


def _added(net: Draft, number: int, total: Expr, skip: Skip) -> Expr:
    """`total` plus what a skip adds to it; without it where that does not fit."""
    if skip.source >= number:
        return total
    source = net.output_of(skip.source)
    if skip.weights is not None or skip.weighted:
        weights = _skip_weights(net, number, skip, skip.weights)
        return (
            total
            if weights is None
            else op("add", total, _product(net.convention, weights, Sym(source)))
        )
    if net.units[skip.source] == net.units[number]:
        return op("add", total, Sym(source))
    if not net.guessed & {skip.source, number}:
        gives = "x has" if skip.source == 0 else f"layer {skip.source} gives"
        shape = oriented(net.units[skip.source], net.units[number], net.convention)
        net.complaints.add(
            f"{gives} {net.units[skip.source]} numbers and layer {number} has "
            f"{net.units[number]} units: they cannot be added unchanged",
            skip.mark,
            f"weights: {described(shape)} beside `from: {skip.source}`",
        )
    return total


def _skip_weights(net: Draft, number: int, skip: Skip, values: Values | None) -> Expr | None:
    name = layer_id(WEIGHTS, number, skip.source)
    if name in net.shapes:
        net.complaints.add(
            f"layer {number} has two weighted skips from layer {skip.source}",
            skip.mark,
            "one skip, with the sum of the two matrices",
        )
        return None
    inputs, units = net.units[skip.source], net.units[number]
    shape = oriented(inputs, units, net.convention)
    matrix = as_matrix(values, net.convention, inputs)
    if values is not None and (matrix is None or matrix.shape != shape):
        net.doubtful.add(name)
        if matrix is not None and not net.guessed & {skip.source, number}:
            net.complaints.add(
                f"the skip weights from layer {skip.source} into layer {number} are "
                f"{described(matrix.shape)}",
                values.mark,
                described(shape),
            )
        matrix = None
    if skip.weighted and net.numbers:
        message = f"the skip weights from layer {skip.source} into layer {number} have no numbers"
        net.complaints.add(message, skip.mark, f"weights: {described(shape)}")
    trained = "weights" in net.layers[number - 1].train
    net.parameter(name, matrix, shape, weight_axes(net.convention), trained)
    net.penalised.append((name, "weights"))
    return Sym(name)


# The activation ---------------------------------------------------------------------------------


def _activation(net: Draft, activation: Function, z: Expr) -> Expr:
    if activation.formula is not None:
        return _own_activation(net, activation, z)
    name = (activation.name or "linear").replace("-", "_")
    options = {key: _plain(value) for key, value in activation.options}
    if name == "linear" or (name == GENERIC and not _in_letters(net, activation)):
        return z
    if name == "softmax":
        return op("softmax", z, axis=net.unit_axis)
    if name == "step" and net.convention.kinks.step_at_zero != 1:
        options["at_zero"] = _plain(net.convention.kinks.step_at_zero)
    return op(name, z, **options)


def _in_letters(net: Draft, activation: Function) -> bool:
    """Whether f may stand for any activation: nothing is computed with it."""
    if net.numbers:
        message = "`f` stands for any activation, and has no values"
        net.complaints.add(message, activation.mark, "sigmoid; or `units` in place of all numbers")
    return not net.numbers


def _plain(value: float) -> int | float:
    return int(value) if value == int(value) else value


def _own_activation(net: Draft, activation: Function, z: Expr) -> Expr:
    """The formula in place of a name; z itself where there is something wrong with it."""
    assert activation.formula is not None
    formula = parsed(activation.formula, dialect(net.convention), net.complaints, ("z",))
    if formula is None:
        return z
    try:
        expr = per_sample(substitute(formula, {"z": z}), net.unit_axis)
        shape, wanted = net.sizes().shape(expr), net.sizes().shape(z)
    except ShapeError as error:
        net.complaints.add(f"in this activation, {error}", activation.formula.mark, error.instead)
        return z
    if shape != wanted:
        net.complaints.add(
            f"this activation makes {described(shape)} of {described(wanted)}",
            activation.formula.mark,
            "a formula entry by entry, such as z * sigmoid(z)",
        )
        return z
    return expr
