"""Numbers as typed -> others of their kind, and why a problem with them would not be fair."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from itertools import combinations
from typing import Final, TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Op, walk
from backprop_cli.grading.grader import Grader
from backprop_cli.grading.lint.findings import soonest
from backprop_cli.grading.lint.unnoticed_slips import OF_SLIPS, Finding, Numbers, other_numbers
from backprop_cli.operations.table import operation
from backprop_cli.problem.problem_data import Interval
from backprop_cli.problem.typed_numbers import NumberError, read_number
from backprop_cli.readings.values import evaluate

_TIMES: Final = 20  # so much larger than all in the original, the numbers are of another kind
_NEAR: Final = 2  # units of the digits asked within which rounding may reach a kink
_STARTS_AT_KINK: Final = ("relu", "leaky_relu", "step", "abs", "elu", "sign")

Array = NDArray[np.float64]
Weakness = tuple[str, ...]
"""Something that a problem may have and a variant of it should not: its kind, where, which slip."""


class Measure(Struct, frozen=True):
    """What variants of a problem are measured by: what it has of its own that is not nice."""

    weak: frozenset[Weakness]
    others: Sequence[Numbers]
    dead: Mapping[str, int]
    sizes: Mapping[str, float]
    near: frozenset[str]


def measured(grader: Grader) -> Measure:
    """The measure that a problem is."""
    others = other_numbers(grader)
    weak = frozenset(_weaknesses(grader, others))
    return Measure(weak, others, _dead(grader), sizes(grader), frozenset(near_kinks(grader)))


class Unfair(Struct, frozen=True):
    """Why a variant would not be fair, in a few words, and whether slips were tried to see it.

    `too_few_digits`: with more of them it might be.
    """

    reason: str
    slips_tried: bool = False
    too_few_digits: bool = False


def why_unfair(grader: Grader, own: Measure) -> Unfair | None:
    """Why a variant would not be fair; None where it is."""
    for reason in _at_a_glance(grader, own):
        return Unfair(reason)
    for finding in soonest(grader, own.others, own.weak):
        if any(weakness not in own.weak for weakness in _as_weak(finding)):
            kind, reason = finding.kind, f"{finding.id}: {finding.message}"
            return Unfair(reason, kind in OF_SLIPS, kind in ("accepted", "confused"))
    return None


def _at_a_glance(grader: Grader, own: Measure) -> Iterator[str]:
    """What takes no time to see."""
    most = _TIMES * max(1.0, *own.sizes.values())
    for name, size in sizes(grader).items():
        if size == 0 and own.sizes.get(name) and name != "class":
            yield f"all of {name} is 0"
        elif not size <= most:
            yield f"{name} is {_TIMES} times as large as anything in the original"
    yield from (f"{name} is near a kink" for name in near_kinks(grader) if name not in own.near)
    for name, count in _dead(grader).items():
        if count > own.dead.get(name, 0):
            yield f"a unit of {name} is dead"


def _weaknesses(grader: Grader, others: Sequence[Numbers]) -> Iterator[Weakness]:
    for finding in soonest(grader, others):
        yield from _as_weak(finding)


def _as_weak(finding: Finding) -> Iterator[Weakness]:
    """Each slip of a finding by itself, those that are confused two by two.

    So fewer of them confused than in the original is nothing new. What is so with any numbers is
    nothing to mind.
    """
    if finding.kind == "equivalent":
        return
    if finding.kind == "confused":
        yield from (
            ("confused", finding.id, *two) for two in combinations(sorted(finding.slips), 2)
        )
    elif not finding.slips:
        yield finding.kind, finding.id
    else:
        yield from ((finding.kind, finding.id, slip) for slip in finding.slips)


def sizes(grader: Grader) -> dict[str, float]:
    """How large each quantity asked is, by its largest entry."""
    truth, asked = grader.truth, (question.name for question in grader.questions)
    return {name: float(np.max(np.abs(truth[name]), initial=0.0)) for name in asked}


def near_kinks(grader: Grader) -> Iterator[str]:
    """The quantities in which an argument lies so near to a kink that rounding may move it."""
    unit = grader.unit
    reach = 0.0 if unit.significant else _NEAR * 10.0**-unit.count
    for name, _, inside in _bent(grader):
        if np.any(np.abs(inside) <= reach):
            yield name


def _dead(grader: Grader) -> dict[str, int]:
    """How many units of each quantity let nothing through, whatever the sample."""
    found: dict[str, int] = {}
    for name, kind, inside in _bent(grader):
        axis = grader.sample_axis(name)
        if kind == "relu" and axis is not None and inside.ndim > 1:
            found[name] = int(np.sum(np.all(inside <= 0, axis=axis)))
    return found


def _bent(grader: Grader) -> Iterator[tuple[str, str, Array]]:
    """Each operation with a kink: of which quantity it is a part, its name, its argument."""
    for equation in grader.model.equations:
        for node in walk(equation.expr):
            if isinstance(node, Op) and node.name in _STARTS_AT_KINK and operation(node).kink:
                yield equation.name, node.name, evaluate(node.args[0], grader.truth)


_decimal = re.compile(
    r"([+\-\N{MINUS SIGN}]?)([0-9]*)(?:(\.)([0-9]*))?([eE][+-]?[0-9]+)?"
).fullmatch
_WHOLE: Final = re.compile(r"(?<![\w.])[0-9]+(?![\w.])")
_ROOM: Final = 2  # units that even the smallest numbers may grow to
_MOST_LISTED = 10_000  # numbers among which those that end in 0 are left out
_DRAWS = 20  # of an expression, until one has the size of the old one
_FACTOR = 2.5  # between the sizes of two expressions that are alike


# Numbers of the same kind -------------------------------------------------------------------------


def drawn(text: str, largest: float, among: Interval | None, draws: Draws, name: str) -> str:
    """Another number like the one typed, which stands among others of which one is the `largest`.

    Where `among` says so, it is one of these, and else it keeps its sign and about its size. 0 is
    0, and what has no digits to change stays, too.
    """
    if _is_decimal(text):
        return _decimal_like(text, largest, among, draws, name)
    return _expression_like(text, among, draws, name)


def _is_decimal(text: str) -> bool:
    """Whether a number is typed with digits alone."""
    return bool(_decimal(text)) and any(map(str.isdigit, text))


# Decimals ---------------------------------------------------------------------------------------


def _decimal_like(
    text: str, largest: float, among: Interval | None, draws: Draws, name: str
) -> str:
    match = _decimal(text)
    assert match is not None
    sign, whole, point, part, power = (group or "" for group in match.groups())
    unit = Decimal(f"1{power or 'e0'}").scaleb(-len(part))
    written = NumberForm(len(part), bool(point), power, bare=bool(point and not whole))
    if among is not None:
        counts = _between(among, unit)
        return written.of(draws.one_of(counts, name)) if counts else text
    own = int(whole + part or "0")
    if own == 0:
        return text
    biggest = max(own, math.floor(Decimal(largest) / unit))
    return sign + written.of(draws.one_of(_about(own, biggest), name))


def _about(own: int, biggest: int) -> Sequence[int]:
    """Counts of units of about the size of `own`, and hardly above the `biggest` around it."""
    last = max(_ROOM, min(2 * own, biggest + biggest // 4))
    counts = range(max(1, -(-own // 2)), last + 1)
    if own % 10 and _count(counts) <= _MOST_LISTED:
        return [count for count in counts if count % 10]
    return counts


def _between(among: Interval, unit: Decimal) -> range:
    """The counts of units in an interval."""
    first = math.ceil(Decimal(among.from_) / unit - Decimal("1e-9"))
    return range(first, math.floor(Decimal(among.to) / unit + Decimal("1e-9")) + 1)


class NumberForm:
    """How a number is typed: its decimals, and whether a zero stands before the point."""

    def __init__(self, decimals: int, point: bool, power: str = "", bare: bool = False) -> None:
        self._decimals, self._point, self._power, self._bare = decimals, point, power, bare

    def of(self, count: int) -> str:
        """So many units, written in the same way."""
        sign, digits = "-" * (count < 0), str(abs(count)).zfill(self._decimals + 1)
        cut = len(digits) - self._decimals
        whole = "" if self._bare and digits[:cut] == "0" else digits[:cut]
        return sign + whole + ("." if self._point else "") + digits[cut:] + self._power


# Expressions ------------------------------------------------------------------------------------


def _expression_like(text: str, among: Interval | None, draws: Draws, name: str) -> str:
    """`ln(2)` with other whole numbers in it; as it was where none of the right size is found."""
    old = read_number(text)
    for number in range(_DRAWS):
        other = _with_other_wholes(text, draws, f"{name} {number}")
        try:
            value = read_number(other)
        except NumberError:
            continue
        if among.holds(value) if among is not None else _alike(old, value):
            return other
    return text


def _with_other_wholes(text: str, draws: Draws, name: str) -> str:
    places = iter(range(text.count("") + 1))

    def other(match: re.Match[str]) -> str:
        own = int(match[0])
        counts = range(-(-own // 2), max(_ROOM, 2 * own) + 1)
        return str(draws.one_of(counts, f"{name} {next(places)}")) if own > 1 else match[0]

    return _WHOLE.sub(other, text)


def _alike(old: float, new: float) -> bool:
    if old == 0:
        return new == 0
    return 1 / _FACTOR <= new / old <= _FACTOR


Thing = TypeVar("Thing")
_MANY: Final = 2**64


def _count(things: Sequence[Thing]) -> int:
    """How many there are, also of the whole numbers in a range too long for Python to count."""
    return things.stop - things.start if isinstance(things, range) else len(things)


class Draws:
    """What is drawn for one key. Each draw has a name of its own, and depends on nothing else.

    So a number that is added to a file changes no other.
    """

    def __init__(self, *key: object) -> None:
        self._key = "\0".join(map(str, key))

    def number(self, name: str, size: int = 8) -> int:
        """A whole number of so many bytes."""
        return int.from_bytes(sha256(f"{self._key}\0{name}".encode()).digest()[:size], "big")

    def one_of(self, things: Sequence[Thing], name: str) -> Thing:
        """One of the things."""
        count = _count(things)
        return things[self.number(name, 8 if count < _MANY else 32) % count]
