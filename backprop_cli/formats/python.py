"""A trace to a NumPy program that computes the same numbers, written to be read."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from textwrap import indent, wrap

import numpy as np
from msgspec import Struct, field

from backprop_cli.algebra.expr import Expr, Op, symbols, walk
from backprop_cli.algebra.quantity import kept_state, new_id
from backprop_cli.algebra.shapes import Shape
from backprop_cli.document.conventions import conventions
from backprop_cli.document.from_trace import shown_steps
from backprop_cli.document.names import names_of
from backprop_cli.document.one_line import OneLine
from backprop_cli.document.step_words import SECTIONS, reason
from backprop_cli.document.view import View
from backprop_cli.errors import Complaint, UserError
from backprop_cli.formats.python_rounding import program_rounding
from backprop_cli.formats.registry import Said
from backprop_cli.readings.source import NoSourceError, Source
from backprop_cli.readings.source_helpers import HELPERS
from backprop_cli.readings.values import evaluate
from backprop_cli.trace import Array, Step, Trace

_WIDTH = 100
_OWN = frozenset(
    "np math step batch batches history results name value text print range len zip float repr"
    " rounded Decimal".split()
)
"""What programs call their own variables and functions."""


_UNTITLED = "Forward, backward, update."
"""What a program is called whose problem has no title."""


class Training(Struct, frozen=True):
    """What goes beyond the step that a trace shows.

    `steps` updates in all, the trace shows number `first`. `batches` are the samples of each batch,
    counted from 0 (None: all at once), taken along `sample_axis` from the arrays in `data`; `sizes`
    has the trace of a batch of each other size. `counter` is the constant that counts steps.
    """

    steps: int = 0
    first: int = 1
    batches: tuple[tuple[int, ...], ...] | None = None
    data: Mapping[str, Array] = field(default_factory=dict)
    sample_axis: int = 0
    sizes: tuple[Trace, ...] = ()
    counter: str | None = None


def render(said: Said, view: View) -> str:
    """The program, where there is one."""
    assert said.program is not None  # what has none does not offer this format
    return said.program(view)


def program(trace: Trace, view: View, training: Training = Training()) -> str:
    """The program."""
    made = _Program(trace, view, training)
    body = "\n".join(made.body())
    return "\n".join([*made.opening(), "", body.strip("\n")]) + "\n"


def identifiers(ids: Iterable[str]) -> dict[str, str]:
    """A Python name for every id: `dL/dW1` is dL_dW1."""
    taken = {*_OWN, *HELPERS, *keyword.kwlist}
    found: dict[str, str] = {}
    for id in sorted(ids, key=lambda id: ("/" in id, id)):  # names without / stay as they are
        name = unicodedata.normalize("NFKC", id.replace("/", "_"))
        while name in taken:
            name += "_"
        taken.add(name)
        found[id] = name
    return found


class _Program:
    def __init__(self, trace: Trace, view: View, training: Training) -> None:
        self.trace, self.view, self.training = trace, view, training
        self.names = identifiers({*trace.given, *(step.id for step in trace.steps)})
        self.line = OneLine(names_of(trace, view), view)
        self.helpers: set[str] = set()
        self.loops = training.steps - training.first + 1 > 1

    # The parts of a program -----------------------------------------------------------------------

    def opening(self) -> Iterator[str]:
        """Title, imports, helpers; known once the body has been written."""
        title = " ".join(self.trace.title.split()) or _UNTITLED
        yield '"""' + _in_docstring(self.line.plain(title))
        phrases = conventions(self.trace, self.view, self.line.names)
        if phrases:
            yield ""
            yield from map(_in_docstring, wrap(self.line.plain(" · ".join(phrases)), _WIDTH))
        yield '"""'
        yield ""
        modules = {name for helper in self.helpers for name in HELPERS[helper].imports}
        yield from (f"import {module}" for module in sorted(modules))
        rounding = program_rounding(self.trace.convention.get("rounding"))
        if rounding is not None:
            yield f"from decimal import {rounding.mode}, Decimal"
            yield ""
        yield from ["", "import numpy as np", ""] if modules else ["import numpy as np", ""]
        yield f"np.set_printoptions(precision={self.view.precision}, suppress=True)"
        if rounding is not None:
            yield f"\n\n@np.vectorize\n{rounding.lines}"
        for helper in sorted(self.helpers):
            yield f"\n\n{HELPERS[helper].lines}"
        if self.helpers or rounding is not None:
            yield ""

    def body(self) -> list[str]:
        """What is given, the steps, what came out."""
        steps = self._needed(self.trace)
        lines = [*self._given(steps)]
        lines += self._loop(steps) if self.loops else self._steps(self.trace, steps)
        shown = [step for step in steps if self._is_shown(step)]
        return [*lines, "", *self._printed(shown)]

    def _needed(self, trace: Trace) -> list[Step]:
        """The steps to show, and all that they are computed from."""
        ids = {step.id for step in shown_steps(trace, self.view)}
        if self.view.only is not None:
            ids = set(self.view.only)
        if self.loops:
            ids |= {step.id for step in trace.steps if _goes_on(step, trace)}
        kept: list[Step] = []
        asked = {*self.view.asked, *(self.view.only or ())}
        shapes = _shapes(trace)
        for step in reversed(trace.steps):
            if step.id not in ids:
                continue
            if step.value is not None and _has_source(step.expr, shapes):
                ids.update(symbols(step.expr))
                kept.append(step)
            elif step.id in asked or any(step.id in symbols(other.expr) for other in kept):
                message = f"{step.id} has no formula that a line of NumPy could be"
                instead = "leave it out of what is asked, or --format json"
                raise UserError(Complaint(message, instead=instead))
        return kept[::-1]

    def _is_shown(self, step: Step) -> bool:
        return self.view.only is None or step.id in self.view.only

    def _given(self, steps: Sequence[Step]) -> Iterator[str]:
        yield f"# {SECTIONS['given']}"
        used = {name for step in steps for name in symbols(step.expr)}
        for id, given in self.trace.given.items():
            if id not in used and id not in self.training.data:
                continue
            whole = self.training.data.get(id)
            if whole is None:
                yield f"{self.names[id]} = {literal(given.value)}{self._beside(id)}"
            else:
                yield f"all_{self.names[id]} = {literal(whole)}{self._beside(id)}"
        if self.training.batches is not None:
            yield f"batches = {_wrapped_list(self.training.batches)}"

    def _beside(self, id: str) -> str:
        """The symbol, where it is not the name itself."""
        text = self.line.names.text(id)
        return "" if text == self.names[id] else f"  # {text}"

    def _steps(self, trace: Trace, steps: Sequence[Step]) -> Iterator[str]:
        source = self._source(trace)
        for section, own in groupby(steps, key=_section):
            yield ""
            yield f"# {SECTIONS[section]}"
            for step in own:
                yield f"# {self._comment(trace, step)}"
                yield f"{self.names[step.id]} = {self._rounded(source.text(step.expr))}"

    def _rounded(self, code: str) -> str:
        return f"rounded({code})" if self.trace.convention.get("rounding") else code

    def _source(self, trace: Trace) -> Source:
        values = {id: given.value for id, given in trace.given.items()}
        values |= {step.id: step.value for step in trace.steps if step.value is not None}

        def positive(expr: Expr) -> bool:
            return not self.loops and bool(np.all(evaluate(expr, values) > 0))

        return Source(self.names, _shapes(trace), positive, self.helpers)

    def _comment(self, trace: Trace, step: Step) -> str:
        """`Z¹ = (W¹)ᵀ x + b¹ · what the hidden units receive`."""
        formula = self.line.formula(step.expr, _shapes(trace))
        formula = f"{self.line.names.text(step.id)} = {formula}"
        words = self.line.plain(reason(step))
        whole = f"{formula} — {words}" if words else formula
        plain = whole.replace("—", "-") if self.view.ascii else whole
        dots = self.line.dots
        return plain if len(plain) <= _WIDTH - 6 else plain[: _WIDTH - 6 - len(dots)] + dots

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
        yield from self._bodies(steps)
        yield ""
        if loss is not None:
            yield f"    history.append(float({self.names[loss]}))"
        yield f"    if step == {training.first}:"
        shown = [step for step in steps if self._is_shown(step)]
        yield indent("\n".join(self._results(shown)), "        ")
        yield from self._carried()
        if loss is not None:
            after = new_id(loss)
            if after in self.names:
                yield f"history.append(float({self.names[after]}))"

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
            yield indent("\n".join(self._steps(self.trace, steps)).lstrip("\n"), "    ")
            return
        word = "if"
        for trace in (self.trace, *self.training.sizes):
            yield f"    {word} len(batch) == {trace.samples}:"
            yield indent(
                "\n".join(self._steps(trace, self._needed(trace))).lstrip("\n"), "        "
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
        yield from (f"    {self.names[old]} = {self.names[new]}" for old, new in pairs)

    # The end --------------------------------------------------------------------------------------

    def _results(self, steps: Sequence[Step]) -> Iterator[str]:
        yield "results = {"
        yield from (f'    "{step.id}": {self.names[step.id]},' for step in steps)
        yield "}"

    def _printed(self, steps: Sequence[Step]) -> Iterator[str]:
        yield f"# {SECTIONS['closing']}"
        if not self.loops:
            yield from self._results(steps)
        yield "for name, value in results.items():"
        yield '    text = np.array2string(np.asarray(value) + 0.0, prefix=f"{name} = ")'
        yield '    print(f"{name} = {text}")'
        if self.loops and self.trace.loss is not None:
            digits = f".{self.view.precision}f"
            before, after = (f"{{history[{place}]:{digits}}}" for place in (0, -1))
            yield f'print(f"{self.trace.loss}: {before} before, {after} after")'


def _shapes(trace: Trace) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {id: given.value.shape for id, given in trace.given.items()}
    return shapes | {step.id: step.shape for step in trace.steps}


def _has_source(expr: Expr, shapes: Mapping[str, Shape]) -> bool:
    """Whether there is a line of NumPy for the expression."""
    names = dict.fromkeys(symbols(expr), "x")
    try:
        Source(names, shapes).text(expr)
    except NoSourceError:
        return False
    return all(not isinstance(node, Op) or node.name != "jacobian" for node in walk(expr))


def _goes_on(step: Step, trace: Trace) -> bool:
    """Whether the next update starts from the quantity, or its loss is recorded."""
    kept = {new_id(name) for name, given in trace.given.items() if given.role == "parameter"}
    kept |= {kept_state(name) for name, given in trace.given.items() if given.role == "state"}
    return step.id in kept or step.id in (trace.loss, new_id(trace.loss or ""))


def _section(step: Step) -> str:
    if step.rule == "forward-again":
        return "forward-again"
    return "backward" if step.phase == "jacobian" else step.phase


def literal(value: Array) -> str:
    """An array as it is typed: whole numbers without a point, rows on lines of their own."""
    if value.ndim == 0:
        return _number(float(value))
    numbers = ", ".join
    if value.ndim == 1:
        return _filled("np.array([", map(_number, value.tolist()), "], dtype=float)")
    rows = [f"[{numbers(map(_number, line))}]" for line in value.tolist()]
    return _filled("np.array([", rows, "], dtype=float)")


def _filled(opening: str, items: Iterable[str], closing: str) -> str:
    """On one line where it fits, else as many items a line as fit."""
    texts = list(items)
    whole = opening + ", ".join(texts) + closing
    if len(whole) <= _WIDTH - 20:
        return whole
    lines: list[str] = []
    for text in texts:
        if lines and len(lines[-1]) + len(text) + 2 <= _WIDTH - 6:
            lines[-1] += f" {text},"
        else:
            lines.append(f"    {text},")
    body = "\n".join(lines)
    return f"{opening}\n{body}\n{closing}"


def _number(value: float) -> str:
    if not np.isfinite(value):
        return f'float("{value}")'
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _wrapped_list(batches: Sequence[Sequence[int]]) -> str:
    return _filled("[", (f"[{', '.join(map(str, batch))}]" for batch in batches), "]")


def _in_docstring(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', r"\"\"\"")
