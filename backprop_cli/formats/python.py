"""A trace to a NumPy program that computes the same numbers, written to be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

import numpy as np
from msgspec import Struct

from backprop_cli.document.step_words import SECTIONS
from backprop_cli.document.view import View
from backprop_cli.formats.program_text import ProgramText, by_section, literal, shapes_of
from backprop_cli.formats.registry import Said
from backprop_cli.readings.numpy_source import NumpySource
from backprop_cli.readings.source import HELPERS, Source
from backprop_cli.readings.values import float_format
from backprop_cli.trace import Array, Step, Trace


def render(said: Said, view: View) -> str:
    """The program, where there is one."""
    assert said.program is not None  # what has none does not offer this format
    trace, training = said.program()
    return _Program(trace, view, training).whole()


class _Program(ProgramText):
    library, format = "NumPy", "--format python"
    helpers_there_are = HELPERS

    @property
    def rounding(self) -> RoundingCode | None:
        return program_rounding(self.trace.convention.get("rounding"))

    def opening(self) -> Iterator[str]:
        modules = {name for helper in self.helpers for name in HELPERS[helper].imports}
        yield from (f"import {module}" for module in sorted(modules))
        if self.rounding is not None:
            yield f"from decimal import {self.rounding.mode}, Decimal"
            yield ""
        yield from ["", "import numpy as np", ""] if modules else ["import numpy as np", ""]
        yield f"np.set_printoptions(precision={self.view.decimals}, suppress=True)"
        if self.rounding is not None:
            yield f"\n\n@np.vectorize\n{self.rounding.lines}"
        yield from self.defined()
        if self.helpers or self.rounding is not None:
            yield ""

    def literal(self, id: str, value: Array) -> str:  # noqa: ARG002  # NumPy asks nothing of it
        if value.ndim == 0:
            written = _number(float(value))
            return f"np.float64({written})" if self.leaves_the_numbers else written
        return literal(value, "np.array(", _number, ", dtype=float)")

    @cached_property
    def leaves_the_numbers(self) -> bool:
        """Whether something is infinite or no number: Python's own numbers would stop at 1/0."""
        values = (step.value for step in self.trace.steps if step.value is not None)
        return not all(np.isfinite(value).all() for value in values)

    def source(self, trace: Trace) -> Source:
        return NumpySource(self.names, shapes_of(trace), self.positive(trace), self.helpers)

    def sections(self, trace: Trace, steps: Sequence[Step]) -> Iterator[str]:
        for section, own in by_section(steps):
            yield from ("", f"# {SECTIONS[section]}", *self.formulas(trace, own))

    def calculated(self, source: Source, step: Step) -> str:
        if self.loses_digits(step):
            return f"{source.text(self.rewritten(step))}  # from the numbers behind a 0"
        code = source.text(step.expr)
        return code if self.rounding is None else f"rounded({code})"

    def loses_digits(self, step: Step) -> bool:
        """Whether the formula as it stands has no value here, and what was computed has one."""
        value = self.known(self.trace)(step.expr)
        if value is None or step.value is None or not np.isfinite(step.value).all():
            return False
        return not np.isfinite(value).all()

    def closing(self, shown: Sequence[Step]) -> Iterator[str]:
        if not self.loops:
            yield from self.results(shown)
        yield "for name, value in results.items():"
        yield '    text = np.array2string(np.asarray(value) + 0.0, prefix=f"{name} = ")'
        yield '    print(f"{name} = {text}")'
        yield from self.told_at_the_end()


# Rounding after every step ------------------------------------------------------------------------


class RoundingCode(Struct, frozen=True):
    """How a program rounds after every step: the name of the mode, and the function."""

    mode: str
    lines: str


_ROUNDING_MODES = MappingProxyType(
    {"half-up": "ROUND_HALF_UP", "half-even": "ROUND_HALF_EVEN", "truncate": "ROUND_DOWN"}
)


def program_rounding(said: object) -> RoundingCode | None:
    """The function with which a program rounds as the problem says; None where it does not."""
    if not isinstance(said, Mapping):
        return None
    mode = _ROUNDING_MODES[str(said.get("mode", "half-up"))]
    kind = "decimals" if "decimals" in said else "significant"
    count = int(said[kind])
    places = count if kind == "decimals" else f"{count - 1} - exact.adjusted()"
    lines = (
        "def rounded(x):\n"
        f"    exact = Decimal('{float_format(count)}'.format(float(x)))\n"
        "    if exact == 0 or not exact.is_finite():\n"
        "        return float(x)\n"
        f"    return float(exact.quantize(Decimal(1).scaleb(-({places})), {mode}))"
    )
    return RoundingCode(mode, lines)


def _number(value: float) -> str:
    if not np.isfinite(value):
        return f'float("{value}")'
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
