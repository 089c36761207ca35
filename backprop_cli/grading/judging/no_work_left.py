"""A wrong value -> why nothing can be carried from it: it leaves no work to do.

Zeros, what is copied from the problem, and units driven to where they are flat spare whoever writes
them the work that follows. No credit comes from these, however far behind them it stands. A path on
which something is left to be worked out is judged as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from functools import cache, partial

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr, symbols
from backprop_cli.grading.judging.answer_key import Judged, Key, is_jacobian
from backprop_cli.grading.judging.standing import MOVES, Standing
from backprop_cli.grading.sheets.typed_arrays import Array, Mask, Written, same
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.operations.masks import every, some
from backprop_cli.readings.intervals import Enclosing, Names
from backprop_cli.readings.remembered import enclosed
from backprop_cli.readings.units import Unit

_SAME = 3
"""Of so many entries that should differ, the same wrong number in each is no work."""

_ZERO = "{} is all zero, and nothing can be carried from that"


_SEVERAL = 4
"""So many quantities with the same number in every box are no work."""

_FAR = 10
"""Where all is 0 that small gradients round to, nothing is as many units off as this."""


class Uniform(Struct, frozen=True):
    """The quantities of which every number is the same as that of all their kind on a sheet.

    No range holds anything in favour of such numbers, nor do others of theirs (`proves_nothing`,
    with the reason): what was typed without looking is right where it is right. What is wrong of a
    forward pass leaves no work behind it, either (`carries_nothing`). What is `copied` from
    the problem is taken where it is just what their own numbers give.
    """

    proves_nothing: Mapping[str, str]
    carries_nothing: frozenset[str]
    copied: frozenset[str]

    @classmethod
    def of(cls, key: Key, sheet: Mapping[str, Written]) -> Uniform:
        """The whole sheet, its forward pass, its backward pass, the parameters that are kept."""
        back = set(key.gradients.values())
        backward = [name for name in sheet if name in back]
        forward = [name for name in sheet if name in key.forward]
        again = [name for name in sheet if name in key.again]
        if _are_one_number(sheet, [*forward, *again]):
            forward += again
        kinds = {
            "of the backward pass": backward,
            "of the forward pass": forward,
            "on this sheet": list(sheet),
        }
        why: dict[str, str] = {}
        copied: set[str] = set()
        resting = {name for name in sheet if _rests(key, name, sheet)}
        kept = [name for name in sheet if name in key.parameters and name not in resting]
        if _are_old(key, sheet, kept) and _is_far(key, sheet, kept):
            why = dict.fromkeys(kept, "every parameter is the old one")
        for name in sheet:
            given = None if name in resting else _copied_from(key, name, sheet[name].value)
            if given is not None and _is_far(key, sheet, [name]):
                why[name] = f"{name} is copied from {given}"
                copied.add(name)
        idle: set[str] = set()
        for kind, names in kinds.items():
            if _are_one_number(sheet, names) and _is_far(key, sheet, names):
                why |= dict.fromkeys(names, f"every number {kind} is the same")
                copied -= set(names)
                idle |= set(names) if names is not backward else set()
        return cls(why, frozenset(idle), frozenset(copied))

    def rules_out(self, name: str, value: Array, own: Callable[[], Array]) -> bool:
        """Whether nothing speaks for a value; a copy may be just what their own numbers give."""
        if name not in self.proves_nothing:
            return False
        return name not in self.copied or not every(same(value, own()))

    def reason(self, name: str) -> str:
        """Why nothing follows from such a number."""
        return f"{self.proves_nothing[name]}, and nothing can be carried from that"


def still(written: Written, expected: Array, earlier: Array | None, asked: Unit) -> Mask:
    """Where a value is 0, or what it was the step before, that should have moved visibly."""
    start = 0.0 if earlier is None else earlier
    unit = asked.at(expected)
    unit = np.where(written.unit > 0, np.minimum(unit, written.unit), unit)
    return np.asarray((written.value == start) & (np.abs(expected - start) >= MOVES * unit))


def _are_one_number(sheet: Mapping[str, Written], names: Collection[str]) -> bool:
    """Whether somebody wrote one and the same number into every box of several quantities."""
    if len(names) < _SEVERAL:
        return False
    first: float | None = None
    for name in names:
        numbers = sheet[name].value[sheet[name].present]
        if numbers.size:
            first = numbers[0] if first is None else first
            if some(numbers != first):
                return False
    return first is not None


def _are_old(key: Key, sheet: Mapping[str, Written], names: Collection[str]) -> bool:
    """Whether several parameters are all as they were."""

    def before(name: str) -> Array:
        old = key.parameters[name]
        return sheet[old].value if old in sheet else key.truth[old]

    old = (np.array_equal(sheet[name].value, before(name)) for name in names)
    return len(names) > 1 and all(old)


def _rests(key: Key, name: str, sheet: Mapping[str, Written]) -> bool:
    """Whether a parameter's gradient is on the sheet as 0, so that it stays where it was.

    Where a rule divides by the size of the gradient, a step from the unrounded one is as large as
    any: from a 0 that rounding left there is none.
    """
    gradient = key.gradients.get(key.parameters.get(name, ""), "")
    written = sheet.get(gradient)
    if written is None or not written.complete or not _is_nothing(written.value):
        return False
    truth = key.truth[gradient]
    return not (key.unit.significant or some(np.abs(truth) >= key.unit.at(truth)))


def _is_far(key: Key, sheet: Mapping[str, Written], names: Collection[str]) -> bool:
    """Whether a number is so far from the true one that rounding cannot be the reason of it all."""
    return any(_is_off(key.truth[name], key, sheet[name]) for name in names)


def _is_off(truth: Array, key: Key, written: Written) -> bool:
    unit = key.unit.at(truth)
    unit = np.where(written.unit < 1, np.maximum(unit, written.unit), unit)  # 0 says no digits
    return some(np.abs(written.value - truth) >= _FAR * unit)


class Spared(Struct, frozen=True):
    """What no credit can be carried to: which entries, and the value it all starts from."""

    where: Mask
    reason: str


def spared(standing: Standing, name: str, sources: set[str], leaning: Mask) -> Spared | None:
    """The entries among `leaning` (on wrong values) that took no work; None where there are none.

    Either no source has anything left to work with, or the work is gone from what came out: it is
    all zero, or a parameter that is still the old one.
    """
    if not some(leaning):
        return None
    judged = {source: standing.judged[source] for source in sources if source in standing.judged}
    value = standing.written[name].value
    reasons = [judged[source].idle for source in sorted(judged) if judged[source].idle]
    if _is_nothing(value):  # 0 from 0: nothing was worked out
        zeros = [source for source in sorted(judged) if _is_zero(standing, source)]
        if zeros:
            return Spared(leaning, _ZERO.format(zeros[0]))
    if not reasons:
        return None
    if len(reasons) == len(judged) or _is_emptied(standing, name, value):
        return Spared(leaning, str(reasons[0]))
    old = standing.before(name)
    if old is None:
        return None
    kept = leaning & (value == old)
    return Spared(kept, str(reasons[0])) if some(kept) else None


def _is_zero(standing: Standing, name: str) -> bool:
    """Whether a quantity is 0 throughout, and should not be."""
    return _is_nothing(standing.written[name].value) and bool(standing.key.truth[name].any())


def _is_nothing(value: Array) -> bool:
    """Whether there is no number but 0."""
    return not some(np.abs(value) > 0)


def _is_emptied(standing: Standing, name: str, value: Array) -> bool:
    """Whether nothing is left of a quantity that is something in truth; a number alone may be 0."""
    if name in standing.key.forward and value.size == 1:
        return False
    return _is_zero(standing, name)


def idle(standing: Standing, name: str, judged: Judged) -> str | None:
    """Why a value leaves no work to do; None for one that does, or is right."""
    if not judged.misleads:
        return None
    value, key = standing.written[name].value, standing.key
    given = _copied_from(key, name, value)
    if _is_emptied(standing, name, value):
        return _ZERO.format(name)
    if value.size >= _SAME and np.ptp(value) == 0 and np.ptp(key.truth[name]) > 0:
        return f"{name} has one number in every box, and nothing can be carried from that"
    if given is not None and some(judged.verdicts == "wrong"):
        return f"{name} is copied from {given}, and nothing can be carried from that"
    if _is_flat(standing, name):
        return f"every unit of {name} is saturated, and nothing can be carried from that"
    return None


def _copied_from(key: Key, name: str, value: Array) -> str | None:
    """What is given of which somebody wrote down every number; one number alone may be chance."""
    counting = (one for one in key.given_as(value) if value.size > 1 or (name, one) in key.compared)
    return next(counting, None)


def _is_flat(standing: Standing, name: str) -> bool:
    """Whether no gradient comes back through what is made of a value, as it would in truth."""
    key = standing.key
    gradient = key.gradients.get(name)
    if name not in key.forward or gradient is None:
        return False
    back = set(key.gradients.values())
    for expr in key.formulas.get(gradient, ()):
        if is_jacobian(expr) or not back & set(symbols(expr)):
            continue
        typed = _through(standing, expr, back, standing.as_typed)
        true = partial(_through, standing, expr, back, lambda used: point(key.truth[used]))
        return _is_gone(typed, key) and not _is_gone(true(), key)
    return False


def _through(standing: Standing, expr: Expr, back: Collection[str], names: Names) -> Array:
    """What comes back through a formula of gradients of about 1; a name is asked for once."""

    @cache
    def probed(used: str) -> Interval:
        return point(_probe(standing.key.truth[used].shape)) if used in back else names(used)

    return enclosed(expr, Enclosing(probed))[0]


def _is_gone(slopes: Array, key: Key) -> bool:
    """Whether nothing of these would be seen at the digits asked."""
    unit = key.unit.at(np.ones(()))
    return every(np.abs(slopes) < unit / 2)


def _probe(shape: tuple[int, ...]) -> Array:
    """Upstream gradients of about 1 that no sum cancels."""
    count = int(np.prod(shape, dtype=int))
    return (1 + 0.5 * np.sin(np.arange(1, count + 1))).reshape(shape)


def lacking(sources: Sequence[str], unusable: Container[str]) -> str:
    """`Z1 and H1 are missing`; what is on the sheet in another shape cannot be used."""
    names = " and ".join(sources)
    if all(source in unusable for source in sources):
        return f"{names} cannot be used"
    return f"{names} {'is' if len(sources) == 1 else 'are'} missing"
