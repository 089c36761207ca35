"""An expression to the interval of its values, and ways of rounding to those that differ in it."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr, InOrder, Num, Op, Sym, in_order, symbols, walk
from backprop_cli.calculus.stable import function_of
from backprop_cli.errors import Complaint, UserError
from backprop_cli.operations.bounds import BOUNDS, Interval, is_point, point
from backprop_cli.operations.masks import every, some
from backprop_cli.operations.table import TABLE, in_placeholders
from backprop_cli.readings.alike_parts import (
    Known,
    Plan,
    Reached,
    moved,
    planned,
    side_by_side,
    taken,
)
from backprop_cli.readings.inside_operations import (
    BY_PRODUCTS,
    PRODUCTS_BY_BLOCKS,
    ROUNDED_INSIDE,
    axis_of,
    way_within,
)
from backprop_cli.readings.units import (
    EXACT,
    PRODUCTS,
    SUMS,
    TOTALS,
    Floating,
    Rounding,
    Unit,
    named,
)
from backprop_cli.readings.values import may_be_noise, without_noise

Names = Callable[[str], Interval]
Finer = Callable[[str], bool]


_MOVES = named(lambda record: record.moves)
_NO_NEW_DIGITS = EXACT | SUMS


def enclosure(
    expr: Expr, names: Names, unit: Unit | None = None, finer: Finer | None = None
) -> Interval:
    """Bounds of `expr`; with `unit`, each unwritten step in it may have been rounded on the way.

    The outermost step is not: its own rounding is that of the number typed. `finer` tells which
    names have more digits than that, so that there is something to round in their sum.
    """
    return Enclosing(names, unit, finer).bounds(expr)


class NoBoundsError(UserError):
    """An operation with neither bounds nor a definition, by its name."""

    def __init__(self, name: str) -> None:
        message = f"{name} has no bounds here, so that nothing made with it can be graded"
        super().__init__(Complaint(message, instead="two axes at most, and sizes that are numbers"))


_NOTHING = frozenset[str]()
_SHORT = Unit(2, significant=True)
"""Nobody rounds a number that has no more digits than that."""
_LONG, _MUCH = 50, 0.5
"""So many parts has a formula of which it is worth the time to see which are alike, unless so much
of it is known."""


class Enclosing:
    """Bounds of formulas on the same numbers in one reading: what they share is worked out once.

    It goes from the leaves up, without recursion: formulas may be deep.
    """

    def __init__(
        self,
        names: Names,
        unit: Unit | None = None,
        finer: Finer | None = None,
        within: bool = False,
        given: Container[str] = _NOTHING,
    ) -> None:
        self.names = names
        self.finer = finer
        self.unit = unit
        self.within = within  # an operation, whose sums may be of terms that nobody wrote down
        self.definite = unit is not None and unit.definite
        self.given = given
        self.exact = EXACT if unit is None else unit.exact
        self.unwritten = SUMS if way_within(unit) == "no term" else _NOTHING
        self._known = Known()
        self._held: list[Expr] = []  # so that no other part has the identity of one that is known

    def bounds(self, expr: Expr) -> Interval:
        """Those of a formula, whose last step is not rounded."""
        with np.errstate(all="ignore"):
            return self.of(expr).bare

    def of(self, expr: Expr) -> Reached:
        """What is known of a formula."""
        found, known = in_order(expr), self._known
        self._held.append(expr)
        if len(found.parts) >= _LONG and known[id(expr)] is None:
            self._by_steps(expr, found, known)
        stack, look = [expr], known.look
        while stack:  # down to what is known: most of a wrong formula is that of the right one
            node = stack[-1]
            parts = node.args if isinstance(node, Op) else ()
            args = [one for part in parts if (one := look(id(part))) is not None]
            if look(id(node)) is not None:
                stack.pop()
            elif len(args) == len(parts):
                known[id(node)] = self.part(node, args)
                stack.pop()
            else:
                stack += [part for part in reversed(parts) if look(id(part)) is None]
        reached = look(id(expr))
        assert reached is not None
        return reached

    def _by_steps(self, expr: Expr, found: InOrder, known: Known) -> None:
        """Works a long formula out, of which little is known, what is alike at once."""
        if isinstance(self.unit, Floating) or known.share(found) >= _MUCH:
            return  # floats go by the largest entry, and not by each
        plan = planned(expr, found)
        if plan is not None and (steps := self._steps(plan)) is not None:
            known.learn(plan, steps)

    def _steps(self, plan: Plan) -> list[Reached] | None:
        """What is known after each step; None where what stands beside a number may matter."""
        done: list[Reached] = []
        for step in plan.steps:
            args = [taken(done[one], rows) for one, rows in step.args]
            if step.count > 1 and not all(arg.bare[0].flags.c_contiguous for arg in args):
                return None  # sums go by how numbers lie in memory
            if step.moves:
                done.append(moved(step, args, at_once=self.definite and _are_points(args)))
            elif step.count == 1:
                done.append(self.part(step.node, args))
            else:
                done.append(self.part(step.node, side_by_side(step, args)))
                if not _is_plain(done[-1].bare):
                    return None
        return done

    def part(self, node: Expr, args: Sequence[Reached]) -> Reached:
        """One part of a formula on arguments that are known."""
        if not isinstance(node, Op):
            return self.leaf(node)
        return self.at_once(node, args) or self.step(node, args)

    def at_once(self, node: Op, args: Sequence[Reached]) -> Reached | None:
        """The same for one person's numbers, where nothing is written down within the operation."""
        if not self.definite or node.name not in _AT_ONCE or self.adds_up(node):
            return None
        if not _are_points(args):
            return None
        value = function_of(node)(*(arg.rounded[0] for arg in args), **dict(node.options))
        bare = point(np.asarray(value, dtype=float))
        return Reached(bare, self.after(node, args, bare), False)

    def leaf(self, node: Sym | Num) -> Reached:
        """A name as it stands; a number as it is written."""
        if isinstance(node, Sym):
            found = self.names(node.name)
        else:
            found = point(np.asarray(float(node.value)))
        fine = isinstance(node, Sym) and self.finer is not None and self.finer(node.name)
        return Reached(found, found, not fine)

    def defined(self, expr: Expr) -> Interval:
        """What an operation is by its definition, whose last step is the number typed.

        Each piece of a function in pieces is taken where it holds.
        """
        match expr:
            case Op("choose", (Sym(x), above, below)):
                low, high = self.names(x)
                inside = (np.maximum(low, 0.0), np.maximum(high, 0.0))
                beyond = (np.minimum(low, 0.0), np.minimum(high, 0.0))
                pieces = (self._where(x, inside, above), self._where(x, beyond, below))
                return BOUNDS["choose"]((low, high), *pieces)
        return self.of(expr).bare

    def _where(self, x: str, interval: Interval, piece: Expr) -> Interval:
        names = self.names
        inside = Enclosing(
            lambda name: interval if name == x else names(name), self.unit, within=True
        )
        return inside.of(piece).bare

    def step(self, node: Op, args: Sequence[Reached]) -> Reached:
        """The same for any numbers."""
        if self.unit is None:
            found = self.clean(applied(node, [arg.bare for arg in args], None), node)
            return Reached(found, found, True)
        inner = [arg.bare if self.adds_up(node) else arg.rounded for arg in args]
        if node.name in TOTALS and not self.unit.definite:
            inner[0] = _one_rounding(node, args[0])
        bare = self.clean(applied(node, inner, self.unit), node)
        digits = node.name in _NO_NEW_DIGITS and all(arg.digits for arg in args)
        rounded = self.after(node, args, bare)
        if node.name in EXACT and any(arg.bare is not arg.rounded for arg in args):
            # The last step is the one before: nothing is rounded in -(a / b).
            bare = self.clean(applied(node, [arg.bare for arg in args], self.unit), node)
        return Reached(bare, rounded, digits)

    def clean(self, found: Interval, node: Op) -> Interval:
        """What is known exactly, with 0 where only the noise of the arithmetic is left of it."""
        if node.name in _MOVES or not (is_point(found) and may_be_noise(found[0])):
            return found
        known = {name: self.names(name) for name in symbols(node)}
        has_values = all(one.name in TABLE for one in walk(node) if isinstance(one, Op))
        if not has_values or not all(map(is_point, known.values())):
            return found
        env = {name: low for name, (low, _) in known.items()}
        return point(without_noise(found[0], node, env, {}))

    def adds_up(self, node: Op) -> bool:
        """Whether the terms of a sum are not written down; what stands beside a number is."""
        adds = node.name in self.unwritten
        return adds and not any(isinstance(arg, Num) for arg in node.args)

    def after(self, node: Op, args: Sequence[Reached], bare: Interval) -> Interval:
        """What a step is once it is written down."""
        unit = self.unit
        assert unit is not None
        if node.name in EXACT or self._is_a_setting(node, bare):
            return bare
        if node.name not in self.exact or self._is_step(node, unit):
            return _within(node, unit.widened(bare))
        if self.definite or all(arg.digits for arg in args):
            return bare
        whole = unit.widened(applied(node, [arg.bare for arg in args], unit))  # only the sum was
        each = unit.widened(bare)  # both were
        return np.minimum(each[0], whole[0]), np.maximum(each[1], whole[1])

    def _is_a_setting(self, node: Op, bare: Interval) -> bool:
        """Whether it is a given number in another form, as short: λ/2 is 0.005."""
        match node:
            case Op("mul" | "div", (Sym(name), Num()) | (Num(), Sym(name))) if name in self.given:
                return not np.ndim(bare[0]) and is_point(bare) and _SHORT.holds(bare)
        return False

    def _is_step(self, node: Op, unit: Unit) -> bool:
        """Whether a sum is a step of its own within an operation: a total, and 1 + e^z."""
        if not self.within:
            return False
        one_more = unit.significant and any(isinstance(arg, Num) for arg in node.args)
        return (node.name in TOTALS and way_within(unit) != "no total") or (
            node.name in SUMS and one_more
        )


