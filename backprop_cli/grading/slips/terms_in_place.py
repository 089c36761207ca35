"""Wrong formulas to the entries that a mistake reached; the others are right, or nobody wrote them.

A written-out gradient is a sum of terms, each in its place, and a wrong one differs in a term or
two. Where none of these stands it is the right sum, however it is grouped. If what was typed there
lies nowhere about that, no such formula gives it, and none of them has to be worked out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Folded, Num, Op, Sym, op
from backprop_cli.grading.sheets.typed_arrays import Array, Mask
from backprop_cli.operations.bounds import Interval
from backprop_cli.readings.units import SLACK, Unit

Index: TypeAlias = "tuple[int, ...]"
_Term: TypeAlias = "tuple[int, object]"
"""The sign of a term, and which one it is."""
_Terms: TypeAlias = "Mapping[Index, frozenset[_Term]]"
"""The terms that are added up in each place; () is all of the array."""

_BESIDE_THE_TERMS = 2
"""Roundings of an entry beside those of its terms: of what starts the sum, and of all of it."""


class Placed(Struct, frozen=True):
    """The terms of the right formula as rows, where each stands with which sign, and the places
    that each wrong formula changes, by its identity. Its `own` terms there, and how many `parts` it
    has.
    """

    terms: Expr
    places: Sequence[tuple[Index, int]]
    changed: Mapping[int, frozenset[Index]]
    own: Own
    parts: Mapping[int, int]

    @property
    def size(self) -> int:
        """How much this is to keep."""
        return len(self.places) + len(self.changed) + len(self.own.terms)


class Own(Struct, frozen=True):
    """The terms that wrong formulas have in the entries that they change.

    `entries` are all of these, one behind the other, each with the number of its formula; `terms`
    tell of each term in which of the entries it stands, with which sign, and which it is.
    """

    numbers: Mapping[int, int]
    leaves: Sequence[Expr]
    entries: NDArray[np.intp]
    terms: NDArray[np.intp]

    def of(self, some: Iterable[Expr]) -> Own:
        """The same of some of the formulas alone."""
        numbers = {id(one): self.numbers[id(one)] for one in some if id(one) in self.numbers}
        kept = np.isin(self.entries[:, 0], [*numbers.values()])
        terms = self.terms[kept[self.terms[:, 0]]]
        used, which = np.unique(terms[:, 2], return_inverse=True)
        entry = (np.cumsum(kept) - 1)[terms[:, 0]]
        leaves = [self.leaves[one] for one in used.tolist()]
        return Own(numbers, leaves, self.entries[kept], np.stack([entry, terms[:, 1], which], 1))

    @property
    def places(self) -> tuple[NDArray[np.intp], ...]:
        """Where the entries stand in their array."""
        return tuple(self.entries[:, 1:].T)

    def sums(self, terms: Interval, unit: Unit) -> Interval:
        """Where the entries lie, however their terms are grouped and each sum is rounded."""
        low, high = (end[self.terms[:, 2]] for end in terms)
        return _sums(len(self.entries), self.terms[:, 0], self.terms[:, 1], (low, high), unit)

    def with_an_entry(self, where: Mask) -> frozenset[int]:
        """The formulas, by their identity, of which an entry is one of those."""
        found = {*self.entries[where, 0].tolist()}
        return frozenset(one for one, number in self.numbers.items() if number in found)


def placed(right: Expr, wrong: Sequence[Expr], axes: int) -> Placed | None:
    """What wrong formulas change in the right one; None where its terms are no single entries."""
    found = _Placing()
    terms = found.of(right)
    if any(len(place) < axes for place in terms):
        return None
    listed = [(place, sign, key) for place, each in terms.items() for sign, key in each]
    made = {id(one): found.of(one) for one in wrong}
    changed = {one: _changed(own, terms) for one, own in made.items()}
    return Placed(
        op("stack", *(found.leaves[key] for _, _, key in listed)),
        [(place, sign) for place, sign, _ in listed],
        changed,
        _own(made, changed, found.leaves, axes),
        parts_of_each(wrong),
    )


def _own(
    made: Mapping[int, _Terms],
    changed: Mapping[int, frozenset[Index]],
    leaves: Mapping[object, Expr],
    axes: int,
) -> Own:
    """What formulas that are made of single entries have in those that they change."""
    order = {key: which for which, key in enumerate(leaves)}
    numbers: dict[int, int] = {}
    entries: list[tuple[int, ...]] = []
    terms: list[tuple[int, int, int]] = []
    for one, places in changed.items():
        if all(len(place) == axes for place in places):
            numbers[one] = len(numbers)
            for place in places:
                each = made[one].get(place, ())
                terms += [(len(entries), sign, order[_once(key)]) for sign, key in each]
                entries.append((numbers[one], *place))
    return Own(
        numbers,
        list(leaves.values()),
        np.array(entries, dtype=np.intp).reshape(-1, 1 + axes),
        np.array(terms, dtype=np.intp).reshape(-1, 3),
    )


def _once(key: object) -> object:
    """Which term it is, though it stands there again."""
    while isinstance(key, tuple) and key[1:] == (_AGAIN,):
        key = key[0]
    return key


_AGAIN = "again"


def _changed(one: _Terms, right: _Terms) -> frozenset[Index]:
    """The places where these are not the same terms."""
    own = [place for place, terms in one.items() if right.get(place) != terms]
    return frozenset([*own, *(place for place in right if place not in one)])


class _Placing:
    """Formulas to their terms, what they share once."""

    def __init__(self) -> None:
        self.leaves: dict[object, Expr] = {}
        self._terms: Folded[_Terms] = Folded(self._leaf, self._of)

    def of(self, expr: Expr) -> _Terms:
        """The terms of a formula."""
        return self._terms.of(expr)

    def _leaf(self, leaf: Expr) -> _Terms:
        key: object = leaf if isinstance(leaf, Sym | Num) else id(leaf)
        self.leaves[key] = leaf  # held: no other has its identity
        return {(): frozenset({(1, key)})}

    def _scaled(self, node: Op, place: Index) -> frozenset[_Term]:
        """What a multiple has in one place: where nothing stands it has nothing."""
        key = id(node), place
        self.leaves[key] = op("at", node, index=place)
        return frozenset({(1, key)})

    def _of(self, node: Op, args: list[_Terms]) -> _Terms:
        match node.name:
            case "neg":
                return _signs_changed(args[0])
            case "add":
                return _together(args[0], args[1])
            case "sub":
                return _together(args[0], _signs_changed(args[1]))
            case "stack":
                rows = enumerate(args)
                return {(i, *place): each for i, row in rows for place, each in row.items()}
            case "place" if (whole := _one_place(node)) is not None:
                return {(*whole, *place): each for place, each in args[0].items()}
            case "mul" | "div" if (of := _multiple_of(node)) is not None and () not in args[of]:
                return {place: self._scaled(node, place) for place in args[of]}
        return self._leaf(node)


def _multiple_of(node: Op) -> int | None:
    """Which argument stands there so many times; None where neither is a number."""
    if isinstance(node.args[1], Num):
        return 0
    return 1 if node.name == "mul" and isinstance(node.args[0], Num) else None


def _one_place(node: Op) -> Index | None:
    """The entry, or row, that is filled; None where it is several."""
    index = node.option("index")
    assert isinstance(index, tuple), node
    whole = tuple(one for one in index if isinstance(one, int))
    return whole if len(whole) == len(index) else None


def _signs_changed(terms: _Terms) -> _Terms:
    return {place: frozenset((-sign, key) for sign, key in each) for place, each in terms.items()}


def _together(left: _Terms, right: _Terms) -> _Terms:
    found = dict(left)
    for place, each in right.items():
        before = found.get(place)
        if before is None or before.isdisjoint(each):
            found[place] = each if before is None else before | each
        else:  # a term that stands twice is another than one that stands once
            again = {(sign, (key, _AGAIN)) for sign, key in before & each}
            found[place] = before | each | again
    return found


def right_sum(found: Placed, terms: Interval, unit: Unit, shape: tuple[int, ...]) -> Interval:
    """Where the sum of the right terms lies, however they are grouped and each sum is rounded."""
    listed = [place for place, _ in found.places]
    places = np.array(listed, dtype=np.intp).reshape(len(listed), len(shape))
    entries = places @ np.cumprod((1, *shape[:0:-1]))[: len(shape)][::-1]
    signs = np.array([sign for _, sign in found.places])
    low, high = _sums(prod(shape), entries, signs, terms, unit)
    return low.reshape(shape), high.reshape(shape)


def _sums(
    count: int, entries: NDArray[np.intp], signs: NDArray[np.intp], terms: Interval, unit: Unit
) -> Interval:
    """Where sums lie of terms, each of which stands with a sign in one of so many entries."""
    least, most = unit.widened(terms)

    def added(each: Array | Mask | None) -> Array:
        return np.bincount(entries, each, count).astype(float)

    low = added(np.where(signs > 0, least, -most))
    high = added(np.where(signs > 0, most, -least))
    size = added(np.maximum(np.abs(least), np.abs(most)))
    loose = unit.significant | (added(least != most) > 0)  # of decimals in full no sum has more
    room = np.where(loose, _room(unit, size, added(None) + _BESIDE_THE_TERMS), SLACK * size)
    return low - room, high + room


def _room(unit: Unit, size: Array, roundings: Array) -> Array:
    """How far so many roundings, one after the other, lead from numbers of a size at most."""
    if not unit.significant:
        return np.asarray(roundings * unit.at(size))
    return np.asarray(size * ((1 + 10.0 ** (1 - unit.count)) ** roundings - 1))


def reaches(changed: Iterable[Index], off: Mask) -> bool:
    """Whether all that is off lies in places that are changed."""
    left = off.copy()
    for place in changed:
        left[place] = False
    return not left.any()


# How many parts formulas have ---------------------------------------------------------------------


def parts_of_each(formulas: Sequence[Expr]) -> Mapping[int, int]:
    """How many different parts each formula has, by its identity; what they share is seen once.

    As many as `in_order` lists. Parts are told apart by identity.
    """
    shared = _shared(formulas)
    below = _Below()
    return {id(one): _count(one, shared, below) for one in formulas}


def _shared(formulas: Sequence[Expr]) -> Mapping[int, Expr]:
    """What several parts are made of, or what is a formula and a part of another."""
    seen: dict[int, Expr] = {}
    shared: dict[int, Expr] = {}
    for one in {id(one): one for one in formulas}.values():
        stack = [one]
        while stack:
            node = stack.pop()
            if id(node) in seen:
                shared[id(node)] = node
                continue
            seen[id(node)] = node
            if isinstance(node, Op):
                stack += node.args
    return shared


class _Below:
    """What is shared to all its parts, each of them one bit of a number."""

    def __init__(self) -> None:
        self._bits: dict[int, int] = {}
        self._parts: Folded[int] = Folded(self._bit, self._of)

    def of(self, expr: Expr) -> int:
        """The parts of something that is shared, itself among them."""
        return self._parts.of(expr)

    def _bit(self, node: Expr) -> int:
        return 1 << self._bits.setdefault(id(node), len(self._bits))

    def _of(self, node: Op, args: list[int]) -> int:
        found = self._bit(node)
        for arg in args:
            found |= arg
        return found


def _count(expr: Expr, shared: Mapping[int, Expr], below: _Below) -> int:
    own, others = 0, 0
    for node in _down_to(expr, shared):
        if id(node) in shared:
            others |= below.of(node)
        else:
            own += 1  # nothing else is made of it, so that it is met once
    return own + others.bit_count()


def _down_to(expr: Expr, shared: Mapping[int, Expr]) -> Iterator[Sym | Num | Op]:
    """The parts of a formula down to what it shares."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Op) and id(node) not in shared:
            stack += node.args
