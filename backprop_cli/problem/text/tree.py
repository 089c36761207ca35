"""The bytes of a YAML or JSON file -> a tree of scalars as typed, lists and mappings with places.

Built from PyYAML's events without recursion, so that no file is too deep; nothing is guessed about
what a scalar means and no object is ever made from a tag.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from contextlib import suppress
from typing import Any, Final, Literal, TypeAlias

import yaml
from msgspec import Struct, field

from backprop_cli.errors import Complaint, Complaints, Mark
from backprop_cli.problem.typed_numbers import shown

MAX_BYTES: Final = 20_000_000  # of the largest file that is read
MAX_NODES: Final = 1_000_000
"""The most scalars, lists and mappings in a file, each use of an alias counted in full."""
MAX_DEPTH: Final = 50
"""The deepest nesting of lists and mappings."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST_HALF = 1_000  # of what goes on behind a comma; each one more reads it again
_OF_NUMBERS = r"(?=.*\d)(?:[-+−.;,/\s\d]|(?<=\d)[eE](?=[-+]?\d))+"
_NO_TEXT = {
    b"PK\x03\x04": "an archive, or a document such as .docx and .xlsx are",
    b"\xd0\xcf\x11\xe0": "a document of an older Word or Excel",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x1f\x8b": "a compressed file",
}
"""How files begin that somebody may hand in for a sheet."""

_UNWANTED = "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]"
_SURROGATES = r"(?i)(?<!\\)((?:\\\\)*)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})"

Style: TypeAlias = Literal["plain", "quoted", "block"]


class ScalarNode(Struct):
    """Text as typed (escapes resolved); `indent` is that of the lines of a block."""

    text: str
    style: Style
    line: int
    column: int
    indent: int = 0

    @property
    def mark(self) -> Mark:
        """Where the scalar begins, quote or `|` included."""
        return Mark(self.line, self.column)

    @property
    def inside(self) -> Mark:
        """Where the text itself begins."""
        if self.style == "block":
            return Mark(self.line + 1, self.indent + 1)
        return Mark(self.line, self.column + (self.style == "quoted"))

    @property
    def empty(self) -> bool:
        """Whether nothing was written (or YAML's words for nothing)."""
        return self.style == "plain" and self.text in ("", "~", "null")


class _Collection(Struct):
    """What holds other nodes, and where it begins."""

    line: int
    column: int

    @property
    def mark(self) -> Mark:
        """Where the list or mapping begins."""
        return Mark(self.line, self.column)


class ListNode(_Collection):
    """A list, in brackets or with dashes."""

    items: list[Node] = field(default_factory=list)


class Entry(Struct):
    """A key and what it stands for."""

    key: ScalarNode
    value: Node


class MapNode(_Collection):
    """A mapping, in braces or a key a line; `again`: entries whose key stood there before."""

    entries: dict[str, Entry] = field(default_factory=dict)
    again: list[Entry] = field(default_factory=list)


Node: TypeAlias = ScalarNode | ListNode | MapNode


_SHORT = 60  # characters of a value that is shown again


def flow_text(node: Node) -> str:
    """A value as it is written in one line; `…` where that is long."""
    text = _in_a_line(node)
    return text if len(text) <= _SHORT else "…"


def _in_a_line(node: Node) -> str:
    if isinstance(node, ScalarNode):
        return node.text
    if isinstance(node, ListNode):
        return f"[{', '.join(_in_a_line(item) for item in node.items[:_SHORT])}]"
    some = [*node.entries.values()][:_SHORT]
    return f"{{{', '.join(f'{each.key.text}: {_in_a_line(each.value)}' for each in some)}}}"


def read_tree(data: bytes, complaints: Complaints) -> Node | None:
    """The file as a tree; None, with a complaint, where there is none to be had."""
    return None if (text := read_text(data, complaints)) is None else tree_of(text, complaints)


def tree_of(text: str, complaints: Complaints) -> Node | None:
    """The tree of a text that `read_text` has let through."""
    try:
        return _Builder(complaints, split_lines(text)).build(text)
    except _RefusedError as refused:
        for complaint in refused.complaints:
            complaints.add(complaint.message, complaint.mark, complaint.instead)
        return None


def read_text(data: bytes, complaints: Complaints, *, of_windows: bool = False) -> str | None:
    """The text of a file; None, with a complaint, where it is none that YAML would read.

    `of_windows`: what is no UTF-8 is read as Excel saves CSV in the west, as Windows-1252.
    """
    try:
        return _decoded(data, of_windows=of_windows)
    except _RefusedError as refused:
        (complaint,) = refused.complaints
        complaints.add(complaint.message, complaint.mark, complaint.instead)
        return None


def source_lines(data: bytes) -> tuple[str, ...]:
    """The lines of a file as complaints count them, whatever its bytes are."""
    text = data[:MAX_BYTES].decode(_encoding(data), errors="replace")
    return tuple(split_lines(_composed(text)))


