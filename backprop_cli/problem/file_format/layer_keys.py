"""The table of layer types, and what a file may say about a layer of each -> data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.quantity import layer_id
from backprop_cli.errors import Complaints
from backprop_cli.problem.file_format.composed_fields import ByKind, ListOf, Made
from backprop_cli.problem.file_format.fields import (
    Boolean,
    Bounds,
    Choice,
    Number,
    Numbers,
    Schema,
    unexpected,
)
from backprop_cli.problem.file_format.function_names import ACTIVATION, ACTIVATIONS
from backprop_cli.problem.file_format.records import Given, Key, Record
from backprop_cli.problem.layer_types.dense import DENSE
from backprop_cli.problem.layer_types.in_steps import IN_STEPS
from backprop_cli.problem.layer_types.layer_type import LayerType
from backprop_cli.problem.layer_types.pictures import PICTURES
from backprop_cli.problem.layer_types.recurrent import RECURRENT
from backprop_cli.problem.model_builder import Draft
from backprop_cli.problem.problem_data import Dropout, Function, Layer, Values
from backprop_cli.problem.text.other_keys import folded
from backprop_cli.problem.text.tree import ListNode, MapNode, Node, ScalarNode
from backprop_cli.problem.typed_numbers import shown

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


_DEFAULT: Final = "dense"
_AFTER = {folded(name): f"activation: {name} in the layer before it" for name in ACTIVATIONS}
_ALSO = MappingProxyType(
    {
        **_AFTER,
        **{word: kind.name for kind in TYPES.values() for word in kind.also.split()},
    }
)
TYPE = Key(Choice(tuple(TYPES), folded, _ALSO), "what kind of layer it is", default=_DEFAULT)
_ACTIVATION = Key(ACTIVATION, "a name, {name: …, constants} or {formula: …}", default="linear")


def _dropout(given: Given) -> Dropout | None:
    mask, keep = given.get("mask"), given.get("keep")
    if not isinstance(mask, Values) or mask.array is None or keep is None:
        return None
    if not np.isin(mask.array, (0, 1)).all():
        given.complain("mask", "a mask has a 1 for each unit that is kept, and else 0", _MASK)
        return None
    return Dropout(mask, keep)


_MASK = "mask: [1, 0, 1]"
_DROPOUT = Key(
    Record(
        "a dropout",
        {
            "mask": Key(
                Numbers(deepest=4), "1 for a unit that is kept, else 0; a list a sample", True
            ),
            "keep": Key(
                Number(Bounds(above=0, at_most=1)), "what those that are kept are divided by", True
            ),
        },
        _dropout,
        "{mask: [1, 0, 1], keep: 0.5}",
        {"p": "keep, which is 1 - p", "rate": "keep, which is 1 - rate"},
    ),
    "which outputs are kept, behind the activation",
)


def _train(kind: LayerType) -> Key:
    """What is trained: nothing, or some of the keys that hold numbers."""
    names = tuple(kind.parameters)
    words = " and ".join(f"`{name}`" for name in names)
    field = ByKind(
        f"`false`, or a list of {words}",
        scalar=Made(
            Boolean(), lambda trained, node, complaints: frozenset(names if trained else ())
        ),
        listed=Made(
            ListOf(Choice(names), f"a list of {words}"),
            lambda chosen, node, complaints: frozenset(chosen),
        ),
        instead=f"false, or [{names[0]}]",
    )
    return Key(field, "`false`, or the list of what is trained")


def _record(kind: LayerType) -> Record[Layer]:
    trained = {"train": _train(kind)} if kind.parameters else {}

    def made(given: Given) -> Layer:
        if "type" in given.meant:  # under another name: of which type it is that tells
            return Layer(mark=given.mark)
        kind.check(given)
        return Layer(
            kind.name,
            {key: given.get(key, what.default) for key, what in kind.keys.items()},
            given.get("activation", Function(kind.activation)),
            given.get("dropout"),
            given.get("train", frozenset(kind.parameters)),
            given.mark,
        )

    default = kind.name == _DEFAULT
    activation = replace(_ACTIVATION, default=kind.activation)
    type_ = TYPE if default else replace(TYPE, required=True, default=None)
    return Record(
        "a layer" if default else f"a layer of type `{kind.name}`",
        {"type": type_, **kind.keys, "activation": activation, "dropout": _DROPOUT, **trained},
        made,
        kind.example,
        {**_types_as_keys(), **kind.meant} if default else kind.meant,
        MappingProxyType({key: owners for key in _others(kind) if (owners := _owners(key))}),
    )


def _types_as_keys() -> dict[str, str]:
    """By each name of a type, where it stands as a key (`maxpool: 2`), what to write instead."""
    return {
        word: kind.example[1:-1]
        for kind in TYPES.values()
        if kind.name != _DEFAULT
        for word in (folded(kind.name), *kind.also.split())
    }


def _others(kind: LayerType) -> dict[str, None]:
    """The keys of other types that this one does not have."""
    every = dict.fromkeys(key for other in TYPES.values() for key in other.keys)
    return {key: None for key in every if key not in kind.keys}


def _owners(key: str) -> str:
    """The types that have a key, in words."""
    names = [f"`{kind.name}`" for kind in TYPES.values() if key in kind.keys]
    return " or ".join(names)


RECORDS: Mapping[str, Record[Layer]] = MappingProxyType(
    {name: _record(kind) for name, kind in TYPES.items()}
)
"""What a file may say of a layer, by its type."""


class LayerField(Struct, frozen=True):
    """A layer: a mapping whose keys depend on its `type`."""

    words = "a mapping (`key: value`)"

    def read(self, node: Node, name: str, complaints: Complaints) -> Layer | None:
        if not isinstance(node, MapNode):
            unexpected(node, name, self, complaints, self._instead(node))
            return None
        node = _without_its_name(node, complaints)
        kind = _type_of(node, complaints)
        return RECORDS[kind].read(node, name, complaints) if kind else Layer(mark=node.mark)

    def _instead(self, node: Node) -> str | None:
        """What to write for a number of units, a type, or an activation that stands alone."""
        text = node.text if isinstance(node, ScalarNode) else ""
        named = folded(text)
        if named in _AFTER:
            return f"{_AFTER[named]}, or {{weights: [[3, 6], [4, 5]], activation: {text}}}"
        kind = next((name for name in TYPES if folded(name) == named), _DEFAULT)
        with_numbers = TYPES[kind].example
        return (
            f"{{units: {text}}} without numbers, or {with_numbers}"
            if text.isdecimal()
            else with_numbers
        )

    def schema(self) -> Schema:
        return {"anyOf": [_of_type(name, record.schema()) for name, record in RECORDS.items()]}


def _of_type(name: str, schema: Schema) -> Schema:
    """The schema of a layer with the one type that it is for."""
    said = {**schema["properties"]["type"], "enum": [name, name.replace("-", "_")]}
    return {**schema, "properties": {**schema["properties"], "type": said}}


def _without_its_name(node: MapNode, complaints: Complaints) -> MapNode:
    """The keys of a layer that stand one level too deep, as under `Linear`; the complaint."""
    if len(node.entries) != 1:
        return node
    ((name, entry),) = node.entries.items()
    if not isinstance(entry.value, MapNode) or any(name in one.keys for one in RECORDS.values()):
        return node
    kind = next((f"type: {one}, " for one in TYPES if folded(one) == folded(name)), "")
    keys = ", ".join(f"{key}: …" for key in entry.value.entries)
    message = f"the keys of a layer stand in its own line, not under {shown(name)}"
    complaints.add(message, entry.key.mark, f"{{{kind}{keys}}}")
    return entry.value


def _type_of(node: MapNode, complaints: Complaints) -> str | None:
    """The type of a layer; None, with a complaint, where there is no such type.

    A layer that does not say it and has keys of another type alone is taken for one of that.
    """
    if (said := node.entries.get("type")) is not None:
        return TYPE.field.read(said.value, "`type`", complaints)
    if any(key in TYPES[_DEFAULT].keys for key in node.entries):
        return _DEFAULT
    for key, entry in node.entries.items():
        owners = [kind.name for kind in TYPES.values() if key in kind.keys]
        if owners:
            message = f"`{key}` is a key of layers of type {_owners(key)}: which is this?"
            complaints.add(message, entry.key.mark, f"type: {owners[0]}, beside it")
            return owners[0]
    return _DEFAULT


def type_named(said: str | None) -> LayerType:
    """The type that the text at `type` names in a file that could be read."""
    names = {folded(name): name for name in TYPES}
    return TYPES[names.get(folded(said or ""), _DEFAULT)]


class Layers(ListOf[Layer], frozen=True):
    """A list of them; those that have names, or are one without a dash, are told and read on."""

    def read(self, node: Node, name: str, complaints: Complaints) -> tuple[Layer, ...] | None:
        if isinstance(node, MapNode) and (items := _without_names(node)):
            keys = ", ".join(f"{key}: …" for key in items[0].entries)
            each = ", and so on, a line each" if len(items) > 1 else ""
            unexpected(node, name, self, complaints, f"- {{{keys}}}{each}")
            node = ListNode(node.line, node.column, [*items])
        return ListOf.read(self, node, name, complaints)


def _without_names(node: MapNode) -> list[MapNode]:
    """The layers of a mapping from names to them; a mapping that is one layer itself."""
    if any(key in one.keys for key in node.entries for one in RECORDS.values()):
        return [node]
    values = [entry.value for entry in node.entries.values()]
    found = [value for value in values if isinstance(value, MapNode)]
    return found if len(found) == len(values) else []


LAYERS = Layers(LayerField(), "a list of layers")
