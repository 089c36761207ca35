"""What is said to Markdown: headings, tables, and what the terminal shows in code blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from msgspec.structs import replace
from rich.console import RenderableType

from backprop_cli.document.document_data import (
    Columns,
    Document,
    Givens,
    Heading,
    Losses,
    Note,
    Part,
    Pictures,
    Results,
    Room,
    Rows,
    Section,
    Step,
)
from backprop_cli.document.view import View
from backprop_cli.formats.registry import Said
from backprop_cli.formats.terminal_formulas import Equal
from backprop_cli.formats.terminal_page import TerminalPage, page_for
from backprop_cli.notation.nodes import Node
from backprop_cli.terminal.console import drawn

_SPECIAL = str.maketrans({char: f"\\{char}" for char in "\\`*_[]<>#|~"})


def render(said: Said, view: View) -> str:
    """The page as Markdown, ending in a line break."""
    view = replace(view, color=None)
    return _Writer(said.document(view, page_for(view)), view).whole()


def escaped(text: str) -> str:
    """Text in which nothing is taken for Markdown."""
    return " ".join(text.split()).translate(_SPECIAL)


class _Writer:
    def __init__(self, document: Document, view: View) -> None:
        self.document, self.view = document, view
        self.page = TerminalPage(document, view)

    def whole(self) -> str:
        said = [f"# {self.words(self.document.title)}"] if self.document.title else []
        if self.document.conventions:
            said.append("\n".join(f"- {self.words(each)}" for each in self.document.conventions))
        said += [text for part in self.document.parts for text in _PARTS[type(part)](self, part)]
        return "\n\n".join(filter(None, said)) + "\n"

    def words(self, text: str) -> str:
        return escaped(self.page.words(text))

    def formula(self, node: Node | None) -> str:
        """A formula between words."""
        return escaped(self.page.one_line(node).plain) if node is not None else ""

    def block(self, what: Iterable[RenderableType]) -> str:
        """What the terminal has, as a code block without the indent that is common to it all."""
        lines = drawn(what, self.view).rstrip("\n").split("\n")
        indent = min((len(line) - len(line.lstrip(" ")) for line in lines if line), default=0)
        body = "\n".join(line[indent:] for line in lines).strip("\n")
        return f"```text\n{body}\n```" if body else ""

    # Parts ----------------------------------------------------------------------------------------

    def section(self, part: Section) -> Iterator[str]:
        yield f"## {self.words(part.words)}"
        sides = ((self.page.one_line(each.head), each.result) for each in part.beside)
        yield ", ".join(
            f"`{head} = {self.page.one_line(result)}`" for head, result in sides if result
        )

    def heading(self, part: Heading) -> Iterator[str]:
        hashes = "###" if self.page.has_sections else "##"
        formula, shape = self.formula(part.formula), self.page.shape(part.shape)
        yield " ".join(filter(None, (hashes, self.words(part.words), formula, shape)))

    def step(self, part: Step) -> Iterator[str]:
        number = f"{part.number}. " if part.number else ""
        dash = "-" if self.view.ascii else "—"
        words = f" {dash} {self.words(part.words)}" if part.words else ""
        shape = f" {self.page.shape(part.shape)}" if part.shape else ""
        yield f"### {number}{self.formula(part.symbol)}{words}{shape}"
        entries: list[RenderableType] = [Equal(each, self.page.setter) for each in part.entries]
        formula: list[RenderableType] = [Equal(part.equation, self.page.setter)]
        yield self.block([*formula, *([""] if entries else []), *entries])
        for note in part.notes:
            yield f"*{self.words(note)}*"

    def note(self, part: Note) -> Iterator[str]:
        said = (self.words(part.words), self.formula(part.formula))
        yield f"*{' '.join(filter(None, said))}*"

    def drawn(self, part: Part) -> Iterator[str]:
        """A part as the terminal has it."""
        yield self.block(self.page.part(part))

    def room(self, part: Room) -> Iterator[str]:
        """Lines that are free wherever Markdown is set."""
        yield "\n".join(["<br>"] * part.lines)

    def columns(self, part: Columns) -> Iterator[str]:
        heads, *cells = (
            [self.words(each) if isinstance(each, str) else self.formula(each) for each in line]
            for line in (part.heads, *part.rows)
        )
        yield _table(heads, cells)

    def results(self, part: Results) -> Iterator[str]:
        flat = [self.flat(each.value) for each in part.items]
        rows = [
            [self.formula(each.symbol), self.page.shape(each.shape).strip("()"), f"`{value}`"]
            for each, value in zip(part.items, flat, strict=True)
        ]
        yield _table(["quantity", "shape", "value"], rows)

    def flat(self, node: Node) -> str:
        """A value on one line: `3.0055 5.9217; 4 5`."""
        drawn = self.page.drawn(node)
        lines = ["".join(text for text, _ in line) for line in drawn.box.lines] if drawn else []
        return "; ".join(" ".join(line.strip("[]⎡⎢⎣⎤⎥⎦| ").split()) for line in lines)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    first, *others = (f"| {' | '.join(line)} |" for line in (heads, *rows))
    return "\n".join([first, "|" + ":--|" * len(heads), *others])


_PARTS: Mapping[type, Callable[..., Iterator[str]]] = MappingProxyType(
    {
        Section: _Writer.section,
        Heading: _Writer.heading,
        Givens: _Writer.drawn,
        Step: _Writer.step,
        Rows: _Writer.drawn,
        Note: _Writer.note,
        Columns: _Writer.columns,
        Pictures: _Writer.drawn,
        Room: _Writer.room,
        Losses: _Writer.drawn,
        Results: _Writer.results,
    }
)
