"""A derivation to lines of text: chains aligned at their `=`, the reasons in a column beside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr
from backprop_cli.derive.derivation_data import Chain, Condition, Definition, Derivation, Table
from backprop_cli.derive.derivation_data import Line as Step
from backprop_cli.document.names import Names
from backprop_cli.document.view import View
from backprop_cli.notation.boxes import Box, Line, beside, line_width, plain_text, text_box
from backprop_cli.notation.flow import Token, lines, natural_width, word
from backprop_cli.notation.small_letters import subscript
from backprop_cli.render.formula import Writer
from backprop_cli.render.layout import Layout, layout_of, wrapped
from backprop_cli.render.markdown import escaped
from backprop_cli.render.text import printed

INDENT, GAP = 4, 3
_LEAST = 24  # columns that reasons need to stand beside their lines
_lettered = re.compile(r"(?<=[^\W\d])_([a-z])(?![a-z])")
_WORDS_ASCII = str.maketrans(
    {"≠": "!=", "≤": "<=", "≥": ">=", "·": "*", "²": "^2", "ⁿ": "^n", "⁻": "-", "¹": "1"}
    | {"ᵘ": "^u", "ᵛ": "^v", "Φ": "Phi", "φ": "phi", "α": "alpha", "ⱼ": "_j"}
)
_POWERS = str.maketrans("ⁿ⁻⁺⁰¹²³", "n-+0123")
_raised = re.compile("[ⁿ⁻⁺⁰¹²³]{2,}")


def text(derivation: Derivation, view: View) -> str:
    """The derivation for the terminal."""
    page = Page(view)
    body = [((derivation.title, "heading"),), (), *page.body(derivation)]
    return printed([tuple((page.plain(t), role) for t, role in line) for line in body], view)


def markdown(derivation: Derivation, view: View) -> str:
    """The derivation as Markdown: headings, lines in code blocks."""
    page = Page(view)
    parts = [
        f"# {escaped(page.plain(derivation.title))}",
        _block(page, page.definitions(derivation.definitions)),
    ]
    for chain in derivation.chains:
        parts.append(f"## {escaped(page.plain(_joined(page.heading(chain))))}")
        parts.append(_block(page, [*page.definitions(chain.definitions), *page.chain(chain)]))
        parts += [f"*{escaped(page.words(note))}*" for note in chain.notes]
    for table in derivation.tables:
        parts += [f"## {escaped(page.plain(table.words))}", _block(page, page.table(table))]
    parts += [f"*{escaped(page.words(note))}*" for note in derivation.notes]
    return "\n\n".join(part for part in parts if part) + "\n"


def _joined(line: Line) -> str:
    return "".join(part for part, _ in line)


def _block(page: Page, body: Iterable[Line]) -> str:
    texts = [page.plain(plain_text(line)) for line in body]
    return "```text\n" + "\n".join(texts) + "\n```" if texts else ""


class Page:
    """Writes the parts of a derivation in one width and one alphabet."""

    def __init__(self, view: View, names: Names | None = None) -> None:
        self.view = view
        self.names = names or Names(view.notation, layers=False, ascii=view.ascii)
        self.layout: Layout = layout_of(self.names, view)
        self.writer = Writer(self.names, self.layout.drawing, {}, None)

    def plain(self, text: str) -> str:
        """Words in ASCII where only that is wanted."""
        if not self.view.ascii:
            return self.layout.plain(text)
        raised = _raised.sub(lambda found: f"^({found[0].translate(_POWERS)})", text)
        return self.layout.plain(raised.translate(_WORDS_ASCII))

    def words(self, text: str) -> str:
        """Words with their indices below the line: y_j is yⱼ."""
        if self.view.ascii:
            return self.plain(text)
        return _lettered.sub(_lowered, text.replace("yhat", "ŷ"))

    def body(self, derivation: Derivation) -> Iterator[Line]:
        """Everything below the title."""
        yield from self._indented(self.definitions(derivation.definitions))
        yield ()
        for chain in derivation.chains:
            heading = self.heading(chain)
            if heading:
                yield heading
            yield from self._indented(self.definitions(chain.definitions))
            yield from self._indented(self.chain(chain))
            yield from self._notes(chain.notes)
            yield ()
        for table in derivation.tables:
            yield ((self.words(table.words), "heading"),)
            yield from self._indented(self.table(table))
            yield ()
        yield from self._notes(derivation.notes)

    def _indented(self, body: Iterable[Line]) -> Iterator[Line]:
        return (((" " * INDENT, ""), *line) for line in body)

    def _notes(self, notes: Iterable[str]) -> Iterator[Line]:
        for note in notes:
            for row in wrapped(self.words(note).split(), self.view.width - INDENT, " "):
                yield ((" " * INDENT, ""), (row, "note"))

    # Conditions and definitions ---------------------------------------------------------------

    def one_line(self, expr: Expr) -> str:
        """A formula on one line."""
        return "".join(
            (" " if token.space and position else "")
            + "".join(part for part, _ in token.box.lines[0])
            for position, token in enumerate(self.writer.tokens(expr))
        )

    def condition(self, condition: Condition) -> str:
        """`z > 0`."""
        return (
            f"{self.one_line(condition.left)} {condition.relation} {self.one_line(condition.right)}"
        )

    def conditions(self, conditions: Sequence[Condition]) -> str:
        """All of them, with commas between them."""
        return ", ".join(map(self.condition, conditions))

    def definitions(self, definitions: Sequence[Definition]) -> Iterator[Line]:
        """`f = σ(z) = 1 / (1 + exp(−z))`, the conditions behind it."""
        for each in definitions:
            if not each.forms:
                continue
            head = self.writer.tokens(each.symbol)
            equal = [
                token
                for form in each.forms
                for token in (word("=", space=True, level=0), *_spaced(self.writer.tokens(form)))
            ]
            tail = f"   where {self.conditions(each.conditions)}" if each.conditions else ""
            rows = [*lines((*head, *equal), self.view.width - INDENT, 2)]
            for number, row in enumerate(rows):
                last = number == len(rows) - 1
                for line in row.lines:
                    yield (*line, (tail, "note")) if last and tail else line

    # Chains -----------------------------------------------------------------------------------

    def heading(self, chain: Chain) -> Line:
        """`Case z > 0`, or the words of the chain."""
        if chain.words:
            return ((self.words(chain.words), "heading"),)
        return (
            ((f"Case {self.conditions(chain.conditions)}", "heading"),) if chain.conditions else ()
        )

    def chain(self, chain: Chain) -> Iterator[Line]:
        """The lines, and their reasons beside them or, where there is no room, below."""
        head = natural_width(self.writer.tokens(chain.left))
        room = self.view.width - INDENT - head - 1
        formulas = [self._formula(step, room) for step in chain.lines]
        column = self._column(formulas, room)
        for number, (step, boxes) in enumerate(zip(chain.lines, formulas, strict=True)):
            first = (
                beside([_one(self.writer.tokens(chain.left)), text_box(" ")])
                if number == 0
                else text_box(" " * (head + 1))
            )
            yield from self._step(step, boxes, first, column, head + 1)

    def _formula(self, step: Step, room: int) -> list[Box]:
        tokens = (word("="), *_spaced(self.writer.tokens(step.expr)))
        return list(lines(tokens, room, 2))

    def _column(self, formulas: Sequence[Sequence[Box]], room: int) -> int:
        """Where the reasons begin, counted from the `=`: behind most of the lines."""
        most = room - _LEAST - GAP
        fitting = [box.width for boxes in formulas for box in boxes if box.width <= most]
        return max(fitting, default=most) + GAP

    def _step(
        self, step: Step, boxes: Sequence[Box], first: Box, column: int, margin: int
    ) -> Iterator[Line]:
        width = self.view.width - INDENT - margin - column
        reasons = [*wrapped(self.words(step.words).split(), max(width, _LEAST), " ")]
        rows = [
            line
            for position, box in enumerate(boxes)
            for line in beside([first if position == 0 else text_box(" " * margin), box]).lines
        ]
        start = len(rows) - 1
        if line_width(rows[start]) + GAP > margin + column:
            start += 1
        for number in range(max(len(rows), start + len(reasons))):
            row = rows[number] if number < len(rows) else ()
            said = number - start
            if 0 <= said < len(reasons):
                row = (*row, (" " * (margin + column - line_width(row)) + reasons[said], "note"))
            yield row

    # Tables -----------------------------------------------------------------------------------

    def table(self, table: Table) -> Iterator[Line]:
        """The matrix in brackets, its shape behind it."""
        texts = [[self.one_line(entry) for entry in row] for row in table.entries]
        columns = [list(column) for column in zip(*texts, strict=True)]
        padded = [[text.center(max(map(len, column))) for text in column] for column in columns]
        matrix = self.layout.drawing.bracketed(padded)
        name = text_box(self.names.text(table.name) + " = ")
        shape = text_box(
            f"   ({self.layout.times.join(f' {size} ' for size in table.shape).strip()})", "note"
        )
        yield from beside([name, matrix, shape]).lines


def _spaced(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """The tokens with a blank in front."""
    first, *rest = tokens
    return (replace(first, space=True), *rest)


def _one(tokens: Sequence[Token]) -> Box:
    """The tokens on one line, however wide."""
    return next(iter(lines(tokens, natural_width(tokens), 0)))


def _lowered(found: re.Match[str]) -> str:
    return subscript(found[1]) or found[0]
