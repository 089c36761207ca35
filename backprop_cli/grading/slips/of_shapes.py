"""An array of another shape than its quantity to the mistake that gives it this shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.shapes import described
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.sheets.typed_arrays import SLACK, Array
from backprop_cli.grading.slips.plain_workings import Numbers, Values
from backprop_cli.grading.slips.table_of_slips import said_best
from backprop_cli.grading.slips.wrong_quantity import Candidate
from backprop_cli.grading.tolerance.floating import largest

NOT_SUMMED = "not-summed-over-samples"
_MOST_NAMED = 3
_AXES = ("column", "row")  # summed over axis 0, the sums are those of the columns


class Shaped(Struct, frozen=True):
    """The mistakes that explain an array of a wrong shape, and what shows them."""

    slips: tuple[str, ...] = ()
    words: str = ""


class Misshapen(Struct, frozen=True):
    """An array of another shape: its quantity, its numbers, how far they may be off."""

    name: str
    value: Array
    room: float
    judge: Judge
    samples: int | None

    def same(self, one: Array, other: Array) -> bool:
        """Whether two arrays are one but for their floats."""
        if one.shape != other.shape:
            return False
        room = self.room + 10 * SLACK * max(largest(one), largest(other))
        return bool((np.abs(one - other) <= room).all())

    @property
    def rights(self) -> Iterator[Array]:
        """What would have been right: the true values, and what the program's own inputs give."""
        yield self.judge.key.truth[self.name]
        expr = self.judge.key.first(self.name)
        if expr is not None:
            yield Values(Numbers(self.judge)).of(expr)


def by_shape(one: Misshapen, candidates: Sequence[Candidate]) -> Shaped:
    """The mistake behind a wrong shape."""
    if (found := _turned(one)) is not None:
        return found
    values = Values(Numbers(one.judge))
    given = (id for id, expr in candidates if one.same(_flat(values.of(expr)), _flat(one.value)))
    ids = said_best(dict.fromkeys(given))
    if ids and NOT_SUMMED not in ids:
        return Shaped(tuple(ids[:_MOST_NAMED]))
    return _not_summed(one) or _by_shape_alone(one)


def _turned(one: Misshapen) -> Shaped | None:
    if one.value.ndim == 2 and any(one.same(one.value.T, right) for right in one.rights):
        return Shaped(("transposed",))
    return None


def _not_summed(one: Misshapen) -> Shaped | None:
    """The sums, or the means, of its rows or columns are right."""
    if not one.value.size:
        return None  # nothing has no mean
    rights = list(one.rights)
    kinds: tuple[tuple[str, Callable[..., Array]], ...] = (("sums", np.sum), ("means", np.mean))
    for axis in range(one.value.ndim):
        for kind, reduced in kinds:
            short = np.asarray(reduced(one.value, axis=axis))
            if any(one.same(_flat(short), _flat(right)) for right in rights):
                line = _AXES[axis] if one.value.ndim == 2 else ""
                shows = f"its {line} {kind} are right" if line else f"its {kind[:-1]} is right"
                return Shaped((NOT_SUMMED,), f"{_has_shape(one)}, {shows}")
    return None


def _flat(value: Array) -> Array:
    """Without the axes of length 1, which say nothing."""
    return value.reshape([size for size in value.shape if size != 1])


def _by_shape_alone(one: Misshapen) -> Shaped:
    """A batch of what should be one: not summed, whatever else is wrong with it."""
    expected, shape = one.judge.key.truth[one.name].shape, one.value.shape
    for axis, size in enumerate(shape):
        if len(shape) == 2 and size == one.samples and shape[:axis] + shape[axis + 1 :] == expected:
            return Shaped((NOT_SUMMED,), _has_shape(one))
    square = len(shape) == 2 and shape[0] == shape[1] and shape[:1] in (expected, expected[:1])
    if square and len(_flat(one.judge.key.truth[one.name]).shape) <= 1:
        return Shaped(("broadcast-to-matrix",), _has_shape(one))
    return Shaped()


def _has_shape(one: Misshapen) -> str:
    expected = one.judge.key.truth[one.name].shape
    return f"it is {described(one.value.shape)} where {described(expected)} belongs"
