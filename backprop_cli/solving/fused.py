"""Equations to the gradients that go straight to ŷ - y: a softmax or sigmoid with its loss."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, num, op, symbols
from backprop_cli.calculus.differentiate import shares
from backprop_cli.operations.record import Rules
from backprop_cli.problem.assumptions import summing_to_one
from backprop_cli.problem.model import Model
from backprop_cli.problem.named import Written, loss_of


class Shortcut(Struct, frozen=True):
    """What each name behind an output gets without its gradient, and why that is so."""

    shares: Mapping[str, Expr]
    why: str


def shortcuts_of(model: Model, rules: Rules) -> dict[str, Shortcut]:
    """Those of every output of a problem in equations that goes into its own loss and no other."""
    if model.fusion is not None or model.problem.layers is not None or model.target is None:
        return {}
    definitions = model.definitions
    found = {}
    for loss, expr in definitions.items():
        written = loss_of(expr, model.shapes) if not model.shapes[loss] else None
        output = definitions.get(written.prediction) if written is not None else None
        if written is None or not isinstance(output, Op) or written.loss.fused != output.name:
            continue
        if written.count != 1 and any(
            isinstance(size, str) for size in model.shapes[written.target]
        ):
            continue  # over which letter the mean is taken is not known
        users = [name for name, each in definitions.items() if written.prediction in symbols(each)]
        if users == [loss] and written.prediction not in model.seeds:
            found[written.prediction] = _shortcut(model, loss, written, output, rules)
    return found


def _shortcut(model: Model, loss: str, written: Written, output: Op, rules: Rules) -> Shortcut:
    p, y = Sym(written.prediction), Sym(written.target)
    known = output.name != "softmax" or _sums_to_one(model, written.target, output)
    total = build.ONE if known else _total(y, output)
    delta = build.sub(build.mul(total, p), y)
    if written.count != 1:
        delta = build.mul(build.div(build.ONE, num(written.count)), delta)
    if loss not in model.silent:
        delta = build.mul(Sym(model.gradient(loss)), delta)
    parts: dict[str, Expr] = {}
    (inner,) = output.args
    for name, share in shares(inner, delta, inner, rules):
        parts[name] = build.add(parts[name], share) if name in parts else share
    why = (
        f"{output.name} and {written.loss.name} belong together: "
        "the derivative of one cancels that of the other"
    )
    if output.name == "softmax":
        why += ", since Σ y = 1" if known else "; Σ y stays, since nothing says that it is 1"
    return Shortcut(parts, why)


def _total(y: Sym, output: Op) -> Expr:
    """The sum of the targets over the units of each sample."""
    axis = output.option("axis")
    return op("sum", y) if axis is None else op("sum", y, axis=axis, keep=1)


def _sums_to_one(model: Model, target: str, output: Op) -> bool:
    """Whether the targets add up to 1 for each sample: their numbers do, or the file says so."""
    if target in summing_to_one(model.problem):
        return True
    if target not in model.given:
        return False
    axis = output.option("axis")
    sums = model.given[target].value.sum(axis=axis if isinstance(axis, int) else None)
    return bool(np.all(np.abs(sums - 1) < 1e-9))
