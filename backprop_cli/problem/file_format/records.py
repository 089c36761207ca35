"""A mapping of the file with known keys -> data: every key read, unknown and missing ones told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar

from msgspec import Struct, field

from backprop_cli.errors import Complaints, Mark
from backprop_cli.problem.file_format.fields import Field, Schema, unexpected
from backprop_cli.problem.text.other_keys import folded, nearest
from backprop_cli.problem.text.tree import Entry, ListNode, MapNode, Node, ScalarNode
from backprop_cli.problem.typed_numbers import shown

T = TypeVar("T")


class Key(Struct, frozen=True):
    """One key of a record: what it says (for editors), and what stands there if it does not."""

    field: Field[Any]
    says: str = ""
    required: bool = False
    default: object = None
    aliases: tuple[str, ...] = ()

    def schema(self) -> Schema:
        """The schema of the value, with the words and the default."""
        more = {"description": self.says} if self.says else {}
        return {
            **self.field.schema(),
            **more,
            **({} if self.default is None else {"default": self.default}),
        }


class Given(Struct, frozen=True):
    """What a record of the file says: the values that could be read, and where its keys stand.

    `meant` are keys that were probably meant by misspelled ones, and so are not missing.
    """

    mark: Mark
    complaints: Complaints
    values: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    meant: set[str] = field(default_factory=set)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of `key` where it was given and could be read."""
        return self.values.get(key, default)

    def has(self, key: str) -> bool:
        """Whether `key` is there, readable or not."""
        return key in self.entries or key in self.meant

    def at(self, key: str) -> Mark:
        """Where `key` stands; the record itself where it does not."""
        entry = self.entries.get(key)
        return entry.key.mark if entry else self.mark

    def empty(self, key: str) -> bool:
        """Whether `key` is there with an empty list or mapping."""
        entry = self.entries.get(key)
        match entry.value if entry is not None else None:
            case ListNode() as listed:
                return not listed.items
            case MapNode() as mapped:
                return not mapped.entries
        return False

    def value_at(self, key: str) -> Mark:
        """Where the value of `key` stands; the record itself where it does not."""
        entry = self.entries.get(key)
        return entry.value.mark if entry else self.mark

    def complain(self, key: str, message: str, instead: str | None = None) -> None:
        """Notes a complaint at `key`."""
        self.complaints.add(message, self.at(key), instead)


NOTHING: Mapping[str, str] = MappingProxyType({})


class Record(Struct, Generic[T], frozen=True):
    """A mapping with known keys, each read by its field, and then made into data.

    `meant` are keys that people bring from elsewhere, with the key, or the line, to write instead;
    `owned` are keys of records of another type, with the types that have them.
    """

    called: str
    keys: Mapping[str, Key]
    make: Callable[[Given], T | None]
    example: str | None = None
    meant: Mapping[str, str] = NOTHING
    owned: Mapping[str, str] = NOTHING
    words: ClassVar[str] = "a mapping (`key: value`)"

    @property
    def aliases(self) -> dict[str, str]:
        """The key that each other spelling stands for."""
        return {alias: name for name, key in self.keys.items() for alias in key.aliases}

    def read(self, node: Node, name: str, complaints: Complaints) -> T | None:
        if not isinstance(node, MapNode):
            unexpected(node, name, self, complaints, self.example)
            return None
        given = Given(node.mark, complaints)
        aliases = self.aliases
        for entry in node.entries.values():
            if complaints.full:
                break
            self._take(aliases.get(entry.key.text, entry.key.text), entry, given)
        missing = [key for key, what in self.keys.items() if what.required and not given.has(key)]
        for key in missing:
            message = f"{shown(key)} is missing: {self.keys[key].field.words}"
            complaints.add(message, node.mark)
        return None if missing else self.make(given)

    def _take(self, name: str, entry: Entry, given: Given) -> None:
        key = self.keys.get(name)
        if key is None:
            self._unknown(entry, given)
            return
        if name in given.entries:
            given.complaints.add(f"{shown(name)} is given twice", entry.key.mark, "one of the two")
            return
        given.entries[name] = entry
        if isinstance(entry.value, ScalarNode) and entry.value.empty:
            message = f"{shown(name)} has no value: it should be {key.field.words}"
            given.complaints.add(message, entry.key.mark, "a value, or leave the key out")
            return
        value = key.field.read(entry.value, shown(name), given.complaints)
        if value is not None:
            given.values[name] = value

    def _unknown(self, entry: Entry, given: Given) -> None:
        text, value = entry.key.text, entry.value
        head, colon, tail = text.partition(":")
        if colon and head in self.keys and isinstance(value, ScalarNode) and value.empty:
            given.meant.add(head)
            message = f"a space is missing after the colon of {shown(text)}"
            given.complaints.add(message, entry.key.mark, f"{head}: {tail.strip()}")
            return
        if text in self.owned:
            message = f"{shown(text)} belongs to {self.owned[text]}, and this is {self.called}"
            given.complaints.add(message, entry.key.mark, f"leave `{text}` out, or another `type`")
            return
        instead = self._instead(text)
        key = self.aliases.get(instead, instead) if instead is not None else None
        more = f"; did you mean `{instead}`?" if key in self.keys else ""
        if instead is None:
            more = f" (it has {', '.join(self.keys)})"
        message = f"{shown(text)} is not a key of {self.called}{more}"
        given.complaints.add(message, entry.key.mark, instead)
        if key is not None and key in self.keys and not given.has(key):
            self._take(key, entry, given)
        elif instead is not None:
            given.meant.add(instead.partition(":")[0])

    def _instead(self, text: str) -> str | None:
        """What was probably meant by a key that there is not."""
        for spelling in (text, text.casefold(), folded(text)):
            if spelling in self.meant:
                return self.meant[spelling]
        return nearest(text, [*self.keys, *self.aliases])

    def schema(self) -> Schema:
        said: Schema = {
            "type": "object",
            "properties": {
                name: key.schema()
                for what, key in self.keys.items()
                for name in (what, *key.aliases)
            },
            "additionalProperties": False,
        }
        required = [name for name, key in self.keys.items() if key.required]
        return {**said, "required": required} if required else said
