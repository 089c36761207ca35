"""The functions of free inputs to lines of text: formulas, pieces with their regions, pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from backprop_cli.algebra.expr import Expr, Num, Sym
from backprop_cli.derive.regions.free_inputs import FreeInputs, Function, counted, symbol
from backprop_cli.derive.regions.region_words import Alternative, Between, alternatives, ones
from backprop_cli.document.conventions import conventions
from backprop_cli.document.names import names_of
from backprop_cli.document.step_words import SECTIONS, reason
from backprop_cli.document.view import View
from backprop_cli.notation.boxes import Box, Line, beside, plain_text, text_box, width
from backprop_cli.notation.flow import Token, lines
from backprop_cli.render.blocks import shown_steps
from backprop_cli.render.derivation import Page
from backprop_cli.render.layout import wrapped
from backprop_cli.render.markdown import escaped
from backprop_cli.render.pictures import curves
from backprop_cli.render.pictures import region as drawn_region
from backprop_cli.render.text import printed
from backprop_cli.trace import Step

_INDENT = 4
_MOST_REGIONS = 12
_MOST_MAPS = 4
_WHERE = "   where "
_LEAST = 24  # columns that conditions need beside their values


def text(free: FreeInputs, view: View) -> str:
    """The functions for the terminal."""
    page = page_of(free, view)
    body: list[Line] = [((page.plain(titled(free)), "result"),)]
    body += [((row, "note"),) for row in wrapped(stated(page, free), view.width, " · ")]
    for phase, steps in sections(free, view):
        body += [(), ((SECTIONS.get(phase, phase), "heading"),)]
        for step in steps:
            body += [(), *_quantity(page, free, step)]
    for last in (closing(page, free), _indented(_region(page, free)), _notes(page, free)):
        found = list(last)
        body += [(), *found] if found else []
    return printed([tuple((page.plain(part), role) for part, role in line) for line in body], view)


def _quantity(page: Page, free: FreeInputs, step: Step) -> Iterator[Line]:
    yield ((page.names.text(step.id), page.names.role(step.id)), ("  " + reason(step), "note"))
    for function in free.functions[step.id]:
        yield from _indented(equations(page, free, function))
    if step.phase == "forward":
        yield from _indented(_curves(page, free, step))


def _indented(body: Iterator[Line]) -> Iterator[Line]:
    return (((" " * _INDENT, ""), *line) if line else () for line in body)


def _curves(page: Page, free: FreeInputs, step: Step) -> Iterator[Line]:
    if page.view.detail != "short":
        names = [page.one_line(symbol(each, free.bases)) for each in free.functions[step.id]]
        for row in curves(free, step.id, names, inputs_of(page, free), page.view):
            yield ((row, ""),) if row else ()


def _region(page: Page, free: FreeInputs) -> Iterator[Line]:
    found = decided(free) if page.view.detail != "short" else ()
    for number, function in enumerate(found[:_MOST_MAPS]):
        name = page.one_line(symbol(function, free.bases))
        for row in drawn_region(free, function, name, inputs_of(page, free), page.view):
            yield ((row, ""),) if row else ()
        if number < len(found) - 1:
            yield ()


def _notes(page: Page, free: FreeInputs) -> Iterator[Line]:
    for note in free.notes:
        for row in wrapped(note.split(), page.view.width, " "):
            yield ((row, "note"),)


def markdown(free: FreeInputs, view: View) -> str:
    """The functions as Markdown."""
    page = page_of(free, view)
    parts = [f"# {escaped(page.plain(titled(free)))}"]
    parts.append(escaped(page.plain(" · ".join(stated(page, free)))))
    for phase, steps in sections(free, view):
        parts.append(f"## {SECTIONS.get(phase, phase)}")
        for step in steps:
            parts.append(f"### {escaped(page.names.text(step.id))}: {escaped(reason(step))}")
            functions = free.functions[step.id]
            body = [line for each in functions for line in equations(page, free, each)]
            pictured = [*_curves(page, free, step)] if step.phase == "forward" else []
            parts.append(_block(page, [*body, *([()] if pictured else []), *pictured]))
    parts.append(
        _block(page, [*closing(page, free), *([()] if decided(free) else []), *_region(page, free)])
    )
    parts += [f"*{escaped(note)}*" for note in free.notes]
    return "\n\n".join(part for part in parts if part) + "\n"


def _block(page: Page, body: Sequence[Line]) -> str:
    rows = "\n".join(page.plain(plain_text(line)) for line in body)
    return f"```text\n{rows}\n```" if body else ""


def page_of(free: FreeInputs, view: View) -> Page:
    """What writes the formulas, with the names of the problem."""
    return Page(view, names_of(free.trace, view))


def titled(free: FreeInputs) -> str:
    """The title of the problem, or what this is."""
    return free.trace.title or "Functions of the inputs"


def stated(page: Page, free: FreeInputs) -> list[str]:
    """What is free, and the conventions."""
    *first, last = inputs_of(page, free)
    listed = f"{', '.join(first)} and {last} are free" if first else f"{last} is free"
    return [listed, *conventions(free.trace, page.view, page.names)]


def inputs_of(page: Page, free: FreeInputs) -> list[str]:
    """What the free inputs are called."""
    return [page.one_line(Sym(name)) for name in free.inputs.names]


def sections(free: FreeInputs, view: View) -> list[tuple[str, list[Step]]]:
    """The steps worth showing, forward and backward apart."""
    steps = shown_steps(free.trace, view) if view.only is None else list(free.trace.steps)
    found = [step for step in steps if step.id in free.functions]
    parts = groupby(found, lambda step: "forward" if step.phase == "forward" else "backward")
    return [(phase, list(each)) for phase, each in parts]


def equations(page: Page, free: FreeInputs, function: Function) -> Iterator[Line]:
    """`H₁ = step(Z₁) = …`, the pieces one below the other."""
    head = page.one_line(symbol(function, free.bases)) + " = "
    formula = page.writer.tokens(counted(function.formula, free.bases))
    rows = list(lines(formula, page.view.width - _INDENT - width(head), 2))
    for number, row in enumerate(rows):
        margin = head if number == 0 else " " * width(head)
        yield from beside([text_box(margin), row]).lines
    if function.pieces is None:
        if function.note:
            yield ((" " * width(head), ""), (f"not written out: {function.note}", "note"))
        return
    found = alternatives(function.pieces, free.inputs)
    before = width(head) - 2
    if len(found) == 1 and not found[0].regions[0]:
        value = page.writer.tokens(counted(found[0].value, free.bases))
        if plain_tokens(value) != plain_tokens(formula):
            boxes = lines(value, page.view.width - _INDENT - before - 2, 2)
            for number, box in enumerate(boxes):
                yield from beside([text_box(" " * before + ("  " if number else "= ")), box]).lines
        return
    room = page.view.width - _INDENT - before - 4
    yield from beside([text_box(" " * before + "= "), _braced(page, found, free, room)]).lines


def plain_tokens(tokens: Sequence[Token]) -> str:
    """What the tokens say, however they are laid out."""
    return " ".join(plain_text(line) for token in tokens for line in token.box.lines)


def _braced(page: Page, found: Sequence[Alternative], free: FreeInputs, room: int) -> Box:
    """The values and where they hold; beside one another, or below where that is too wide."""
    values = [page.one_line(counted(each.value, free.bases)) for each in found]
    wide = max(map(width, values)) + 1
    below = room - wide - len(_WHERE) < min(_LEAST, room - 8)
    rows: list[Line] = []
    for value, each in zip(values, found, strict=True):
        left = 4 if below else wide
        conditions = list(_wrapped(page, each, room - left - len(_WHERE)))
        rows += _value_rows(page, counted(each.value, free.bases), room - 1) if below else []
        for number, condition in enumerate(conditions):
            shown = value if number == 0 and not below else ""
            start = _WHERE if number == 0 and each.regions else " " * 3 if number == 0 else " " * 9
            rows.append(((f" {shown}".ljust(left), "result"), (start + condition, "")))
    longest = max(sum(width(part) for part, _ in row) for row in rows)
    padded = tuple(
        (*row, (" " * (longest - sum(width(part) for part, _ in row)), "")) for row in rows
    )
    middle = (len(rows) - 1) // 2
    fence = page.layout.drawing.glyphs.braces[0]
    return beside([fence.drawn(len(rows), middle), Box(padded, longest, middle)])


def _value_rows(page: Page, value: Expr, room: int) -> list[Line]:
    boxes = lines(page.writer.tokens(value), room, 4)
    return [((" ", ""), *row) for box in boxes for row in box.lines]


def _wrapped(page: Page, each: Alternative, room: int) -> Iterator[str]:
    """The regions one after another; one that is too long is broken between its conditions."""
    if not each.regions:
        yield "otherwise"
        return
    most = len(each.regions) if page.view.detail == "long" else _MOST_REGIONS
    parts = list(_listed(page, each.regions[:most], room))
    if len(each.regions) > most:
        parts += ["or", f"{len(each.regions) - most} more regions"]
    yield from wrapped(parts, room, " ")


def _listed(page: Page, regions: Sequence[Sequence[Between]], room: int) -> Iterator[str]:
    """The regions with `or` between them; one that is too long in parts."""
    for number, region in enumerate(regions):
        text = region_text(page, region) + " or" * (number < len(regions) - 1)
        yield from [text] if width(text) <= room else text.replace(", ", ",\0").split("\0")


def region_text(page: Page, region: Sequence[Between]) -> str:
    """`x₁ ≥ 0, x₂ ≥ 0, x₁ + x₂ < 1`."""
    return ", ".join(between_text(page, each) for each in region) if region else "everywhere"


def between_text(page: Page, each: Between) -> str:
    """`1 ≤ x < 3`."""
    middle = page.one_line(each.middle)
    low = "" if each.low is None else page.one_line(Num(each.low))
    high = "" if each.high is None else page.one_line(Num(each.high))
    if each.single:
        return f"{middle} = {low}"
    below = "<" if each.high_strict else "≤"
    if low and high:
        return f"{low} {'<' if each.low_strict else '≤'} {middle} {below} {high}"
    if low:
        return f"{middle} {'>' if each.low_strict else '≥'} {low}"
    return f"{middle} {below} {high}"


def closing(page: Page, free: FreeInputs) -> Iterator[Line]:
    """Where the last quantities of the forward pass are 1, if they are 0 or 1."""
    for function in decided(free):
        regions = ones(function.pieces or (), free.inputs) or ()
        name = page.one_line(symbol(function, free.bases))
        head = f"{name} = 1 exactly where "
        room = page.view.width - width(head)
        rows = wrapped(list(_listed(page, regions, room)) or ["nowhere"], room, " ")
        for number, row in enumerate(rows):
            yield ((head if number == 0 else " " * width(head), ""), (row, "result"))


def decided(free: FreeInputs) -> tuple[Function, ...]:
    """The entries of the class, the prediction or the last equation, if they are 0 or 1."""
    last = [step.id for step in free.trace.steps if step.phase == "forward"][-1:]
    for id in (*last, "Yhat"):
        found = free.functions.get(id, ())
        if found and all(
            each.pieces and ones(each.pieces, free.inputs) is not None for each in found
        ):
            return found
    return ()
