"""Numbers to values of functions of them, entry by entry, stable where a definition is not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, num, op
from backprop_cli.operations.record import Array, Derivative, Rules

erf = np.vectorize(math.erf, otypes=[float])
_erfc = np.vectorize(math.erfc, otypes=[float])


def entry_by_entry(function: Any, x: Array) -> Array:
    """A vectorised Python function; np.vectorize refuses empty arrays unless told the type."""
    return np.asarray(function(x), dtype=float).reshape(np.shape(x))


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x) without overflow: the exponential is only taken of -|x|."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def softplus(x: Array) -> Array:
    """ln(1 + e^x) without overflow."""
    return np.logaddexp(0.0, x)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """x above 0, alpha (e^x - 1) below (Clevert, Unterthiner and Hochreiter 2016)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def normal_cdf(x: Array) -> Array:
    """The standard normal distribution function, accurate in both tails."""
    return 0.5 * entry_by_entry(_erfc, -x / math.sqrt(2.0))


def normal_pdf(x: Array) -> Array:
    """The standard normal density."""
    return np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


def switch(x: Array, below: float = 0.0, at: float = 0.0, above: float = 1.0) -> Array:
    """One of three constants, by the sign of x."""
    return np.where(
        x > 0, float(above), np.where(x < 0, float(below), np.where(x == 0, float(at), x))
    )


def choose(x: Array, above: Array, otherwise: Array) -> Array:
    """One of two arrays, entry by entry, by the sign of x."""
    return np.where(x > 0, above, otherwise)


def huber(x: Array, delta: float = 1.0) -> Array:
    """Half the square up to delta, a straight line beyond (Huber 1964)."""
    size = np.abs(x)
    inner = np.minimum(size, delta)
    return 0.5 * inner * inner + delta * (size - inner)


def times_x(function: Any) -> Any:
    """x times a function of x, which wins over x at minus infinity."""

    def value(x: Array) -> Array:
        return np.where(np.isneginf(x), 0.0, x * function(x))

    return value


def by_sign(x: Expr, below: float, at: float, above: float) -> Expr:
    """A constant on either side of 0, another at 0."""
    return op("switch", x, below=build.plain(below), at=build.plain(at), above=build.plain(above))


def relu_slope(kink: str) -> Derivative:
    """1 above 0, 0 below, at 0 what the convention says."""

    def derivative(x: Expr, _: Expr, __: Op, rules: Rules) -> Expr:
        return by_sign(x, 0, rules.kink(kink), 1)

    return derivative


def leaky_slope(x: Expr, _: Expr, node: Op, rules: Rules) -> Expr:
    """1 above 0, the slope below, at 0 what the convention says."""
    slope = float(str(node.option("slope", 0.01)))
    return by_sign(x, slope, rules.kink("leaky_relu"), 1)


def elu_slope(x: Expr, r: Expr, node: Op, _: Rules) -> Expr:
    """1 above 0, f + α below."""
    alpha = num(float(str(node.option("alpha", 1))))
    return op("choose", x, build.ONE, build.add(r, alpha))


def silu_slope(x: Expr, r: Expr, _: Op, __: Rules) -> Expr:
    """σ(x) + f · (1 − σ(x))."""
    gate = op("sigmoid", x)
    return build.add(gate, build.mul(r, build.sub(build.ONE, gate)))


def gelu_slope(x: Expr, _: Expr, __: Op, ___: Rules) -> Expr:
    """Φ(x) + x · φ(x)."""
    return build.add(op("normal_cdf", x), build.mul(x, op("normal_pdf", x)))


def softsign_slope(x: Expr, _: Expr, __: Op, ___: Rules) -> Expr:
    """The definition's would ask for the slope of |x| at 0, of which nothing is left."""
    return build.div(build.ONE, build.power(build.add(build.ONE, op("abs", x)), num(2)))


def log_slope(base: int | None) -> Derivative:
    """1 / (x · ln of the base)."""

    def derivative(x: Expr, _: Expr, __: Op, ___: Rules) -> Expr:
        return build.div(build.ONE, x if base is None else build.mul(x, op("log", num(base))))

    return derivative


def erf_slope(x: Expr, _: Expr, __: Op, ___: Rules) -> Expr:
    """2/√π · exp(−x²)."""
    bell = op("exp", build.neg(build.power(x, num(2))))
    return build.mul(build.div(num(2), op("sqrt", op("pi"))), bell)


def one_minus(r: Expr) -> Expr:
    """1 − f."""
    return build.sub(build.ONE, r)


def flat(*_: object) -> Expr:
    """0: a step does not rise anywhere."""
    return build.ZERO