def split_lines(text: str) -> list[str]:
    """`text` split where YAML sees a new line."""
    for other in ("\r\n", "\r", "\x85", "\u2028", "\u2029"):
        text = text.replace(other, "\n")
    return text.split("\n")


class _RefusedError(Exception):
    """Reading stops here."""

    def __init__(self, *complaints: Complaint) -> None:
        super().__init__(complaints[0].message)
        self.complaints = complaints


def _refused(message: str, mark: Mark = Mark(), instead: str | None = None) -> _RefusedError:
    return _RefusedError(Complaint(message, mark, instead))


def _encoding(data: bytes) -> str:
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return "utf-16" if utf16 else "utf-8-sig"


def _decoded(data: bytes, *, of_windows: bool = False) -> str:
    """The text of the file, known to hold only characters that YAML allows."""
    if len(data) > MAX_BYTES:
        size, most = len(data) / 1e6, MAX_BYTES // 1_000_000
        raise _refused(f"the file is too large: {size:.1f} MB, and {most} MB are read at most")
    for beginning, kind in _NO_TEXT.items():
        if data.startswith(beginning):
            raise _refused(f"this is {kind}, and no text", instead="the same saved as text")
    try:
        text = _as_unicode(data, of_windows=of_windows)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(error.encoding, errors="replace")
        message = f"byte 0x{data[error.start]:02x} is not UTF-8 text"
        raise _refused(message, _end_of(before), "save the file as UTF-8") from None
    text = _composed(text)
    if match := _FORBIDDEN.search(text):
        if text.count("\0") > len(text) / 3:
            raise _refused("this is UTF-16 or UTF-32 without its mark", instead="save it as UTF-8")
        message = f"the character U+{ord(match[0]):04X} may not stand in a file"
        raise _refused(message, _end_of(text[: match.start()]), "delete it")
    return _joined_surrogates(text)


def _as_unicode(data: bytes, *, of_windows: bool) -> str:
    encoding = _encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        if of_windows and not data.startswith(codecs.BOM_UTF8) and encoding != "utf-16":
            with suppress(UnicodeDecodeError):  # it has no letter for some bytes
                return data.decode("cp1252")
        raise


