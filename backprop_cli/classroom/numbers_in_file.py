"""The text of a problem file -> where its numbers stand, and of which quantity each is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from backprop_cli.algebra.quantity import layer_id
from backprop_cli.errors import Complaints, Mark
from backprop_cli.problem.array_files import is_reference
from backprop_cli.problem.arrays import lines_of
from backprop_cli.problem.file_format.layer_keys import type_named
from backprop_cli.problem.problem_file import Source
from backprop_cli.problem.text.tree import ListNode, MapNode, Node, ScalarNode, read_text, tree_of
from backprop_cli.problem.typed_numbers import NumberError, entries_of, read_number

_LINE_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


class TypedNumber(Struct, frozen=True):
    """A number of the file: of which quantity, the how manyth of it, as typed, and from where."""

    quantity: str
    place: int
    text: str
    value: float
    start: int

    @property
    def name(self) -> str:
        """What it goes by among all numbers of the file."""
        return f"{self.quantity} {self.place}"


class NumbersOfFile(Struct, frozen=True):
    """A problem file as text, and the numbers in it by quantity, in the order of the file."""

    text: str
    found: Mapping[str, tuple[TypedNumber, ...]]

    def with_others(self, others: Mapping[int, str]) -> str:
        """The text with other numbers in the places where some begin."""
        pieces, end = [], 0
        typed = {one.start: one.text for each in self.found.values() for one in each}
        for start in sorted(others):
            pieces += [self.text[end:start], others[start]]
            end = start + len(typed[start])
        return "".join([*pieces, self.text[end:]])


def numbers_of(source: Source) -> NumbersOfFile:
    """The numbers of a problem file that has been read without complaint."""
    complaints = Complaints()
    text = read_text(source.data, complaints)
    root = tree_of(text, complaints) if text is not None else None
    if text is None or not isinstance(root, MapNode):
        return NumbersOfFile("", {})
    places = _Places(text)
    met: set[int] = set()
    found: dict[str, tuple[TypedNumber, ...]] = {}
    for quantity, node in _arrays(root):
        numbers = tuple(
            TypedNumber(quantity, place, word, value, start)
            for place, (word, start, value) in enumerate(places.numbers(node))
            if start not in met  # an alias stands for what has been seen
        )
        met |= {number.start for number in numbers}
        if numbers:
            found[quantity] = (*found.get(quantity, ()), *numbers)
    return NumbersOfFile(text, found)


class _Places:
    """Where lines begin in a text, so that a line and a column are one place."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = [0, *(match.end() for match in _LINE_BREAK.finditer(text))]

    def numbers(self, node: Node) -> Iterator[tuple[str, int, float]]:
        """The numbers of an array, each with its place and value; letters are left out."""
        for word, mark in _words(node):
            start = self._lines[mark.line - 1] + mark.column - 1
            if self._text.startswith(word, start):  # and not behind escapes, or folded
                try:
                    yield word, start, read_number(word)
                except NumberError:
                    continue


def _words(node: Node) -> Iterator[tuple[str, Mark]]:
    if isinstance(node, ListNode):
        for item in node.items:
            yield from _words(item)
    elif isinstance(node, ScalarNode):
        for line, mark in lines_of(node):
            try:
                entries = entries_of(line)
            except NumberError:
                continue
            for word, offset in entries if len(entries) > 1 else [(line, 0)]:
                yield word, Mark(mark.line, mark.column + offset)


# Names ------------------------------------------------------------------------------------------


def _arrays(root: MapNode) -> Iterator[tuple[str, Node]]:
    """The arrays of a problem file by what `vary` calls them."""
    for name in ("x", "y"):
        node = _at(root, name)
        if node is not None and not isinstance(node, MapNode):
            yield name, node
    layers = _at(root, "layers")
    for number, layer in enumerate(layers.items if isinstance(layers, ListNode) else (), 1):
        yield from _of_layer(number, layer)
    yield from _mapped(_at(root, "values"), "")
    for key in ("gradients", "upstream"):
        yield from _mapped(_at(root, key), "dL/d")
    update = _at(root, "update")
    if isinstance(update, MapNode):
        yield from _mapped(_at(update, "state"), "")


def _of_parameter(id: str, node: Node) -> Iterator[tuple[str, Node]]:
    """The numbers of a parameter, or of each gate that has its own."""
    if isinstance(node, MapNode) and not is_reference(node):
        for gate, entry in node.entries.items():
            yield f"{id}_{gate}", entry.value
    else:
        yield id, node


def _of_layer(number: int, layer: Node) -> Iterator[tuple[str, Node]]:
    if not isinstance(layer, MapNode):
        return
    said = _at(layer, "type")
    kind = type_named(said.text if isinstance(said, ScalarNode) else None)
    for key, letter in kind.parameters.items():
        if (node := _at(layer, key)) is not None:
            yield from _of_parameter(layer_id(letter, number), node)
    skips = _at(layer, "skip")
    for skip in skips.items if isinstance(skips, ListNode) else ():
        if isinstance(skip, MapNode) and (node := _at(skip, "weights")) is not None:
            source = _at(skip, "from")
            name = source.text if isinstance(source, ScalarNode) else ""
            yield f"W{number}_{name}", node


def _mapped(node: Node | None, before: str) -> Iterator[tuple[str, Node]]:
    for name, entry in (node.entries if isinstance(node, MapNode) else {}).items():
        yield before + name, entry.value


def _at(node: MapNode, key: str) -> Node | None:
    entry = node.entries.get(key)
    return None if entry is None else entry.value
