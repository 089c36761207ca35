"""What any part of a formula may undergo: what each is called, what a teacher would say."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backprop_cli.grading.report_data import SlipWords

PARTS: Mapping[SlipWords, str] = MappingProxyType(
    {
        SlipWords(
            "factor-left-out",
            "a factor left out",
            "One factor of the product is missing.",
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
            "A power is missing: something was not squared, or its root was not taken.",
        ): "d instead of √d",
        SlipWords(
            "normalisation-left-out",
            "normalisation left out",
            "The last division is missing, which brings it to its scale.",
        ): "eᶻ instead of eᶻ/Σeᶻ",
        SlipWords(
            "wrong-axis",
            "along the wrong axis",
            "This was taken along the other axis.",
        ): "the mean of each row instead of each column",
        SlipWords(
            "loss-for-gradient",
            "the loss instead of its gradient",
            "This is the loss itself, where its gradient is asked.",
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
