"""The functions of free inputs to a document: formulas, pieces with their regions, pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Num, Sym
from backprop_cli.derive.regions.free_inputs import FreeInputs, Function, counted, symbol
from backprop_cli.derive.regions.halfspaces import Value
from backprop_cli.derive.regions.region_words import Alternative, Between, alternatives, ones
from backprop_cli.document import maps
from backprop_cli.document.conventions import conventions
from backprop_cli.document.document_data import (
    Document,
    Given,
    Heading,
    Note,
    Page,
    Part,
    Picture,
    Pictures,
    Row,
    Rows,
    Section,
)
from backprop_cli.document.from_derivations import Maker, listed, spaced
from backprop_cli.document.from_trace import roles, shown_steps
from backprop_cli.document.maps import all_breaks, curve, forward, span
from backprop_cli.document.names import names_of, text_setter
from backprop_cli.document.step_words import SECTIONS, reason
from backprop_cli.document.view import View
from backprop_cli.notation.nodes import Cases, Node, Sign, Word, row
from backprop_cli.trace import Step

_MOST_PICTURES, _MOST_ON_A_PAGE = 12, 48
_MOST_AREAS = 40
_MOST_REGIONS = 24
_MOST_IN_TIPS = 6


def functions(free: FreeInputs, view: View, page: Page) -> Document:
    """The functions of the inputs as a document."""
    made = _Maker(free, view)
    title = free.trace.title or "Functions of the inputs"
    said = (made.freed(), *conventions(free.trace, view, made.names))
    tips = dict(made.tips()) if page.tips else {}
    return Document(title, said, tuple(made.parts()), roles(free.trace, made.names), tips)


class _Maker(Maker):
    def __init__(self, free: FreeInputs, view: View) -> None:
        super().__init__(names_of(free.trace, view))
        self.free, self.view, self.drawn = free, view, 0
        self.inputs = [self.text(self.node(Sym(name))) for name in free.inputs.names]
        self.across = span(all_breaks(free)) if len(free.inputs.names) == 1 else None
        split = [each for each in forward(free) if len(each.pieces or ()) > 1]
        plane = len(free.inputs.names) == 2 and bool(split)
        self.plane = maps.viewed(split, (self.inputs[0], self.inputs[1])) if plane else None

    def text(self, node: Node) -> str:
        """A formula on one line, for a drawing."""
        return text_setter(self.names).one_line(node) or "?"

    def freed(self) -> str:
        """What is free."""
        *first, last = self.inputs
        return f"{', '.join(first)} and {last} are free" if first else f"{last} is free"

    def parts(self) -> Iterator[Part]:
        for phase, steps in sections(self.free, self.view):
            yield Section(SECTIONS.get(phase, phase))
            for step in steps:
                yield from self.quantity(step)
        for function in decided(self.free):
            yield Note("", row(*self.one(function), *self.regions(function)))
        yield from map(Note, self.free.notes)

    def quantity(self, step: Step) -> Iterator[Part]:
        functions = self.free.functions[step.id]
        yield Heading(reason(step), self.names.node(step.id))
        yield Rows(tuple(line for each in functions for line in self.rows(each)))
        if step.phase == "forward" and self.view.detail != "short":
            found = tuple(drawn for each in functions for drawn in self.pictures(each))
            self.drawn += len(found)
            if 0 < len(found) <= _MOST_PICTURES and self.drawn <= _MOST_ON_A_PAGE:
                yield Pictures(found)

    # Formulas ---------------------------------------------------------------------------------

    def rows(self, function: Function) -> Iterator[Row]:
        formula = counted(function.formula, self.free.bases)
        yield Row(self.name(function), self.node(formula), _note(function))
        if function.pieces is None:
            return
        found = alternatives(function.pieces, self.free.inputs)
        if len(found) > 1 or found[0].regions[0]:
            yield Row(None, Cases(tuple(line for each in found for line in self.cases(each))))
        elif (value := counted(found[0].value, self.free.bases)) != formula:
            yield Row(None, self.node(value))

    def tips(self) -> Iterator[tuple[str, Given]]:
        """Every entry as a function, for those who point at its name."""
        for function in (each for found in self.free.functions.values() for each in found):
            if function.pieces is None or len(function.pieces) > _MOST_IN_TIPS:
                continue
            *_, last = self.rows(function)
            name = symbol(function, self.free.bases).name
            yield name, Given(self.name(function), last.body)

    def name(self, function: Function) -> Node:
        return self.node(symbol(function, self.free.bases))

    def cases(self, each: Alternative) -> Iterator[tuple[Node, Node]]:
        """A value, and a line for each of its regions."""
        value = self.node(counted(each.value, self.free.bases))
        if not each.regions:
            yield value, Word("otherwise")
        shown = each.regions if self.view.detail == "long" else each.regions[:_MOST_REGIONS]
        for number, region in enumerate(shown):
            more = spaced("or") if number < len(each.regions) - 1 else ()
            yield Word("") if number else value, row(self.region(region), *more)
        if len(shown) < len(each.regions):
            yield Word(""), Word(f"{len(each.regions) - len(shown)} more regions")

    def region(self, region: Sequence[Between]) -> Node:
        if not region:
            return Word("everywhere")
        return listed([self.between(each) for each in region])

    def between(self, each: Between) -> Node:
        middle = self.node(each.middle)
        low = self.node(Num(each.low)) if each.low is not None else None
        high = self.node(Num(each.high)) if each.high is not None else None
        if each.single and low is not None:
            return row(middle, Sign("="), low)
        if low is None:
            assert high is not None
            return row(middle, Sign("<" if each.high_strict else "≤"), high)
        if high is None:
            return row(middle, Sign(">" if each.low_strict else "≥"), low)
        left = row(low, Sign("<" if each.low_strict else "≤"), middle)
        return row(left, Sign("<" if each.high_strict else "≤"), high)

    def one(self, function: Function) -> tuple[Node, ...]:
        return row(self.name(function), Sign("="), self.node(build.ONE)), *spaced("exactly where")

    def regions(self, function: Function) -> Iterator[Node]:
        found = ones(function.pieces or (), self.free.inputs) or ()
        for number, region in enumerate(found):
            yield from spaced("or") if number else ()
            yield self.region(region)
        if not found:
            yield Word("nowhere")

    # Pictures ---------------------------------------------------------------------------------

    def pictures(self, function: Function) -> Iterator[Picture]:
        name = self.text(self.name(function))
        if self.across is not None:
            line = curve(function, self.free, name, self.inputs[0], self.across)
            if line is not None and line.strokes:
                words = f"{name} as a function of {self.inputs[0]}"
                yield Picture(line, words, self.name(function))
        elif self.plane is not None and 1 < len(function.pieces or ()) <= _MOST_AREAS:
            yield self.map(function, name, self.plane)

    def map(self, function: Function, name: str, frame: maps.Frame) -> Picture:
        found = ones(function.pieces or (), self.free.inputs)
        if found is None:
            drawn = replace(maps.drawn(function, name, frame, None), labels=self.labels(function))
            return Picture(drawn, f"{name}, piece by piece", self.name(function))
        one = self.free.inputs.constant(build.ONE.value)
        drawn = maps.drawn(function, name, frame, one)
        where = " or ".join(self.text(self.region(region)) for region in found) or "nowhere"
        caption = row(self.name(function), Sign("="), self.node(build.ONE))
        return Picture(drawn, f"{name} is 1 where {where}", caption)

    def labels(self, function: Function) -> dict[Value, str]:
        """What is written into the areas of a map."""
        values = {piece.value for piece in function.pieces or ()}
        return {each: self.text(self.node(self.free.inputs.expr(each))) for each in values}


def sections(free: FreeInputs, view: View) -> list[tuple[str, list[Step]]]:
    """The steps worth showing, forward and backward apart."""
    steps = shown_steps(free.trace, view) if view.only is None else list(free.trace.steps)
    found = [step for step in steps if step.id in free.functions]
    parts = groupby(found, lambda step: "forward" if step.phase == "forward" else "backward")
    return [(phase, list(each)) for phase, each in parts]


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


def _note(function: Function) -> str:
    return f"not written out: {function.note}" if function.note else ""
