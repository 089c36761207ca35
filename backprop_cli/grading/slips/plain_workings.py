"""What stands on a sheet to the plain values that formulas have there, with nothing rounded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from math import inf
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Folded, Num, Op, Place, Sym, put, symbols
from backprop_cli.calculus.stable import applied
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.case import each
from backprop_cli.grading.slips.wrong_quantity import Wrong
from backprop_cli.operations.bounds import BOUNDS, point
from backprop_cli.operations.masks import every
from backprop_cli.readings.units import SLACK, largest

_ONLY_GRADED = frozenset({"assembled", "contracted", "softmax_blocks", "apply_blocks"})
"""How gradients are written nowhere but in grading, so that they have bounds and nothing else."""

Parts = Mapping[int, tuple[Op, Array]]
"""The values of some parts of formulas, by their identity."""


def is_same(value: Array, other: Array, unit: Array) -> bool:
    """Whether two arrays are one but for their floats."""
    if value.shape != other.shape:
        return False
    return bool((np.abs(value - other) <= room_of(value, unit)).all())


def room_of(value: Array, unit: Array) -> float:
    """How far floats may take two arrays apart."""
    return 2 * largest(unit) + 10 * SLACK * largest(value)


class Values:
    """The values of formulas on given numbers; what formulas share is worked out once."""

    def __init__(self, numbers: Mapping[str, Array], parts: Parts = MappingProxyType({})) -> None:
        self.numbers = numbers
        self._known: Folded[Array] = Folded(self._leaf, self.applied, parts)
        self.work = 0

    def of(self, expr: Expr) -> Array:
        """The value of a formula; infinite or not a number where it has none."""
        with np.errstate(all="ignore"):
            return self._known.of(expr)

    def _leaf(self, leaf: Sym | Num) -> Array:
        return self.numbers[leaf.name] if isinstance(leaf, Sym) else np.asarray(float(leaf.value))

    def applied(self, node: Op, args: list[Array]) -> Array:
        """The value of an operation applied to values."""
        self.work += 1
        if node.name in _ONLY_GRADED:
            low, high = BOUNDS[node.name](*map(point, args), **dict(node.options))
            return (low + high) / 2
        return applied(node, args)


class Numbers(Mapping[str, Array]):
    """Every quantity as somebody goes on with it: as typed, and worked out where nothing is.

    `repaired` puts the true values for wrong ones, `changed` other values for some quantities, and
    `formulas` other formulas for some that are not written. `parts` are those of formulas that come
    to the same all the same.
    """

    def __init__(
        self,
        judge: Judge,
        repaired: bool = False,
        changed: Mapping[str, Array] | None = None,
        formulas: Mapping[str, Expr] | None = None,
        parts: Parts = MappingProxyType({}),
    ) -> None:
        self.judge = judge
        self._formulas = formulas or {}
        self.repaired = repaired
        self._found: dict[str, Array] = dict(changed or {})
        self._values = Values(self, parts)

    def __getitem__(self, name: str) -> Array:
        """Not a number where other formulas go round in a circle."""
        stack, entered = [name], set[str]()
        while stack:
            one = stack[-1]
            if one in self._found:
                stack.pop()
            elif (direct := self._direct(one)) is not None:
                self._found[one] = direct
            elif missing := [n for n in self._inputs(one) if n not in self._found]:
                if one in entered:  # and not worked out: what it needs needs it
                    self._found[one] = np.full_like(self.judge.key.truth[one], np.nan)
                entered.add(one)
                stack += missing
            else:
                self._found[one] = self._computed(one)
        return self._found[name]

    def value(self, expr: Expr) -> Array:
        """The value of a formula on these numbers."""
        return self._values.of(expr)

    def parts_without(self, names: Collection[str], formulas: Iterable[Expr]) -> Parts:
        """The largest parts of some formulas that use none of these names, and their values."""
        uses: Folded[bool] = Folded(
            lambda leaf: isinstance(leaf, Sym) and leaf.name in names, lambda _, args: any(args)
        )
        found: dict[int, tuple[Op, Array]] = {}
        stack = list(formulas)
        while stack:
            part = stack.pop()
            if isinstance(part, Op) and uses.of(part):
                stack += part.args
            elif isinstance(part, Op):
                found[id(part)] = part, self.value(part)
        return found

    @property
    def work(self) -> int:
        """The operations worked out so far for what is not written."""
        return self._values.work

    def __iter__(self) -> Iterator[str]:
        return iter(self.judge.key.truth)

    def __len__(self) -> int:
        return len(self.judge.key.truth)

    def is_written(self, name: str) -> bool:
        """Whether all of a quantity can be read off: given, or on the sheet."""
        return self._direct(name) is not None

    def _direct(self, name: str) -> Array | None:
        key = self.judge.key
        ways = key.formulas.get(name)
        if name in key.given or not ways or key.is_pulled_back(name):
            return key.truth[name]
        written = self.judge.written.get(name)
        if written is None or not written.complete:
            return None
        return self._repaired(name, written.value)

    def _repaired(self, name: str, value: Array) -> Array:
        judged = self.judge.judged.get(name)
        if not self.repaired or judged is None or judged.is_right:
            return value
        kept = judged.right | judged.imprecise
        return value if every(kept) else np.where(kept, value, self.judge.key.truth[name])

    def _inputs(self, name: str) -> Collection[str]:
        changed = self._formulas.get(name)
        return self.judge.key.uses[name] if changed is None else symbols(changed)

    def _formula(self, name: str) -> Expr:
        return self._formulas.get(name) or self.judge.key.formulas[name][0]

    def _computed(self, name: str) -> Array:
        value = self._values.of(self._formula(name))
        written = self.judge.written.get(name)
        if written is None:
            return value
        return np.where(written.present, self._repaired(name, written.value), value)


def names_in(formulas: Iterable[Expr]) -> tuple[str, ...]:
    """The names that some formulas use."""
    names: dict[str, None] = {}

    def found(leaf: Sym | Num) -> None:
        if isinstance(leaf, Sym):
            names[leaf.name] = None

    each: Folded[None] = Folded(found, lambda _, args: None)  # once for all that they share
    for expr in formulas:
        each.of(expr)
    return tuple(names)


class WrongArray(Struct, frozen=True, dict=True):
    """A wrong array of a program, and the numbers that the program goes on with."""

    judge: Judge
    wrong: Wrong
    numbers: Numbers

    @property
    def value(self) -> Array:
        """The array itself."""
        return self.wrong.written.value

    @property
    def unit(self) -> Array:
        """How far its floats may be off."""
        return self.wrong.written.unit

    @property
    def formula(self) -> Expr | None:
        """The right formula of its quantity."""
        return self.judge.key.first(self.wrong.name)

    @cached_property
    def rights(self) -> list[Array]:
        """What would have been right: the true values, and what the program's own inputs give."""
        own = () if self.formula is None else (self.of(self.formula),)
        found = (self.judge.key.truth[self.wrong.name], *own)
        return [one for one in found if one.shape == self.value.shape and np.isfinite(one).all()]

    def of(self, expr: Expr) -> Array:
        """The value of a formula on the program's numbers."""
        return Values(self.numbers).of(expr)

    def is_(self, other: Array) -> bool:
        """Whether another array is the same but for its floats."""
        return is_same(self.value, other, self.unit)

    def parts(self, names: frozenset[str], most: float = inf) -> Iterator[Part]:
        """The operations of these names in its formula; none where it has more entries than so."""
        if self.formula is not None and self.value.size <= most:
            for place, node in each(self.formula, names):
                yield Part(self, self.formula, place, node)

    def with_(self, value: Array, expr: Expr, place: Place) -> Array:
        """What a formula gives with these numbers in the place of a part."""
        given = {name: self.numbers[name] for name in symbols(expr)}
        return Values({**given, "?": value}).of(put(expr, place, Sym("?")))


