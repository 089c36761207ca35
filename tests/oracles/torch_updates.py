"""Turns a gradient and the optimizer's state into a change and the state after it, rule by rule.

Each rule takes the gradient, the old state by slot (zeros where there is none), and the options of
`update` with `t`, the number of the step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

Options = dict[str, Any]
Tensors = dict[str, Tensor]
Change = tuple[Tensor, Tensors]


def _sgd(g: Tensor, _: Tensors, update: Options) -> Change:
    return -update["learning_rate"] * g, {}


def _momentum(g: Tensor, old: Tensors, update: Options) -> Change:
    beta, rate = update.get("beta", 0.9), update["learning_rate"]
    form = update.get("form", "classic")
    if form == "classic":
        v = beta * old["v"] - rate * g
        return v, {"v": v}
    v = beta * old["v"] + (g if form == "accumulate" else (1 - beta) * g)
    return -rate * v, {"v": v}


def _nesterov(g: Tensor, old: Tensors, update: Options) -> Change:
    beta = update.get("beta", 0.9)
    v = beta * old["v"] + g
    return -update["learning_rate"] * (g + beta * v), {"v": v}


def _adagrad(g: Tensor, old: Tensors, update: Options) -> Change:
    total = old["G"] + g.square()
    return _scaled(g, total, update), {"G": total}


def _rmsprop(g: Tensor, old: Tensors, update: Options) -> Change:
    beta = update.get("beta", 0.9)
    s = beta * old["s"] + (1 - beta) * g.square()
    return _scaled(g, s, update), {"s": s}


def _adam(g: Tensor, old: Tensors, update: Options) -> Change:
    beta1, beta2 = update.get("beta1", 0.9), update.get("beta2", 0.999)
    m = beta1 * old["m"] + (1 - beta1) * g
    v = beta2 * old["v"] + (1 - beta2) * g.square()
    mhat, vhat = m / (1 - beta1 ** update["t"]), v / (1 - beta2 ** update["t"])
    return _scaled(mhat, vhat, update), {"m": m, "v": v, "mhat": mhat, "vhat": vhat}


def _scaled(direction: Tensor, squares: Tensor, update: Options) -> Tensor:
    return -update["learning_rate"] * direction / (squares.sqrt() + update.get("epsilon", 1e-8))


RULES: dict[str, Callable[[Tensor, Tensors, Options], Change]] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "adagrad": _adagrad,
    "rmsprop": _rmsprop,
    "adam": _adam,
}
