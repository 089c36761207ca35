"""A wrong value that no slip explains -> what it might be: a share of the right one, two slips at
once, two quantities put together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr
from backprop_cli.algebra.quantity import quantity
from backprop_cli.errors import UserError
from backprop_cli.grading.grader import Grader
from backprop_cli.grading.report_data import Shared
from backprop_cli.grading.sheets.cells import Budget, UnreadableError, read_cells
from backprop_cli.grading.slips.case import Case
from backprop_cli.grading.slips.plain_workings import Values
from backprop_cli.grading.slips.table_of_slips import SLIP_WORDS, rewrites
from backprop_cli.grading.summary import Count
from backprop_cli.problem.text.tree import ScalarNode

Array = NDArray[np.float64]

_MOST_LOOKED_AT: Final = 40  # values of a quantity
_MOST_TRIED: Final = 120  # values of a report
_LARGEST_RATIO: Final = 12  # in p/q
_MOST_FIRST: Final = 30  # wrong formulas to which a second slip is added
_MOST_NAMES: Final = 40  # quantities that are put together by twos
_ROOM, _SHARE = 2.0, 0.001
"""Typed units, and a share of the value, that rounding on the way may amount to."""
_MARGIN: Final = 1.5
"""Decimal digits more than it takes to tell apart all that was tried: one in thirty by chance."""


class Guess(Struct, frozen=True):
    """What a value might be, in words; the digits that say so, and those that it takes."""

    words: str
    digits: float
    needed: float


class Guesser:
    """What wrong values of one problem might be. Worked out for a quantity when first asked."""

    def __init__(self, grader: Grader) -> None:
        self._grader = grader
        self._pools: dict[str, _Pool] = {}

    def guesses(self, name: str, text: str) -> Iterator[Guess]:
        """What gives a value, written as its entries one behind the other."""
        truth = self._grader.key.truth.get(name)
        typed = None if truth is None else _typed(text, truth.shape)
        if truth is None or typed is None:
            return
        own = _Own.of(typed, truth)
        if not own.wrong.any():
            return
        if name not in self._pools:
            self._pools[name] = _Pool(self._grader, name)
        yield from self._pools[name].giving(own)


class SharedValues:
    """What the unexplained wrong values of a class have in common, each in its own numbers.

    `grader_of` gives the grader of a student. One mistake in the numbers of many leaves less to
    chance than in those of one.
    """

    def __init__(self, grader_of: Callable[[str], Grader]) -> None:
        self._grader_of = grader_of
        self._guessers: dict[int, Guesser] = {}
        self._left = _MOST_TRIED

    def __call__(self, name: str, count: Count) -> tuple[Shared, ...]:
        """The values that several wrote, and what they might be, the most frequent first."""
        if count.written_by(count.writers) < 2:
            return ()
        often = sorted(count.writers, key=lambda text: -len(count.writers[text]))[:_MOST_LOOKED_AT]
        found = _proved({text: list(self._guesses(name, text, count)) for text in often})
        alike: dict[str, list[str]] = defaultdict(list)
        for text in often:
            alike[found.get(text, "")].append(text)
        shared = [Shared(text, len(count.writers[text])) for text in alike.pop("", ())]
        for words, texts in alike.items():
            text = texts[0] if len(texts) == 1 else ""
            shared.append(Shared(text, count.written_by(texts), words))
        return tuple(sorted((one for one in shared if one.count > 1), key=lambda one: -one.count))

    def _guesses(self, name: str, text: str, count: Count) -> Iterator[tuple[int, Guess]]:
        """What a value might be, and in whose numbers."""
        if self._left <= 0:
            return
        grader = self._grader_of(next(iter(count.writers[text].values())))
        if name not in grader.key.truth:
            return
        self._left -= 1
        guesser = self._guessers.setdefault(id(grader), Guesser(grader))
        yield from ((id(grader), guess) for guess in guesser.guesses(name, text))


def _proved(guesses: Mapping[str, list[tuple[int, Guess]]]) -> dict[str, str]:
    """The first words for each text that the digits prove, together with those of others."""
    digits: dict[str, dict[int, float]] = defaultdict(dict)
    for found in guesses.values():
        for whose, guess in found:
            digits[guess.words][whose] = max(guess.digits, digits[guess.words].get(whose, 0.0))
    sure = {words: sum(own.values()) for words, own in digits.items()}
    proved = (
        (text, next((one.words for _, one in found if sure[one.words] >= one.needed), ""))
        for text, found in guesses.items()
    )
    return {text: words for text, words in proved if words}


class _Own(Struct, frozen=True):
    """What was typed: numbers, how far off they may be, which of them are there, which wrong."""

    value: Array
    room: Array
    present: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    digits: float

    @classmethod
    def of(cls, typed: tuple[Array, Array], truth: Array) -> _Own:
        value, unit = typed
        present = np.isfinite(value)
        room = np.where(present, _ROOM * unit + _SHARE * np.abs(value), np.inf)
        wrong = present & (np.abs(value - truth) > room)
        around = np.maximum(np.maximum(np.abs(value), np.abs(truth)), room)
        digits = np.log10(np.where(wrong, around / np.maximum(room, 1e-12 * around), 1.0))
        return cls(value, room, present, wrong, float(np.sum(digits)))

    def met_by(self, values: Array) -> NDArray[np.bool_]:
        """Which of several values it may be."""
        close = (np.abs(values - self.value) <= self.room) | ~self.present
        return np.asarray(close.reshape(len(values), -1).all(axis=1))


def _typed(text: str, shape: tuple[int, ...]) -> tuple[Array, Array] | None:
    """The numbers and the units of their digits; None where they are no entries of this shape."""
    words = text.split(" ")
    if len(words) != int(np.prod(shape)):
        return None
    try:
        cells = [read_cells(ScalarNode(word, "plain", 1, 1), (), Budget()).cells for word in words]
    except UnreadableError:
        return None
    found = [cell.get(()) for cell in cells]
    value = np.array([np.nan if one is None else one.value for one in found]).reshape(shape)
    unit = np.array([0.0 if one is None else one.unit or 0.0 for one in found]).reshape(shape)
    return value, unit


class _Pool:
    """All that a wrong value of one quantity is compared with, in the order of how simple it is."""

    def __init__(self, grader: Grader, name: str) -> None:
        self._grader, self._name = grader, name
        self._true = Values(grader.key.truth)
        self._truth = grader.key.truth[name]

    def giving(self, own: _Own) -> Iterator[Guess]:
        tried = 0
        for words, values in self._kinds:
            tried += len(words)
            needed = np.log10(max(tried, 1)) + _MARGIN
            hits = np.flatnonzero(own.met_by(values)) if words else ()
            yield from (Guess(words[hit], own.digits, float(needed)) for hit in hits)

    @cached_property
    def _kinds(self) -> list[tuple[list[str], Array]]:
        kinds = (self._shares, self._two_slips, self._two_quantities)
        return [self._stacked(kind) for kind in kinds]

    def _stacked(self, kind: Callable[[], Iterator[tuple[str, Array]]]) -> tuple[list[str], Array]:
        """The different ones of a kind that are of the quantity's shape."""
        found: dict[bytes, tuple[str, Array]] = {}
        with np.errstate(all="ignore"):
            for words, value in kind():
                if np.shape(value) == self._truth.shape and np.isfinite(value).all():
                    found.setdefault(np.round(value, 9).tobytes(), (words, value))
        return [words for words, _ in found.values()], np.array([one for _, one in found.values()])

    # Shares of the right value ------------------------------------------------------------------

    def _shares(self) -> Iterator[tuple[str, Array]]:
        sizes = range(1, _LARGEST_RATIO + 1)
        for p, q in ((p, q) for p in sizes for q in sizes if np.gcd(p, q) == 1):
            share = str(p) if q == 1 else f"{p}/{q}"
            for sign in ("", "-"):
                if sign or p != q:
                    size = -p / q if sign else p / q
                    yield f"{sign}{share} times the right value", size * self._truth

    # Two slips ----------------------------------------------------------------------------------

    def _two_slips(self) -> Iterator[tuple[str, Array]]:
        """The quantity with one known mistake made in its formula, and then another."""
        case = self._case
        if case is None:
            return
        firsts = list(_mistaken(case))[:_MOST_FIRST]
        for first, expr in firsts:
            changed = replace(case, step=replace(case.step, expr=expr), _kept={})
            for second, other in _mistaken(changed):
                titles = dict.fromkeys(SLIP_WORDS[id].title for id in (first, second))
                if len(titles) > 1:
                    yield " and ".join(titles), self._true.of(other)

    @property
    def _case(self) -> Case | None:
        step = self._grader.steps.get(self._name)
        return None if step is None else self._grader.case(step)

    # Two quantities -----------------------------------------------------------------------------

    def _two_quantities(self) -> Iterator[tuple[str, Array]]:
        """It and those before it, two by two: added, subtracted, multiplied or divided."""
        known = self._before()
        for one, a in known.items():
            for other, b in known.items():
                if a.shape == b.shape == self._truth.shape or () in (a.shape, b.shape):
                    yield from _together(one, a, other, b)
                yield from _products(one, a, other, b)

    def _before(self) -> Mapping[str, Array]:
        truth = self._grader.key.truth
        order = [*self._grader.key.given, *self._grader.order]
        order = order[: order.index(self._name) + 1] if self._name in order else order
        near = [name for name in order if name in truth and quantity(name).step == 1]
        return {name: truth[name] for name in dict.fromkeys(near[-_MOST_NAMES:])}


