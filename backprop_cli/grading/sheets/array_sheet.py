"""Arrays by a program's names -> a sheet, and the type of floats it was computed in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite, nan
from typing import Any, Final

import numpy as np
from msgspec import Struct, field

from backprop_cli.algebra.quantity import new_id
from backprop_cli.algebra.shapes import described
from backprop_cli.errors import Mark, first_of
from backprop_cli.grading.exercise import Exercise
from backprop_cli.grading.program_names import in_parts, meant, named_together
from backprop_cli.grading.quantities import Quantities
from backprop_cli.grading.report_data import Answer, Sheet
from backprop_cli.grading.sentences import tolerances
from backprop_cli.grading.sheets.assembled import MOST_REMARKS, Collector
from backprop_cli.grading.sheets.measured import moved, terms_behind
from backprop_cli.grading.sheets.stored_ways import (
    Found,
    Stack,
    Stored,
    as_declared,
    as_gradients,
    stored,
    ways,
)
from backprop_cli.grading.sheets.typed_arrays import ArrayCells, distance
from backprop_cli.problem.array_files import as_array
from backprop_cli.problem.ids import Reference
from backprop_cli.problem.text.tree import ListNode, Node, ScalarNode
from backprop_cli.problem.typed_numbers import printable, shown
from backprop_cli.readings.units import EPSILONS, FloatType, largest
from backprop_cli.trace import Array

_DIGITS: Final = 8
"""A number with so many significant digits was computed, by a program or a calculator."""
_DOUBLE: Final = 13
"""So many digits, or one or two more, are written out of a float by programs alone."""
_MOST_NAMES: Final = 6
_FLOATS: Final = {
    np.dtype(f"{end}{np.dtype(name).str[1:]}"): name for name in EPSILONS for end in "<>"
}
_SOME: Final = 64
"""Numbers at the start of an array that mostly tell what all of it is."""
_NUMBER: Final = re.compile(r"[\d.]+(?:[eE][-+]?\d+)?")


def is_computed(leaves: Mapping[str, Any]) -> bool:
    """Whether a program made these numbers: there is an array, or a number of many digits.

    None of them writes a matrix, or a formula, as a text.
    """
    if any(isinstance(leaf, np.ndarray) for leaf in leaves.values()):
        return True
    return any(map(_is_long, leaves.values())) and not any(map(_is_worded, leaves.values()))


def _is_worded(leaf: Any) -> bool:
    return isinstance(leaf, str) and len(_NUMBER.findall(leaf)) > 1


def may_be_typed(leaves: Mapping[str, Any]) -> bool:
    """Whether somebody may have typed them all the same, some with the digits of a calculator."""
    every = [one for leaf in leaves.values() for one in _numbers(leaf)]
    arrays = any(isinstance(one, (np.ndarray, np.floating)) for one in every)
    return not arrays and any(1 < _digits(one) < _DOUBLE for one in every)


def _is_long(leaf: Any) -> bool:
    return any(isinstance(one, np.floating) or _digits(one) >= _DIGITS for one in _numbers(leaf))


def _numbers(leaf: Any) -> Iterator[Any]:
    """The numbers in lists within lists, and in texts that hold a matrix or a formula."""
    if isinstance(leaf, (list, tuple)):
        for item in leaf:
            yield from _numbers(item)
    elif isinstance(leaf, str):
        yield from _NUMBER.findall(leaf)
    else:
        yield leaf


def _digits(number: Any) -> int:
    """The significant digits of a text or a float; 0 of what has none."""
    text = str(number) if isinstance(number, (str, float)) else ""
    mantissa = text.lower().partition("e")[0]
    return sum(char.isdigit() for char in mantissa.lstrip("-+0."))


def float_type(arrays: Mapping[str, np.ndarray[Any, Any]], rtol: float | None) -> FloatType:
    """The coarsest type among the arrays: what is computed from float32 is no better for it."""
    kinds = (_FLOATS.get(array.dtype) for array in arrays.values())
    names = [name for name in kinds if name is not None]
    with np.errstate(all="ignore"):
        names += ["float32" for array in arrays.values() if _is_single(array)]
    return FloatType(max(names, key=EPSILONS.__getitem__, default="float64"), rtol)


def _is_single(array: np.ndarray[Any, Any]) -> bool:
    """Whether all numbers of a float64 are float32 that were widened, and not whole or short."""
    if _FLOATS.get(array.dtype) != "float64" or not array.size or array.size > 1_000_000:
        return False
    some = array.flat[:_SOME]
    if not (some.astype(np.float32) == some).all():
        return False
    single = array.astype(np.float32).astype(np.float64)
    short = np.round(array * 2**12) == array * 2**12
    return bool((single == array).all() and not short.all())


def typed_sheet(leaves: Mapping[str, Any], known: Quantities, student: str, file: str) -> Sheet:
    """The sheet of numbers that somebody typed, in a file of JSON or in Python: digits count."""
    collector = Collector(known)
    sizes = {name: sum(1 for _ in _numbers(leaf)) for name, leaf in leaves.items()}
    others = named_together(sizes, known)
    for name, leaf in leaves.items():
        node = ScalarNode(name, "plain", 0, 0)
        found = meant(others.get(name, name), known)
        if not isinstance(found, Reference):
            collector.remark(found.message, node.mark, found.instead)
        elif found.index is None:
            collector.add_whole(found.whole, node, _node(leaf))
        else:
            collector.add_entry(found.whole, found.index, node, _node(leaf))
    return Sheet(student, printable(file), collector.answers(), tuple(collector.remarks))


def _node(leaf: Any) -> Node:
    if isinstance(leaf, (list, tuple)):
        return ListNode(0, 0, [_node(item) for item in leaf])
    return ScalarNode("" if leaf is None else str(leaf), "plain", 0, 0)


class ArraySheets(Struct):
    """Makes sheets of one problem's arrays, and remembers what tolerances it has worked out."""

    exercise: Exercise
    known: Quantities
    _terms: dict[str, int] = field(default_factory=dict)
    _moved: dict[FloatType, dict[str, float]] = field(default_factory=dict)
    _ways: list[Stored] = field(default_factory=list)

    @property
    def ways(self) -> list[Stored]:
        """The ways to keep arrays that the problem has."""
        if not self._ways:
            self._ways.extend(ways(self.exercise))
        return self._ways

    def sheet(
        self,
        leaves: Mapping[str, Any],
        student: str,
        file: str,
        refused: Mapping[str, str] | None = None,
        kind: FloatType | None = None,
    ) -> tuple[Sheet, FloatType]:
        """The sheet, and the type of its floats."""
        one = _OneSheet(self, file)
        for name, why in (refused or {}).items():
            one.remark(f"{shown(name)} is not read: {why}")
        named = one.named(leaves)
        arrays = {id: array for id, (_, array) in named.items()}
        arrays |= {stack.name: stack.array for stack in one.stacks}
        rtol = self.exercise.model.problem.grading.rtol
        kind = kind or float_type(arrays, rtol)
        one.fill(named, kind)
        if one.answers:
            least, most = self._span(one.answers, kind)
            one.remark(tolerances(kind, least, most))
        return Sheet(student, printable(file), one.answers, tuple(one.remarks)), kind

    def room(self, id: str, value: Array, off: float, kind: FloatType) -> float:
        """The tolerance of each entry of an array that is off by so much, at most."""
        if not self._terms:
            self._terms.update(terms_behind(self.exercise.stages))
        tolerance, size = kind.behind(self._terms.get(id, 1)), self.exercise.size(id)
        if off <= (room := max(tolerance * size, kind.nothing)):
            return room
        room = tolerance * max(size, largest(value))
        if kind.rtol is None and off > room:
            room = max(room, self._off(id, kind) * (size or 1.0))
        return room

    def _span(self, ids: Iterable[str], kind: FloatType) -> tuple[float, float]:
        """The least and the largest tolerance among these quantities."""
        found = [kind.behind(self._terms.get(id, 1)) for id in ids]
        return min(found), max(found)

    def _off(self, id: str, kind: FloatType) -> float:
        if kind not in self._moved:
            with np.errstate(all="ignore"):
                self._moved[kind] = moved(self.exercise, kind)
        return self._moved[kind].get(id, 0.0)


