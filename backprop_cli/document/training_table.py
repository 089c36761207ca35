"""What a few updates make of a few numbers: a line for each, as one keeps it by hand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backprop_cli.document.document_data import Columns, Part, Section
from backprop_cli.document.step_equations import Formulas
from backprop_cli.document.step_words import SECTIONS
from backprop_cli.notation.nodes import Node, Number
from backprop_cli.trace import Trace

_MOST_ENTRIES = 6  # so many columns of four decimals stand in 80 characters


def by_update(trace: Trace, formulas: Formulas) -> Iterator[Part]:
    """The table of the parameters, an entry a column; nothing where they are many."""
    if not trace.passed:
        return
    places = [
        (name, place)
        for name, value in trace.passed[0].items()
        for place in np.ndindex(value.shape)
    ]
    if len(places) <= _MOST_ENTRIES:
        yield Section(SECTIONS["by-update"])
        yield _table(trace, formulas, places)


def _table(trace: Trace, formulas: Formulas, places: list[tuple[str, tuple[int, ...]]]) -> Columns:
    heads: list[Node | str] = ["updates"]
    columns: list[tuple[Node, ...]] = [tuple(Number(str(at)) for at in range(len(trace.passed)))]
    for name, place in places:
        alone = trace.passed[0][name].size == 1
        heads.append(formulas.names.node(name if alone else trace.bases.entry(name, place)))
        columns.append(formulas.drawn.several([float(each[name][place]) for each in trace.passed]))
    return Columns(tuple(heads), tuple(zip(*columns, strict=True)))
