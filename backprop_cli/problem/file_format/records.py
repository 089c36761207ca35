"""What a file may say in several parts (mappings, lists, one of several kinds) -> data."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar

from msgspec import Struct, field

from backprop_cli.errors import Complaints, Mark
from backprop_cli.problem.file_format.fields import Choice, Field, Schema, unexpected
from backprop_cli.problem.text.other_keys import LONGEST, folded, nearest, told_apart
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

    `meant` are keys that were probably meant by misspelled ones, and so are not missing: where
    those stand.
    """

    mark: Mark
    complaints: Complaints
    values: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    meant: dict[str, Mark] = field(default_factory=dict)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of `key` where it was given and could be read."""
        return self.values.get(key, default)

    def has(self, key: str) -> bool:
        """Whether `key` is there, readable or not."""
        return key in self.entries or key in self.meant

    def at(self, key: str) -> Mark:
        """Where `key` stands; the record itself where it does not."""
        entry = self.entries.get(key)
        return entry.key.mark if entry else self.meant.get(key, self.mark)

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


_of_key = cache(shown)  # there are few of them
_joined = partial(re.fullmatch, r"(?P<name>\w+)(?: *= *| +)(?P<rest>\S.*)")  # {rule sgd, lr=0.1}


NOTHING: Mapping[str, str] = MappingProxyType({})


def _shows_nothing(_: Entry) -> None:
    return None


def _put_in(example: str | None, name: str, key: Key, node: Node) -> str | None:
    """An example with a value in the place of a key's; None where it has none, or does not fit."""
    part = re.match(rf"[^[]*?\b{re.escape(name)}: (?P<said>[^[,{{}}]+)", example or "")
    if example is None or part is None or not isinstance(node, ScalarNode) or "`" in example:
        return None
    said = _meant_value(name, key, node)
    return None if said is None else example[: part.start("said")] + said + example[part.end() :]


def _meant_value(name: str, key: Key, node: ScalarNode) -> str | None:
    """What is written for a key, or the word of its own that is meant; None if it takes none."""
    key.field.read(node, name, trial := Complaints())
    if not trial.found:
        return node.text
    known = key.field.names if isinstance(key.field, Choice) else ()
    return next((word for word in known if word == trial.found[0].instead), None)


