"""Layers that take a picture: their keys, and what they make of a matrix or a list of channels."""

from __future__ import annotations

from backprop_cli.algebra.expr import Sym, op
from backprop_cli.problem.layer_types.activated import activated, put_out, rule_behind
from backprop_cli.problem.layer_types.layer_type import LayerType
from backprop_cli.problem.model_builder import Draft


def _flatten(net: Draft, number: int) -> None:
    source = net.output_of(number - 1)
    if source in net.doubtful:
        net.stand_in(number, ())
        return
    flat = op("flatten", Sym(source))
    result = activated(net, net.layers[number - 1].activation, flat)
    rule = rule_behind(net.layers[number - 1].activation, "flatten")
    put_out(net, number, result, rule, ("unit",))
    net.units.append(net.shapes[net.output_of(number)][0])
    net.neighbours.append((net.output_of(number), source))


PICTURES = (
    LayerType(
        "flatten",
        "a picture as one vector: channel by channel, row by row",
        {},
        _flatten,
        "{type: flatten}",
        also="flat reshape",
    ),
)
