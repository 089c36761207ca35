"""Lists, names with values, and one of several kinds -> data: fields made of other fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from msgspec import Struct

from backprop_cli.errors import Complaints
from backprop_cli.problem.array_files import is_reference
from backprop_cli.problem.file_format.fields import Field, Numbers, Schema, unexpected
from backprop_cli.problem.file_format.records import Record
from backprop_cli.problem.problem_data import Text
from backprop_cli.problem.text.tree import ListNode, MapNode, Node, ScalarNode
from backprop_cli.problem.typed_numbers import shown

T = TypeVar("T")


class ListOf(Struct, Generic[T], frozen=True):
    """A list of things of one kind; with `single`, one thing alone is a list of one."""

    item: Field[T]
    words: str
    single: bool = False

    def read(self, node: Node, name: str, complaints: Complaints) -> tuple[T, ...] | None:
        if isinstance(node, ListNode):
            return tuple(self._items(node, name, complaints))
        if self.single and isinstance(node, ScalarNode):
            only = self.item.read(node, name, complaints)
            return None if only is None else (only,)
        example = getattr(self.item, "example", None)
        listed = f"[{example}]" if example else "[first, second]"
        instead = f"a list: {listed}, or a line each with `-`"
        unexpected(node, name, self, complaints, instead)
        return None

    def _items(self, node: ListNode, name: str, complaints: Complaints) -> Iterator[T]:
        for number, item in enumerate(node.items, 1):
            if complaints.full:
                return
            value = self.item.read(item, f"item {number} of {name}", complaints)
            if value is not None:
                yield value

    def schema(self) -> Schema:
        listed = {"type": "array", "items": self.item.schema()}
        return {"anyOf": [listed, self.item.schema()]} if self.single else listed


def _without_dashes(node: Node) -> str | None:
    """What to write for a list of mappings of one name each: these names alone."""
    items = node.items if isinstance(node, ListNode) else []
    names = [key for item in items if isinstance(item, MapNode) for key in item.entries]
    return f"{names[0]}: …, and so on, without `- `" if len(names) == len(items) > 0 else None


class NamedOf(Struct, Generic[T], frozen=True):
    """A mapping from names to things of one kind; each name kept as written."""

    item: Field[T]
    words: str
    example: str

    def read(
        self, node: Node, name: str, complaints: Complaints
    ) -> Mapping[str, tuple[Text, T]] | None:
        if not isinstance(node, MapNode):
            unexpected(node, name, self, complaints, _without_dashes(node) or self.example)
            return None
        found = {}
        for key, entry in node.entries.items():
            if complaints.full:
                break
            value = self.item.read(entry.value, shown(key), complaints)
            if value is not None:
                found[key] = (Text(key, entry.key.inside), value)
        return found

    def schema(self) -> Schema:
        return {"type": "object", "additionalProperties": self.item.schema()}


class ByKind(Struct, Generic[T], frozen=True):
    """Different things, told apart by whether text, a list or a mapping stands there."""

    words: str
    scalar: Field[T] | None = None
    listed: Field[T] | None = None
    mapped: Field[T] | None = None
    instead: str | None = None

    def read(self, node: Node, name: str, complaints: Complaints) -> T | None:
        if isinstance(node, ScalarNode):
            chosen = None if node.empty else self.scalar
        elif isinstance(node, ListNode) or self._are_numbers(node):
            chosen = self.listed
        else:
            chosen = self.mapped
        if chosen is None:
            unexpected(node, name, self, complaints, self.instead)
            return None
        return chosen.read(node, name, complaints)

    def schema(self) -> Schema:
        schemas: list[Schema] = []
        for choice in (self.scalar, self.listed, self.mapped):
            if choice is not None and choice.schema() not in schemas:
                schemas.append(choice.schema())
        return {"anyOf": schemas} if len(schemas) > 1 else schemas[0]

    def _are_numbers(self, node: MapNode) -> bool:
        """Whether the numbers of a list are kept in a file, or each has a name of its own."""
        others = isinstance(self.mapped, Record) and not any(map(self.mapped.knows, node.entries))
        return (is_reference(node) or others) and isinstance(self.listed, Numbers)


class Made(Struct, Generic[T], frozen=True):
    """Another field's data made into something else, which may complain once more."""

    source: Field[Any]
    make: Callable[[Any, Node, Complaints], T | None]

    @property
    def words(self) -> str:
        return self.source.words

    def read(self, node: Node, name: str, complaints: Complaints) -> T | None:
        value = self.source.read(node, name, complaints)
        return None if value is None else self.make(value, node, complaints)

    def schema(self) -> Schema:
        return self.source.schema()
