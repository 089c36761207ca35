"""A derivation in symbols to the same entry by entry: letters as indices, sums over letters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from backprop_cli.algebra.shapes import Shape, Size
from backprop_cli.derive.entrywise import Entrywise, Letters, counting
from backprop_cli.derive.indices import Indices, NoMoreLettersError, Range, over
from backprop_cli.derive.letters import NoLettersError
from backprop_cli.derive.nodes import indexed
from backprop_cli.operations.sizes import Sizes
from backprop_cli.problem.kinks import kinks
from backprop_cli.problem.model import Model
from backprop_cli.trace import Step, Trace

_LIKED = "ijkmnprstuv"


def by_index(trace: Trace, model: Model, shapes: Mapping[str, Shape]) -> Trace:
    """Every equation for one entry, given the shapes of all names in the equations.

    The convention says under `indices_run` from where to where each letter runs. The same set of
    numbers has the same letter throughout, unless that is in use around a sum. What has no such
    form (a class decided on, a Jacobian of four axes) keeps its formula, and a Jacobian that
    nothing uses is left out.
    """
    writer = _Writer(model, shapes)
    steps = tuple(writer.steps(trace.steps))
    said = {**trace.convention, "indices_run": tuple(writer.counted())}
    return replace(trace, steps=steps, convention=said)


class _Writer:
    def __init__(self, model: Model, shapes: Mapping[str, Shape]) -> None:
        self.model = model
        names = {*shapes, *model.letters}
        self.indices = Indices({name for name in names if len(name) == 1})
        self.counting = counting(model, shapes)
        sizes = Sizes(shapes, kinks(model.problem.convention.kinks))
        self.entrywise = Entrywise(sizes, self.counting, self.indices)

    def steps(self, steps: tuple[Step, ...]) -> Iterator[Step]:
        used = {name for step in steps if step.phase != "jacobian" for name in step.inputs}
        for step in steps:
            if step.phase == "jacobian" and step.id not in used:
                continue
            try:
                yield self.step(step)
            except (NoLettersError, NoMoreLettersError):
                yield step

    def step(self, step: Step) -> Step:
        letters = self.letters(step)
        expr = self.entrywise.entry(step.expr, letters)
        return replace(step, id=indexed(step.id, *letters).name, expr=expr)

    def letters(self, step: Step) -> Letters:
        """A letter for each axis: the one that counts over it elsewhere, where it is not in use."""
        found: list[str] = []
        firsts = self.counting.of(step.id, len(step.shape))
        for size, first in zip(step.shape, firsts, strict=True):
            found.append(str(first) if size == 1 else self.letter(over(size, first), found))
        return tuple(found)

    def letter(self, range_: Range, used: list[str]) -> str:
        for letter in self.indices.sums:
            if letter not in used and self.indices.ranges[letter] == range_:
                return letter
        letter = self.indices.claim(_LIKED, range_)
        self.indices.sums.append(letter)
        return letter

    def counted(self) -> Iterator[tuple[str, int, Size]]:
        """The letters in use, in the order in which they came up: from which number to which."""
        for letter, range_ in self.indices.ranges.items():
            yield letter, range_.first, range_.last
