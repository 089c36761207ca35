"""How many sheets a second `backprop check` grades, beside a script that only compares.

    python benchmarks/grading.py [--sheets 1000] [--runs 7] [--profile] [--many 100000]

Grades sheets of the 2-2-2 network in problems/, with one process and with two: right ones, each
number with digits of its own; sheets with one known slip each, of which there are few different
ones, as in a class (a quarter of the number); and sheets with a wrong number each that nobody else
has (a tenth). Everything after a slip follows from it. The script beside it reads the same files
with PyYAML's C loader and compares them with `numpy.allclose`. All are whole processes, run in
turn, so that a busy moment hits all of them. What is compared are medians, less what each program
needs for a single sheet, which is its start: of the wall clock, and of the processor's time, which
a busy machine disturbs less. `--profile` prints what grading in one process spends its time on;
`--many` grades so many sheets of 12 quantities at once, and looks at the memory that takes.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import json
import os
import platform
import pstats
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
PROBLEM = ROOT / "problems" / "sigmoid-softmax.yaml"
SHARE = {"right": 1, "slip": 4, "number": 10}
KINDS = tuple(SHARE)
PROCESSES = (1, 2)
WARM_UP = 1
PROFILED = 18  # lines of a profile

Values = dict[str, NDArray[np.float64]]


class Seconds(NamedTuple):
    """How long a program took: by the clock, and of the processor's time."""

    wall: float
    cpu: float


COMPARE = """
import sys
from pathlib import Path
import numpy as np
import yaml
expected = {
    name: np.array(value, float)
    for name, value in yaml.load(open(sys.argv[1]), Loader=yaml.CSafeLoader)["answers"].items()
}
right = 0
for path in sorted(Path(sys.argv[2]).glob("*.yaml")):
    answers = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)["answers"]
    right += sum(
        np.allclose(np.array(answers[name], float), value, atol=0.001)
        for name, value in expected.items()
    )
print(right)
"""


# Sheets -------------------------------------------------------------------------------------------


class Notes(Values):
    """What somebody writes down, one number of which may be wrong by a factor."""

    def __init__(self, wrong: str = "", factor: float = 1.0) -> None:
        super().__init__()
        self.wrong, self.factor = wrong, factor

    def __setitem__(self, name: str, value: NDArray[np.float64]) -> None:
        super().__setitem__(name, value * self.factor if name == self.wrong else value)


def worked_out(slip: str = "", wrong: str = "", factor: float = 1.0) -> Values:
    """The exercise in plain NumPy; a slip changes one step, and everything after it follows."""
    x, y, rate = np.array([1.0, 0]), np.array([0.0, 1]), 0.5
    W1, b1 = np.array([[3.0, 6], [4, 5]]), np.array([1.0, -6])
    W2, b2 = np.array([[2.0, 3], [4, 3]]), np.array([-1.0, -2])
    v = Notes(wrong, factor)
    v["Z1"] = W1.T @ x + (0 if slip == "bias-left-out" else b1)
    v["H1"] = 1 / (1 + np.exp(-v["Z1"]))
    v["Z2"] = (W2 if slip == "transpose-omitted" else W2.T) @ v["H1"] + b2
    v["Yhat"] = np.exp(v["Z2"]) / np.exp(v["Z2"]).sum()
    log = np.log10 if slip == "loss-log-base" else np.log
    v["L"] = -np.sum(y * log(v["Yhat"]))
    v["dL/dYhat"] = (1 if slip == "sign-flipped" else -1) * y / v["Yhat"]
    jacobian = np.diag(v["Yhat"]) - np.outer(v["Yhat"], v["Yhat"])
    if slip == "softmax-diagonal-only":
        jacobian = np.diag(np.diag(jacobian))
    v["dL/dZ2"] = jacobian @ v["dL/dYhat"]
    v["dL/dW2"] = np.outer(x if slip == "wrong-layer-input" else v["H1"], v["dL/dZ2"])
    v["dL/db2"] = v["dL/dZ2"]
    v["dL/dH1"] = W2 @ v["dL/dZ2"]
    slope = 1 if slip == "activation-derivative-omitted" else v["H1"] * (1 - v["H1"])
    v["dL/dZ1"] = v["dL/dH1"] * slope
    v["dL/dW1"] = np.outer(x, v["dL/dZ1"])
    v["dL/db1"] = v["dL/dZ1"]
    down = -1 if slip == "ascent" else 1
    v["W1_new"] = W1 - down * rate * v["dL/dW1"]
    v["b1_new"] = b1 - rate * v["dL/db1"]
    v["W2_new"] = W2 - rate * v["dL/dW2"]
    v["b2_new"] = b2 - (1 if slip == "learning-rate-omitted" else rate) * v["dL/db2"]
    h = 1 / (1 + np.exp(-(v["W1_new"].T @ x + v["b1_new"])))
    z = v["W2_new"].T @ h + v["b2_new"]
    v["L_new"] = -np.sum(y * np.log(np.exp(z) / np.exp(z).sum()))
    return v


