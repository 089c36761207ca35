"""Weights and incoming gradients as typed to the arrays they stand for, or what does not fit."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, op
from backprop_cli.algebra.shapes import Shape, Size, described, plus
from backprop_cli.errors import Complaints, Mark
from backprop_cli.problem.ids import UnknownIdError, reference
from backprop_cli.problem.model import Array
from backprop_cli.problem.model_builder import Draft
from backprop_cli.problem.problem_data import Convention, Problem, Text, Values
from backprop_cli.problem.typed_numbers import shown


def as_matrix(values: Values | None, convention: Convention, inputs: Size) -> Array | None:
    """The matrix; a flat list is the weights of one unit, or of several with one input each."""
    if values is None or values.array is None:
        return None
    array = values.array
    if array.ndim == 2:
        return array
    units = array.size if inputs == 1 else 1
    fitting = (array.size // units, units)
    return array.reshape(fitting[::-1] if weight_axes(convention)[0] == "unit" else fitting)


def oriented(inputs: Size, units: Size, convention: Convention) -> Shape:
    """The shape of a weight matrix as the convention writes it."""
    return (units, inputs) if weight_axes(convention)[0] == "unit" else (inputs, units)


def weight_axes(convention: Convention) -> tuple[str, str]:
    """What the two axes of a weight matrix run over."""
    units_first = convention.affine in ("W x + b", "x W^T + b")
    return ("unit", "input") if units_first else ("input", "unit")


def product(convention: Convention, weights: Expr, inputs: Expr) -> Expr:
    """The weights times what comes in, as the convention writes it."""
    factor = op("transpose", weights) if convention.transposed else weights
    return op("matmul", inputs, factor) if convention.rows else op("matmul", factor, inputs)


def fan(shape: tuple[int, ...], convention: Convention) -> tuple[int, int]:
    """How many inputs and units a weight matrix has."""
    return (shape[1], shape[0]) if weight_axes(convention)[0] == "unit" else (shape[0], shape[1])


def expected_inputs(net: Draft) -> Size:
    """How many inputs the next layer's weights take, the bias among them if that is where it is."""
    return plus(net.units[-1], 1) if net.convention.bias != "separate" else net.units[-1]


def guessed_units(net: Draft, number: int) -> tuple[Size, bool]:
    """How many units a layer has whose weights cannot be read, and whether that is certain."""
    layer = net.layers[number - 1]
    bias = layer.bias.array if layer.bias is not None else None
    if bias is not None and bias.ndim and net.convention.bias == "separate":
        return bias.size, True
    if layer.units is not None:
        return layer.units, True
    if number < len(net.layers):
        following = net.layers[number].weights
        if following is not None and following.array is not None and following.array.ndim == 2:
            inside = net.convention.bias != "separate"
            return max(fan(following.array.shape, net.convention)[0] - inside, 1), False
    return 1, False


def fits_transposed(net: Draft, number: int, shape: tuple[int, ...]) -> bool:
    """Whether the matrix fits the other way round, and the bias does not speak against it."""
    have, units = fan(shape, net.convention)
    bias = net.layers[number - 1].bias
    length = bias.array.size if bias is not None and bias.array is not None else 1
    return units == expected_inputs(net) and length in (1, have)


def _all_fit(net: Draft, convention: Convention) -> bool:
    """Whether every layer fits as `convention` says, whatever the file says of it."""
    inside = convention.bias != "separate"
    inputs = net.units[0]
    for layer in net.layers:
        array = layer.weights.array if layer.weights is not None else None
        if array is None or array.ndim != 2 or (inside and layer.bias is not None):
            return False
        have, units = fan(array.shape, convention)
        if have != (plus(inputs, 1) if inside else inputs):
            return False
        inputs = units
    return True


def _meant_convention(net: Draft) -> str | None:
    """The convention, written as in a file, with which all layers fit that do not as it is."""
    other = _other_way(net.convention)
    tried = ({"affine": other}, {"bias": "first"}, {"affine": other, "bias": "first"})
    for changed in tried:
        if _all_fit(net, replace(net.convention, **changed)):
            return "{" + ", ".join(f"{key}: {value}" for key, value in changed.items()) + "}"
    return None


