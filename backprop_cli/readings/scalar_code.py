"""Equations to straight-line Python on single numbers, compiled once and run many times."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from types import CodeType, MappingProxyType
from typing import TypeAlias

from msgspec import Struct

from backprop_cli.operations.record import Value

Loop: TypeAlias = Callable[[int, Sequence[float], list[float]], "list[float]"]
"""So many rounds from the varying numbers, each round's told number appended to the list."""

_LONGEST = 240  # characters of an expression before it gets a line and a name of its own
_MARKS = re.compile(r"\{(\d+)\}")


class _Register(Struct, frozen=True):
    """One number: `form` applied to other registers; with no form it is given or varies."""

    form: str
    args: tuple[int, ...] = ()
    value: float | None = None
    varies: bool = False


class Registers:
    """Numbers that are computed from each other, each once."""

    def __init__(self) -> None:
        self.all: list[_Register] = []
        self.known: dict[tuple[str, tuple[int, ...]] | float, int] = {}
        self.varying: list[int] = []
        self.zero, self.one = self.constant(0.0), self.constant(1.0)

    def constant(self, value: float) -> int:
        """The register of a number that stays the same."""
        return self._found(float(value), _Register("", value=float(value)))

    def vary(self) -> int:
        """A new register of a number that changes from round to round."""
        self.all.append(_Register("", varies=True))
        self.varying.append(len(self.all) - 1)
        return self.varying[-1]

    def value(self, register: int) -> float | None:
        """The number itself where it stays the same."""
        return self.all[register].value

    def is_plain(self, register: int) -> bool:
        """Whether it is known to be finite: such a constant, or what varies, which is checked."""
        value = self.all[register].value
        return not self.all[register].form and (value is None or math.isfinite(value))

    def apply(self, form: str, *args: int) -> int:
        """The register of what a form makes of others."""
        varies = any(self.all[arg].varies for arg in args)
        return self._found((form, args), _Register(form, args, varies=varies))

    def _found(self, key: tuple[str, tuple[int, ...]] | float, register: _Register) -> int:
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = len(self.all)
            self.all.append(register)
        return found

    def add(self, *terms: int) -> int:
        """A sum, from left to right."""
        kept = [term for term in terms if term != self.zero]
        if not kept:
            return self.zero
        if len(kept) == 1:
            return kept[0]
        folded = self._folded(sum, kept)
        form = " + ".join(f"{{{i}}}" for i in range(len(kept)))
        return self.apply(form, *kept) if folded is None else folded

    def mul(self, a: int, b: int) -> int:
        """A product; 0 times what may be infinite is left to be computed."""
        if a == self.one:
            return b
        if b == self.one:
            return a
        if self.zero in (a, b) and self.is_plain(a) and self.is_plain(b):
            return self.zero
        if a == b:
            return self.apply("{0} * {0}", a)
        folded = self._folded(lambda both: both[0] * both[1], (a, b))
        return self.apply("{0} * {1}", a, b) if folded is None else folded

    def neg(self, a: int) -> int:
        """The number with its sign changed."""
        folded = self._folded(lambda one: -one[0], (a,))
        return self.apply("-{0}", a) if folded is None else folded

    def sub(self, a: int, b: int) -> int:
        """A difference."""
        if b == self.zero:
            return a
        folded = self._folded(lambda both: both[0] - both[1], (a, b))
        return self.apply("{0} - {1}", a, b) if folded is None else folded

    def _folded(
        self, function: Callable[[Sequence[float]], float], args: Iterable[int]
    ) -> int | None:
        values = [self.all[arg].value for arg in args]
        known = [value for value in values if value is not None]
        return self.constant(function(known)) if len(known) == len(values) else None

    def loop(self, after: Mapping[int, int], told: int | None) -> Loop:
        """The compiled loop: `after` gives, for what varies, the register of its next value."""
        return _Text(self, after, told).loop()


class _Text:
    """Registers to the text of a function, in which every name is one of ours."""

    def __init__(self, registers: Registers, after: Mapping[int, int], told: int | None) -> None:
        self.registers = registers.all
        self.varying = registers.varying
        self.after = {old: new for old, new in after.items() if new != old}
        self.goals = [*self.after.values(), *([] if told is None else [told])]
        self.told = told
        self.uses = self._uses()
        self.texts: dict[int, str] = {}
        self.before: list[str] = []  # lines outside the loop: what stays the same in all rounds
        self.inside: list[str] = []
        self.given: list[int] = []

    def _uses(self) -> dict[int, int]:
        """How often each register that a goal needs is written down."""
        uses: dict[int, int] = {}
        for goal in self.goals:
            uses[goal] = uses.get(goal, 0) + 1
        for number in range(len(self.registers) - 1, -1, -1):
            if number in uses:
                register = self.registers[number]
                for place in _places(register.form):
                    arg = register.args[place]
                    inner = self.registers[arg]
                    often = 2 if inner.varies != register.varies else 1
                    uses[arg] = uses.get(arg, 0) + often
        return uses

    def loop(self) -> Loop:
        for number in sorted({*self.uses, *self.varying}):
            self.place(number)
        lines = ["def run(rounds, varying, told):"]
        lines += self._unpacked("varying", [f"v{i}" for i in range(len(self.varying))])
        lines += self._unpacked("given", [f"c{number}" for number in self.given])
        lines += self.before
        lines += ["tell = told.append", "for _ in range(rounds):"]
        lines += [f" {line}" for line in (*self.inside, *self._ends())] or [" pass"]
        lines.append(f"return [{', '.join(f'v{i}' for i in range(len(self.varying)))}]")
        given = tuple(self.registers[number].value for number in self.given)
        return _executed("\n ".join(lines), given)

    @staticmethod
    def _unpacked(source: str, names: list[str]) -> list[str]:
        return [f"[{', '.join(names)}] = {source}"] if names else []

    def place(self, number: int) -> None:
        """Gives a register its text: a name, or an expression to be written where it is used."""
        register = self.registers[number]
        if not register.form:
            self.texts[number] = self._input(number)
            return
        text = register.form.format(*(self.texts[arg] for arg in register.args))
        if self.uses[number] == 1 and number not in self.goals and len(text) < _LONGEST:
            self.texts[number] = f"({text})"
            return
        if number in self.goals and self.uses[number] == 1:
            self.texts[number] = text
            return
        self.texts[number] = f"t{number}"
        (self.inside if register.varies else self.before).append(f"t{number} = {text}")

    def _input(self, number: int) -> str:
        if self.registers[number].varies:
            return f"v{self.varying.index(number)}"
        self.given.append(number)
        return f"c{number}"

    def _ends(self) -> list[str]:
        """The lines that end a round: what is told, then the next values of what varies."""
        lines = [] if self.told is None else [f"tell({self.texts[self.told]})"]
        texts = {self.texts[old]: self.texts[new] for old, new in self.after.items()}
        if any(_names(text) & (texts.keys() - {name}) for name, text in texts.items()):
            lines += [f"n{name} = {text}" for name, text in texts.items()]
            return lines + [f"{name} = n{name}" for name in texts]
        return lines + [f"{name} = {text}" for name, text in texts.items()]


