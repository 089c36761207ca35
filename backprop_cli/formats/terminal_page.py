"""What is said to a page for the terminal, drawn by rich: rules, tables, formulas in lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace
from rich.console import RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from backprop_cli.document.document_data import (
    Columns,
    Document,
    Given,
    Givens,
    Heading,
    Losses,
    Note,
    Page,
    Part,
    Pictures,
    Results,
    Room,
    Row,
    Rows,
    Section,
    Step,
)
from backprop_cli.document.step_words import PARAMETERS
from backprop_cli.document.view import View
from backprop_cli.formats.registry import Said
from backprop_cli.formats.terminal_formulas import (
    Boxed,
    Chain,
    Drawn,
    Equal,
    Flowing,
    Headline,
    Inline,
    Moved,
    Phrases,
    inline,
    worded,
)
from backprop_cli.formats.terminal_tables import WHAT_IT_IS, fitting, headed, tabulated
from backprop_cli.notation.ascii_signs import ascii_text
from backprop_cli.notation.boxes import ASCII, UNICODE, Drawing, Role, plain_text, text_box
from backprop_cli.notation.flow import joined, natural_width, restyled, word
from backprop_cli.notation.nodes import Grid, Named, Node, Number, is_of_numbers
from backprop_cli.notation.numbers_and_indices import Digits, with_lowered
from backprop_cli.notation.terminal import Terminal
from backprop_cli.problem.typed_numbers import printable
from backprop_cli.terminal.console import console_of, drawn, shown_lines

_INDENT, _STEP, _TABLE = 4, 8, 2
_BLANK = Boxed(text_box(""))
_MOST_ROWS, _MOST_ROWS_LONG = 10, 16
_LEAST, _BESIDE = 16, 46  # columns of an array in a table at least, and those of its neighbours
_ANY_WIDTH = 10**9
_WIDE = 80  # columns, from which on a matrix may take nearly all of them


def render(said: Said, view: View) -> str:
    """The page as text, in the styles of the theme where there are colours."""
    shown = TerminalPage(said.document(view, page_for(view)), view).whole()
    return drawn(shown, view) if view.color is not None else "".join(_plain(shown, view))


def _plain(shown: Iterable[RenderableType], view: View) -> Iterator[str]:
    """The same without styles: what is lines already needs no console."""
    on = console_of(view)
    for each in shown:
        if isinstance(each, Drawn):
            yield from (f"{printable(plain_text(line))}\n" for line in each.lines(view.width))
        else:
            for line in shown_lines(each, on):
                yield "".join(segment.text for segment in line) + "\n"


def page_for(view: View) -> Page:
    """What there is room for between the margins of a terminal."""
    rows = _MOST_ROWS_LONG if view.detail == "long" else _MOST_ROWS
    return Page(max(4, view.width // 6), rows, drawing=view.width - 20)


class _Called(Struct, frozen=True):
    """The names of a document, as its setter asks for them."""

    document: Document

    def text(self, id: str) -> str:
        """The id: in ASCII, names say themselves."""
        return id

    def role(self, id: str) -> Role:
        """What a quantity is, for its colour."""
        return self.document.role(id)  # type: ignore[return-value]


class TerminalPage:
    """Draws the parts of one document for one view."""

    def __init__(self, document: Document, view: View) -> None:
        self.document, self.view = document, view
        self.setter = Terminal(
            Drawing(
                Digits(view.decimals, view.ascii),
                ASCII if view.ascii else UNICODE,
                view.rows,
                most_width=widest(view.width),
            ),
            _Called(document),
        )
        self.labelled = replace(self.setter, braces=True)
        self.tabled = replace(self.setter, drawing=self.in_table())
        self.has_sections = any(isinstance(part, Section) for part in document.parts)

    def in_table(self) -> Drawing:
        """How arrays are drawn in a table: no line between two rows, room for the other columns."""
        room = max(_LEAST, self.view.width - _BESIDE)
        return replace(self.setter.drawing, gap=False, most_width=room)

    def whole(self) -> Iterator[RenderableType]:
        """The title, what holds throughout, and the parts with room between them."""
        if self.document.title:
            yield Flowing(worded(self.words(self.document.title), "result"))
        if self.document.conventions:
            yield self.conventions(self.document.conventions)
        before: type | None = None
        for part in self.document.parts:
            if not (before in _CLOSE and type(part) in _CLOSE):
                yield _BLANK
            before = type(part)
            yield from self.part(part)

    def conventions(self, phrases: Sequence[str]) -> RenderableType:
        """The phrases on lines, of which none ends inside one if it can be helped."""
        return Phrases(tuple(map(self.words, phrases)), " | " if self.view.ascii else " · ")

    def part(self, part: Part) -> Iterator[RenderableType]:
        """One part."""
        return _PARTS[type(part)](self, part)

    def words(self, text: str) -> str:
        """Words in the alphabet that is asked for, their indices below the line: y_j is yⱼ."""
        if self.view.ascii:
            return ascii_text(text)
        return with_lowered(text)

    def one_line(self, node: Node) -> Text:
        """A formula on one line, in its colours."""
        return Text.assemble(*self.in_line(node).box.lines[0])

    def in_line(self, node: Node) -> Inline:
        """The same for a cell of a table; a formula that is taller takes its baseline."""
        box = joined(self.setter.tokens(node))
        return inline(box.lines[box.baseline])

    def shape(self, shape: Sequence[int | str]) -> str:
        """`(2×3)`, nothing for a number."""
        return f"({self.setter.shape(shape)})" if shape else ""

    # Headings -------------------------------------------------------------------------------------

    def section(self, part: Section) -> Iterator[RenderableType]:
        """`Update ────────── η = 0.5`."""
        sides = [self.one_line(each.head) + " = " + self.one_line(each.result)
                 for each in part.beside if each.result is not None]  # fmt: skip
        beside = Text("   ").join(sides)
        beside.stylize("note")
        fits = len(self.words(part.words)) + beside.cell_len + 6 <= self.view.width
        yield self.rule(Text(self.words(part.words), "heading"), beside if fits else Text())
        if not fits:
            yield Padding(beside, (0, 0, 0, _STEP))

    def rule(self, words: Text, beside: Text) -> RenderableType:
        """Words at the left of a rule, and what stands at its right."""
        dash = "-" if self.view.ascii else "─"
        if not beside.plain:
            return Rule(words, characters=dash, align="left")
        line = Table.grid(padding=(0, 1, 0, 0), expand=True)
        line.add_column()
        line.add_column(ratio=1)
        line.add_column(no_wrap=True)
        line.add_row(words, Rule(characters=dash), beside)
        return line

    def heading(self, part: Heading) -> Iterator[RenderableType]:
        """Words and a formula, as a rule where there is nothing above them."""
        said = Text(self.words(part.words), "heading")
        formula = self.one_line(part.formula) if part.formula is not None else Text()
        shape = Text(self.shape(part.shape), "note")
        if not self.has_sections:
            formula.stylize("heading")
            yield self.rule(Text(" ").join(filter(None, (said, formula))), shape)
        elif isinstance(part.formula, Named):
            yield Text.assemble(formula, "  ", (said.plain, "note"))
        else:
            yield Text(" ").join(each for each in (said, formula, shape) if each.plain)

    # Tables ---------------------------------------------------------------------------------------

    def givens(self, part: Givens) -> Iterator[RenderableType]:
        """A line for each quantity: what it is called, what it is, its shape, its value."""
        columns = (
            ("quantity", [self.in_line(each.symbol) for each in part.items]),
            (WHAT_IT_IS, [Text(self.words(each.words)) for each in part.items]),
            ("shape", [inline(((self.shape(each.shape), "note"),)) for each in part.items]),
            ("value", [self.drawn(each.value, whole=part.whole) for each in part.items]),
            ("numbers", [self.counted(each) for each in part.items]),
        )
        yield from tabulated(columns, _INDENT, self.view.width, self.view.ascii)
        if part.total is not None:
            yield Text()
            total = Text(f"{PARAMETERS}: ") + self.one_line(part.total)
            yield Padding(total, (0, 0, 0, _INDENT))

    def counted(self, given: Given) -> Inline | None:
        """How many numbers are in a quantity, where that is said."""
        return self.in_line(given.count) if given.count is not None else None

    def drawn(self, node: Node | None, role: Role = "", *, whole: bool = False) -> Boxed | None:
        """A value, in lines of its own; as wide as it is where it is to be seen `whole`."""
        if node is None:
            return None
        setter = self.tabled
        if whole:
            setter = replace(setter, drawing=replace(setter.drawing, most_width=_ANY_WIDTH))
        tokens = setter.tokens(node)
        plain = tuple(replace(token, label="") for token in restyled(tokens, role))
        return Boxed(joined(plain), plain)

    def results(self, part: Results) -> Iterator[RenderableType]:
        """The closing table."""
        columns = (
            ("quantity", [self.in_line(each.symbol) for each in part.items]),
            (WHAT_IT_IS, [Text(self.words(each.words)) for each in part.items]),
            ("shape", [inline(((self.shape(each.shape), "note"),)) for each in part.items]),
            ("value", [self.drawn(each.value, "result") for each in part.items]),
        )
        yield from tabulated(columns, _TABLE, self.view.width, self.view.ascii)

    def columns(self, part: Columns) -> Iterator[RenderableType]:
        """A table of words and formulas."""
        columns = [
            [self.cell(each) for each in column]
            for column in zip(part.heads, *part.rows, strict=True)
        ]
        for number, chosen in enumerate(fitting(columns, self.view.width - _TABLE)):
            if number:
                yield _BLANK
            table = headed([head for head, *_ in chosen], self.view.ascii)
            for line in zip(*(cells for _, *cells in chosen), strict=True):
                table.add_row(*line)
            yield Padding(table, (0, 0, 0, _TABLE))

    def cell(self, said: Node | str) -> Text:
        """Words or a formula; the numbers of a vector without brackets."""
        if isinstance(said, Grid) and len(said.rows) == 1 and is_of_numbers(said):
            return Text("  ").join(map(self.padded, said.rows[0]))
        return Text(self.words(said)) if isinstance(said, str) else self.one_line(said)

    def padded(self, entry: Node) -> Text:
        """A number with the room beside it that brings its point below those above it."""
        lead, pad = (entry.lead, entry.pad) if isinstance(entry, Number) else ("", "")
        return Text.assemble(" " * len(lead), self.one_line(entry), " " * len(pad))

    # Steps ----------------------------------------------------------------------------------------

    def step(self, part: Step) -> Iterator[RenderableType]:
        """Number, name, words, the shape at the right; the formula and its entries below."""
        words = self.setter.tokens(part.symbol)
        if part.words:
            first, *rest = worded(self.words(part.words))
            words = (*words, word("  "), replace(first, space=False), *rest)
        number = f"{part.number:>2}  " if part.number else "    "
        yield Headline(number, words, self.shape(part.shape))
        yield self.indented(Equal(part.equation, self.setter))
        if part.entries:
            yield _BLANK
        for entry in part.entries:
            yield self.indented(Equal(entry, self.setter))
        for note in part.notes:
            yield self.indented(Flowing(worded(self.words(note), "note")))

    def indented(self, what: Drawn, by: int = _STEP) -> Moved:
        """Something further to the right."""
        return Moved(what, by)

    # Formulas -------------------------------------------------------------------------------------

    def rows(self, part: Rows) -> Iterator[RenderableType]:
        """Chains, their `=` below one another."""
        heads = [natural_width(self.labelled.tokens(row.head)) for row in part.items if row.head]
        said = [replace(row, words=self.words(row.words)) for row in part.items]
        for chain in _chains(said):
            yield self.indented(Chain(chain, self.labelled, max(heads, default=0)), _INDENT)

    def note(self, part: Note) -> Iterator[RenderableType]:
        """A sentence, a formula behind it."""
        tokens = worded(self.words(part.words), "note")
        if part.formula is not None:
            first, *rest = self.setter.tokens(part.formula)
            tokens = (*tokens, replace(first, space=True), *rest)
        yield self.indented(Flowing(tokens), _INDENT)

    # Pictures -------------------------------------------------------------------------------------

    def pictures(self, part: Pictures) -> Iterator[RenderableType]:
        """Drawings beside one another where there is room."""
        from backprop_cli.formats.terminal_pictures import drawing

        room = self.view.width - _INDENT
        alone = len(part.items) == 1
        found = [drawing(each, room, self.view.ascii, alone=alone) for each in part.items]
        from rich.columns import Columns as Beside

        shown = Beside([each for each in found if each], padding=(1, 3))
        yield Padding(shown, (0, 0, 0, _INDENT))

    def room(self, part: Room) -> Iterator[RenderableType]:
        """Lines left free."""
        yield Text("\n" * (part.lines - 1))

    def losses(self, part: Losses) -> Iterator[RenderableType]:
        """A few losses in numbers, many as a curve."""
        arrow = "->" if self.view.ascii else "→"
        texts = [self.words(each.text) for each in part.shown]
        first, last = texts[0], texts[-1]
        name = self.one_line(part.symbol)
        said = Text.assemble(name, f"  {first} {arrow} ", (last, "result"), "   ")
        yield Padding(said.append(self.words(part.words), "note"), (0, 0, 0, _INDENT))
        if part.are_few:
            if len(texts) > 2:
                yield Padding(Text("  ".join(texts), "note"), (0, 0, 0, _INDENT))
            return
        yield Text()
        from backprop_cli.formats.terminal_pictures import losses_curve

        shown = losses_curve(part, self.view.width - _INDENT, self.view.ascii)
        yield Padding(shown, (0, 0, 0, _INDENT))


def widest(columns: int) -> int:
    """The columns a matrix may take: in a narrow window it has to share them with a function."""
    return columns - _STEP - 12 if columns >= _WIDE else max(20, columns // 2)


def _chains(rows: Sequence[Row]) -> Iterator[tuple[Row, ...]]:
    """The rows in chains; each with a head begins one."""
    number = 0
    numbers = []
    for row in rows:
        number += row.head is not None
        numbers.append(number)
    for _, group in groupby(zip(numbers, rows, strict=True), lambda pair: pair[0]):
        yield tuple(row for _, row in group)


_CLOSE = frozenset({Note})
"""Parts that stand below one another without an empty line."""

_PARTS: Mapping[type, Callable[..., Iterator[RenderableType]]] = MappingProxyType(
    {
        Section: TerminalPage.section,
        Heading: TerminalPage.heading,
        Givens: TerminalPage.givens,
        Step: TerminalPage.step,
        Rows: TerminalPage.rows,
        Note: TerminalPage.note,
        Columns: TerminalPage.columns,
        Pictures: TerminalPage.pictures,
        Room: TerminalPage.room,
        Losses: TerminalPage.losses,
        Results: TerminalPage.results,
    }
)
