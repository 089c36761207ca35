"""A trace to a program in PyTorch whose own autograd gives the same numbers, and asserts it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from textwrap import indent

import numpy as np

from backprop_cli.algebra.expr import Expr, Sym, symbols, walk
from backprop_cli.algebra.quantity import quantity, second_derivative, upstream_id
from backprop_cli.calculus.stable import as_it_stands
from backprop_cli.document.step_words import SECTIONS
from backprop_cli.document.view import View
from backprop_cli.errors import refusal
from backprop_cli.formats.program_text import (
    ProgramText,
    by_section,
    filled,
    literal,
    nested,
    shapes_of,
    unwritten,
)
from backprop_cli.formats.registry import Said, Training
from backprop_cli.readings.source import Source
from backprop_cli.readings.torch_helpers import TORCH_HELPERS
from backprop_cli.readings.torch_source import TorchSource
from backprop_cli.trace import Array, Step, Trace

_OF_STEP = "rtol=1e-9, atol=1e-12"
_NAMES = 75  # characters of names before a line is broken
_AFTER_TRAINING = "rtol=1e-6, atol=1e-9"  # differences in the last digit grow from step to step


def render(said: Said, view: View) -> str:
    """The program, where there is one."""
    assert said.program is not None  # what has none does not offer this format
    trace, training = said.program()
    if trace.convention.get("rounding"):
        message = "a derivation that is rounded after every step has no autograd: it does not round"
        instead = "no `rounding` in the file, or --format python"
        raise refusal(message, instead=instead, source=_Program.format)
    return _Program(trace, view, training).whole()


class _Program(ProgramText):
    library, format = "PyTorch", "--format pytorch"
    helpers_there_are = TORCH_HELPERS

    def __init__(self, trace: Trace, view: View, training: Training) -> None:
        super().__init__(trace, view, training)
        self.step_of = {step.id: step for step in trace.steps}
        self.careful = dict(self._careful())
        self.left_out = frozenset(self._without_gradient())

    # Computed from behind a rounded number --------------------------------------------------------

    def _careful(self) -> Iterator[tuple[str, Expr]]:
        """The formulas that lose their digits as they stand: ln ŷ where ŷ is rounded to 1."""
        values = {id: given.value for id, given in self.trace.given.items()}
        values |= {step.id: step.value for step in self.trace.steps if step.value is not None}
        for step in self.trace.steps:
            if step.phase in ("backward", "jacobian") or step.value is None:
                continue
            with np.errstate(all="ignore"):
                plain = as_it_stands(step.expr, values)
            if not np.allclose(plain, step.value, 1e-9, 1e-12, True):
                yield step.id, self.rewritten(step)

    def _passed_by(self, step: Step) -> set[str]:
        """What the careful formula of a step names less often than the plain one."""
        plain, other = (_named(expr) for expr in (step.expr, self.careful[step.id]))
        return {name for name, count in plain.items() if other[name] < count}

    def _without_gradient(self) -> Iterator[str]:
        """The derivatives by what is passed by: autograd does not come through there."""
        past = {id: self._passed_by(self.step_of[id]) for id in self.careful}
        everywhere = {name for names in past.values() for name in names}
        for step in self.trace.steps:
            found = quantity(step.id)
            through = past.get(found.name, set()) if step.phase == "jacobian" else everywhere
            if step.phase in ("backward", "jacobian") and found.by in through:
                yield step.id

    # What is differentiated -----------------------------------------------------------------------

    @cached_property
    def seeds(self) -> list[str]:
        """What gradients reach from outside."""
        known = (*self.trace.given, *(step.id for step in self.trace.steps))
        return [id for id in known if upstream_id(id) in self.trace.given]

    @property
    def targets(self) -> list[str]:
        """Where autograd starts from."""
        return self.seeds or [self.trace.loss or ""]

    def uses(self, step: Step) -> Iterable[str]:
        if step.phase == "backward":
            return [quantity(step.id).by, *self.targets, *map(upstream_id, self.seeds)]
        second = second_derivative(step.id)
        if second is not None:
            return [second.of, second.by, second.then]
        if step.phase == "jacobian":
            return [quantity(step.id).name, quantity(step.id).by]
        return symbols(self.careful.get(step.id, step.expr))

    def lacks(self, step: Step, source: Source) -> str | None:
        if step.id in self.left_out:
            return f"the gradient past {quantity(step.id).by}, which is rounded too far here"
        is_derivative = step.phase in ("backward", "jacobian")
        return None if is_derivative else unwritten(self.careful.get(step.id, step.expr), source)

    @cached_property
    def leaves(self) -> frozenset[str]:
        """What is given and autograd has to follow: what is differentiated by, or is behind it."""
        derived = [step for step in self.steps if step.phase in ("backward", "jacobian")]
        by = {quantity(step.id).by for step in derived if second_derivative(step.id) is None}
        seconds = [two for step in derived if (two := second_derivative(step.id)) is not None]
        by |= {name for two in seconds for name in (two.by, two.then)}
        found = by & self.trace.given.keys()
        for name in by - found:
            behind = self._behind(name)
            found |= set() if behind & found else behind
        return frozenset(found)

    def _behind(self, name: str) -> set[str]:
        """What is given and a quantity is computed from: its parameters, or else its data."""
        given: dict[str, str] = {}
        seen, waiting = {name}, [name]
        while waiting:
            id = waiting.pop()
            if id in self.trace.given:
                given[id] = self.trace.given[id].role
                continue
            inputs = {*symbols(self.step_of[id].expr)} - seen
            seen |= inputs
            waiting += inputs
        parameters = {id for id, role in given.items() if role == "parameter"}
        return parameters or {id for id, role in given.items() if role == "data"}

    # The words of PyTorch -------------------------------------------------------------------------

    def opening(self) -> Iterator[str]:
        yield "import torch"
        yield ""
        yield "torch.set_default_dtype(torch.float64)"
        yield f"torch.set_printoptions(precision={self.view.decimals}, sci_mode=False)"
        yield from self.defined()
        if self.helpers:
            yield ""

    def literal(self, id: str, value: Array) -> str:
        given = self.trace.given[id]
        if given.role == "constant" and value.ndim == 0:
            return _number(float(value))
        closing = ", requires_grad=True)" if id in self.leaves else ")"
        if value.ndim == 0:
            return f"torch.tensor({_number(float(value))}{closing}"
        return literal(value, "torch.tensor(", _number, closing)

    def source(self, trace: Trace) -> TorchSource:
        known = self.known(trace)
        constants = (id for id, given in trace.given.items() if given.role == "constant")
        kinks = trace.convention.get("kinks")

        def may_be_zero(expr: Expr) -> bool:
            value = known(expr)
            return value is None or bool(np.any(value == 0))

        return TorchSource(
            self.names,
            shapes_of(trace),
            self.positive(trace),
            self.helpers,
            kinks=kinks if isinstance(kinks, dict) else {},
            may_be_zero=may_be_zero,
            plain=frozenset(id for id in constants if trace.given[id].value.ndim == 0),
        )

    def sections(self, trace: Trace, steps: Sequence[Step]) -> Iterator[str]:
        in_update = False
        for section, own in by_section(steps):
            if section == "backward":
                yield from (
                    "",
                    f"# {SECTIONS[section]}: PyTorch's own",
                    *self._autograd(trace, own),
                )
                continue
            lines = ["", f"# {SECTIONS[section]}", *self.formulas(trace, own)]
            if section != "forward":
                lines = [indent(line, "    ") for line in lines]
                yield from () if in_update else ("", "with torch.no_grad():")
                lines = lines if in_update else lines[1:]
                in_update = True
            yield from lines

    def calculated(self, source: Source, step: Step) -> str:
        assert isinstance(source, TorchSource)
        if step.id in self.careful:
            names = ", ".join(self.names[name] for name in sorted(self._passed_by(step)))
            why = f"since {names} is rounded too far here" if names else "where no digits are lost"
            return f"{source.text(self.careful[step.id])}  # {why}"
        if source.is_plain(step.expr):
            return f"{source.tensor(step.expr)[:-1]}, requires_grad=True)"
        code = source.text(step.expr)
        is_name = code in self.names.values()
        return f"{code}.clone()" if is_name and isinstance(step.expr, Sym) else code

    def as_number(self, id: str) -> str:
        return f"{self.names[id]}.item()"

    def carried_over(self, old: str, new: str) -> str:
        line = super().carried_over(old, new)
        return f"{line}.requires_grad_()" if old in self.leaves else line

    # Derivatives ----------------------------------------------------------------------------------

    def _autograd(self, trace: Trace, steps: Sequence[Step]) -> Iterator[str]:
        for step in steps:
            if step.phase == "jacobian":
                yield f"{self.names[step.id]} = {self._jacobian(trace, step)}"
        for id in sorted(self.left_out):
            yield f"# no {id}: autograd goes past {quantity(id).by}, which is rounded too far here"
        gradients = [step for step in steps if step.phase == "backward"]
        if gradients:
            yield from self._gradients(gradients)
            yield from self._of_each_sample(trace, gradients)

    def _gradients(self, gradients: Sequence[Step]) -> Iterator[str]:
        of = [self.names[target] for target in self.targets]
        by = [self.names[quantity(step.id).by] for step in gradients]
        names = ", ".join(self.names[step.id] for step in gradients)
        if len(gradients) == 1:
            names += ","
        elif len(names) > _NAMES:
            names = filled("(", names.split(", "), ")")
        seeds = [self.names[upstream_id(seed)] for seed in self.seeds]
        yield f"{names} = torch.autograd.grad("
        yield f"    {of[0] if len(of) == 1 else '[' + ', '.join(of) + ']'},"
        yield indent(filled("[", by, "],"), "    ")
        if seeds:
            yield f"    grad_outputs=[{', '.join(seeds)}],"
        yield "    materialize_grads=True,"
        yield ")"

    def _of_each_sample(self, trace: Trace, gradients: Sequence[Step]) -> Iterator[str]:
        """A mean over the samples is taken back where the problem has gradients of each one."""
        said = trace.convention
        if said.get("batch_gradients") != "per-sample" or said.get("over_samples") != "mean":
            return
        if trace.samples is None:
            return
        for step in gradients:
            if "sample" in step.axes:
                name = self.names[step.id]
                yield f"{name} = {trace.samples} * {name}  # of each sample's own loss"

    def _jacobian(self, trace: Trace, step: Step) -> str:
        second = second_derivative(step.id)
        if second is not None:
            self.helpers |= {"jacobian", "second_derivative"}
            names = (self.names[name] for name in (second.of, second.by, second.then))
            code = f"second_derivative({', '.join(names)})"
            shapes = shapes_of(trace)
            is_same = step.shape == shapes[second.by] + shapes[second.then]
            return code if is_same else f"{code}.reshape({step.shape})"  # a matrix entry by entry
        found = quantity(step.id)
        of, by = self.names[found.name], self.names[found.by]
        turned = trace.convention.get("jacobian") == "denominator"
        shapes = shapes_of(trace)
        axes = self._axes(trace, found.name), self._axes(trace, found.by)
        if step.axes[:1] == ("sample",) and all("sample" in each for each in axes):
            self.helpers |= {"jacobian", "jacobian_by_sample"}
            places = ", ".join(str(each.index("sample")) for each in axes)
            code = f"jacobian_by_sample({of}, {by}, {places})"
            return f"{code}.transpose(1, 2)" if turned else code
        self.helpers.add("jacobian")
        above, below = len(shapes[found.name]), len(shapes[found.by])
        code = f"jacobian({of}, {by})"
        if not (turned and above and below):
            return code
        order = (*range(above, above + below), *range(above))
        return f"{code}.permute({', '.join(map(str, order))})"

    def _axes(self, trace: Trace, name: str) -> tuple[str, ...]:
        given = trace.given.get(name)
        return self.step_of[name].axes if given is None else given.axes

    # The end --------------------------------------------------------------------------------------

    def closing(self, shown: Sequence[Step]) -> Iterator[str]:
        if not self.loops:
            yield from self.results(shown)
        yield ""
        yield "# What backprop has, in full"
        yield "expected = {"
        for step in shown:
            assert step.value is not None
            yield indent(_expected(step.id, step.value), "    ")
        yield "}"
        yield "for name, value in results.items():"
        yield "    value = torch.as_tensor(value, dtype=torch.float64).detach()"
        yield "    wanted = torch.tensor(expected[name])"
        yield '    print(name, "=", value + 0.0)'
        yield f"    assert torch.allclose(value, wanted, {_OF_STEP}, equal_nan=True), name"
        yield from self.told_at_the_end()
        if self.loops and self.trace.loss is not None:
            last = f"torch.tensor(history[-1]), torch.tensor({_number(self.trace.history[-1])})"
            yield f"assert torch.allclose({last}, {_AFTER_TRAINING})"
        yield f'print("autograd has the same {len(shown)} results")'


def _named(expr: Expr) -> Counter[str]:
    """How often each name stands in a formula."""
    return Counter(node.name for node in walk(expr) if isinstance(node, Sym))


def _expected(id: str, value: Array) -> str:
    """One line of the expected results, or several."""
    opening = f'"{id}": '
    if value.ndim == 0:
        return f"{opening}{_number(float(value))},"
    return filled(f"{opening}[", [nested(part, _number) for part in value.tolist()], "],")


def _number(value: float) -> str:
    return repr(value) if np.isfinite(value) else f'float("{value}")'
