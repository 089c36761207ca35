"""How long whole runs take beside merely starting Python and importing the libraries.

    python -m benchmarks.startup

Installs a wheel of this repository into a fresh environment, compiled to bytecode as users have it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks.timing import OURS, Row, Work, compare

ROOT = Path(__file__).resolve().parent.parent
PROBLEM = str(ROOT / "problems" / "sigmoid-softmax.yaml")
IMPORTS = "the imports alone"
ROUNDS, FEW_ROUNDS = 21, 5
STEPS = "10000"

BY_HAND = """
import numpy as np
x, y, rate = np.array([1.0, 0.0]), np.array([1.0, 0.0]), 0.5
W1, b1 = np.array([[3.0, 6.0], [4.0, 5.0]]), np.array([1.0, -6.0])
W2, b2 = np.array([[2.0, 4.0], [3.0, 3.0]]), np.array([0.5, -0.5])
for _ in range(10000):
    h = 1 / (1 + np.exp(-(W1.T @ x + b1)))
    z = W2.T @ h + b2
    p = np.exp(z - z.max())
    p /= p.sum()
    loss = -(y @ np.log(p))
    dz2 = p - y
    dz1 = (W2 @ dz2) * h * (1 - h)
    W2, b2 = W2 - rate * np.outer(h, dz2), b2 - rate * dz2
    W1, b1 = W1 - rate * np.outer(x, dz1), b1 - rate * dz1
print(loss)
"""

# Variables such as PYTHONDONTWRITEBYTECODE would slow down what is measured.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def rows() -> list[Row]:
    """Each comparison of whole processes."""
    with tempfile.TemporaryDirectory(prefix="backprop-startup-") as folder:
        programs = install(Path(folder))
        return [*starts(programs), *trainings(programs)]


def install(folder: Path) -> Path:
    """A fresh environment with the product in it; gives the folder of its programs."""
    pip = [sys.executable, "-m", "pip"]
    call(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder / "wheel"), str(ROOT))
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    (wheel,) = (folder / "wheel").glob("*.whl")
    call(str(programs / "python"), "-m", "pip", "install", "--quiet", "--compile", str(wheel))
    return programs


def call(*command: str) -> None:
    """Runs a program, and says nothing of what it prints."""
    subprocess.run(command, check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL)


def starts(programs: Path) -> list[Row]:
    """`solve` and `--help`, beside imports."""
    python, backprop = str(programs / "python"), str(programs / "backprop")
    libraries = "import numpy, yaml, click, rich.console, rich.table"
    peers: dict[str, Work] = {
        IMPORTS: partial(call, python, "-c", libraries),
        "bare interpreter": partial(call, python, "-c", "pass"),
    }
    solve: Work = partial(call, backprop, "solve", PROBLEM)
    help_: Work = partial(call, backprop, "--help")
    return [
        *compare(
            "`solve` of a 2-2-2 file, whole process",
            {OURS: solve, **peers},
            {IMPORTS: 1.30},
            ROUNDS,
        ),
        *compare(
            "`solve` of a 2-2-2 file, whole process",
            {OURS: solve, **slow_imports()},
            {},
            FEW_ROUNDS,
        ),
        *compare("`--help`, whole process", {OURS: help_, **peers}, {IMPORTS: 0.5}, ROUNDS),
    ]


def slow_imports() -> dict[str, Work]:
    """What it takes others merely to be imported, where they are installed."""
    return {
        f"import {name}": partial(call, sys.executable, "-c", f"import {name}")
        for name in ("autograd", "jax", "torch")
        if find_spec(name) is not None
    }


def trainings(programs: Path) -> list[Row]:
    """Ten thousand steps, from the file to the printed derivation."""
    works: dict[str, Work] = {
        OURS: partial(call, str(programs / "backprop"), "solve", PROBLEM, "--steps", STEPS),
        "NumPy by hand": partial(call, str(programs / "python"), "-c", BY_HAND),
    }
    name = "10,000 steps of the 2-2-2 file, whole process"
    return compare(name, works, {"NumPy by hand": 1.0}, FEW_ROUNDS)


if __name__ == "__main__":
    from benchmarks.results import show

    show(rows())
