"""Skips: what a dense layer adds from an earlier one, as keys of the file and as equations."""

from __future__ import annotations

from backprop_cli.algebra.expr import Expr, Sym, op
from backprop_cli.algebra.quantity import layer_id
from backprop_cli.algebra.shapes import described
from backprop_cli.problem.file_format.fields import NOT_NEGATIVE, Choice, Integer, NumbersOrTrue
from backprop_cli.problem.file_format.records import Given, Key, Record
from backprop_cli.problem.model_builder import WEIGHTS, Draft
from backprop_cli.problem.problem_data import Skip, Values
from backprop_cli.problem.weights import as_matrix, oriented, product, weight_axes


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
    if skip.source >= number:
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
