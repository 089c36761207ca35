"""What judging takes and gives: the key of a problem and of Jacobians, verdicts on a quantity."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Op, Sym, in_order, num, op, substitute, symbols, walk
from backprop_cli.algebra.quantity import derivative_id, quantity, step_id
from backprop_cli.algebra.shapes import Shape
from backprop_cli.calculus.jacobians import UPSTREAM, gradient_of, pulled_back
from backprop_cli.grading.judging.equivalent_ways import Formulas, consumers
from backprop_cli.grading.report_data import How, Verdict
from backprop_cli.grading.sheets.typed_arrays import Array, Mask, Written
from backprop_cli.operations.bounds import Interval
from backprop_cli.operations.masks import every, some
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.model import Model
from backprop_cli.problem.problem_data import Grading, kinks
from backprop_cli.readings.units import Floating, Unit
from backprop_cli.solving.plan import Plan, Planned
from backprop_cli.trace import OverTime

Words: TypeAlias = NDArray[np.object_]


class Key(Struct, frozen=True):
    """What a sheet is judged by: the true values, and the formulas that give each quantity."""

    truth: Mapping[str, Array]
    formulas: Formulas
    given: frozenset[str]
    asked: frozenset[str]
    unit: Unit
    parameters: Mapping[str, str]
    """For each new parameter, the old one: it is judged by its change."""
    uses: Mapping[str, tuple[str, ...]]
    """The names in each quantity's formula."""
    assumed: bool = False
    """Whether the problem asks for no digits, so that `unit` is only what is usual."""
    dividing: frozenset[str] = frozenset()
    """The quantities in whose formulas something is divided by that somebody may have as 0."""
    forward: frozenset[str] = frozenset()
    """The quantities of the forward pass."""
    again: frozenset[str] = frozenset()
    """Those of the forward pass with new parameters."""
    gradients: Mapping[str, str] = MappingProxyType({})
    """The gradient by each quantity that has one."""
    compared: frozenset[tuple[str, str]] = frozenset()
    """Prediction and target, as the loss compares them."""
    over_time: tuple[OverTime, ...] = ()
    """What belongs together over time."""
    counted_from: int = 1
    """What indices count from."""

    _firsts: dict[str, Expr | None] = field(default_factory=dict)
    _pulled: dict[str, bool] = field(default_factory=dict)
    _given_by: dict[Hashable, list[str]] = field(default_factory=dict)

    @property
    def computed(self) -> bool:
        """Whether it is for what a program computed, and not for what somebody typed."""
        return isinstance(self.unit, Floating)

    def given_as(self, value: Array) -> Sequence[str]:
        """What is given with just these numbers, in the order of the problem."""
        if not self._given_by:
            for name, numbers in self.truth.items():
                if name in self.given:
                    self._given_by.setdefault(_as_numbers(numbers), []).append(name)
        return self._given_by.get(_as_numbers(value), ())

    def first(self, name: str) -> Expr | None:
        """The formula by which a quantity is worked out; None where it has none but its name."""
        if name not in self._firsts:
            self._firsts[name] = first_way(self.formulas.get(name, ()))
        return self._firsts[name]

    def otherwise(self, name: str, number: int) -> Expr | None:
        """Another formula for a quantity, by its number; the last one where there are fewer."""
        ways = [way for way in self.formulas.get(name, ()) if not is_jacobian(way)]
        return ways[min(number, len(ways) - 1)] if ways else None

    def formula(self, name: str, number: int) -> Expr | None:
        """The formula for a quantity of somebody who goes by those of this number."""
        return self.otherwise(name, number) if number else self.first(name)

    def is_pulled_back(self, name: str) -> bool:
        """Whether a quantity is only computed by pulling back."""
        if name not in self._pulled:
            self._pulled[name] = is_jacobian(self.formulas[name][0])
        return self._pulled[name]

    def behind(self, name: str, written: Mapping[str, Written]) -> tuple[str, ...]:
        """What is computed on the way to a quantity, since nobody wrote it: the first step first.

        Of a quantity that is written in part, the rest is.
        """
        found: dict[str, None] = {}
        stack = [(used, False) for used in self.uses.get(name, ())]
        while stack:
            used, done = stack.pop()
            if done:
                found[used] = None
            elif self.is_computed(used, written) and used not in found:
                stack.append((used, True))
                stack += [(more, False) for more in self.uses[used]]
        return tuple(found)

    def behind_value(self, name: str, written: Mapping[str, Written]) -> tuple[str, ...]:
        """The same for who goes on with a quantity: nothing, where it is written."""
        return self.behind(name, written) if self.is_computed(name, written) else ()

    def following(self, name: str) -> set[str]:
        """A quantity, and all that is worked out from it."""
        found = {name}
        for other, used in self.uses.items():
            if not found.isdisjoint(used):
                found.add(other)
        return found

    def is_computed(self, name: str, written: Mapping[str, Written]) -> bool:
        """Whether all of a quantity, or a part, has to be worked out, since nobody wrote it."""
        if name in self.given or name not in self.formulas:
            return False
        return name not in written or not written[name].complete


