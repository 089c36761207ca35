"""Functions of one argument, entry by entry: each states its derivative once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, num, op
from backprop_cli.algebra.shapes import broadcast
from backprop_cli.operations.record import (
    Array,
    Definition,
    Derivative,
    Domain,
    Notation,
    Operation,
    Rules,
)

Form: TypeAlias = Callable[..., Expr]

_erf = np.vectorize(math.erf, otypes=[float])
_erfc = np.vectorize(math.erfc, otypes=[float])


def _all(function: Any, x: Array) -> Array:
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
    return 0.5 * _all(_erfc, -x / math.sqrt(2.0))


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


def _times_x(function: Any) -> Any:
    def value(x: Array) -> Array:
        return np.where(np.isneginf(x), 0.0, x * function(x))

    return value


def _by_sign(x: Expr, below: float, at: float, above: float) -> Expr:
    return op("switch", x, below=_plain(below), at=_plain(at), above=_plain(above))


def _plain(value: float) -> float:
    """Whole numbers as integers, so that they are written without a point."""
    return int(value) if value == int(value) else value


def _relu_slope(kink: str) -> Derivative:
    def derivative(x: Expr, _: Expr, __: Op, rules: Rules) -> Expr:
        return _by_sign(x, 0, rules.kink(kink), 1)

    return derivative


def _leaky_slope(x: Expr, _: Expr, node: Op, rules: Rules) -> Expr:
    slope = float(str(node.option("slope", 0.01)))
    return _by_sign(x, slope, rules.kink("leaky_relu"), 1)


def _elu_slope(x: Expr, r: Expr, node: Op, _: Rules) -> Expr:
    alpha = num(float(str(node.option("alpha", 1))))
    return op("choose", x, build.ONE, build.add(r, alpha))


def _silu_slope(x: Expr, r: Expr, _: Op, __: Rules) -> Expr:
    gate = op("sigmoid", x)
    return build.add(gate, build.mul(r, build.sub(build.ONE, gate)))


def _gelu_slope(x: Expr, _: Expr, __: Op, ___: Rules) -> Expr:
    return build.add(op("normal_cdf", x), build.mul(x, op("normal_pdf", x)))


def _softsign_slope(x: Expr, _: Expr, __: Op, ___: Rules) -> Expr:
    """The definition's would ask for the slope of |x| at 0, of which nothing is left."""
    return build.div(build.ONE, build.power(build.add(build.ONE, op("abs", x)), num(2)))


def _log_slope(base: int | None) -> Derivative:
    def derivative(x: Expr, _: Expr, __: Op, ___: Rules) -> Expr:
        return build.div(build.ONE, x if base is None else build.mul(x, op("log", num(base))))

    return derivative


def _erf_slope(x: Expr, _: Expr, __: Op, ___: Rules) -> Expr:
    bell = op("exp", build.neg(build.power(x, num(2))))
    return build.mul(build.div(num(2), op("sqrt", op("pi"))), bell)


def _one_minus(r: Expr) -> Expr:
    return build.sub(build.ONE, r)


def _flat(*_: object) -> Expr:
    return build.ZERO


def _logistic(z: Expr) -> Expr:
    return op("div", build.ONE, op("add", build.ONE, op("exp", build.neg(z))))


def _constant(value: Any) -> Expr:
    """What an option says: a number, or the letter that stands for it."""
    return Sym(value) if isinstance(value, str) else num(value)


def _exponential_below(z: Expr, alpha: Any = 1) -> Expr:
    below = op("sub", op("exp", z), build.ONE)
    return op("choose", z, z, build.mul(_constant(alpha), below))


def _huber_pieces(e: Expr, delta: Any = 1) -> Expr:
    """Half the square within delta, a straight line beyond."""
    size, limit = op("abs", e), _constant(delta)
    line = build.mul(limit, op("sub", size, build.div(limit, num(2))))
    square = op("div", op("pow", e, num(2)), num(2))
    return op("choose", op("sub", size, limit), line, square)


def _same(shapes: tuple[Any, ...], _: Op) -> Any:
    return shapes[0]


def _function(
    name: str,
    words: str,
    value: Any,
    derivative: Derivative | None,
    notation: Notation | None = None,
    options: Mapping[str, object] | None = None,
    **rest: Any,
) -> Operation:
    return Operation(
        name,
        words,
        notation or Notation("function", name, rf"\operatorname{{{name}}}"),
        _same,
        value,
        elementwise=True,
        derivative=derivative,
        options=options or {},
        **rest,
    )


