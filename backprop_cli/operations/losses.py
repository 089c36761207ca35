"""The losses: each states its value as an expression in the prediction and the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct, field

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, num, op


class Setting(Struct, frozen=True):
    """How a loss is taken: the axis of units (None: one sample), their number, the log's base."""

    axis: int | None = None
    units: Expr | None = None
    log_base: int | None = None


Build: TypeAlias = Callable[[Expr, Expr, Setting, Mapping[str, float]], Expr]


class Loss(Struct, frozen=True):
    """One loss: the sum over all entries of what `build` makes of prediction and target.

    `logits`: it takes pre-activations. `fused` names the last activation with which its gradient
    collapses, and `factor` the number before ŷ - y there.
    """

    name: str
    words: str
    build: Build
    logits: bool = False
    fused: str | None = None
    factor: int = 1
    options: Mapping[str, float] = field(default_factory=dict)


def _logarithms(total: Expr, setting: Setting) -> Expr:
    """A sum of natural logarithms brought to the base asked for."""
    if setting.log_base is None:
        return total
    return build.div(total, op("log", num(setting.log_base)))


def _cross_entropy(yhat: Expr, y: Expr, setting: Setting, _: Mapping[str, float]) -> Expr:
    return build.neg(_logarithms(op("sum", op("xlogy", y, yhat)), setting))


def _binary_cross_entropy(yhat: Expr, y: Expr, setting: Setting, _: Mapping[str, float]) -> Expr:
    other = op("xlogy", build.sub(build.ONE, y), build.sub(build.ONE, yhat))
    return build.neg(_logarithms(op("sum", build.add(op("xlogy", y, yhat), other)), setting))


def _from_logits(z: Expr, y: Expr, setting: Setting, _: Mapping[str, float]) -> Expr:
    top = op("logsumexp", z, axis=setting.axis)
    if setting.axis is not None:
        top = op("sum", top)
    return _logarithms(build.sub(top, op("sum", op("mul", y, z))), setting)


def _binary_from_logits(z: Expr, y: Expr, setting: Setting, _: Mapping[str, float]) -> Expr:
    return _logarithms(op("sum", build.sub(op("softplus", z), op("mul", y, z))), setting)


def _squares(yhat: Expr, y: Expr) -> Expr:
    return op("sum", op("pow", op("sub", yhat, y), num(2)))


def _mean_squares(yhat: Expr, y: Expr, setting: Setting, _: Mapping[str, float]) -> Expr:
    if setting.units is None:
        return op("mean", op("pow", op("sub", yhat, y), num(2)))
    return build.div(_squares(yhat, y), setting.units)


def _huber(yhat: Expr, y: Expr, _: Setting, options: Mapping[str, float]) -> Expr:
    delta = options.get("delta", 1.0)
    return op(
        "sum", op("huber", op("sub", yhat, y), delta=int(delta) if delta == int(delta) else delta)
    )


def _hinge(yhat: Expr, y: Expr, _: Setting, __: Mapping[str, float]) -> Expr:
    return op("sum", op("positive_part", build.sub(build.ONE, op("mul", y, yhat))))


_ALL = (
    Loss("cross-entropy", "cross-entropy", _cross_entropy, fused="softmax"),
    Loss("binary-cross-entropy", "binary cross-entropy", _binary_cross_entropy, fused="sigmoid"),
    Loss("cross-entropy-with-logits", "cross-entropy from the logits", _from_logits, logits=True),
    Loss(
        "binary-cross-entropy-with-logits",
        "binary cross-entropy from the logits",
        _binary_from_logits,
        logits=True,
    ),
    Loss(
        "squared-error",
        "squared error",
        lambda p, y, s, o: _squares(p, y),
        fused="linear",
        factor=2,
    ),
    Loss(
        "half-squared-error",
        "half the squared error",
        lambda p, y, s, o: build.div(_squares(p, y), num(2)),
        fused="linear",
    ),
    Loss("mean-squared-error", "squared error, mean over the outputs", _mean_squares),
    Loss(
        "absolute-error", "absolute error", lambda p, y, s, o: op("sum", op("abs", op("sub", p, y)))
    ),
    Loss("huber", "Huber's loss", _huber, options={"delta": 1.0}),
    Loss("hinge", "hinge loss", _hinge),
)

LOSSES = MappingProxyType({loss.name: loss for loss in _ALL})
