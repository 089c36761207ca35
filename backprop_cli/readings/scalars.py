"""Formulas to the numbers of their entries, each computed from others by straight-line Python.

An array is an array of the same shape that holds the numbers of registers. What only moves entries
about (a transpose, a column, a part) does so with these as it would with values; the register of 0
has the number 0, so that zeros put in between are right as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import starmap
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, op, walk
from backprop_cli.calculus.stable import careful, function_of
from backprop_cli.operations.definitions import in_placeholders
from backprop_cli.operations.inverses import INVERTED
from backprop_cli.operations.pooling import pool_of
from backprop_cli.operations.slicing import at
from backprop_cli.operations.structure import sizes
from backprop_cli.operations.table import TABLE
from backprop_cli.operations.window_values import FACTORS, windows, windows_sum
from backprop_cli.readings import scalar_code as forms
from backprop_cli.readings.scalar_code import FORMS, Registers

Entries: TypeAlias = NDArray[np.float64]
"""The numbers of registers, as floats, since the functions of the table make arrays of floats."""

_MOVES = frozenset(name for name, record in TABLE.items() if record.moves) - {"place"}
"""Not `place`, in which entries may meet, and are added up."""
_BY_VALUE = frozenset({"causal_mask"})
"""What is made of nothing: its numbers stay the same."""


_REFUSED = INVERTED | {"to_winners"}
"""Their definitions will not do. Products do not tell a singular matrix from what rounding leaves
of it, as the value does; and which entry is the largest has no form."""


class NoScalarsError(Exception):
    """An operation has no form for single numbers."""


class Scalars:
    """Formulas read one after another; `names` are the entries of what they are written in."""

    def __init__(self) -> None:
        self.registers = Registers()
        self.names: dict[str, Entries] = {}

    def given(self, name: str, value: NDArray[np.float64]) -> None:
        """A quantity that stays the same."""
        self.names[name] = self.constants(value)

    def constants(self, value: NDArray[np.float64]) -> Entries:
        """An array of numbers that stay the same."""
        numbers = [self.registers.constant(one) for one in value.ravel().tolist()]
        return _entries(numbers, value.shape)

    def vary(self, name: str, shape: tuple[int, ...]) -> None:
        """A quantity that changes from round to round."""
        numbers = [self.registers.vary() for _ in range(int(np.prod(shape, dtype=int)))]
        self.names[name] = _entries(numbers, shape)

    def define(self, name: str, expr: Expr) -> None:
        """A quantity by its formula; NoScalarsError where it has none in single numbers."""
        self.names[name] = self.read(expr)

    def read(self, expr: Expr) -> Entries:
        """The entries of a formula."""
        match expr:
            case Sym(name):
                return self.names[name]
            case Num(value):
                return np.asarray(float(self.registers.constant(float(value))))
        args = [self.read(arg) for arg in expr.args]
        if expr.name in _BY_VALUE:
            return self.constants(np.asarray(function_of(expr)(**dict(expr.options))))
        if expr.name in _MOVES:
            return np.asarray(function_of(expr)(*args, **dict(expr.options)))
        if expr.name not in _KNOWN:
            return self.written_out(expr, args)
        whole = _WHOLE.get(expr.name)
        if whole is not None:
            return np.asarray(whole(self, expr, *args))
        along = _ALONG.get(expr.name)
        if along is not None:
            return _by_lane(along, self.registers, expr, args)
        return self.each(self.one(expr), *args)

    def written_out(self, node: Op, args: list[Entries]) -> Entries:
        """What has no form of its own by its definition; NoScalarsError where it has none."""
        shapes = [np.shape(arg) for arg in args]
        written = node.name in TABLE and node.name not in _REFUSED
        found = in_placeholders(node, shapes) if written else None
        if found is None:
            raise NoScalarsError(node.name)
        around, self.names = self.names, dict(zip(found[1].names, args, strict=True))
        try:
            return self.read(careful(found[0], {}))
        finally:
            self.names = around

    def one(self, node: Op) -> Callable[..., int]:
        """What makes one entry of the result from those of the arguments."""
        special = _ONE.get(node.name)
        if special is not None:
            return lambda *args: special(self.registers, *args)
        form = FORMS[node.name]
        usual = function_options(node)
        constants = [self.registers.constant(float(str(value))) for value in usual.values()]
        for place, key in enumerate(usual, start=len(node.args)):
            form = form.replace(f"{{{key}}}", f"{{{place}}}")
        return lambda *args: self.registers.apply(form, *args, *constants)

    @staticmethod
    def each(function: Callable[..., int], *args: Entries) -> Entries:
        """Entry by entry, what is too small repeated."""
        spread = np.broadcast_arrays(*args)
        lists = [list(map(int, array.ravel())) for array in spread]
        shape = spread[0].shape if spread else ()
        numbers = list(starmap(function, zip(*lists, strict=True))) if args else [function()]
        return _entries(numbers, shape)


def function_options(node: Op) -> dict[str, object]:
    """The named constants of a node, as given or as usual."""
    usual = TABLE[node.name].options if node.name in TABLE else {}
    return {**usual, **dict(node.options)}


def _entries(numbers: list[int], shape: tuple[int, ...]) -> Entries:
    return np.array(numbers, dtype=float).reshape(shape)


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

_ONE: Mapping[str, One] = MappingProxyType(
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


class _Exponentials:
    """e^x of each entry less the largest, and their sum."""

    def __init__(self, registers: Registers, lane: list[int]) -> None:
        self.registers = registers
        self.lane = lane
        self.top = _largest(registers, lane)
        less = [registers.sub(x, self.top) for x in lane]
        self.each = [registers.apply("exp({0})", x) for x in less]
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


def _largest(registers: Registers, lane: list[int]) -> int:
    top = lane[0]
    for x in lane[1:]:
        top = registers.apply(FORMS["maximum"], top, x)
    return top


def _log_softmax(registers: Registers, lane: list[int]) -> list[int]:
    total = _Exponentials(registers, lane).logarithm()
    return [registers.sub(x, total) for x in lane]


def _log_others(registers: Registers, lane: list[int]) -> list[int]:
    """ln(1 - p): from the sum of the others where p is more than half."""
    found = _Exponentials(registers, lane)
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

_ALONG: Mapping[str, Along] = MappingProxyType(
    {
        "sum": lambda registers, lane: registers.add(*lane),
        "mean": _mean,
        "max": _largest,
        "norm": _norm,
        "logsumexp": lambda registers, lane: _Exponentials(registers, lane).logarithm(),
        "softmax": lambda registers, lane: _Exponentials(registers, lane).shares(),
        "log_softmax": _log_softmax,
        "log_others": _log_others,
    }
)


def _by_lane(along: Along, registers: Registers, node: Op, args: list[Entries]) -> Entries:
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


# Whole arrays -----------------------------------------------------------------------------------


def _matmul(scalars: Scalars, _: Op, a: Entries, b: Entries) -> Entries:
    rows, columns = np.atleast_2d(a), b[:, None] if b.ndim == 1 else b
    found = [
        [_dot(scalars.registers, row, columns[:, j]) for j in range(columns.shape[1])]
        for row in rows
    ]
    return np.array(found, dtype=float).reshape(a.shape[:-1] + b.shape[1:])


def _dot(registers: Registers, a: Entries, b: Entries) -> int:
    pairs = zip(a.tolist(), b.tolist(), strict=True)
    return registers.add(*(registers.mul(int(x), int(y)) for x, y in pairs))


def _conv(scalars: Scalars, node: Op, a: Entries, b: Entries) -> Entries:
    """A product of two matrices, into which the entries are only moved."""
    factors = FACTORS[node.name](a, b, **dict(node.options))
    return _matmul(scalars, node, factors.left, factors.right).reshape(factors.shape)


def _max_pool(scalars: Scalars, node: Op, x: Entries) -> Entries:
    how = pool_of(node, x.shape)
    whole = windows(x, how.size, how.stride, how.axes)
    return _by_lane(_largest, scalars.registers, op("max", *node.args, axis=-1), [whole])


def _place(scalars: Scalars, node: Op, g: Entries) -> Entries:
    """What `at` would take, put back."""
    shape = tuple(map(int, sizes(node)))
    index: Any = node.option("index")
    return _put(scalars, g, at(_numbered(shape), index), shape)


def _window_sums(scalars: Scalars, node: Op, w: Entries) -> Entries:
    """What `windows` would take, put back: the first entry of each window, then the second."""
    how = pool_of(node)
    shape = windows_sum(w, how.size, how.stride, how.axes).shape
    taken = windows(_numbered(shape), how.size, how.stride, how.axes)
    return _put(scalars, np.moveaxis(w, -1, 0), np.moveaxis(taken, -1, 0), shape)


def _numbered(shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape)


def _put(
    scalars: Scalars, entries: Entries, places: NDArray[np.float64], shape: tuple[int, ...]
) -> Entries:
    """Entries in places of an array; what meets in one adds up."""
    terms: list[list[int]] = [[] for _ in range(int(np.prod(shape, dtype=int)))]
    spread = np.broadcast_to(entries, places.shape)
    for number, place in zip(spread.flat, places.flat, strict=True):
        terms[int(place)].append(int(number))
    return _entries([scalars.registers.add(*each) for each in terms], shape)


def _outer(scalars: Scalars, node: Op, a: Entries, b: Entries) -> Entries:
    if node.option("samples") == 1:
        a, b = a.T, b.T
    return scalars.each(scalars.registers.mul, a[..., :, None], b[..., None, :])


def _softmax_share(
    scalars: Scalars, node: Op, p: Entries, g: Entries, complement: Entries
) -> Entries:
    """p (g (1 - p) - Σ of the other p g)."""
    registers = scalars.registers

    def others(registers: Registers, lane: list[int]) -> list[int]:
        return [
            registers.add(*(term for i, term in enumerate(lane) if i != place))
            for place in range(len(lane))
        ]

    rest = _by_lane(others, registers, node, [scalars.each(registers.mul, p, g)])
    own = scalars.each(registers.mul, g, complement)
    return scalars.each(registers.mul, p, scalars.each(registers.sub, own, rest))


def _softmax_jacobian(scalars: Scalars, _: Op, diagonal: Entries, products: Entries) -> Entries:
    minus = scalars.each(scalars.registers.neg, products)
    return np.where(np.eye(products.shape[-1], dtype=bool), diagonal, minus)


def _others_share(scalars: Scalars, node: Op, g: Entries, x: Entries) -> Entries:
    """The sum over i ≠ j of g_i p_j / (1 - p_i): of exponentials, over the sum of all but one."""
    axis = node.whole("axis") if node.option("axis") is not None else 0
    lanes = [np.moveaxis(each, axis, -1) for each in np.broadcast_arrays(g, x)]
    rows = [lane.reshape(-1, lane.shape[-1]) for lane in lanes]
    found = [
        _others_share_of([int(one) for one in gs], [int(one) for one in xs], scalars.registers)
        for gs, xs in zip(*rows, strict=True)
    ]
    return np.moveaxis(np.array(found, dtype=float).reshape(lanes[0].shape), -1, axis)


def _others_share_of(gs: list[int], xs: list[int], registers: Registers) -> list[int]:
    found = _Exponentials(registers, xs)
    weights = [registers.apply("{0} / {1}", g, found.without(i)) for i, g in enumerate(gs)]
    return [
        registers.mul(own, registers.add(*(w for i, w in enumerate(weights) if i != place)))
        for place, own in enumerate(found.each)
    ]


def in_numbers(expr: Expr) -> bool:
    """Whether every operation of a formula has a form for single numbers."""
    return all(
        node.name in _KNOWN or node.name in _WRITTEN_OUT
        for node in walk(expr)
        if isinstance(node, Op)
    )


_WHOLE: Mapping[str, Any] = MappingProxyType(
    {
        "others_share": _others_share,
        "matmul": _matmul,
        **dict.fromkeys(FACTORS, _conv),
        "max_pool": _max_pool,
        "outer": _outer,
        "place": _place,
        "window_sums": _window_sums,
        "softmax_share": _softmax_share,
        "softmax_jacobian": _softmax_jacobian,
    }
)
_KNOWN = frozenset({*_WHOLE, *_ALONG, *_ONE, *_MOVES, *_BY_VALUE, *FORMS})
_WRITTEN_OUT = (
    frozenset(name for name, each in TABLE.items() if each.definition or each.entry) - _REFUSED
)
