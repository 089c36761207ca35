"""What no rule finds by itself: how derivatives of losses end, and what they are behind z."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backprop_cli.derive.steps.step_table import Behind, Case, LossSteps, Steps

_THROUGH_ALL = "chain rule: z_j acts on L through every output"
_THROUGH_ONE = "chain rule: z_j acts on L through ŷ_j alone"
_APART = "the term i = j taken out of the sum"

_CROSS_ENTROPY_BEHIND_SOFTMAX = Behind(
    "softmax",
    (
        ("sum(dL/dyhat[i] * dyhat[i]/dz[j], axis=i)", "chain rule", _THROUGH_ALL),
        (
            "dL/dyhat[j] * dyhat[j]/dz[j] + sum(dL/dyhat[i] * dyhat[i]/dz[j], axis=i, keep=j)",
            "split",
            _APART,
        ),
        (
            (
                "-y[j] / yhat[j] * (yhat[j] * (1 - yhat[j]))"
                " + sum(-y[i] / yhat[i] * (-yhat[i] * yhat[j]), axis=i, keep=j)"
            ),
            "put in",
            "∂L/∂ŷ_i = −y_i/ŷ_i, and the two cases of the softmax",
        ),
        (
            "-y[j] * (1 - yhat[j]) + sum(y[i] * yhat[j], axis=i, keep=j)",
            "cancelled",
            "ŷ_i cancels",
        ),
        (
            "yhat[j] * y[j] + yhat[j] * sum(y[i], axis=i, keep=j) - y[j]",
            "multiplied out",
            "multiplied out; ŷ_j is the same in every term",
        ),
        (
            "yhat[j] * sum(y[i], axis=i) - y[j]",
            "joined",
            "y_j is the term that the sum lacked",
        ),
        ("yhat[j] - y[j]", "targets sum to 1", "Σ y = 1: the targets of a sample add up to 1"),
    ),
    uses="sum(y[i], axis=i) = 1",
    because="a one-hot target, or any distribution over the classes",
)

_BINARY_BEHIND_SIGMOID = Behind(
    "sigmoid",
    (
        ("dL/dyhat[j] * dyhat[j]/dz[j]", "chain rule", _THROUGH_ONE),
        (
            "(yhat[j] - y[j]) / (yhat[j] * (1 - yhat[j])) * (yhat[j] * (1 - yhat[j]))",
            "put in",
            "both factors put in; the slope of the sigmoid is ŷ_j (1 − ŷ_j)",
        ),
        ("yhat[j] - y[j]", "cancelled", "ŷ_j (1 − ŷ_j) cancels"),
    ),
)

_BINARY_BEHIND_SOFTMAX = Behind(
    "softmax",
    (
        ("sum(dL/dyhat[i] * dyhat[i]/dz[j], axis=i)", "chain rule", _THROUGH_ALL),
        (
            (
                "sum((yhat[i] - y[i]) / (yhat[i] * (1 - yhat[i]))"
                " * (yhat[i] * (equal(i, j) - yhat[j])), axis=i)"
            ),
            "put in",
            "both factors put in; the slopes of the softmax are ŷ_i (1{i = j} − ŷ_j)",
        ),
        (
            "sum((yhat[i] - y[i]) / (1 - yhat[i]) * (equal(i, j) - yhat[j]), axis=i)",
            "cancelled",
            "ŷ_i cancels",
        ),
        (
            (
                "(yhat[j] - y[j]) / (1 - yhat[j])"
                " - yhat[j] * sum((yhat[i] - y[i]) / (1 - yhat[i]), axis=i)"
            ),
            "one term left",
            "of the 1{i = j} only the term i = j is left; it does not collapse to ŷ_j − y_j",
        ),
    ),
)


def _linear(slope: str) -> Behind:
    """A loss behind no activation: ŷ = z, and the derivative stays as it is."""
    return Behind(
        "linear",
        (
            ("dL/dyhat[j] * dyhat[j]/dz[j]", "chain rule", _THROUGH_ONE),
            (slope, "put in", "ŷ_j = z_j, so the second factor is 1"),
        ),
    )


LOSS_STEPS: Mapping[str, LossSteps] = MappingProxyType(
    {
        "cross-entropy": LossSteps(behind=(_CROSS_ENTROPY_BEHIND_SOFTMAX,)),
        "binary-cross-entropy": LossSteps(
            (
                (
                    "-(y[j] * (1 - yhat[j]) - (1 - y[j]) * yhat[j]) / (yhat[j] * (1 - yhat[j]))",
                    "one denominator",
                ),
                ("(yhat[j] - y[j]) / (yhat[j] * (1 - yhat[j]))", "multiplied out: y_j ŷ_j cancels"),
            ),
            behind=(_BINARY_BEHIND_SIGMOID, _BINARY_BEHIND_SOFTMAX),
        ),
        "cross-entropy-with-logits": LossSteps(
            (("yhat[j] - y[j]", "the quotient is the softmax: ŷ = softmax(z)"),)
        ),
        "binary-cross-entropy-with-logits": LossSteps((("yhat[j] - y[j]", "with ŷ = σ(z)"),)),
        "squared-error": LossSteps(
            behind=(_linear("2 * (yhat[j] - y[j])"),),
            notes=("The factor 2 stays; half the squared error is what cancels it.",),
        ),
        "half-squared-error": LossSteps(
            behind=(_linear("yhat[j] - y[j]"),),
            notes=("½ is there for this: it cancels the 2 of the power rule.",),
        ),
        "mean-squared-error": LossSteps(
            behind=(_linear("2 * (yhat[j] - y[j]) / K"),),
            notes=("K is the number of outputs: the mean is over outputs.",),
        ),
        "absolute-error": LossSteps(
            cases=(
                Case("yhat[j] - y[j] > 0", "yhat[j] - y[j]"),
                Case("yhat[j] - y[j] < 0", "-(yhat[j] - y[j])"),
                Case("yhat[j] - y[j] = 0", kink="abs", why="a corner: slopes −1 and 1"),
            ),
        ),
        "huber": LossSteps(
            cases=(
                Case("abs(yhat[j] - y[j]) ≤ delta", "(yhat[j] - y[j])^2 / 2"),
                Case("yhat[j] - y[j] > delta", "delta * (yhat[j] - y[j] - delta / 2)"),
                Case("yhat[j] - y[j] < -delta", "delta * (-(yhat[j] - y[j]) - delta / 2)"),
            ),
            options=(("delta", "delta"),),
            notes=("Where the pieces meet their slopes agree: δ on both sides. There is no kink.",),
        ),
        "hinge": LossSteps(
            cases=(
                Case("1 - y[j] * yhat[j] > 0", "1 - y[j] * yhat[j]"),
                Case("1 - y[j] * yhat[j] < 0", "0"),
                Case("1 - y[j] * yhat[j] = 0", kink="hinge", why="a corner: slopes −y_j and 0"),
            ),
            notes=("The targets are 1 or −1.",),
        ),
    }
)


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
