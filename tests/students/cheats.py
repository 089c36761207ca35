"""Turns a task into sheets that are not honest work: wrong numbers, and sheets made without any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from oracles.chance import Rng, chance, pick
from oracles.reading import Array

from students import sheets
from students.cases import Case, Desk, Found, attempt
from students.checked import Submission
from students.honest import DRAWN, NAMED, digits_of
from students.mistakes import CLEAR
from students.rounding import Digits, LeftOutError

ACCEPTED = ("correct", "carried", "imprecise")
OFF = {"one number off by 2 %": 0.02, "one number off by 5 %": 0.05, "one number off by 10 %": 0.1}
RANDOM = "one random number"
SHORT = "one unit short of an exact number"
ALL_SHORT = "every exact number one unit short"

Values = dict[str, Array]


# ---------------------------------------------------------------- one wrong number


def number(rng: Rng, desk: Desk, category: str) -> Case | None:
    """An honest sheet with one number that is wrong beyond its digits."""
    done = attempt(rng, desk, lambda rng: DRAWN[NAMED](rng, desk))
    if done is None:
        return None
    lines, truth = dict(done.lines()), desk.truth
    for _ in range(30):
        id = pick(rng, list(lines))
        value, true = lines[id], truth[id]
        digits = digits_of(done, id)
        if not value.size:
            continue
        index = tuple(int(rng.integers(size)) for size in value.shape)
        right = (float(value[index]), float(true[index]))
        try:
            drawn = float(digits.rounded(np.array(_wrong(rng, category, right, true))))
        except LeftOutError:
            continue
        if min(abs(drawn - other) for other in right) <= CLEAR * digits.unit(drawn) * 1.0001:
            continue
        changed = value.copy()
        changed[index] = drawn
        lines[id] = changed
        text = sheets.text(rng, list(lines.items()), lambda id: digits_of(done, id))
        at = int(np.ravel_multi_index(index, value.shape)) if index else 0
        return Case(category, desk.task, desk.grading, text, _Entries({id: [at]}))
    return None


def _wrong(rng: Rng, category: str, right: tuple[float, float], true: Array) -> float:
    if category == RANDOM:
        reach = 2 * float(np.abs(true).max())
        return float(rng.uniform(-reach, reach))
    return right[0] * float(1 + OFF[category] * pick(rng, (-1, 1)))


@dataclass(frozen=True)
class _Entries:
    """None of these entries (by their number in C order) may be accepted."""

    wrong: dict[str, list[int]]
    accepted: tuple[str, ...] = ACCEPTED
    passing: bool | None = None

    def __call__(self, submission: Submission) -> Found:
        results = {result["id"]: result for result in submission["results"]}
        taken = [
            f"{id} entry {k} in C order {_verdict(results[id], k)}"
            for id, entries in self.wrong.items()
            for k in entries
            if id in results and _verdict(results[id], k) in self.accepted
        ]
        flags = {"none accepted": not taken}
        if self.passing is not None:
            flags["not passed"] = not submission["passed"]
        score = f"{submission.get('score')} of {submission.get('max_score')}"
        return Found(flags, f"accepted: {', '.join(taken) or 'none'}; {score}")


def _verdict(result: dict[str, Any], number: int) -> str:
    """An entry's verdict; the quantity's where it could not be read entry by entry."""
    entries = result["entries"]
    return str(entries[number]["verdict"] if number < len(entries) else result["verdict"])


# ---------------------------------------------------------------- one unit short


def short(rng: Rng, desk: Desk, category: str) -> Case | None:
    """7 for 8, 0.2 for 0.3: exact numbers of which one unit of their last digit is missing."""
    done = attempt(rng, desk, lambda rng: DRAWN[NAMED](rng, desk))
    if done is None:
        return None
    truth, lines = desk.truth, dict(done.lines())
    exact = {
        (id, k): text
        for id, value in truth.items()
        for k, true in enumerate(value.reshape(-1).tolist())
        if (text := _one_short(true, desk.grading.least)) is not None
    }
    if not exact:
        return None
    chosen = exact if category == ALL_SHORT else dict([pick(rng, list(exact.items()))])
    wrong: dict[str, list[int]] = {}
    for id, k in chosen:
        wrong.setdefault(id, []).append(k)

    texts = {id: _texts(value, digits_of(done, id)) for id, value in lines.items()}
    for (id, k), text in chosen.items():
        texts[id][k] = text
    sheet = ["answers:"]
    for id, value in lines.items():
        numbers = np.array(texts[id], dtype=object).reshape(value.shape)
        sheet.append(f"  {id}: {_plain(numbers)}")
    # what follows from another number that is short is rightly carried
    verdicts = ACCEPTED if category == SHORT else ("correct", "imprecise")
    judge = _Entries(wrong, verdicts)
    return Case(category, desk.task, desk.grading, "\n".join([*sheet, ""]), judge)


def _one_short(true: float, least: Digits) -> str | None:
    """An exact number (at most one decimal where two or more are asked) one unit nearer to 0."""
    for places in (0, 1):
        unit = 10.0**-places
        if least.unit(true) > unit / 9 or abs(true) < unit * 0.99:
            continue
        if abs(true - round(true, places)) < 1e-12:
            return f"{true - np.sign(true) * unit:.{places}f}".replace("-0.0", "0.0")
    return None


def _texts(value: Array, digits: Digits) -> list[str]:
    return [digits.text(number) for number in value.reshape(-1).tolist()]


def _plain(numbers: Array) -> str:
    if numbers.ndim == 0:
        return str(numbers.item())
    return f"[{', '.join(_plain(np.asarray(part, dtype=object)) for part in numbers)}]"


# ---------------------------------------------------------------- sheets made without work

Garbage = Callable[[Rng, Desk], "dict[str, list[str]] | None"]
GARBAGE: dict[str, Garbage] = {}
NO_WORK = (
    "zeros everywhere",
    "forward 1, backward 0, old weights",
    "no forward pass, backward 0, old weights",
    "Yhat := y, then zeros",
    "dL/dYhat := 0, then zeros",
)
"""Of these nothing that is wrong may be accepted; the others may be right by chance somewhere."""
TOKENS = ("0", "0.0", "0.000", "0e9", "0e300", "0e1")


def garbage(name: str) -> Callable[[Garbage], Garbage]:
    def enter(rule: Garbage) -> Garbage:
        GARBAGE[name] = rule
        return rule

    return enter


def _each(desk: Desk, write: Callable[[str, Array], str | list[str]]) -> dict[str, list[str]]:
    found = {}
    for id, value in desk.truth.items():
        text = write(id, value)
        found[id] = [text] * value.size if isinstance(text, str) else text
    return found


@garbage("zeros everywhere")
def _(rng: Rng, desk: Desk) -> dict[str, list[str]]:
    token = pick(rng, TOKENS)
    return _each(desk, lambda _id, _value: token)


@garbage("ones everywhere")
def _(rng: Rng, desk: Desk) -> dict[str, list[str]]:
    token = pick(rng, ("1", "1.0", "1.000", "1e9", "0.1"))
    return _each(desk, lambda _id, _value: token)


def is_backward(id: str) -> bool:
    return id.startswith("d")


def is_state(id: str) -> bool:
    return id.partition("_")[0] in ("v", "m", "s", "G", "mhat", "vhat")


def _old(desk: Desk, id: str) -> list[str] | None:
    """A parameter as it was before the first step."""
    name = id.partition("@")[0]
    if not name.endswith("_new") or name == "L_new":
        return None
    old = desk.exact.students[0].old(name.removesuffix("_new"))
    return [f"{float(number):g}" for number in np.asarray(old).reshape(-1)]


def _lazy(desk: Desk, id: str, forward: str | list[str], zero: str) -> str | list[str]:
    if is_backward(id) or is_state(id):
        return zero
    return _old(desk, id) or forward


@garbage("forward 1, backward 0, old weights")
def _(rng: Rng, desk: Desk) -> dict[str, list[str]]:
    one, zero = pick(rng, (("1", "0"), ("1.000", "0.000"), ("1", "0.000")))
    return _each(desk, lambda id, _value: _lazy(desk, id, one, zero))


@garbage("no forward pass, backward 0, old weights")
def _(rng: Rng, desk: Desk) -> dict[str, list[str]]:
    zero = pick(rng, ("0", "0.000"))
    return _each(desk, lambda id, _value: _lazy(desk, id, "_", zero))


@garbage("saturated, then zeros")
def _(rng: Rng, desk: Desk) -> dict[str, list[str]]:
    big = pick(rng, ("1000", "50", "1e3"))

    def write(id: str, _value: Array) -> str | list[str]:
        forward = big if id.startswith(("Z", "z")) else "1"
        return _lazy(desk, id, "0" if id.startswith("L") else forward, "0")

    return _each(desk, write)


@garbage("Yhat := y, then zeros")
def _(rng: Rng, desk: Desk) -> dict[str, list[str]] | None:
    targets = _targets(desk)
    if targets is None:
        return None
    forward = chance(rng, 0.5)

    def write(id: str, value: Array) -> str | list[str]:
        if id == "Yhat":
            return targets
        if id in ("L", "L_new"):
            return "0"
        return _lazy(desk, id, _right(desk, value) if forward else "0", "0")

    return _each(desk, write)


@garbage("dL/dYhat := 0, then zeros")
def _(_rng: Rng, desk: Desk) -> dict[str, list[str]]:
    return _each(desk, lambda id, value: _lazy(desk, id, _right(desk, value), "0"))


def _right(desk: Desk, value: Array) -> list[str]:
    return _texts(desk.grading.least.rounded(value), desk.grading.least)


def _targets(desk: Desk) -> list[str] | None:
    truth = desk.truth.get("Yhat")
    targets = desk.task.targets()
    if truth is None or targets is None or targets.size != truth.size:
        return None
    return [f"{float(number):g}" for number in targets.reshape(-1)]


@garbage("coarse figures: one digit everywhere")
def _(_rng: Rng, desk: Desk) -> dict[str, list[str]]:
    """Right to a unit and no more, and wrong by the next."""

    def write(_id: str, value: Array) -> list[str]:
        return [f"{np.sign(x) * np.ceil(abs(x) + 0.5):.0f}" for x in value.reshape(-1).tolist()]

    return _each(desk, write)


@garbage("numbers of the problem copied everywhere")
def _(rng: Rng, desk: Desk) -> dict[str, list[str]]:
    numbers = desk.task.numbers()
    return {
        id: [f"{float(pick(rng, numbers)):g}" for _ in range(value.size)]
        for id, value in desk.truth.items()
    }


@garbage("random numbers everywhere")
def _(rng: Rng, desk: Desk) -> dict[str, list[str]]:
    digits = desk.grading.least

    def write(_id: str, value: Array) -> list[str]:
        reach = 2 * float(np.abs(value).max()) if value.size else 0.0
        drawn = rng.uniform(-reach, reach, value.size)
        return _texts(digits.rounded(drawn), digits)

    return _each(desk, write)


def made(rng: Rng, desk: Desk, name: str) -> Case | None:
    """A sheet made without work; None where it would mostly be right."""
    try:
        texts = GARBAGE[name](rng, desk)
    except LeftOutError:
        return None
    if texts is None:
        return None
    wrong, right = {}, 0
    for id, value in desk.truth.items():
        bad = [
            k
            for k, (text, true) in enumerate(
                zip(texts[id], value.reshape(-1).tolist(), strict=True)
            )
            if text != "_" and _is_wrong(text, true, desk.grading.least)
        ]
        right += sum(text != "_" for text in texts[id]) - len(bad)
        if bad:
            wrong[id] = bad
    if not wrong:
        return None
    lines = ["answers:"]
    for id, value in desk.truth.items():
        lines.append(f"  {id}: {_plain(np.array(texts[id], dtype=object).reshape(value.shape))}")
    size = sum(value.size for value in desk.truth.values())
    judge = _Entries(wrong, passing=True if right < 0.4 * size else None)
    return Case(name, desk.task, desk.grading, "\n".join([*lines, ""]), judge)


def _is_wrong(text: str, true: float, least: Digits) -> bool:
    """Whether a number is off by more than a unit of the digits asked."""
    return abs(float(text) - true) > least.unit(true) * 1.0001
