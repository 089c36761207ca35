"""The text of a plain sheet -> its answers; a quantity met before, as it is written, is known.

A class writes the same lines again and again: the right values, at a few digits. So a sheet is cut
into passages, a quantity each, and each passage is read once. Whatever is not plainly a list of
quantities (something unreadable, a name given twice, single entries) is left to the full reader:
where this one gives answers at all, they are the same answers.

What it gains, measured on the sheets of benchmarks/grading.py: right ones are graded some six
times, ones with a slip more than ten times as fast as by the full reader alone; half of that comes
from the tree, which is read without YAML where a name and its numbers stand on a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from msgspec import Struct, field

from backprop_cli.errors import Mark
from backprop_cli.grading.quantities import Quantities
from backprop_cli.grading.report_data import Answer
from backprop_cli.grading.sheets.cells import (
    MISSING,
    MOST_EXPRESSIONS,
    Budget,
    UnreadableError,
    read_cells,
)
from backprop_cli.problem.ids import Reference
from backprop_cli.problem.text.tree import Entry, ListNode, MapNode, Node, ScalarNode

MOST_KEPT: Final = 10_000
"""So many passages are remembered; beyond that, all are forgotten, and the usual ones come back."""

_heading = re.compile(r"((?:[^\n]*\n)*?answers: *\n)( +)[^ \n#-]").match


class Passage(Struct, frozen=True):
    """A quantity with its name, and what is behind it up to the next: the same on every sheet.

    `at` holds the answer for each line it was met on; it stays empty where nothing is written.
    """

    id: str
    answer: Answer | None
    breaks: int
    expressions: int
    at: dict[int, Answer] = field(default_factory=dict)

    def on(self, line: int) -> Answer | None:
        """The answer, where the passage begins on this line."""
        if self.answer is None or line in self.at:
            return self.at.get(line)
        here = self.answer
        mark = Mark(line, here.mark.column)
        found = self.at[line] = Answer(here.id, here.shape, here.cells, mark, source=here.source)
        return found


class PlainSheet(Struct, frozen=True):
    """What stands on a plain sheet: whose it is, "" where it does not say so, and its answers."""

    student: str
    answers: dict[str, Answer]


class PlainReader:
    """Reads plain sheets on the quantities of one problem, and remembers their passages."""

    def __init__(self, known: Quantities) -> None:
        self._known = known
        self._met: dict[str, Passage | None] = {}

    def read(self, text: str) -> PlainSheet | None:
        """What stands in a text that `read_text` has let through; None where it is not plain."""
        text = text.replace("\r\n", "\n")
        match = _heading(text)
        student = _student(match[1]) if match is not None else None
        if match is None or student is None:
            return None
        body = text[match.end(1) :].rstrip("\n")
        answers = self._answers(body, len(match[2]), match[1].count("\n") + 1)
        return None if answers is None else PlainSheet(student, answers)

    def _answers(self, body: str, indent: int, line: int) -> dict[str, Answer] | None:
        found: dict[str, Answer | None] = {}
        names, expressions = 0, 0
        for text in _next_passage(indent).split(body):
            passage = self._passage(text)
            if passage is None:
                return None
            names += 1
            found[passage.id] = passage.on(line)
            line += passage.breaks
            expressions += passage.expressions
        if len(found) < names or expressions > MOST_EXPRESSIONS:
            return None
        return {id: answer for id, answer in found.items() if answer is not None}

    def _passage(self, text: str) -> Passage | None:
        if text not in self._met:
            if len(self._met) >= MOST_KEPT:
                self._met.clear()
            self._met[text] = self._read(text)
        return self._met[text]

    def _read(self, text: str) -> Passage | None:
        entry = _only_entry(text)
        named = self._known.named(entry.key.text) if entry is not None else None
        if entry is None or not isinstance(named, Reference) or named.index is not None:
            return None
        id, budget = named.whole, Budget()
        try:
            written = read_cells(entry.value, self._known.shape(id), budget)
        except UnreadableError:
            return None
        answer = Answer(id, written.shape, written.cells, entry.key.mark, source=text)
        spent = MOST_EXPRESSIONS - budget.expressions
        return Passage(id, None if written.missing else answer, text.count("\n") + 1, spent)


@lru_cache(maxsize=64)
def _next_passage(indent: int) -> re.Pattern[str]:
    """The line break before a name with this indentation."""
    return re.compile(rf"\n(?= {{{indent}}}[^ \n#-])")


def _only_entry(text: str) -> Entry | None:
    """The one quantity of a passage; None where it is not plain, or not one."""
    root = plain_tree(f"answers:\n{text}")
    answers = root.entries["answers"].value if root is not None else None
    if root is None or len(root.entries) != 1 or not isinstance(answers, MapNode):
        return None
    (entry, *others) = answers.entries.values()
    return None if others else entry


def _student(heading: str) -> str | None:
    """Whose sheet it is, "" where it does not say so; None where it says anything else."""
    root = plain_tree(heading)
    if root is None or not root.entries.keys() <= {"student", "answers"}:
        return None
    if (entry := root.entries.get("student")) is None:
        return ""
    if not isinstance(entry.value, ScalarNode):
        return None
    return "" if entry.value.text.strip() in MISSING else entry.value.text


_CHAR: Final = r"\w.+\-*/^()=~−"
_START: Final = r"(?:-(?=[0-9.(])|[\w.+(~−])"
_ITEM_TEXT: Final = rf"{_START}[{_CHAR}]*+"
_ROW_TEXT: Final = rf"\[ *+{_ITEM_TEXT}(?: *+, *+{_ITEM_TEXT})*+ *+\]"
_END: Final = r"(?: +#.*| *)"

_UNUSUAL = re.compile("[\t\r\x85\u2028\u2029\ufeff]")
_line = re.compile(
    r"( *+)(?:(?P<key>[A-Za-z∂∇][\w/'@\[\],∂]{0,99}):(?: ++(?P<value>[^ #].*)| *+(?:(?<= )#.*)?)"
    r"|- ++(?P<item>[^ #].*)|(?:#.*)?)"
).fullmatch
_list = re.compile(rf"(\[ *+{_ROW_TEXT}(?: *+, *+{_ROW_TEXT})*+ *+\]){_END}").fullmatch
_row = re.compile(rf"({_ROW_TEXT}){_END}").fullmatch
_plain = re.compile(rf"({_START}(?:[{_CHAR};,]| (?! *#| *$))*+){_END}").fullmatch
_quoted = re.compile(rf"""(?:"([^"\\]*+)"|'([^']*+)'){_END}""").fullmatch
_rows = re.compile(_ROW_TEXT).finditer
_items = re.compile(_ITEM_TEXT).finditer


