"""Weights, biases and activations beside the keys of a file -> the layers that they are.

`W1`, `b1`, `W2`, `b2` and one `activation` are how a network is written on paper, and in programs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from backprop_cli.errors import Complaints
from backprop_cli.problem.text.other_keys import folded
from backprop_cli.problem.text.tree import (
    Entry,
    ListNode,
    MapNode,
    Node,
    ScalarNode,
    flow_text,
)
from backprop_cli.problem.typed_numbers import shown

_is_weight = partial(re.fullmatch, r"(?i)(?:w|weights?)_?(\d{1,3})")
_is_bias = partial(re.fullmatch, r"(?i)(?:b|bias(?:es)?)_?(\d{1,3})")
_are_sizes = partial(re.fullmatch, r"\d+(?:\s*(?:-+>?|[x×→:])\s*\d+)+")
_OF_ALL = ("activation", "activations")


def put_in_layers(node: MapNode, complaints: Complaints) -> None:
    """Takes `W1`, `b1`, … into `layers`, with the activations that are named beside them."""
    weights = _numbered(node, _is_weight) or _each_of(node, "weights")
    if not weights:
        return
    biases = _numbered(node, _is_bias) or _each_of(node, "biases") or _each_of(node, "bias")
    _leave_sizes_out(node, complaints)
    activations = list(_activations(node, len(weights)))
    layers = []
    for place, (number, matrix) in enumerate(sorted(weights.items())):
        bias = biases[number].value if number in biases else None
        layers.append(_layer(weights=matrix.value, bias=bias, activation=activations[place]))
    message = "weights and biases stand in `layers`, a line for each layer"
    first = min((each.key for each in weights.values()), key=lambda key: (key.line, key.column))
    said = ", ".join(map(_written, layers))
    complaints.add(message, first.mark, f"layers: [{said}]")
    everything = ListNode(first.line, first.column, list(layers))
    node.entries["layers"] = Entry(_key("layers", everything), everything)


def _numbered(node: MapNode, is_one: Callable[[str], re.Match[str] | None]) -> dict[int, Entry]:
    """What is taken from behind numbered names, by number; single numbers are no matrices."""
    found: dict[int, Entry] = {}
    for name, entry in list(node.entries.items()):
        if (number := is_one(name)) and isinstance(entry.value, ListNode):
            found[int(number[1])] = node.entries.pop(name)
    return found


def _each_of(node: MapNode, name: str) -> dict[int, Entry]:
    """The items of a list of lists, numbered from 1."""
    entry = node.entries.get(name)
    if entry is None or not isinstance(entry.value, ListNode):
        return {}
    items = entry.value.items
    if not items or not all(isinstance(item, ListNode) for item in items):
        return {}
    del node.entries[name]
    return {number: Entry(entry.key, item) for number, item in enumerate(items, 1)}


def _leave_sizes_out(node: MapNode, complaints: Complaints) -> None:
    """`2-3-1` says what the weights say."""
    for name, entry in list(node.entries.items()):
        if isinstance(entry.value, ScalarNode) and _are_sizes(entry.value.text):
            message = f"the weights say the sizes: {shown(name)} is not needed"
            complaints.add(message, entry.key.mark, "leave it out")
            del node.entries[name]


def _activations(node: MapNode, count: int) -> Iterator[Node | None]:
    """One for each layer: the same for all, of a list each its own, or the last by itself."""
    named = {folded(name): name for name in node.entries if "activation" in folded(name)}
    each = [node.entries.pop(named[name]).value for name in _OF_ALL if name in named]
    for value in each:
        if isinstance(value, ListNode) and len(value.items) == count:
            yield from value.items
            return
    hidden, last = (_only(node, named, word) for word in ("hidden", "output"))
    common = each[0] if each else None
    yield from [hidden or common] * (count - 1)
    yield last or common


def _only(node: MapNode, named: dict[str, str], word: str) -> Node | None:
    """The activation of hidden layers, or of the output."""
    found = next((name for key, name in named.items() if word in key), None)
    return None if found is None else node.entries.pop(found).value


def _layer(**parts: Node | None) -> MapNode:
    given = {name: value for name, value in parts.items() if value is not None}
    first = given["weights"]
    entries = {name: Entry(_key(name, value), value) for name, value in given.items()}
    return MapNode(first.line, first.column, entries)


def _key(name: str, value: Node) -> ScalarNode:
    return ScalarNode(name, "plain", value.line, value.column)


def _written(layer: MapNode) -> str:
    """A layer as it is written, without numbers where there are many."""
    said = (f"{name}: {flow_text(entry.value)}" for name, entry in layer.entries.items())
    return f"{{{', '.join(said)}}}"
