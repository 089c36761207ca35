"""Turns a gradient as written into what is added to a parameter, rule by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from oracles.reading import Array

from students.rounding import LeftOutError

if TYPE_CHECKING:
    from students.network import NetworkStudent

STATES = {
    "sgd": (),
    "momentum": ("v",),
    "nesterov": ("v",),
    "adagrad": ("G",),
    "rmsprop": ("s",),
    "adam": ("m", "v", "mhat", "vhat"),
}


def change(
    student: NetworkStudent,
    name: str,
    rate: float,
    *,
    fresh: bool = False,
    corrected: bool = True,
    rooted: bool = True,
) -> Array:
    """What is added to a parameter; slips have another rate, no state, no correction or no root."""
    slope = student.notes[f"dL/d{name}"]
    rule = student.exercise.problem["update"]["rule"]
    keep, options = student.keep, student.exercise.problem["update"]
    if rule == "sgd":
        return -keep(rate * slope)
    if rule == "momentum":
        if options.get("form", "classic") == "classic":
            if rate != student.exercise.rate:  # a slip's: nobody has written its velocity down
                return keep(beta(options) * _before(student, "v", name, fresh) - rate * slope)
            return state_after(student, "v", name, fresh=fresh)
        return -keep(rate * state_after(student, "v", name, fresh=fresh))
    if rule == "nesterov":
        moved = state_after(student, "v", name, fresh=fresh)
        return -keep(rate * keep(slope + student.habits.term(beta(options) * moved)))
    if rule == "adam":
        letters = ("mhat", "vhat") if corrected else ("m", "v")
        m, spread = (state_after(student, letter, name, fresh=fresh) for letter in letters)
        return _divided(student, rate * m, spread, rooted=rooted)
    letter = "G" if rule == "adagrad" else "s"
    spread = state_after(student, letter, name, fresh=fresh)
    return _divided(student, rate * slope, spread, rooted=rooted)


def beta(options: dict[str, Any]) -> float:
    return float(options.get("beta", 0.9))


def state_after(student: NetworkStudent, letter: str, name: str, *, fresh: bool = False) -> Array:
    """The optimizer's state after the step: as written where it is asked for."""
    id = f"{letter}_{name}"
    if not fresh and id in student.notes:
        return student.notes[id]
    value = student.keep(_state(student, letter, name, fresh))
    if not fresh:
        student.memory[id] = value
    return value


def _state(student: NetworkStudent, letter: str, name: str, fresh: bool) -> Array:
    options = student.exercise.problem["update"]
    slope = student.notes[f"dL/d{name}"]
    keep, term = student.keep, student.habits.term
    if letter in ("mhat", "vhat"):
        decay = _decays(options)[letter[0]]
        moved = state_after(student, letter[0], name, fresh=fresh)
        return np.asarray(moved / (1 - decay ** options.get("t", 1)))
    old = _before(student, letter, name, fresh)
    rule = options["rule"]
    if rule == "momentum":
        form = options.get("form", "classic")
        if form == "classic":
            grown = -keep(student.exercise.rate * slope)
        else:
            grown = slope if form == "accumulate" else term((1 - beta(options)) * slope)
        return np.asarray(term(beta(options) * old) + grown)
    if rule == "nesterov":
        return np.asarray(term(beta(options) * old) + slope)
    if letter == "m":
        decay, added = _decays(options)["m"], slope
    else:
        decay, added = _decays(options)["v"], keep(slope**2)
    if rule == "adagrad":
        return np.asarray(old + added)
    return np.asarray(term(decay * old) + term((1 - decay) * added))


def _decays(options: dict[str, Any]) -> dict[str, float]:
    if options["rule"] == "rmsprop":
        return {"v": beta(options)}
    return {"m": float(options.get("beta1", 0.9)), "v": float(options.get("beta2", 0.999))}


def _before(student: NetworkStudent, letter: str, name: str, fresh: bool) -> Array:
    state = {} if fresh else student.exercise.problem["update"].get("state", {})
    return np.array(state.get(f"{letter}_{name}", 0), dtype=float)


def _divided(student: NetworkStudent, step: Array, spread: Array, *, rooted: bool) -> Array:
    """−step / (√spread + ε), where rounding must not have made the root 0."""
    epsilon = student.exercise.problem["update"].get("epsilon", 1e-8)
    root = student.keep(np.sqrt(spread)) if rooted else spread
    if ((root == 0) & (step != 0)).any():
        raise LeftOutError
    return -student.keep(step / (root + epsilon))
