"""What is made of single numbers, or of those along an axis, as steps on registers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Op
from backprop_cli.readings import scalar_code as forms
from backprop_cli.readings.scalar_code import FORMS, Registers

Entries: TypeAlias = NDArray[np.float64]
"""The numbers of registers, as floats, since the functions of the table make arrays of floats."""


# Single numbers ---------------------------------------------------------------------------------

One: TypeAlias = Callable[..., int]


def _stripped(registers: Registers, x: int) -> tuple[int, bool]:
    """The register, or what it is minus of: σ(-z) and σ(z) share their exponential."""
    register = registers.all[x]
    return (register.args[0], True) if register.form == "-{0}" else (x, False)


def _with_small(plain: str, of_minus: str) -> One:
    def one(registers: Registers, x: int) -> int:
        z, minus = _stripped(registers, x)
        return registers.apply(of_minus if minus else plain, z, registers.apply(forms.SMALL, z))

    return one


def _pow(registers: Registers, base: int, exponent: int) -> int:
    value = registers.value(exponent)
    if value == 1:
        return base
    if value == 2:  # a square is its own name
        return registers.mul(base, base)
    return registers.apply("pow({0}, {1})", base, exponent)


def _unless_zero(form: str) -> One:
    """y times or by something, and 0 where y is 0: known beforehand where y is data."""

    def one(registers: Registers, y: int, other: int) -> int:
        value = registers.value(y)
        if value is None:
            return registers.apply(FORMS[form], y, other)
        if value == 0:
            return registers.zero
        if form == "ratio":
            return registers.apply("{0} / {1}", y, other)
        logarithm = registers.apply("log({0})", other) if form == "xlogy" else other
        return registers.mul(y, logarithm)

    return one


_sigmoid = _with_small(forms.SIGMOID, forms.COMPLEMENT)

ONE: Mapping[str, One] = MappingProxyType(
    {
        "add": Registers.add,
        "sub": Registers.sub,
        "mul": Registers.mul,
        "neg": Registers.neg,
        "pow": _pow,
        "sigmoid": _sigmoid,
        "softplus": _with_small(forms.SOFTPLUS, forms.SOFTPLUS_OF_MINUS),
        "silu": lambda registers, x: registers.mul(x, _sigmoid(registers, x)),
        "xlogy": _unless_zero("xlogy"),
        "xtimes": _unless_zero("xtimes"),
        "ratio": _unless_zero("ratio"),
        "pi": lambda registers: registers.constant(np.pi),
    }
)


# Along an axis ----------------------------------------------------------------------------------


class Exponentials:
    """e^x of each entry less the largest, and their sum."""

    def __init__(self, registers: Registers, lane: list[int]) -> None:
        self.registers = registers
        self.top = largest(registers, lane)
        self.less = [registers.sub(x, self.top) for x in lane]
        self.each = [registers.apply("exp({0})", x) for x in self.less]
        self.sum = registers.add(*self.each)

    def logarithm(self) -> int:
        """ln Σ e^x."""
        return self.registers.add(self.registers.apply("log({0})", self.sum), self.top)

    def shares(self) -> list[int]:
        """The softmax."""
        return [self.registers.apply("{0} / {1}", one, self.sum) for one in self.each]

    def without(self, place: int) -> int:
        """The sum of the others."""
        return self.registers.add(*(one for i, one in enumerate(self.each) if i != place))


def largest(registers: Registers, lane: list[int]) -> int:
    """The largest of the numbers."""
    top = lane[0]
    for x in lane[1:]:
        top = registers.apply(FORMS["maximum"], top, x)
    return top


def _log_softmax(registers: Registers, lane: list[int]) -> list[int]:
    found = Exponentials(registers, lane)
    total = registers.apply("log({0})", found.sum)
    return [registers.sub(x, total) for x in found.less]


def _log_others(registers: Registers, lane: list[int]) -> list[int]:
    """ln(1 - p): from the sum of the others where p is more than half."""
    found = Exponentials(registers, lane)
    form = "log1p(-{0}) if {0} <= 0.5 else log({1} / {2})"
    return [
        registers.apply(form, share, found.without(place), found.sum)
        for place, share in enumerate(found.shares())
    ]


def _norm(registers: Registers, lane: list[int]) -> int:
    places = ", ".join(f"{{{place}}}" for place in range(len(lane)))
    return registers.apply(f"hypot({places})", *lane)


def _mean(registers: Registers, lane: list[int]) -> int:
    count = registers.constant(len(lane))
    return registers.apply("{0} / {1}", registers.add(*lane), count)


Along: TypeAlias = Callable[[Registers, list[int]], "int | list[int]"]

ALONG: Mapping[str, Along] = MappingProxyType(
    {
        "sum": lambda registers, lane: registers.add(*lane),
        "mean": _mean,
        "max": largest,
        "norm": _norm,
        "logsumexp": lambda registers, lane: Exponentials(registers, lane).logarithm(),
        "softmax": lambda registers, lane: Exponentials(registers, lane).shares(),
        "log_softmax": _log_softmax,
        "log_others": _log_others,
    }
)


def by_lane(along: Along, registers: Registers, node: Op, args: list[Entries]) -> Entries:
    """What is computed along an axis, lane by lane: one number a lane, or as many as it has."""
    (x,) = args
    axis = node.option("axis")
    if axis is None or x.ndim == 0:
        lanes, rest = x.reshape(1, -1), (1,) * x.ndim
    else:
        moved = np.moveaxis(x, node.whole("axis"), -1)
        lanes, rest = moved.reshape(-1, moved.shape[-1]), moved.shape[:-1]
    found = [along(registers, [int(one) for one in lane]) for lane in lanes]
    if found and isinstance(found[0], list):
        if axis is None:
            return np.array(found, dtype=float).reshape(x.shape)
        whole = np.array(found, dtype=float).reshape(*rest, -1)
        return np.moveaxis(whole, -1, node.whole("axis"))
    kept = np.array(found, dtype=float).reshape(rest)
    if axis is None:
        return kept if node.option("keep") else kept.reshape(())
    return np.expand_dims(kept, node.whole("axis")) if node.option("keep") else kept