def _mistaken(case: Case) -> Iterator[tuple[str, Expr]]:
    """The formulas that known mistakes lead to; what any part may undergo would have no end."""
    for id, rewrite in rewrites(programs=False):
        try:
            yield from ((id, expr) for expr in rewrite(case) if case.fits(expr))
        except (UserError, KeyError, ValueError):
            continue


def _together(one: str, a: Array, other: str, b: Array) -> Iterator[tuple[str, Array]]:
    if one <= other:
        yield f"{one} + {other}", a + b
        yield f"{one} * {other}", a * b
    if one != other:
        yield f"{one} - {other}", a - b
        yield f"{one} / {other}", a / b


def _products(one: str, a: Array, other: str, b: Array) -> Iterator[tuple[str, Array]]:
    """Products of matrices and vectors, either turned or not."""
    if max(a.ndim, b.ndim) > 2:
        return
    for first, left in ((one, a), (f"{one}.T", a.T))[: a.ndim]:
        for second, right in ((other, b), (f"{other}.T", b.T))[: b.ndim]:
            if 2 < left.ndim + right.ndim < 5 and left.shape[-1] == right.shape[0]:
                yield f"{first} @ {second}", left @ right
    if a.ndim == b.ndim == 1:
        yield f"{one} @ {other}.T", np.outer(a, b)
