"""Derivations of gradient tensors to numbers: letters are drawn, derivatives are differences."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from string import ascii_letters
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Num, Op, Option, Sym, rewrite, symbols
from backprop_cli.algebra.shapes import Shape, Size
from backprop_cli.calculus.stable import function_of
from backprop_cli.derive.derivation_data import Condition
from backprop_cli.derive.derivation_nodes import Range, parts
from backprop_cli.problem.model import Model
from backprop_cli.readings.values import evaluate

Array = NDArray[np.float64]
Places = tuple[str, ...]
STEP = 2e-5
T = TypeVar("T")


def drawn_sizes(model: Model, seed: int) -> dict[str, int]:
    """A different number for each letter: three or more, so that first, second and last differ."""
    rng = np.random.default_rng(seed)
    numbers = iter(rng.permutation(np.arange(3, 7)))
    return {letter: int(next(numbers)) for letter in sorted(model.letters)}


def in_numbers(size: Size, sizes: Mapping[str, int]) -> int:
    """N+1, or 2*i+p-2, as a number."""
    if isinstance(size, int):
        return size
    total = 0
    for sign, product in re.findall(r"([+-]?)([^+-]+)", size):
        numbers = [sizes[one] if one in sizes else int(one) for one in product.split("*")]
        total += math.prod(numbers) * (-1 if sign == "-" else 1)
    return total


def with_sizes(expr: Expr, sizes: Mapping[str, int]) -> Expr:
    """The expression with numbers for the letters of sizes."""

    def rule(node: Expr) -> Expr | None:
        if not isinstance(node, Op) or node.option("shape") is None:
            return None
        shape: Option = tuple(in_numbers(size, sizes) for size in node.option("shape"))  # type: ignore[union-attr,arg-type]
        options = tuple((k, shape if k == "shape" else v) for k, v in node.options)
        return Op(node.name, tuple(with_sizes(arg, sizes) for arg in node.args), options)

    return rewrite(expr, rule)


@dataclass(frozen=True)
class Paper:
    """A model with numbers for everything, and the meaning of index letters."""

    model: Model
    sizes: Mapping[str, int]
    values: Mapping[str, Array]
    ranges: Mapping[str, Range]
    sample: str
    firsts: Mapping[str, tuple[int, ...]]
    indices: Mapping[str, int] = field(default_factory=dict)
    columns: dict[tuple[str, str, tuple[int, ...]], Array] = field(default_factory=dict)

    # Forward --------------------------------------------------------------------------------------

    def definition(self, name: str) -> Expr:
        return with_sizes(self.model.definitions[name], self.sizes)

    def local(self, name: str, values: Mapping[str, Array]) -> Array:
        """One equation, from these values of what is in it."""
        known = {letter: np.float64(size) for letter, size in self.sizes.items()}
        return evaluate(self.definition(name), {**known, **values})  # type: ignore[dict-item]

    def forward(self, values: Mapping[str, Array], fixed: str) -> dict[str, Array]:
        """Every equation anew, but that of the quantity that is varied."""
        env = dict(values)
        for name in self.model.definitions:
            if name != fixed:
                env[name] = self.local(name, env)
        return env

    # Places ---------------------------------------------------------------------------------------

    def place(self, name: str, letters: tuple[str, ...]) -> tuple[int, ...]:
        """Where an entry is in its array, counted from 0."""
        found = [self.number(letter) for letter in letters]
        firsts = self.firsts.get(name, (1,) * len(letters))
        return tuple(i - first for i, first in zip(found, firsts, strict=True))

    def number(self, letter: str) -> int:
        if letter.isdecimal():
            return int(letter)
        if letter in self.indices:
            return self.indices[letter]
        return in_numbers(letter, {**self.sizes, **self.indices})

    def entry(self, name: str, letters: tuple[str, ...]) -> float:
        at = self.place(name, letters)
        array = self.values[name]
        if any(i < 0 or i >= n for i, n in zip(at, array.shape, strict=True)):
            inside = self.model.problem.convention.bias != "separate"
            return self.model.problem.convention.bias_input if inside else 0.0  # beside x, or none
        return float(array[at])

    def at(self, **letters: int) -> Paper:
        return replace(self, indices={**self.indices, **letters})

    # Scalars --------------------------------------------------------------------------------------

    def value(self, expr: Expr) -> float:
        expr = _plain(expr)
        match expr:
            case Num(value):
                return float(value)
            case Sym(name):
                base, letters = parts(name)
                if name in self.indices or name.isdecimal() or (not letters and {*name} & {*"+-*"}):
                    return float(self.number(name))
                if base in self.sizes:
                    return float(self.sizes[base])
                if quotient := re.fullmatch(r"d([^/]+)/d([^/]+)", name):  # of two numbers
                    return self.slope(Sym(quotient[1]), quotient[2])
                return self.entry(base, letters)
            case Op("derivative", (of, Sym(by))):
                return self.slope(of, by)
            case Op("logdet" | "det", (Sym(),)):  # of a whole matrix
                return float(evaluate(expr, self.values))
            case Op("sum_over"):
                return self.summed(expr)
            case Op("max_over" | "is_largest" | "equal" | "within"):
                return self.compared(expr)
        args = [np.asarray(self.value(arg)) for arg in expr.args]
        return float(function_of(expr)(*args, **dict(expr.options)))

    def compared(self, expr: Op) -> float:
        """The largest of several, or 1 where places or numbers compare as is said."""
        match expr:
            case Op("max_over", (body,)):
                letter = str(expr.option("index"))
                return max(self.at(**{letter: k}).value(body) for k in self.counted(letter))
            case Op("is_largest", (one, largest)):
                return float(self.value(one) == self.value(largest))
        numbers = [self.number(each.name) for each in expr.args if isinstance(each, Sym)]
        if expr.name == "equal":
            return float(numbers[0] == numbers[1])
        return float(numbers == sorted(numbers))

    def summed(self, expr: Expr) -> float:
        """A sum over all its indices of a product, each factor an array over those that it has."""
        letters = []
        while isinstance(expr, Op) and expr.name == "sum_over":
            letters.append(str(expr.option("index")))
            expr = expr.args[0]
        factors = _factors(expr)
        own = [[letter for letter in letters if letter in _words(factor)] for factor in factors]
        axes = dict(zip(letters, ascii_letters, strict=False))
        which = ",".join("".join(axes[letter] for letter in some) for some in own)
        arrays = map(self.over, factors, own)
        found = np.einsum(f"{which}->", *arrays, optimize=len(letters) > 2)
        unused = set(letters).difference(*own)
        return float(found) * math.prod(len(self.counted(letter)) for letter in unused)

    def over(self, expr: Expr, letters: list[str]) -> Array:
        """The values of an expression at all values of these indices."""
        places = [list(self.counted(letter)) for letter in letters]
        found = np.zeros(tuple(map(len, places)))
        for at in np.ndindex(found.shape):
            here = {letter: places[axis][at[axis]] for axis, letter in enumerate(letters)}
            found[at] = self.at(**here).value(expr)
        return found

    def counted(self, letter: str) -> range:
        range_ = self.ranges[letter]
        return range(range_.first, in_numbers(range_.last, self.sizes) + 1)

    def slope(self, of: Expr, by: str) -> float:
        """The difference quotient of an expression over entries, everything else held fixed."""
        base, letters = parts(by)
        at = self.place(base, letters)
        if isinstance(of, Sym) and parts(of.name)[0] in self.model.definitions:
            name, places = parts(of.name)
            if name != base:
                return float(self.column(name, base, at, total=False)[self.place(name, places)])
        return self.difference(
            base, at, lambda env: replace(self, values=env, columns={}).value(of)
        )

    def difference(
        self, name: str, at: tuple[int, ...], function: Callable[[Mapping[str, Array]], float]
    ) -> float:
        return float(self.differences(name, at, function))

    def differences(
        self, name: str, at: tuple[int, ...], function: Callable[[Mapping[str, Array]], object]
    ) -> Array:
        """Over two widths, so that the error is of the fourth order."""

        def moved(step: float) -> Array:
            array = np.array(self.values[name], dtype=float)
            array[at] += step
            return np.asarray(function({**self.values, name: array}))

        step = STEP * float(np.clip(np.abs(self.values[name][at]), 0.05, 1))
        near, far = ((moved(h) - moved(-h)) / (2 * h) for h in (step, 2 * step))
        return np.asarray((4 * near - far) / 3)

    def total(
        self, of: str, of_letters: tuple[str, ...], by: str, by_letters: tuple[str, ...]
    ) -> float:
        """The derivative of one entry by another through everything between them."""
        spot, at = self.place(of, of_letters), self.place(by, by_letters)
        return self.difference(by, at, lambda env: float(self.forward(env, by)[of][spot]))

    def holds(self, condition: Condition) -> bool:
        a, b = self.value(condition.left), self.value(condition.right)
        return {"=": a == b, "≠": a != b, "<": a < b, ">": a > b, "≤": a <= b, "≥": a >= b}[
            condition.relation
        ]

    # Arrays ---------------------------------------------------------------------------------------

    def array(self, expr: Expr) -> Array:
        """The value of a formula over arrays; of one sample where its names say so."""
        env: dict[str, Array] = {
            letter: np.asarray(float(size)) for letter, size in self.sizes.items()
        }
        env |= self.values
        for name in symbols(expr):
            if name not in env:
                env[name] = self.named(name)
        named: dict[Expr, Expr] = {}  # ∂y_k/∂z inside a formula over arrays
        for number, node in enumerate(_derivatives(expr)):
            named[node] = Sym(f"part {number}")
            env[f"part {number}"] = self.quotient(node)
        return evaluate(with_sizes(rewrite(expr, named.get), self.sizes), env)

    def named(self, name: str) -> Array:
        """X[:,n], or dL/dZ1."""
        found = re.fullmatch(r"d(\w+)/d(\w+)", name)
        if found:
            return self.jacobian(found[1], found[2], total=True)
        base, letters = parts(name)
        firsts = self.firsts.get(base, (1,) * len(letters))
        index = tuple(
            slice(None) if letter == ":" else self.number(letter) - first
            for letter, first in zip(letters, firsts, strict=True)
        )
        return np.asarray(self.values[base][index])

    def quotient(self, node: Expr) -> Array:
        """∂y_k/∂z for a whole z of the sample."""
        assert isinstance(node, Op)
        of, by = node.args
        assert isinstance(of, Sym)
        assert isinstance(by, Sym)
        name, letters = parts(of.name)
        axis = self.sample_axis(by.name)
        shape = self.values[by.name].shape
        rest = shape if axis is None else shape[:axis] + shape[axis + 1 :]
        found = np.zeros(rest)
        for at in np.ndindex(rest):
            found[at] = self.total(name, letters, by.name, self.letters_at(by.name, at))
        return found

    def sample_axis(self, name: str) -> int | None:
        if not self.sample or "sample" not in self.model.axes(name):
            return None  # where samples act on one another, the page is of all of them at once
        return self.model.axes(name).index("sample")

    def letters_at(self, name: str, at: tuple[int, ...]) -> tuple[str, ...]:
        """The indices, as they are counted, of an entry of one sample."""
        axis = self.sample_axis(name)
        firsts = self.firsts.get(name, (1,) * self.values[name].ndim)
        own = iter(at)
        return tuple(
            self.sample if place == axis else str(next(own) + first)
            for place, first in enumerate(firsts)
        )

    def jacobian(self, of: str, by: str, *, total: bool) -> Array:
        """∂of/∂by in numerator layout, of one sample where they have samples.

        In total, or by one equation alone with all else held fixed; that of a number by a whole
        array is over all samples.
        """
        whole = total and self.values[of].ndim == 0
        other = self.values[by].shape if whole else self.unsampled(by, self.values[by].shape)
        found = np.zeros(self.unsampled(of, self.values[of].shape) + other)
        for j in np.ndindex(other):
            at = j if whole else self.place(by, self.letters_at(by, j))
            found[(..., *j)] = self.of_sample(of, self.column(of, by, at, total=total))
        return found

    def column(self, of: str, by: str, at: tuple[int, ...], *, total: bool) -> Array:
        """The derivative of a whole array by one entry."""
        if total:
            return self.differences(by, at, lambda env: self.forward(env, by)[of])
        if (of, by, at) not in self.columns:
            self.columns[of, by, at] = self.differences(by, at, lambda env: self.local(of, env))
        return self.columns[of, by, at]

    def of_sample(self, name: str, array: Array) -> Array:
        axis = self.sample_axis(name)
        return (
            array if axis is None else np.take(array, self.number(self.sample) - self.first, axis)
        )

    @property
    def first(self) -> int:
        convention = self.model.problem.convention
        return 1 if convention.bias == "first" else convention.indices

    def named_total(self, of: str, by: str) -> Array:
        """The gradient of a number by a whole array."""
        return self.jacobian(of, by, total=True)

    def first_of(self, of: str, by: str) -> tuple[int, ...]:
        """From which number each axis of ∂of/∂by is counted."""
        return self.unsampled(of, self.firsts[of]) + self.unsampled(by, self.firsts[by])

    def unsampled(self, name: str, shape: tuple[T, ...]) -> tuple[T, ...]:
        axis = self.sample_axis(name)
        return shape if axis is None else shape[:axis] + shape[axis + 1 :]

    def shape(self, shape: Shape) -> tuple[int, ...]:
        return tuple(in_numbers(size, self.sizes) for size in shape)


def _plain(expr: Expr) -> Expr:
    """A derivative without what it says is held fixed: here all else always is."""
    return expr.args[0] if isinstance(expr, Op) and expr.name == "held" else expr


def _factors(expr: Expr) -> list[Expr]:
    if isinstance(expr, Op) and expr.name == "mul":
        return [factor for arg in expr.args for factor in _factors(arg)]
    return [expr]


def _words(expr: Expr) -> set[str]:
    """All names and letters in the names of an expression, as in Yhat[n,m]."""
    return {word for name in symbols(expr) for word in re.findall(r"\w+", name)}


def _derivatives(expr: Expr) -> list[Expr]:
    if isinstance(expr, Op):
        if expr.name == "derivative":
            return [expr]
        return [found for arg in expr.args for found in _derivatives(arg)]
    return []


def paper(model: Model, ranges: Mapping[str, Range], sample: str, seed: int = 0) -> Paper:
    """The model with random numbers for its sizes and for all that is given.

    Targets are positive and add up to 1 in each sample, as derivations may use.
    """
    sizes = drawn_sizes(model, seed)
    rng = np.random.default_rng(seed)
    firsts = _firsts(model)
    values: dict[str, Array] = {}
    for name, shape in model.shapes.items():
        if name in model.definitions or name in model.letters:
            continue
        drawn = rng.uniform(-0.7, 0.7, tuple(in_numbers(s, sizes) for s in shape))
        if name in model.given:  # of the signs given, and off every kink
            sign = np.where(np.asarray(model.given[name].value) < 0, -1, 1)
            drawn = sign * (0.2 + np.abs(drawn))
        values[name] = drawn
    if "Y" in values and model.problem.layers is not None:
        y = np.abs(values["Y"]) + 0.1
        axis = 0 if model.samples is None else 1 if model.problem.convention.rows else 0
        values["Y"] = y / y.sum(axis=axis, keepdims=True)
    for name, (_, kind) in model.problem.assume.items():
        if kind == "symmetric" and name not in model.given:  # and with a determinant above 0
            values[name] = values[name] @ values[name].T + np.eye(len(values[name]))
        elif kind != "symmetric" and name in values:
            y = np.abs(values[name]) + 0.1
            values[name] = y / y.sum(axis=-1, keepdims=True)
    made = Paper(model, sizes, values, ranges, sample, firsts)
    return replace(made, values=made.forward(values, ""))


def _firsts(model: Model) -> dict[str, tuple[int, ...]]:
    """From which number each axis is counted: with the bias as row 0, all else counts from 1."""
    convention = model.problem.convention
    first = 1 if convention.bias == "first" else convention.indices
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in model.shapes.items():
        if name in model.letters:
            continue
        found[name] = (first,) * len(shape)
        inside = convention.bias == "first" and re.fullmatch(r"W\d+", name) is not None
        if inside and model.problem.layers is not None:
            axes = model.axes(name)
            found[name] = tuple(0 if axis == "input" else first for axis in axes)
    return found
