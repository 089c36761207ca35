"""A wrong quantity to the slips that show in its values alone: their words, and finding them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from types import MappingProxyType

import numpy as np

from backprop_cli.grading.judging.answer_key import is_jacobian
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.report_data import SlipWords
from backprop_cli.grading.sheets.cells import Figure, digits, exchanged, readings
from backprop_cli.grading.sheets.typed_arrays import Array, Mask, meets, standing_for
from backprop_cli.grading.slips.wrong_quantity import (
    LEAST_DIGITS,
    Wrong,
    as_meant,
    tight,
)
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.operations.masks import every, some

VALUE_SLIPS: Mapping[str, SlipWords] = MappingProxyType(
    {
        words.id: words
        for words in (
            SlipWords("transposed", "the transpose", "This is the transpose of what was asked."),
            SlipWords(
                "wrong-sample",
                "values of another sample",
                "These are the values of another sample of the batch.",
            ),
            SlipWords(
                "decimal-slip",
                "decimal point in the wrong place",
                "The digits are right, the decimal point is not.",
            ),
            SlipWords(
                "digits-swapped",
                "two digits exchanged",
                "Two neighbouring digits have changed places.",
            ),
            SlipWords(
                "units-exchanged",
                "two units exchanged",
                "The numbers are right, and two of them have changed places.",
            ),
            SlipWords(
                "digit-misread",
                "a digit misread",
                "One digit of one number was misread: of a given one, or of one carried on.",
            ),
            SlipWords("sign-lost", "sign lost", "It is right but for its sign."),
            SlipWords(
                "reshape-for-transpose",
                "reshaped instead of transposed",
                "reshape puts the entries in the order of rows: it does not turn a matrix as .T"
                " does.",
            ),
            SlipWords(
                "changed-in-place",
                "changed in its place",
                "These are the values of what is computed from it: it was changed in its place"
                " (+=, *=, or an assignment to its entries) before it was kept.",
            ),
            SlipWords(
                "integer-division",
                "cut off to whole numbers",
                "The fractions are cut off: a division // or an array of whole numbers did that.",
            ),
            SlipWords(
                "constant-factor",
                "a constant factor",
                "Every entry is the right one times the same number.",
            ),
            SlipWords(
                "earlier-step-used",
                "value of an earlier step",
                "A value of an earlier step was used again.",
            ),
            SlipWords(
                "copied",
                "copied from another quantity",
                "These are the values of another quantity.",
            ),
        )
    }
)
"""The words of each by its id."""

Undone = Callable[[Figure], Iterator[tuple[float, float]]]
"""The numbers, with their units, that a figure was before the slip."""

_CLEARLY = 4
"""So many widths of what should stand there a figure is off before rounding cannot be the reason:
within these, exchanged or moved digits explain what honest rounding does, too."""

_KNOWN = 0.5
"""What should stand there is known to this part of itself, or it has no digits to compare with."""

_KNOWN_ALONE = 0.05
"""The same of one figure alone: as many numbers as that have its digits, wherever the point is."""

_LARGEST_SHIFT = 3  # decimal places that a point may be off


def by_value(judge: Judge, wrong: Wrong, *, rounded: bool = True) -> list[str]:
    """The slips that explain every wrong entry by what is right there, steps `rounded` or not."""
    right = right_values(judge, wrong, rounded=rounded)
    return [id for id, explains in _TESTS.items() if explains(judge, wrong, right)]


def right_values(judge: Judge, wrong: Wrong, *, rounded: bool = True) -> Interval:
    """All that would have been right, one behind the other: true, or from the student's own.

    Where that is too wide to prove anything it is not a number.
    """
    ways = [expr for expr in judge.key.formulas.get(wrong.name, ()) if not is_jacobian(expr)]
    found = [point(wrong.truth), *map(judge.on_typed_values, ways)]
    for unit in (None, judge.unit_of_steps(wrong.name)) if rounded else (None,):
        found += [judge.enclosed(expr, False, unit) for expr in ways]
    shape = wrong.written.value.shape
    low, high = (
        np.stack([np.broadcast_to(bound, shape) for bound in bounds])
        for bounds in zip(*found, strict=True)
    )
    tells = tight((low, high), wrong.stands)
    return np.where(tells, low, np.nan), np.where(tells, high, np.nan)


def _transposed(_: Judge, wrong: Wrong, right: Interval) -> bool:
    value = wrong.written.value
    if value.ndim != 2 or value.shape[0] != value.shape[1] or np.array_equal(value, value.T):
        return False
    low, high = wrong.stands
    fits = meets((low.T, high.T), right) | ~wrong.written.present.T
    return some(fits.all(axis=(1, 2)))


def _wrong_sample(_: Judge, wrong: Wrong, right: Interval) -> bool:
    axis = wrong.sample_axis
    if axis is None or wrong.written.value.ndim != 2:
        return False
    low, high = (np.moveaxis(bound, axis, 0) for bound in wrong.stands)
    mask = np.moveaxis(wrong.mask, axis, 0)
    ways = (np.moveaxis(bound, axis + 1, 1) for bound in right)
    for rows in zip(*ways, strict=True):
        if all(
            _is_another(low[s], high[s], rows, s) for s in np.flatnonzero(mask.any(axis=1)).tolist()
        ):
            return True
    return False


def _is_another(low: Array, high: Array, rows: tuple[Array, ...], own: int) -> bool:
    others = [s for s in range(len(rows[0])) if s != own]
    return any(every(meets((low, high), (rows[0][s], rows[1][s]))) for s in others)


def _each_wrong(judge: Judge, wrong: Wrong, right: Interval, undone: Undone) -> bool:
    """Whether each wrong entry was right before the slip, by one and the same way to be right."""
    explained: Mask = np.ones(len(right[0]), dtype=bool)
    share = _KNOWN_ALONE if wrong.alone else _KNOWN
    low, high = (bound.reshape(len(bound), -1) for bound in right)
    places = map(tuple, np.argwhere(wrong.mask).tolist())
    for place, at in zip(places, np.flatnonzero(wrong.mask).tolist(), strict=True):
        if wrong.truth[place] == 0:
            return False  # no digits, no sign, no point that could have been moved
        figure = wrong.figure(place)
        forms = [figure] if judge.key.assumed else list(readings(figure, judge.key.unit))
        numbers = np.array([one for form in forms for one in undone(form)]).reshape(-1, 2, 1)
        fits = meets(standing_for(numbers[:, 0], numbers[:, 1]), (low[:, at], high[:, at]))
        off = np.abs(numbers[:, 0] - wrong.written.value[place])
        clear = off > _CLEARLY * (high[:, at] - low[:, at])  # rounding makes small differences
        known = high[:, at] - low[:, at] <= share * np.abs(numbers[:, 0])  # else it has no digits
        explained = explained & (fits & clear & known).any(axis=0)
        if not some(explained):
            return False
    return True


def _least_digits(wrong: Wrong) -> int:
    """The digits that an entry needs to prove anything."""
    return LEAST_DIGITS if wrong.alone else 1


def _decimal_slip(judge: Judge, wrong: Wrong, right: Interval) -> bool:
    least = _least_digits(wrong)

    def undone(figure: Figure) -> Iterator[tuple[float, float]]:
        if digits(figure.text) >= least and figure.value != 0:
            for k in range(-_LARGEST_SHIFT, _LARGEST_SHIFT + 1):
                if k:
                    yield figure.value * 10.0**k, figure.unit * 10.0**k
                if k < 0 and _ends_in_zeros(figure, -k):  # 2.34 with its two decimals: 23.40
                    yield figure.value * 10.0**k, figure.unit

    return _each_wrong(judge, wrong, right, undone) or _slipped_change(wrong, right)


def _ends_in_zeros(figure: Figure, count: int) -> bool:
    """Whether the last digits of a number with decimals are so many zeros."""
    return "." in figure.text and figure.text.endswith("0" * count)


def _slipped_change(wrong: Wrong, right: Interval) -> bool:
    """Whether a new parameter has changed by ten times, or a tenth of, what it should.

    A change has few digits of its own, so that it takes several of them together.
    """
    old = wrong.old
    if old is None:
        return False
    low, high = (bound - old for bound in wrong.stands)
    unit = wrong.unit
    change = wrong.written.value - old
    with np.errstate(all="ignore"):
        counts = np.where(wrong.mask, np.floor(np.log10(np.abs(change) / unit) + 1e-9) + 1, 0.0)
    if np.where(np.isfinite(counts), np.maximum(counts, 0.0), 0.0).sum() < LEAST_DIGITS + 1:
        return False
    for factor in (10.0, 0.1):
        fits = meets((old + factor * low, old + factor * high), right) | ~wrong.written.present
        clear = np.abs((factor - 1) * change) > unit
        found = (fits & clear) | ~wrong.mask
        if some(found.reshape(len(found), -1).all(axis=1)):
            return True
    return False


def _digits_swapped(judge: Judge, wrong: Wrong, right: Interval) -> bool:
    def undone(figure: Figure) -> Iterator[tuple[float, float]]:
        if digits(figure.text) >= 2:
            yield from ((other, figure.unit) for other in exchanged(figure.text))

    return _each_wrong(judge, wrong, right, undone)


def _sign_lost(judge: Judge, wrong: Wrong, right: Interval) -> bool:
    least = _least_digits(wrong)

    def undone(figure: Figure) -> Iterator[tuple[float, float]]:
        if digits(figure.text) >= least and figure.value != 0:
            yield -figure.value, figure.unit

    return _each_wrong(judge, wrong, right, undone)


def _units_exchanged(judge: Judge, wrong: Wrong, right: Interval) -> bool:
    """Whether two entries, rows or columns stand in each other's place, and all else is right."""
    value = wrong.written.value
    texts = [wrong.texts.get(place, "") for place in map(tuple, np.argwhere(wrong.mask).tolist())]
    if sum(digits(as_meant(judge, text)) for text in texts) < LEAST_DIGITS:
        return False
    stands = wrong.stands
    for axis, size in enumerate(value.shape):
        if axis == wrong.sample_axis:
            continue
        for pair in combinations(range(size), 2):
            order = np.arange(size)
            order[list(pair)] = pair[::-1]
            low, high = (np.take(bound, order, axis) for bound in stands)
            fits = meets((low, high), right) | ~np.take(wrong.written.present, order, axis)
            if some(fits.reshape(len(fits), -1).all(axis=1)):
                return True
    return False


