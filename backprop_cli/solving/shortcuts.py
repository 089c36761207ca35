"""A model to the gradients taken past the output: straight to ŷ - y, or where -y/ŷ is infinite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

import numpy as np
from msgspec import Struct, field

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, op, symbols
from backprop_cli.calculus.differentiate import added_up
from backprop_cli.operations.record import Array, Rules
from backprop_cli.operations.table import Sizes, operation
from backprop_cli.problem.assumptions import summing_to_one
from backprop_cli.problem.model import Model
from backprop_cli.problem.named import NamedLoss, losses_of
from backprop_cli.readings.values import evaluate

_PAST_INFINITIES = (
    "the output is 0 or 1 to all digits, so that its gradient is infinite and its slope 0: "
    "written in the logits the two cancel"
)


class Shortcuts(Struct, frozen=True):
    """What each name behind an output gets without the output's gradient, and why, by name."""

    shares: Mapping[str, Mapping[str, Expr]] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)


class Shortcut(Struct, frozen=True):
    """What each name behind an output gets without its gradient, and why that is so."""

    shares: Mapping[str, Expr]
    why: str


def shortcuts(model: Model, rules: Sizes, *, fused: bool, careful: bool) -> Shortcuts:
    """Those of every output; `careful` are those that go round what is infinite on the way."""
    found = dict(_past_infinities(model, rules)) if careful else {}
    if fused and model.fusion is not None:
        one = model.fusion
        found[one.output] = Shortcut({one.logits: one.expr}, one.why)
    if fused and not careful:
        found |= _of_equations(model, rules)
    return Shortcuts(
        {output: one.shares for output, one in found.items()},
        {name: one.why for one in found.values() for name in one.shares},
    )


def _past_infinities(model: Model, sizes: Sizes) -> Iterator[tuple[str, Shortcut]]:
    """The gradients of logits whose output goes into a logarithm, without that output."""
    from backprop_cli.calculus.stable import through_logits

    for name, expr in model.definitions.items():
        if isinstance(expr, Op) and operation(expr).vanishes:
            found = through_logits(name, model.backward, sizes)
            if found is not None:
                yield name, Shortcut(found, _PAST_INFINITIES)


def asks_numbers(model: Model) -> bool:
    """Whether shortcuts are looked for that depend on the numbers: on targets that add up to 1."""
    in_layers = model.problem.layers is not None and not model.over_time
    return model.fusion is None and not in_layers and model.target is not None


def _of_equations(model: Model, rules: Rules) -> dict[str, Shortcut]:
    """Those of every output of a problem in equations that goes into its own loss and no other."""
    if not asks_numbers(model):
        return {}
    definitions = model.definitions
    found = {}
    for loss, expr in definitions.items():
        if model.shapes[loss]:
            continue
        terms = [*losses_of(expr, model.shapes)]
        used = [written.prediction for _, written in terms if written is not None]
        for factor, written in terms:
            output = definitions.get(written.prediction) if written is not None else None
            if written is None or not isinstance(output, Op) or written.loss.fused != output.name:
                continue
            once = used.count(written.prediction) == 1
            if once and _fits(model, loss, written.prediction):
                shortcut = _shortcut(model, loss, written, output, rules, factor)
                found[written.prediction] = shortcut
    return found


def _fits(model: Model, loss: str, name: str) -> bool:
    """Whether the output goes into this loss and nowhere else."""
    used = {each for expr in model.definitions.values() for each in symbols(expr)}
    users = [
        each.name
        for each in model.equations
        if name in symbols(each.expr) and (each.rule != "over-time" or each.name in used)
    ]
    return users == [loss] and name not in model.seeds


def _shortcut(
    model: Model, loss: str, written: NamedLoss, output: Op, rules: Rules, factor: Fraction
) -> Shortcut:
    p, y = Sym(written.prediction), written.target
    known = output.name != "softmax" or _sums_to_one(model, written.target, output)
    total = build.ONE if known else _total(y, output)
    delta = build.sub(build.mul(total, p), y)
    if written.mean_over != 1:
        delta = build.mul(build.div(build.ONE, build.size(written.mean_over)), delta)
    delta = build.scaled(factor, delta)
    if loss not in model.silent:
        delta = build.mul(Sym(model.gradient(loss)), delta)
    (inner,) = output.args
    why = (
        f"{output.name} and {written.loss.words} belong together: "
        "the derivative of one cancels that of the other"
    )
    if output.name == "softmax":
        target = y.name if isinstance(y, Sym) and y.name != "Y" else "y"
        one = f", since Σ {target} = 1"
        why += one if known else f"; Σ {target} stays, since nothing says that it is 1"
    return Shortcut(added_up(inner, delta, inner, rules), why)


def _total(y: Expr, output: Op) -> Expr:
    """The sum of the targets over the units of each sample."""
    axis = output.option("axis")
    return op("sum", y) if axis is None else op("sum", y, axis=axis, keep=1)


def _sums_to_one(model: Model, target: Expr, output: Op) -> bool:
    """Whether the targets add up to 1 for each sample: their numbers do, or the file says so."""
    whole = target.args[0] if isinstance(target, Op) and target.name == "at" else target
    if isinstance(whole, Sym) and whole.name in summing_to_one(model.problem):
        return True
    numbers = _numbers_behind(model, target)
    if numbers is None:
        return False
    axis = output.option("axis")
    values = evaluate(target, numbers)
    sums = values.sum(axis=axis if isinstance(axis, int) else None)
    return bool(np.all(np.abs(sums - 1) < 1e-9))


def _numbers_behind(model: Model, expr: Expr) -> dict[str, Array] | None:
    """The numbers of what a formula is made of, worked out where it is not given; None in letters.

    Smoothed labels, and what another softmax puts out, add up to 1 as given ones do.
    """
    needed = set(symbols(expr))
    for name, definition in reversed(model.definitions.items()):
        if name in needed:
            needed |= set(symbols(definition))
    if not model.given.keys() | model.definitions.keys() >= needed:
        return None
    found = {name: model.given[name].value for name in needed & model.given.keys()}
    with np.errstate(all="ignore"):
        for name, definition in model.definitions.items():
            if name in needed:
                found[name] = evaluate(definition, found)
    return found
