"""The update rules: a gradient and the old state to the new state and the change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct

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


class UpdateRule(Struct, frozen=True):
    """One rule. `states` gives, in order, each letter's formula; `change` what is added to W.

    `kept` are the letters carried from one step to the next (mhat and vhat are not).
    """

    words: str
    kept: tuple[str, ...]
    states: Callable[[Terms], Mapping[str, Expr]]
    change: Callable[[Terms], Expr]
    ahead: Callable[[Terms], Expr] | None = None
    """What is added to W to get to where the gradient is taken; None: it is taken at W."""


Part: TypeAlias = Callable[[Terms], Expr]


def _eta(terms: Terms) -> Expr:
    return terms.constant("learning_rate")


def _average(old: Expr, rate: Expr, new: Expr) -> Expr:
    """β·old + (1 - β)·new."""
    return build.add(build.mul(rate, old), build.mul(build.sub(build.ONE, rate), new))


def _square(a: Expr) -> Expr:
    return build.power(a, num(2))


def _descent(direction: Part) -> Part:
    return lambda t: build.neg(build.mul(_eta(t), direction(t)))


def _scaled_by_root(numerator: Part, letter: str) -> Part:
    """-η · numerator / (√state + ε)."""

    def change(t: Terms) -> Expr:
        root = build.add(op("sqrt", t.new(letter)), t.constant("epsilon"))
        return build.neg(build.div(build.mul(_eta(t), numerator(t)), root))

    return change


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


def _adam(t: Terms) -> dict[str, Expr]:
    def corrected(letter: str, rate: str) -> Expr:
        power = op("pow", t.constant(rate), t.constant("t"))
        return op("div", t.new(letter), op("sub", build.ONE, power))

    return {
        "m": _average(t.old("m"), t.constant("beta1"), t.gradient),
        "v": _average(t.old("v"), t.constant("beta2"), _square(t.gradient)),
        "mhat": corrected("m", "beta1"),
        "vhat": corrected("v", "beta2"),
    }


def _newton(t: Terms) -> Expr:
    """−H⁻¹ g; −g / H for a number."""
    if t.is_number:
        return build.neg(build.div(t.gradient, t.hessian))
    return build.neg(build.matmul(op("inv", t.hessian), t.gradient))


RULES: Mapping[tuple[str, str | None], UpdateRule] = MappingProxyType(
    {
        ("sgd", None): UpdateRule("gradient descent", (), lambda t: {}, _descent(_gradient)),
        ("momentum", "classic"): UpdateRule("momentum", ("v",), _classic, lambda t: t.new("v")),
        ("momentum", "subtracted"): UpdateRule(
            "momentum, taken off", ("v",), _pushed, lambda t: build.neg(t.new("v"))
        ),
        ("momentum", "ewma"): UpdateRule(
            "momentum as a moving average", ("v",), _ewma, _descent(lambda t: t.new("v"))
        ),
        ("momentum", "accumulate"): UpdateRule(
            "momentum, accumulated", ("v",), _accumulated, _descent(lambda t: t.new("v"))
        ),
        ("nesterov", None): UpdateRule(
            "Nesterov's momentum", ("v",), _accumulated, _descent(_nesterov_direction)
        ),
        ("nesterov", "paper"): UpdateRule(
            "Nesterov's momentum, as in the paper",
            ("v",),
            _classic,
            lambda t: t.new("v"),
            ahead=lambda t: build.mul(t.constant("beta"), t.old("v")),
        ),
        ("adagrad", None): UpdateRule("Adagrad", ("G",), _adagrad, _scaled_by_root(_gradient, "G")),
        ("rmsprop", None): UpdateRule("RMSprop", ("s",), _rmsprop, _scaled_by_root(_gradient, "s")),
        ("adam", None): UpdateRule(
            "Adam", ("m", "v"), _adam, _scaled_by_root(lambda t: t.new("mhat"), "vhat")
        ),
        ("newton", None): UpdateRule("Newton's step", (), lambda t: {}, _newton),
        ("perceptron", None): UpdateRule(
            "perceptron rule", (), lambda t: {}, lambda t: build.mul(_eta(t), t.error)
        ),
    }
)
"""By rule and form.

Sources: Polyak 1964; Nesterov 1983, as Sutskever et al. 2013 write it; Duchi et al. 2011;
Hinton 2012; Kingma and Ba 2015.
"""
