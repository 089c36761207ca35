"""What a slip is, and those that any part of a formula may undergo: what each is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct

from backprop_cli.algebra.expr import Expr
from backprop_cli.grading.report_data import SlipWords
from backprop_cli.grading.slips.case import Case

Rewrite = Callable[[Case], Iterator[Expr]]


class Slip(Struct, frozen=True):
    """One slip, what its words are and how it is computed.

    Without a `rewrite` it is one of the changes that any part of a formula may undergo. `factor`:
    it only multiplies the right value by some number, so a single figure proves little. `program`:
    only code makes it, and what comes out may have another shape.
    """

    words: SlipWords
    rewrite: Rewrite | None
    example: str
    factor: bool = False
    program: bool = False


def slip(
    id: str, title: str, sentence: str, rewrite: Rewrite, example: str, factor: bool = False
) -> Slip:
    """One that has formulas of its own."""
    return Slip(SlipWords(id, title, sentence), rewrite, example, factor)


PARTS: Mapping[SlipWords, str] = MappingProxyType(
    {
        SlipWords(
            "factor-left-out",
            "a factor left out",
            "A factor of the product is missing.",
        ): "QKᵀ instead of QKᵀ/√d",
        SlipWords(
            "term-sign-flipped",
            "one term with the wrong sign",
            "One term of the sum has the wrong sign.",
        ): "Wx − b instead of Wx + b",
        SlipWords(
            "term-left-out",
            "a term left out",
            "One term of the sum is missing.",
        ): "ŷ instead of ŷ − y",
        SlipWords(
            "wrong-operand",
            "another quantity in its place",
            "One of the quantities was taken for another of the same shape.",
        ): "Uᵀδ instead of Wᵀδ",
        SlipWords(
            "complement",
            "1 − x for x",
            "1 less something stands in the place of that itself, or the reverse.",
        ): "z h + (1 − z) c instead of (1 − z) h + z c",
        SlipWords(
            "input-left-out",
            "input left out of the weight gradient",
            "A weight gradient is δ times the layer's input: the input is missing.",
        ): "δ instead of δxᵀ",
        SlipWords(
            "upstream-left-out",
            "upstream gradient left out",
            "This is the local derivative alone, without the gradient from behind.",
        ): "σ′(z) instead of ∂L/∂h ⊙ σ′(z)",
        SlipWords(
            "wrong-activation",
            "another activation",
            "Another function was applied than the one that belongs here.",
        ): "tanh(z) instead of σ(z)",
        SlipWords(
            "power-left-out",
            "a square or a root left out",
            "A power is missing: something was not squared, its root was not taken, or it was taken"
            " where the square belongs.",
        ): "d instead of √d",
        SlipWords(
            "normalisation-left-out",
            "normalisation left out",
            "The last division is missing, which brings it to its scale.",
        ): "eᶻ instead of eᶻ/Σeᶻ",
        SlipWords(
            "divided-by-one-less",
            "divided by one less",
            "This was divided by n − 1, as a sample variance is, where n belongs.",
        ): "Σ(x − μ)²/(n − 1) instead of Σ(x − μ)²/n",
        SlipWords(
            "wrong-axis",
            "along the wrong axis",
            "This was taken along the other axis.",
        ): "the mean of each row instead of each column",
        SlipWords(
            "loss-for-gradient",
            "the loss instead of its gradient",
            "This is the loss, or a term of it, where its gradient is asked.",
        ): "½(ŷ − y)² instead of ŷ − y",
        SlipWords(
            "change-for-value",
            "the change instead of the new value",
            "This is only the change: it still has to be added to the old value.",
        ): "−η∇ instead of W − η∇",
        SlipWords(
            "value-for-gradient",
            "the new value instead of the gradient",
            "This is the new parameter, or its change, where the gradient is asked.",
        ): "W − η∇ instead of ∇",
    }
)
"""The words of each, and an example."""

CODE_PARTS: Mapping[SlipWords, str] = MappingProxyType(
    {
        SlipWords(
            "brackets-misplaced",
            "brackets in the wrong place",
            "Brackets are missing, or in the wrong place: what belongs to a whole sum acts on one"
            " term of it, or the reverse.",
        ): "p - y / m instead of (p - y) / m",
        SlipWords(
            "operator-exchanged",
            "another operator",
            "One of + - * / < > stands in the place of another.",
        ): "f * c + i + g instead of f * c + i * g",
        SlipWords(
            "function-added",
            "a function too much",
            "Something was squared, or its root, its reciprocal, its logarithm, its size or its"
            " sign taken, where it belongs as it is.",
        ): "(yhat - y) ** 2 instead of yhat - y",
        SlipWords(
            "function-left-out",
            "a function left out",
            "A logarithm, a size, a sum or another function was not taken.",
        ): "-(y * p).sum() instead of -(y * np.log(p)).sum()",
        SlipWords(
            "summed-too-early",
            "summed too early",
            "Something was summed, or averaged, where each entry of it belongs.",
        ): "lr * dW.mean() instead of lr * dW",
        SlipWords(
            "wrong-target",
            "another target",
            "Something else stands in the place of y: 1 everywhere, or its 1 in other places.",
        ): "dZ -= 1 instead of dZ[range(n), y] -= 1",
        SlipWords(
            "other-loss",
            "another loss",
            "This is another loss than the one asked, or the gradient of another one.",
        ): "np.sign(yhat - y) behind a squared error",
        SlipWords(
            "wrong-constant",
            "another constant",
            "A constant of the function has another value.",
        ): "0.01 * z instead of 0.1 * z",
        SlipWords(
            "never-filled",
            "never filled in",
            "All of it is 0: nothing was put into it, or it was set to 0 before it was kept.",
        ): "np.zeros_like(W)",
        SlipWords(
            "other-order",
            "entries in another order",
            "The numbers are right, and stand in another order: look at reshape, flatten and"
            " transposes.",
        ): "H.T.reshape(-1) instead of H.reshape(-1)",
        SlipWords(
            "wrong-row",
            "a row that is another's",
            "A row of a table was taken, or added to, that belongs to something else: look at the"
            " index.",
        ): "E[i - 1] instead of E[i]",
        SlipWords(
            "factor-added",
            "a factor too many",
            "Something is multiplied in that does not belong here, or a division by it is missing.",
        ): "gamma * dxhat once more",
        SlipWords(
            "term-scaled",
            "one term with another factor",
            "One term of the sum is multiplied by another number than it should be.",
        ): "0.9 * v + 0.1 * g instead of 0.9 * v + g",
        SlipWords(
            "term-added",
            "a term too many",
            "Something is added that does not belong here, or is still there from before: it was"
            " not set to 0.",
        ): "dh_next += instead of dh_next =",
    }
)
"""The same for what programs alone are searched for."""