def _defined(name: str, words: str, definition: Form, **rest: Any) -> Operation:
    """A function that is known by what it is in others."""
    value, derivative = rest.pop("value", None), rest.pop("derivative", None)
    return _function(name, words, value, derivative, definition=_in(definition), **rest)


def _in(definition: Form) -> Definition:
    """A definition of z and the options."""
    return lambda node, rules: definition(*node.args, **dict(node.options))


def _named(text: str, latex: str | None = None) -> Notation:
    return Notation("function", text, latex or rf"\{text}")


_POSITIVE = Domain(lambda x: x <= 0, "the logarithm of a number that is not positive")

ACTIVATIONS = (
    _function(
        "sigmoid",
        "sigmoid",
        sigmoid,
        lambda x, r, node, rules: build.mul(r, _one_minus(r)),
        _named("σ", r"\sigma"),
        activation=True,
        definition=_in(_logistic),
        rises=True,
    ),
    _function(
        "tanh",
        "hyperbolic tangent",
        np.tanh,
        lambda x, r, node, rules: _one_minus(build.power(r, num(2))),
        _named("tanh"),
        activation=True,
        definition=_in(lambda z: op("div", op("sinh", z), op("cosh", z))),
        in_one_step=True,
        rises=True,
    ),
    _function(
        "relu",
        "rectified linear unit",
        lambda x: np.maximum(x, 0.0),
        _relu_slope("relu"),
        _named("ReLU", r"\operatorname{ReLU}"),
        activation=True,
        kink="relu",
        definition=_in(lambda z: op("choose", z, z, build.ZERO)),
        rises=True,
        exact=True,
    ),
    _function(
        "leaky_relu",
        "leaky rectified linear unit",
        lambda x, slope=0.01: np.where(x > 0, x, slope * x),
        _leaky_slope,
        _named("LeakyReLU", r"\operatorname{LeakyReLU}"),
        {"slope": 0.01},
        activation=True,
        kink="leaky_relu",
        definition=_in(lambda z, slope=0.01: op("choose", z, z, build.mul(_constant(slope), z))),
        rises=True,
    ),
    _function(
        "elu",
        "exponential linear unit",
        elu,
        _elu_slope,
        _named("ELU", r"\operatorname{ELU}"),
        {"alpha": 1},
        activation=True,
        definition=_in(_exponential_below),
        rises=True,
    ),
    _function(
        "softplus",
        "softplus",
        softplus,
        lambda x, r, node, rules: op("sigmoid", x),
        activation=True,
        definition=_in(lambda z: op("log", op("add", build.ONE, op("exp", z)))),
        rises=True,
    ),
    _function(
        "silu",
        "sigmoid-weighted unit",
        _times_x(sigmoid),
        _silu_slope,
        _named("SiLU", r"\operatorname{SiLU}"),
        activation=True,
        definition=_in(lambda z: op("mul", z, op("sigmoid", z))),
        also=("swish",),
    ),
    _function(
        "gelu",
        "Gaussian error linear unit",
        _times_x(normal_cdf),
        _gelu_slope,
        _named("GELU", r"\operatorname{GELU}"),
        activation=True,
        definition=_in(lambda z: op("mul", z, op("normal_cdf", z))),
    ),
    _defined(
        "mish",
        "Mish",
        lambda z: op("mul", z, op("tanh", op("softplus", z))),
        notation=_named("Mish", r"\operatorname{Mish}"),
        activation=True,
    ),
    _defined(
        "softsign",
        "softsign",
        lambda z: op("div", z, op("add", build.ONE, op("abs", z))),
        value=lambda x: x / (1.0 + np.abs(x)),
        derivative=_softsign_slope,
        activation=True,
        rises=True,
    ),
    _defined(
        "relu6",
        "rectified linear unit that ends at 6",
        lambda z: op("minimum", num(6), op("relu", z)),
        notation=_named("ReLU6", r"\operatorname{ReLU6}"),
        activation=True,
        kink="relu",
        exact=True,
    ),
    _function(
        "exp",
        "exponential function",
        np.exp,
        lambda x, r, node, rules: r,
        _named("exp"),
        activation=True,
        rises=True,
        least=0.0,
    ),
    _function(
        "step",
        "hard threshold",
        lambda x, at_zero=1: switch(x, 0, at_zero, 1),
        lambda x, r, node, rules: _by_sign(x, 0, rules.kink("step"), 0),
        options={"at_zero": 1},
        activation=True,
        kink="step",
        rises=True,
        exact=True,
        definition=_in(lambda z, at_zero=1: op("switch", z, at=at_zero)),
    ),
    _function(
        "sign",
        "sign",
        np.sign,
        _flat,
        activation=True,
        rises=True,
        exact=True,
        definition=_in(lambda z: op("switch", z, below=-1)),
    ),
)

