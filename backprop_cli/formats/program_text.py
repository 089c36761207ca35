"""A trace to a program that computes the same numbers: what is the same with any library.

The words of a library are in `python` and `pytorch`, which are formats.
"""

from __future__ import annotations

import keyword
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from textwrap import indent, wrap
from typing import ClassVar

import numpy as np
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Op, op, rewrite, symbols
from backprop_cli.algebra.quantity import kept_state, new_id
from backprop_cli.algebra.shapes import Shape
from backprop_cli.calculus.stable import careful
from backprop_cli.document.conventions import conventions
from backprop_cli.document.from_trace import shown_steps
from backprop_cli.document.names import OneLine, names_of
from backprop_cli.document.step_words import SECTIONS, reason, section_of
from backprop_cli.document.view import View
from backprop_cli.errors import UserError, refusal
from backprop_cli.formats.registry import Training
from backprop_cli.operations.table import TABLE
from backprop_cli.readings.source import HELPERS, Helper, NoSourceError, Source
from backprop_cli.readings.torch_helpers import TORCH_HELPERS
from backprop_cli.readings.values import evaluate
from backprop_cli.trace import Array, Step, Trace

WIDTH = 100
_OWN = frozenset(
    "np torch math step batch batches history results expected wanted name value text print range"
    " len zip float repr rounded Decimal jacobian jacobian_by_sample".split()
)
"""What programs call their own variables and functions."""


_UNTITLED = "Forward, backward, update."
"""What a program is called whose problem has no title."""


def identifiers(ids: Iterable[str]) -> dict[str, str]:
    """A Python name for every id: `dL/dW1` is dL_dW1."""
    taken = {*_OWN, *HELPERS, *TORCH_HELPERS, *keyword.kwlist}
    found: dict[str, str] = {}
    for id in sorted(ids, key=lambda id: ("/" in id, id)):  # names without / stay as they are
        name = unicodedata.normalize("NFKC", id.replace("/", "_"))
        while name in taken:
            name += "_"
        taken.add(name)
        found[id] = name
    return found


