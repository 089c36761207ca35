"""Dense layers: their keys, and their equations, Z from what comes in and H or Yhat from Z."""

from __future__ import annotations

from backprop_cli.algebra.expr import Expr, Sym, num, op, symbols
from backprop_cli.algebra.quantity import at_step, layer_id
from backprop_cli.algebra.shapes import Shape, Size, described
from backprop_cli.errors import Mark
from backprop_cli.problem.file_format.composed_fields import ListOf
from backprop_cli.problem.file_format.fields import (
    NOT_NEGATIVE,
    Choice,
    Integer,
    Numbers,
    NumbersOrTrue,
)
from backprop_cli.problem.file_format.fields import Size as SizeField
from backprop_cli.problem.file_format.records import Given, Key, Record
from backprop_cli.problem.fitted_arrays import (
    as_matrix,
    expected_inputs,
    fan,
    guessed_units,
    mismatch,
    oriented,
    product,
    weight_axes,
)
from backprop_cli.problem.layer_types.layer_type import LayerType, activated, dropped_at, put_out
from backprop_cli.problem.model import Array
from backprop_cli.problem.model_builder import BIAS, PRE, WEIGHTS, Draft, rule_of
from backprop_cli.problem.problem_data import Layer, Skip, Values
from backprop_cli.problem.text import other_keys


def _skip(given: Given) -> Skip:
    weights = given.get("weights")
    return Skip(
        given.get("from", 0),
        weights if isinstance(weights, Values) else None,
        weights is True,
        given.get("into", "pre"),
        given.mark,
    )


SKIP = Record(
    "a skip",
    {
        "from": Key(
            Integer(NOT_NEGATIVE), "the layer whose output is added; 0 is x", required=True
        ),
        "weights": Key(
            NumbersOrTrue(),
            "the matrix it is multiplied by (`true` without numbers); unchanged without one",
        ),
        "into": Key(Choice(("pre", "post")), "added before or after the activation", default="pre"),
    },
    _skip,
    "{from: 0}",
)