def mismatch(net: Draft, number: int, mark: Mark, shape: tuple[int, ...]) -> Size:
    """Complains of weights that do not take what comes in; how many units were probably meant."""
    if (matrix := _rows_meant(net, number)) is not None:
        inputs, units = fan(matrix.shape, net.convention)
        message = f"the weights of layer {number} are one row, and it has {inputs} inputs"
        rows = ", ".join(f"[{', '.join(f'{entry:g}' for entry in row)}]" for row in matrix)
        net.complaints.add(message, mark, f"[{rows}], a list of rows")
        return units
    have, units = fan(shape, net.convention)
    expected = expected_inputs(net)
    before = "x has" if number == 1 else f"layer {number - 1} gives"
    extra = "" if net.convention.bias == "separate" else ", and the bias is one more"
    takes = "1 input" if have == 1 else f"{have} inputs"
    wanted = described(oriented(expected, units, net.convention))
    samples = _samples_meant(net, have) if number == 1 else None
    if turned := fits_transposed(net, number, shape):
        wanted = described(oriented(expected, have, net.convention))
        wanted += " (yours transposed)"
    if samples:
        wanted += f", or x: {samples}"
    elif meant := _meant_convention(net):
        wanted += f", or convention: {meant}"
    steps = net.positions_into(number)
    if steps is not None and have == expected * steps:
        wanted += ", or - {type: flatten} in the line before it, for all steps at once"
    at_each = "" if steps is None else " at each step"
    net.complaints.add(
        f"the weights of layer {number} are {described(shape)}, which with "
        f"{net.convention.affine} takes {takes}; {before} {net.units[-1]}{at_each}{extra}",
        mark,
        wanted,
    )
    return have if turned else units


def _rows_meant(net: Draft, number: int) -> Array | None:
    """The matrix of weights typed one after another, where that comes out even."""
    values, inputs = net.layers[number - 1].weights, expected_inputs(net)
    if values is None or values.array is None or values.array.ndim != 1:
        return None
    if not isinstance(inputs, int) or inputs < 2 or values.array.size % inputs:
        return None
    rows = values.array.size // inputs
    units_first = weight_axes(net.convention)[0] == "unit"
    return values.array.reshape((rows, inputs) if units_first else (inputs, rows))


def _samples_meant(net: Draft, inputs: int) -> str | None:
    """What x was probably meant to be: a column typed for a vector, or samples typed flat."""
    x = net.problem.x.array if net.problem.x is not None else None
    if x is None or net.convention.bias != "separate":
        return None
    if x.ndim == 1 and inputs == 1:
        return f"[[…], […]] for {x.size} samples of one number each"
    if x.ndim == 2 and x.shape[1] == 1 and x.shape[0] == inputs:
        return f"[…] for one sample of {inputs} numbers"
    return None


def _other_way(convention: Convention) -> str:
    others = {"W x + b": "W^T x + b", "W^T x + b": "W x + b", "x W + b": "x W^T + b"}
    return others.get(convention.affine, "x W + b")


def upstream(
    problem: Problem,
    complaints: Complaints,
    known: Collection[str],
    shapes: Mapping[str, Shape],
    aliases: Mapping[str, str],
) -> dict[str, Array]:
    """The gradient that reaches each quantity from outside; `shapes` are those that are certain."""
    found: dict[str, Array] = {}
    for text, values in problem.upstream.values():
        name = _quantity(text, known, aliases, complaints)
        if name is None:
            continue
        if name in found:
            complaints.add(f"the gradient of {name} is given twice", text.mark, "one of the two")
        elif values.array is not None and name in shapes:
            array = fitted(values.array, shapes[name], name, values.mark, complaints)
            if array is not None:
                found[name] = array
    return found


def _quantity(
    text: Text, known: Collection[str], aliases: Mapping[str, str], complaints: Complaints
) -> str | None:
    try:
        found = reference(text.text, known, "", aliases)
    except UnknownIdError as unknown:
        complaints.add(str(unknown), text.mark, unknown.instead)
        return None
    if found.index is not None:
        message = f"{shown(text.text)} is one entry: the gradient of a quantity is given as a whole"
        complaints.add(message, text.mark, f"{found.id}: all its entries, 0 for the others")
        return None
    return found.id


def fitted(
    array: Array, shape: Shape, name: str, mark: Mark, complaints: Complaints
) -> Array | None:
    """Numbers in the shape of the quantity they belong to; None, with a complaint, if in another.

    A flat list will do for a single row or column, and a number alone for a single entry.
    """
    sizes = tuple(size for size in shape if isinstance(size, int))
    if len(sizes) < len(shape):
        message = f"{name} has letters for sizes, and what is given for it has numbers"
        complaints.add(message, mark, "leave it out")
        return None
    flat = array.ndim < len(sizes) and array.size == np.prod(sizes) and array.size in (1, *sizes)
    if flat or array.shape == sizes or array.size == 1 == np.prod(sizes):
        return array.reshape(sizes)
    complaints.add(
        f"{name} is {described(shape)}, and what is given for it is {described(array.shape)}",
        mark,
        described(shape),
    )
    return None
