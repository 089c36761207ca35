"""What every type of layer has: its record, and what comes behind its own formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, num, op, substitute
from backprop_cli.algebra.quantity import layer_id
from backprop_cli.algebra.shapes import Shape, ShapeError, described
from backprop_cli.operations.table import operation
from backprop_cli.problem.file_format.function_names import GENERIC
from backprop_cli.problem.file_format.records import NOTHING, Given, Key
from backprop_cli.problem.model_builder import Draft, rule_of
from backprop_cli.problem.problem_data import TRAINED_SLOPE, Dropout, Function, Values
from backprop_cli.problem.text.formula_texts import Scope, dialect, parsed


def _nothing(_: Given) -> None:
    """No more to check than the keys say."""


class LayerType(Struct, frozen=True):
    """One type of layer.

    `words` say what it does. `keys` are those it has beside the ones of every layer; what a key is
    if the file does not say it is its default. `parameters` maps the keys that hold numbers to the
    letter of their id, in the order of a derivation: `{"weights": "W"}` is W1 in layer 1. `ids` are
    the letters of what is computed, what the layer puts out last. `build(net, number)` puts the
    equations of layer `number` into the draft, and notes every complaint about it. `check` notes
    what its keys together say wrong. `also` are names that people bring from elsewhere, `meant`
    their names of keys. `activation` is the one that it has if the file does not say it.
    """

    name: str
    words: str
    keys: Mapping[str, Key]
    build: Callable[[Draft, int], None]
    example: str
    parameters: Mapping[str, str] = NOTHING
    ids: tuple[str, ...] = ("H",)
    check: Callable[[Given], None] = _nothing
    also: str = ""
    meant: Mapping[str, str] = NOTHING
    activation: str = "linear"


def put_out(net: Draft, number: int, result: Expr, rule: str, axes: tuple[str, ...]) -> None:
    """Defines what layer `number` puts out, in the words of what it is to the network."""
    last = number == len(net.layers)
    words = "prediction" if last else f"output of layer {number}"
    dropout = net.layers[number - 1].dropout
    if dropout is not None:
        result = _dropped(net, number, result, dropout, axes)
    net.define(net.output_of(number), result, rule, axes, words)


def _dropped(
    net: Draft, number: int, result: Expr, dropout: Dropout, axes: tuple[str, ...]
) -> Expr:
    """The outputs that are kept, divided by how many of them are on average."""
    shape, mask = net.sizes().shape(result), dropout.mask.array
    assert mask is not None
    if net.samples is not None and mask.ndim == len(shape) and not net.convention.rows:
        mask = mask.T
    each = net.samples is not None and mask.ndim == 1  # one mask for every sample
    if mask.shape != ((shape[axes.index("unit")],) if each else shape):
        _complain_of_mask(net, number, dropout.mask, shape)
        return result
    name = layer_id("D", number)
    net.give(name, mask, ("unit",) if each else axes, "data")
    kept: Expr = Sym(name)
    if each:
        kept = op("row" if net.convention.rows else "column", kept)
    return op("div", op("mul", kept, result), num(dropout.keep))


def dropped_at(
    net: Draft,
    number: int,
    result: Expr,
    step: int,
    steps: int,
    axes: tuple[str, ...] = ("step", "unit"),
) -> Expr:
    """What dropout, if the layer has one, leaves at a step: by one mask for all, or one each."""
    dropout = net.layers[number - 1].dropout
    if dropout is None or dropout.mask.array is None:
        return result
    units, mask = net.sizes().shape(result), dropout.mask.array
    if mask.shape not in (units, (steps, *units)):
        _complain_of_mask(net, number, dropout.mask, (steps, *units))
        return result
    name = layer_id("D", number)
    net.give(name, mask, axes[-mask.ndim :], "data")
    kept: Expr = Sym(name) if mask.ndim < len(axes) else op("at", Sym(name), index=(step - 1,))
    return op("div", op("mul", kept, result), num(dropout.keep))


def _complain_of_mask(net: Draft, number: int, mask: Values, shape: Shape) -> None:
    assert mask.array is not None
    message = f"the mask of layer {number} is {described(mask.array.shape)}"
    message += f", and the layer gives {described(shape)}"
    net.complaints.add(message, mask.mark, "mask: a 1 or 0 for each of these")


def activated(net: Draft, number: int, z: Expr) -> Expr:
    """The activation of z, which is what layer `number` computes or an equation's name for it."""
    activation = net.layers[number - 1].activation
    if activation.formula is not None:
        return _own_activation(net, activation, z)
    name = (activation.name or "linear").replace("-", "_")
    options = {key: build.plain(value) for key, value in activation.options}
    if name == "linear" or (name == GENERIC and not _in_letters(net, activation)):
        return z
    if name == "softmax":
        return _softmax(net, activation, z)
    if name == TRAINED_SLOPE:
        return _with_trained_slope(net, number, z)
    if name == "step" and net.convention.kinks.step_at_zero != 1:
        options["at_zero"] = build.plain(net.convention.kinks.step_at_zero)
    return op(name, z, **options)