def _as_numbers(value: Array) -> Hashable:
    """An array as a key: its shape and its numbers, of which -0 is 0."""
    return value.shape, (value + 0.0).tobytes()


class Legible(Struct, frozen=True):
    """What of a sheet can be used: the quantities `written`, and those that are asked and `lost`.

    What is lost is missing, or `unusable`: invalid or of another shape. `betrayed` tells whether
    digits beyond those asked show a value to be that of a slip.
    """

    written: Mapping[str, Written]
    lost: Collection[str] = ()
    unusable: Collection[str] = ()
    betrayed: Callable[[str], bool] = lambda name: False

    def sources_of(self, names: Iterable[str], key: Key) -> set[str]:
        """The nearest quantities behind some names that are written or should be."""
        found: set[str] = set()
        stack = list(names)
        seen = set(stack)
        while stack:
            used = stack.pop()
            if used in key.given or used not in key.formulas:
                continue
            if used in self.written or used in self.lost:
                found.add(used)
                continue
            for more in key.uses[used]:
                if more not in seen:
                    seen.add(more)
                    stack.append(more)
        return found


class Judged(Struct, frozen=True):
    """One quantity judged: a verdict and how an entry, as arrays of words."""

    verdicts: Words
    how: Words
    reason: str | None = None
    decided_by: Interval | None = None
    right: Mask | bool = True
    imprecise: Mask | bool = False
    is_right: bool = True
    """Whether all of it is."""
    misleads: bool = False
    """Whether anything in it is wrong, or follows from what is."""
    is_vague: bool = False
    """Whether anything in it has too few digits."""
    is_short: bool = False
    """Whether anything that is wrong in it has."""
    follows: bool = False
    """Whether some entry is accepted only because it follows from a wrong value."""
    idle: str | None = None
    """Why nothing can be carried from it: it leaves no work to do."""
    is_cut: bool = False
    """Whether more was left to try than one sheet may take."""


def judged_as(
    verdicts: Words, how: Words, reason: str | None, decided_by: Interval | None
) -> Judged:
    """A quantity with these verdicts, and what they mean for what follows."""
    right, imprecise = verdicts == "correct", verdicts == "imprecise"
    misleads = ~(right | imprecise | (verdicts == "missing"))
    seen = every(right), some(misleads), some(imprecise)
    return Judged(verdicts, how, reason, decided_by, right, imprecise, *seen)


def first_way(ways: Sequence[Expr]) -> Expr | None:
    """The first of several formulas that says how a quantity comes about."""
    return next((way for way in ways if not is_jacobian(way)), None)


def has_kink(expr: Expr) -> bool:
    """Whether a formula has another value on either side of 0: σ′ of a ReLU."""
    return "switch" in in_order(expr).operations


def is_jacobian(expr: Expr) -> bool:
    """Whether a formula is only computed by pulling back, so that it has no interval."""
    return "jacobian" in in_order(expr).operations


HOW_WEAKEST: tuple[How, ...] = ("exact", "rounded", "truncated", "carried-rounding")
VERDICT_FIRST: tuple[Verdict, ...] = (
    "wrong",
    "invalid",
    "not-judged",
    "carried",
    "imprecise",
    "missing",
    "correct",
)


def overall(verdicts: NDArray[np.object_]) -> Verdict:
    """A quantity's verdict: the first of these that any entry has."""
    present = set(verdicts.ravel())
    return next(verdict for verdict in VERDICT_FIRST if verdict in present)


def weakest(how: NDArray[np.object_], verdict: Verdict) -> How | None:
    """How a correct quantity is correct: the weakest of its entries."""
    if verdict != "correct":
        return None
    present = {word for word in how.ravel() if word is not None}
    return max(present, key=HOW_WEAKEST.index, default=None)


def share(grading: Grading, verdict: Verdict) -> float:
    """The part of its points that an entry has."""
    worth = {"correct": 1.0, "carried": grading.carried, "imprecise": grading.imprecise}
    return worth.get(verdict, 0.0)


def points(grading: Grading, most: float, verdicts: NDArray[np.object_]) -> float:
    """The points for a quantity: for each entry its share, or for all of them the least."""
    shares = [share(grading, verdict) for verdict in verdicts.ravel()]
    if not shares:
        return 0.0
    kept = min(shares) if grading.entries == "all-or-nothing" else sum(shares) / len(shares)
    return round(most * kept, 9)


_POSITIVE = {"div": 1, "ratio": 1, "xlogy": 1, "log": 0, "sqrt": 0}
"""Operations that need an argument other than 0, and which it is."""


def uses_of(formulas: Formulas) -> dict[str, tuple[str, ...]]:
    """The names that each quantity is worked out from."""
    return {name: symbols(first_way(ways) or ways[0]) for name, ways in formulas.items()}


