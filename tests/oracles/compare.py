"""Turns two values into a sentence on how they differ, or none."""

from __future__ import annotations

import numpy as np

from oracles.reading import Array


def difference(
    name: str, got: Array, wanted: Array, *, rtol: float = 1e-9, atol: float = 1e-10
) -> str | None:
    """How a value misses the one wanted, measured by the largest entry; None where it does not."""
    if got.shape != wanted.shape:
        return f"{name}: shape {got.shape}, wanted {wanted.shape}"
    if got.size == 0:
        return None
    error = float(np.abs(got - wanted).max())
    if error <= atol + rtol * float(np.abs(wanted).max()):
        return None
    return f"{name}: off by {error:.3g}\n got    {got.tolist()}\n wanted {wanted.tolist()}"


def differences(
    got: dict[str, Array], wanted: dict[str, Array], *, rtol: float = 1e-9, atol: float = 1e-10
) -> list[str]:
    """How the values wanted are missed by those got; ids not wanted do not matter."""
    notes = [f"{name}: missing" for name in wanted if name not in got]
    for name in wanted.keys() & got.keys():
        note = difference(name, got[name], wanted[name], rtol=rtol, atol=atol)
        if note is not None:
            notes.append(note)
    return sorted(notes)
