"""A trace to the blocks of a report, data only: headings, what is given, steps, the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Literal, TypeAlias

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Op, Sym, symbols, walk
from backprop_cli.algebra.quantity import derivative_id, new_id, quantity, whole_id
from backprop_cli.algebra.shapes import Shape
from backprop_cli.operations.sizes import Sizes
from backprop_cli.readings.at_kinks import at_kinks
from backprop_cli.render.formula import shape_text
from backprop_cli.render.names import Names, names_of
from backprop_cli.render.view import View
from backprop_cli.render.wording import SECTIONS, conventions, in_symbols, reason, remarks, stated
from backprop_cli.trace import Given, Step, Trace, Unknown

Array = NDArray[np.float64]
Part = Literal["symbols", "numbers", "result"]


class Title(Struct, frozen=True):
    """The title, and the conventions, a phrase each."""

    text: str
    conventions: tuple[str, ...]


class Section(Struct, frozen=True):
    """A heading; `aside` are quantities that stand beside it, such as η = 0.5."""

    text: str
    aside: tuple[tuple[str, Array], ...] = ()


class GivenBlock(Struct, frozen=True):
    """What the problem states: a name and its value."""

    id: str
    value: Array


class GivenBlocks(Struct, frozen=True):
    """All that the problem states."""

    items: tuple[GivenBlock, ...]


class Stated(Struct, frozen=True):
    """What the problem states without numbers: a name, what it is, its shape, its entries' number.

    `count` is None for data, which is not counted.
    """

    id: str
    words: str
    shape: Shape
    count: Expr | None


class StatedBlocks(Struct, frozen=True):
    """All that is stated without numbers, and how many parameters there are together."""

    items: tuple[Stated, ...]
    total: Expr


class Entry(Struct, frozen=True):
    """One entry of a step written out: where it is (as printed), its scalar formula, its value."""

    index: tuple[int, ...]
    expr: Expr
    value: float


class StepBlock(Struct, frozen=True):
    """A step: what to show of it, the values of the names it uses, and remarks."""

    number: int
    id: str
    words: str
    shape: Shape
    axes: tuple[str, ...]
    expr: Expr
    value: Array | None
    parts: tuple[Part, ...]
    shapes: Mapping[str, Shape]
    values: Mapping[str, Array]
    notes: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()


class LossBlock(Struct, frozen=True):
    """How the loss went: before, after, and every step between if there are many."""

    id: str
    history: tuple[float, ...]


class Row(Struct, frozen=True):
    """A line of the closing table; `index` picks one entry of the quantity."""

    id: str
    shape: tuple[int, ...]
    value: Array


class TableBlock(Struct, frozen=True):
    """The quantities asked for."""

    rows: tuple[Row, ...]


Block: TypeAlias = (
    "Title | Section | GivenBlocks | StatedBlocks | StepBlock | LossBlock | TableBlock"
)


class Document(Struct, frozen=True):
    """The blocks in order, and what the quantities are called."""

    blocks: tuple[Block, ...]
    names: Names


def document(trace: Trace, view: View) -> Document:
    """The report of a trace."""
    names = names_of(trace, view)
    return Document(tuple(_blocks(trace, view, names)), names)


def _blocks(trace: Trace, view: View, names: Names) -> Iterator[Block]:
    yield Title(trace.title, conventions(trace, view, names))
    if view.only is None:
        yield from _given(trace)
        yield from _stated(trace, view)
    yield from _steps(trace, view, names)
    if view.only is None:
        yield from _loss(trace)
    rows = tuple(_rows(trace, view))
    if rows:
        yield Section(SECTIONS["closing"])
        yield TableBlock(rows)


def _given(trace: Trace) -> Iterator[Block]:
    shown = {id: given for id, given in trace.given.items() if _is_given(id, given, trace)}
    if shown:
        yield Section(SECTIONS["given"])
        yield GivenBlocks(tuple(GivenBlock(id, given.value) for id, given in shown.items()))


def _stated(trace: Trace, view: View) -> Iterator[Block]:
    if not trace.unknown:
        return
    from backprop_cli.calculus.counting import expression, total

    items = tuple(
        Stated(id, stated(id, found.role, view), found.shape, _count(found))
        for id, found in trace.unknown.items()
    )
    parameters = [found.shape for found in trace.unknown.values() if found.role == "parameter"]
    yield Section(SECTIONS["given"])
    yield StatedBlocks(items, expression(total(parameters)))


def _count(found: Unknown) -> Expr | None:
    from backprop_cli.calculus.counting import product

    return product(found.shape) if found.role == "parameter" else None


def _is_given(id: str, given: Given, trace: Trace) -> bool:
    """Whether a quantity belongs to the problem, not to the update alone."""
    if given.role in ("data", "parameter"):
        return True
    return any(id in symbols(step.expr) for step in trace.steps if step.phase == "forward")


# Steps --------------------------------------------------------------------------------------------


def shown_steps(trace: Trace, view: View) -> list[Step]:
    """The steps a view shows whole: no Jacobian that nothing uses, no change that W⁺ repeats."""
    if view.detail == "long":
        return list(trace.steps)
    plain = [step for step in trace.steps if step.phase != "jacobian"]
    used = {whole_id(name) for step in plain for name in symbols(step.expr)} | set(
        map(whole_id, view.asked)
    )
    return [step for step in trace.steps if whole_id(step.id) in used or not _optional(step, view)]


def _optional(step: Step, view: View) -> bool:
    """Whether a step is left out unless something uses it or asks for it."""
    to_input = view.layers and whole_id(step.id) == derivative_id("L", "X")
    return to_input or step.phase == "jacobian" or step.rule.endswith("-change")


def _steps(trace: Trace, view: View, names: Names) -> Iterator[Block]:
    shown = shown_steps(trace, view)
    if view.only is not None:
        shown = [step for step in trace.steps if step.id in view.only]
    numbers = {id(step): number for number, step in enumerate(shown_steps(trace, view), start=1)}
    shapes: dict[str, Shape] = {name: given.value.shape for name, given in trace.given.items()}
    shapes |= {id: found.shape for id, found in trace.unknown.items()}
    shapes |= {step.id: () if quantity(step.id).index else step.shape for step in trace.steps}
    values = {name: given.value for name, given in trace.given.items()}
    values |= {step.id: step.value for step in trace.steps if step.value is not None}
    section = ""
    for step in shown:
        if _section(step) != section:
            section = _section(step)
            yield Section(SECTIONS[section], _aside(section, trace))
        used = [name for name in symbols(step.expr) if name in shapes]
        known = {name: values[name] for name in used if name in values}
        expr = at_kinks(step.expr, known)
        entries = _shown_entries(replace(step, expr=expr), shapes, view)
        yield StepBlock(
            numbers.get(id(step), 0),
            step.id,
            reason(step),
            step.shape,
            step.axes,
            expr,
            step.value,
            ("symbols",) if entries and step.id in view.entries else _parts(step, view, trace.loss),
            {name: shapes[name] for name in (*used, step.id)},
            known,
            notes=(
                *_delta(step, names),
                *_factors(step, shapes, names),
                *remarks(step, names),
                *_softmax(step, names),
                *_note(step, names),
            ),
            entries=entries,
        )


def _factors(step: Step, shapes: Mapping[str, Shape], names: Names) -> Iterator[str]:
    """In a derivation in symbols, the shapes of what the formula is made of."""
    if step.value is None and not isinstance(step.expr, Sym) and step.shape:
        times = "x" if names.ascii else "×"
        used = [(names.text(name), shapes.get(name, ())) for name in symbols(step.expr)]
        said = [f"{text} ({shape_text(shape, times)})" for text, shape in used if shape]
        if said:
            yield f"from {', '.join(said)}"


def _softmax(step: Step, names: Names) -> Iterator[str]:
    """Where the formula comes from that goes back through the softmax of many samples at once."""
    match step.expr:
        case Op("mul", (Sym(p), Op("sub", (Sym(upstream), _)))) if step.rule == "through-softmax":
            g, p_i, p_j = (names.text(id) for id in (f"{upstream}[i]", f"{p}[i]", f"{p}[j]"))
            total, dot = ("sum over i of", "*") if names.ascii else ("Σᵢ", "·")
            minus = "-" if names.ascii else "−"
            yield (
                f"in each sample {total} {g} {dot} {p_i} {dot} (1{{i = j}} {minus} {p_j}), "
                f"where 1{{i = j}} leaves one term"
            )


def _delta(step: Step, names: Names) -> Iterator[str]:
    """What δ stands for, where it is worked out."""
    if step.id in names.deltas:
        plain = replace(names, deltas=frozenset())
        yield f"{names.text(step.id)} = {plain.text(step.id)}"


def _note(step: Step, names: Names) -> Iterator[str]:
    if step.note:
        yield in_symbols(step.note, names)


_MOST_ENTRIES = 12
_MOST_TERMS = 36  # a name with more entries would make sums too long to read
_NOT_ENTRYWISE = frozenset({"jacobian", "argmax", "largest_shares"})


def _shown_entries(step: Step, shapes: Mapping[str, Shape], view: View) -> tuple[Entry, ...]:
    """The entries that are written out: those asked for by themselves, or all in long detail."""
    value, chosen = step.value, view.entries.get(step.id)
    if value is None or (chosen is None and view.detail != "long") or not _entrywise(step, shapes):
        return ()
    if chosen is not None:
        return _entries(step, value, chosen, shapes)
    if value.ndim > 2 or value.size > _MOST_ENTRIES or isinstance(step.expr, Sym):
        return ()
    found = _entries(step, value, list(np.ndindex(value.shape)), shapes)
    return tuple(one for one in found if one.expr != step.expr)  # it says more than the formula


def _entrywise(step: Step, shapes: Mapping[str, Shape]) -> bool:
    """Whether an entry can be written out, and is not too long."""
    return not any(
        node.name in _NOT_ENTRYWISE
        if isinstance(node, Op)
        else isinstance(node, Sym) and prod(map(int, shapes[node.name])) > _MOST_TERMS
        for node in walk(step.expr)
    )


def _entries(
    step: Step, value: Array, places: Sequence[tuple[int, ...]], shapes: Mapping[str, Shape]
) -> tuple[Entry, ...]:
    from backprop_cli.readings.entries import entry

    sizes = Sizes(shapes, {})
    return tuple(Entry(at, entry(step.expr, at, sizes), float(value[at])) for at in places)


def _section(step: Step) -> str:
    if step.rule == "forward-again":
        return "forward-again"
    return "backward" if step.phase == "jacobian" else step.phase


def _aside(section: str, trace: Trace) -> tuple[tuple[str, Array], ...]:
    if section != "update":
        return ()
    return tuple(
        (id, given.value)
        for id, given in trace.given.items()
        if given.value.ndim == 0 and not _is_given(id, given, trace)
    )


def _parts(step: Step, view: View, loss: str | None) -> tuple[Part, ...]:
    brief = step.rule == "forward-again" and step.id != new_id(loss or "") and view.detail != "long"
    if view.detail == "short" or brief or step.value is None:
        return ("symbols", "result")
    return ("symbols", "numbers", "result")


# The end ----------------------------------------------------------------------------------------


def _loss(trace: Trace) -> Iterator[Block]:
    if len(trace.history) > 1 and trace.loss is not None:
        yield Section(SECTIONS["training"])
        yield LossBlock(trace.loss, trace.history)


def _rows(trace: Trace, view: View) -> Iterator[Row]:
    known: dict[str, Step | Given] = {**trace.given, **{step.id: step for step in trace.steps}}
    for asked in view.asked:
        whole, index = whole_id(asked), quantity(asked).index
        found = known.get(asked) or known.get(whole)
        shown = view.only is None or asked in view.only or whole in view.entries
        if found is None or found.value is None or not shown:
            continue
        value = found.value
        if index and asked not in known:
            place = trace.bases.counted(whole, tuple(map(int, index)))
            value = np.asarray(value[place])
        yield Row(asked, value.shape, value)
