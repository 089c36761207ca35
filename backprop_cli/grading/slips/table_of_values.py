"""Mistakes that the numbers alone show, whatever formula they come from: what each is called."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backprop_cli.grading.report_data import SlipWords

VALUE_SLIPS: Mapping[str, SlipWords] = MappingProxyType(
    {
        words.id: words
        for words in (
            SlipWords("transposed", "the transpose", "This is the transpose of what was asked."),
            SlipWords(
                "wrong-sample",
                "values of another sample",
                "These are the values of another sample of the batch.",
            ),
            SlipWords(
                "decimal-slip",
                "decimal point in the wrong place",
                "The digits are right, the decimal point is not.",
            ),
            SlipWords(
                "digits-swapped",
                "two digits exchanged",
                "Two neighbouring digits have changed places.",
            ),
            SlipWords(
                "units-exchanged",
                "two units exchanged",
                "The numbers are right, and two of them have changed places.",
            ),
            SlipWords(
                "digit-misread",
                "a digit misread",
                "One digit of one number was misread: of a given one, or of one carried on.",
            ),
            SlipWords("sign-lost", "sign lost", "The number is right but for its sign."),
            SlipWords(
                "reshape-for-transpose",
                "reshaped instead of transposed",
                "reshape puts the entries in the order of rows: it does not turn a matrix as .T"
                " does.",
            ),
            SlipWords(
                "changed-in-place",
                "changed in its place",
                "These are the values of what is computed from it: it was changed in its place"
                " (+=, *=, or an assignment to its entries) before it was kept.",
            ),
            SlipWords(
                "integer-division",
                "cut off to whole numbers",
                "The fractions are cut off: a division // or an array of whole numbers did that.",
            ),
            SlipWords(
                "constant-factor",
                "a constant factor",
                "Every entry is the right one times the same number.",
            ),
            SlipWords(
                "earlier-step-used",
                "value of an earlier step",
                "A value of an earlier step was used again.",
            ),
            SlipWords(
                "copied",
                "copied from another quantity",
                "These are the values of another quantity.",
            ),
        )
    }
)
"""The words of each by its id."""
