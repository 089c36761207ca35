"""The update rules: a gradient and the old state to the new state and the change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct, field

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, num, op


class Terms(Struct, frozen=True):
    """What an update formula is written in: gradient, old and new state by letter, constants."""

    gradient: Expr
    old: Callable[[str], Expr]
    new: Callable[[str], Expr]
    constant: Callable[[str], Expr]
    hessian: Expr = build.ONE
    is_number: bool = False
    error: Expr = build.ONE
    """What y − ŷ gives the parameter, where no gradient is taken."""


Part: TypeAlias = Callable[[Terms], Expr]
States: TypeAlias = Callable[[Terms], Mapping[str, Expr]]


class UpdateRule(Struct, frozen=True):
    """One rule. `words` are what it is called behind "one step of". `states` gives, in order, each
    letter's formula; `change` what is added to W.

    `kept` are the letters carried from one step to the next (mhat and vhat are not). `constants`
    have their defaults; `rate`: there is a learning rate beside them. `counts`: a formula takes t,
    the number of the step.
    """

    words: str
    kept: tuple[str, ...]
    states: States
    change: Part
    ahead: Part | None = None
    """What is added to W to get to where the gradient is taken; None: it is taken at W."""
    constants: Mapping[str, float] = field(default_factory=dict)
    rate: bool = True
    counts: bool = False


def _eta(terms: Terms) -> Expr:
    return terms.constant("learning_rate")


def _average(old: Expr, rate: Expr, new: Expr) -> Expr:
    """β·old + (1 - β)·new."""
    return build.add(build.mul(rate, old), build.mul(build.sub(build.ONE, rate), new))


def _square(a: Expr) -> Expr:
    return build.power(a, num(2))


def _descent(direction: Part) -> Part:
    return lambda t: build.neg(build.mul(_eta(t), direction(t)))


def _scaled_by(numerator: Part, spread: Part) -> Part:
    """-η · numerator / (spread + ε)."""

    def change(t: Terms) -> Expr:
        below = build.add(spread(t), t.constant("epsilon"))
        return build.neg(build.div(build.mul(_eta(t), numerator(t)), below))

    return change


def _scaled_by_root(numerator: Part, letter: str) -> Part:
    """-η · numerator / (√state + ε)."""
    return _scaled_by(numerator, lambda t: op("sqrt", t.new(letter)))


def _gradient(t: Terms) -> Expr:
    return t.gradient


def _accumulated(t: Terms) -> dict[str, Expr]:
    return {"v": build.add(build.mul(t.constant("beta"), t.old("v")), t.gradient)}


def _classic(t: Terms) -> dict[str, Expr]:
    return {
        "v": build.sub(build.mul(t.constant("beta"), t.old("v")), build.mul(_eta(t), t.gradient))
    }


def _pushed(t: Terms) -> dict[str, Expr]:
    return {
        "v": build.add(build.mul(t.constant("beta"), t.old("v")), build.mul(_eta(t), t.gradient))
    }


def _ewma(t: Terms) -> dict[str, Expr]:
    return {"v": _average(t.old("v"), t.constant("beta"), t.gradient)}


def _nesterov_direction(t: Terms) -> Expr:
    return build.add(t.gradient, build.mul(t.constant("beta"), t.new("v")))


def _adagrad(t: Terms) -> dict[str, Expr]:
    return {"G": build.add(t.old("G"), _square(t.gradient))}


def _rmsprop(t: Terms) -> dict[str, Expr]:
    return {"s": _average(t.old("s"), t.constant("beta"), _square(t.gradient))}


def _corrected(t: Terms, letter: str, rate: str) -> Expr:
    """State / (1 - βᵗ): as if it had not started from 0."""
    power = op("pow", t.constant(rate), t.constant("t"))
    return op("div", t.new(letter), op("sub", build.ONE, power))


def _adam(t: Terms) -> dict[str, Expr]:
    return {
        "m": _average(t.old("m"), t.constant("beta1"), t.gradient),
        "v": _average(t.old("v"), t.constant("beta2"), _square(t.gradient)),
        "mhat": _corrected(t, "m", "beta1"),
        "vhat": _corrected(t, "v", "beta2"),
    }


def _amsgrad(t: Terms) -> dict[str, Expr]:
    """Adam with the largest v of all steps in the place of v."""
    largest = {"u": op("maximum", t.old("u"), t.new("v")), "vhat": _corrected(t, "u", "beta2")}
    return {letter: expr for letter, expr in _adam(t).items() if letter != "vhat"} | largest


def _adamax(t: Terms) -> dict[str, Expr]:
    shrunk = build.mul(t.constant("beta2"), t.old("u"))
    return {
        "m": _average(t.old("m"), t.constant("beta1"), t.gradient),
        "u": op("maximum", shrunk, op("abs", t.gradient)),
        "mhat": _corrected(t, "m", "beta1"),
    }


def _adadelta(t: Terms) -> dict[str, Expr]:
    """r is the gradient in the units of W: √(mean of squared changes) for √(that of gradients)."""
    above, below = (
        op("sqrt", build.add(mean, t.constant("epsilon"))) for mean in (t.old("u"), t.new("s"))
    )
    return {
        "s": _average(t.old("s"), t.constant("beta"), _square(t.gradient)),
        "r": build.mul(build.div(above, below), t.gradient),
        "u": _average(t.old("u"), t.constant("beta"), _square(t.new("r"))),
    }


def _newton(t: Terms) -> Expr:
    """−H⁻¹ g; −g / H for a number."""
    if t.is_number:
        return build.neg(build.div(t.gradient, t.hessian))
    return build.neg(build.matmul(op("inv", t.hessian), t.gradient))


_BETA = MappingProxyType({"beta": 0.9})
_EPSILON = MappingProxyType({"epsilon": 1e-8})
_OF_ADAM = MappingProxyType({"beta1": 0.9, "beta2": 0.999, **_EPSILON})


def _momentum(words: str, states: States, change: Part, ahead: Part | None = None) -> UpdateRule:
    return UpdateRule(words, ("v",), states, change, ahead, _BETA)


RULES: Mapping[tuple[str, str | None], UpdateRule] = MappingProxyType(
    {
        ("sgd", None): UpdateRule("gradient descent", (), lambda t: {}, _descent(_gradient)),
        ("momentum", "classic"): _momentum("momentum", _classic, lambda t: t.new("v")),
        ("momentum", "subtracted"): _momentum("momentum", _pushed, lambda t: build.neg(t.new("v"))),
        ("momentum", "ewma"): _momentum("momentum", _ewma, _descent(lambda t: t.new("v"))),
        ("momentum", "accumulate"): _momentum(
            "momentum", _accumulated, _descent(lambda t: t.new("v"))
        ),
        ("nesterov", None): _momentum(
            "Nesterov's momentum", _accumulated, _descent(_nesterov_direction)
        ),
        ("nesterov", "paper"): _momentum(
            "Nesterov's momentum",
            _classic,
            lambda t: t.new("v"),
            ahead=lambda t: build.mul(t.constant("beta"), t.old("v")),
        ),
        ("adagrad", None): UpdateRule(
            "AdaGrad", ("G",), _adagrad, _scaled_by_root(_gradient, "G"), constants=_EPSILON
        ),
        ("rmsprop", None): UpdateRule(
            "RMSProp",
            ("s",),
            _rmsprop,
            _scaled_by_root(_gradient, "s"),
            constants={**_BETA, **_EPSILON},
        ),
        ("adam", None): UpdateRule(
            "Adam",
            ("m", "v"),
            _adam,
            _scaled_by_root(lambda t: t.new("mhat"), "vhat"),
            constants=_OF_ADAM,
            counts=True,
        ),
        ("adam", "amsgrad"): UpdateRule(
            "AMSGrad",
            ("m", "v", "u"),
            _amsgrad,
            _scaled_by_root(lambda t: t.new("mhat"), "vhat"),
            constants=_OF_ADAM,
            counts=True,
        ),
        ("adamax", None): UpdateRule(
            "Adamax",
            ("m", "u"),
            _adamax,
            _scaled_by(lambda t: t.new("mhat"), lambda t: t.new("u")),
            constants=_OF_ADAM,
            counts=True,
        ),
        ("adadelta", None): UpdateRule(
            "Adadelta",
            ("s", "u"),
            _adadelta,
            _descent(lambda t: t.new("r")),
            constants={**_BETA, "epsilon": 1e-6},
        ),
        ("newton", None): UpdateRule("Newton's method", (), lambda t: {}, _newton, rate=False),
        ("perceptron", None): UpdateRule(
            "the perceptron's rule",
            (),
            lambda t: {},
            lambda t: build.mul(_eta(t), t.error),
        ),
    }
)
"""By rule and form; where a rule has no form None, its first is the one that goes without saying.

Sources: Polyak 1964; Nesterov 1983, as Sutskever et al. 2013 write it; Duchi et al. 2011;
Hinton 2012; Zeiler 2012 (with η = 1); Kingma and Ba 2015; Reddi et al. 2018, as in PyTorch.
"""
