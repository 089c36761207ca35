"""One known slip: its words, and the formulas that a student who makes it computes instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
    """One that people make on paper, too."""
    return Slip(SlipWords(id, title, sentence), rewrite, example, factor)


def of_code(id: str, title: str, sentence: str, rewrite: Rewrite, example: str) -> Slip:
    """One that only code makes."""
    return Slip(SlipWords(id, title, sentence), rewrite, example, program=True)