class ProgramText(ABC):
    """The lines of a program. `loops`: it makes more than one step of training."""

    library: ClassVar[str]
    format: ClassVar[str]
    helpers_there_are: ClassVar[Mapping[str, Helper]]
    left_out: frozenset[str] = frozenset()
    """What the program cannot have, and says so, where nobody asks for it by name."""

    def __init__(self, trace: Trace, view: View, training: Training) -> None:
        self.trace, self.view, self.training = trace, view, training
        self.names = identifiers({*trace.given, *(step.id for step in trace.steps)})
        self.line = OneLine(names_of(trace, view), view)
        self.helpers: set[str] = set()
        self.steps: Sequence[Step] = ()
        self.loops = training.steps - training.first + 1 > 1

    def whole(self) -> str:
        """The program; what stands on top is known once the rest has been written."""
        steps = self.steps = self.needed(self.trace)
        lines = [*self._given(steps)]
        lines += self._loop(steps) if self.loops else self.sections(self.trace, steps)
        shown = [step for step in steps if self.is_shown(step)]
        body = "\n".join([*lines, "", f"# {SECTIONS['closing']}", *self.closing(shown)])
        return "\n".join([*self._docstring(), *self.opening(), "", body.strip("\n")]) + "\n"

    # The words of a library -----------------------------------------------------------------------

    @abstractmethod
    def opening(self) -> Iterator[str]:
        """What is imported and defined."""

    @abstractmethod
    def literal(self, id: str, value: Array) -> str:
        """What is given, as it is typed."""

    @abstractmethod
    def source(self, trace: Trace) -> Source:
        """What writes the formulas of a trace."""

    @abstractmethod
    def sections(self, trace: Trace, steps: Sequence[Step]) -> Iterator[str]:
        """The derivation, a heading for each part of it."""

    @abstractmethod
    def closing(self, shown: Sequence[Step]) -> Iterator[str]:
        """What is done with the results."""

    def uses(self, step: Step) -> Iterable[str]:
        """The quantities that the lines of a step are written in."""
        return symbols(step.expr)

    def lacks(self, step: Step, source: Source) -> str | None:
        """What there is no line for in a step, in words; None where there is one."""
        return unwritten(step.expr, source)

    def as_number(self, id: str) -> str:
        """A loss as a number of Python."""
        return f"float({self.names[id]})"

    def carried_over(self, old: str, new: str) -> str:
        """The line by which a new value takes the place of the old one."""
        return f"{self.names[old]} = {self.names[new]}"

    # The parts of a program -----------------------------------------------------------------------

    def _docstring(self) -> Iterator[str]:
        title = " ".join(self.trace.title.split()) or _UNTITLED
        yield '"""' + _in_docstring(self.line.plain(title))
        phrases = conventions(self.trace, self.view, self.line.names)
        if phrases:
            yield ""
            yield from map(_in_docstring, wrap(self.line.plain(" · ".join(phrases)), WIDTH))
        yield '"""'
        yield ""

    def defined(self) -> Iterator[str]:
        """The functions that the program calls."""
        for helper in sorted(self.helpers):
            yield f"\n\n{self.helpers_there_are[helper].lines}"

    def needed(self, trace: Trace) -> list[Step]:
        """The steps to show, and all that they are computed from."""
        ids = {step.id for step in shown_steps(trace, self.view)}
        if self.view.only is not None:
            ids = set(self.view.only)
        if self.loops:
            ids |= {step.id for step in trace.steps if _goes_on(step, trace)}
        kept: list[Step] = []
        asked, used = {*self.view.asked} - self.left_out | {*(self.view.only or ())}, set[str]()
        source = replace(self.source(trace), helpers=set())
        once = {step.id: step for step in trace.steps}  # what is asked may be a step as well
        for step in reversed(once.values()):
            if step.id not in ids:
                continue
            lacking = self.lacks(step, source)
            if step.value is not None and lacking is None:
                used |= {*self.uses(step)}
                ids |= used
                kept.append(step)
            elif step.id in asked | used:
                raise self._without(step, lacking)
        return kept[::-1]

    def _without(self, step: Step, lacking: str | None) -> UserError:
        of = f": no word for {lacking}" if lacking else ""
        message = f"{step.id} has no formula that a line of {self.library} could be{of}"
        instead = "leave it out of what is asked, or --format json"
        return refusal(message, instead=instead, source=self.format)

    def is_shown(self, step: Step) -> bool:
        """Whether the program prints it."""
        return self.view.only is None or step.id in self.view.only

    def _given(self, steps: Sequence[Step]) -> Iterator[str]:
        yield f"# {SECTIONS['given']}"
        used = {name for step in steps for name in self.uses(step)}
        for id, given in self.trace.given.items():
            if id not in used and id not in self.training.data:
                continue
            whole = self.training.data.get(id)
            name = self.names[id] if whole is None else f"all_{self.names[id]}"
            value = given.value if whole is None else whole
            yield f"{name} = {self.literal(id, value)}{self._beside(id)}"
        if self.training.batches is not None:
            yield f"batches = {_wrapped_list(self.training.batches)}"

    def _beside(self, id: str) -> str:
        """The symbol, where it is not the name itself."""
        text = self.line.names.text(id)
        return "" if text == self.names[id] else f"  # {text}"

    def formulas(self, trace: Trace, steps: Sequence[Step]) -> Iterator[str]:
        """A comment and a line for each step."""
        source = self.source(trace)
        for step in steps:
            yield f"# {self._comment(trace, step)}"
            yield f"{self.names[step.id]} = {self.calculated(source, step)}"

    def calculated(self, source: Source, step: Step) -> str:
        """What a step computes."""
        return source.text(step.expr)

    def rewritten(self, step: Step) -> Expr:
        """The formula as it was computed: ln p from what p is the softmax of."""
        behind = {
            each.id: each.expr for each in self.trace.steps if each.phase in ("forward", "update")
        }
        return rewrite(careful(step.expr, behind), _in_words)

    def known(self, trace: Trace) -> Callable[[Expr], Array | None]:
        """What gives the values of an expression; None where they vary."""
        values = {id: given.value for id, given in trace.given.items()}
        values |= {step.id: step.value for step in trace.steps if step.value is not None}
        return lambda expr: None if self.loops else evaluate(expr, values)

    def positive(self, trace: Trace) -> Callable[[Expr], bool]:
        """What says whether all values of an expression are known to be above 0."""
        known = self.known(trace)

        def positive(expr: Expr) -> bool:
            value = known(expr)
            return value is not None and bool(np.all(value > 0))

        return positive

    def _comment(self, trace: Trace, step: Step) -> str:
        """`Z¹ = (W¹)ᵀ x + b¹ · what the hidden units receive`."""
        formula = self.line.formula(step.expr, shapes_of(trace))
        formula = f"{self.line.names.text(step.id)} = {formula}"
        words = self.line.plain(reason(step))
        whole = f"{formula} — {words}" if words else formula
        plain = whole.replace("—", "-") if self.view.ascii else whole
        dots = self.line.dots
        return plain if len(plain) <= WIDTH - 6 else plain[: WIDTH - 6 - len(dots)] + dots

    # Training -------------------------------------------------------------------------------------

    def _loop(self, steps: Sequence[Step]) -> Iterator[str]:
        training = self.training
        loss = self.trace.loss
        yield ""
        if loss is not None:
            yield "history = []"
        yield f"for step in range({training.first}, {training.steps + 1}):"
        yield from self._batch()
        if training.counter in self.names:
            value = float(self.trace.given[str(training.counter)].value)
            shift = int(value) - training.first
            yield f"    {self.names[str(training.counter)]} = step{f' + {shift}' if shift else ''}"
        if training.rates and training.rate in self.names:
            yield f"    {self.names[training.rate]} = {[*training.rates]!r}[step - 1]"
        yield from self._bodies(steps)
        yield ""
        if loss is not None:
            yield f"    history.append({self.as_number(loss)})"
        yield f"    if step == {training.first}:"
        shown = [step for step in steps if self.is_shown(step)]
        yield indent("\n".join(self.results(shown)), "        ")
        yield from self._carried()
        if loss is not None:
            after = new_id(loss)
            if after in self.names:
                yield f"history.append({self.as_number(after)})"

    def _batch(self) -> Iterator[str]:
        if self.training.batches is None:
            return
        yield "    batch = batches[(step - 1) % len(batches)]"
        for id in self.training.data:
            all_of = f"all_{self.names[id]}"
            index = ", ".join([":"] * self.training.sample_axis + ["batch"])
            yield f"    {self.names[id]} = {all_of}[{index}]"

    def _bodies(self, steps: Sequence[Step]) -> Iterator[str]:
        """The derivation; one for each size of batch, since means divide by the size."""
        if not self.training.sizes:
            yield indent("\n".join(self.sections(self.trace, steps)).lstrip("\n"), "    ")
            return
        word = "if"
        for trace in (self.trace, *self.training.sizes):
            yield f"    {word} len(batch) == {trace.samples}:"
            yield indent(
                "\n".join(self.sections(trace, self.needed(trace))).lstrip("\n"), "        "
            )
            word = "elif"

    def _carried(self) -> Iterator[str]:
        """New parameters and states take the place of the old ones."""
        pairs = [
            (name, new_id(name))
            for name, given in self.trace.given.items()
            if given.role == "parameter" and new_id(name) in self.names
        ]
        pairs += [
            (name, state)
            for name, given in self.trace.given.items()
            if given.role == "state" and (state := kept_state(name)) in self.names
        ]
        yield from (f"    {self.carried_over(old, new)}" for old, new in pairs)

    def results(self, steps: Sequence[Step]) -> Iterator[str]:
        """What came out, by its id."""
        yield "results = {"
        yield from (f'    "{step.id}": {self.names[step.id]},' for step in steps)
        yield "}"

    def told_at_the_end(self) -> Iterator[str]:
        """The loss before and after training."""
        if self.loops and self.trace.loss is not None:
            digits = f".{self.view.decimals}f"
            before, after = (f"{{history[{place}]:{digits}}}" for place in (0, -1))
            yield f'print(f"{self.trace.loss}: {before} before, {after} after")'