def _copied(judge: Judge, wrong: Wrong, _: Interval) -> bool:
    """Whether the numbers are another's, with digits enough that it is no chance."""
    if not wrong.written.complete:
        return False
    texts = (as_meant(judge, text) for text in wrong.texts.values())
    told = sum(map(digits, texts)) >= LEAST_DIGITS or _is_left(judge, wrong)
    return told and bool(copied_from(judge, wrong.name))


def _is_left(judge: Judge, wrong: Wrong) -> bool:
    """Whether a parameter is as it was: it has no more digits, where the sheet has enough.

    A 0 is copied from nowhere.
    """
    left = wrong.old is not None and every(wrong.written.value == wrong.old)
    return left and bool(wrong.written.value.any()) and not judge.digits.are_few


def copied_from(judge: Judge, name: str) -> list[str]:
    """The quantities with the values typed, but for those that only follow from them."""
    order = {id: place for place, id in enumerate(judge.key.formulas)}
    others = {given: judge.key.truth[given] for given in sorted(judge.key.given)}
    branches = _branches_beside(judge, name)
    for other in sorted(judge.written.keys() - {name}, key=lambda id: order.get(id, -1)):
        judged = judge.judged.get(other)
        had = other in branches or order.get(other, -1) < order.get(name, len(order))
        if had or judged is None or some(judged.verdicts == "wrong"):
            others[other] = judge.written[other].value
    value = judge.written[name].value
    return [other for other, values in others.items() if _is_copy(value, values)]


def _branches_beside(judge: Judge, name: str) -> set[str]:
    """The gradients that do not follow from one: who works them out first has them by then."""
    gradients = set(judge.key.gradients.values())
    return gradients - judge.key.following(name) if name in gradients else set()


def _is_copy(value: Array, other: Array) -> bool:
    """Whether the numbers are those of another quantity, as they stand there or transposed."""
    if value.size != other.size:
        return False
    return every(value.ravel() == other.ravel()) or every(value.ravel() == other.T.ravel())


_TESTS: Mapping[str, Callable[[Judge, Wrong, Interval], bool]] = MappingProxyType(
    {
        "transposed": _transposed,
        "wrong-sample": _wrong_sample,
        "decimal-slip": _decimal_slip,
        "digits-swapped": _digits_swapped,
        "units-exchanged": _units_exchanged,
        "sign-lost": _sign_lost,
        "copied": _copied,
    }
)