def _are_points(args: Sequence[Reached]) -> bool:
    for arg in args:
        low, high = arg.rounded
        if low is not high:
            return False
    return True


def _is_plain(interval: Interval) -> bool:
    """Whether all is finite, and nothing may be the noise of the arithmetic."""
    low, high = interval
    finite = every(np.isfinite(low)) and every(np.isfinite(high))
    return finite and not (may_be_noise(low) and some(low == high))


def _one_rounding(node: Op, terms: Reached) -> Interval:
    """The terms of a sum; one alone that is not 0 is the sum itself, and written down once."""
    low, high = terms.rounded
    axis = axis_of(dict(node.options))
    count = np.count_nonzero((low != 0) | (high != 0), axis=axis, keepdims=True)
    return np.where(count > 1, low, terms.bare[0]), np.where(count > 1, high, terms.bare[1])


def _within(node: Op, interval: Interval) -> Interval:
    """Nobody writes a number below the least value that there is."""
    least = _LEAST.get(node.name)
    return interval if least is None else (np.maximum(interval[0], least), interval[1])


_LEAST = {name: each.least for name, each in TABLE.items()}


def applied(node: Op, args: Sequence[Interval], unit: Unit | None) -> Interval:
    """Bounds of one operation; with `unit`, what is written down within it may be rounded."""
    options = dict(node.options)
    if unit is not None and (inside := _inside(node, args, unit)) is not None:
        if unit.definite or node.name not in BOUNDS:
            return inside
        plain = BOUNDS[node.name](*args, **options)
        return np.fmin(plain[0], inside[0]), np.fmax(plain[1], inside[1])
    if node.name in TABLE and all(map(is_point, args)):
        value = function_of(node)(*(arg[0] for arg in args), **options)
        return point(np.asarray(value, dtype=float))
    own = BOUNDS.get(node.name)
    return _by_definition(node, args, None) if own is None else own(*args, **options)


