"""What an operation gave, taken back to what each of its arguments would have to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from backprop_cli.algebra.expr import Op
from backprop_cli.grading.sheets.typed_arrays import Array


def taken_back(node: Op, needed: Array, args: Sequence[Array]) -> Iterator[tuple[int, Array]]:
    """What each argument would have to be, the others being as they are."""
    if (undone := _UNDONE.get(node.name)) is not None and len(args) == 1:
        yield 0, undone(needed)
    elif (both := _BOTH_UNDONE.get(node.name)) is not None and len(args) == 2:
        yield from enumerate(both(needed, *args))
    elif node.name in ("row", "column") and needed.ndim == 2:
        yield 0, needed[0] if node.name == "row" else needed[:, 0]
    elif node.name == "matmul":
        yield from _factors_undone(needed, *args)


_UNDONE: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {
        "neg": np.negative,
        "exp": np.log,
        "log": np.exp,
        "tanh": np.arctanh,
        "sigmoid": lambda y: np.log(y / (1 - y)),
        "sqrt": np.square,
        "relu": lambda y: np.where(y > 0, y, np.nan),
        "transpose": np.transpose,
    }
)
_BOTH_UNDONE: Mapping[str, Callable[[Array, Array, Array], tuple[Array, Array]]] = MappingProxyType(
    {
        "add": lambda y, a, b: (y - b, y - a),
        "sub": lambda y, a, b: (y + b, a - y),
        "mul": lambda y, a, b: (y / b, y / a),
        "div": lambda y, a, b: (y * b, a / y),
    }
)
_LARGEST_MATRIX: Final = 1_000
_DETERMINED: Final = 1e-6


def _factors_undone(needed: Array, a: Array, b: Array) -> Iterator[tuple[int, Array]]:
    """What the factors of a matrix product would have to be, where the other one says so."""
    if not np.isfinite(needed).all() or max(a.size, b.size) > _LARGEST_MATRIX:
        return
    if a.ndim == 2 and _is_determined(a):
        yield 1, np.linalg.pinv(a) @ needed
    if b.ndim == a.ndim == 2 and _is_determined(b.T):
        yield 0, needed @ np.linalg.pinv(b)


def _is_determined(matrix: Array) -> bool:
    if not np.isfinite(matrix).all() or matrix.shape[0] < matrix.shape[1]:
        return False
    sizes = np.linalg.svd(matrix, compute_uv=False)
    return bool(sizes[-1] > _DETERMINED * sizes[0])