def _with_trained_slope(net: Draft, number: int, z: Expr) -> Expr:
    """z, and below 0 times a slope that the units of the layer share and that is trained."""
    layer, name = net.layers[number - 1], layer_id("alpha", number)
    if name not in net.shapes:  # over time it is the same at every step
        slope = np.asarray(dict(layer.activation.options)["slope"], dtype=np.float64)
        has_others = any(isinstance(each, Values) for each in layer.own.values())
        net.parameter(name, slope, (), (), bool(layer.train) or not has_others)
    below = build.mul(Sym(name), op("minimum", build.ZERO, z))
    return build.add(op("maximum", build.ZERO, z), below)


def rule_behind(activation: Function, rule: str) -> str:
    """The stable name of the step that computes something and applies an activation to it."""
    return rule if activation.name == "linear" else rule_of(activation)


def _softmax(net: Draft, activation: Function, z: Expr) -> Expr:
    shape = net.sizes().shape(z)
    if net.samples is None and len(shape) > 1:
        message = f"softmax is taken of a vector, and this layer gives {described(shape)}"
        instead = "`- {type: flatten}` in between, or another activation"
        net.complaints.add(message, activation.mark, instead)
        return z
    return op("softmax", z, axis=net.unit_axis)


def _in_letters(net: Draft, activation: Function) -> bool:
    """Whether f may stand for any activation: nothing is computed with it."""
    if net.numbers:
        message = "`f` stands for any activation, and has no values"
        net.complaints.add(message, activation.mark, "sigmoid; or `units` in place of all numbers")
    return not net.numbers


def _own_activation(net: Draft, activation: Function, z: Expr) -> Expr:
    """The formula in place of a name; z itself where there is something wrong with it."""
    assert activation.formula is not None
    formula = parsed(activation.formula, dialect(net.convention), net.complaints, Scope(("z",)))
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


# One sample, and a batch --------------------------------------------------------------------------


def per_sample(expr: Expr, unit_axis: int | None) -> Expr:
    """The formula with every reduction taken over the units of each sample alone.

    ShapeError where it uses an operation that has no entry-by-entry reading.
    """
    if unit_axis is None or not isinstance(expr, Op):
        return expr
    args = tuple(per_sample(arg, unit_axis) for arg in expr.args)
    record = operation(expr)
    if args and not (record.elementwise or record.along):
        raise ShapeError(
            f"'{expr.name}' does not say what happens to each sample of a batch",
            "sum(a * b) instead of a product of vectors",
        )
    if record.reduces and "keep" not in record.options:
        raise ShapeError(f"'{expr.name}' has no form for each sample of a batch")
    if record.reduces:
        return op(expr.name, *args, axis=unit_axis, keep=1)
    if record.along:
        return op(expr.name, *args, axis=unit_axis)
    return Op(expr.name, args, expr.options)
