"""Functions of one argument, entry by entry: each states its derivative once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, num, op
from backprop_cli.algebra.shapes import broadcast
from backprop_cli.operations import stable_values as values
from backprop_cli.operations.record import Definition, Derivative, Domain, Notation, Operation

Form: TypeAlias = Callable[..., Expr]


def _logistic(z: Expr) -> Expr:
    return op("div", build.ONE, op("add", build.ONE, op("exp", build.neg(z))))


def _elu_corner(node: Op) -> tuple[tuple[float, float], ...]:
    alpha = float(str(node.option("alpha", 1)))
    return () if alpha == 1 else ((0.0, alpha),)


def _limit(node: Op) -> float:
    return float(str(node.option("limit", 1)))


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
        values.sigmoid,
        lambda x, r, node, rules: build.mul(r, values.one_minus(r)),
        _named("σ", r"\sigma"),
        activation=True,
        definition=_in(_logistic),
        rises=True,
        vanishes=True,
        unfamiliar=True,
    ),
    _function(
        "tanh",
        "hyperbolic tangent",
        np.tanh,
        lambda x, r, node, rules: values.one_minus(build.power(r, num(2))),
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
        values.relu_slope("relu"),
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
        values.leaky_slope,
        _named("LeakyReLU", r"\operatorname{LeakyReLU}"),
        {"slope": 0.01},
        activation=True,
        kink="leaky_relu",
        definition=_in(
            lambda z, slope=0.01: op("choose", z, z, build.mul(values.constant(slope), z))
        ),
        rises=True,
    ),
    _function(
        "elu",
        "exponential linear unit",
        values.elu,
        values.elu_slope,
        _named("ELU", r"\operatorname{ELU}"),
        {"alpha": 1},
        corners=_elu_corner,
        activation=True,
        definition=_in(values.exponential_below),
        rises=True,
        unfamiliar=True,
    ),
    _function(
        "softplus",
        "softplus",
        values.softplus,
        lambda x, r, node, rules: op("sigmoid", x),
        activation=True,
        definition=_in(lambda z: op("log", op("add", build.ONE, op("exp", z)))),
        rises=True,
        unfamiliar=True,
    ),
    _function(
        "silu",
        "sigmoid-weighted unit",
        values.times_x(values.sigmoid),
        values.silu_slope,
        _named("SiLU", r"\operatorname{SiLU}"),
        activation=True,
        definition=_in(lambda z: op("mul", z, op("sigmoid", z))),
        also=("swish",),
        unfamiliar=True,
    ),
    _function(
        "gelu",
        "Gaussian error linear unit",
        values.times_x(values.normal_cdf),
        values.gelu_slope,
        _named("GELU", r"\operatorname{GELU}"),
        activation=True,
        definition=_in(lambda z: op("mul", z, op("normal_cdf", z))),
        unfamiliar=True,
    ),
    _defined(
        "mish",
        "Mish",
        lambda z: op("mul", z, op("tanh", op("softplus", z))),
        notation=_named("Mish", r"\operatorname{Mish}"),
        activation=True,
        unfamiliar=True,
    ),
    _defined(
        "softsign",
        "softsign",
        lambda z: op("div", z, op("add", build.ONE, op("abs", z))),
        value=lambda x: x / (1.0 + np.abs(x)),
        derivative=values.softsign_slope,
        activation=True,
        rises=True,
        unfamiliar=True,
    ),
    _function(
        "arctan",
        "arctangent",
        np.arctan,
        lambda x, r, node, rules: build.div(
            build.ONE, build.add(build.ONE, build.power(x, num(2)))
        ),
        _named("arctan"),
        activation=True,
        rises=True,
        also=("atan",),
    ),
    _defined(
        "relu6",
        "rectified linear unit that ends at 6",
        lambda z: op("minimum", num(6), op("relu", z)),
        notation=_named("ReLU6", r"\operatorname{ReLU6}"),
        activation=True,
        kink="relu",
        corners=lambda _: ((6.0, 0.0),),
        exact=True,
        unfamiliar=True,
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
        vanishes=True,
    ),
    _function(
        "step",
        "hard threshold",
        lambda x, at_zero=1: values.switch(x, 0, at_zero, 1),
        lambda x, r, node, rules: values.by_sign(x, 0, rules.kink("step"), 0),
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
        values.flat,
        activation=True,
        rises=True,
        exact=True,
        definition=_in(lambda z: op("switch", z, below=-1)),
    ),
)

FUNCTIONS = (
    *(
        _function(name, words, value, values.log_slope(base), how, domain=_POSITIVE, rises=True)
        for name, words, value, base, how in (
            ("log", "natural logarithm", np.log, None, _named("ln")),
            ("log2", "logarithm to base 2", np.log2, 2, _named("log₂", r"\log_2")),
            ("log10", "logarithm to base 10", np.log10, 10, _named("log₁₀", r"\log_{10}")),
        )
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
        lambda x, r, node, rules: values.by_sign(x, -1, rules.kink("abs"), 1),
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
        lambda x: values.entry_by_entry(values.erf, x),
        values.erf_slope,
        _named("erf", r"\operatorname{erf}"),
        rises=True,
    ),
    _function(
        "normal_cdf",
        "standard normal distribution function",
        values.normal_cdf,
        lambda x, r, node, rules: op("normal_pdf", x),
        _named("Φ", r"\Phi"),
        rises=True,
    ),
    _function(
        "normal_pdf",
        "standard normal density",
        values.normal_pdf,
        lambda x, r, node, rules: build.neg(build.mul(x, r)),
        _named("φ", r"\varphi"),
    ),
    _function(
        "huber",
        "Huber's function",
        values.huber,
        lambda x, r, node, rules: op("clip", x, limit=node.option("delta", 1)),
        options={"delta": 1},
        definition=_in(values.huber_pieces),
        unfamiliar=True,
    ),
    _function(
        "positive_part",
        "the part above 0",
        lambda x: np.maximum(x, 0.0),
        values.relu_slope("hinge"),
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
        lambda x, r, node, rules: op("switch", build.sub(num(_limit(node)), op("abs", x)), at=1),
        options={"limit": 1},
        corners=lambda node: ((-_limit(node), 1.0), (_limit(node), 1.0)),
        rises=True,
        unfamiliar=True,
    ),
    Operation(
        "stop_gradient",
        "held fixed on the way back",
        Notation("function", "stopgrad", r"\operatorname{stopgrad}"),
        _same,
        lambda x: x,
        elementwise=True,
        pullback=lambda g, r, node, rules: (None,),
        rises=True,
        exact=True,
    ),
    _function(
        "switch",
        "constant on either side of 0",
        values.switch,
        values.flat,
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
        values.choose,
        arity=3,
        elementwise=True,
        pullback=lambda g, r, node, rules: (
            None,
            build.mul(g, values.by_sign(node.args[0], 0, 0, 1)),
            build.mul(g, values.by_sign(node.args[0], 1, 1, 0)),
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
