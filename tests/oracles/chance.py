"""Turns a generator's randomness into the small choices that problems are drawn with."""

from __future__ import annotations

from typing import Any

import numpy as np

Rng = np.random.Generator


def chance(rng: Rng, share: float) -> bool:
    return bool(rng.random() < share)


def pick(rng: Rng, options: Any) -> Any:
    return options[int(rng.integers(len(options)))]


def decimal(rng: Rng, low: float = -1.5, high: float = 1.5) -> float | int:
    value = round(float(rng.uniform(low, high)), 2)
    return int(value) if value.is_integer() else value


def vector(rng: Rng, length: int, low: float = -1.5, high: float = 1.5) -> list[Any]:
    return [decimal(rng, low, high) for _ in range(length)]


def like(rng: Rng, value: Any, low: float, high: float) -> Any:
    """Numbers nested as those of another value."""
    if isinstance(value, list):
        return [like(rng, part, low, high) for part in value]
    return decimal(rng, low, high)