def added(net: Draft, number: int, total: Expr, skip: Skip) -> Expr:
    """`total` plus what a skip adds to it; without it where that does not fit."""
    if skip.source >= number or not _is_vector(net, skip):
        return total
    source = net.output_of(skip.source)
    if skip.weights is not None or skip.weighted:
        weights = _skip_weights(net, number, skip, skip.weights)
        return (
            total
            if weights is None
            else op("add", total, product(net.convention, weights, Sym(source)))
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


def _is_vector(net: Draft, skip: Skip) -> bool:
    """Whether a layer that a skip comes from gives vectors, as the one that it goes into does."""
    shape = net.shapes.get(net.output_of(skip.source))
    if shape is not None and len(shape) == len(net.axes()):
        return True
    what = "pictures" if shape is None or net.input == "pictures" else described(shape)
    gives = "what x holds is" if skip.source == 0 else f"what layer {skip.source} gives is"
    message = f"{gives} {what}, and a skip adds vectors"
    net.complaints.add(message, skip.mark, "a skip from a layer behind the flattening")
    return False


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


def _check(given: Given) -> None:
    if not given.has("weights") and not given.has("units"):
        instead = "weights: [[3, 6], [4, 5]], or units: N1 where there are no numbers"
        if len(given.entries) == 1:  # each key of one layer may have a dash
            first = next(iter(given.entries))
            instead = f"{first} without `- ` if it belongs to the layer above, or {instead}"
        given.complain("weights", "this layer has neither `weights` nor `units`", instead)
    if given.has("weights") and given.has("units"):
        given.complain("units", "the weights say how many units there are: leave `units` out")


def add_dense(net: Draft, number: int) -> None:
    """Puts the equations of a dense layer into the draft; every complaint about it is noted."""
    layer = net.layers[number - 1]
    steps = net.positions_into(number)
    if steps is None and not net.takes_vector(number):
        return
    _weights(net, number, layer)
    bias = _bias(net, number, layer)
    if steps is not None:
        _over_time(net, number, bias, steps)
        return
    source = net.output_of(number - 1)
    total = _total(net, number, Sym(source), bias)
    for skip in layer.skips:
        if skip.into == "pre":
            total = added(net, number, total, skip)
    pre, post = layer_id(PRE, number), net.output_of(number)
    net.define(pre, total, "affine", net.axes(), f"pre-activation of layer {number}")
    _neighbours(net, pre, source, layer, "pre")
    result = activated(net, number, Sym(pre))
    for skip in layer.skips:
        if skip.into == "post":
            result = added(net, number, result, skip)
    put_out(net, number, result, rule_of(layer.activation), net.axes())
    _neighbours(net, post, pre, layer, "post")
    if number in net.guessed:
        net.doubtful |= {pre, post}


def _total(net: Draft, number: int, source: Expr, bias: Expr | None) -> Expr:
    """W x + b."""
    weights = Sym(layer_id(WEIGHTS, number))
    total = product(net.convention, weights, _with_bias_input(net, source))
    return total if bias is None else op("add", total, bias)


def _over_time(net: Draft, number: int, bias: Expr | None, steps: int) -> None:
    """The same weights at every step of what comes in, or at the last one alone."""
    layer, output = net.layers[number - 1], net.output_of(number)
    if layer.skips:
        message = f"layer {number} is behind a layer over time, where there are no skips"
        net.complaints.add(message, layer.skips[0].mark, "leave it out")
    last = net.at_last(number)
    for t in [steps] if last else range(1, steps + 1):
        source = net.input_at(number - 1, t)
        pre = layer_id(PRE, number, None if last else t)
        post = output if last else at_step(output, t)
        total = _total(net, number, source, bias)
        net.define(pre, total, "affine", ("unit",), f"pre-activation of layer {number}")
        result = activated(net, number, Sym(pre))
        if last:
            put_out(net, number, result, rule_of(layer.activation), ("unit",))
        else:
            words = "prediction" if number == len(net.layers) else f"output of layer {number}"
            result = dropped_at(net, number, result, t, steps)
            net.define(post, result, rule_of(layer.activation), ("unit",), words)
        net.neighbours += [(pre, name) for name in symbols(source)]
        net.neighbours.append((post, pre))
    if not last:
        net.add_over_time([layer_id(PRE, number), output], steps)
        net.put_out_over_time(number, output, steps)


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
        have, units = fan(matrix.shape, net.convention)
        if have != inputs:
            net.doubtful.add(name)
            if number - 1 not in net.guessed and layer.weights is not None:
                units = mismatch(net, number, layer.weights.mark, matrix.shape)
    net.units.append(units)
    shape = oriented(inputs, units, net.convention)
    value = matrix if matrix is not None and matrix.shape == shape else None
    net.parameter(name, value, shape, weight_axes(net.convention), "weights" in layer.train)
    net.penalised.append((name, "weights" if net.convention.bias == "separate" else "both"))


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


def _with_bias_input(net: Draft, source: Expr) -> Expr:
    if net.convention.bias == "separate":
        return source
    name = "prepend" if net.convention.bias == "first" else "append"
    axis = -1 if net.convention.rows else 0
    return op(name, source, num(net.convention.bias_input), axis=axis)


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


DENSE = LayerType(
    "dense",
    "every unit takes all inputs, each times a weight",
    {
        "weights": Key(Numbers(), "the matrix, oriented as `affine` says"),
        "units": Key(SizeField(), "how many units, in a problem without numbers"),
        "bias": Key(
            NumbersOrTrue(),
            "a vector, or one number that the units share; absent: none; `true` without numbers",
        ),
        "at": Key(
            Choice(("every-step", "last-step")),
            "behind a layer over time, or a sequence: at every step, or at the last one alone",
            default="every-step",
        ),
        "skip": Key(ListOf(SKIP, "a list of skips, such as [{from: 0}]"), "what else is added"),
    },
    add_dense,
    "{weights: [[3, 6], [4, 5]], bias: [1, -6], activation: sigmoid}",
    {"weights": WEIGHTS, "bias": BIAS},
    (PRE, "H"),
    _check,
    "linear fc fullyconnected affine",
    other_keys.OF_LAYER,
)
