"""A trace to a web page: one file, MathML, no scripts, nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.notation.mathml import math, number
from backprop_cli.notation.nodes import Braced, Node, Sign, row, slashed, tall
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
from backprop_cli.render.equations import Equation, Equations, equations_of
from backprop_cli.render.history import sampled
from backprop_cli.render.html_page import Attributes, Pointed, shape, side, whole_page
from backprop_cli.render.names import Names
from backprop_cli.render.sheet_html import folded
from backprop_cli.render.sheet_parts import Part
from backprop_cli.render.view import View
from backprop_cli.render.wording import PARAMETERS, after_updates
from backprop_cli.trace import Trace

_FEW_LOSSES = 12
_POINTS = 300


class _Page(Struct):
    """What the blocks need."""

    names: Names
    equations: Equations
    pointed: Pointed
    is_open: bool = False

    def math(self, node: Node) -> str:
        return math(node, self.pointed.colour)


def render(trace: Trace, view: View, appended: Sequence[Part] = ()) -> str:
    """The whole derivation as a page; `appended` are further parts at its end."""
    view = replace(view, ascii=False)
    shown = document(trace, view)
    pointed = Pointed(shown.names.role)
    page = _Page(shown.names, equations_of(shown.names, view), pointed)
    body = [part for block in shown.blocks for part in _BLOCKS[type(block)](block, page)]
    body += [*_closed(page), *folded(appended, pointed, {})]
    return whole_page(trace.title, "\n".join(body), pointed.rules())


def _equation(equation: Equation, page: _Page, pointer: Attributes) -> str:
    """Symbols on the first line, numbers and result on the next; all on one where they are low."""
    first, rest = equation.sides[:1], equation.sides[1:]  # without sides only its name is said
    one_line = not rest or not any(map(tall, equation.sides))
    lines = [equation.sides] if one_line else [first, rest]
    head = f'<span class="head">{page.math(equation.head)}</span>'
    return f'<div class="equation">{head}{"".join(side(line, pointer) for line in lines)}</div>'


def _valued(id: str, block: StepBlock, page: _Page) -> str:
    """`W = [1 2] (1×2)`, or the name alone where there is no value to show."""
    value = block.values.get(id)
    name, size_ = page.names.node(id), shape(block.shapes[id])
    if value is None:
        return page.math(name) + size_
    drawn = page.equations.value(value)
    return page.math(_is(name, drawn.inner if isinstance(drawn, Braced) else drawn)) + size_


# Blocks -------------------------------------------------------------------------------------------


def _title(block: Title, _: _Page) -> Iterator[str]:
    yield "<header>"
    if block.text:
        yield f"<h1>{escape(block.text)}</h1>"
    yield '<ul class="conventions">'
    yield from (f"<li>{escape(phrase)}</li>" for phrase in block.conventions)
    yield "</ul>\n</header>"


def _closed(page: _Page) -> Iterator[str]:
    if page.is_open:
        yield "</details>"
    page.is_open = False


def _section(block: Section, page: _Page) -> Iterator[str]:
    yield from _closed(page)
    exact = page.equations.exactly()
    aside = "".join(
        f' <span class="aside">{page.math(_is(page.names.node(id), exact.value(value)))}</span>'
        for id, value in block.aside
    )
    page.is_open = True
    heading = f"<h2>{escape(block.text)}</h2>{aside}"
    yield f'<details class="part" open="open"><summary>{heading}</summary>'


def _is(head: Node, value: Node) -> Node:
    return row(head, Sign("="), value)


def _given(block: GivenBlocks, page: _Page) -> Iterator[str]:
    exact = page.equations.exactly()
    yield '<div class="given">'
    for item in block.items:
        value = exact.value(item.value)
        size_ = "" if isinstance(value, Braced) else shape(item.value.shape)
        yield f"<span>{page.math(_is(page.names.node(item.id), value))} {size_}</span>"
    yield "</div>"


def _stated(block: StatedBlocks, page: _Page) -> Iterator[str]:
    yield '<div class="table"><table>'
    for item in block.items:
        name = page.math(slashed(page.names.node(item.id)))
        count = page.math(page.equations.formula(item.count)) if item.count is not None else ""
        yield (
            f'<tr><th scope="row">{name}</th><td>{escape(item.words)}</td>'
            f"<td>{shape(item.shape)}</td><td>{count}</td></tr>"
        )
    yield "</table></div>"
    if block.total != build.ZERO:
        yield f"<p>{escape(PARAMETERS)}: {page.math(page.equations.formula(block.total))}</p>"


def _step(block: StepBlock, page: _Page) -> Iterator[str]:
    pointer = page.pointed.step(block.shapes.keys() - {block.id})
    yield '<details class="step" open="open">'
    yield _summary(block, page)
    yield _equation(page.equations.equation(block), page, pointer)
    if block.entries:
        yield '<div class="entries">'
        yield from (
            _equation(entry, page, page.pointed.colour) for entry in page.equations.entries(block)
        )
        yield "</div>"
    yield from (f'<p class="note">{escape(note)}</p>' for note in block.notes)
    yield from pointer.tips(lambda id: _valued(id, block, page))
    yield "</details>"


def _summary(block: StepBlock, page: _Page) -> str:
    number_ = f'<span class="number">{block.number or ""}</span>'
    name = f"<span>{page.math(slashed(page.names.node(block.id)))}</span>"
    words = f'<span class="words">{escape(block.words)}</span>'
    return f"<summary>{number_}{name}{words}{shape(block.shape)}</summary>"


def _loss(block: LossBlock, page: _Page) -> Iterator[str]:
    few = len(block.history) <= _FEW_LOSSES
    shown = block.history if few else (block.history[0], block.history[-1])
    texts = page.equations.digits.several(shown)
    numbers = [
        f'<math xmlns="http://www.w3.org/1998/Math/MathML">{number(text)}</math>' for text in texts
    ]
    words = escape(after_updates(len(block.history) - 1))
    name = page.math(page.names.node(block.id))
    yield f"<p>{name} {numbers[0]} → <strong>{numbers[-1]}</strong> {words}</p>"
    if few and len(numbers) > 2:
        yield f'<p class="small">{" ".join(numbers)}</p>'
    if not few:
        yield _curve(block.history, page)


def _curve(history: Sequence[float], page: _Page) -> str:
    """The losses over the updates as a picture."""
    points, low, high = sampled(history, _POINTS)
    span = (high - low) or 1.0
    top, bottom = map(escape, page.equations.digits.several((high, low)))
    line = " ".join(
        f"{70 + 520 * share:.1f},{150 - 130 * (loss - low) / span:.1f}" for share, loss in points
    )
    name = escape(page.names.text("L") if page.names.layers else "loss")
    updates = len(history) - 1
    return (
        '<svg class="curve" viewBox="0 0 600 180" role="img"'
        f' aria-label="{name} over {updates} updates">'
        '<path d="M70 15V150H592" fill="none" stroke="currentColor" stroke-opacity=".4"/>'
        f'<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="2"/>'
        f'<text x="64" y="25" text-anchor="end">{top}</text>'
        f'<text x="64" y="154" text-anchor="end">{bottom}</text>'
        f'<text x="590" y="170" text-anchor="end">{updates} updates</text></svg>'
    )


def _table(block: TableBlock, page: _Page) -> Iterator[str]:
    yield '<div class="table"><table>'
    for shown in block.rows:
        name = page.math(slashed(page.names.node(shown.id)))
        value = page.math(page.equations.flat(shown.value))
        yield f'<tr><th scope="row">{name}</th><td>{shape(shown.shape)}</td><td>{value}</td></tr>'
    yield "</table></div>"


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