def plain_tree(text: str) -> MapNode | None:
    """The tree of a text that `read_text` has let through; None where it is not a plain one."""
    text = text.replace("\r\n", "\n")
    if _UNUSUAL.search(text):
        return None
    builder = _Builder()
    for number, line in enumerate(text.split("\n"), 1):
        if not builder.take(line, number):
            return None
    return builder.root


class _Builder:
    """Takes the lines; `take` says whether a line is of the plain form."""

    def __init__(self) -> None:
        self.root: MapNode | None = None
        self.inner: MapNode | None = None  # below the last key of the root
        self.last: Entry | None = None  # the entry that lines further in belong to
        self.items: ListNode | None = None  # below the last key of `inner`

    def take(self, line: str, number: int) -> bool:
        match = _line(line)
        if match is None:
            return False
        indent = match.end(1)
        if (item := match["item"]) is not None:
            return self._take_item(item, number, indent, match.start("item"))
        if (key := match["key"]) is None:
            return True
        value = match["value"]
        at = match.start("value") if value else match.end("key") + 1
        node = _node(value or "", number, at)
        if node is None:
            return False
        entry = Entry(ScalarNode(key, "plain", number, indent + 1), node)
        return self._enter(entry, self._mapping(number, indent))

    def _mapping(self, number: int, indent: int) -> MapNode | None:
        """Where a key with this indentation belongs; None where it fits nowhere."""
        if indent == 0:
            self.inner = None
            if self.root is None:
                self.root = MapNode(number, 1)
            return self.root
        if self.inner is not None:
            return self.inner if self.inner.column == indent + 1 else None
        if self.last is None or not _is_open(self.last):
            return None
        self.inner = MapNode(number, indent + 1)
        self.last.value = self.inner
        return self.inner

    def _enter(self, entry: Entry, mapping: MapNode | None) -> bool:
        if mapping is None or entry.key.text in mapping.entries:
            return False
        mapping.entries[entry.key.text] = entry
        self.last, self.items = entry, None
        return True

    def _take_item(self, text: str, number: int, indent: int, at: int) -> bool:
        if self.inner is None or self.last is None or indent < self.inner.column:
            return False
        if self.items is None:
            if not _is_open(self.last):
                return False
            self.items = ListNode(number, indent + 1)
            self.last.value = self.items
        node = _node(text, number, at)
        if node is None or self.items.column != indent + 1:
            return False
        self.items.items.append(node)
        return True


def _is_open(entry: Entry) -> bool:
    """Whether nothing stands behind the key, so that what is below it belongs to it."""
    value = entry.value
    return isinstance(value, ScalarNode) and value.style == "plain" and not value.text


def _node(text: str, line: int, at: int) -> Node | None:
    """The value that begins at this offset; None where it is not a plain one."""
    if not text:
        return ScalarNode("", "plain", line, at + 1)
    if text[0] == "[":
        if match := _row(text):
            return ListNode(line, at + 1, _scalars(match[1], line, at))
        if match := _list(text):
            return ListNode(line, at + 1, [*_lists(match[1], line, at)])
        return None
    if match := _plain(text):
        return ScalarNode(match[1], "plain", line, at + 1)
    if match := _quoted(text):
        return ScalarNode(match[match.lastindex or 1], "quoted", line, at + 1)
    return None


def _lists(text: str, line: int, at: int) -> Iterator[Node]:
    for row in _rows(text):
        start = at + row.start()
        yield ListNode(line, start + 1, _scalars(row[0], line, start))


def _scalars(text: str, line: int, at: int) -> list[Node]:
    return [ScalarNode(item[0], "plain", line, at + item.start() + 1) for item in _items(text)]
