"""A wrong line to the part of it that is another, or has something too much or too little in it.

What a part would have to be is what its line gave, taken back to where it stands. That is compared
with everything there is: all quantities, all parts of formulas, and functions of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import islice
from types import MappingProxyType
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Place,
    Sym,
    addends,
    exchange,
    symbols,
    walk,
)
from backprop_cli.algebra.quantity import quantity
from backprop_cli.grading.judging.answer_key import is_jacobian
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.of_programs import ratio
from backprop_cli.grading.slips.plain_workings import Values, WrongArray, taken_back
from backprop_cli.grading.slips.program_functions import slopes
from backprop_cli.readings.units import largest

_MOST_NUMBERS: Final = 20_000_000
"""So many entries of parts are looked at for one array."""
FEWEST: Final = 3
"""Entries that have to agree: with fewer, some part of some formula fits by chance."""
_MOST_WAYS: Final = 5
_SAMPLED: Final = 8
"""Entries that are looked at first: what agrees there is worked out as a whole."""
_NEAR: Final = 1e-5
_MOST_HITS: Final = 6


def by_known_parts(array: WrongArray, ways: Sequence[Expr]) -> list[str]:
    """A part that is another one, or times, over, plus or less another; a term put over others."""
    if array.value.size < FEWEST or array.is_(np.zeros_like(array.value)):
        return []
    found: dict[str, None] = dict.fromkeys(_of_terms(array, ways))
    known = _Known(array)
    lines = [_Line(way, array, known.values) for way in ways[:_MOST_WAYS]]
    for functions in (_AS_IT_IS, _FUNCTIONS):
        for line in lines:
            for part in line.parts():
                found |= dict.fromkeys(known.explaining(line, part, functions))
        if found:
            break
    return list(found or _part_in_place(array, known.values, known.parts))


def _of_terms(array: WrongArray, ways: Sequence[Expr]) -> Iterator[str]:
    """One term alone wherever it is anything; the penalty of a parameter that has none."""
    for way in ways:
        terms = list(addends(way))
        for term in map(Values(array.numbers).of, terms if len(terms) > 1 else ()):
            if any(_put_over(array, right, term) for right in array.rights):
                yield "gradient-overwritten"
    parameter = array.judge.key.truth.get(quantity(array.wrong.name).by)
    if parameter is not None and any(
        ratio(array.value - right, parameter, array.unit) is not None for right in array.rights
    ):
        yield "term-added"


def _put_over(array: WrongArray, right: Array, term: Array) -> bool:
    """Whether one term stands alone wherever it is anything at all, put there and not added."""
    there = term != 0
    if term.shape != right.shape or there.all() or not there.any():
        return False
    return array.is_(np.where(there, term, right))


# What a part would have to be ---------------------------------------------------------------------


class _Part(Struct, frozen=True):
    """A part of a line: where it stands, what it is, what it would have to be.

    `of` is what it is given to: an operation by its name, or nothing.
    """

    place: Place
    node: Expr
    own: Array
    needed: Array
    of: str


class _Line(Struct, frozen=True):
    """A line that gave something wrong."""

    expr: Expr
    array: WrongArray
    values: Values

    def parts(self) -> Iterator[_Part]:
        """Every part that can be taken back from what the line gave."""
        stack: list[tuple[Place, Expr, Array, str]] = [((), self.expr, self.array.value, "")]
        while stack:
            place, node, needed, of = stack.pop()
            own = self.values.of(node)
            yield _Part(place, node, own, needed, of)
            if isinstance(node, Op):
                with np.errstate(all="ignore"):
                    stack += [
                        ((*place, k), node.args[k], found, node.name)
                        for k, found in taken_back(
                            node, needed, list(map(self.values.of, node.args))
                        )
                    ]

    def gives(self, part: _Part, value: Array) -> bool:
        """Whether the line gives what it gave with this in the place of a part."""
        return self.array.is_(self.array.with_(value, self.expr, part.place))


# What stands in a sum ---------------------------------------------------------------------------

_MOST_IN_PLACE: Final = 4_000
"""So many parts are tried in the place of others."""


def _part_in_place(array: WrongArray, values: Values, parts: Sequence[Expr]) -> Iterator[str]:
    """A part of some formula where a quantity belongs, or a quantity where a part does."""
    expr = array.formula
    if expr is None:
        return
    tried = ((own, other) for own in dict.fromkeys(walk(expr)) for other in parts)
    for own, other in islice(tried, _MOST_IN_PLACE):
        if isinstance(own, Num) or own == expr or (isinstance(own, Op) and isinstance(other, Op)):
            continue
        there, here = values.of(other), values.of(own)
        if not there.ndim or not (there.shape == here.shape or _as_sums(expr, own, here, there)):
            continue
        if array.is_(values.of(exchange(expr, own, other))):
            yield "wrong-operand"
            return


def _as_sums(expr: Expr, own: Expr, here: Array, there: Array) -> bool:
    """Whether two arrays have as many sums along the axis along which one of them is added up."""
    users = [node for node in walk(expr) if isinstance(node, Op) and own in node.args]
    if len(users) != 1 or users[0].name not in ("sum", "mean") or here.ndim != there.ndim:
        return False
    axis = users[0].axis
    if axis not in (0, 1) or here.ndim != 2:
        return False
    return bool(here.shape[1 - axis] == there.shape[1 - axis])


# What there is ------------------------------------------------------------------------------------

Function = Callable[[Array], Array]
_AS_IT_IS: Sequence[Function] = (np.asarray,)
_FUNCTIONS: Sequence[Function] = (
    *(np.abs, np.square, np.sign, np.exp, np.log, np.sqrt, np.reciprocal, np.tanh),
    lambda x: 1 - x,
    lambda x: 1.0 * (x > 0),
    lambda x: np.maximum(x, 0),
    lambda x: 1 / (1 + np.exp(-x)),
)
_RELATIONS: Mapping[str, Callable[[Array, Array], Array]] = MappingProxyType(
    {
        "wrong-operand": lambda own, other: np.broadcast_to(other, np.shape(other + 0 * own)),
        "factor-added": lambda own, other: own * other,
        "factor-left-out": lambda own, other: own / other,
        "term-added": lambda own, other: own + other,
        "term-left-out": lambda own, other: own - other,
    }
)
_ONLY_ADDED: Mapping[str, str] = MappingProxyType(
    {"factor-left-out": "factor-added", "term-left-out": "term-added"}
)
"""What it is to divide by, or to take off, what is no part of it."""
_LEFT_OUT: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "factor-left-out": {"mul": 2, "matmul": 2, "outer": 2, "div": 1},
        "term-left-out": {"add": 2, "sub": 1},
    }
)
"""So many of what an operation is given may be left out: what is taken off is said otherwise."""


class _Known:
    """What stands in other places: quantities and parts of formulas, as arrays of some shape."""

    def __init__(self, array: WrongArray) -> None:
        self.values, self._judge = Values(array.numbers), array.judge
        after = array.judge.key.following(array.wrong.name)
        self.parts = [one for one in _parts(array.judge) if after.isdisjoint(symbols(one))]
        self._of_shape: dict[tuple[int, ...], list[Array]] = {}
        self._room = _MOST_NUMBERS

    def of_shape(self, shape: tuple[int, ...]) -> list[Array]:
        """All that has a shape, or fits it: given to rows or columns, or as much of it."""
        if shape not in self._of_shape:
            found: list[Array] = []
            for part in self.parts if self._room > 0 else ():
                value = self.values.of(part)
                self._room -= value.size
                found += _fitting(value, shape, isinstance(part, Sym))
            self._of_shape[shape] = found
        return self._of_shape[shape]

    def explaining(self, line: _Line, part: _Part, functions: Sequence[Function]) -> Iterator[str]:
        """What is wrong with a part, by what it would have to be."""
        where = _telling(part.needed)
        if len(where) < FEWEST or (isinstance(part.node, Num) and functions is not _AS_IT_IS):
            return
        needed = part.needed.ravel()[where]
        own = np.broadcast_to(part.own, part.needed.shape).ravel()[where]
        if functions is _AS_IT_IS:
            yield from _by_constants(line, part, needed, own)
        others = self.of_shape(part.needed.shape)
        sampled = np.array([one.ravel()[where] for one in others]).reshape(-1, len(where))
        with np.errstate(all="ignore"):
            for function in functions:
                yield from self._related(line, part, function, (needed, own, sampled))

    def _related(
        self, line: _Line, part: _Part, function: Function, seen: tuple[Array, Array, Array]
    ) -> Iterator[str]:
        needed, own, sampled = seen
        others = self.of_shape(part.needed.shape)
        is_constant = _is_constant(needed)
        for id, gives in _RELATIONS.items():
            if is_constant and id != "wrong-operand":
                continue
            off = np.abs(gives(own, function(sampled)) - needed)
            near = (off <= _NEAR * np.max(np.abs(needed))).all(axis=-1)
            for k in islice(np.flatnonzero(near), _MOST_HITS):
                other = function(others[k])
                if line.gives(part, gives(part.own, other)):
                    is_there = id not in _ONLY_ADDED or self._stands_in(part.node, other, id)
                    said = id if is_there else _ONLY_ADDED[id]
                    if said == "wrong-operand" and function is not np.asarray:
                        said = "function-added" if _near(part.own, others[k]) else said
                    yield "wrong-activation" if self._is_other(part.node, others[k], said) else said
                    break

    def _is_other(self, node: Expr, value: Array, said: str) -> bool:
        """Whether it is another function of the same: |z| for exp(z)."""
        if said != "wrong-operand" or not isinstance(node, Op) or len(node.args) != 1:
            return False
        return not _near(self.values.of(node), value) and _near(self.values.of(*node.args), value)

    def _stands_in(self, node: Expr, value: Array, id: str) -> bool:
        """Whether a factor or a term of this value is a part of something, or of what it is."""
        behind = [way for name in symbols(node) if (way := self._judge.key.first(name))]
        joined = (part for expr in (node, *behind) for part in walk(expr) if isinstance(part, Op))
        parts = (arg for part in joined for arg in part.args[: _LEFT_OUT[id].get(part.name, 0)])
        return any(_near(self.values.of(part), value) for part in parts)


def _near(one: Array, other: Array) -> bool:
    try:
        one, other = np.broadcast_arrays(one, other)
    except ValueError:
        return False
    return bool((np.abs(one - other) <= _NEAR * largest(other)).all())


def _telling(needed: Array) -> NDArray[np.intp]:
    """Some entries that are something, from all over."""
    size = np.abs(np.where(np.isfinite(needed), needed, 0)).ravel()
    there = np.flatnonzero(size > _NEAR * np.max(size, initial=0))
    picked = np.linspace(0, max(len(there) - 1, 0), min(_SAMPLED, len(there)))
    return np.asarray(there[picked.astype(int)])


def _is_constant(values: Array) -> bool:
    return bool(np.ptp(values) <= _NEAR * np.max(np.abs(values)))


_SCALED: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("add", "sub"), "term-scaled")
    | dict.fromkeys(("sigmoid", "tanh", "exp"), "factor-added")
)
"""What it is called if what some operation is given is so many times what it should be."""
_PRODUCTS: Final = frozenset({"mul", "div"})


def _by_constants(line: _Line, part: _Part, needed: Array, own: Array) -> Iterator[str]:
    """Another number in the place of one, or of anything; so many times one term."""
    if not part.place:
        return
    if _is_constant(needed) and line.gives(part, np.full_like(part.own, needed.mean())):
        if isinstance(part.node, Num):
            yield "wrong-constant"
        elif part.of in _SCALED and _is_constant(own) and _is_count(needed.mean() / own.mean()):
            yield _SCALED[part.of]
        elif part.of in _PRODUCTS and abs(needed.mean() - 1) <= _NEAR:
            yield "factor-left-out"
        elif is_round(float(needed.mean())):
            yield "wrong-operand"
        return
    scaled = _SCALED.get(part.of)
    times = ratio(needed, own, _NEAR * np.abs(needed)) if scaled else None
    if scaled and times is not None and line.gives(part, part.own * times):
        yield scaled


def _is_count(times: float) -> bool:
    """Whether something is taken so many times: a bias once for each entry of a kernel."""
    return abs(times - round(times)) <= _NEAR * abs(times) and 1 < round(times) <= _LARGEST_PART


_LARGEST_PART: Final = 100


def is_round(number: float) -> bool:
    """Whether a number is one that somebody writes down: 3, 0.5, 0.01."""
    near = Fraction(number).limit_denominator(_LARGEST_PART)
    return abs(number - near) <= _NEAR * abs(number) and abs(near.numerator) <= _LARGEST_PART


def _parts(judge: Judge) -> Iterator[Expr]:
    """All quantities, and all parts of their formulas, each once."""
    seen: set[Expr] = set()
    formulas = (ways[0] for ways in judge.key.formulas.values() if not is_jacobian(ways[0]))
    names: Iterator[Expr] = (Sym(name) for name in judge.key.truth)
    sloped = (slope for name in judge.key.truth for slope in slopes(Sym(name)))
    for part in (*names, *(node for expr in formulas for node in walk(expr)), *sloped):
        if isinstance(part, Sym | Op) and part not in seen:
            seen.add(part)
            yield part


def _fitting(part: Array, shape: tuple[int, ...], is_quantity: bool) -> Iterator[Array]:
    """A part as it stands beside an array: entry by entry, or a vector with each row or column.

    Of a larger quantity as many rows and columns, the first or the last.
    """
    if not np.isfinite(part).all():
        return
    if part.shape == shape or (part.size == 1 and is_quantity):
        yield np.broadcast_to(part.reshape(shape) if part.size > 1 else part.ravel()[0], shape)
    elif part.ndim == 1 and len(shape) == 2:
        if part.size == shape[1]:
            yield np.broadcast_to(part[None, :], shape)
        if part.size == shape[0]:
            yield np.broadcast_to(part[:, None], shape)
    elif part.ndim == len(shape):
        for one in (part, part.T) if is_quantity and part.ndim == 2 else (part,):
            yield from _as_much_of(one, shape, is_quantity)


def _as_much_of(part: Array, shape: tuple[int, ...], is_quantity: bool) -> Iterator[Array]:
    sizes = list(zip(part.shape, shape, strict=True))
    if part.size > 1 and all(size in (1, whole) for size, whole in sizes):
        yield np.broadcast_to(part, shape)
    elif is_quantity and all(size >= whole for size, whole in sizes):
        yield part[tuple(slice(whole) for whole in shape)]
        yield part[tuple(slice(size - whole, size) for size, whole in sizes)]
