"""The losses of a training to the points of a small picture."""

from __future__ import annotations

import math
from collections.abc import Sequence


def sampled(values: Sequence[float], most: int) -> tuple[list[tuple[float, float]], float, float]:
    """At most so many points for a picture, each how far along and its value; lowest, highest."""
    count = min(most, len(values))
    last = len(values) - 1
    places = [round(i * last / max(count - 1, 1)) for i in range(count)]
    points = [(place / max(last, 1), values[place]) for place in places]
    finite = [(share, value) for share, value in points if math.isfinite(value)]
    heights = [value for _, value in finite] or [0.0]
    return finite, min(heights), max(heights)
