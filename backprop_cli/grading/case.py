"""One quantity of a problem as the slips see it, and the tools that rewrite its formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Op, Sym, op, rewrite, substitute, symbols, walk
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.operations.sizes import Sizes
from backprop_cli.operations.table import TABLE
from backprop_cli.problem.model import Model
from backprop_cli.solving.plan import Planned, quotient

ACTIVATIONS = frozenset(name for name, entry in TABLE.items() if entry.activation)
_DEEPEST = 4  # states stand behind states: mhat behind m behind the old m


class Case(Struct, frozen=True):
    """One quantity of a problem: its planned step, all steps by id, the sizes of every name."""

    model: Model
    step: Planned
    steps: Mapping[str, Planned]
    sizes: Sizes
    asked: frozenset[str] = frozenset()

    @property
    def expr(self) -> Expr:
        """The right formula."""
        return self.step.expr

    def cases(self) -> Iterator[Case]:
        """The quantity itself, and as it is when what is not asked is worked out on the way."""
        yield self
        inlined = self.inlined(self.expr)
        if inlined != self.expr:
            yield replace(self, step=replace(self.step, expr=inlined))

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
        used = [name for part in (model.target, *model.silent) for name in self._forward(part)]
        return tuple(
            (computed, given)
            for computed in used
            for given in used
            if computed in model.definitions
            and given in model.given
            and model.given[given].role == "data"
            and self.sizes.names[computed] == self.sizes.names[given]
        )

    @property
    def counts(self) -> frozenset[int]:
        """Over how many samples, or outputs, the loss adds up or takes the mean; never 1."""
        model = self.model
        loss = model.problem.loss
        entropy = loss is not None and (loss.function.name or "").startswith("cross-entropy")
        sizes = {model.sample_count or 1}
        for name in {prediction for prediction, _ in self.compared} | {"Yhat"} & {*model.shapes}:
            shape = [int(size) for size in model.shapes[name]]
            if model.sample_axis is not None:
                del shape[model.sample_axis]
            if not entropy:  # a mean over classes is no one's habit
                sizes |= {*shape, prod(shape)}
        return frozenset(sizes - {1})

    def _forward(self, name: str) -> tuple[str, ...]:
        definition = self.model.definitions.get(name)
        return () if definition is None else symbols(definition)

    @property
    def by(self) -> str | None:
        """The name a gradient of the target is taken by; None for other quantities."""
        pair = quotient(self.step.id)
        return pair[1] if pair is not None and pair[0] == self.model.gradient_of else None

    def shape(self, expr: Expr) -> Shape | None:
        """The shape of a rewritten formula; None where it does not fit together."""
        try:
            return self.sizes.shape(expr)
        except (ShapeError, KeyError):
            return None

    def fitting(self, exprs: Iterator[Expr]) -> Iterator[Expr]:
        """The rewritten formulas that have the shape of the right one, and differ from it."""
        for expr in exprs:
            if expr != self.expr and self.shape(expr) == self.step.shape:
                yield expr


# Tools for rewriting ---------------------------------------------------------------------------


def each(expr: Expr, names: frozenset[str]) -> Iterator[Op]:
    """The nodes that apply one of the operations named."""
    for node in walk(expr):
        if isinstance(node, Op) and node.name in names:
            yield node


def swapped(expr: Expr, old: Expr, new: Expr) -> Expr:
    """A formula with one part, wherever it stands, replaced by another."""
    return rewrite(expr, lambda node: new if node == old else None)


def plain_name(expr: Expr) -> str | None:
    """The name that a part of a formula is, made a row or a column or not."""
    while isinstance(expr, Op) and expr.name in ("column", "row") and expr.args:
        expr = expr.args[0]
    return expr.name if isinstance(expr, Sym) else None


def summands(expr: Expr) -> list[Expr]:
    """The parts that add up to a formula."""
    if isinstance(expr, Op) and expr.name == "add":
        return [*summands(expr.args[0]), *summands(expr.args[1])]
    if isinstance(expr, Op) and expr.name == "sub":
        return [*summands(expr.args[0]), op("neg", expr.args[1])]
    return [expr]


def added(parts: Sequence[Expr]) -> Expr:
    """The sum of parts."""
    total = parts[0]
    for part in parts[1:]:
        total = op("add", total, part)
    return total


def in_parts(case: Case, change: Callable[[Expr], Expr]) -> Iterator[Expr]:
    """A change made to one of several parts that add up: the data's loss beside its penalty."""
    parts = summands(case.expr)
    if len(parts) > 1:
        for part in parts:
            yield swapped(case.expr, part, change(part))