class Record(Struct, Generic[T], frozen=True):
    """A mapping with known keys, each read by its field, and then made into data.

    `meant` are keys that people bring from elsewhere, alone or `with:value`, with the key, or the
    line, to write instead;
    `owned` are keys of records of another type, with the types that have them. `by_form` says what
    to write for an entry that shows what it is.
    """

    called: str
    keys: Mapping[str, Key]
    make: Callable[[Given], T | None]
    example: str | None = None
    meant: Mapping[str, str] = NOTHING
    owned: Mapping[str, str] = NOTHING
    by_form: Callable[[Entry], str | None] = _shows_nothing
    words: ClassVar[str] = "a mapping (`key: value`)"

    @property
    def aliases(self) -> dict[str, str]:
        """The key that each other spelling stands for."""
        return {alias: name for name, key in self.keys.items() for alias in key.aliases}

    @property
    def optional(self) -> Mapping[str, Key]:
        """The keys, of which each can be given alone; none where some are always needed."""
        return {} if any(key.required for key in self.keys.values()) else self.keys

    def knows(self, text: str) -> bool:
        """Whether a key is one of this record, or was meant for one."""
        return folded(text) in self.meant or nearest(text, [*self.keys, *self.aliases]) is not None

    def read(self, node: Node, name: str, complaints: Complaints) -> T | None:
        if not isinstance(node, MapNode):
            unexpected(node, name, self, complaints, self._example_with(node))
            return None
        given = Given(node.mark, complaints)
        for text, entry in node.entries.items():
            if complaints.full:
                break
            self._take(text if text in self.keys else self.aliases.get(text, text), entry, given)
        missing = [key for key, what in self.keys.items() if what.required and not given.has(key)]
        for key in missing:
            message = f"{shown(key)} is missing: it should be {self.keys[key].field.words}"
            complaints.add(message, node.mark, self.example)
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
        value = key.field.read(entry.value, _of_key(name), given.complaints)
        if value is not None:
            given.values[name] = value

    def _unknown(self, entry: Entry, given: Given) -> None:
        text, value = entry.key.text, entry.value
        head, colon, tail = text.partition(":")
        if colon and head in self.keys and isinstance(value, ScalarNode) and value.empty:
            given.meant[head] = entry.key.mark
            message = f"a space is missing after the colon of {shown(text)}"
            given.complaints.add(message, entry.key.mark, f"{head}: {tail.strip()}")
            return
        if isinstance(value, ScalarNode) and value.empty and self._without_colon(entry.key, given):
            return
        name, brace, inside = text.partition("{")
        if brace and name.strip() in self.keys and isinstance(value, ScalarNode):
            given.meant[name.strip()] = entry.key.mark
            mended = f"{name.strip()}: {{{inside}: {value.text}"
            given.complaints.add("a colon is missing after this name", entry.key.mark, mended)
            return
        if text in self.owned:
            message = f"{shown(text)} belongs to {self.owned[text]}, and this is {self.called}"
            here = self.meant.get(folded(text))
            without = here or f"leave `{text}` out"
            given.complaints.add(message, entry.key.mark, f"{without}, or another `type`")
            if here is not None and here in self.keys and not given.has(here):
                self._take(here, entry, given)
            return
        instead = self._instead(entry)
        key = self.aliases.get(instead, instead) if instead is not None else None
        more = f"; did you mean `{instead}`?{told_apart(text)}" if key in self.keys else ""
        if instead is None:
            more = f" (it has {', '.join(self.keys)})"
        message = f"{shown(text)} is not a key of {self.called}{more}"
        given.complaints.add(message, entry.key.mark, instead)
        if key is not None and key in self.keys and not given.has(key):
            self._take(key, entry, given)
        elif instead is not None:
            given.meant[instead.partition(":")[0]] = entry.key.mark

    def _without_colon(self, key: ScalarNode, given: Given) -> bool:
        """Whether a key of this record and its value stand there with no colon between them."""
        found = _joined(key.text)
        if found is None or found["name"] not in self.keys:
            return False
        name, rest = found["name"], found["rest"]
        message = f"a colon is missing after {shown(name)}"
        given.complaints.add(message, key.mark, f"{name}: {rest}")
        if not given.has(name):
            value = ScalarNode(rest, "plain", key.line, key.column + found.start("rest"))
            self._take(name, Entry(key, value), given)
        return True

    def _instead(self, entry: Entry) -> str | None:
        """What was probably meant by a key that there is not."""
        text = entry.key.text
        if (shown_by_form := self.by_form(entry)) is not None:
            return shown_by_form
        said = entry.value.text if isinstance(entry.value, ScalarNode) else ""
        spelt = (folded(f"{text}:{said}"[: 2 * LONGEST]), text, text.casefold(), folded(text))
        meant = next((self.meant[spelling] for spelling in spelt if spelling in self.meant), None)
        if meant in self.keys:
            return meant
        near = self._with_value(meant, entry) or nearest(
            text.strip(":\"'"), [*self.keys, *self.aliases]
        )
        return self._further_in(entry, sure=near is not None) or near

    def _example_with(self, node: Node) -> str | None:
        """The example, with what was written in the first place of it that takes it."""
        examples = (_put_in(self.example, name, key, node) for name, key in self.keys.items())
        return next(filter(None, examples), self.example)

    def _with_value(self, meant: str | None, entry: Entry) -> str | None:
        """The line that is meant, with what was written in the place of the key that it is for."""
        name = (meant or "").partition(":")[0]
        key = self.keys.get(name)
        if key is None or meant == name:
            return meant
        if isinstance(inner := key.field, Record):
            text = entry.key.text
            name = text if text in inner.keys else inner.meant.get(folded(text), "")
            if not name:
                return meant
            taken = [name] if name in inner.keys and f"{name}:" in (meant or "") else inner.keys
            put = (_put_in(meant, each, inner.keys[each], entry.value) for each in taken)
            return next(filter(None, put), meant)
        return _put_in(meant, name, key, entry.value) or meant

    def _further_in(self, entry: Entry, *, sure: bool) -> str | None:
        """The line with this key in the record of this one that has it.

        To be `sure`, what is written there must be one of a few words that only that key takes.
        """
        text, value = entry.key.text, entry.value
        for name, key in self.keys.items():
            inner = key.field.optional.get(text) if isinstance(key.field, Record) else None
            if inner is None or (sure and not isinstance(inner.field, Choice)):
                continue
            inner.field.read(value, text, trial := Complaints())
            said = value.text if isinstance(value, ScalarNode) and not trial.found else None
            if said or not sure:
                return f"{name}: {{{text}: {said or '…'}}}"
        return None

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
