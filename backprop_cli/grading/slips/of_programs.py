"""What a program computed wrongly to the mistakes that show in its numbers, or its shape, alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import addends
from backprop_cli.algebra.shapes import described
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.plain_workings import (
    Numbers,
    Test,
    Values,
    WrongArray,
    is_same,
    room_of,
)
from backprop_cli.grading.slips.program_ways_back import (
    cut_elsewhere,
    last_place_alone,
    one_entry_each,
    one_filter,
    side_by_side,
    some_windows,
    windows_overwritten,
    windows_side_by_side,
)
from backprop_cli.grading.slips.program_windows import (
    axes_exchanged,
    backwards,
    batch_not_turned,
    by_turned,
    from_one_place,
    largest_of_windows,
    not_turned,
    one_for_all,
    other_indices,
    padded_otherwise,
    pooled_over_channels,
    stride_of_one_axis,
    upside_down,
    windows_not_turned,
)
from backprop_cli.grading.slips.rows_of_tables import rows_lost, rows_of_others
from backprop_cli.grading.slips.table_of_slips import said_best
from backprop_cli.grading.slips.wrong_quantity import Candidate
from backprop_cli.readings.units import SLACK, largest

_LARGEST_FACTOR: Final = 1_000
"""A single number is so many times another, or a part of it, and that proves something."""

_SURELY: Final = 10
"""What a factor changes is so many times what floats do, at least."""
_TELLING: Final = 1e-3
"""Entries smaller than this part of the largest say nothing of a factor."""


def by_numbers(array: WrongArray) -> list[str]:
    """The mistakes that explain all of an array by what is right there."""
    return [id for id, explains in TESTS.items() if explains(array)]


def ratio(value: Array, right: Array, unit: Array) -> float | None:
    """The one factor that makes all of one array of another; None where there is none.

    A single number says so only of a whole factor, or a whole part.
    """
    size = largest(right)
    telling = np.abs(right) > _TELLING * size
    if size == 0 or value.shape != right.shape or not telling.any():
        return None
    place = np.unravel_index(np.argmax(np.abs(right)), right.shape)
    found = float(value[place] / right[place])
    if found == 0 or not np.isfinite(found) or not is_same(value, found * right, unit):
        return None
    if abs(abs(found) - 1) * size <= _SURELY * room_of(value, unit):
        return None  # so near to 1 that floats alone make a factor of anything else
    if is_same(value, 0 * right, unit):
        return None  # noise about 0 is no part of anything
    if is_same(value, right, unit):
        return None
    whole = _whole_factor(found) if telling.sum() == 1 else found
    return found if whole is not None and is_same(value, whole * right, unit) else None


def _whole_factor(factor: float) -> float | None:
    """The whole factor, or part, that a factor is near to."""
    size = max(abs(factor), 1 / abs(factor))
    whole = round(size)
    if size >= _LARGEST_FACTOR or abs(size - whole) >= 1e-4 * size:
        return None
    return float(np.copysign(whole if abs(factor) > 1 else 1 / whole, factor))


def ratio_on(judge: Judge, name: str) -> float | None:
    """By which factor an array differs from what its own inputs give, or from the right one."""
    written = judge.written[name]
    for right in _plain_rights(judge, name):
        if (found := ratio(written.value, right, written.unit)) is not None:
            return found
    return None


def _plain_rights(judge: Judge, name: str) -> Iterator[Array]:
    expr = judge.key.first(name)
    if expr is not None:
        low, high = judge.on_typed_values(expr)
        yield (low + high) / 2
    yield judge.key.truth[name]


# The mistakes ----------------------------------------------------------------------------------


def _constant(array: WrongArray) -> bool:
    return any(ratio(array.value, right, array.unit) is not None for right in array.rights)


def _other_sign(array: WrongArray) -> bool:
    """All of it right but for its sign."""
    return any(array.is_(-right) and not array.is_(right) for right in array.rights)


def _transposed(array: WrongArray) -> bool:
    value = array.value
    square = value.ndim == 2 and value.shape[0] == value.shape[1]
    return square and any(is_same(value.T, right, array.unit) for right in array.rights)


def _reshaped(array: WrongArray) -> bool:
    """The whole of it, or a factor of it, brought into shape without being turned."""
    for right in array.rights:
        if right.ndim == 2 and 1 not in right.shape:
            turned = right.T.reshape(right.shape)
            if array.is_(turned) and not is_same(turned, right, array.unit):
                return True
    return _is_with_reshaped(array)


def _is_with_reshaped(array: WrongArray) -> bool:
    return any(
        part.explains(value.T.reshape(value.shape), position)
        for part in array.parts(frozenset({"matmul"}))
        for position, value in enumerate(part.args)
        if value.ndim == 2 and 1 not in value.shape
    )


def _whole(array: WrongArray) -> bool:
    """Cut off, or rounded down, to whole numbers."""
    if not array.value.any() or not np.array_equal(array.value, np.round(array.value)):
        return False  # where nothing is left, something else may have left nothing
    return any(
        array.is_(cut) and not array.is_(right)
        for right in array.rights
        for cut in (np.trunc(right), np.floor(right))
    )


def _copied(array: WrongArray) -> bool:
    return bool(same_as(array.judge, array.wrong.name, later=False))


def _in_place(array: WrongArray) -> bool:
    """What is computed from it, were it right: what follows from it as it is proves nothing."""
    judge, name = array.judge, array.wrong.name
    for other in same_as(judge, name, later=True):
        expr = judge.key.first(other)
        changed = (Numbers(judge, changed={name: right}) for right in array.rights)
        follows = (Values(one).of(expr) for one in changed if expr is not None)
        if any(map(array.is_, (judge.key.truth[other], *follows))):
            return True
    return False


def same_as(judge: Judge, name: str, *, later: bool) -> list[str]:
    """The quantities with the same numbers: those computed from it, or those that are not."""
    written = judge.written[name]
    if largest(written.value) == 0:
        return []
    found = []
    for other, truth in judge.key.truth.items():
        after = name in judge.key.uses.get(other, ())
        if other == name or after != later or other in judge.key.again:
            continue
        if is_same(judge.key.truth[name], truth, written.unit):  # as they should be
            continue
        one = judge.written.get(other)
        values = [truth] if one is None else [one.value, truth]
        if any(is_same(written.value, value, written.unit) for value in values):
            found.append(other)
    return found


def _wrong_sample(array: WrongArray) -> bool:
    """Samples in another order than those of the problem."""
    axis, value = array.wrong.sample_axis, array.value
    if axis is None or value.ndim != 2:
        return False
    return any(
        _is_reordered(np.moveaxis(value, axis, 0), np.moveaxis(right, axis, 0), array.unit)
        for right in array.rights
    )


def _is_reordered(value: Array, right: Array, unit: Array) -> bool:
    order, expected = (np.lexsort(np.round(one, 6).T) for one in (value, right))
    return is_same(value[order], right[expected], unit) and len(value) > 1


def _any_of(*tests: Test) -> Test:
    return lambda array: any(test(array) for test in tests)


TESTS: Mapping[str, Test] = MappingProxyType(
    {
        "transposed": _transposed,
        "reshape-for-transpose": _any_of(
            _reshaped, by_turned(not_turned), windows_not_turned, batch_not_turned
        ),
        "changed-in-place": _in_place,
        "copied": _copied,
        "wrong-sample": _wrong_sample,
        "integer-division": _whole,
        "gradient-overwritten": _any_of(windows_overwritten, last_place_alone, rows_lost),
        "wrong-row": rows_of_others,
        "wrong-stride": _any_of(side_by_side, stride_of_one_axis, windows_side_by_side),
        "wrong-padding": _any_of(padded_otherwise, cut_elsewhere),
        "summed-too-early": pooled_over_channels,
        "one-position-only": _any_of(some_windows, one_entry_each, from_one_place),
        "transpose-omitted": by_turned(axes_exchanged),
        "kernel-flipped": by_turned(upside_down),
        "path-lost": one_filter,
        "wrong-operand": _any_of(by_turned(one_for_all), other_indices),
        "other-order": by_turned(backwards),
        "wrong-activation": largest_of_windows,
        "sign-lost": _other_sign,
        "constant-factor": _constant,
    }
)
"""What each mistake is called, and how it is seen."""


# Arrays of another shape --------------------------------------------------------------------------

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
    return _not_summed(one) or _summed(one) or _by_shape_alone(one)


def _turned(one: Misshapen) -> Shaped | None:
    """The whole of it turned, or one term of it, to which no other can be added then."""
    if one.value.ndim != 2:
        return None
    expr, values = one.judge.key.first(one.name), Values(Numbers(one.judge))
    terms = [] if expr is None else list(addends(expr))
    rights = [*one.rights, *(map(values.of, terms) if len(terms) > 1 else ())]
    return Shaped(("transposed",)) if any(one.same(one.value.T, x) for x in rights) else None


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


def _summed(one: Misshapen) -> Shaped | None:
    """The sums, or the means, of the rows or columns of what would be right."""
    for right in one.rights:
        for axis in range(right.ndim):
            sums = np.asarray(right.sum(axis=axis)), np.asarray(right.mean(axis=axis))
            if any(one.same(_flat(each), _flat(one.value)) for each in sums):
                return Shaped(("summed-too-early",), _has_shape(one))
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
