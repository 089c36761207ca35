"""Boxes and edges to their places, by Graphviz's `dot` where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from msgspec import Struct

Point = tuple[float, float]

_INCH = 72.0
_SECONDS = 20


class Positions(Struct, frozen=True):
    """The middle of every box and the curve of every edge, y downward."""

    size: Point
    middles: tuple[Point, ...]
    curves: tuple[tuple[Point, ...], ...]


def positions(sizes: Sequence[Point], edges: Sequence[tuple[int, int]]) -> Positions | None:
    """Where dot puts boxes of these sizes; None where it is missing or fails."""
    program = shutil.which("dot")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603  # numbers alone are passed on, nothing from a file
            [program, "-Tplain"],
            input=_source(sizes, edges),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
        return _read(done.stdout, len(sizes))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _source(sizes: Sequence[Point], edges: Sequence[tuple[int, int]]) -> str:
    lines = ["digraph {", "rankdir=LR; nodesep=0.25; ranksep=0.6;"]
    lines.append('node [shape=box, fixedsize=true, label=""]; edge [arrowhead=none];')
    lines += [
        f"n{number} [width={wide / _INCH:.4f}, height={high / _INCH:.4f}];"
        for number, (wide, high) in enumerate(sizes)
    ]
    lines += [f"n{start} -> n{end};" for start, end in edges]
    return "\n".join([*lines, "}"])


def _read(plain: str, count: int) -> Positions:
    """The answer: `graph scale w h`, `node name x y …`, `edge tail head n x1 y1 …`, in inches."""
    size: Point = (0.0, 0.0)
    middles: list[Point] = [(0.0, 0.0)] * count
    curves: list[tuple[Point, ...]] = []
    for line in plain.splitlines():
        word, *rest = line.split()
        if word == "graph":
            size = (float(rest[1]) * _INCH, float(rest[2]) * _INCH)
        elif word == "node":
            middles[int(rest[0][1:])] = _point(rest[1], rest[2], size)
        elif word == "edge":
            numbers = rest[3 : 3 + 2 * int(rest[2])]
            curves.append(
                tuple(_point(x, y, size) for x, y in zip(numbers[::2], numbers[1::2], strict=True))
            )
    return Positions(size, tuple(middles), tuple(curves))


def _point(x: str, y: str, size: Point) -> Point:
    return float(x) * _INCH, size[1] - float(y) * _INCH
