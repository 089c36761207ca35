"""What callers hand over for arrays: each kind is read, or a complaint says what is wanted."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

X = np.array([[0.5, -1.2], [1.5, 0.3]])
W = np.array([[0.2, -0.4], [0.5, 0.3]])
PROBLEM = backprop.load({"values": {"X": X, "W": W}, "equations": ["Z = X @ W", "L = sum(Z^2)"]})
Z = X @ W


class Other:
    """An array of another library, that gives its numbers or does not."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self.error is not None:
            raise self.error
        return Z


class Sparse:
    """A matrix as SciPy keeps it where most of it is 0."""

    shape, dtype = (2, 2), np.dtype(float)

    def toarray(self) -> Any:
        return Z


class Named(Other):
    """A table with names, as pandas has it."""

    shape, columns, dtype = (2, 2), ("a", "b"), np.dtype(float)


def verdict(value: Any) -> str:
    (result,) = [one for one in PROBLEM.check({"Z": value}) if one.id == "Z"]
    return result.verdict


READ: dict[str, Any] = {
    "as it is": Z,
    "of half": Z.astype("float16"),
    "the other byte order": Z.astype(">f8"),
    "by columns": np.asfortranarray(Z),
    "lists": Z.tolist(),
    "lists of NumPy's numbers": [[np.float32(one) for one in row] for row in Z],
    "a list of rows": list(Z),
    "a list of masked rows": [np.ma.masked_array(row) for row in Z],
    "another library": Other(),
    "sparse": Sparse(),
    "a table": Named(),
    "a mask that hides nothing": np.ma.masked_array(Z),
    "memory": memoryview(Z),
}


@pytest.mark.parametrize("name", READ)
def test_what_has_the_right_numbers_is_right(name: str) -> None:
    assert verdict(READ[name]) == "correct"


LOOPED: list[Any] = []
LOOPED.append(LOOPED)
REFUSED: dict[str, tuple[Any, str]] = {
    "masked": (np.ma.masked_array(Z, [[True, False], [False, False]]), "Z: 1 entry is masked"),
    "all masked": (np.ma.masked_array(Z, mask=True), "4 entries are masked"),
    "objects": (Z.astype(object), r"an array of object; write .*astype"),
    "texts": (Z.astype(str), r"write .astype"),
    "complex": (Z.astype(complex), "an array of complex128"),
    "dates": (np.array(["2020"], dtype="M8[Y]"), "datetime64"),
    "a device": (Other(TypeError("use .get()")), "Other cannot be made .*: use .get()"),
    "anything": (Other(KeyError("x")), "Other cannot be made an array of NumPy"),
    "a decimal": (Decimal("0.5"), r"not Decimal; write float"),
    "a fraction": (Fraction(1, 2), r"not Fraction; write float"),
    "a set": ({1, 2}, "not set"),
    "in itself": (LOOPED, "more deeply than can be followed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_numbers_to_take_is_told(name: str) -> None:
    value, said = REFUSED[name]
    with pytest.raises(backprop.Error, match=said):
        verdict(value)
    if name != "dates":
        with pytest.raises(backprop.Error, match=said.removeprefix("Z: ")):
            backprop.load({"values": {"X": value}, "equations": ["L = sum(X)"]})


NAMES = (
    *("with a gradient", "a list of rows with gradients", "sparse", "without numbers"),
    *("complex", "the conjugate", "bfloat16"),
)


def tensors(torch: Any) -> dict[str, tuple[Callable[[], Any], str]]:
    """Tensors, and what is read of them: a verdict, or the complaint."""
    t = torch.tensor(Z)
    return {
        "with a gradient": (lambda: t.clone().requires_grad_(), "correct"),
        "a list of rows with gradients": (lambda: [*t.clone().requires_grad_()], "correct"),
        "sparse": (t.to_sparse, "correct"),
        "without numbers": (lambda: t.to("meta"), "cannot be made an array .* no data"),
        "complex": (lambda: t.to(torch.complex64), "complex64"),
        "the conjugate": (lambda: t.to(torch.complex64).conj(), "complex64"),
        "bfloat16": (lambda: torch.ones(2, 2).bfloat16(), "wrong"),
    }


@pytest.mark.parametrize("name", NAMES)
def test_tensors(name: str) -> None:
    made, said = tensors(pytest.importorskip("torch"))[name]
    if said in ("correct", "wrong"):
        assert verdict(made()) == said
        return
    with pytest.raises(backprop.Error, match=said):
        verdict(made())
