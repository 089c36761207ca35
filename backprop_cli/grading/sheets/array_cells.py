"""An array as the cells of an answer: each entry is made when somebody looks at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from backprop_cli.grading.report_data import Index, Typed

_SHOWN = 9  # significant digits of an entry that a report shows


class ArrayCells(Mapping[Index, Typed]):
    """The entries of an array; `unit` is the width of what each of them stands for."""

    def __init__(self, value: NDArray[np.float64], unit: NDArray[np.float64]) -> None:
        self.value = value
        self.unit = unit

    def __getitem__(self, index: Index) -> Typed:
        number = float(self.value[index])
        return Typed(f"{number:.{_SHOWN}g}", number, float(self.unit[index]))

    def __iter__(self) -> Iterator[Index]:
        return iter(np.ndindex(self.value.shape))

    def __len__(self) -> int:
        return self.value.size


class Texts(Mapping[Index, str]):
    """The entries as a report shows them."""

    def __init__(self, cells: ArrayCells) -> None:
        self._cells = cells

    def __getitem__(self, index: Index) -> str:
        return self._cells[index].text

    def __iter__(self) -> Iterator[Index]:
        return iter(self._cells)

    def __len__(self) -> int:
        return len(self._cells)
