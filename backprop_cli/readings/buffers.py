"""Formulas to a list of NumPy calls into buffers that are made once: what larger arrays are for.

The values are those of readings.values. Views (a transpose, a row) are made once and cost nothing
later; neither does what depends on nothing that varies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, num, op, substitute, walk
from backprop_cli.calculus.stable import NoValueError, careful, function_of
from backprop_cli.operations.table import TABLE, in_placeholders, operation

Array: TypeAlias = NDArray[Any]

_ONE, _TWO = num(1), num(2)
_BY_NAME = (np.maximum, np.minimum)  # they take their buffer by its name alone


class _Call(Struct):
    """A call into a buffer: `function(*args, out, **options)`."""

    function: Any
    args: tuple[Any, ...]
    out: Array
    options: dict[str, Any]

    def ready(self) -> Callable[[], object]:
        """The call with everything it needs; a buffer given by its place is found faster."""
        if self.options or isinstance(self.function, _Copied) or self.function in _BY_NAME:
            return partial(self.function, *self.args, out=self.out, **self.options)
        return partial(self.function, *self.args, self.out)

    def reads(self, array: Array) -> bool:
        """Whether a change of a buffer would be seen."""
        return any(_root(arg) is array for arg in self.args)


class Buffers:
    """Formulas read one after another; `names` are the values of what they are written in.

    Each call is made once when it is put on the list, so that shapes and views are what they are.
    `formulas` are all that will be read: what occurs once may be written over by what it is for.
    """

    def __init__(self, formulas: Iterable[Expr]) -> None:
        self.names: dict[str, Array] = {}
        self.calls: list[_Call] = []
        self.results: dict[Expr, Array] = {}
        self.moving: dict[int, Array] = {}  # the buffers that change, by identity
        self.uses = Counter(node for formula in formulas for node in walk(formula))

    def given(self, name: str, value: Array) -> None:
        """A quantity that stays the same."""
        self.names[name] = value

    def vary(self, name: str, value: Array) -> None:
        """A quantity that changes from round to round: a buffer with its first value."""
        self.names[name] = self._buffer(np.array(value, dtype=float))

    def define(self, name: str, expr: Expr) -> None:
        """A quantity by its formula."""
        self.names[name] = self.read(expr)

    def read(self, expr: Expr) -> Array:
        """What holds the value of a formula once all calls are made."""
        match expr:
            case Sym(name):
                return self.names[name]
            case Num(value):
                return np.asarray(float(value))
        if expr not in self.results:
            form = _FORMS.get(expr.name, Buffers.usual)
            self.results[expr] = form(self, expr)
        return self.results[expr]

    def keep(self, *formulas: Expr) -> None:
        """Lets nothing be written over what is read again."""
        self.uses.update(dict.fromkeys(formulas, 2))

    def usual(self, node: Op) -> Array:
        """The function of the table: into a buffer, as a view, or copied there."""
        args = [self.read(arg) for arg in node.args]
        if node.name in TABLE and TABLE[node.name].value is None:
            return self.written_out(node, args)
        function, options = function_of(node), dict(node.options)
        if isinstance(function, np.ufunc):
            return self.call(function, *args, into=self._spent(node, args))
        result = np.asarray(function(*args, **options), dtype=float)
        if not self.varies(*args) or any(np.may_share_memory(result, arg) for arg in args):
            return result
        return self.call(_Copied(function, options), *args)

    def written_out(self, node: Op, args: list[Array]) -> Array:
        """What has no value of its own, by its definition."""
        found = in_placeholders(node, [arg.shape for arg in args])
        if found is None:
            raise NoValueError(node.name)
        given = dict(zip(found[1].names, node.args, strict=True))
        inside = substitute(careful(found[0], {}), given)
        self.keep(*(part for part in walk(inside) if isinstance(part, Op)))
        return self.read(inside)

    def _spent(self, node: Op, args: list[Array]) -> Array | None:
        """The buffer of an argument that is needed for nothing else, to hold the result."""
        shape = np.broadcast_shapes(*(array.shape for array in args))
        for arg, array in zip(node.args, args, strict=True):
            own = id(array) in self.moving and array.dtype == float and array.shape == shape
            if own and isinstance(arg, Op) and self.uses[arg] <= 1:
                return array
        return None

    def varies(self, *values: object) -> bool:
        """Whether one of the values changes from round to round."""
        return any(id(_root(value)) in self.moving for value in values)

    def call(self, function: Any, *args: Any, into: Array | None = None, **options: Any) -> Array:
        """What a function that takes `out` gives: computed now, and again in each round."""
        given = {} if into is None else {"out": into}
        result = function(*args, **options, **given)
        if not self.varies(*args):
            return np.asarray(result)
        out = self._buffer(np.asarray(result)) if into is None else into
        self.moving[id(out)] = out
        self.calls.append(_Call(function, args, out, options))
        return out

    def _buffer(self, array: Array) -> Array:
        self.moving[id(array)] = array
        return array

    def replace(self, after: Mapping[str, str]) -> None:
        """Lets what varies end each round with the value that another name has."""
        olds = [self.names[old] for old in after]
        news = [self._apart(self.names[new], olds) for new in after.values()]
        for old, new in zip(olds, news, strict=True):
            self._replace(old, new)

    def _apart(self, new: Array, olds: list[Array]) -> Array:
        """The value itself, or a copy where it is about to be written over."""
        return self.call(np.positive, new) if any(_root(new) is old for old in olds) else new

    def _replace(self, old: Array, new: Array) -> None:
        """A copy at the end of the round, unless the result can be written there at once."""
        made = [place for place, call in enumerate(self.calls) if call.out is new]
        if made and new.shape == old.shape:
            after = self.calls[made[-1] + 1 :]
            seen = any(call.reads(old) or call.reads(new) or call.out is old for call in after)
            if not seen and isinstance(self.calls[made[-1]].function, np.ufunc):
                self.calls[made[-1]].out = old
                return
        self.calls.append(_Call(_copied, (new,), old, {}))


def _root(value: object) -> object:
    """The array whose memory a view shows."""
    while isinstance(value, np.ndarray) and isinstance(value.base, np.ndarray):
        value = value.base
    return value


class _Copied(Struct, frozen=True):
    """A function that takes no `out`, with its options."""

    function: Any
    options: dict[str, Any]

    def __call__(self, *args: Array, out: Array | None = None) -> Array:
        result = np.asarray(self.function(*args, **self.options), dtype=float)
        if out is None:
            return np.array(result)
        np.copyto(out, result)
        return out


def _copied(new: Array, out: Array) -> None:
    np.copyto(out, new)


# What is faster than the function of the table ---------------------------------------------------

Form: TypeAlias = Callable[[Buffers, Op], Array]


def _pow(buffers: Buffers, node: Op) -> Array:
    base, exponent = node.args
    if exponent == _TWO:
        return buffers.call(np.square, buffers.read(base))
    return buffers.call(np.power, buffers.read(base), buffers.read(exponent))


def _above_0(buffers: Buffers, node: Op) -> Array:
    return buffers.call(np.maximum, buffers.read(node.args[0]), 0.0)


def _switch(buffers: Buffers, node: Op) -> Array:
    """The slope of a rectified unit: a comparison as numbers, since np.heaviside is slow."""
    options = {**operation(node).options, **dict(node.options)}
    below, at, above = (options[key] for key in ("below", "at", "above"))
    if (below, above) != (0, 1):
        return buffers.usual(node)
    x = buffers.read(node.args[0])
    if at in _COMPARED:
        return buffers.call(_COMPARED[at], x, 0.0, into=np.empty(x.shape))
    return buffers.call(np.heaviside, x, float(str(at)))


_COMPARED: Mapping[object, np.ufunc] = MappingProxyType({0: np.greater, 1: np.greater_equal})
"""What compares with 0, by the value taken there."""


def _matmul(buffers: Buffers, node: Op) -> Array:
    """`dot` starts sooner than `matmul`, and for vectors and matrices gives the same."""
    return buffers.call(np.dot, *map(buffers.read, node.args))


def _sum(buffers: Buffers, node: Op) -> Array:
    """A product with ones, which adds faster than a reduction does."""
    x, axis = buffers.read(node.args[0]), node.option("axis")
    if not buffers.varies(x) or x.ndim not in (1, _PLANE) or not x.flags.forc:
        return buffers.usual(node)
    if axis is None or x.ndim == 1:
        flat = x.ravel(order="K")
        total = buffers.call(np.dot, flat, np.ones(x.size))
        return total.reshape((1,) * x.ndim) if node.option("keep") else total
    along = node.whole("axis") % x.ndim
    ones = np.ones(x.shape[along])
    total = buffers.call(np.dot, *((ones, x) if along == 0 else (x, ones)))
    return np.expand_dims(total, along) if node.option("keep") else total


_PLANE = 2  # axes


def _max(buffers: Buffers, node: Op) -> Array:
    """The largest, slice by slice where there are few."""
    x, axis = buffers.read(node.args[0]), node.option("axis")
    if x.ndim != _PLANE or axis is None or x.shape[node.whole("axis")] > _FEW:
        keep = bool(node.option("keep"))
        return buffers.call(np.maximum.reduce, x, axis=axis, keepdims=keep)
    slices = np.split(x, x.shape[node.whole("axis")], node.whole("axis"))
    top = slices[0]
    for one in slices[1:]:
        top = buffers.call(np.maximum, top, one)
    return top if node.option("keep") else np.squeeze(top, node.whole("axis"))


_FEW = 4


def _mean(buffers: Buffers, node: Op) -> Array:
    total = buffers.read(Op("sum", node.args, node.options))
    count = buffers.read(node.args[0]).size / max(total.size, 1)
    return buffers.call(np.divide, total, count)


def _exponentials(buffers: Buffers, node: Op) -> tuple[Op, Op, Op]:
    """What entries are less than the largest, e to the power of that, its sum along the axis."""
    (x,), axis = node.args, node.option("axis")
    top = op("max", x, axis=axis, keep=1)
    below = op("sub", x, top)
    powers = op("exp", below)
    total = op("sum", powers, axis=axis, keep=1)
    buffers.keep(x, top, below, powers, total)
    return below, powers, total


def _softmax(buffers: Buffers, node: Op) -> Array:
    _, powers, total = _exponentials(buffers, node)
    return buffers.read(op("div", powers, total))


def _log_softmax(buffers: Buffers, node: Op) -> Array:
    below, _, total = _exponentials(buffers, node)
    return buffers.read(op("sub", below, op("log", total)))


def _power(buffers: Buffers, node: Op) -> Array:
    """e^-x, at most 3·10^307, so that 1 over 1 + e^-x stays a quotient of numbers."""
    limit = buffers.call(np.maximum, buffers.read(node.args[0]), _LOWEST)
    into = limit if buffers.varies(limit) else None
    return buffers.call(np.exp, buffers.call(np.negative, limit, into=into), into=into)


_LOWEST = -708.0


def _sigmoid(buffers: Buffers, node: Op) -> Array:
    """1 over 1 + e^-z, and for -z e^-z over the same."""
    (x,) = node.args
    minus = isinstance(x, Op) and x.name == "neg"
    z = x.args[0] if minus and isinstance(x, Op) else x
    power = op("sigmoid-power", z)
    total = op("add", _ONE, power)
    buffers.keep(z, power, total)
    return buffers.read(op("div", power if minus else _ONE, total))


def _times(buffers: Buffers, node: Op) -> Array:
    """y times something, 0 where y is 0. 0 times an infinity shows by not being a number."""
    y, other = map(buffers.read, node.args)
    if buffers.varies(y):
        return buffers.usual(node)
    return buffers.call(np.multiply, y, other)


def _outer(buffers: Buffers, node: Op) -> Array:
    a, b = map(buffers.read, node.args)
    if node.option("samples") == 1:
        a, b = a.T, b.T
    return buffers.call(np.multiply, a[..., :, None], b[..., None, :])


_FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "pow": _pow,
        "relu": _above_0,
        "positive_part": _above_0,
        "switch": _switch,
        "matmul": _matmul,
        "sum": _sum,
        "max": _max,
        "mean": _mean,
        "softmax": _softmax,
        "log_softmax": _log_softmax,
        "sigmoid-power": _power,
        "sigmoid": _sigmoid,
        "xtimes": _times,
        "outer": _outer,
    }
)
