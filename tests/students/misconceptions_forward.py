"""Turns right forward steps of a network into what people do who have not understood them."""

from __future__ import annotations

import numpy as np
from oracles import reading

from students import activations, losses
from students.network import NetworkStudent
from students.student import Place
from students.table import Values, misconception


@misconception("bias-subtracted", "term-sign-flipped sign-flipped", "pre")
def _(student: NetworkStudent, place: Place) -> Values:
    bias = student.exercise.parameters.get(f"b{place.layer}")
    if bias is not None:
        yield student.pre(place.layer) - 2 * bias.value


@misconception("other-input-forward", "wrong-operand wrong-layer-input activation-omitted", "pre")
def _(student: NetworkStudent, place: Place) -> Values:
    """z, or x, where h of the layer before belongs."""
    if place.layer < 2:
        return
    inputs = {k: student.out(k) for k in range(place.layer)}
    for other in (student.notes[f"Z{place.layer - 1}"], student.exercise.inputs):
        if other.shape == inputs[place.layer - 1].shape:
            replaced = inputs | {place.layer - 1: other}
            affine = student.affine(place.layer, replaced, {})
            yield affine + student.skips(place.layer, inputs, {}, after=False)


@misconception("other-weights-forward", "wrong-operand", "pre")
def _(student: NetworkStudent, place: Place) -> Values:
    weights = student.exercise.parameters[f"W{place.layer}"]
    inputs = {k: student.out(k) for k in range(place.layer)}
    for other in student.exercise.parameters.values():
        if other.name != weights.name and other.value.shape == weights.value.shape:
            affine = student.affine(place.layer, inputs, {weights.name: other.value})
            yield affine + student.skips(place.layer, inputs, {}, after=False)


@misconception("weight-misread", "digit-misread", "pre")
def _(student: NetworkStudent, place: Place) -> Values:
    weights = student.exercise.parameters[f"W{place.layer}"]
    inputs = {k: student.out(k) for k in range(place.layer)}
    for index in list(np.ndindex(weights.value.shape))[:2]:
        misread = weights.value.copy()
        misread[index] = _misread(float(misread[index]))
        affine = student.affine(place.layer, inputs, {weights.name: misread})
        yield affine + student.skips(place.layer, inputs, {}, after=False)


def _misread(number: float) -> float:
    text = f"{number:g}"
    for k, digit in enumerate(text):
        if digit in "123456789":
            return float(text[:k] + "0746579318"[int(digit)] + text[k + 1 :])
    return number + 1


@misconception("term-forgotten", "term-left-out path-lost", "pre")
def _(student: NetworkStudent, place: Place) -> Values:
    """One product of one unit's sum, in every sample."""
    right = student.pre(place.layer)
    inputs = student.out(place.layer - 1)
    if inputs.shape[1] < 2:
        return
    weights = student.without_bias(
        student.inputs_first(student.exercise.parameters[f"W{place.layer}"])
    )
    for source in range(inputs.shape[1]):
        value = right.copy()
        value[:, 0] -= inputs[:, source] * weights[source, 0]
        yield value


@misconception("other-activation", "wrong-activation", "post")
def _(student: NetworkStudent, place: Place) -> Values:
    z, label = student.notes[f"Z{place.layer}"], student.exercise.activation(place.layer)
    swaps = {
        "sigmoid": [np.tanh(z)],
        "tanh": [activations.sigmoid(z)],
        "softmax": [activations.sigmoid(z), z / z.sum(axis=1, keepdims=True)],
        "relu": [np.abs(z)],
    }
    added = student.skips(
        place.layer, {k: student.out(k) for k in range(place.layer)}, {}, after=True
    )
    for value in swaps.get(label, []):
        yield value + added


@misconception(
    "sign-of-exponent", "sign-flipped term-sign-flipped sign-lost wrong-activation", "post"
)
def _(student: NetworkStudent, place: Place) -> Values:
    if student.exercise.activation(place.layer) in ("sigmoid", "exp") and _alone(student, place):
        yield student.activated(place.layer, -student.notes[f"Z{place.layer}"])


@misconception("halved-argument", "factor-two", "post")
def _(student: NetworkStudent, place: Place) -> Values:
    if student.exercise.activation(place.layer) == "tanh" and _alone(student, place):
        yield np.tanh(student.notes[f"Z{place.layer}"] / 2)


