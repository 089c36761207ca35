"""How much work a problem is before any of it is done, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from math import ceil, prod
from types import MappingProxyType
from typing import Literal, TypeAlias

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Op, Sym, depth, fold, symbols, walk
from backprop_cli.algebra.shapes import Shape
from backprop_cli.errors import Mark, refusal
from backprop_cli.operations.convolutions import CONVOLUTIONS
from backprop_cli.operations.pooling import POOLING
from backprop_cli.operations.table import Sizes, operation
from backprop_cli.problem.model import Model
from backprop_cli.solving.plan import Plan, Planned

MAX_WORK = 300_000
"""Operations on arrays, large ones counted several times, unless an option raises it: about 1 s."""

MAX_ENTRIES = 10_000_000
"""Entries of all arrays of one step together: about 80 MB."""

MOST_VARIANTS = 10_000
"""Variants of a problem that are compared."""

MAX_DEPTH = 200
"""Operations of one formula that are nested in one another."""

_COUNTED = 10**15  # steps; so many are refused whatever they are
_ENTRIES = 500  # of a result, in the time that one operation takes at least
_COMPILING = 3  # operations in the time that compiling one equation takes
_PRODUCTS = 5_000  # of two numbers within a product of matrices, in the same time
_NUMBERS = 250  # of straight-line Python, in the same time
_COMPILED = {"scalars": 20, "buffers": 3, "plain": 1}
"""How many times faster a step is when it is compiled; where numbers overflow it is not."""


@lru_cache(maxsize=64)
def entries(planned: Plan) -> int:
    """The entries of all values of one step together."""
    return sum(_entries(step.shape) for step in planned.steps if not step.skipped)


_WINDOWS = frozenset(operation.name for operation in (*CONVOLUTIONS, *POOLING))
_SLIDING = 40
"""How many simple operations one that slides windows takes, however small its arrays: measured with
pictures of 4 × 4, where windows are laid out anew at every call."""


def _entries(shape: Shape) -> int:
    return prod(map(int, shape)) if shape else 1


def is_stepwise(model: Model) -> bool:
    """Whether training computes each step anew, since no compiled step is like the next: where
    values are rounded, the learning rate changes, or a matrix is inverted."""
    update = model.update
    changing = update is not None and (bool(update.rates) or update.rule == "newton")
    return changing or model.problem.rounding is not None


@lru_cache(maxsize=64)
def work(planned: Plan, steps: int, stepwise: bool = False) -> int:
    """The operations that so many steps take, the derivation of one of them shown in full.

    Steps that are computed `stepwise` are not compiled.
    """
    steps = min(steps, _COUNTED)
    sizes = Sizes(planned.shapes, {})
    costs = {step.id: 0 if step.skipped else _cost(step.expr, sizes)[1] for step in planned.steps}
    repeated = [step for step in planned.steps if _is_repeated(step) and not step.skipped]
    plain = sum(costs[step.id] for step in repeated)
    each: float = plain
    if steps > 1 and not stepwise:
        from backprop_cli.readings.program import fastest, size_of

        size = size_of([(step.id, step.expr) for step in repeated], planned.shapes)
        way = fastest(size, steps)
        if way == "scalars" and not _in_numbers(repeated):
            way = "buffers"
        each = max(plain / _COMPILED[way], size.numbers / _NUMBERS if way == "scalars" else 0)
    second = sum(step.rule == "hessian" for step in planned.steps if not step.skipped)
    forward = (step.expr for step in planned.steps if step.phase == "forward")
    return sum(costs.values()) + ceil(steps * each) + (_twice(forward) * second if second else 0)


_LINEAR = frozenset({"add", "sub", "neg", "sum", "mean"})
_TAKEN, _DEEPER = 60, 8
"""Operations for each part that a derivative takes over from a formula, when it is differentiated
again, and more of them for each function that it is within: measured with up to 60 functions of
one another, and with sums of 80 products."""


def _twice(forward: Iterable[Expr]) -> int:
    """What one second derivative takes: of functions in one another each brings all within it."""

    def over(node: Op, inner: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
        sizes, taken, deep = zip(*inner, strict=True) if inner else ((0,), (0,), (0,))
        size = 1 + sum(sizes)
        if node.name in _LINEAR:
            return size, sum(taken), max(deep)
        return size, sum(taken) + size, 1 + max(deep)

    found = (fold(expr, lambda _: (1, 0, 0), over) for expr in forward)
    return sum(taken * (_TAKEN + _DEEPER * deep) for _, taken, deep in found)


def _in_numbers(steps: Sequence[Planned]) -> bool:
    """Whether steps can be compiled to single numbers; else they are computed in buffers."""
    from backprop_cli.readings.scalars import in_numbers

    used = {name for step in steps for name in symbols(step.expr)}  # training leaves out the rest
    needed = (step for step in steps if step.id in used or step.phase == "update")
    return all(in_numbers(step.expr) for step in needed)


def _is_repeated(step: Planned) -> bool:
    """Whether training computes it at every step."""
    return step.phase != "jacobian" and step.rule != "forward-again"


def _cost(expr: Expr, sizes: Sizes) -> tuple[Shape, int]:
    """The shape of an expression, and the operations it takes."""
    if not isinstance(expr, Op):
        return sizes.names[expr.name] if isinstance(expr, Sym) else (), 0
    if expr.name == "jacobian":
        return sizes.shape(expr), _pulled_back(expr, sizes)
    cost = _SLIDING if expr.name in _WINDOWS else 1
    shapes: tuple[Shape, ...] = ()
    for arg in expr.args:
        part, more = _cost(arg, sizes)
        shapes, cost = (*shapes, part), cost + more
    shape = operation(expr).shape(shapes, expr)
    cost += max(map(_entries, (shape, *shapes))) // _ENTRIES
    if expr.name == "matmul":
        cost += _entries(shape) * int(shapes[0][-1]) // _PRODUCTS
    return shape, cost


def _pulled_back(node: Op, sizes: Sizes) -> int:
    """A Jacobian through other quantities: all between, for each entry of what it is of."""
    of, by = (arg.name for arg in node.args if isinstance(arg, Sym))
    names = list(sizes.names)
    between = names.index(of) - names.index(by) if by in names else len(names)
    each = 5 * max(between, 1) + _entries(sizes.names[of]) // _ENTRIES
    return _entries(sizes.names[of]) * each


Task: TypeAlias = Literal["solving", "drawing", "checking", "linting"]
_TASKS: Mapping[Task, tuple[float, float, int]] = MappingProxyType(
    {
        "solving": (200, 0.4, 0),
        "drawing": (200, 1.5, 0),
        "checking": (1_000, 25, 150),
        "linting": (2_000, 10, 150),
    }
)
"""Operations for each equation, for each pair of equations, and for each part of a planned formula,
measured with deep networks, recurrent ones and long products: what planning, differentiating and
printing take, and what a task takes beside, which tries what may go wrong at each part."""


class Allowed(Struct, frozen=True):
    """What is to be done with a problem, and the operations that it may take."""

    task: Task = "solving"
    most: int = MAX_WORK


def check_task(model: Model, allowed: Allowed, second: int = 0) -> None:
    """Refuses, before anything is planned, a problem of too many equations for what is asked, or
    whose formulas are too long for so many `second` derivatives."""
    what = f"a problem of {len(model.equations):,} equations"
    # The parts of formulas are counted once they are planned.
    more = " at least" if _TASKS[allowed.task][2] else ""
    _refuse_over(allowed, _for_equations(model, allowed), what, more)
    if second:
        needed = second * _twice(equation.expr for equation in model.equations)
        many = "a second derivative" if second == 1 else f"{second:,} second derivatives"
        _refuse_over(allowed, needed, f"a problem with {many}", " at least")


def check_formulas(model: Model, planned: Plan, allowed: Allowed) -> None:
    """Refuses formulas too long, or too many, for a task that changes each part of them."""
    part = _TASKS[allowed.task][2]
    if not part:
        return
    sizes = {step.id: sum(1 for _ in walk(step.expr)) for step in planned.steps}
    needed = _for_equations(model, allowed) + part * sum(sizes.values())
    longest = max(sizes, key=lambda id: sizes[id], default="")
    what = f"{len(sizes):,} formulas, that of {longest} of {sizes.get(longest, 0):,} parts,"
    _refuse_over(allowed, needed, what)


def _for_equations(model: Model, allowed: Allowed) -> int:
    each, pair, _ = _TASKS[allowed.task]
    count = len(model.equations)
    return ceil(each * count + pair * count**2)


def _refuse_over(allowed: Allowed, needed: int, what: str, more: str = "") -> None:
    if needed > allowed.most:
        message = (
            f"{allowed.task} {what} is about {needed:,} operations, "
            f"and the limit is {allowed.most:,}"
        )
        instead = f"--max-work {needed}{more}, or a smaller problem"
        raise refusal(message, instead=instead)


def check_depth(planned: Plan) -> None:
    """Refuses formulas that are nested more deeply than they can be gone through and printed."""
    found, id = _deepest(planned)
    if found > MAX_DEPTH:
        message = (
            f"{id} has {found} operations nested in one another, as a sum over many "
            f"uses of one quantity has, and the limit is {MAX_DEPTH}"
        )
        raise refusal(message, instead="fewer equations, or shorter ones")


@lru_cache(maxsize=64)
def _deepest(planned: Plan) -> tuple[int, str]:
    """How many operations are nested in one another at most, and in which step."""
    return max(((depth(step.expr), step.id) for step in planned.steps), default=(0, ""))


def check_differences(planned: Plan, checked: int, model: Model, most: int) -> None:
    """Refuses finite differences that take too long, at most so many entries `checked` of each."""
    sizes = Sizes(planned.shapes, {})
    once = sum(_cost(equation.expr, sizes)[1] for equation in model.equations)
    needed = once * sum(min(_entries(shape), checked) for shape in model.shapes.values())
    needed += _COMPILING * len(model.shapes) * len(model.equations)  # once for each quantity
    if needed > most:
        message = (
            f"comparing all gradients with finite differences is about {needed:,} operations, "
            f"and the limit is {most:,}"
        )
        raise refusal(message, instead=f"--max-work {needed}")


_LONG = 200
"""Parts of all formulas from which a command that judges them again and again may take 2 s or more:
measured with sheets wrong throughout (219, attention and a layer norm: 2 s; 175 and less: under
half a second) and recurrent networks (232 to 373 parts: 1 to 2 s; 722 and 934: 4 to 5 s)."""


def takes_long(planned: Plan) -> bool:
    """Whether formulas are so long that whoever tries numbers on them should be told to wait."""
    return sum(1 for step in planned.steps for _ in walk(step.expr)) > _LONG


class Budget:
    """Counts the operations of steps that turn out to be computed one by one, and ends at a limit.

    How many these are nobody knows before: they are where numbers overflow.
    """

    def __init__(self, planned: Plan, most: int) -> None:
        self.planned = planned
        self.most = most
        self.spent = 0

    @cached_property
    def each(self) -> int:
        """The operations of one step, counted when the first is paid for."""
        sizes = Sizes(self.planned.shapes, {})
        steps = [step for step in self.planned.steps if _is_repeated(step) and not step.skipped]
        return sum(_cost(step.expr, sizes)[1] for step in steps)

    def pay(self, step: int) -> None:
        """Counts one step more."""
        self.spent += self.each
        if self.spent > self.most:
            message = (
                f"numbers overflow on the way to step {step:,}, so that steps are computed one by "
                f"one, and the limit of {self.most:,} operations is reached"
            )
            instead = f"fewer steps, or --max-work {10 * self.most}"
            raise refusal(message, instead=instead)


def check_work(planned: Plan, steps: int, limit: int, mark: Mark, stepwise: bool = False) -> None:
    """Refuses what is over the limits."""
    held = entries(planned)
    if held > MAX_ENTRIES:
        message = (
            f"this problem holds {held:,} numbers in one step, and the limit is {MAX_ENTRIES:,}"
        )
        raise refusal(message, mark, "smaller matrices")
    needed = work(planned, steps, stepwise)
    if needed > limit:
        many = "1 step" if steps == 1 else f"{steps:,} steps"
        message = (
            f"{many} of this problem are about {needed:,} operations, and the limit is {limit:,}"
        )
        instead = f"fewer steps, or --max-work {needed}" if steps > 1 else f"--max-work {needed}"
        raise refusal(message, mark, instead)
