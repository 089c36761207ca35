"""A trace to GitHub Markdown: headings, formulas in code blocks, a closing table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType

from msgspec.structs import replace

from backprop_cli.document.view import View
from backprop_cli.notation.boxes import Line, plain_text
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
from backprop_cli.render.layout import Layout, layout_of
from backprop_cli.trace import Trace

_SPECIAL = str.maketrans({char: f"\\{char}" for char in "\\`*_[]<>#|~"})


def render(trace: Trace, view: View) -> str:
    """The whole derivation as Markdown."""
    shown = document(trace, view)
    layout = replace(layout_of(shown.names, view), indent=0)
    parts = [part for block in shown.blocks for part in _BLOCKS[type(block)](block, layout)]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Text in which nothing is taken for Markdown."""
    return " ".join(text.split()).translate(_SPECIAL)


def _fenced(lines: Iterable[Line]) -> str:
    """Lines as a code block, their common indent removed."""
    texts = [plain_text(line) for line in lines]
    while texts and not texts[-1]:
        texts.pop()
    indent = min((len(text) - len(text.lstrip(" ")) for text in texts if text), default=0)
    body = "\n".join(text[indent:] for text in texts)
    return f"```text\n{body}\n```"


def _title(block: Title, layout: Layout) -> Iterator[str]:
    if block.text:
        yield f"# {escaped(layout.plain(block.text))}"
    yield "\n".join(f"- {escaped(layout.plain(phrase))}" for phrase in block.conventions)


def _section(block: Section, layout: Layout) -> Iterator[str]:
    yield f"## {block.text}"
    aside = layout.aside(block.aside)
    if aside:
        yield ", ".join(f"`{text}`" for text in aside.split("   "))


def _given(block: GivenBlocks, layout: Layout) -> Iterator[str]:
    yield _fenced(layout.given(block.items))


def _stated(block: StatedBlocks, layout: Layout) -> Iterator[str]:
    yield _fenced(layout.stated(block))


def _step(block: StepBlock, layout: Layout) -> Iterator[str]:
    number = f"{block.number}. " if block.number else ""
    words = f" — {escaped(layout.plain(block.words))}" if block.words else ""
    shape = f" {layout.shape(block.shape)}" if block.shape else ""
    dash = words.replace("—", "-") if layout.view.ascii else words
    yield f"### {number}{escaped(layout.names.text(block.id))}{dash}{shape}"
    entries = list(layout.entries(block))
    yield _fenced([*layout.formula(block), *([(), *entries] if entries else [])])
    for note in block.notes:
        yield f"*{escaped(layout.plain(note))}*"


def _loss(block: LossBlock, layout: Layout) -> Iterator[str]:
    yield _fenced(history_lines(block, layout))


def _table(block: TableBlock, layout: Layout) -> Iterator[str]:
    rows = ["| quantity | shape | value |", "|:--|:--|:--|"]
    for row in block.rows:
        values = "; ".join(layout.flat(row.value, layout.view.width))
        shape = layout.shape(row.shape).strip("()")
        rows.append(f"| {escaped(layout.names.text(row.id))} | {shape} | `{values}` |")
    yield "\n".join(rows)


_BLOCKS: MappingProxyType[type[Block], Callable[..., Iterator[str]]] = MappingProxyType(
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