def _names(text: str) -> set[str]:
    return set(re.findall(r"v\d+", text))


@cache
def _places(form: str) -> tuple[int, ...]:
    """The arguments that a form writes down, as often as it does."""
    return tuple(int(place) for place in _MARKS.findall(form))


def _executed(text: str, given: tuple[float | None, ...]) -> Loop:
    """The function that the text defines. The text is made from our own forms and from names that
    we number ourselves; all numbers are handed over as values."""
    code: CodeType = compile(text, "<equations>", "exec")
    space: dict[str, object] = {**FUNCTIONS, "__builtins__": {}, "given": given}
    exec(code, space)  # noqa: S102  # nothing in the text comes from a file, see above
    loop: Loop = space["run"]  # type: ignore[assignment]
    return loop


FUNCTIONS: Mapping[str, Value] = MappingProxyType(
    {
        name: getattr(math, name)
        for name in (
            "exp expm1 log log1p log2 log10 sqrt sin cos atan sinh cosh tanh erf erfc pow hypot"
        ).split()
    }
    | {"abs": abs, "range": range}
)
"""What the text may call."""

_FUNCTIONS_OF_ONE = "exp log log2 log10 sqrt sin cos sinh cosh tanh erf abs".split()
_ROOT_2, _ROOT_2_PI = repr(math.sqrt(2.0)), repr(math.sqrt(2.0 * math.pi))
SMALL = "exp(-{0} if {0} >= 0.0 else {0})"
"""e^-|x|, from which the sigmoid and the softplus are formed without overflow."""
SIGMOID = "(1.0 if {0} >= 0.0 else {1}) / (1.0 + {1})"
COMPLEMENT = "({1} if {0} >= 0.0 else 1.0) / (1.0 + {1})"
SOFTPLUS = "(0.0 if {0} <= 0.0 else {0}) + log1p({1})"
SOFTPLUS_OF_MINUS = "(0.0 if {0} >= 0.0 else -{0}) + log1p({1})"
_NORMAL_CDF = f"0.5 * erfc(-{{0}} / {_ROOT_2})"
_ABOVE_0 = "0.0 if {0} <= 0.0 else {0}"

FORMS: Mapping[str, str] = MappingProxyType(
    {name: f"{name}({{0}})" for name in _FUNCTIONS_OF_ONE}
    | {
        "identity": "{0}",
        "arctan": "atan({0})",
        "stop_gradient": "{0}",
        "div": "{0} / {1}",
        "maximum": "{0} if {0} >= {1} or {0} != {0} else {1}",
        "minimum": "{0} if {0} <= {1} or {0} != {0} else {1}",
        "xlogy": "0.0 if {0} == 0.0 else {0} * log({1})",
        "xtimes": "0.0 if {0} == 0.0 else {0} * {1}",
        "ratio": "0.0 if {0} == 0.0 else {0} / {1}",
        "relu": _ABOVE_0,
        "positive_part": _ABOVE_0,
        "leaky_relu": "{0} if {0} > 0.0 else {slope} * {0}",
        "elu": "{0} if {0} > 0.0 else {alpha} * expm1({0})",
        "gelu": f"{{0}} * ({_NORMAL_CDF})",
        "normal_cdf": _NORMAL_CDF,
        "normal_pdf": f"exp(-0.5 * {{0}} * {{0}}) / {_ROOT_2_PI}",
        "step": "1.0 if {0} > 0.0 else 0.0 if {0} < 0.0 else {at_zero} if {0} == 0.0 else {0}",
        "sign": "1.0 if {0} > 0.0 else -1.0 if {0} < 0.0 else {0}",
        "clip": "{limit} if {0} > {limit} else -{limit} if {0} < -{limit} else {0}",
        "switch": "{above} if {0} > 0.0 else {below} if {0} < 0.0 else {at} if {0} == 0.0 else {0}",
        "choose": "{1} if {0} > 0.0 else {2}",
        "huber": "0.5 * {0} * {0} if abs({0}) <= {delta}"
        " else {delta} * (abs({0}) - {delta}) + 0.5 * {delta} * {delta}",
    }
)
"""By operation; `{0}` stands for the first argument, `{slope}` for an option."""
