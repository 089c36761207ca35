"""Turns right backward steps of a network into those of somebody who slips."""

from __future__ import annotations

import numpy as np
from oracles import reading
from oracles.reading import Array

from students import activations, losses
from students.network import FUSED, NetworkStudent
from students.student import Place
from students.table import Values, slip


@slip("sign-flipped", "slope of post")
def _(student: NetworkStudent, place: Place) -> Values:
    if place.layer == student.exercise.last and "y" in student.exercise.problem:
        yield -student.output_slope()


@slip("sign-flipped", "slope of pre")
def _(student: NetworkStudent, place: Place) -> Values:
    if _is_fused(student, place.layer):
        yield -student.fused()


def _is_fused(student: NetworkStudent, number: int) -> bool:
    exercise = student.exercise
    pair = (exercise.activation(number), reading.label(exercise.loss))
    own = not student.branches(number, after=True)
    return number == exercise.last and pair in FUSED and own


@slip("factor-two", "loss")
def _(student: NetworkStudent, _place: Place) -> Values:
    if reading.label(student.exercise.loss) in losses.SQUARED:
        data, penalty = student.data_loss(student.out(student.exercise.last)), student.penalty({})
        yield data / 2 + penalty
        yield data * 2 + penalty


@slip("factor-two", "slope of post")
def _(student: NetworkStudent, place: Place) -> Values:
    is_output = place.layer == student.exercise.last
    if is_output and reading.label(student.exercise.loss) in losses.SQUARED:
        yield student.output_slope() / 2
        yield student.output_slope() * 2


@slip("mean-sum-confused", "loss")
def _(student: NetworkStudent, _place: Place) -> Values:
    data, penalty = student.data_loss(student.out(student.exercise.last)), student.penalty({})
    for factor in _confusions(student):
        yield data * factor + penalty


@slip("mean-sum-confused", "slope of post")
def _(student: NetworkStudent, place: Place) -> Values:
    if place.layer == student.exercise.last and "upstream" not in student.exercise.problem:
        for factor in _confusions(student):
            yield student.output_slope() * factor


def _confusions(student: NetworkStudent) -> list[float]:
    """What a sum is more than the mean, or a mean less than the sum, over samples or outputs."""
    samples = student.exercise.samples
    found = [samples if student.share != 1 else 1 / samples]
    if reading.label(student.exercise.loss) == "mean-squared-error":
        found.append(student.exercise.targets.shape[1])
    return [factor for factor in found if factor != 1]


# ---------------------------------------------------------------- through an activation


def _incoming(student: NetworkStudent, number: int) -> Array:
    return student.notes[f"dL/d{student.exercise.output(number)}"]


@slip("activation-derivative-omitted", "slope of pre")
def _(student: NetworkStudent, place: Place) -> Values:
    if place.layer < student.exercise.last:
        yield _incoming(student, place.layer)


@slip("output-derivative-omitted", "slope of pre")
def _(student: NetworkStudent, place: Place) -> Values:
    if place.layer == student.exercise.last:
        yield _incoming(student, place.layer)


@slip("activation-derivative-at-wrong-argument", "slope of pre")
def _(student: NetworkStudent, place: Place) -> Values:
    exercise = student.exercise
    entry = reading.activation(exercise.layer(place.layer))
    label, slope = reading.label(entry), _incoming(student, place.layer)
    z, h = student.notes[f"Z{place.layer}"], student.own_output(place.layer)
    if label in ("sigmoid", "tanh"):
        yield slope * (z * (1 - z) if label == "sigmoid" else 1 - z**2)
    if h is not None and label in ("sigmoid", "tanh", "softplus", "silu", "gelu"):
        yield slope * activations.slope(label, entry, h, None, student.keep)


@slip("relu-derivative-wrong", "slope of pre")
def _(student: NetworkStudent, place: Place) -> Values:
    label = student.exercise.activation(place.layer)
    z, slope = student.notes[f"Z{place.layer}"], _incoming(student, place.layer)
    if label == "relu":
        yield slope * np.maximum(z, 0)
        yield slope * (z <= 0)
    if label == "leaky-relu":
        yield slope * (z > 0)


@slip("softmax-diagonal-only", "slope of pre")
def _(student: NetworkStudent, place: Place) -> Values:
    h = student.own_output(place.layer)
    if h is not None and student.exercise.activation(place.layer) == "softmax":
        yield _incoming(student, place.layer) * h * (1 - h)


@slip("softmax-shortcut-misused", "slope of pre")
def _(student: NetworkStudent, place: Place) -> Values:
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
def _(student: NetworkStudent, place: Place) -> Values:
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
def _(student: NetworkStudent, place: Place) -> Values:
    value = student.slope(place.parameter)
    if value.ndim == 2 and value.shape[0] == value.shape[1]:
        yield value.T


@slip("penalty-omitted", "slope")
def _(student: NetworkStudent, place: Place) -> Values:
    if student.penalty_factor:
        yield student.data_slope(place.parameter)


@slip("bias-gradient-not-summed", "slope")
def _(student: NetworkStudent, place: Place) -> Values:
    parameter = student.exercise.parameters[place.parameter]
    if parameter.source is None and parameter.value.ndim and student.exercise.samples > 1:
        slope = student.notes[f"dL/dZ{place.layer}"]
        extra = student.slope(place.parameter) - student.data_slope(place.parameter)
        yield slope[0] + extra
        yield slope[-1] + extra


@slip("transpose-omitted", "slope of post")
def _(student: NetworkStudent, place: Place) -> Values:
    if place.layer < student.exercise.last:
        following = student.exercise.parameters[f"W{place.layer + 1}"]
        weights = student.without_bias(student.inputs_first(following))
        if weights.shape[0] == weights.shape[1]:
            slope = student.notes[f"dL/dZ{place.layer + 1}"]
            yield student.slope_of_post(place.layer) - slope @ weights.T + slope @ weights


@slip("updated-weights-used", "slope of post")
def _(student: NetworkStudent, place: Place) -> Values:
    name = f"W{place.layer + 1}"
    if place.layer == student.exercise.last or f"{name}_new" not in student.exercise.asked:
        return
    following = student.exercise.parameters[name]
    updated = student.written(f"{name}_new", student.new(name))
    old, new = (
        student.without_bias(student.inputs_first(following, value))
        for value in (following.value, updated)
    )
    slope = student.notes[f"dL/dZ{place.layer + 1}"]
    yield student.slope_of_post(place.layer) - slope @ old.T + slope @ new.T


@slip("path-lost", "slope of post")
def _(student: NetworkStudent, place: Place) -> Values:
    if place.layer < student.exercise.last:
        shares = student.shares(place.layer)
        if len(shares) > 1:
            right = student.slope_of_post(place.layer)
            yield from (right - share for share in shares.values())
