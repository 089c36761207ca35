"""All benchmarks to RESULTS.md.

    python -m benchmarks [section …] [--print]

Sections are startup, training, large, printing, tensors and grading; without any, all of them.
What the page says of the gradient tensor and of grading stays where they are not measured again.
Peers that are not installed are left out: `pip install -e '.[benchmarks]'`. Each section runs in a
process of its own, and in it all programs in turn, a round at a time: what is told are medians, and
the median of the ratios within a round, which a busy machine disturbs less than the times.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from benchmarks.results import JSON, machine, read, table
from benchmarks.timing import Row

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
ONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
TWO = dict.fromkeys(ONE, "2")
COMPARED = {"startup": (ONE,), "training": (ONE,), "large": (ONE, TWO), "printing": (ONE,)}
TOLD = {  # sections with words of their own
    "tensors": ("The gradient tensor ∂Ŷ/∂W¹", ("benchmarks.tensors",)),
    "grading": ("Answer sheets", ("benchmarks.grading", "--sheets", "10000", "--runs", "3")),
}
TABLE = "|---"
PREAMBLE = """# Results

`python -m benchmarks` writes this page. In each row all programs ran in turn, a round at a time:
the times are medians, *ours / theirs* is the median of the ratios within a round. The times are for
one step, matrix or process, as the row says. *Its products alone* are the matrix products of the
step and nothing else; *the imports alone* are numpy, yaml, click, rich.console and rich.table.
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures it all.")
    parser.add_argument("sections", nargs="*", choices=[*COMPARED, *TOLD, []])
    parser.add_argument("--print", action="store_true", help="print instead of writing the page")
    options = parser.parse_args()
    sections = options.sections or [*COMPARED, *TOLD]
    text = page(sections)
    if options.print:
        print(text)
    else:
        RESULTS.write_text(text, encoding="utf-8")
    return 0


def page(sections: list[str]) -> str:
    """The whole page."""
    parts = [PREAMBLE]
    rows = [row for name in COMPARED if name in sections for row in compared(name)]
    if rows:
        parts.append("\n".join(table(rows)) + "\n")
    for name, (title, command) in TOLD.items():
        if name in sections and find_spec(command[0]) is not None:
            said = run(command, ONE).strip()
            parts.append(f"## {title}\n\n{said if TABLE in said else fenced(said)}\n")
        else:
            parts += kept(title)
    parts.insert(1, f"{datetime.now(UTC):%Y-%m-%d}. {machine()}\n")
    return "\n".join(parts)


def fenced(text: str) -> str:
    """Lines of text as they are."""
    return f"```text\n{text}\n```"


def kept(title: str) -> list[str]:
    """What the page says below a heading so far."""
    _, found, rest = RESULTS.read_text(encoding="utf-8").partition(f"## {title}\n")
    return [f"{found}{rest.partition(chr(10) + '## ')[0].rstrip()}\n"] if found else []


def compared(name: str) -> Iterator[Row]:
    """The rows of a section, once for each number of threads it is measured with."""
    for threads in COMPARED[name]:
        print(f"{name}, {threads['OMP_NUM_THREADS']} thread(s)", file=sys.stderr)
        yield from read(run((f"benchmarks.{name}", JSON), threads))


def run(module: tuple[str, ...], threads: dict[str, str]) -> str:
    """What a section prints."""
    done = subprocess.run(
        [sys.executable, "-m", *module],
        cwd=ROOT,
        env={**os.environ, **threads},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
