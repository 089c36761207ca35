"""Turns right backward steps and updates into what people do who have not understood them."""

from __future__ import annotations

import numpy as np
from oracles import reading
from oracles.reading import Array

from students import activations, losses, updates
from students.network import FUSED, NetworkStudent
from students.student import Place
from students.table import Values, misconception


@misconception("loss-for-its-gradient", "loss-for-gradient copied", "slope of post")
def _(student: NetworkStudent, place: Place) -> Values:
    """(ŷ − y)² or −y ln ŷ, entry by entry, where their derivatives belong."""
    exercise = student.exercise
    if place.layer != exercise.last or "y" not in exercise.problem:
        return
    terms = losses.TERMS[reading.label(exercise.loss)](
        student.out(exercise.last), exercise.targets, exercise.loss, student.log_scale, student.keep
    )
    if terms.shape == student.out(exercise.last).shape:
        yield terms * student.share


@misconception("target-forgotten", "term-left-out path-lost", "slope of post")
def _(student: NetworkStudent, place: Place) -> Values:
    exercise = student.exercise
    if (
        place.layer == exercise.last
        and "y" in exercise.problem
        and reading.label(student.exercise.loss) in losses.SQUARED
    ):
        rule = losses.SLOPES[reading.label(exercise.loss)]
        outputs, nothing = student.out(exercise.last), 0 * exercise.targets
        yield rule(outputs, nothing, exercise.loss, 1.0, student.keep) * student.share


@misconception("difference-for-slope", "softmax-shortcut-misused", "slope of post")
def _(student: NetworkStudent, place: Place) -> Values:
    exercise = student.exercise
    pair = (exercise.activation(exercise.last), reading.label(exercise.loss))
    if place.layer == exercise.last and pair in FUSED and pair[0] != "linear":
        yield student.fused()


def _through(student: NetworkStudent, place: Place, slope: Array) -> Array:
    return student.notes[f"dL/d{student.exercise.output(place.layer)}"] * slope


DERIVATIVES = "wrong-activation-derivative activation-derivative-at-wrong-argument"


@misconception("other-derivative", f"{DERIVATIVES} wrong-activation", "slope of pre")
def _(student: NetworkStudent, place: Place) -> Values:
    """1 − h² for h(1 − h), and the reverse."""
    h = student.own_output(place.layer)
    label = student.exercise.activation(place.layer)
    if h is not None and label in ("sigmoid", "tanh"):
        yield _through(student, place, 1 - h**2 if label == "sigmoid" else h * (1 - h))


@misconception(
    "half-a-derivative",
    f"{DERIVATIVES} factor-left-out power-left-out term-left-out",
    "slope of pre",
)
def _(student: NetworkStudent, place: Place) -> Values:
    """h or 1 − h alone; 1 − h for 1 − h²."""
    h = student.own_output(place.layer)
    label = student.exercise.activation(place.layer)
    if h is not None and label == "sigmoid":
        yield _through(student, place, h)
        yield _through(student, place, 1 - h)
    if h is not None and label == "tanh":
        yield _through(student, place, 1 - h)


@misconception(
    "sign-in-derivative", f"{DERIVATIVES} term-sign-flipped sign-flipped", "slope of pre"
)
def _(student: NetworkStudent, place: Place) -> Values:
    h = student.own_output(place.layer)
    label = student.exercise.activation(place.layer)
    if h is not None and label in ("sigmoid", "tanh"):
        yield _through(student, place, h * (1 + h) if label == "sigmoid" else 1 + h**2)


@misconception("incoming-forgotten", "upstream-left-out", "slope of pre")
def _(student: NetworkStudent, place: Place) -> Values:
    label = student.exercise.activation(place.layer)
    if label in ("sigmoid", "tanh", "relu", "silu", "softplus"):
        yield student.activation_slope(place.layer)


@misconception("off-diagonal-sign", "term-sign-flipped sign-flipped sign-lost", "slope of pre")
def _(student: NetworkStudent, place: Place) -> Values:
    if student.exercise.activation(place.layer) != "softmax":
        return
    p = student.softmax_output(place.layer)
    slope = student.notes[f"dL/d{student.exercise.output(place.layer)}"]
    blocks = np.abs(activations.jacobian(p))
    yield np.einsum("nij,ni->nj", blocks, slope)


@misconception(
    "activation-skipped",
    "wrong-operand activation-derivative-omitted output-derivative-omitted",
    "slope",
    "slope of post",
)
def _(student: NetworkStudent, place: Place) -> Values:
    """dL/dH where dL/dZ of the same layer belongs."""
    exercise = student.exercise
    number = place.layer if place.kind == "slope" else place.layer + 1
    if number > exercise.last or exercise.activation(number) == "linear":
        return
    name, before = f"dL/dZ{number}", f"dL/d{exercise.output(number)}"
    if name in student.notes and before in student.notes:
        yield _with_note(student, place, name, student.notes[before])


