"""Gradients that are one formula over time to the parts of a document: formulas, and a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from backprop_cli.algebra.build import added
from backprop_cli.algebra.expr import Expr, Op, Sym, addends, symbols, walk
from backprop_cli.algebra.quantity import derivative_id, quantity
from backprop_cli.algebra.shapes import Shape
from backprop_cli.derive.over_time import (
    Block,
    Family,
    Form,
    in_blocks,
    is_later,
    step_behind,
    summed,
    with_blocks,
)
from backprop_cli.document.document_data import Columns, Equation, Part
from backprop_cli.document.document_data import Step as StepPart
from backprop_cli.document.step_equations import Formulas, Known
from backprop_cli.document.step_words import in_symbols
from backprop_cli.notation.nodes import Braced, Grid, Node, Number, Sign, Word, row, slashed
from backprop_cli.notation.widths import width
from backprop_cli.operations.table import Sizes
from backprop_cli.readings.values import evaluate
from backprop_cli.trace import OverTime, Step, Trace, at_letter

Array = NDArray[np.float64]

_FORMULA = 16
"""A wider formula does not stand above a column."""


class OverTimeMaker(Struct, frozen=True):
    """Writes what is one over time, with the names and values of a trace."""

    trace: Trace
    formulas: Formulas

    def units(self, shown: Sequence[Step], *, alone: bool) -> list[Step | Block]:
        """The steps, those together that are one formula; `alone`: each of them by itself, too."""
        units = in_blocks(self.trace, shown)
        return with_blocks(shown, units) if alone else units

    def block(self, block: Block, number: int) -> Iterator[Part]:
        """The formulas in the letter that counts the steps, the numbers in a table below them."""
        first, *others = [
            equation for each in block.families for equation in self.equations(block.over, each)
        ]
        main, table = block.families[-1], self.table(block)
        values = self.values(block) if table is None else ()
        yield StepPart(
            number,
            self.step(main.ids[max(main.ids)]).id,
            self.named_together(block),
            _words(block),
            self.step(main.ids[max(main.ids)]).shape,
            first,
            (*others, *values),
            tuple(self.notes(block)),
        )
        if table is not None:
            yield table

    def named_together(self, block: Block) -> Node:
        """What a block is about: `∂L/∂oₜ, ∂L/∂hₜ`."""
        names = [self.formulas.names.node(family.name) for family in block.families]
        comma = (Sign(",", bare=True), Sign(" ", bare=True))
        return row(*[each for name in names for each in (*comma, name)][2:])

    def step(self, id: str) -> Step:
        """A step of the trace."""
        return self.trace.step(id)

    # Formulas -------------------------------------------------------------------------------------

    def equations(self, over: OverTime, family: Family) -> Iterator[Equation]:
        """`∂L/∂hₜ = Vᵀ ∂L/∂oₜ + Wᵀ δₜ₊₁`; where the last step has other terms, one more."""
        several = len(family.forms) > 1
        for form in family.forms:
            if several and len(form.steps) == 1:
                yield self.alone(self.step(family.ids[form.steps[0]]))
                continue
            known = self.known(over, family, form)
            sides = [self.sides(form, known)]
            if several:
                steps = ", ".join(map(str, form.steps))
                sides[0] = row(*sides, Sign(" ", bare=True), Word(f"for {over.letter} = {steps}"))
            yield Equation(self.formulas.names.node(family.name), tuple(sides))

    def alone(self, step: Step) -> Equation:
        """The formula of a step that is unlike the others."""
        _, known = self.formulas.inside(step)
        body = self.formulas.writer(known).node(step.expr)
        return Equation(self.formulas.names.node(step.id), (body,))

    def sides(self, form: Form, known: Known) -> Node:
        """What a step has itself and what comes from later ones, each with a brace below it."""
        writer = self.formulas.writer(known)
        if not form.later or not form.own:
            return writer.node(form.expr)
        own, later = (writer.part(added(each)) for each in (form.own, form.later))
        if later.minus or "sum" in (own.kind, later.kind):
            return writer.node(form.expr)
        return row(
            Braced(own.node, Word("its own")), Sign("+", 1), Braced(later.node, Word("later"))
        )

    def known(self, over: OverTime, family: Family, form: Form) -> Known:
        """The shapes of the names that the formula in letters has."""
        shapes: dict[str, Shape] = {}
        for t in form.steps:
            shapes |= self.lettered(self.step(family.ids[t]).expr, over, t)
        return Known({**self.formulas.known.shapes, **shapes}, {})

    def lettered(self, expr: Expr, over: OverTime, t: int) -> dict[str, Shape]:
        """The shapes of what a formula of step t uses, by their names in the letter."""
        sizes, first = Sizes(self.formulas.known.shapes, {}), self.trace.bases.first
        found: dict[str, Shape] = {}
        for node in walk(expr):
            if isinstance(node, Sym) or (isinstance(node, Op) and node.name == "at"):
                named = at_letter(node, over, t, first)
                if isinstance(named, Sym):
                    found[named.name] = sizes.shape(node)
        return found

    def notes(self, block: Block) -> Iterator[str]:
        """What δ is, that nothing comes to the last step, and why the shortcut holds."""
        names, over = self.formulas.names, block.over
        forms = [form for family in block.families for form in family.forms]
        reach = [form.reach for form in forms]
        for family in block.families:
            if family.name in names.deltas:
                plain = replace(names, deltas=frozenset())
                of = quantity(family.name).name
                after = [
                    derivative_id(of, f"{family.base}_{over.last + by}")
                    for by in range(1, max(reach, default=1) + 1)
                ]
                known = [names.text(id) for id in after if id in names.deltas]
                nothing = f", and {' = '.join(known)} = 0" if known else ""
                yield f"{names.text(family.name)} = {plain.text(family.name)}{nothing}"
        if any(form.own and form.later for form in forms):
            behind = " or ".join(f"{over.letter}+{by}" for by in range(1, max(reach) + 1))
            yield f"what has {behind} in it comes from later steps, the rest is the step's own"
        steps = (self.step(id) for family in block.families for id in family.ids.values())
        said = (step.note for step in steps if step.rule != "sum-over-paths")
        yield from dict.fromkeys(in_symbols(note, names) for note in said if note)

    # The table ------------------------------------------------------------------------------------

    def table(self, block: Block) -> Columns | None:
        """A line for each step, from the end to the start; none where values are matrices.

        Pictures come in their own order.
        """
        if any(self.step(id).value is None for id in block.families[0].ids.values()):
            return None
        columns = [column for family in block.families for column in self.columns(block, family)]
        steps = sorted(block.families[0].ids, reverse=block.over.of == "step")
        if any(column is None for column in columns):
            return None
        found = [column for column in columns if column is not None]
        heads = (block.over.letter, *(head for head, _ in found))
        rows = [(Number(str(t)), *(cells[t] for _, cells in found)) for t in steps]
        return Columns(heads, tuple(rows))

    def values(self, block: Block) -> Iterator[Equation]:
        """What came out at each step, from the end to the start, where there is no table."""
        for family in block.families:
            ids = sorted(family.ids.items(), reverse=block.over.of == "step")
            for _, id in ids:
                value = self.formulas.known.values.get(id)
                if value is not None:
                    drawn = self.formulas.drawn.value(value)
                    yield Equation(self.formulas.names.node(id), (), drawn)

    def columns(
        self, block: Block, family: Family
    ) -> Iterator[tuple[Node | str, Mapping[int, Node]] | None]:
        """What each step uses or has from itself and from later ones, and what came out."""
        if family.through_time and any(form.own for form in family.forms):
            yield from self.shares(block.over, family)
        elif not block.through_time:
            yield from self.used(block.over, family)
        values = {t: self.formulas.known.values.get(id) for t, id in family.ids.items()}
        yield self.column(slashed(self.formulas.names.node(family.name)), values)

    def shares(
        self, over: OverTime, family: Family
    ) -> Iterator[tuple[Node | str, Mapping[int, Node]] | None]:
        """What a step has from itself, and from later ones."""
        for later, words in ((False, "its own"), (True, "from later")):
            values = {}
            for t, id in family.ids.items():
                step = self.step(id)
                parts = [each for each in addends(step.expr) if is_later(each, over, t) == later]
                values[t] = self.value(parts, step)
            yield self.column(self.head(over, family, later, words), values)

    def head(self, over: OverTime, family: Family, later: bool, words: str) -> Node | str:
        """The formula above a column where it is short, else words."""
        form = max(family.forms, key=lambda each: len(each.steps))
        parts = form.later if later else form.own
        if not parts:
            return words
        node = self.formulas.writer(self.known(over, family, form)).node(added(parts))
        return slashed(node) if width(node) <= _FORMULA else words

    def value(self, parts: Sequence[Expr], step: Step) -> Array | None:
        """The value of some terms of a step; zeros where there are none."""
        if step.value is None:
            return None
        if not parts:
            return np.zeros_like(step.value)
        return np.asarray(evaluate(added(tuple(parts)), self.formulas.known.values) + 0.0)

    def used(
        self, over: OverTime, family: Family
    ) -> Iterator[tuple[Node | str, Mapping[int, Node]] | None]:
        """The vectors that the formula has for each step."""
        (form, *others) = family.forms
        if others:
            return
        known = self.known(over, family, form)
        for name in symbols(form.expr):
            if name in self.formulas.known.shapes or quantity(name).by:
                continue
            values = {t: self.named(name, over, family.ids[t], t) for t in family.ids}
            yield self.column(self.formulas.writer(known).node(Sym(name)), values)

    def named(self, name: str, over: OverTime, id: str, t: int) -> Array | None:
        """The value at a step of what has this name in the letter."""
        first = self.trace.bases.first
        for node in walk(self.step(id).expr):
            if isinstance(node, Sym | Op) and at_letter(node, over, t, first) == Sym(name):
                return np.asarray(evaluate(node, self.formulas.known.values))
        return None

    def column(
        self, head: Node | str, values: Mapping[int, Array | None]
    ) -> tuple[Node | str, Mapping[int, Node]] | None:
        """A column of the table, points below one another; None where values are no vectors."""
        found = [np.atleast_1d(value) for value in values.values() if value is not None]
        if len(found) < len(values) or any(value.ndim > 1 for value in found):
            return None
        drawn = self.formulas.drawn
        page = replace(drawn.page, rows=len(found))
        node = replace(drawn, page=page).matrix(np.stack(found))
        grid = node.inner if isinstance(node, Braced) else node
        assert isinstance(grid, Grid)
        cells = (line[0] if len(line) == 1 else Grid((line,)) for line in grid.rows)
        return head, dict(zip(values, cells, strict=True))

    # Sums over time -------------------------------------------------------------------------------

    def sum_over_time(self, step: Step) -> Node | None:
        """Σₜ δₜ hₜ₋₁ᵀ, where the gradient of a shared weight is such a sum; else None."""
        for over in (way for each in self.trace.over_time for way in each.ways):
            found = summed(step.expr, over, self.trace.bases.first)
            if found is not None:
                shapes = dict(self.formulas.known.shapes)
                for term in addends(step.expr):
                    t = step_behind(term, over)
                    assert t is not None
                    shapes |= self.lettered(term, over, t)
                return self.formulas.writer(Known(shapes, {})).node(found)
        return None


def _words(block: Block) -> str:
    if block.over.of == "picture":
        return "for every picture"
    return "from the end to the start" if block.through_time else "at every step"
