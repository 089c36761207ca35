"""A trace to a web page: one file, MathML, no scripts, nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from types import MappingProxyType

from msgspec import Struct, field
from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.shapes import Shape
from backprop_cli.readings.notation.mathml import math, number
from backprop_cli.readings.notation.nodes import (
    Braced,
    Fenced,
    Node,
    Row,
    Sign,
    row,
    split,
    tall,
    width,
)
from backprop_cli.readings.notation.symbols import size
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
from backprop_cli.render.names import Names
from backprop_cli.render.view import View
from backprop_cli.render.wording import PARAMETERS, after_updates
from backprop_cli.trace import Array, Trace

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""

Pointer = Callable[[str], Mapping[str, str]]
"""What the symbol of a quantity carries in a formula, by its id."""

_ROOM = 26  # digits: a part of a formula wider than this may be broken inside a product
_FEW_LOSSES = 12
_POINTS = 300


class _Page(Struct):
    """What the blocks need; `classes` are those of the quantities that a reader may point at."""

    names: Names
    equations: Equations
    classes: dict[str, str] = field(default_factory=dict)
    is_open: bool = False

    def math(self, node: Node) -> str:
        return math(node, self.colour)

    def colour(self, id: str) -> Mapping[str, str]:
        role = self.names.role(id)
        return {"class": role} if role else {}

    def class_of(self, id: str) -> str:
        return self.classes.setdefault(id, f"q{len(self.classes)}")


def render(trace: Trace, view: View, appended: str = "") -> str:
    """The whole derivation as a page; `appended` is plain text at its end."""
    view = replace(view, ascii=False)
    shown = document(trace, view)
    page = _Page(shown.names, equations_of(shown.names, view))
    body = [part for block in shown.blocks for part in _BLOCKS[type(block)](block, page)]
    body += [*_closed(page), _preformatted(appended) if appended else ""]
    return whole_page(trace.title, "\n".join(filter(None, body)), _pointing(page))


def listing(lines: str) -> str:
    """Plain text as a page."""
    return whole_page("", _preformatted(lines), "")


def whole_page(title: str, body: str, rules: str) -> str:
    """A page with the style of all pages and rules of its own."""
    style = files("backprop_cli.render").joinpath("html.css").read_text(encoding="utf-8")
    return _PAGE.format(title=escape(title) or "backprop", style=style + rules, body=body)


def _preformatted(lines: str) -> str:
    return f"<pre>{escape(lines)}</pre>"


def _pointing(page: _Page) -> str:
    """The rules by which pointing at a symbol shows its value: CSS alone, one for each quantity."""
    return "".join(
        f".step:has(mrow.{name}:is(:hover,:focus)) .tip.{name}{{display:block}}\n"
        for name in page.classes.values()
    )


# Formulas -----------------------------------------------------------------------------------------


def _equation(equation: Equation, page: _Page, pointer: Pointer) -> str:
    """Symbols on the first line, numbers and result on the next; all on one where they are low."""
    first, *rest = equation.sides
    one_line = not rest or not any(map(tall, equation.sides))
    lines = [equation.sides] if one_line else [(first,), rest]
    head = f'<span class="head">{page.math(equation.head)}</span>'
    cells = "\n".join(
        f'<span class="side">{"".join(_side(part, pointer) for part in line)}</span>'
        for line in lines
    )
    return f'<div class="equation">{head}{cells}</div>'


def _side(node: Node, pointer: Pointer) -> str:
    """`= a + b` as several formulas, so that a narrow window can break the line between them."""
    chunks = [part for chunk in split(node, 1) for part in _narrow(chunk)]
    chunks[0] = row(Sign("="), chunks[0])
    return "\n".join(f"<span>{math(chunk, pointer)}</span>" for chunk in chunks)


def _narrow(node: Node) -> list[Node]:
    return split(node, 2) if isinstance(node, Row) and width(node) > _ROOM else [node]


class _Pointer:
    """Makes the symbols of a step ones that can be pointed at; the first of each can be focused."""

    def __init__(self, block: StepBlock, page: _Page, place: int) -> None:
        self.block, self.page, self.place = block, page, place
        self.seen: set[str] = set()

    def __call__(self, id: str) -> Mapping[str, str]:
        role = self.page.names.role(id)
        if id not in self.block.shapes or id == self.block.id:
            return {"class": role} if role else {}
        name = self.page.class_of(id)
        found = {"class": f"q {name} {role}".strip()}
        if id not in self.seen:
            self.seen.add(id)
            found |= {"tabindex": "0", "aria-describedby": f"s{self.place}{name}"}
        return found

    def tips(self) -> Iterator[str]:
        """The value and shape of every symbol of the step."""
        for id in self.block.shapes:
            if id in self.seen:
                name, value = self.page.class_of(id), self.block.values.get(id)
                inside = (
                    _valued(id, value, self.page) if value is not None else self.page.names.text(id)
                )
                shape = _shape(self.block.shapes[id], self.page)
                yield (
                    f'<div class="tip {name}" role="tooltip" id="s{self.place}{name}">'
                    f"{inside}{shape}</div>"
                )


def _valued(id: str, value: Array, page: _Page) -> str:
    drawn = page.equations.value(value)
    inner = drawn.inner if isinstance(drawn, Braced) else drawn
    return page.math(row(page.names.node(id), Sign("="), inner))


def _shape(shape: Shape, page: _Page) -> str:
    return f'<span class="shape">{page.math(Fenced("(", size(shape), ")"))}</span>' if shape else ""


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
        shape = "" if isinstance(value, Braced) else _shape(item.value.shape, page)
        yield f"<span>{page.math(_is(page.names.node(item.id), value))} {shape}</span>"
    yield "</div>"


def _stated(block: StatedBlocks, page: _Page) -> Iterator[str]:
    yield '<div class="table"><table>'
    for item in block.items:
        name = page.math(page.names.node(item.id))
        count = page.math(page.equations.formula(item.count)) if item.count is not None else ""
        yield (
            f'<tr><th scope="row">{name}</th><td>{escape(item.words)}</td>'
            f"<td>{_shape(item.shape, page)}</td><td>{count}</td></tr>"
        )
    yield "</table></div>"
    if block.total != build.ZERO:
        yield f"<p>{escape(PARAMETERS)}: {page.math(page.equations.formula(block.total))}</p>"


def _step(block: StepBlock, page: _Page) -> Iterator[str]:
    pointer = _Pointer(block, page, len(page.classes) + block.number)
    yield '<details class="step" open="open">'
    yield _summary(block, page)
    yield _equation(page.equations.equation(block), page, pointer)
    if block.entries:
        yield '<div class="entries">'
        yield from (_equation(entry, page, page.colour) for entry in page.equations.entries(block))
        yield "</div>"
    yield from (f'<p class="note">{escape(note)}</p>' for note in block.notes)
    yield from pointer.tips()
    yield "</details>"


def _summary(block: StepBlock, page: _Page) -> str:
    number_ = f'<span class="number">{block.number or ""}</span>'
    name = f"<span>{page.math(page.names.node(block.id))}</span>"
    words = f'<span class="words">{escape(block.words)}</span>'
    return f"<summary>{number_}{name}{words}{_shape(block.shape, page)}</summary>"


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
        name, value = (
            page.math(page.names.node(shown.id)),
            page.math(page.equations.flat(shown.value)),
        )
        shape = _shape(shown.shape, page)
        yield f'<tr><th scope="row">{name}</th><td>{shape}</td><td>{value}</td></tr>'
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