def _inside(node: Op, args: Sequence[Interval], unit: Unit) -> Interval | None:
    """The bounds where the steps within an operation are rounded; None where there are none."""
    only = way_within(unit) == "only products"
    if only and node.name not in PRODUCTS | BY_ENTRIES | PRODUCTS_BY_BLOCKS:
        return None
    if way_within(unit) == "only quotients":
        return None
    if way_within(unit) == "every key" and node.name in IN_STEPS | {"sigmoid", "silu"}:
        return None
    own = ROUNDED_INSIDE.get(node.name)
    if own is not None:
        return own(args, dict(node.options), unit)
    each = only or way_within(unit) == "every product"
    if node.name in IN_STEPS or (each and node.name in BY_ENTRIES):
        return _by_definition(node, args, unit)
    return None


def _by_definition(node: Op, args: Sequence[Interval], unit: Unit | None) -> Interval:
    shapes = [np.shape(arg[0]) for arg in args]
    found = in_placeholders(node, shapes) if node.name in TABLE else None
    if found is None and node.name in BOUNDS:  # too much for a hand: a calculator has the whole
        return applied(node, args, None)
    if found is None:
        raise NoBoundsError(node.name)
    names = dict(zip(found[1].names, args, strict=True))
    finer = _NOTHING if unit is None or unit.definite else _finer(names, unit)
    inside = Enclosing(names.__getitem__, unit, finer.__contains__, within=True)
    return inside.defined(found[0])


