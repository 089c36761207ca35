"""Turns right forward steps of a network into those of somebody who slips."""

from __future__ import annotations

import numpy as np
from oracles import reading
from oracles.reading import Array

from students import losses
from students.network import NetworkStudent
from students.student import Place
from students.table import Values, slip


def _inputs(student: NetworkStudent, number: int) -> dict[int, Array]:
    return {k: student.out(k) for k in range(number)}


@slip("activation-omitted", "post")
def _(student: NetworkStudent, place: Place) -> Values:
    z = student.notes[f"Z{place.layer}"]
    yield z + student.skips(place.layer, _inputs(student, place.layer), {}, after=True)


@slip("bias-left-out", "pre")
def _(student: NetworkStudent, place: Place) -> Values:
    bias = student.exercise.parameters.get(f"b{place.layer}")
    if bias is not None:
        yield student.pre(place.layer) - bias.value
    if reading.convention(student.exercise.problem, "bias") != "separate":
        inputs = _inputs(student, place.layer)
        full = student.inputs_first(student.exercise.parameters[f"W{place.layer}"])
        skipped = student.skips(place.layer, inputs, {}, after=False)
        yield inputs[place.layer - 1] @ student.without_bias(full) + skipped


@slip("transpose-omitted", "pre")
def _(student: NetworkStudent, place: Place) -> Values:
    weights = student.exercise.parameters[f"W{place.layer}"]
    if weights.value.shape[0] == weights.value.shape[1]:
        inputs = _inputs(student, place.layer)
        affine = student.affine(place.layer, inputs, {weights.name: weights.value.T})
        yield affine + student.skips(place.layer, inputs, {}, after=False)


@slip("wrong-sample", "pre")
def _(student: NetworkStudent, place: Place) -> Values:
    right = student.pre(place.layer)
    if place.layer == 1 and len(right) > 1:
        for sample in range(len(right)):
            value = right.copy()
            value[sample] = right[sample - 1]
            yield value


@slip("path-lost", "pre")
def _(student: NetworkStudent, place: Place) -> Values:
    yield from _without_a_skip(student, place.layer, student.pre(place.layer), after=False)


@slip("path-lost", "post")
def _(student: NetworkStudent, place: Place) -> Values:
    yield from _without_a_skip(student, place.layer, student.post(place.layer), after=True)


def _without_a_skip(student: NetworkStudent, number: int, right: Array, *, after: bool) -> Values:
    for source, weights in student.branches(number, after=after):
        value = student.out(source)
        yield right - (value if weights is None else value @ student.inputs_first(weights))


@slip("loss-log-base", "loss")
def _(student: NetworkStudent, _place: Place) -> Values:
    label = reading.label(student.exercise.loss)
    outputs = student.out(student.exercise.last)
    if label in losses.LOGARITHMIC or label == "-sum(y * log(yhat))":
        for scale in (1.0, 1 / np.log(2), 1 / np.log(10)):
            yield student.data_loss(outputs, float(scale)) + student.penalty({})


@slip("targets-swapped", "loss")
def _(student: NetworkStudent, _place: Place) -> Values:
    exercise = student.exercise
    label = reading.label(exercise.loss)
    if label in losses.LOGARITHMIC:
        rule = losses.TERMS[label]
        swapped = (exercise.targets, student.out(exercise.last))
        total = rule(*swapped, exercise.loss, student.log_scale, student.keep).sum()
        yield total * student.share + student.penalty({})


@slip("penalty-omitted", "loss")
def _(student: NetworkStudent, _place: Place) -> Values:
    if student.penalty_factor:
        yield student.data_loss(student.out(student.exercise.last))
