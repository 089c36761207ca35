"""Printing small matrices beside a table of rich.

python -m benchmarks.printing
"""

from __future__ import annotations

from io import StringIO

import numpy as np

from backprop_cli.document.document_data import Page
from backprop_cli.document.names import Names
from backprop_cli.document.step_equations import values_of
from backprop_cli.document.view import View
from backprop_cli.notation.boxes import plain_text
from backprop_cli.notation.terminal import Terminal
from benchmarks.timing import OURS, Row, Work, compare

COUNT = 30


def rows() -> list[Row]:
    """Thirty matrices of 3 × 4 numbers."""
    rng = np.random.default_rng(0)
    matrices = rng.normal(size=(COUNT, 3, 4))

    def ours() -> str:
        values, setter = values_of(Names(), View(), Page()), Terminal()
        boxes = (setter.tokens(values.matrix(one))[0].box for one in matrices)
        return "".join(f"{plain_text(line)}\n" for box in boxes for line in box.lines)

    works: dict[str, Work] = {OURS: ours, "rich": lambda: by_rich(matrices)}
    return compare("printing a matrix of 3 × 4", works, {"rich": 1 / 10}, 21, per=COUNT)


def by_rich(matrices: np.ndarray) -> str:
    """A borderless table each."""
    from rich.console import Console
    from rich.table import Table

    file = StringIO()
    console = Console(file=file, width=80)
    for matrix in matrices:
        table = Table(show_header=False, box=None)
        for row in matrix:
            table.add_row(*(f"{value:.4f}" for value in row))
        console.print(table)
    return file.getvalue()


if __name__ == "__main__":
    from benchmarks.results import show

    show(rows())
