"""One quantity of a problem as the slips see it, and the tools that rewrite its formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any, Final, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Place,
    Sym,
    addends,
    is_sum,
    num,
    op,
    places,
    put,
    substitute,
    symbols,
)
from backprop_cli.algebra.quantity import quantity
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.calculus.differentiate import reaching
from backprop_cli.grading.slips.long_sums import LongSum
from backprop_cli.operations.record import OtherShapes
from backprop_cli.operations.table import TABLE, Sizes
from backprop_cli.problem.model import Model
from backprop_cli.solving.plan import Planned

Found = TypeVar("Found")

ACTIVATIONS = frozenset(name for name, entry in TABLE.items() if entry.activation)
CONFUSED: Final = ("sigmoid", "tanh", "relu")
"""Activations that are taken for one another, and their derivatives, too."""
_NORMALISED = frozenset({"standardize", "div"})
_MOST_NEARBY = 8  # of more others, one or the other gives nearly any number
_DEEPEST = 4  # states stand behind states: mhat behind m behind the old m; losses behind losses


class Case(Struct, frozen=True):
    """One quantity of a problem: its planned step, all steps by id, the sizes of every name."""

    model: Model
    step: Planned
    steps: Mapping[str, Planned]
    sizes: Sizes
    asked: frozenset[str] = frozenset()
    _kept: dict[str, Any] = field(default_factory=dict)

    @property
    def expr(self) -> Expr:
        """The right formula."""
        return self.step.expr

    def cases(self) -> Iterator[Case]:
        """The quantity itself, and as it is when what is not asked is worked out on the way."""
        yield self
        if any(self.is_hidden(name) for name in symbols(self.expr)):
            yield replace(self, step=replace(self.step, expr=self.inlined(self.expr)), _kept={})

    def written_ways(self) -> Iterator[Case]:
        """The same, and the gradient of the logits as people write it at once, ŷ − y."""
        yield from self.cases()
        fusion = self.model.fusion
        if fusion is not None and self.step.id == self.model.gradient(fusion.logits):
            yield replace(self, step=replace(self.step, expr=fusion.expr), _kept={})

    def inlined(self, expr: Expr) -> Expr:
        """A formula with everything that nobody is asked to write put in."""
        for _ in range(_DEEPEST):
            hidden = {name: self.steps[name].expr for name in symbols(expr) if self.is_hidden(name)}
            if not hidden:
                break
            expr = substitute(expr, hidden)
        return expr

    def is_hidden(self, name: str) -> bool:
        """Whether a quantity is neither given nor asked, and small enough to be put in."""
        step = self.steps.get(name)
        if step is None or name in self.asked or step.phase == "jacobian":
            return False
        return step.rule.endswith("-state") or name in self.model.silent

    @property
    def compared(self) -> tuple[tuple[str, str], ...]:
        """Prediction and target, as the loss compares them: what is computed with what is given."""
        model = self.model
        if model.target is None:
            return ()
        names: Sequence[str] = (model.target, *model.silent)
        first: tuple[tuple[str, str], ...] = ()
        for _ in range(_DEEPEST):  # a loss may be several lines, the last of which weights them
            defined = [model.definitions[one] for one in names if one in model.definitions]
            names = [*dict.fromkeys(name for expr in defined for name in symbols(expr))]
            found = self._pairs(names)
            if bent := tuple(pair for pair in found if self._is_bent(pair[0])):
                return bent
            first = first or found
        return first

    def _pairs(self, used: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """What is computed, with what is given in the same shape."""
        model, definitions = self.model, self.model.definitions
        return tuple(
            (computed, given)
            for computed in used
            for given in used
            if computed in definitions
            and given in model.given
            and model.given[given].role == "data"
            and self.sizes.names[computed] == self.sizes.names[given]
        )

    def _is_bent(self, computed: str) -> bool:
        """Whether the loss is no plain multiple of it, as of what is weighted, or left out."""
        step = self.steps.get(self.model.gradient(computed))
        return step is None or computed in symbols(self.inlined(step.expr))

    @property
    def counts(self) -> frozenset[int]:
        """Over how many samples, outputs or steps the loss adds up or takes the mean; never 1."""
        model = self.model
        loss = model.problem.loss
        entropy = loss is not None and (loss.function.name or "").startswith("cross-entropy")
        sizes = {model.sample_count or 1}
        for name in {prediction for prediction, _ in self.compared} | {"Yhat"} & {*model.shapes}:
            shape = [int(size) for size in model.shapes[name]]
            if model.sample_axis is not None:
                del shape[model.sample_axis]
            if not entropy:  # a mean over classes is no one's habit
                samples = model.sample_count or 1
                sizes |= {*shape, prod(shape), prod(shape) * samples}
        sizes |= {len(over.steps) for over in model.over_time}
        return frozenset(sizes - {1})

    @property
    def by(self) -> str:
        """The name a gradient of the target is taken by; of other quantities nothing."""
        return self.model.gradient_by(self.step.id)

    @property
    def by_parameter(self) -> bool:
        """Whether it is the gradient by a parameter: where none is named, by any given value."""
        return self.by in (self.model.trained or self.model.given)

    @property
    def of_by(self) -> tuple[str, str]:
        """The two names of a Jacobian or gradient."""
        found = quantity(self.step.id)
        return (found.name, found.by) if found.by else ("", "")

    def nearby(self, name: str, shape: Shape | None, most: int = _MOST_NEARBY) -> list[str]:
        """Other quantities of a shape that a person may take instead, those next to it first.

        A gradient is taken for a gradient, a parameter for a parameter, a value for a value, and
        what is normalised for what it becomes: x for x̂, whatever x is. What follows from this one
        nobody has yet, and it may itself follow from what is wrong.
        """
        kind, made = self.kind(name), self.model.definitions.get(name)
        made_of = symbols(made) if isinstance(made, Op) and made.name in _NORMALISED else ()
        order = [*self.model.given, *self.steps]
        here = order.index(name) if name in order else len(order)
        found = [
            (abs(place - here), other)
            for place, other in enumerate(order)
            if other != name and self.sizes.names[other] == shape
            if self.kind(other) == kind or other in made_of
            if other not in self.followers
        ]
        return [other for _, other in sorted(found)[:most]]

    @property
    def followers(self) -> frozenset[str]:
        """This quantity, and what is worked out from it: other branches may come before it."""

        def found() -> frozenset[str]:
            equations = {id: step.expr for id, step in self.steps.items()}
            return frozenset(reaching(equations, {self.step.id}))

        return self.kept("followers", found)

    def kind(self, name: str) -> str:
        step, given = self.steps.get(name), self.model.given.get(name)
        if step is not None:
            return step.phase if step.rule != "forward-again" else step.rule
        if given is None:
            return ""
        return "forward" if given.role == "data" else given.role

    def has(self, name: str, shape: Shape | None) -> bool:
        """Whether there is a quantity of that name, in that shape."""
        known = name in self.steps or not quantity(name).by
        return known and self.sizes.names.get(name) == shape

    @property
    def gradient_lost(self) -> str:
        """What losing a gradient leaves: the way back, the local derivative; else a factor less."""
        return "upstream-left-out" if self.step.phase == "backward" else "factor-left-out"

    @property
    def upstreams(self) -> frozenset[str]:
        """The gradients in the formula."""
        return self.kept(
            "upstreams", lambda: frozenset(filter(self.is_gradient, symbols(self.expr)))
        )

    def is_gradient(self, name: str) -> bool:
        """Whether a name is that of a gradient of the target."""
        step = self.steps.get(name)
        return step is not None and step.phase == "backward"

    @property
    def rules(self) -> OtherShapes:
        """The shapes of formulas, and the values at kinks."""
        return self.kept("rules", self.sizes.sharing)

    @property
    def sum(self) -> LongSum:
        """The terms of the formula."""
        return self.kept("sum", lambda: LongSum(list(addends(self.expr))))

    def softmax(self, z: Expr) -> Expr:
        """The softmax over the units, of each sample."""
        axis = None if len(self.shape(z) or ()) < 2 else 1 - (self.model.sample_axis or 0)
        return op("softmax", z, axis=axis)

    def exchanged(self, name: str, other: Expr) -> Expr:
        """The right formula with another quantity everywhere in the place of one."""
        terms = self.sum
        where = terms.with_name(name) if terms.is_long else ()
        if len(where) != 1:
            return substitute(self.expr, {name: other})
        (k,) = where
        return terms.put(k, substitute(terms.parts[k], {name: other}))

    def shape(self, expr: Expr) -> Shape | None:
        """The shape of a rewritten formula; None where it does not fit together."""
        try:
            return self.rules.shape(expr)
        except (ShapeError, KeyError):
            return None

    def lengths(self, expr: Expr) -> tuple[int, ...]:
        """How long a rewritten formula is along each axis; nothing where it does not fit."""
        return tuple(int(size) for size in self.shape(expr) or ())

    def kept(self, what: str, work: Callable[[], Found]) -> Found:
        """What was worked out of a case before, or is worked out now."""
        if what not in self._kept:
            self._kept[what] = work()
        found: Found = self._kept[what]
        return found

    def fits(self, expr: Expr) -> bool:
        """Whether a rewritten formula has the shape of the right one."""
        return self.shape(expr) == self.step.shape


# Tools for rewriting ---------------------------------------------------------------------------


def each(expr: Expr, names: frozenset[str]) -> Iterator[tuple[Place, Op]]:
    """The nodes that apply one of the operations named, and where they stand."""
    for place, node in places(expr):
        if isinstance(node, Op) and node.name in names:
            yield place, node


def part_at(expr: Expr, place: Place) -> Expr | None:
    """The part of a formula at a place; None where it has none there."""
    found: Expr = expr
    for position in place:
        if not isinstance(found, Op) or position >= len(found.args):
            return None
        found = found.args[position]
    return found


def plain_name(expr: Expr) -> str | None:
    """The name that a part of a formula is, given to rows, columns or channels or not."""
    while isinstance(expr, Op) and expr.name in ("column", "row", "per_channel") and expr.args:
        expr = expr.args[0]
    return expr.name if isinstance(expr, Sym) else None


def terms(expr: Expr) -> Iterator[tuple[Place, Expr]]:
    """The parts that add up to a formula, and where they stand."""
    stack: list[tuple[Place, Expr]] = [((), expr)]
    while stack:
        place, node = stack.pop()
        if is_sum(node):
            stack += [((*place, 1), node.args[1]), ((*place, 0), node.args[0])]
        else:
            yield place, node


def without(expr: Expr, place: Place) -> Expr | None:
    """A sum without the term that stands at a place; None where the term is all there is."""
    if not place:
        return None
    parent = part_at(expr, place[:-1])
    assert isinstance(parent, Op)
    rest = parent.args[1 - place[-1]]
    left = op("neg", rest) if (parent.name, place[-1]) == ("sub", 0) else rest
    return put(expr, place[:-1], left)


def added(parts: Sequence[Expr]) -> Expr:
    """The sum of parts."""
    total = parts[0]
    for part in parts[1:]:
        total = op("add", total, part)
    return total


def in_parts(case: Case, change: Callable[[Expr], Expr]) -> Iterator[Expr]:
    """A change made to one of several parts that add up: the data's loss beside its penalty."""
    found = list(terms(case.expr))
    if len(found) > 1:
        for place, part in found:
            yield put(case.expr, place, change(part))


