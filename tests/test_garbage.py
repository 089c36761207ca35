"""Sheets made without any work get next to nothing, on every problem in the repository."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from oracles.reading import Array
from students.checked import Submission, submissions

from backprop_cli.cli import main

ROOT = Path(__file__).parents[1]
CEILING = 0.3
"""Of all points: what sheets without work may get where they are not right by chance."""
PRECISIONS = ("as the file says", "decimals: 3", "significant: 3")
TOKENS = ("0", "0e9", "1")
IN_TURN = ("0.0", "0.00", "0e300", "0e1", "0.1", "1e9")
"""Two of these for each problem, so that each is tried at every precision."""


class Quantity(NamedTuple):
    """One that is asked for: its part in the derivation, the true value, and the old parameter."""

    id: str
    phase: str
    true: Array
    old: Array | None


class Task(NamedTuple):
    """A problem's text and what it asks for, in order."""

    text: str
    quantities: tuple[Quantity, ...]
    targets: Array | None


def _run(*arguments: str, text: str | None = None) -> str | None:
    result = CliRunner().invoke(main, list(arguments), input=text)
    return result.stdout if result.exit_code == 0 else None


def _without(key: str, text: str) -> str:
    """A problem without one of its keys."""
    return re.sub(rf"^{key}:.*\n(?:[ \t].*\n)*", "", text, flags=re.MULTILINE)


@cache
def _files() -> list[Path]:
    files = [*(ROOT / "problems").glob("*.yaml"), ROOT / "examples" / "homework.yaml"]
    return sorted(file for file in files if _run("blank", str(file)) is not None)


@cache
def task(file: Path) -> Task:
    text = file.read_text(encoding="utf-8")
    blank = _run("blank", str(file))
    solved = _run("solve", "-", "--format", "json", text=_without("rounding", text))
    assert blank is not None
    assert solved is not None
    trace = json.loads(solved)
    given = {id: _array(value) for id, value in trace["given"].items() if _is_numeric(value)}
    steps = {step["id"]: step for step in trace["steps"]}
    bases = trace["convention"]["indices"], trace["convention"]["bias"] == "first"
    quantities = []
    for id in yaml.safe_load(blank)["answers"]:
        name, index = _entry(id, *bases)
        old = given.get(name.removesuffix("_new")) if name.endswith("_new") else None
        phase = "forward" if name == "L_new" else steps[name]["phase"]
        true = _array(_array(steps[name]["value"])[index])
        quantities.append(Quantity(id, phase, true, None if old is None else _array(old[index])))
    return Task(text, tuple(quantities), given.get("Y", given.get("y")))


def _entry(id: str, base: int, bias_first: bool) -> tuple[str, tuple[int, ...]]:
    """The quantity that an id is of, and the entry of it, counted from 0; none for all of it."""
    name, _, inner = id.removesuffix("]").partition("[")
    numbers = [int(number) for number in inner.split(",") if number]
    bases = [0 if bias_first and "W" in name and k == 0 else base for k in range(len(numbers))]
    return name, tuple(number - first for number, first in zip(numbers, bases, strict=True))


def _is_numeric(value: object) -> bool:
    try:
        return np.array(value, dtype=float).dtype == float
    except (TypeError, ValueError):
        return False


def _array(value: object) -> Array:
    return np.array(value, dtype=float)


def graded_at(task: Task, precision: str) -> str:
    """The problem with another precision, and no other rule for its points."""
    if precision == PRECISIONS[0]:
        return task.text
    kept = _without("grading", task.text)
    return f"{kept.rstrip()}\ngrading: {{precision: {{{precision}}}}}\n"


# ---------------------------------------------------------------- the sheets

Fill = Callable[[Quantity], "str | list[str]"]


def garbage(task: Task, turn: int = 0) -> Iterator[tuple[str, Fill]]:
    """Ways to fill a sheet without a derivation."""
    again = turn // len(PRECISIONS)  # the next ones when every precision has had these
    first = 2 * again % len(IN_TURN)
    for token in (*TOKENS, *IN_TURN[first : first + 2]):
        yield f"{token} everywhere", _always(token)
    one, zero = (("1", "0"), ("1.000", "0.000"))[again % 2]
    yield f"forward {one}, backward {zero}, old weights", _lazily(_always(one), zero)
    yield "no forward pass, backward 0, old weights", _lazily(_always("_"), "0")
    if any(q.phase == "backward" for q in task.quantities):  # else there is no work to be spared
        yield "saturated units", _lazily(lambda q: "1000" if q.id[0] in "Zz" else "1", "0")
    yield "1000 everywhere in the forward pass", _lazily(_always("1000"), "0")
    if any(_is_output(task, q) for q in task.quantities):
        yield f"the output is y, then {zero}", _lazily(lambda q: _copied(task, q, "0"), zero)
        right = _lazily(lambda q: _copied(task, q, None), "0")
        yield "all right, but the output is y, then zeros", right
    yield f"right up to the loss, then {zero}", _lazily(_right, zero)


def zeros_from_one_on(task: Task) -> Iterator[tuple[str, Fill]]:
    """Right until somebody has enough of it, then zeros and the old parameters."""
    ids = [quantity.id for quantity in task.quantities]
    for part in (1 / 3, 1 / 2, 2 / 3):
        kept = set(ids[: int(part * len(ids))])
        lazy = _lazily(_always("0"), "0")
        yield (
            f"right up to {ids[len(kept)]}, then zeros",
            lambda q, kept=kept, lazy=lazy: _right(q) if q.id in kept else lazy(q),  # type: ignore[misc]
        )


