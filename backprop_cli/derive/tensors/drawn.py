"""The entry of a factor to its matrix or slices, drawn entry by entry with dots in the middle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from backprop_cli.algebra.expr import Expr, Sym, num, op
from backprop_cli.algebra.shapes import plus
from backprop_cli.derive.derivation_data import Condition
from backprop_cli.derive.derivation_nodes import Range
from backprop_cli.derive.simplify.contract import Contraction, at_places
from backprop_cli.derive.simplify.monomials import tidy, weight
from backprop_cli.derive.tensors.entrywise import Letters
from backprop_cli.derive.tensors.factor import factor_name
from backprop_cli.derive.tensors.gradient_data import Dots, Drawing, Factor, Setting, Slice
from backprop_cli.derive.tensors.product import shape_of

_WHOLE = 4  # numbers up to which nothing is left out
_MOST_SLICES = 3

Ranges = Mapping[str, Range]
Spot = str | None
"""A place along an axis; None where some are left out."""


def drawing(setting: Setting, found: Factor, ranges: Ranges) -> Drawing | None:
    """The factor as a vector, a matrix, or slices of a tensor; None for a number."""
    of = _letters(setting, found.of.name, found.of.letters)
    by = _letters(setting, found.by.name, found.by.letters)
    if not of and not by:
        return None
    fixed, first, second = _axes(of, by, setting.denominator)
    slices, more = _slices(found.entry, (fixed, first, second), ranges)
    left = factor_name(Sym(found.of.name), Sym(found.by.name), setting.definitions)
    return Drawing(left, slices, shape_of(setting, found.of.name, found.by.name), more)


def _letters(setting: Setting, name: str, letters: Letters) -> Letters:
    """The letters of the axes of one sample."""
    return tuple(map(str, setting.unsampled(name, letters)))


def _axes(of: Letters, by: Letters, denominator: bool) -> tuple[Letters, str, str]:
    """The letters fixed in a slice, and those of its rows and columns ("" in a vector)."""
    if len(by) >= 2:
        return (*of, *by[:-2]), by[-2], by[-1]
    if len(of) >= 2:
        return (*by, *of[:-2]), of[-2], of[-1]
    if len(of) == len(by) == 1:
        return ((), by[0], of[0]) if denominator else ((), of[0], by[0])
    return (), (of or by)[0], ""


def _slices(
    entry: Expr, axes: tuple[Letters, str, str], ranges: Ranges
) -> tuple[tuple[Slice, ...], bool]:
    fixed, rows, columns = axes
    spots = [*product(*(_ends(_range(letter, ranges)) for letter in fixed))]
    shown = spots if len(spots) <= _MOST_SLICES else [*spots[: _MOST_SLICES - 1], spots[-1]]
    slices = tuple(
        _slice(entry, where, (rows, columns), ranges)
        for where in (dict(zip(fixed, spot, strict=True)) for spot in shown)
    )
    every = all(None not in _spots(_range(letter, ranges)) for letter in fixed)
    return slices, not (every and len(shown) == len(spots))


def _slice(entry: Expr, where: Mapping[str, str], axes: tuple[str, str], ranges: Ranges) -> Slice:
    rows, columns = axes
    ends = frozenset(spot for range_ in ranges.values() for spot in _ends(range_))
    across = _spots(_range(columns, ranges)) if columns else ["1"]
    left = Contraction(ranges, "picked")

    def drawn(r: Spot, c: Spot) -> Expr | Dots:
        found = _drawn(entry, (rows, columns), (r, c), where, ends)
        return found if isinstance(found, Dots) else left.apply(found)

    grid = tuple(tuple(drawn(r, c) for c in across) for r in _spots(_range(rows, ranges)))
    conditions = tuple(
        Condition(Sym(letter), "=", _number(spot))
        for letter, spot in where.items()
        if not letter.isdecimal()
    )
    return Slice(conditions, grid)


def _number(spot: str) -> Expr:
    """1, N or N−1 as a formula."""
    base, sign, rest = spot.partition("-" if "-" in spot else "+")
    if not sign:
        return Sym(base)
    return op("sub" if sign == "-" else "add", Sym(base), num(rest))


def _drawn(
    entry: Expr,
    axes: tuple[str, str],
    spot: tuple[Spot, Spot],
    where: Mapping[str, str],
    ends: frozenset[str],
) -> Expr | Dots:
    (rows, columns), (r, c) = axes, spot
    if r is None or c is None:
        return Dots("⋱" if r is None and c is None else "⋮" if r is None else "…")
    places = {rows: r} | ({columns: c} if columns else {})
    found = at_places(entry, places | dict(where), ends)
    return min(found, tidy(found), key=weight)


def _range(letter: str, ranges: Ranges) -> Range:
    """From where to where an index runs; a number is itself."""
    return Range(int(letter), int(letter)) if letter.isdecimal() else ranges[letter]


def _ends(range_: Range) -> list[str]:
    return [spot for spot in _spots(range_) if spot is not None]


def _spots(range_: Range) -> Sequence[Spot]:
    """1, 2, dots, N; all of them where they are few."""
    if isinstance(range_.last, int) and range_.last - range_.first < _WHOLE:
        return [str(place) for place in range(range_.first, range_.last + 1)]
    return [str(range_.first), str(range_.first + 1), None, str(plus(range_.last, 0))]
