"""Labelled points -> the fewest threshold units that tell them apart, and what joins them.

Exact: a unit of the hidden layer parts the points in one of the ways of `dichotomies`, all of
which are known; and threshold units of up to five inputs need no larger whole weights than those
that are tried for the output. So where a search ends without a network, there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import product
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.classroom.dichotomies import Cut, Point, cuts

MOST_HIDDEN: Final = 5
"""So many hidden units are tried."""

MOST_LOOKS: Final = 60_000
"""So many sets of units are looked at until the search ends without a statement."""

_LARGEST: Final = {1: 1, 2: 1, 3: 2, 4: 3, 5: 5}
"""The largest whole weight that a threshold unit of so many inputs ever needs (Muroga 1971)."""


class Separated(Struct, frozen=True):
    """The hidden units, and the weights and bias of the output; no hidden units where one unit
    does it, which is then `hidden` alone."""

    hidden: tuple[Cut, ...]
    weights: tuple[int, ...]
    bias: Fraction


class TooManyLooksError(Exception):
    """The search was ended before it could say that there is no network."""


def separated(points: Sequence[Point], labels: Sequence[int]) -> Separated | None:
    """The network with the fewest hidden units; None where none of so many does it.

    TooManyLooksError where that could not be found out within the bound.
    """
    return _Search(points, labels).found()


class _Search:
    def __init__(self, points: Sequence[Point], labels: Sequence[int]) -> None:
        self._labels = labels
        self._cuts = cuts(points)
        self._looks = 0
        ones = [n for n, label in enumerate(labels) if label]
        zeros = [n for n, label in enumerate(labels) if not label]
        self._parting = {  # of a one and a zero, the cuts that have them on different sides
            (one, zero): [
                place
                for place, cut in enumerate(self._cuts)
                if (cut.on >> one & 1) != (cut.on >> zero & 1)
            ]
            for one in ones
            for zero in zeros
        }

    def found(self) -> Separated | None:
        """The first network that does it, from few units to many."""
        for count in range(1, MOST_HIDDEN + 1):
            if (network := self._with((), count)) is not None:
                return network
        return None

    def _with(self, chosen: tuple[int, ...], more: int) -> Separated | None:
        """A network with these units and so many more."""
        self._looks += 1
        if self._looks > MOST_LOOKS:
            raise TooManyLooksError
        if not more:
            return self._joined(chosen)
        for place in self._next(chosen, more):
            network = self._with((*chosen, place), more - 1)
            if network is not None:
                return network
        return None

    def _next(self, chosen: tuple[int, ...], more: int) -> Iterator[int]:
        """The units of which one has to be among those still to come.

        A one and a zero that no unit parts yet have to be parted by some unit, so only units that
        part them are worth a look; of all such pairs, one with the fewest of these is taken.
        """
        taken = set(chosen)
        open_ = [them for them in self._parting.values() if not taken.intersection(them)]
        if not open_:
            yield from (n for n in range(len(self._cuts)) if n not in taken)
            return
        fewest = min(open_, key=len)
        if more == 1:
            left = set(fewest).intersection(*map(set, open_))
            yield from (place for place in fewest if place in left)
        else:
            yield from fewest

    # The output -----------------------------------------------------------------------------------

    def _joined(self, chosen: tuple[int, ...]) -> Separated | None:
        """The output for these units, where one threshold unit behind them will do."""
        units = [self._cuts[place] for place in chosen]
        seen: dict[tuple[int, ...], int] = {}
        for n, label in enumerate(self._labels):
            signs = tuple(unit.on >> n & 1 for unit in units)
            if seen.setdefault(signs, label) != label:
                return None
        ones = frozenset(signs for signs, label in seen.items() if label)
        zeros = frozenset(signs for signs, label in seen.items() if not label)
        output = threshold(ones, zeros)
        return None if output is None else Separated(tuple(units), *output)


@cache
def threshold(
    ones: frozenset[tuple[int, ...]], zeros: frozenset[tuple[int, ...]]
) -> tuple[tuple[int, ...], Fraction] | None:
    """Whole weights and a bias above 0 at the ones and below 0 at the zeros; None: there are none.

    There is one of each at least.
    """
    count = len(next(iter(ones)))
    weights = _weights(count)
    low = (weights @ np.array(sorted(ones)).T).min(axis=1)
    high = (weights @ np.array(sorted(zeros)).T).max(axis=1)
    fitting = np.flatnonzero(low > high)
    if not fitting.size:
        return None
    first = int(fitting[0])
    bias = -Fraction(int(low[first]) + int(high[first]), 2)
    return tuple(map(int, weights[first])), bias


@cache
def _weights(count: int) -> NDArray[np.int64]:
    """All whole weights that may be needed, the smallest first."""
    size = _LARGEST[count]
    every = product(range(-size, size + 1), repeat=count)
    return np.array(sorted(every, key=lambda one: (sum(map(abs, one)), [-w for w in one])))
