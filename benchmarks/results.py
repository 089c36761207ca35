"""Comparisons to a table, and to what it was measured with."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import msgspec

from benchmarks.timing import Row

LIBRARIES = ("numpy", "pyyaml", "click", "rich", "msgspec", "torch", "jax", "autograd")
HEAD = (
    "| work | ours | peer | theirs | ours / theirs | wanted | reached |",
    "|---|---:|---|---:|---:|---:|---|",
)
JSON = "--json"


def show(rows: Sequence[Row]) -> None:
    """Prints the rows: as a table, or with --json for whoever collects them."""
    print(msgspec.json.encode(rows).decode() if JSON in sys.argv else "\n".join(table(rows)))


def read(text: str) -> list[Row]:
    """The rows that `show` has printed with --json."""
    return msgspec.json.decode(text.splitlines()[-1], type=list[Row])


def table(rows: Sequence[Row]) -> list[str]:
    """The lines of the table."""
    return [*HEAD, *map(line, rows)]


def line(row: Row) -> str:
    """One line of it."""
    wanted, reached = "", ""
    if row.wanted is not None:
        wanted = f"≤ {row.wanted:.3g}"
        reached = "yes" if row.ratio <= row.wanted else "**no**"
    cells = (row.work, duration(row.ours), row.peer, duration(row.theirs), f"{row.ratio:.3g}")
    return f"| {' | '.join((*cells, wanted, reached))} |"


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def machine() -> str:
    """The machine, the versions, and how busy it was."""
    found = [f"Python {platform.python_version()}"]
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg()) if hasattr(os, "getloadavg") else "?"
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"{where}; {', '.join(found)}. Load of the last 1, 5 and 15 minutes: {load}."
