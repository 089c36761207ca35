"""How the derivative of every activation is brought into the form that the table states."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backprop_cli.derive.steps.step_table import Case, Steps

_CORNER = "a corner: the slopes on its two sides differ"
_JUMP = "a jump: there is no slope"
_OWN = "written in the function's own value"

ACTIVATIONS: Mapping[str, Steps] = MappingProxyType(
    {
        "linear": Steps("z"),
        "sigmoid": Steps(
            "1 / (1 + exp(-z))",
            (
                ("1 / (1 + exp(-z)) * (exp(-z) / (1 + exp(-z)))", "the square split in two"),
                ("1 / (1 + exp(-z)) * ((1 + exp(-z) - 1) / (1 + exp(-z)))", "1 added, 1 taken off"),
                ("1 / (1 + exp(-z)) * (1 - 1 / (1 + exp(-z)))", "divided term by term"),
                ("f * (1 - f)", _OWN),
            ),
        ),
        "tanh": Steps(
            "sinh(z) / cosh(z)",
            (
                ("1 - sinh(z)^2 / cosh(z)^2", "divided term by term"),
                (
                    "1 - (sinh(z) / cosh(z))^2",
                    "a quotient of squares is the square of the quotient",
                ),
                ("1 - f^2", _OWN),
            ),
        ),
        "relu": Steps(
            cases=(
                Case("z > 0", "z"),
                Case("z < 0", "0"),
                Case("z = 0", kink="relu", why=_CORNER),
            )
        ),
        "leaky_relu": Steps(
            cases=(
                Case("z > 0", "z"),
                Case("z < 0", "a * z"),
                Case("z = 0", kink="leaky_relu", why=_CORNER),
            ),
            options=(("slope", "a"),),
        ),
        "elu": Steps(
            cases=(
                Case("z > 0", "z"),
                Case(
                    "z ≤ 0",
                    "alpha * (exp(z) - 1)",
                    (
                        ("alpha * (exp(z) - 1) + alpha", "α taken off and added"),
                        ("f + alpha", _OWN),
                    ),
                ),
            ),
            options=(("alpha", "alpha"),),
            notes=("At z = 0 the slope from the left, α, is taken; for α = 1 both sides agree.",),
        ),
        "softplus": Steps(
            "log(1 + exp(z))",
            (
                ("1 / (exp(-z) + 1)", "numerator and denominator divided by exp(z)"),
                ("sigmoid(z)", "that is the sigmoid"),
            ),
        ),
        "silu": Steps(
            "z * sigmoid(z)",
            (("f + sigmoid(z) * (1 - f)", "σ multiplied out, z · σ(z) written as f"),),
        ),
        "gelu": Steps(
            "z * normal_cdf(z)",
            notes=(
                "Φ is the standard normal distribution function; its derivative is the density φ.",
            ),
        ),
        "exp": Steps("exp(z)", (("f", _OWN),)),
        "step": Steps(
            cases=(
                Case("z > 0", "1"),
                Case("z < 0", "0"),
                Case("z = 0", kink="step", why=_JUMP),
            ),
            notes=("A gradient behind a step is 0 everywhere: such a network cannot learn by it.",),
        ),
        "sign": Steps(
            cases=(
                Case("z > 0", "1"),
                Case("z < 0", "-1"),
                Case("z = 0", kink="sign", why=_JUMP),
            ),
            notes=("A gradient behind it is 0 everywhere: such a network cannot learn by it.",),
        ),
    }
)

SOFTMAX = "exp(z[i]) / sum(exp(z[k]), axis=k)"
_SUM = "sum(exp(z[k]), axis=k)"
SOFTMAX_CASES = (
    Case(
        "i = j",
        SOFTMAX.replace("[i]", "[j]"),
        (
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
        SOFTMAX,
        (
            (f"-(exp(z[i]) / {_SUM}) * (exp(z[j]) / {_SUM})", "the square split in two"),
            ("-yhat[i] * yhat[j]", _OWN),
        ),
    ),
)
SOFTMAX_TOGETHER = "yhat[i] * (equal(i, j) - yhat[j])"