class Part(Struct, frozen=True):
    """An operation in the formula of a wrong array, and where it stands."""

    array: WrongArray
    expr: Expr
    place: Place
    node: Op

    @property
    def args(self) -> list[Array]:
        """What it is applied to."""
        return list(map(self.array.of, self.node.args))

    def explains(self, value: Array, *position: int) -> bool:
        """Whether these numbers in its place, or that of one of its arguments, give the array."""
        return self.array.is_(self.array.with_(value, self.expr, (*self.place, *position)))


Test: TypeAlias = Callable[[WrongArray], bool]
"""Whether a mistake explains an array."""


# From what an operation gave, back to its arguments ----------------------------------------------


def taken_back(node: Op, needed: Array, args: Sequence[Array]) -> Iterator[tuple[int, Array]]:
    """What each argument would have to be, the others being as they are."""
    if (undone := _UNDONE.get(node.name)) is not None and len(args) == 1:
        yield 0, undone(needed)
    elif (both := _BOTH_UNDONE.get(node.name)) is not None and len(args) == 2:
        yield from enumerate(both(needed, *args))
    elif node.name in ("row", "column") and needed.ndim == 2:
        yield 0, needed[0] if node.name == "row" else needed[:, 0]
    elif node.name == "matmul":
        yield from _factors_undone(needed, *args)


_UNDONE: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {
        "neg": np.negative,
        "exp": np.log,
        "log": np.exp,
        "tanh": np.arctanh,
        "sigmoid": lambda y: np.log(y / (1 - y)),
        "sqrt": np.square,
        "relu": lambda y: np.where(y > 0, y, np.nan),
        "transpose": np.transpose,
    }
)
_BOTH_UNDONE: Mapping[str, Callable[[Array, Array, Array], tuple[Array, Array]]] = MappingProxyType(
    {
        "add": lambda y, a, b: (y - b, y - a),
        "sub": lambda y, a, b: (y + b, a - y),
        "mul": lambda y, a, b: (y / b, y / a),
        "div": lambda y, a, b: (y * b, a / y),
    }
)
_LARGEST_MATRIX: Final = 1_000
_DETERMINED: Final = 1e-6


def _factors_undone(needed: Array, a: Array, b: Array) -> Iterator[tuple[int, Array]]:
    """What the factors of a matrix product would have to be, where the other one says so."""
    if not np.isfinite(needed).all() or max(a.size, b.size) > _LARGEST_MATRIX:
        return
    if a.ndim == 2 and _is_determined(a):
        yield 1, np.linalg.pinv(a) @ needed
    if b.ndim == a.ndim == 2 and _is_determined(b.T):
        yield 0, needed @ np.linalg.pinv(b)


def _is_determined(matrix: Array) -> bool:
    if not np.isfinite(matrix).all() or matrix.shape[0] < matrix.shape[1]:
        return False
    sizes = np.linalg.svd(matrix, compute_uv=False)
    return bool(sizes[-1] > _DETERMINED * sizes[0])