SLIPS = (
    "bias-left-out",
    "transpose-omitted",
    "loss-log-base",
    "sign-flipped",
    "softmax-diagonal-only",
    "wrong-layer-input",
    "activation-derivative-omitted",
    "ascent",
    "learning-rate-omitted",
)


def sheet(values: Values, decimals: Sequence[int], draw: Random) -> str:
    """An answer file as text, each number with one of these numbers of decimals."""
    lines = []
    for name, value in values.items():
        rows = np.atleast_2d(value)
        texts = [
            f"[{', '.join(f'{entry:.{draw.choice(decimals)}f}' for entry in row)}]" for row in rows
        ]
        shown = f"[{', '.join(texts)}]" if value.ndim == 2 else texts[0]
        lines.append(f"  {name}: {shown[1:-1] if value.ndim == 0 else shown}\n")
    return "answers:\n" + "".join(lines)


def write_sheets(folder: Path, count: int) -> None:
    """Folders of sheets, `right`, `slip` and one sheet of each (`one-right`, `one-slip`)."""
    draw = Random(1)
    right, slipped = worked_out(), [worked_out(slip) for slip in SLIPS]
    for kind in KINDS:
        for name, number in ((kind, count), (f"one-{kind}", 1)):
            place = folder / name
            place.mkdir()
            for index in range(max(1, number // SHARE[kind])):
                if kind == "right":
                    text = sheet(right, (3, 4, 5), draw)
                elif kind == "slip":
                    text = sheet(slipped[index % len(slipped)], [draw.choice((3, 4, 5))], draw)
                else:
                    wrong = worked_out("", draw.choice([*right]), draw.uniform(1.1, 3))
                    text = sheet(wrong, [4], draw)
                (place / f"s{index:05}.yaml").write_text(text, encoding="utf-8")
    (folder / "expected.yaml").write_text(sheet(right, [12], draw), encoding="utf-8")


# Measuring ----------------------------------------------------------------------------------------


def programs(folder: Path) -> dict[tuple[str, str], list[str]]:
    """What is run, by the name of the program and that of the folder of sheets."""
    found = {}
    for kind in KINDS:
        for place in (kind, f"one-{kind}"):
            compare = [sys.executable, "-c", COMPARE, str(folder / "expected.yaml")]
            found["script", place] = [*compare, str(folder / place)]
            for processes in PROCESSES:
                check = [sys.executable, "-m", "backprop_cli", "check", str(PROBLEM)]
                options = ["--workers", str(processes), "--format", "json", "--exit-zero"]
                found[f"check, {processes}", place] = [*check, str(folder / place), *options]
    return found


def measure(folder: Path, runs: int) -> dict[tuple[str, str], Seconds]:
    """The median seconds of each program, the programs run in turn."""
    commands = programs(folder)
    seconds: dict[tuple[str, str], list[Seconds]] = {key: [] for key in commands}
    for _ in range(WARM_UP + runs):
        for key, command in commands.items():
            seconds[key].append(once(command, folder / "output"))
    return {key: medians(times[WARM_UP:]) for key, times in seconds.items()}


def medians(times: list[Seconds]) -> Seconds:
    return Seconds(*(statistics.median(column) for column in zip(*times, strict=True)))


def once(command: list[str], output: Path) -> Seconds:
    with output.open("wb") as file:
        before, start = os.times(), time.perf_counter()
        subprocess.run(command, stdout=file, check=True, cwd=ROOT)
        wall, after = time.perf_counter() - start, os.times()
    used = after.children_user + after.children_system
    return Seconds(wall, used - before.children_user - before.children_system)


WORDS = """\
*right*: every number right, with 3 to 5 decimals of its own. *slip*: one of nine known mistakes and
what follows from it, at 3 to 5 decimals, so that some sheets are alike, as in a class. *number*: a
number that is wrong in a way of its own and what follows from it: no two sheets are alike. The
start is not counted. Wanted, to the script: right ≥ 3 in one process and ≥ 5 in two, slip ≥ 0.5."""


def table(found: Mapping[tuple[str, str], Seconds], sheets: int, runs: int) -> str:
    """Sheets a second without the start, by the wall clock and by the processor's time."""
    lines = [
        f"{sheets} sheets, median of {runs} runs; {machine()}",
        "",
        WORDS,
        "",
        "| sheets | program | start, s | a second | to script | a second of CPU | to script |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for kind, share in SHARE.items():
        count = max(1, sheets // share) - 1
        speeds = {
            name: [
                count / max(whole - start, 1e-9)
                for whole, start in zip(found[name, kind], found[name, f"one-{kind}"], strict=True)
            ]
            for name, place in found
            if place == kind
        }
        for name, (wall, cpu) in speeds.items():
            script = speeds["script"]
            words = name.replace("check, ", "check, processes: ")
            cells = [kind, words, f"{found[name, f'one-{kind}'].wall:.2f}"]
            cells += [f"{wall:.0f}", f"{wall / script[0]:.2f}"]
            cells += [f"{cpu:.0f}", f"{cpu / script[1]:.2f}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


# A whole course -----------------------------------------------------------------------------------

ASKED = ("Z1 H1 Z2 Yhat L dL/dZ2 dL/dW2 dL/dH1 dL/dZ1 dL/dW1 W1_new W2_new").split()


def course(folder: Path, count: int) -> str:
    """How long it takes to grade a hundred thousand sheets, and how much memory."""
    problem = folder / "problem.yaml"
    asked = f"ask: {json.dumps(ASKED)}\n"
    problem.write_text(PROBLEM.read_text(encoding="utf-8") + asked, encoding="utf-8")
    draw, right = Random(1), worked_out()
    values = {name: right[name] for name in ASKED}
    for index in range(count):
        place = folder / "course" / f"{index // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        text = f"student: s{index}\n{sheet(values, (3, 4, 5), draw)}"
        (place / f"s{index:06}.yaml").write_text(text, encoding="utf-8")
    check = [sys.executable, "-m", "backprop_cli", "check", str(problem), str(folder / "course")]
    lines = [machine(), ""]
    for processes in PROCESSES:
        options = ["--workers", str(processes), "--format", "json", "-o", str(folder / "report")]
        found = once([*check, *options], folder / "output")
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
        size = (folder / "report").stat().st_size / 1e6
        lines.append(
            f"{count} sheets of {len(ASKED)} quantities, processes: {processes}: "
            f"{found.wall:.1f} s ({found.cpu:.1f} s of CPU), at most {memory:.0f} MB in a process, "
            f"report {size:.0f} MB"
        )
    return "\n".join(lines)


def machine() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pyyaml"))
    python = f"Python {platform.python_version()}"
    return f"{python}, {libraries}, {platform.system()}, {os.cpu_count()} cores"


def profile(folder: Path) -> None:
    """Prints the functions that take most time of themselves, for right sheets and for slips."""
    from backprop_cli.cli.arguments import load
    from backprop_cli.cli.grading_pool import Bench, graded
    from backprop_cli.grading.grader import Desk
    from backprop_cli.report.formats import writer
    from backprop_cli.report.settings import Settings

    for kind in KINDS:
        bench = Bench(Desk(load(PROBLEM).model), (writer("json", Settings(), alone=False),))
        files = sorted(map(str, (folder / kind).glob("*.yaml")))
        profiler = cProfile.Profile()
        with profiler:
            for _ in graded(bench, files, 1):
                pass
        text = io.StringIO()
        stats = pstats.Stats(profiler, stream=text).strip_dirs()
        stats.sort_stats("tottime").print_stats(PROFILED)
        stats.sort_stats("cumulative").print_stats(2 * PROFILED)
        print(f"{kind} sheets\n{text.getvalue()}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures how fast sheets are graded.")
    parser.add_argument("--sheets", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--profile", action="store_true", help="profile instead of measuring")
    parser.add_argument("--many", type=int, help="grade so many sheets at once instead")
    options = parser.parse_args()
    if not hasattr(yaml, "CSafeLoader"):
        print("PyYAML has no C loader here: there is nothing to compare with")
        return 2
    with tempfile.TemporaryDirectory(prefix="backprop-grading-") as name:
        folder = Path(name)
        if options.many:
            print(course(folder, options.many))
            return 0
        write_sheets(folder, options.sheets)
        if options.profile:
            profile(folder)
        else:
            print(table(measure(folder, options.runs), options.sheets, options.runs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
