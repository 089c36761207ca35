"""The functions of free inputs to parts that every format of mathematics sets, with pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Num
from backprop_cli.derive.regions.free_inputs import FreeInputs, Function, counted, symbol
from backprop_cli.derive.regions.region_words import Alternative, Between, alternatives, ones
from backprop_cli.derive.regions.regions_data import Value
from backprop_cli.notation.nodes import Cases, Node, Sign, Word, row
from backprop_cli.render import maps
from backprop_cli.render.derivation import Page
from backprop_cli.render.free import (
    decided,
    inputs_of,
    page_of,
    region_text,
    sections,
    stated,
    titled,
)
from backprop_cli.render.plots import all_breaks, curve, forward, span
from backprop_cli.render.sheet import Maker, spaced
from backprop_cli.render.sheet_parts import (
    Heading,
    Note,
    Part,
    Picture,
    Pictures,
    Row,
    Rows,
    Section,
    Sheet,
)
from backprop_cli.render.view import View
from backprop_cli.render.wording import SECTIONS, reason
from backprop_cli.trace import Step

_MOST_PICTURES, _MOST_ON_A_PAGE = 12, 48
_MOST_AREAS = 40
_MOST_REGIONS = 24
_MOST_IN_TIPS = 6


def free_sheet(free: FreeInputs, view: View) -> Sheet:
    """The functions of the inputs as parts."""
    made = _Sheet(free, view)
    return Sheet(titled(free), tuple(made.parts()), dict(made.tips()), made.page.names.roles)


class _Sheet:
    def __init__(self, free: FreeInputs, view: View) -> None:
        self.free = free
        self.view = view
        self.page: Page = page_of(free, view)
        self.maker = Maker(self.page.names)
        self.drawn = 0
        self.inputs = inputs_of(self.page, free)
        self.across = span(all_breaks(free)) if len(free.inputs.names) == 1 else None
        split = [each for each in forward(free) if len(each.pieces or ()) > 1]
        plane = len(free.inputs.names) == 2 and bool(split)
        self.plane = maps.viewed(split, (self.inputs[0], self.inputs[1])) if plane else None

    def parts(self) -> Iterator[Part]:
        yield Note(" · ".join(stated(self.page, self.free)))
        for phase, steps in sections(self.free, self.view):
            yield Section(SECTIONS.get(phase, phase))
            for step in steps:
                yield from self.quantity(step)
        for function in decided(self.free):
            yield Note("", row(*self.one(function), *self.regions(function)))
        yield from map(Note, self.free.notes)

    def quantity(self, step: Step) -> Iterator[Part]:
        functions = self.free.functions[step.id]
        yield Heading(reason(step), self.page.names.node(step.id))
        yield Rows(tuple(line for each in functions for line in self.rows(each)))
        if step.phase == "forward" and self.view.detail != "short":
            found = tuple(drawn for each in functions for drawn in self.pictures(each))
            self.drawn += len(found)
            if 0 < len(found) <= _MOST_PICTURES and self.drawn <= _MOST_ON_A_PAGE:
                yield Pictures(found)

    # Formulas ---------------------------------------------------------------------------------

    def rows(self, function: Function) -> Iterator[Row]:
        formula = counted(function.formula, self.free.bases)
        yield Row(self.name(function), self.maker.node(formula), _note(function))
        if function.pieces is None:
            return
        found = alternatives(function.pieces, self.free.inputs)
        if len(found) > 1 or found[0].regions[0]:
            yield Row(None, Cases(tuple(line for each in found for line in self.cases(each))))
        elif (value := counted(found[0].value, self.free.bases)) != formula:
            yield Row(None, self.maker.node(value))

    def tips(self) -> Iterator[tuple[str, Node]]:
        """Every entry as a function, for those who point at its name."""
        for function in (each for found in self.free.functions.values() for each in found):
            if function.pieces is None or len(function.pieces) > _MOST_IN_TIPS:
                continue
            *_, last = self.rows(function)
            name = symbol(function, self.free.bases).name
            yield name, row(self.name(function), Sign("="), last.body)

    def name(self, function: Function) -> Node:
        return self.maker.node(symbol(function, self.free.bases))

    def cases(self, each: Alternative) -> Iterator[tuple[Node, Node]]:
        """A value, and a line for each of its regions."""
        value = self.maker.node(counted(each.value, self.free.bases))
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
        return self.maker.listed([self.between(each) for each in region])

    def between(self, each: Between) -> Node:
        middle = self.maker.node(each.middle)
        low = self.maker.node(Num(each.low)) if each.low is not None else None
        high = self.maker.node(Num(each.high)) if each.high is not None else None
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
        return row(self.name(function), Sign("="), self.maker.node(build.ONE)), *spaced(
            "exactly where"
        )

    def regions(self, function: Function) -> Iterator[Node]:
        found = ones(function.pieces or (), self.free.inputs) or ()
        for number, region in enumerate(found):
            yield from spaced("or") if number else ()
            yield self.region(region)
        if not found:
            yield Word("nowhere")

    # Pictures ---------------------------------------------------------------------------------

    def pictures(self, function: Function) -> Iterator[Picture]:
        name = self.page.one_line(symbol(function, self.free.bases))
        if self.across is not None:
            line = curve(function, self.free, name, self.inputs[0], self.across)
            if line is not None and line.strokes:
                words = f"{name} as a function of {self.inputs[0]}"
                yield Picture(line, words, self.name(function))
        elif self.plane is not None and 1 < len(function.pieces or ()) <= _MOST_AREAS:
            yield self.map(function, name, self.plane)

    def map(self, function: Function, name: str, view: maps.View) -> Picture:
        found = ones(function.pieces or (), self.free.inputs)
        if found is None:
            drawn = replace(maps.drawn(function, name, view, None), labels=self.labels(function))
            return Picture(drawn, f"{name}, piece by piece", self.name(function))
        one = self.free.inputs.constant(build.ONE.value)
        drawn = maps.drawn(function, name, view, one)
        where = " or ".join(region_text(self.page, region) for region in found) or "nowhere"
        caption = row(self.name(function), Sign("="), self.maker.node(build.ONE))
        return Picture(drawn, f"{name} is 1 where {where}", caption)

    def labels(self, function: Function) -> dict[Value, str]:
        """What is written into the areas of a map."""
        values = {piece.value for piece in function.pieces or ()}
        return {each: self.page.one_line(self.free.inputs.expr(each)) for each in values}


def _note(function: Function) -> str:
    return f"not written out: {function.note}" if function.note else ""
