"""The table of layer types: every type by its name, and a layer to the equations of its type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from backprop_cli.algebra.quantity import layer_id
from backprop_cli.problem.layer_types.dense import DENSE
from backprop_cli.problem.layer_types.in_steps import IN_STEPS
from backprop_cli.problem.layer_types.layer_type import LayerType
from backprop_cli.problem.layer_types.pictures import PICTURES
from backprop_cli.problem.layer_types.recurrent import RECURRENT
from backprop_cli.problem.model_builder import Draft
from backprop_cli.problem.problem_data import Layer, Values

TYPES: MappingProxyType[str, LayerType] = MappingProxyType(
    {kind.name: kind for kind in (DENSE, *PICTURES, *IN_STEPS, *RECURRENT)}
)


def add_layer(net: Draft, number: int) -> None:
    """Puts the equations of layer `number` into the draft; every complaint about it is noted."""
    TYPES[net.layers[number - 1].type].build(net, number)


def stated_parameters(number: int, layer: Layer) -> Iterator[tuple[str, Values]]:
    """The ids of the parameters of a layer whose numbers the file states, and those numbers."""
    for key, letter in TYPES[layer.type].parameters.items():
        if (values := layer.numbers(key)) is not None:
            yield layer_id(letter, number), values
        elif isinstance(gates := layer.own.get(key), Mapping):
            yield from (
                (f"{layer_id(letter, number)}_{gate}", each) for gate, each in gates.items()
            )
    for skip in layer.skips:
        if skip.weights is not None:
            yield layer_id("W", number, skip.source), skip.weights
