"""Broken, hostile and merely odd answer sheets: each is graded, or told what is wrong with it.

    python tests/fuzz_sheets.py --count 100000 --seed 7

A sheet is a finding if grading it is a fault of the program, gives points out of range, or a report
that is no JSON, no XML, or holds a control character. The same seed gives the same sheets.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from xml.etree import ElementTree as ET

import numpy as np
from fuzz_cases import HUGE, ODD, STRANGE

from backprop_cli.grading.grader import Desk
from backprop_cli.grading.quantities import Quantities
from backprop_cli.grading.report_data import Reveal
from backprop_cli.grading.sheets.blank_sheet import blank_of, csv_sheet, json_sheet, yaml_sheet
from backprop_cli.grading.slips.table_of_slips import SLIP_WORDS
from backprop_cli.grading.summary import summarised
from backprop_cli.problem.problem_file import Source
from backprop_cli.problem.text.calls import FUNCTIONS
from backprop_cli.report.formats import FORMATS, rendered
from backprop_cli.report.settings import Settings
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.solution import Request, solve

ROOT = Path(__file__).resolve().parent.parent
NAMES = {
    "minibatch-tanh": 1, "residual": 2, "adam": 3, "sigmoid-softmax": 2, "three-layers": 3,
    "exponential-units": 3, "upstream-gradient": 5, "squared-distance": 25,
    "given-gradients": 70, "vector-function": 70,
}  # fmt: skip
"""How often each problem is drawn: those whose mistakes are looked for longest least often."""
REVEALS: tuple[Reveal, ...] = ("none", "where", "what", "value")
ARGUMENTS = ("1", "1, 2", "[1, 2]", "-1", "0", "", "1e308", "[[1]]", "1, axis=0", "pi")
NUMBERS = ("0", "1", "-1", ".5", "0.001", "1/3", "ln(2)", "0e9", "9.99", "_", "12.5", "-0.0417")


@cache
def desk(name: str) -> tuple[Desk, tuple[str, str, str], list[str]]:
    """What grades the sheets of a problem, its empty sheets in each kind of file, what is right."""
    path = ROOT / "problems" / f"{name}.yaml"
    found = loaded(Source(path.name, path.read_bytes()))
    blank = blank_of(found.model, found.plan, ())
    known = Quantities(found.model, found.plan)
    csv = csv_sheet(blank, {id: known.bases(id) for id in known.shapes})
    values = dict(solve(found.model, Request(1, 1)).values)
    right = [f"{x:.4f}" for place in blank.places for x in np.ravel(values[place.name])]
    return Desk(found.model), (yaml_sheet(blank), json_sheet(blank), csv), right


def case(seed: int, index: int) -> tuple[str, str, bytes]:
    """A problem, the name of a sheet, and what is in it."""
    rng = Random(f"sheet {seed} {index}")
    (problem,), kind = rng.choices(list(NAMES), list(NAMES.values())), rng.randrange(3)
    _, blank, right = desk(problem)
    texts, odd = iter(right), rng.choice([0, 0.02, 0.1, 1])

    def fill(_: re.Match[str]) -> str:
        there = next(texts, "_")
        if rng.random() >= odd:
            return there
        return json.dumps(number(rng)) if kind == 1 else number(rng)

    head, answers, body = blank[kind].rpartition("answers")
    text = head + answers + re.sub(r"(?<=[\[ ,])(?:_|null)(?=[\],\s]|$)", fill, body)
    for _ in range(rng.choice([0, 0, 1, 1, 2, 5])):
        text = changed(rng, text)
    ending = ("yaml", "json", "csv")[kind if rng.random() < 0.95 else rng.randrange(3)]
    return problem, f"s.{ending}", text.encode("utf-8", "surrogatepass")


def number(rng: Random) -> str:
    if rng.random() < 0.05:
        return f"{rng.choice(sorted(FUNCTIONS))}({rng.choice(ARGUMENTS)})"
    return rng.choice(HUGE) if rng.random() < 0.03 else rng.choice(NUMBERS)


def changed(rng: Random, text: str) -> str:
    """The text with one thing in it changed."""
    start = rng.randrange(len(text) + 1)
    end = min(len(text), start + rng.choice([0, 0, 1, 5, 40]))
    return text[:start] + rng.choice(["", *ODD, *STRANGE, text[start:end] * 2]) + text[end:]


def finding(seed: int, index: int) -> str | None:
    """What is wrong with how a sheet is graded."""
    problem, name, data = case(seed, index)
    submission = desk(problem)[0].grade(data, name)
    if submission.fault is not None:
        return submission.fault
    if not 0 <= submission.score <= submission.max_score:
        return f"{submission.score} of {submission.max_score} points"
    rng = Random(f"format {seed} {index}")
    format_ = rng.choice(FORMATS)
    settings = Settings(
        reveal=rng.choice(REVEALS), ascii=rng.random() < 0.3, slip_words=dict(SLIP_WORDS)
    )
    report = rendered(format_, summarised("fuzz", [submission]), settings)
    if stray := re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", report):
        return f"{format_} holds {stray[0]!r}"
    try:
        if format_ in ("json", "gradescope"):
            json.loads(report)
        elif format_ == "junit":
            ET.fromstring(report)  # noqa: S314  # our own
    except (ValueError, ET.ParseError) as error:
        return f"no {format_}: {error}"
    return None


def findings(seed: int, indices: range) -> Iterator[tuple[int, str]]:
    """The sheets with which something is wrong, each kind once."""
    seen = set()
    for index in indices:
        found = finding(seed, index)
        last = found.strip().splitlines()[-1] if found else None
        if found and last not in seen:
            seen.add(last)
            yield index, found


def main() -> int:
    parser = argparse.ArgumentParser(description="Grades broken sheets.")
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    indices = range(arguments.first, arguments.first + arguments.count)
    found = list(findings(arguments.seed, indices))
    for index, report in found:
        print(f"== sheet {index} of {case(arguments.seed, index)[0]}\n{report}\n")
    used = resource.getrusage(resource.RUSAGE_SELF)
    megabytes = used.ru_maxrss / 1024
    print(f"{arguments.count} sheets, {len(found)} kinds of findings", end=", ")
    print(f"{used.ru_utime:.0f} s of computing, {megabytes:.0f} MB at most")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