def _composed(text: str) -> str:
    """The same, a letter and its accent as one character: some keyboards type `ŷ` as two."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _joined_surrogates(text: str) -> str:
    """JSON writes one character beyond U+FFFF as two escapes, which YAML does not know."""

    def joined(match: re.Match[str]) -> str:
        high, low = int(match[2], 16), int(match[3], 16)
        return f"{match[1]}\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"

    return re.sub(_SURROGATES, joined, text) if "\\" in text else text


def _end_of(text: str) -> Mark:
    lines = split_lines(text)
    return Mark(len(lines), len(lines[-1]) + 1)


class _Open(Struct):
    """A list or mapping whose end has not come yet."""

    node: ListNode | MapNode
    anchor: str | None
    spent: int
    key: Node | None = None


class _Builder:
    """Takes YAML's events one by one and puts the tree together."""

    def __init__(self, complaints: Complaints, lines: list[str]) -> None:
        self.complaints = complaints
        self.lines = lines
        self.root: Node | None = None
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.spent = 0

    def build(self, text: str) -> Node | None:
        try:
            for event in yaml.parse(text, Loader=_LOADER):
                if isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
                    self._second_document(event)
                    break
                self._take(event)
        except yaml.YAMLError as error:
            from backprop_cli.problem.text.yaml_errors import syntax_complaints

            raise _RefusedError(*syntax_complaints(error, self.lines, _LOADER)) from None
        except RecursionError:
            raise _refused("the file is nested too deeply") from None
        if self.root is None or (isinstance(self.root, ScalarNode) and self.root.empty):
            raise _refused("the file is empty")
        return self.root

    def _take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._spend(event)
            self._place(self._scalar(event))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._start(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            done = self.open.pop()
            self._place(done.node)
            if done.anchor is not None:
                self.anchors[done.anchor] = (done.node, self.spent - done.spent)
        elif isinstance(event, yaml.AliasEvent):
            self._place(self._alias(event))

    def _spend(self, event: Any, nodes: int = 1) -> None:
        self.spent += nodes
        if self.spent <= MAX_NODES:
            return
        if nodes > 1:
            message = f"the aliases stand for more than {MAX_NODES:,} values"
            raise _refused(message, _mark(event), "write out what is needed")
        message = f"the file holds more than {MAX_NODES:,} values"
        raise _refused(message, _mark(event), "write large matrices as text, a row a line")

    def _scalar(self, event: Any) -> ScalarNode:
        self._refuse_tag(event)
        style = _STYLES.get(event.style, "plain")
        mark = event.start_mark
        node = ScalarNode(event.value, style, mark.line + 1, mark.column + 1)
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, 1)
        if style == "block":
            node.indent = self._indent(node.line)
        elif style == "quoted" and (match := re.search(_UNWANTED, node.text)):
            message = f"the text holds the control character U+{ord(match[0]):04X}"
            self.complaints.add(message, node.mark, "leave it out")
        return node

    def _indent(self, line: int) -> int:
        while line < len(self.lines) and not self.lines[line].strip():
            line += 1
        content = self.lines[line] if line < len(self.lines) else ""
        return len(content) - len(content.lstrip(" "))

    def _start(self, event: Any) -> None:
        self._refuse_tag(event)
        self._spend(event)
        if len(self.open) >= MAX_DEPTH:
            message = f"lists and mappings are nested more than {MAX_DEPTH} deep here"
            raise _refused(message, _mark(event), "a matrix is a list of rows: [[3, 6], [4, 5]]")
        kind = ListNode if isinstance(event, yaml.SequenceStartEvent) else MapNode
        mark = _mark(event)
        self.open.append(_Open(kind(mark.line, mark.column), event.anchor, self.spent - 1))

    def _alias(self, event: Any) -> Node:
        if event.anchor not in self.anchors:
            inside = any(frame.anchor == event.anchor for frame in self.open)
            why = "stands inside what it refers to" if inside else "refers to nothing before it"
            raise _refused(f"the alias {shown('*' + event.anchor)} {why}", _mark(event))
        self._spend(event, self.anchors[event.anchor][1])
        return self.anchors[event.anchor][0]

    def _place(self, node: Node) -> None:
        if not self.open:
            self.root = node
            return
        frame = self.open[-1]
        if isinstance(frame.node, ListNode):
            frame.node.items.append(node)
        elif frame.key is None:
            frame.key = node
        else:
            self._enter(frame.node, frame.key, node)
            frame.key = None

    def _enter(self, mapping: MapNode, key: Node, value: Node) -> None:
        add = self.complaints.add
        if not isinstance(key, ScalarNode):
            add("a key should be a word, not a list or a mapping", key.mark)
        elif not key.text:
            add("there is no key before this colon", key.mark)
        elif key.text == "<<" and key.style == "plain":
            add("`<<` (YAML's merge) is not read here", key.mark, "write the keys out")
        elif (before := _first_half(mapping, key, value)) is not None:
            close = key.column == before.column + len(before.text) + 1
            before.text += f"{',' if close else ', '}{key.text}"
            if not _open(before.text) and re.search(r"[^\W\deE]", before.text):  # not 2,5e3
                message = "in braces a comma begins another key: a text with one needs quotes"
                add(message, before.mark, f'"{before.text}"')
        elif first := mapping.entries.get(key.text):
            self._enter_again(mapping, Entry(key, value), first.key)
        else:
            mapping.entries[key.text] = Entry(key, value)

    def _enter_again(self, mapping: MapNode, entry: Entry, first: ScalarNode) -> None:
        """A key that was there before: with the first one of an item another item begins."""
        mapping.again.append(entry)
        item = self._begins_item(mapping, mapping.again[0])
        if item and len(mapping.again) > 1:
            return  # the rest of that item
        message = f"{shown(entry.key.text)} is given twice, the first time on line {first.line}"
        instead = f"- {entry.key.text}: … for another item, or " if item else ""
        self.complaints.add(message, entry.key.mark, f"{instead}one of the two")

    def _begins_item(self, mapping: MapNode, entry: Entry) -> bool:
        """Whether a key stands below the one that its item of a list with dashes begins with."""
        begun, key = next(iter(mapping.entries.values())).key, entry.key
        in_list = len(self.open) > 1 and isinstance(self.open[-2].node, ListNode)
        return in_list and begun.text == key.text and begun.column == key.column

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            message = f"YAML tags such as {shown(tag)} are not read here"
            self.complaints.add(message, _mark(event), "the value alone")

    def _second_document(self, event: Any) -> None:
        said = "a second document begins here; a file holds one"
        self.complaints.add(said, _mark(event), "put it in a file of its own")


def _first_half(mapping: MapNode, key: ScalarNode, value: Node) -> ScalarNode | None:
    """The value of `{bias: 0,5}` or `{formula: max(0, z)}`, whose end YAML takes for a key."""
    if not (isinstance(value, ScalarNode) and value.empty):
        return None
    before = next((entry.value for entry in reversed(mapping.entries.values())), None)
    if not isinstance(before, ScalarNode):
        return None
    if before.style != "plain" or before.line != key.line or len(before.text) > _LONGEST_HALF:
        return None
    whole = f"{before.text},{key.text}"
    return before if _open(before.text) or re.fullmatch(_OF_NUMBERS, whole) else None


def _open(text: str) -> bool:
    return text.count("(") > text.count(")")


_STYLES: dict[str | None, Style] = {"'": "quoted", '"': "quoted", "|": "block", ">": "block"}


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)