def with_terms_lost_in_each(expr: Expr) -> Iterator[Expr]:
    """A list of sums, all without the same term, or with it alone: one place of a window."""
    if not isinstance(expr, Op) or expr.name != "stack" or len(expr.args) == 1:
        return
    sums = [[*addends(entry)] for entry in expr.args]
    counts = {len(parts) for parts in sums}
    if len(counts) > 1 or counts == {1}:
        return
    for k in range(len(sums[0])):
        yield op("stack", *(added([*parts[:k], *parts[k + 1 :]]) for parts in sums))
        yield op("stack", *(parts[k] for parts in sums))


def untransposed(expr: Expr) -> Expr:
    """A matrix as it is given: neither turned over, nor with a row of 1 for the biases."""
    while isinstance(expr, Op) and expr.name in ("transpose", "prepend", "append"):
        expr = expr.args[0]
    return expr


def size_of(case: Case, divisor: Expr) -> int | None:
    """The number of samples, entries, rows or columns that something is divided by."""
    if not isinstance(divisor, Num) or divisor.value.denominator != 1:
        return None
    sizes = {size for shape in case.model.shapes.values() for size in shape} | case.counts
    return int(divisor.value) if int(divisor.value) in sizes - {1, 2} else None


def sizes_in(case: Case, expr: Expr) -> set[int]:
    """How many rows, columns and entries there are in what stands in a formula."""
    shapes = [case.sizes.names.get(name) or () for name in symbols(expr)]
    return {int(size) for shape in shapes for size in (*shape, prod(shape))}


