"""What derivations of functions and losses are made of, and how those of losses end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Op, Sym, rewrite
from backprop_cli.algebra.quantity import entry_id, ids_in, quantity
from backprop_cli.derive.derivation_data import Condition, Relation
from backprop_cli.derive.derivation_nodes import derivative, equal, sum_over
from backprop_cli.problem.text.parser import Dialect, parse

Finish: TypeAlias = tuple[str, str]
"""A formula equal to the line before it, and why: what no rule finds by itself."""


class Case(Struct, frozen=True):
    """A part of the domain, and what the function is there. `kink` names the value declared for
    the derivative where there is none; `why` says why there is none."""

    condition: str
    form: str = ""
    finish: tuple[Finish, ...] = ()
    kink: str = ""
    why: str = ""


class Steps(Struct, frozen=True):
    """How the derivative of a function of z is brought into its last form."""

    finish: tuple[Finish, ...] = ()
    notes: tuple[str, ...] = ()


class Behind(Struct, frozen=True):
    """A loss behind an activation: the lines from ∂L/∂z_j to the last form."""

    activation: str
    lines: tuple[tuple[str, str, str], ...]
    uses: str = ""
    because: str = ""


class LossSteps(Struct, frozen=True):
    """A loss: how ∂L/∂ŷ_j ends (by cases where it has a kink), and its derivation behind z."""

    finish: tuple[Finish, ...] = ()
    cases: tuple[Case, ...] = ()
    behind: tuple[Behind, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


_relation = re.compile(r"(.+?) (=|≠|<|>|≤|≥) (.+)").fullmatch


@lru_cache(maxsize=512)
def formula(text: str) -> Expr:
    """What `text` says.

    Beyond the formula language: `z[k]`, an entry named by a letter; `dL/dz[j]`, a derivative;
    `sum(…, axis=k)`, the sum over the letter k, `sum(…, axis=i, keep=j)` without the term i = j;
    `equal(i, j)`, 1 where the letters are the same.
    """
    same = text.replace("equal(", "maximum(")
    return rewrite(parse(same, Dialect(compound=frozenset(ids_in(text)))), _on_paper)


def _on_paper(node: Expr) -> Expr | None:
    match node:
        case Sym(name) if (found := quantity(name)).by:
            return derivative(Sym(found.name), Sym(entry_id(found.by, found.index)))
        case Op("maximum", (Sym(left), Sym(right))):
            return equal(left, right)
        case Op("sum", (body,)):
            left_out = node.option("keep")
            inner = rewrite(body, _on_paper)
            index = str(node.option("axis"))
            return sum_over(inner, index, None if left_out is None else str(left_out))
    return None


def condition(text: str) -> Condition:
    """`z > 0`, `i ≠ j`."""
    found = _relation(text)
    assert found is not None, text
    relation: dict[str, Relation] = {sign: sign for sign in ("=", "≠", "<", ">", "≤", "≥")}
    return Condition(formula(found[1]), relation[found[2]], formula(found[3]))


# Losses -------------------------------------------------------------------------------------------


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

NORMAL = "Φ is the standard normal distribution function; its derivative is the density φ."

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
                ("1 / (1 + exp(-z))", "numerator and denominator divided by exp(z)"),
                ("sigmoid(z)", "that is the sigmoid"),
            ),
        ),
        "silu": Steps((("f + sigmoid(z) * (1 - f)", "σ multiplied out, z · σ(z) written as f"),)),
        "gelu": Steps(
            notes=(NORMAL,),
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