def _always(text: str) -> Fill:
    return lambda _: text


def _lazily(forward: Fill, zero: str) -> Fill:
    """Something forward, zeros backward, parameters as they were."""

    def fill(quantity: Quantity) -> str | list[str]:
        if quantity.old is not None:
            return [f"{number:g}" for number in quantity.old.reshape(-1).tolist()]
        return forward(quantity) if quantity.phase == "forward" else zero

    return fill


def _right(quantity: Quantity) -> list[str]:
    return [f"{number:.6g}" for number in quantity.true.reshape(-1).tolist()]


def _is_output(task: Task, quantity: Quantity) -> bool:
    if quantity.id.lower() != "yhat" or task.targets is None:
        return False
    return task.targets.size == quantity.true.size


def _copied(task: Task, quantity: Quantity, other: str | None) -> str | list[str]:
    if _is_output(task, quantity):
        assert task.targets is not None
        return [f"{number:g}" for number in task.targets.reshape(-1).tolist()]
    if quantity.id.startswith("L"):
        return "0"
    return _right(quantity) if other is None else other


def sheet(task: Task, fill: Fill) -> dict[str, list[str]]:
    filled = {}
    for quantity in task.quantities:
        text = fill(quantity)
        filled[quantity.id] = [text] * quantity.true.size if isinstance(text, str) else text
    return filled


def as_yaml(task: Task, texts: dict[str, list[str]]) -> str:
    lines = ["answers:"]
    for quantity in task.quantities:
        numbers = np.array(texts[quantity.id], dtype=object).reshape(quantity.true.shape)
        lines.append(f'  "{quantity.id}": {_plain(numbers)}')
    return "\n".join([*lines, ""])


def _plain(numbers: Any) -> str:
    if isinstance(numbers, np.ndarray) and numbers.ndim:
        return f"[{', '.join(map(_plain, numbers))}]"
    return str(numbers)


# ---------------------------------------------------------------- what they may get


def deserved(
    task: Task, texts: dict[str, list[str]], submission: Submission, precision: str
) -> float:
    """The share of all points for entries that happen to be right to three digits, or cut off."""
    points = {result["id"]: result["max_points"] for result in submission["results"]}
    total = 0.0
    for quantity in task.quantities:
        pairs = zip(texts[quantity.id], quantity.true.reshape(-1).tolist(), strict=True)
        right = sum(_is_right(text, true, _unit(true, precision)) for text, true in pairs)
        total += points[quantity.id] * right / quantity.true.size
    return float(total / submission["max_score"])


def _unit(true: float, precision: str) -> float:
    """The unit of the last of three digits."""
    if "significant" in precision and true:
        return float(10.0 ** (np.floor(np.log10(abs(true))) - 2))
    return 0.001


def _is_right(text: str, true: float, unit: float) -> bool:
    return text != "_" and abs(float(text) - true) < unit


def _tried() -> Iterator[tuple[Path, str]]:
    """Every problem with one of the precisions, in turn."""
    yield from zip(_files(), cycle(PRECISIONS), strict=False)


@pytest.mark.parametrize(
    ("file", "precision"), [*_tried()], ids=lambda one: one.stem if isinstance(one, Path) else one
)
def test_sheets_without_work_get_next_to_nothing(file: Path, precision: str) -> None:
    chosen = task(file)
    assert not too_good(chosen, garbage(chosen, _files().index(file)), precision)


@pytest.mark.parametrize("file", _files(), ids=lambda file: file.stem)
def test_zeros_from_any_quantity_on_get_nothing_more(file: Path) -> None:
    """But for new weights that change by less than three units, which rounding may leave alone."""
    chosen = task(file)
    assert not too_good(chosen, zeros_from_one_on(chosen), "decimals: 3", room=0.03)


def too_good(
    chosen: Task, ways: Iterable[tuple[str, Fill]], precision: str, room: float = 0.01
) -> list[str]:
    """The sheets that get more than they deserve."""
    made = [(name, sheet(chosen, fill)) for name, fill in ways]
    texts = [as_yaml(chosen, filled) for _, filled in made]
    found = []
    for (name, filled), submission in zip(
        made, submissions(graded_at(chosen, precision), texts), strict=True
    ):
        share, right = submission["score"] / submission["max_score"], 0.0
        if share > CEILING or submission["passed"]:
            right = deserved(chosen, filled, submission, precision)
        if share > max(CEILING, right + room) or (submission["passed"] and right < 0.6):
            found.append(f"{name}: {share:.2f} of the points, {right:.2f} deserved")
    return found


def test_every_problem_that_can_be_graded_is_tried() -> None:
    assert len(_files()) >= 25
    ways = {name for file in _files() for name, _ in garbage(task(file))}
    assert "the output is y, then 0" in ways


@pytest.mark.parametrize("file", _files(), ids=lambda file: file.stem)
def test_the_right_sheet_gets_all_points(file: Path) -> None:
    """What the sheets without work are compared with: the same sheet, worked out."""
    chosen = task(file)
    texts = {
        quantity.id: [f"{number:.6f}" for number in quantity.true.reshape(-1).tolist()]
        for quantity in chosen.quantities
    }
    (submission,) = submissions(graded_at(chosen, "decimals: 3"), [as_yaml(chosen, texts)])
    assert submission["score"] == submission["max_score"]
