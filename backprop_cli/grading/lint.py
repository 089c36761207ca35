"""A problem to what a teacher should know before handing it out: slips tried on its numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Op, Sym, walk
from backprop_cli.grading.grade import Grader
from backprop_cli.grading.slips import SLIP_WORDS
from backprop_cli.grading.written import Array, meets, standing_for
from backprop_cli.operations.bounds import point
from backprop_cli.operations.table import operation
from backprop_cli.readings.intervals import Unit
from backprop_cli.readings.values import evaluate
from backprop_cli.solving.notes import SATURATED

Kind = Literal[
    "accepted", "invisible", "confused", "square", "symmetric", "relu", "kink", "saturated", "small"
]
DEFAULT = Unit(3)
"""The precision taken where a problem asks for none."""

Shown = Callable[[float], str]

MOST_DECIMALS = 10


class Finding(Struct, frozen=True):
    """One thing to know: of which quantity, in a sentence, and what would help.

    `slips` are those concerned; `decimals` how many would tell them apart (None: none would).
    """

    kind: Kind
    id: str
    message: str
    advice: str | None = None
    slips: tuple[str, ...] = ()
    decimals: int | None = None


def lint(grader: Grader, shown: Shown = "{:.2g}".format) -> tuple[Finding, ...]:
    """Everything found, what concerns grading first; `shown` writes the numbers in messages."""
    unit = grader.key.unit or DEFAULT
    names = list(dict.fromkeys(q.name for q in grader.questions if q.name in grader.steps))
    found: list[Finding] = []
    for name in names:
        found += _slips(grader, name, unit)
    for name in names:
        found += _confused(grader, name, unit)
    found += [
        *_matrices(grader),
        *_units(grader),
        *_kinks(grader),
        *_small(grader, names, unit, shown),
    ]
    return tuple(found)


# Slips that the precision lets through ------------------------------------------------------------


def _typed(value: Array, unit: Unit) -> Array:
    """What a student writes for a value: rounded half up."""
    step = unit.at(value)
    return np.sign(value) * np.floor(np.abs(value) / step + 0.5) * step


def _accepts(truth: Array, value: Array, unit: Unit) -> bool:
    """Whether a wrong value, written at this precision, could stand for the right one."""
    typed = _typed(value, unit)
    here = standing_for(typed, unit.at(typed))
    return bool(np.all(np.isfinite(value)) and meets(here, point(truth)).all())


def _decimals_for(truth: Array, value: Array) -> int | None:
    """The fewest decimals at which the two are told apart."""
    places = range(1, MOST_DECIMALS + 1)
    return next((d for d in places if not _accepts(truth, value, Unit(d))), None)


def _slips(grader: Grader, name: str, unit: Unit) -> Iterator[Finding]:
    truth = grader.key.truth[name]
    values: dict[str, list[Array]] = {}
    for id, expr in grader.candidates(name):
        value = evaluate(expr, grader.key.truth)
        if value.shape == truth.shape:
            values.setdefault(id, []).append(value)
    for id, found in values.items():
        differing = [v for v in found if not np.allclose(v, truth, rtol=1e-9, atol=1e-12)]
        title = SLIP_WORDS[id].title
        if not differing:
            yield Finding(
                "invisible",
                name,
                f"{title}: gives exactly the right values",
                "other numbers in the problem",
                (id,),
            )
            continue
        close = [v for v in differing if _accepts(truth, v, unit)]
        if close:
            needed = [_decimals_for(truth, v) for v in close]
            most = None if None in needed else max(n for n in needed if n is not None)
            yield Finding(
                "accepted",
                name,
                f"{title}: cannot be told from the right values",
                f"{most} decimals" if most else "other numbers in the problem",
                (id,),
                most,
            )


def _confused(grader: Grader, name: str, unit: Unit) -> Iterator[Finding]:
    """Slips that give the same digits as one another, and not the right ones."""
    truth = grader.key.truth[name]
    groups: dict[bytes, dict[str, Array]] = {}
    mistaken = grader.mistaken(name)
    for id, value in zip(mistaken.ids, mistaken.values, strict=True):
        if np.all(np.isfinite(value)) and not _accepts(truth, value, unit):
            groups.setdefault((_typed(value, unit) + 0.0).tobytes(), {}).setdefault(id, value)
    told = set()
    for group in groups.values():
        ids = tuple(sorted(group))
        if len(ids) > 1 and ids not in told:
            told.add(ids)
            names = ", ".join(SLIP_WORDS[id].title for id in ids)
            values = list(group.values())
            most = _decimals_for(values[0], values[1]) if len(values) == 2 else None
            yield Finding(
                "confused",
                name,
                f"the same figures for: {names}",
                f"{most} decimals" if most else None,
                ids,
                most,
            )


# The problem itself -------------------------------------------------------------------------------


def _matrices(grader: Grader) -> Iterator[Finding]:
    """Weights for which a forgotten transpose still fits."""
    for name, given in grader.model.given.items():
        value = given.value
        if given.role != "parameter" or value.ndim != 2 or value.shape[0] != value.shape[1]:
            continue
        if value.shape[0] > 1 and np.array_equal(value, value.T):
            yield Finding(
                "symmetric",
                name,
                "symmetric: a forgotten transpose changes nothing",
                "weights that are not symmetric",
            )
        elif value.shape[0] > 1:
            yield Finding(
                "square",
                name,
                "square: a forgotten transpose still has the right shape",
                "layers of different sizes",
            )


def _units(grader: Grader) -> Iterator[Finding]:
    """Rectified units that are all on or all off; saturated sigmoids."""
    truth = grader.key.truth
    for equation in grader.model.equations:
        match equation.expr:
            case Op("relu" | "leaky_relu", (Sym(z),)):
                on = truth[z] > 0
                if on.all() or not on.any():
                    words = (
                        "on: the derivative is 1 everywhere"
                        if on.all()
                        else "off: nothing flows back"
                    )
                    yield Finding(
                        "relu",
                        equation.name,
                        f"every unit is {words}",
                        "some pre-activations of either sign",
                    )
            case Op("sigmoid" | "tanh" as kind, (Sym(),)):
                h = truth[equation.name]
                slope = 4 * h * (1 - h) if kind == "sigmoid" else 1 - h**2
                if (slope < SATURATED).any():
                    yield Finding(
                        "saturated",
                        equation.name,
                        "saturated: its derivative is nearly 0",
                        "pre-activations between -4 and 4",
                    )


def _kinks(grader: Grader) -> Iterator[Finding]:
    for equation in grader.model.equations:
        for node in walk(equation.expr):
            if not isinstance(node, Op) or operation(node).kink is None or len(node.args) != 1:
                continue
            inside = evaluate(node.args[0], grader.key.truth)
            if node.name != "max" and np.any(inside == 0):
                yield Finding(
                    "kink",
                    equation.name,
                    f"an argument of {operation(node).words} is exactly 0, where it has a kink",
                    "other numbers, or say in the problem which value is taken",
                )


def _small(grader: Grader, names: list[str], unit: Unit, shown: Shown) -> Iterator[Finding]:
    """Gradients and changes with less than two digits at the precision asked."""
    if unit.significant:
        return
    for name in names:
        change = f"{name.removesuffix('_new')}_change" if name.endswith("_new") else name
        is_gradient = grader.steps[name].phase == "backward"
        if (not is_gradient and change not in grader.steps) or (change == name and not is_gradient):
            continue
        largest = float(np.max(np.abs(grader.key.truth[change]), initial=0.0))
        if 0 < largest < 10 * 10.0**-unit.count:
            needed = int(np.ceil(-np.log10(largest))) + 2
            what = "a change of" if name.endswith("_new") else "entries of"
            yield Finding(
                "small",
                name,
                f"{what} at most {shown(largest)}: too small for {unit.count} decimals",
                f"{needed} decimals",
                (),
                needed,
            )
