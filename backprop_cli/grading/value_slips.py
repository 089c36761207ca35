"""A wrong quantity to the slips that show in its values alone, whatever its formula is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import numpy as np

from backprop_cli.grading.figures import Figure, digits, exchanged, padded, readings
from backprop_cli.grading.judge import Judge
from backprop_cli.grading.key import is_jacobian
from backprop_cli.grading.written import Array, meets, standing_for
from backprop_cli.grading.wrong import LEAST_DIGITS, Wrong, tight, typed
from backprop_cli.operations.bounds import Interval, point

Test = Callable[[Figure, Interval], bool]

_LARGEST_SHIFT = 3  # decimal places that a point may be off


def by_value(judge: Judge, wrong: Wrong) -> list[str]:
    """The slips that explain every wrong entry by what is right there."""
    return [id for id, explains in _TESTS.items() if explains(judge, wrong)]


def _right(judge: Judge, wrong: Wrong) -> Iterator[Interval]:
    """What would have been right: the true value, or what follows from the student's own.

    Where that is too wide to prove anything it is not a number.
    """
    numbers = typed(judge, wrong)
    for low, high in _all_right(judge, wrong):
        tells = tight((low, high), numbers)
        yield np.where(tells, low, np.nan), np.where(tells, high, np.nan)


def _all_right(judge: Judge, wrong: Wrong) -> Iterator[Interval]:
    yield point(judge.key.truth[wrong.name])
    ways = [expr for expr in judge.key.formulas.get(wrong.name, ()) if not is_jacobian(expr)]
    yield from map(judge.on_typed_values, ways)
    for rounded in (False, True):
        yield from (judge.enclosed(expr, False, rounded) for expr in ways)


def _transposed(judge: Judge, wrong: Wrong) -> bool:
    value = wrong.written.value
    if value.ndim != 2 or value.shape[0] != value.shape[1] or np.array_equal(value, value.T):
        return False
    low, high = typed(judge, wrong)
    turned = low.T, high.T
    present = wrong.written.present.T
    return any(bool((meets(turned, right) | ~present).all()) for right in _right(judge, wrong))


def _wrong_sample(judge: Judge, wrong: Wrong) -> bool:
    axis = wrong.sample_axis
    if axis is None or wrong.written.value.ndim != 2:
        return False
    low, high = (np.moveaxis(bound, axis, 0) for bound in typed(judge, wrong))
    mask = np.moveaxis(wrong.mask, axis, 0)
    for right in _right(judge, wrong):
        rows = np.moveaxis(right[0], axis, 0), np.moveaxis(right[1], axis, 0)
        if all(
            _is_another(low[s], high[s], rows, s) for s in np.flatnonzero(mask.any(axis=1)).tolist()
        ):
            return True
    return False


def _is_another(low: Array, high: Array, rows: Interval, own: int) -> bool:
    others = [s for s in range(len(rows[0])) if s != own]
    return any(bool(meets((low, high), (rows[0][s], rows[1][s])).all()) for s in others)


def _each_wrong(judge: Judge, wrong: Wrong, test: Test) -> bool:
    """Whether each wrong entry passes the test against one and the same right quantity."""
    places = [tuple(place) for place in np.argwhere(wrong.mask).tolist()]
    figures = [tuple(readings(wrong.figure(place), judge.key.unit)) for place in places]
    for low, high in _right(judge, wrong):
        rights = [(np.asarray(low[place]), np.asarray(high[place])) for place in places]
        if all(
            any(test(figure, right) for figure in forms)
            for forms, right in zip(figures, rights, strict=True)
        ):
            return True
    return False


def _meets_one(value: float, unit: float, right: Interval) -> bool:
    """Whether a number typed to this unit could stand for the right one."""
    return bool(meets(standing_for(np.asarray(value), np.asarray(unit)), right))


def _least_digits(wrong: Wrong) -> int:
    """The digits that an entry needs to prove anything."""
    return LEAST_DIGITS if wrong.mask.size == 1 else 1


def _decimal_slip(judge: Judge, wrong: Wrong) -> bool:
    least = _least_digits(wrong)

    def test(figure: Figure, right: Interval) -> bool:
        if digits(figure.text) < least or figure.value == 0:
            return False
        return any(
            _meets_one(figure.value * 10.0**k, figure.unit * 10.0 ** max(k, 0), right)
            for k in range(-_LARGEST_SHIFT, _LARGEST_SHIFT + 1)
            if k
        )

    return _each_wrong(judge, wrong, test)


def _digits_swapped(judge: Judge, wrong: Wrong) -> bool:
    def test(figure: Figure, right: Interval) -> bool:
        if digits(figure.text) < 2:
            return False
        return any(_meets_one(other, figure.unit, right) for other in exchanged(figure.text))

    return _each_wrong(judge, wrong, test)


def _sign_lost(judge: Judge, wrong: Wrong) -> bool:
    least = _least_digits(wrong)

    def test(figure: Figure, right: Interval) -> bool:
        telling = figure.value != 0 and digits(figure.text) >= least
        return telling and _meets_one(-figure.value, figure.unit, right)

    return _each_wrong(judge, wrong, test)


def _copied(judge: Judge, wrong: Wrong) -> bool:
    value = wrong.written.value
    if not wrong.written.present.all() or (value.size == 1 and not np.any(value)):
        return False
    texts = (padded(text, judge.key.unit) for text in wrong.texts.values())
    if value.size == 1 and min(map(digits, texts), default=0) < LEAST_DIGITS:
        return False
    others = {name: judge.key.truth[name] for name in judge.key.given}
    others |= {name: other.value for name, other in judge.written.items() if name != wrong.name}
    return any(_is_copy(value, other) for other in others.values())


def _is_copy(value: Array, other: Array) -> bool:
    """Whether the numbers are those of another quantity, as they stand there or transposed."""
    if value.size != other.size:
        return False
    return any(np.array_equal(value.ravel(), way.ravel()) for way in (other, other.T))


_TESTS: Mapping[str, Callable[[Judge, Wrong], bool]] = MappingProxyType(
    {
        "transposed": _transposed,
        "wrong-sample": _wrong_sample,
        "decimal-slip": _decimal_slip,
        "digits-swapped": _digits_swapped,
        "sign-lost": _sign_lost,
        "copied": _copied,
    }
)
