"""A derivation in symbols to the same entry by entry: letters as indices, sums over letters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, symbols, uses
from backprop_cli.algebra.quantity import quantity, step_of, without_step
from backprop_cli.algebra.shapes import Shape, Size
from backprop_cli.derive.derivation_nodes import (
    SUM_OVER,
    NoMoreLettersError,
    indexed,
    indices_beside,
    over,
)
from backprop_cli.derive.tensors.entrywise import Entrywise, Letters, counting
from backprop_cli.derive.tensors.same_axes import SameAxes
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.model import Model
from backprop_cli.problem.problem_data import kinks
from backprop_cli.readings.entries import NoEntryError
from backprop_cli.solving.asked import asked_pairs
from backprop_cli.trace import OverTime, Step, Trace

_LIKED = "ijkmnprstuv"


def by_index(trace: Trace, model: Model, shapes: Mapping[str, Shape]) -> Trace:
    """Every equation for one entry, given the shapes of all names in the equations.

    The convention says under `indices_run` from where to where each letter runs. A letter runs over
    one axis throughout (the samples, the units of one layer), so that lines may be put into one
    another; an axis has a second letter where two of its numbers are meant. What has no such
    form (a class decided on, a Jacobian of four axes) keeps its formula, and a Jacobian that
    nothing uses and nobody asks for is left out. Steps in time are written one by one, where
    their number is no letter.
    """
    counted = tuple(each for each in trace.over_time if each.length)
    lettered = _in_letters(trace, shapes, counted)
    writer = _Writer(model, {**lettered, **shapes}, [each.letter for each in counted])
    writer.alike(lettered)
    steps = tuple(writer.steps(trace.steps))
    runs = trace.convention["indices_run"] if counted else ()
    assert isinstance(runs, tuple)
    said = {**trace.convention, "indices_run": (*runs, *writer.counted())}
    return replace(trace, steps=steps, convention=said, over_time=counted)


def _in_letters(
    trace: Trace, shapes: Mapping[str, Shape], counted: Sequence[OverTime]
) -> dict[str, Shape]:
    """The shapes of what has the letter of a step in its name: h_t is as h_1, x_t a row of x."""
    if not counted:
        return {}
    known = {without_step(id): shape for id, shape in shapes.items() if step_of(id)}
    rows = [base for each in counted for base, axis in each.rows or () if axis == 0]
    known |= {base: shapes[base][1:] for base in rows if base in shapes}
    known |= {without_step(step.id): step.shape for step in trace.steps}
    used = {name for step in trace.steps for name in (step.id, *symbols(step.expr))}
    return {
        name: known[without_step(name)] for name in used - {*shapes} if without_step(name) in known
    }


class _Writer:
    def __init__(self, model: Model, shapes: Mapping[str, Shape], steps: Collection[str]) -> None:
        self.model = model
        self.indices = indices_beside([*shapes, *steps], model.letters)
        self.counting = counting(model, shapes)
        sizes = Sizes(shapes, kinks(model.problem.convention.kinks))
        self.same = SameAxes(sizes)
        self.entrywise = Entrywise(sizes, self.counting, self.indices, self.same)

    def alike(self, names: Iterable[str]) -> None:
        """What has one name at several steps, as h_t and h_T, has the same axes."""
        firsts: dict[str, str] = {}
        for name in sorted(names):
            self.same.take(name, Sym(firsts.setdefault(without_step(name), name)))

    def steps(self, steps: tuple[Step, ...]) -> Iterator[Step]:
        for step in steps:
            for part in _parts(step.expr):
                self.same.take(step.id, part)
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
        expr = self.entry(step.expr, letters, step.id)
        return replace(step, id=indexed(step.id, *letters).name, expr=expr)

    def entry(self, expr: Expr, letters: Letters, id: str) -> Expr:
        """The entry of a formula; of a sum over steps in time the sum of the entries."""
        if not uses(expr, SUM_OVER):
            return self.entrywise.entry(expr, letters, id)
        match expr:
            case Op("sum_over" | "add" | "sub" | "neg", args, options):
                return Op(expr.name, tuple(self.entry(arg, letters, id) for arg in args), options)
            case Op("mul", (Num() as number, rest)):
                return Op("mul", (number, self.entry(rest, letters, id)))
            case Op("div", (rest, below)) if not uses(below, SUM_OVER):
                return Op("div", (self.entry(rest, letters, id), self.entry(below, (), "")))
        raise NoEntryError("a sum over steps within another formula")

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


def _parts(expr: Expr) -> Iterator[Expr]:
    """The formula; of one with sums over steps in time what is added up."""
    if not uses(expr, SUM_OVER):
        yield expr
    elif isinstance(expr, Op) and expr.name in (SUM_OVER, "add", "sub", "neg"):
        for arg in expr.args:
            yield from _parts(arg)