def _finer(names: Mapping[str, Interval], unit: Unit) -> frozenset[str]:
    """The names of what has more digits than those."""
    return frozenset(name for name, interval in names.items() if not unit.holds(interval))


IN_STEPS = named(lambda each: bool(each.definition) and not (each.in_one_step or each.exact))
"""Operations within which somebody may write down the steps of their definition."""
BY_ENTRIES = named(lambda each: bool(each.entry) and each.name not in BOUNDS)
"""Operations known by their entries alone, which are sums of products as in a matrix product."""
_AT_ONCE = frozenset(TABLE) - {*ROUNDED_INSIDE, *IN_STEPS, *BY_ENTRIES}
"""Operations within which nothing is written down."""


# Ways of rounding that differ in a formula --------------------------------------------------------


_IN_ONE_STEP = frozenset({"sigmoid", "silu", "mean"})
"""Operations with a step within, which is written down whatever else is, or by one key."""
_FEW_STEPS = frozenset({"only products", "only quotients", "every key"})
_OPAQUE = (IN_STEPS | BY_ENTRIES | (TABLE.keys() - BOUNDS.keys())) - _IN_ONE_STEP
"""Operations that are worked out by others, so that any way may differ in them."""


class Used(Struct, frozen=True):
    """The operations of some formulas, and those whose results are unwritten steps in them."""

    operations: frozenset[str]
    inner: frozenset[str]

    @classmethod
    def of(cls, formulas: Iterable[Expr]) -> Used:
        """What is used in any of these."""
        parts = [in_order(one) for one in formulas]
        operations = frozenset[str]().union(*(one.operations for one in parts))
        return cls(operations, frozenset[str]().union(*(one.inner for one in parts)))


def apart(ways: Iterable[Rounding], used: Used) -> Iterator[Rounding]:
    """Those that may give something else than all before them, in formulas of these operations."""
    seen: set[Hashable] = set()
    opaque = not used.operations.isdisjoint(_OPAQUE)
    for way in ways:
        shows = way if opaque else _shown(way, used)
        if shows not in seen:
            seen.add(shows)
            yield way


def _shown(way: Rounding, used: Used) -> Hashable:
    """What of a way these operations show: after which it rounds, and what it does within them."""
    digits = way.count, way.significant, way.cuts_off, way.steps
    if way.names_only:
        return digits
    within, has = way.within, used.operations
    by_product = way.by_product and not has.isdisjoint(BY_PRODUCTS)
    inside = (
        by_product,
        by_product and within == "every product and sum",
        within in _FEW_STEPS and not has.isdisjoint(_IN_ONE_STEP) and within,
        within == "no total" and "mean" in has,
        within == "no term" and not has.isdisjoint(SUMS),
    )
    return digits, used.inner & (way.inside or way).exact, inside
