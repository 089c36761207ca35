"""Turns an honest student's work into a sheet with exactly one slip, worked out by hand.

Each slip says what its victim gets for one quantity, given what is written so far; everything
after it is worked out rightly, from the wrong value. A slip may come in several variants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from oracles import reading
from oracles.chance import Rng, pick
from oracles.reading import Array

from students import activations, losses
from students.exercise import Exercise, Place
from students.honest import FUSED, Habits, Student
from students.rounding import Digits, LeftOutError

Values = Iterator[Array]
Rule = Callable[[Student, Place], Values]
SLIPS: dict[str, list[tuple[str, Rule]]] = {}


@dataclass(frozen=True)
class Slip:
    """A slip on a sheet: which, where, and the value written down."""

    name: str
    place: Place
    value: Array


def slip(name: str, kind: str) -> Callable[[Rule], Rule]:
    """Enters a rule into the table: the kind of quantity where the slip happens."""

    def enter(rule: Rule) -> Rule:
        SLIPS.setdefault(name, []).append((kind, rule))
        return rule

    return enter


# ---------------------------------------------------------------- forward


def _inputs(student: Student, number: int) -> dict[int, Array]:
    return {k: student.out(k) for k in range(number)}


@slip("activation-omitted", "post")
def _(student: Student, place: Place) -> Values:
    z = student.notes[f"Z{place.layer}"]
    yield z + student.skips(place.layer, _inputs(student, place.layer), {}, after=True)


@slip("bias-left-out", "pre")
def _(student: Student, place: Place) -> Values:
    bias = student.exercise.parameters.get(f"b{place.layer}")
    if bias is not None:
        yield student.pre(place.layer) - bias.value
    if reading.convention(student.exercise.problem, "bias") != "separate":
        inputs = _inputs(student, place.layer)
        full = student.inputs_first(student.exercise.parameters[f"W{place.layer}"])
        skipped = student.skips(place.layer, inputs, {}, after=False)
        yield inputs[place.layer - 1] @ student.without_bias(full) + skipped


@slip("transpose-omitted", "pre")
def _(student: Student, place: Place) -> Values:
    weights = student.exercise.parameters[f"W{place.layer}"]
    if weights.value.shape[0] == weights.value.shape[1]:
        inputs = _inputs(student, place.layer)
        affine = student.affine(place.layer, inputs, {weights.name: weights.value.T})
        yield affine + student.skips(place.layer, inputs, {}, after=False)


@slip("wrong-sample", "pre")
def _(student: Student, place: Place) -> Values:
    right = student.pre(place.layer)
    if place.layer == 1 and len(right) > 1:
        for sample in range(len(right)):
            value = right.copy()
            value[sample] = right[sample - 1]
            yield value


@slip("path-lost", "pre")
def _(student: Student, place: Place) -> Values:
    yield from _without_a_skip(student, place.layer, student.pre(place.layer), after=False)


@slip("path-lost", "post")
def _(student: Student, place: Place) -> Values:
    yield from _without_a_skip(student, place.layer, student.post(place.layer), after=True)


def _without_a_skip(student: Student, number: int, right: Array, *, after: bool) -> Values:
    for source, weights in student.branches(number, after=after):
        value = student.out(source)
        yield right - (value if weights is None else value @ student.inputs_first(weights))


@slip("loss-log-base", "loss")
def _(student: Student, _place: Place) -> Values:
    label = reading.label(student.exercise.loss)
    outputs = student.out(student.exercise.last)
    if label in losses.LOGARITHMIC or label == "-sum(y * log(yhat))":
        for scale in (1.0, 1 / np.log(2), 1 / np.log(10)):
            yield student.data_loss(outputs, float(scale)) + student.penalty({})


@slip("targets-swapped", "loss")
def _(student: Student, _place: Place) -> Values:
    exercise = student.exercise
    label = reading.label(exercise.loss)
    if label in losses.LOGARITHMIC:
        rule = losses.TERMS[label]
        swapped = (exercise.targets, student.out(exercise.last))
        total = rule(*swapped, exercise.loss, student.log_scale, student.keep).sum()
        yield total * student.share + student.penalty({})


@slip("penalty-omitted", "loss")
def _(student: Student, _place: Place) -> Values:
    if student.penalty_factor:
        yield student.data_loss(student.out(student.exercise.last))


# ---------------------------------------------------------------- from the loss to the output


@slip("sign-flipped", "slope of post")
def _(student: Student, place: Place) -> Values:
    if place.layer == student.exercise.last and "y" in student.exercise.problem:
        yield -student.output_slope()


@slip("sign-flipped", "slope of pre")
def _(student: Student, place: Place) -> Values:
    if _is_fused(student, place.layer):
        yield -student.fused()


def _is_fused(student: Student, number: int) -> bool:
    exercise = student.exercise
    pair = (exercise.activation(number), reading.label(exercise.loss))
    own = not student.branches(number, after=True)
    return number == exercise.last and pair in FUSED and own


@slip("factor-two", "loss")
def _(student: Student, _place: Place) -> Values:
    if reading.label(student.exercise.loss) in losses.SQUARED:
        data, penalty = student.data_loss(student.out(student.exercise.last)), student.penalty({})
        yield data / 2 + penalty
        yield data * 2 + penalty


@slip("factor-two", "slope of post")
def _(student: Student, place: Place) -> Values:
    is_output = place.layer == student.exercise.last
    if is_output and reading.label(student.exercise.loss) in losses.SQUARED:
        yield student.output_slope() / 2
        yield student.output_slope() * 2


@slip("mean-sum-confused", "loss")
def _(student: Student, _place: Place) -> Values:
    data, penalty = student.data_loss(student.out(student.exercise.last)), student.penalty({})
    for factor in _confusions(student):
        yield data * factor + penalty


@slip("mean-sum-confused", "slope of post")
def _(student: Student, place: Place) -> Values:
    if place.layer == student.exercise.last and "upstream" not in student.exercise.problem:
        for factor in _confusions(student):
            yield student.output_slope() * factor


def _confusions(student: Student) -> list[float]:
    """What a sum is more than the mean, or a mean less than the sum, over samples or outputs."""
    samples = student.exercise.samples
    found = [samples if student.share != 1 else 1 / samples]
    if reading.label(student.exercise.loss) == "mean-squared-error":
        found.append(student.exercise.targets.shape[1])
    return [factor for factor in found if factor != 1]


# ---------------------------------------------------------------- through an activation


def _incoming(student: Student, number: int) -> Array:
    return student.notes[f"dL/d{student.exercise.output(number)}"]


@slip("activation-derivative-omitted", "slope of pre")
def _(student: Student, place: Place) -> Values:
    if place.layer < student.exercise.last:
        yield _incoming(student, place.layer)


@slip("output-derivative-omitted", "slope of pre")
def _(student: Student, place: Place) -> Values:
    if place.layer == student.exercise.last:
        yield _incoming(student, place.layer)


@slip("activation-derivative-at-wrong-argument", "slope of pre")
def _(student: Student, place: Place) -> Values:
    exercise = student.exercise
    entry = reading.activation(exercise.layer(place.layer))
    label, slope = reading.label(entry), _incoming(student, place.layer)
    z, h = student.notes[f"Z{place.layer}"], student.own_output(place.layer)
    if label in ("sigmoid", "tanh"):
        yield slope * (z * (1 - z) if label == "sigmoid" else 1 - z**2)
    if h is not None and label in ("sigmoid", "tanh", "softplus", "silu", "gelu"):
        yield slope * activations.slope(label, entry, h, None, student.keep)


@slip("relu-derivative-wrong", "slope of pre")
def _(student: Student, place: Place) -> Values:
    label = student.exercise.activation(place.layer)
    z, slope = student.notes[f"Z{place.layer}"], _incoming(student, place.layer)
    if label == "relu":
        yield slope * np.maximum(z, 0)
        yield slope * (z <= 0)
    if label == "leaky-relu":
        yield slope * (z > 0)


@slip("softmax-diagonal-only", "slope of pre")
def _(student: Student, place: Place) -> Values:
    h = student.own_output(place.layer)
    if h is not None and student.exercise.activation(place.layer) == "softmax":
        yield _incoming(student, place.layer) * h * (1 - h)


@slip("softmax-shortcut-misused", "slope of pre")
def _(student: Student, place: Place) -> Values:
    exercise = student.exercise
    if place.layer != exercise.last or "y" not in exercise.problem:
        return
    label, error = exercise.activation(place.layer), student.fused()
    if _is_fused(student, place.layer) and label == "softmax":
        yield student.through_softmax(place.layer, error)
    elif not _is_fused(student, place.layer) and label in ("softmax", "sigmoid"):
        yield error


# ---------------------------------------------------------------- to parameters and layers before


@slip("wrong-layer-input", "slope")
def _(student: Student, place: Place) -> Values:
    parameter = student.exercise.parameters[place.parameter]
    if parameter.source is None:
        return
    right = student.out(parameter.source)
    wrong = [student.exercise.inputs, student.notes["Yhat"]]
    if parameter.source:
        wrong.append(student.notes[f"Z{parameter.source}"])
    for inputs in wrong:
        if inputs.shape == right.shape:
            extra = student.slope(place.parameter) - student.data_slope(place.parameter)
            yield student.data_slope(place.parameter, inputs) + extra


@slip("transposed", "slope")
def _(student: Student, place: Place) -> Values:
    value = student.slope(place.parameter)
    if value.ndim == 2 and value.shape[0] == value.shape[1]:
        yield value.T


@slip("penalty-omitted", "slope")
def _(student: Student, place: Place) -> Values:
    if student.penalty_factor:
        yield student.data_slope(place.parameter)


@slip("bias-gradient-not-summed", "slope")
def _(student: Student, place: Place) -> Values:
    parameter = student.exercise.parameters[place.parameter]
    if parameter.source is None and parameter.value.ndim and student.exercise.samples > 1:
        slope = student.notes[f"dL/dZ{place.layer}"]
        extra = student.slope(place.parameter) - student.data_slope(place.parameter)
        yield slope[0] + extra
        yield slope[-1] + extra


@slip("transpose-omitted", "slope of post")
def _(student: Student, place: Place) -> Values:
    if place.layer < student.exercise.last:
        following = student.exercise.parameters[f"W{place.layer + 1}"]
        weights = student.without_bias(student.inputs_first(following))
        if weights.shape[0] == weights.shape[1]:
            slope = student.notes[f"dL/dZ{place.layer + 1}"]
            yield student.slope_of_post(place.layer) - slope @ weights.T + slope @ weights


@slip("updated-weights-used", "slope of post")
def _(student: Student, place: Place) -> Values:
    name = f"W{place.layer + 1}"
    if place.layer == student.exercise.last or f"{name}_new" not in student.exercise.asked:
        return
    following = student.exercise.parameters[name]
    updated = student.written(student.new(name))
    old, new = (
        student.without_bias(student.inputs_first(following, value))
        for value in (following.value, updated)
    )
    slope = student.notes[f"dL/dZ{place.layer + 1}"]
    yield student.slope_of_post(place.layer) - slope @ old.T + slope @ new.T


@slip("path-lost", "slope of post")
def _(student: Student, place: Place) -> Values:
    if place.layer < student.exercise.last:
        shares = student.shares(place.layer)
        if len(shares) > 1:
            right = student.slope_of_post(place.layer)
            yield from (right - share for share in shares.values())


# ---------------------------------------------------------------- update


@slip("ascent", "new")
def _(student: Student, place: Place) -> Values:
    change = student.change(place.parameter, student.exercise.rate)
    yield student.parameter(place.parameter) - change


@slip("learning-rate-omitted", "new")
def _(student: Student, place: Place) -> Values:
    yield student.parameter(place.parameter) + student.change(place.parameter, 1.0)


@slip("learning-rate-twice", "new")
def _(student: Student, place: Place) -> Values:
    change = student.change(place.parameter, student.exercise.rate**2)
    yield student.parameter(place.parameter) + change


@slip("bias-not-updated", "new")
def _(student: Student, place: Place) -> Values:
    if student.exercise.parameters[place.parameter].source is None:
        yield student.parameter(place.parameter)


@slip("weights-not-updated", "new")
def _(student: Student, place: Place) -> Values:
    if student.exercise.parameters[place.parameter].source is not None:
        yield student.parameter(place.parameter)


@slip("bias-correction-omitted", "new")
def _(student: Student, place: Place) -> Values:
    if student.exercise.problem["update"]["rule"] == "adam":
        change = student.change(place.parameter, student.exercise.rate, corrected=False)
        yield student.parameter(place.parameter) + change


@slip("state-ignored", "new")
def _(student: Student, place: Place) -> Values:
    if "state" in student.exercise.problem["update"]:
        change = student.change(place.parameter, student.exercise.rate, fresh=True)
        yield student.parameter(place.parameter) + change


@slip("updated-weights-forward", "new loss")
def _(student: Student, _place: Place) -> Values:
    yield student.notes["L"]


# ---------------------------------------------------------------- anywhere

ANYWHERE = "anywhere"


def _replaced(student: Student, place: Place, change: Callable[[str], str]) -> Values:
    """The value as written, with the digits of one entry changed."""
    value, digits = student.notes[place.id], student.habits.digits
    if digits is None:
        return
    for index in np.ndindex(value.shape):
        old = digits.text(float(value[index]))
        new = change(old)
        if new != old:
            wrong = value.copy()
            wrong[index] = float(new)
            yield wrong


def _point_moved_right(text: str) -> str:
    whole, _, rest = text.partition(".")
    return f"{whole}{rest[:1]}.{rest[1:]}" if rest and "e" not in text else text


def _point_moved_left(text: str) -> str:
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, rest = digits.partition(".")
    return f"{sign}{whole[:-1] or '0'}.{whole[-1]}{rest}" if rest and "e" not in text else text


def _swapped(text: str) -> str:
    """With the first two neighbouring digits swapped that differ."""
    for k in range(len(text) - 1):
        if text[k : k + 2].isdigit() and text[k] != text[k + 1]:
            return text[:k] + text[k + 1] + text[k] + text[k + 2 :]
    return text


@slip("decimal-slip", ANYWHERE)
def _(student: Student, place: Place) -> Values:
    yield from _replaced(student, place, _point_moved_right)
    yield from _replaced(student, place, _point_moved_left)


@slip("digits-swapped", ANYWHERE)
def _(student: Student, place: Place) -> Values:
    yield from _replaced(student, place, _swapped)


@slip("sign-lost", ANYWHERE)
def _(student: Student, place: Place) -> Values:
    yield from _replaced(student, place, lambda text: text.removeprefix("-"))


@slip("copied", ANYWHERE)
def _(student: Student, place: Place) -> Values:
    for other in student.exercise.places:
        if other.id == place.id:
            return
        value = student.notes[other.id]
        if value.shape == student.notes[place.id].shape and value.size > 1:
            yield value


# ---------------------------------------------------------------- sheets


def draw_slip(rng: Rng, honest: Student, name: str) -> Slip | None:
    """A slip of a name somewhere on a sheet, clear enough to be seen; None where it cannot be."""
    found = list(_possible(honest, name))
    return pick(rng, found) if found else None


def _possible(honest: Student, name: str) -> Iterator[Slip]:
    """Every place on a sheet where a slip of a name shows."""
    with np.errstate(all="ignore"):
        for kind, rule in SLIPS[name]:
            for place in honest.exercise.places:
                if kind not in (ANYWHERE, place.kind):
                    continue
                if place.kind.startswith("slope of") and _is_given(honest.exercise, place):
                    continue
                yield from _clear(honest, name, kind, rule, place)


def _is_given(exercise: Exercise, place: Place) -> bool:
    return place.id.removeprefix("dL/d") in exercise.problem.get("upstream", {})


def _clear(honest: Student, name: str, kind: str, rule: Rule, place: Place) -> Iterator[Slip]:
    try:
        for value in rule(honest, place):
            written = value if kind == ANYWHERE else honest.written(value)
            if differs(honest, place, written):
                yield Slip(name, place, written)
    except LeftOutError:
        return


CLEAR = 3


def differs(honest: Student, place: Place, value: Array) -> bool:
    """Whether a value is off by more than 3 typed units in some entry, from the true one too."""
    digits = honest.habits.digits or Digits(12)
    true = true_rows(honest.exercise, place)
    units = np.vectorize(digits.unit)(value)
    own = np.abs(value - honest.notes[place.id]) / units
    off = np.abs(value - true) / units
    return bool(off.max() > CLEAR + 1e-6 and own.max() > CLEAR + 1e-6)


FACTORS = ("decimal-slip", "sign-lost", "sign-flipped", "factor-two", "mean-sum-confused")
TELLING = 3


def can_be_named(honest: Student, chosen: Slip) -> bool:
    """Whether a slip may be named: a factor never on one number, unless 3 digits of it agree."""
    numbers = chosen.value[chosen.value != 0]
    if chosen.name not in FACTORS or numbers.size > 1:
        return True
    digits = honest.habits.digits
    assert digits is not None
    return all(significant(digits.text(float(number))) >= TELLING for number in numbers)


def significant(text: str) -> int:
    """The significant digits of a number as written."""
    return len("".join(c for c in text.partition("e")[0] if c.isdigit()).lstrip("0"))


def true_rows(exercise: Exercise, place: Place) -> Array:
    """The true value of a quantity, with a sample a row."""
    value = exercise.solved[place.id]
    if place.kind not in ("pre", "post", "slope of pre", "slope of post"):
        return value
    rows = np.atleast_2d(value)
    problem = exercise.problem
    turned = reading.is_batch(problem) and reading.samples_are_columns(problem)
    return rows.T if turned else rows


def slipped(honest: Student, chosen: Slip) -> Student:
    """The sheet with the slip: all that follows is worked out from the wrong value."""
    habits: Habits = honest.habits
    return Student(honest.exercise, habits, {chosen.place.id: chosen.value}).work()