def by_one_less(total: Expr, count: int) -> Iterator[tuple[str, Expr]]:
    """A total divided by n - 1: no mean over all, and maybe one over something else."""
    if count > 2:  # else it is the sum
        mean = op("div", total, num(count - 1))
        yield "divided-by-one-less", mean
        yield "mean-sum-confused", mean


def other_rows(case: Case, node: Expr) -> Iterator[Expr]:
    """Other rows, or entries, of a quantity than the one that is taken: those next to it first."""
    if not (isinstance(node, Op) and node.name == "at"):
        return
    index, shape = node.option("index"), case.shape(node.args[0])
    if not (isinstance(index, tuple) and shape):
        return
    match index[0]:
        case (tuple(rows),):  # counted from 0 or 1, and read as the other
            for by in (-1, 1):
                moved = tuple((int(str(row)) + by) % int(shape[0]) for row in rows)
                yield op("at", *node.args, index=((moved,), *index[1:]))
    if not isinstance(own := index[0], int):
        return
    others = (row for row in range(int(shape[0])) if row != own)
    for row in sorted(others, key=lambda row: abs(row - own))[:_MOST_NEARBY]:
        yield op("at", *node.args, index=(row, *index[1:]))


def users_of(case: Case, name: str) -> Iterator[str]:
    """What is computed of one quantity alone: p of z."""
    for user, expr in case.model.definitions.items():
        if isinstance(expr, Op) and expr.args == (Sym(name),):
            yield user