def _with_note(student: NetworkStudent, place: Place, name: str, value: Array) -> Array:
    """What would come out if something else had been written down."""
    kept = student.notes[name]
    student.notes[name] = value
    try:
        return student.step(place)
    finally:
        student.notes[name] = kept


@misconception("weights-forgotten", "factor-left-out wrong-operand", "slope of post")
def _(student: NetworkStudent, place: Place) -> Values:
    """δ alone, where every unit has one behind it."""
    if place.layer < student.exercise.last and len(student.shares(place.layer)) == 1:
        slope = student.notes[f"dL/dZ{place.layer + 1}"]
        if slope.shape == student.out(place.layer).shape:
            yield slope


@misconception("term-of-the-gradient-forgotten", "term-left-out path-lost", "slope of post")
def _(student: NetworkStudent, place: Place) -> Values:
    if place.layer == student.exercise.last:
        return
    slope = student.notes[f"dL/dZ{place.layer + 1}"]
    weights = student.without_bias(
        student.inputs_first(student.exercise.parameters[f"W{place.layer + 1}"])
    )
    if slope.shape[1] > 1:
        for unit in range(slope.shape[1]):
            yield student.slope_of_post(place.layer) - slope[:, [unit]] * weights[:, unit]


@misconception("input-forgotten", "input-left-out", "slope")
def _(student: NetworkStudent, place: Place) -> Values:
    parameter = student.exercise.parameters[place.parameter]
    if parameter.source is not None and not student.penalty_factor:
        inputs = student.out(parameter.source)
        yield student.data_slope(place.parameter, np.ones_like(inputs))


@misconception("own-output-as-input", "wrong-operand wrong-layer-input", "slope")
def _(student: NetworkStudent, place: Place) -> Values:
    parameter = student.exercise.parameters[place.parameter]
    if parameter.source is not None and not student.penalty_factor:
        own = student.out(parameter.layer)
        if own.shape == student.out(parameter.source).shape:
            yield student.data_slope(place.parameter, own)


@misconception("bias-gradient-one", "upstream-left-out", "slope")
def _(student: NetworkStudent, place: Place) -> Values:
    parameter = student.exercise.parameters[place.parameter]
    if parameter.source is None and not student.penalty_factor:
        yield np.ones_like(parameter.value)


@misconception("bias-gradient-times-bias", "", "slope")
def _(student: NetworkStudent, place: Place) -> Values:
    parameter = student.exercise.parameters[place.parameter]
    if parameter.source is None and not student.penalty_factor:
        yield student.data_slope(place.parameter) * parameter.value


@misconception(
    "one-sample-only", "not-summed-over-samples term-left-out path-lost wrong-sample", "slope"
)
def _(student: NetworkStudent, place: Place) -> Values:
    parameter = student.exercise.parameters[place.parameter]
    if parameter.source is not None and student.exercise.samples > 1 and not student.penalty_factor:
        for sample in (0, -1):
            inputs = 0 * student.out(parameter.source)
            inputs[sample] = student.out(parameter.source)[sample]
            if reading.convention(student.exercise.problem, "bias") == "separate":
                yield student.data_slope(place.parameter, inputs)


# ---------------------------------------------------------------- update


@misconception("change-written", "change-for-value", "new")
def _(student: NetworkStudent, place: Place) -> Values:
    yield updates.change(student, place.parameter, student.exercise.rate)


@misconception("gradient-times-weight", "", "new")
def _(student: NetworkStudent, place: Place) -> Values:
    parameter = student.parameter(place.parameter)
    change = updates.change(student, place.parameter, student.exercise.rate)
    yield parameter + change * parameter


@misconception("tenth-of-the-rate", "decimal-slip factor-left-out", "new")
def _(student: NetworkStudent, place: Place) -> Values:
    change = updates.change(student, place.parameter, student.exercise.rate / 10)
    yield student.parameter(place.parameter) + change


@misconception("no-root", "power-left-out", "new")
def _(student: NetworkStudent, place: Place) -> Values:
    if student.exercise.problem["update"]["rule"] in ("adam", "rmsprop", "adagrad"):
        change = updates.change(student, place.parameter, student.exercise.rate, rooted=False)
        yield student.parameter(place.parameter) + change


@misconception("plain-descent", "state-ignored", "new")
def _(student: NetworkStudent, place: Place) -> Values:
    if student.exercise.problem["update"]["rule"] in ("adam", "rmsprop", "adagrad"):
        slope = student.notes[f"dL/d{place.parameter}"]
        yield student.parameter(place.parameter) - student.exercise.rate * slope


@misconception("plain-descent", "state-ignored term-left-out", "new")
def _(student: NetworkStudent, place: Place) -> Values:
    """Without momentum: βv is a term of a sum."""
    if student.exercise.problem["update"]["rule"] in ("momentum", "nesterov"):
        slope = student.notes[f"dL/d{place.parameter}"]
        yield student.parameter(place.parameter) - student.exercise.rate * slope