class _OneSheet(Struct):
    """One sheet while it is put together."""

    sheets: ArraySheets
    file: str
    answers: dict[str, Answer] = field(default_factory=dict)
    remarks: list[tuple[str, Mark]] = field(default_factory=list)
    stacks: list[Stack] = field(default_factory=list)

    def remark(self, text: str) -> None:
        """Says something that spoils nothing else."""
        if len(self.remarks) < MOST_REMARKS:
            self.remarks.append((printable(text), Mark()))

    def named(self, leaves: Mapping[str, Any]) -> dict[str, Found]:
        """The arrays by the ids of what they are; unknown names are told."""
        known = self.sheets.known
        arrays = {name: _array(leaf) for name, leaf in leaves.items()}
        sizes = {name: None if one is None else one.size for name, one in arrays.items()}
        others = named_together(sizes, known)
        found: dict[str, Found] = {}
        for name, array in arrays.items():
            named = meant(others.get(name, name), known)
            if isinstance(named, Reference) and named.index is None:
                if array is None:
                    self.refuse(named.whole, name, "this is no array of numbers")
                else:
                    self._take(found, named.whole, name, array)
            elif array is not None and (ids := in_parts(name, array.shape, known)):
                self.stacks.append(Stack(name, ids, array))
            else:
                self._unknown(array, getattr(named, "message", "it is one entry alone"))
        return found

    def _take(
        self, found: dict[str, Found], id: str, name: str, array: np.ndarray[Any, Any]
    ) -> None:
        before = found.get(id)
        if before is None:
            found[id] = name, array
        elif not np.array_equal(before[1], array):
            self.remark(f"{shown(name)} is {id}, as {shown(before[0])} is, which is the one read")

    def _unknown(self, array: np.ndarray[Any, Any] | None, why: str) -> None:
        shape = None if array is None else array.shape
        shapes = self.sheets.known.shapes
        same = [id for id, other in shapes.items() if shape is not None and other == shape]
        fits = ", ".join(same[:_MOST_NAMES]) + (", …" if len(same) > _MOST_NAMES else "")
        what = f"; it is {described(shape)}, as {fits}" if shape is not None and same else ""
        self.remark(f"{why}{what}")

    def refuse(self, id: str, name: str, why: str) -> None:
        """Notes that an array says nothing."""
        self.answers[id] = Answer(id, (), {}, Mark(), why, called=name)

    def fill(self, named: Mapping[str, Found], kind: FloatType) -> None:
        """Puts every array where it belongs, as the problem writes it."""
        shape = self.sheets.known.shape
        if gradients := as_gradients(self.sheets.exercise, named):
            called = [shown(named[id][0]) for id in gradients]
            said = first_of(called, _MOST_NAMES)
            self.remark(f"read as gradients, whose numbers are under these names: {said}")
            named = {gradients.get(id, id): found for id, found in named.items()}
        way = stored(self.sheets.exercise, self.sheets.ways, named, self.stacks, shape)
        if way.words is not None:
            self.remark(way.words)
        for id, (name, array) in way.apart(named, self.stacks).items():
            value = np.asarray(array, dtype=float)
            self._answer(id, name, as_declared(way, id, value, shape(id)), kind)

    def _answer(self, id: str, name: str, value: Array, kind: FloatType) -> None:
        truth = self.sheets.exercise.key.truth.get(id)
        off = nan if truth is None else distance(value, truth)
        if not isfinite(off) and (bad := ~np.isfinite(value)).any():
            self.refuse(id, name, _not_finite(value, bad))
        elif id in self.sheets.exercise.key.given:
            self._given(id, name, value, off, kind)
        elif truth is not None:
            cells = ArrayCells(value, self.sheets.room(id, value, off, kind), truth, off)
            self.answers[id] = Answer(id, value.shape, cells, called=name)
        else:
            self.remark(f"{shown(name)} is not graded: so many updates are not followed")

    def _given(self, id: str, name: str, value: Array, off: float, kind: FloatType) -> None:
        """What the problem states is not asked; a program that starts from other numbers is told.

        A parameter that has been updated in its place is the new one.
        """
        key = self.sheets.exercise.key
        if off <= kind.behind(0) * self.sheets.exercise.size(id):
            return
        new = new_id(id)
        if new in key.truth and new not in self.answers and _moves_that_way(value, id, key.truth):
            self._answer(new, name, value, kind)
            self.remark(f"{shown(name)} is read as {new}: it is not what the problem starts from")
        else:
            self.remark(
                f"{shown(name)} is not what the problem starts from: everything is compared with"
                f" what follows from the problem's {id}"
            )


def _array(leaf: Any) -> np.ndarray[Any, Any] | None:
    return leaf if isinstance(leaf, np.ndarray) else as_array(leaf)


def _moves_that_way(value: Array, id: str, truth: Mapping[str, Array]) -> bool:
    """Whether a parameter has been moved by about as much as the update moves it."""
    step = largest(truth[new_id(id)] - truth[id])
    return value.shape == truth[id].shape and largest(value - truth[id]) <= 10 * step


def _not_finite(value: Array, bad: np.ndarray[Any, Any]) -> str:
    count, place = int(bad.sum()), np.argwhere(bad)[0].tolist()
    at = f", the first at [{', '.join(map(str, place))}]" if value.ndim else ""
    kind = "nan" if np.isnan(value[bad]).any() else "inf"
    entries = "1 entry is" if count == 1 else f"{count} entries are"
    return f"{entries} {kind}{at}" if value.ndim else f"this is {kind}"
