"""What no rule finds by itself: how derivatives of activations are brought into a form in f."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backprop_cli.derive.steps.step_table import Case, Steps

_OWN = "written in the function's own value"

ACTIVATIONS: Mapping[str, Steps] = MappingProxyType(
    {
        "sigmoid": Steps(
            (
                ("1 / (1 + exp(-z)) * (exp(-z) / (1 + exp(-z)))", "the square split in two"),
                ("1 / (1 + exp(-z)) * ((1 + exp(-z) - 1) / (1 + exp(-z)))", "1 added, 1 taken off"),
                ("1 / (1 + exp(-z)) * (1 - 1 / (1 + exp(-z)))", "divided term by term"),
                ("f * (1 - f)", _OWN),
            ),
        ),
        "tanh": Steps(
            (
                ("1 - sinh(z)^2 / cosh(z)^2", "divided term by term"),
                (
                    "1 - (sinh(z) / cosh(z))^2",
                    "a quotient of squares is the square of the quotient",
                ),
                ("1 - f^2", _OWN),
            ),
        ),
        "elu": Steps(
            (
                ("alpha * (exp(z) - 1) + alpha", "α taken off and added"),
                ("f + alpha", _OWN),
            ),
            ("At z = 0 the slope from the left, α, is taken; for α = 1 both sides agree.",),
        ),
        "softplus": Steps(
            (
                ("1 / (exp(-z) + 1)", "numerator and denominator divided by exp(z)"),
                ("sigmoid(z)", "that is the sigmoid"),
            ),
        ),
        "silu": Steps((("f + sigmoid(z) * (1 - f)", "σ multiplied out, z · σ(z) written as f"),)),
        "gelu": Steps(
            notes=(
                "Φ is the standard normal distribution function; its derivative is the density φ.",
            ),
        ),
        "softsign": Steps(
            (("1 / (1 + abs(z))^2", "z times the sign of z is |z|; at 0 nothing is left of it"),)
        ),
        "exp": Steps((("f", _OWN),)),
        "step": Steps(
            notes=("A gradient behind a step is 0 everywhere: such a network cannot learn by it.",),
        ),
        "sign": Steps(
            notes=("A gradient behind it is 0 everywhere: such a network cannot learn by it.",),
        ),
    }
)
"""In letters; of a function in pieces, the lines of the piece below 0."""

_SUM = "sum(exp(z[k]), axis=k)"
SOFTMAX_CASES = (
    Case(
        "i = j",
        finish=(
            (
                f"exp(z[j]) / {_SUM} * (({_SUM} - exp(z[j])) / {_SUM})",
                "exp(zⱼ) in front, the square split",
            ),
            (f"exp(z[j]) / {_SUM} * (1 - exp(z[j]) / {_SUM})", "divided term by term"),
            ("yhat[j] * (1 - yhat[j])", _OWN),
        ),
    ),
    Case(
        "i ≠ j",
        finish=(
            (f"-(exp(z[i]) / {_SUM}) * (exp(z[j]) / {_SUM})", "the square split in two"),
            ("-yhat[i] * yhat[j]", _OWN),
        ),
    ),
)
SOFTMAX_TOGETHER = "yhat[i] * (equal(i, j) - yhat[j])"
