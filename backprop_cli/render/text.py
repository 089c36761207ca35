"""A trace to text for the terminal: every step as symbols = numbers put in = result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import MappingProxyType

from backprop_cli.document.view import View
from backprop_cli.notation.boxes import Line, line_width, plain_text, width
from backprop_cli.render.blocks import (
    Block,
    GivenBlocks,
    LossBlock,
    Section,
    StatedBlocks,
    StepBlock,
    TableBlock,
    Title,
    document,
)
from backprop_cli.render.history import history_lines
from backprop_cli.render.layout import Layout, layout_of, wrapped
from backprop_cli.trace import Trace


def render(trace: Trace, view: View) -> str:
    """The whole derivation as text, ending in a line break."""
    shown = document(trace, view)
    layout = layout_of(shown.names, view)
    lines = [line for block in shown.blocks for line in _BLOCKS[type(block)](block, layout)]
    return printed(_without_double_blanks(lines), view)


def printed(lines: Iterable[Line], view: View) -> str:
    """Lines as a text, in the styles of the theme where there are colours."""
    if view.color is None:
        return "".join(f"{plain_text(line)}\n" for line in lines)
    from rich.text import Text

    from backprop_cli.terminal.console import console_of

    on = console_of(view)
    with on.capture() as captured:
        for line in lines:
            text = Text.assemble(*((span, role if span.strip() else "") for span, role in line))
            text.rstrip()
            on.print(text, soft_wrap=True)
    return captured.get()


def _without_double_blanks(lines: Sequence[Line]) -> Iterator[Line]:
    blank = True
    for line in lines:
        now_blank = all(text.isspace() or not text for text, _ in line)
        if not (blank and now_blank):
            yield line
        blank = now_blank


# Blocks -------------------------------------------------------------------------------------------


def _title(block: Title, layout: Layout) -> Iterator[Line]:
    if block.text:
        for text in wrapped(block.text.split(), layout.view.width, " "):
            yield ((layout.plain(text), "result"),)
    for text in wrapped(block.conventions, layout.view.width, " · "):
        yield ((layout.plain(text), "note"),)
    yield ()


def _section(block: Section, layout: Layout) -> Iterator[Line]:
    """`Update ────────── η = 0.5`."""
    yield ()
    aside = layout.aside(block.aside)
    room = layout.view.width - width(block.text) - 1
    beside_it = aside if aside and width(aside) + 4 <= room else ""
    rule = ("-" if layout.view.ascii else "─") * (room - (width(beside_it) + 1 if beside_it else 0))
    yield ((block.text, "heading"), (f" {rule} {beside_it}", "note"))
    if aside and not beside_it:
        room = layout.view.width - layout.indent
        for text in wrapped(aside.split("   "), room, "   "):
            yield ((" " * layout.indent + text, "note"),)
    yield ()


def _given(block: GivenBlocks, layout: Layout) -> Iterator[Line]:
    yield from layout.given(block.items)
    yield ()


def _stated(block: StatedBlocks, layout: Layout) -> Iterator[Line]:
    yield from layout.stated(block)
    yield ()


def _step(block: StepBlock, layout: Layout) -> Iterator[Line]:
    yield _heading(block, layout)
    indent: Line = ((" " * layout.indent, ""),)
    for line in layout.formula(block):
        yield (*indent, *line)
    if block.entries:
        yield ()
    for line in layout.entries(block):
        yield (*indent, *line)
    for note in block.notes:
        for text in wrapped(layout.plain(note).split(), layout.view.width - layout.indent, " "):
            yield (*indent, (text, "note"))
    yield ()


def _heading(block: StepBlock, layout: Layout) -> Line:
    """Number, name, words; the shape at the right margin."""
    number = f"{block.number:>2}  " if block.number else "    "
    words = "  " + layout.plain(block.words)
    left: Line = ((number, "note"), layout.named(block.id), (words, ""))
    shape = layout.shape(block.shape)
    gap = layout.view.width - line_width(left) - width(shape)
    if gap < 2:
        return left
    return (*left, (" " * gap, ""), (shape, "note"))


def _loss(block: LossBlock, layout: Layout) -> Iterator[Line]:
    yield from history_lines(block, layout)
    yield ()


def _table(block: TableBlock, layout: Layout) -> Iterator[Line]:
    names = [layout.names.text(row.id) for row in block.rows]
    shapes = [layout.shape(row.shape) for row in block.rows]
    name_width, shape_width = max(map(width, names)), max(map(width, shapes))
    left = name_width + shape_width + 6
    for row, shape in zip(block.rows, shapes, strict=True):
        name, role = layout.named(row.id)
        pad = " " * (name_width - width(name) + 2)
        first: Line = (("  ", ""), (name, role), (pad, ""), (f"{shape:<{shape_width}}  ", "note"))
        for position, text in enumerate(layout.flat(row.value, layout.view.width - left)):
            yield (*first, (text, "")) if position == 0 else ((" " * left, ""), (text, ""))
    yield ()


_BLOCKS: MappingProxyType[type[Block], Callable[..., Iterator[Line]]] = MappingProxyType(
    {
        Title: _title,
        Section: _section,
        GivenBlocks: _given,
        StatedBlocks: _stated,
        StepBlock: _step,
        LossBlock: _loss,
        TableBlock: _table,
    }
)