def never_zero(formulas: Formulas) -> Iterator[str]:
    """The quantities that a formula divides by, or takes the logarithm of."""
    for ways in formulas.values():
        for node in walk(ways[0]):
            if isinstance(node, Op) and node.name in _POSITIVE:
                yield from symbols(node.args[_POSITIVE[node.name]])


MOST_ENTRIES = 400
"""Jacobians of so many entries are worked out by hand, if at all."""
_MOST_AT_ONCE = 100  # operations of a formula into which those of skipped gradients are put


def with_jacobians(
    model: Model,
    planned: Plan,
    formulas: Formulas,
    wanted: Collection[str],
    skipped: Collection[str] = (),
) -> Formulas:
    """The formulas with those of the Jacobians wanted, and of what follows from them.

    `skipped` are gradients that somebody has not written down: what is behind them may be worked
    out by the Jacobians at once.
    """
    steps = {step.id: step for step in planned.steps if step.phase == "jacobian"}
    found = dict(formulas)
    for id in wanted:
        step = steps.get(id)
        if step is not None and prod(map(int, step.shape)) <= MOST_ENTRIES:
            found[id] = (*formulas[id], *_pulled_back(model, planned, step))
            if by := quantity(id).by:
                found |= _using(model, planned, found, steps, by)
    ways = {id: found[id][-1] for id in skipped if found.get(id, ()) != formulas.get(id, ())}
    ways = _each_from_behind(ways)
    for id, exprs in found.items():
        at_once = [substitute(expr, ways) for expr in exprs if ways.keys() & {*symbols(expr)}]
        found[id] = (*at_once, *exprs)
    return found


def _each_from_behind(ways: Mapping[str, Expr]) -> dict[str, Expr]:
    """Each formula with those of the others put in; none of those that get too long by it."""
    sizes: dict[str, int] = {}
    found: dict[str, Expr] = {}

    def put_in(id: str) -> None:
        behind = [name for name in symbols(ways[id]) if name in ways]
        for name in behind:
            if name not in sizes:
                put_in(name)
        nodes = [node.name if isinstance(node, Sym) else "" for node in walk(ways[id])]
        sizes[id] = sum(sizes.get(name, 1) for name in nodes)
        if sizes[id] <= _MOST_AT_ONCE:
            found[id] = substitute(ways[id], {name: found[name] for name in behind})

    for id in ways:
        if id not in sizes:
            put_in(id)
    return found


def led_to(jacobians: Collection[str], gradients: Mapping[str, str]) -> frozenset[str]:
    """The gradients of what these Jacobians are by."""
    read = [quantity(id) for id in jacobians]
    found = (gradients.get(step_id(one.by, one.step)) for one in read if one.by)
    return frozenset(id for id in found if id is not None)


def _pulled_back(model: Model, planned: Plan, step: Planned) -> Iterator[Expr]:
    """A Jacobian whose formula says no more than its name: a basis pulled back, row by row."""
    of, by = quantity(step.id).name, quantity(step.id).by
    if not by or not is_jacobian(step.expr):
        return
    sizes = Sizes(planned.shapes, kinks(model.problem.convention.kinks))
    found: dict[str, Expr] = {}
    for name, expr in pulled_back(of, by, model.definitions, sizes):
        found[name] = substitute(expr, found)
    gradient = found.get(gradient_of(by))
    if gradient is None:
        return
    shape = tuple(map(int, planned.shapes[of]))
    rows = tuple(
        substitute(gradient, {UPSTREAM: _basis(place, shape)}) for place in np.ndindex(shape)
    )
    node = step.expr
    assert isinstance(node, Op)
    options = {
        "of": shape,
        "by": tuple(map(int, planned.shapes[by])),
        "samples": node.option("samples"),
        "layout": node.option("layout"),
    }
    yield Op("assembled", rows, tuple((key, value) for key, value in sorted(options.items())))


def _basis(place: tuple[int, ...], shape: Shape) -> Expr:
    return op("place", num(1), index=place, shape=shape) if shape else num(1)


def _using(
    model: Model, planned: Plan, formulas: Formulas, steps: Mapping[str, Planned], by: str
) -> dict[str, tuple[Expr, ...]]:
    """The gradient behind Jacobians: what comes back through each user, by its Jacobian."""
    gradient = model.gradient(by)
    users = consumers(model, by)
    ids = [derivative_id(user, by) for user in users]
    known = all(
        id in steps and model.gradient(user) in formulas
        for id, user in zip(ids, users, strict=True)
    )
    if gradient not in formulas or not users or not known:
        return {}
    parts = [
        op(
            "contracted",
            Sym(id),
            Sym(model.gradient(user)),
            by=tuple(map(int, planned.shapes[by])),
            samples=model.sample_axis if "sample" in steps[id].axes else None,
            layout="denominator" if model.problem.convention.jacobian == "denominator" else None,
        )
        for id, user in zip(ids, users, strict=True)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = op("add", total, part)
    return {gradient: (*formulas[gradient], total)}