def by_section(steps: Iterable[Step]) -> Iterator[tuple[str, list[Step]]]:
    """The parts of a derivation, each with its heading."""
    return ((section, [*own]) for section, own in groupby(steps, key=section_of))


def shapes_of(trace: Trace) -> dict[str, Shape]:
    """The shape of every quantity."""
    shapes: dict[str, Shape] = {id: given.value.shape for id, given in trace.given.items()}
    return shapes | {step.id: step.shape for step in trace.steps}


def _in_words(expr: Expr) -> Expr | None:
    """What has a name of its own while values are computed, in words of a library."""
    match expr:
        case Op("xtimes", (left, right)):  # a logarithm of these is finite
            return op("mul", rewrite(left, _in_words), rewrite(right, _in_words))
        case Op("identity", (inner,)) | Op("neg", (Op("neg", (inner,)),)):
            return rewrite(inner, _in_words)
    return None


def unwritten(expr: Expr, source: Source) -> str | None:
    """The operation that there is no line for, in words; None where there is one."""
    try:
        source.text(expr)
    except NoSourceError as error:
        name = str(error)
        return TABLE[name].words if name in TABLE else name
    return None


def _goes_on(step: Step, trace: Trace) -> bool:
    """Whether the next update starts from the quantity, or its loss is recorded."""
    kept = {new_id(name) for name, given in trace.given.items() if given.role == "parameter"}
    kept |= {kept_state(name) for name, given in trace.given.items() if given.role == "state"}
    return step.id in kept or step.id in (trace.loss, new_id(trace.loss or ""))


def literal(value: Array, opening: str, number: Callable[[float], str], closing: str) -> str:
    """An array as it is typed: rows together, so many on a line as fit."""
    if value.ndim == 1:
        return filled(f"{opening}[", map(number, value.tolist()), f"]{closing}")
    rows = [nested(row, number) for row in value.tolist()]
    return filled(f"{opening}[", rows, f"]{closing}")


def nested(value: object, number: Callable[[float], str]) -> str:
    """Lists within lists as they are typed."""
    if isinstance(value, list):
        return f"[{', '.join(nested(part, number) for part in value)}]"
    return number(float(str(value)))


def filled(opening: str, items: Iterable[str], closing: str) -> str:
    """Items between brackets, on one line where it fits, else as many items a line as fit."""
    texts = list(items)
    whole = opening + ", ".join(texts) + closing
    if len(whole) <= WIDTH - 20:
        return whole
    lines: list[str] = []
    for text in texts:
        if lines and len(lines[-1]) + len(text) + 2 <= WIDTH - 6:
            lines[-1] += f" {text},"
        else:
            lines.append(f"    {text},")
    body = "\n".join(lines)
    return f"{opening}\n{body}\n{closing}"


def _wrapped_list(batches: Sequence[Sequence[int]]) -> str:
    return filled("[", (f"[{', '.join(map(str, batch))}]" for batch in batches), "]")


def _in_docstring(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', r"\"\"\"")
