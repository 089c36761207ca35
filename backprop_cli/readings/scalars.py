"""Formulas to the numbers of their entries, each computed from others by straight-line Python.

An array is an array of the same shape that holds the numbers of registers. What only moves entries
about (a transpose, a column, a part) does so with these as it would with values; the register of 0
has the number 0, so that zeros put in between are right as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import starmap
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, op, walk
from backprop_cli.calculus.stable import careful, function_of
from backprop_cli.operations.inverses import INVERTED
from backprop_cli.operations.pooling import pool_of
from backprop_cli.operations.slicing import at
from backprop_cli.operations.structure import sizes
from backprop_cli.operations.table import TABLE, in_placeholders
from backprop_cli.operations.window_values import FACTORS, windows, windows_sum
from backprop_cli.readings.scalar_code import FORMS, Registers
from backprop_cli.readings.scalar_steps import ALONG, ONE, Entries, Exponentials, by_lane, largest

_MOVES = frozenset(name for name, record in TABLE.items() if record.moves) - {"place", "low_padded"}
"""Not `place`, in which entries may meet and are added up, nor what puts numbers other than 0."""
_BY_VALUE = frozenset({"causal_mask", build.LOWEST.name})
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
        along = ALONG.get(expr.name)
        if along is not None:
            return by_lane(along, self.registers, expr, args)
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
        special = ONE.get(node.name)
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
    return by_lane(largest, scalars.registers, op("max", *node.args, axis=-1), [whole])


def _low_padded(scalars: Scalars, node: Op, x: Entries) -> Entries:
    lowest = float(scalars.registers.constant(-np.inf))
    return np.asarray(function_of(node)(x, **dict(node.options), fill=lowest))


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

    rest = by_lane(others, registers, node, [scalars.each(registers.mul, p, g)])
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
    found = Exponentials(registers, xs)
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
        "low_padded": _low_padded,
        "place": _place,
        "window_sums": _window_sums,
        "softmax_share": _softmax_share,
        "softmax_jacobian": _softmax_jacobian,
    }
)
_KNOWN = frozenset({*_WHOLE, *ALONG, *ONE, *_MOVES, *_BY_VALUE, *FORMS})
_WRITTEN_OUT = (
    frozenset(name for name, each in TABLE.items() if each.definition or each.entry) - _REFUSED
)
