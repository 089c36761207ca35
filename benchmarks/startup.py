"""How long `backprop solve` takes beside merely starting Python and importing its libraries.

    python benchmarks/startup.py [--runs 21]

Installs a wheel of this repository into a fresh environment, compiled to bytecode as users have it,
runs the three programs in turn, so that a busy moment hits all of them, and prints the medians of
their wall-clock times.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROBLEM = ROOT / "problems" / "sigmoid-softmax.yaml"
IMPORTS = "import numpy, yaml, click, rich.console, rich.table"
WARM_UP = 2
FEWEST_RUNS = 15

# Variables such as PYTHONDONTWRITEBYTECODE would slow down what is measured.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures the start-up time of backprop solve.")
    parser.add_argument("--runs", type=int, default=21, help=f"at least {FEWEST_RUNS}")
    runs = max(parser.parse_args().runs, FEWEST_RUNS)
    with tempfile.TemporaryDirectory(prefix="backprop-startup-") as folder:
        programs = commands(install(Path(folder)))
        medians = measure(programs, runs, Path(folder) / "output")
    print(table(medians, runs))
    return 0


def install(folder: Path) -> Path:
    """A fresh environment with the product in it; gives the folder of its programs."""
    pip = [sys.executable, "-m", "pip"]
    call(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder / "wheel"), str(ROOT))
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    (wheel,) = (folder / "wheel").glob("*.whl")
    python = str(programs / "python")
    call(python, "-m", "pip", "install", "--quiet", "--compile", str(wheel))
    return programs


def call(*command: str) -> None:
    subprocess.run(command, check=True, env=ENVIRONMENT)


def commands(programs: Path) -> dict[str, list[str]]:
    """What is measured, by the name it has in the table."""
    python = str(programs / "python")
    return {
        "backprop solve": [str(programs / "backprop"), "solve", str(PROBLEM)],
        "imports alone": [python, "-c", IMPORTS],
        "bare interpreter": [python, "-c", "pass"],
    }


def measure(programs: dict[str, list[str]], runs: int, output: Path) -> dict[str, float]:
    """The median of each program's seconds, the programs run in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(WARM_UP + runs):
        for name, command in programs.items():
            seconds[name].append(once(command, output))
    return {name: statistics.median(times[WARM_UP:]) for name, times in seconds.items()}


def once(command: list[str], output: Path) -> float:
    """The seconds of one run of the whole process, its output going to a file."""
    with output.open("wb") as file:
        start = time.perf_counter()
        subprocess.run(command, stdout=file, check=True, env=ENVIRONMENT)
        return time.perf_counter() - start


def table(medians: dict[str, float], runs: int) -> str:
    """The medians in milliseconds, and how many times the imports alone the program takes."""
    where = f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores"
    lines = [f"median of {runs} runs; {where}"]
    lines += [f"{name:<18}{seconds * 1000:8.1f} ms" for name, seconds in medians.items()]
    ratio = medians["backprop solve"] / medians["imports alone"]
    return "\n".join([*lines, f"{'solve / imports':<18}{ratio:8.2f}"])


if __name__ == "__main__":
    sys.exit(main())
