"""The text of a plain sheet -> its answers; a quantity met before, as it is written, is known.

A class writes the same lines again and again: the right values, at a few digits. So a sheet is cut
into passages, a quantity each, and each passage is read once. Whatever is not plainly a list of
quantities (something unreadable, a name given twice, single entries) is left to the full reader:
where this one gives answers at all, they are the same answers.

What it gains, measured on the sheets of benchmarks/grading.py: right ones are graded some six
times, ones with a slip more than ten times as fast as by the full reader alone.
"""

from __future__ import annotations

import re
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
from backprop_cli.problem.text.plain_tree import plain_tree
from backprop_cli.problem.text.tree import Entry, MapNode, ScalarNode

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
