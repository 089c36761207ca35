"""A derivation in symbols to the same entry by entry: letters as indices, sums over letters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from backprop_cli.algebra.expr import Sym
from backprop_cli.algebra.quantity import quantity
from backprop_cli.algebra.shapes import Shape, Size
from backprop_cli.derive.derivation_nodes import NoMoreLettersError, indexed, indices_beside, over
from backprop_cli.derive.tensors.entrywise import Entrywise, Letters, counting
from backprop_cli.derive.tensors.same_axes import SameAxes
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.model import Model
from backprop_cli.problem.problem_data import kinks
from backprop_cli.readings.entries import NoEntryError
from backprop_cli.solving.asked import asked_pairs
from backprop_cli.trace import Step, Trace

_LIKED = "ijkmnprstuv"


def by_index(trace: Trace, model: Model, shapes: Mapping[str, Shape]) -> Trace:
    """Every equation for one entry, given the shapes of all names in the equations.

    The convention says under `indices_run` from where to where each letter runs. A letter runs over
    one axis throughout (the samples, the units of one layer), so that lines may be put into one
    another; an axis has a second letter where two of its numbers are meant. What has no such
    form (a class decided on, a Jacobian of four axes) keeps its formula, and a Jacobian that
    nothing uses and nobody asks for is left out. Steps in time are written one by one.
    """
    writer = _Writer(model, shapes)
    steps = tuple(writer.steps(trace.steps))
    said = {**trace.convention, "indices_run": tuple(writer.counted())}
    return replace(trace, steps=steps, convention=said, over_time=())


class _Writer:
    def __init__(self, model: Model, shapes: Mapping[str, Shape]) -> None:
        self.model = model
        self.indices = indices_beside(shapes, model.letters)
        self.counting = counting(model, shapes)
        sizes = Sizes(shapes, kinks(model.problem.convention.kinks))
        self.same = SameAxes(sizes)
        self.entrywise = Entrywise(sizes, self.counting, self.indices, self.same)

    def steps(self, steps: tuple[Step, ...]) -> Iterator[Step]:
        for step in steps:
            self.same.take(step.id, step.expr)
            if step.phase == "backward":
                self.same.take(step.id, Sym(quantity(step.id).by))
        used = {name for step in steps if step.phase != "jacobian" for name in step.inputs}
        used |= set(asked_pairs(self.model))
        for step in steps:
            if step.phase == "jacobian" and step.id not in used:
                continue
            try:
                yield self.step(step)
            except (NoEntryError, NoMoreLettersError):
                yield step

    def step(self, step: Step) -> Step:
        letters = self.letters(step)
        expr = self.entrywise.entry(step.expr, letters, step.id)
        return replace(step, id=indexed(step.id, *letters).name, expr=expr)

    def letters(self, step: Step) -> Letters:
        """A letter for each axis: the one that runs over it on the whole page, where it is free."""
        found: list[str] = []
        firsts, axes = self.counting.of(step.id, len(step.shape)), self.same.of(Sym(step.id))
        for size, first, axis in zip(step.shape, firsts, axes, strict=True):
            if size == 1:
                found.append(str(first))
            else:
                found.append(self.indices.letter(over(size, first), found, axis, _LIKED))
        return tuple(found)

    def counted(self) -> Iterator[tuple[str, int, Size]]:
        """The letters in use, in the order in which they came up: from which number to which."""
        for letter, range_ in self.indices.ranges.items():
            yield letter, range_.first, range_.last