FUNCTIONS = (
    _function(
        "log",
        "natural logarithm",
        np.log,
        _log_slope(None),
        _named("ln"),
        domain=_POSITIVE,
        rises=True,
    ),
    _function(
        "log2",
        "logarithm to base 2",
        np.log2,
        _log_slope(2),
        _named("log₂", r"\log_2"),
        domain=_POSITIVE,
        rises=True,
    ),
    _function(
        "log10",
        "logarithm to base 10",
        np.log10,
        _log_slope(10),
        _named("log₁₀", r"\log_{10}"),
        domain=_POSITIVE,
        rises=True,
    ),
    _function(
        "sqrt",
        "square root",
        np.sqrt,
        lambda x, r, node, rules: build.div(build.ONE, build.mul(num(2), r)),
        _named("√", r"\sqrt"),
        domain=Domain(lambda x: x < 0, "the square root of a negative number"),
        rises=True,
    ),
    _function(
        "abs",
        "absolute value",
        np.abs,
        lambda x, r, node, rules: _by_sign(x, -1, rules.kink("abs"), 1),
        Notation("special", "abs"),
        kink="abs",
        exact=True,
    ),
    _function("sin", "sine", np.sin, lambda x, r, node, rules: op("cos", x), _named("sin")),
    _function(
        "cos", "cosine", np.cos, lambda x, r, node, rules: build.neg(op("sin", x)), _named("cos")
    ),
    _function(
        "sinh",
        "hyperbolic sine",
        np.sinh,
        lambda x, r, node, rules: op("cosh", x),
        _named("sinh"),
        rises=True,
    ),
    _function(
        "cosh",
        "hyperbolic cosine",
        np.cosh,
        lambda x, r, node, rules: op("sinh", x),
        _named("cosh"),
    ),
    _function(
        "erf",
        "error function",
        lambda x: _all(_erf, x),
        _erf_slope,
        _named("erf", r"\operatorname{erf}"),
        rises=True,
    ),
    _function(
        "normal_cdf",
        "standard normal distribution function",
        normal_cdf,
        lambda x, r, node, rules: op("normal_pdf", x),
        _named("Φ", r"\Phi"),
        rises=True,
    ),
    _function(
        "normal_pdf",
        "standard normal density",
        normal_pdf,
        lambda x, r, node, rules: build.neg(build.mul(x, r)),
        _named("φ", r"\varphi"),
    ),
    _function(
        "huber",
        "Huber's function",
        huber,
        lambda x, r, node, rules: op("clip", x, limit=node.option("delta", 1)),
        options={"delta": 1},
        definition=_in(_huber_pieces),
    ),
    _function(
        "positive_part",
        "the part above 0",
        lambda x: np.maximum(x, 0.0),
        _relu_slope("hinge"),
        Notation("special", "max"),
        kink="hinge",
        definition=_in(lambda z: op("choose", z, z, build.ZERO)),
        rises=True,
        exact=True,
    ),
    _function(
        "clip",
        "clipping on both sides",
        lambda x, limit=1: np.clip(x, -limit, limit),
        lambda x, r, node, rules: op(
            "switch", build.sub(num(float(str(node.option("limit", 1)))), op("abs", x)), at=1
        ),
        options={"limit": 1},
        rises=True,
    ),
    _function(
        "switch",
        "constant on either side of 0",
        switch,
        _flat,
        Notation("special", "switch"),
        {"below": 0, "at": 0, "above": 1},
        public=False,
        exact=True,
    ),
    Operation(
        "choose",
        "one of two, by the sign",
        Notation("special", "choose"),
        lambda shapes, _: reduce(lambda a, b: broadcast(a, b, "chosen from"), shapes),
        choose,
        arity=3,
        elementwise=True,
        pullback=lambda g, r, node, rules: (
            None,
            build.mul(g, _by_sign(node.args[0], 0, 0, 1)),
            build.mul(g, _by_sign(node.args[0], 1, 1, 0)),
        ),
        public=False,
        exact=True,
    ),
    Operation(
        "pi",
        "the circle's number",
        Notation("special", "π", r"\pi"),
        lambda shapes, _: (),
        lambda: np.asarray(math.pi),
        arity=0,
        pullback=lambda g, r, node, rules: (),
        rises=True,
        exact=True,
    ),
)
