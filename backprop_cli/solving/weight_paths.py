"""One entry of a parameter to every path by which it acts on the loss, factor by factor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

import numpy as np
from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, op, rewrite, symbols
from backprop_cli.algebra.quantity import change_id, new_id
from backprop_cli.calculus.differentiate import added_up, also_through, needed
from backprop_cli.calculus.jacobians import UPSTREAM
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.model import Array, Model
from backprop_cli.problem.problem_data import kinks
from backprop_cli.readings.entries import entry
from backprop_cli.readings.values import evaluate

MAX_PATHS = 24
"""Paths written out one by one; the rest are added up."""

Index = tuple[int, ...]
Place = tuple[str, Index]


class Factor(Struct, frozen=True):
    """∂of/∂by, both single entries: a formula over entries, and its value.

    `held` are the quantities that do not change meanwhile, though `by` acts on `of` through them.
    """

    of: str
    by: str
    expr: Expr
    value: float
    held: tuple[str, ...] = ()


class Path(Struct, frozen=True):
    """The factors from the loss back to the entry, and their product."""

    factors: tuple[Factor, ...]
    product: float


class EntryPaths(Struct, frozen=True):
    """All paths of one entry: those written out, what the others add, the sum, and the update."""

    entry: str
    loss: str
    paths: tuple[Path, ...]
    total: float
    omitted: int = 0
    omitted_total: float = 0.0
    update: tuple[Expr, float, float] | None = None


def entry_paths(model: Model, values: Mapping[str, Array], name: str, index: Index) -> EntryPaths:
    """Every path from entry `index` (from 0) of `name` to the target of the model.

    Those on which some factor happens to be 0, as behind a ReLU that is off, come last.
    """
    assert model.target is not None
    graph = _Graph(model, values)
    written: list[Path] = []
    idle: list[Path] = []
    count, others = 0, 0.0
    for factors in islice(graph.paths((model.target, ()), (name, index)), graph.most):
        with np.errstate(all="ignore"):  # 0 times what is infinite
            path = Path(factors, float(np.prod([factor.value for factor in factors])))
        count += 1
        if path.product == 0:
            idle.append(path)
        elif len(written) < MAX_PATHS:
            written.append(path)
        else:
            others += path.product
    written += idle[: MAX_PATHS - len(written)]
    total = float(values[model.gradient(name)][index])
    if count >= graph.most:
        others = total - sum(path.product for path in written)
    return EntryPaths(
        graph.label(name, index),
        model.target,
        tuple(written),
        total,
        count - len(written),
        others,
        _update(model, values, name, index),
    )


def _update(
    model: Model, values: Mapping[str, Array], name: str, index: Index
) -> tuple[Expr, float, float] | None:
    if change_id(name) not in values:
        return None
    step = build.sub(Sym(name), build.neg(Sym(change_id(name))))
    if model.update is not None and model.update.plain_descent:
        step = op("sub", Sym(name), op("mul", Sym("learning_rate"), Sym(model.gradient(name))))
    sizes = Sizes({id: value.shape for id, value in values.items()}, {})
    return (
        entry(step, index, sizes),
        float(values[name][index]),
        float(values[new_id(name)][index]),
    )


class _Graph:
    """The single entries of all quantities, and the derivative of each by those it is made from."""

    most = 20_000
    looked_into = 2_000
    """Entries up to which a factor of 0 is told from no connection at all."""

    def __init__(self, model: Model, values: Mapping[str, Array]) -> None:
        self.model = model
        self.values = values
        self.bases = model.bases
        self.equations = model.definitions
        shapes = {name: value.shape for name, value in values.items()}
        self.sizes = Sizes(shapes, kinks(model.problem.convention.kinks))
        self.factors: dict[tuple[Place, str], list[tuple[Place, Factor]]] = {}
        self.reach: dict[str, set[str]] = {}

    def label(self, name: str, index: Index) -> str:
        return self.bases.entry(name, index)

    def paths(self, at: Place, goal: Place) -> Iterator[tuple[Factor, ...]]:
        """Every chain of factors from `at` back to `goal`, depth first."""
        for used in self.useful(at[0], goal[0]):
            for place, factor in self.edges(at, used, goal):
                if place == goal:
                    yield (factor,)
                elif place[0] != goal[0]:
                    for rest in self.paths(place, goal):
                        yield (factor, *rest)

    def useful(self, name: str, goal: str) -> list[str]:
        """The names in the equation of `name` that lead back to `goal`."""
        expr = self.equations.get(name)
        if expr is None:
            return []
        return [used for used in symbols(expr) if goal in self.behind(used)]

    def behind(self, name: str) -> set[str]:
        """`name`, and all that it is computed from, directly or not."""
        if name not in self.reach:
            self.reach[name] = needed(self.equations, {name})
        return self.reach[name]

    def edges(self, at: Place, used: str, goal: Place) -> list[tuple[Place, Factor]]:
        if (at, used) not in self.factors:
            self.factors[at, used] = list(self.derivatives(at, used, goal))
        return self.factors[at, used]

    def derivatives(self, at: Place, used: str, goal: Place) -> Iterator[tuple[Place, Factor]]:
        """∂at/∂used[j] for every entry j on which it depends."""
        pulled = self.pulled(at[0], used)
        places = [goal[1]] if used == goal[0] else np.ndindex(self.values[used].shape)
        values = self.slopes(at, pulled)
        held = tuple(also_through(at[0], used, self.equations))
        for index in places:
            value = float(values[index])
            if value == 0 and values.size > self.looked_into:
                continue
            expr = self.tidy(entry(pulled, index, self.sizes, {UPSTREAM: {at[1]: build.ONE}}))
            if expr == build.ZERO:
                continue
            factor = Factor(self.label(*at), self.label(used, index), expr, value, held)
            yield (used, index), factor

    def pulled(self, name: str, used: str) -> Expr:
        """The pull-back of `name` to `used` as an expression in an upstream gradient."""
        shapes = {**self.sizes.names, UPSTREAM: self.values[name].shape}
        self.sizes = Sizes(shapes, self.sizes.kinks)
        return added_up(self.equations[name], Sym(UPSTREAM), Sym(name), self.sizes)[used]

    def slopes(self, at: Place, pulled: Expr) -> Array:
        upstream = np.zeros(self.values[at[0]].shape)
        upstream[at[1]] = 1.0
        return evaluate(pulled, {**self.values, UPSTREAM: upstream}, self.equations)

    def tidy(self, expr: Expr) -> Expr:
        """1 · x and x · 1 left by the one-hot upstream gradient are x."""

        def rule(node: Expr) -> Expr | None:
            match node:
                case Op("mul", (a, b)):
                    return build.mul(rewrite(a, rule), rewrite(b, rule))
                case Op("sub", (a, b)):
                    return build.sub(rewrite(a, rule), rewrite(b, rule))
                case Op("neg", (a,)):
                    return build.neg(rewrite(a, rule))
            return None

        return rewrite(expr, rule)