@misconception("not-normalised", "normalisation-left-out wrong-activation", "post")
def _(student: NetworkStudent, place: Place) -> Values:
    if student.exercise.activation(place.layer) == "softmax" and _alone(student, place):
        yield np.exp(student.notes[f"Z{place.layer}"])


@misconception("softmax-over-samples", "wrong-axis", "post")
def _(student: NetworkStudent, place: Place) -> Values:
    z = student.notes[f"Z{place.layer}"]
    is_softmax = student.exercise.activation(place.layer) == "softmax"
    if is_softmax and len(z) > 1 and _alone(student, place):
        yield activations.softmax(z.T).T


def _alone(student: NetworkStudent, place: Place) -> bool:
    return not student.branches(place.layer, after=True)


# ---------------------------------------------------------------- loss


@misconception("error-not-squared", "power-left-out", "loss")
def _(student: NetworkStudent, _place: Place) -> Values:
    if reading.label(student.exercise.loss) in losses.SQUARED and not student.penalty_factor:
        right = student.data_loss(student.out(student.exercise.last))
        error = student.out(student.exercise.last) - student.exercise.targets
        if (error**2).sum() > 0:
            yield right * error.sum() / (error**2).sum()
            yield right * np.abs(error).sum() / (error**2).sum()


@misconception("sum-then-square", "", "loss")
def _(student: NetworkStudent, _place: Place) -> Values:
    if reading.label(student.exercise.loss) in losses.SQUARED and not student.penalty_factor:
        right = student.data_loss(student.out(student.exercise.last))
        error = student.out(student.exercise.last) - student.exercise.targets
        if (error**2).sum() > 0:
            yield right * error.sum() ** 2 / (error**2).sum()


@misconception("root-of-the-loss", "power-left-out", "loss")
def _(student: NetworkStudent, _place: Place) -> Values:
    """A length where its square belongs: the root of the mean square, or of the sum of squares."""
    if reading.label(student.exercise.loss) in losses.SQUARED:
        yield np.sqrt(student.loss())


@misconception("difference-of-squares", "", "loss")
def _(student: NetworkStudent, _place: Place) -> Values:
    if reading.label(student.exercise.loss) == "squared-error" and not student.penalty_factor:
        p, y = student.out(student.exercise.last), student.exercise.targets
        yield (p**2 - y**2).sum() * student.share


@misconception("logarithm-of-every-class", "factor-left-out upstream-left-out", "loss")
def _(student: NetworkStudent, _place: Place) -> Values:
    if reading.label(student.exercise.loss) == "cross-entropy" and not student.penalty_factor:
        p = student.out(student.exercise.last)
        yield -(student.log_scale * np.log(p)).sum() * student.share


@misconception("probability-for-logarithm", "", "loss")
def _(student: NetworkStudent, _place: Place) -> Values:
    if reading.label(student.exercise.loss) == "cross-entropy" and not student.penalty_factor:
        p, y = student.out(student.exercise.last), student.exercise.targets
        yield (y * (1 - p)).sum() * student.share


@misconception("half-of-the-entropy", "term-left-out path-lost", "loss")
def _(student: NetworkStudent, _place: Place) -> Values:
    label = reading.label(student.exercise.loss)
    if label == "binary-cross-entropy" and not student.penalty_factor:
        p, y = student.out(student.exercise.last), student.exercise.targets
        yield -losses.times_log(y, p, student.log_scale, student.keep).sum() * student.share


@misconception("wrong-class", "wrong-target", "loss")
def _(student: NetworkStudent, _place: Place) -> Values:
    exercise = student.exercise
    label = reading.label(exercise.loss)
    if label == "cross-entropy" and exercise.targets.shape[1] > 1:
        turned = np.roll(exercise.targets, 1, axis=1)
        term = losses.TERMS[label](
            student.out(exercise.last), turned, exercise.loss, student.log_scale, student.keep
        )
        yield term.sum() * student.share + student.penalty({})


@misconception("partly-new-loss", "updated-weights-forward", "new loss")
def _(student: NetworkStudent, _place: Place) -> Values:
    new = {name: student.notes[f"{name}_new"] for name in sorted(student.exercise.trained)}
    for name in new if len(new) > 1 else ():
        yield student.loss_with({other: new[other] for other in new if other != name})
