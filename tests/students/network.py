"""Turns an exercise in layers into the sheet of an honest student, with a sample a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from oracles import reading
from oracles.reading import Array

from students import activations, losses, updates
from students.exercise import Exercise, Parameter, later
from students.student import Place, Student, Wrongly
from students.table import ENTRIES, Entry

FUSED = {
    ("softmax", "cross-entropy"),
    ("softmax", "-sum(y * log(yhat))"),
    ("sigmoid", "binary-cross-entropy"),
    ("linear", "half-squared-error"),
}
TURNED = ("pre", "post", "slope of pre", "slope of post")


@dataclass(kw_only=True)
class NetworkStudent(Student):
    """Someone with an exercise in layers; `memory` is what an update leaves for the next step."""

    exercise: Exercise
    memory: dict[str, Array] = field(default_factory=dict)

    @property
    def places(self) -> tuple[Place, ...]:
        return self.exercise.places

    def stored(self, place: Place, value: Array) -> Array:
        if place.kind not in TURNED:
            return value
        return np.asarray(reading.stored(self.exercise.problem, value))

    def entries(self) -> Sequence[Entry]:
        return ENTRIES

    def old(self, name: str) -> Array:
        return self.exercise.parameters[name].value

    def is_given(self, place: Place) -> bool:
        given = self.exercise.problem.get("upstream", {})
        return place.kind.startswith("slope of") and place.id.removeprefix("dL/d") in given

    # ------------------------------------------------------------ steps

    def step(self, place: Place) -> Array:
        """The right value of a quantity, given what is written so far."""
        if self.is_given(place):
            return self._given(self.exercise.problem["upstream"][place.id.removeprefix("dL/d")])
        if place.kind in ("pre", "post"):
            return self.pre(place.layer) if place.kind == "pre" else self.post(place.layer)
        if place.kind in ("slope of pre", "slope of post"):
            is_pre = place.kind == "slope of pre"
            return self.slope_of_pre(place.layer) if is_pre else self.slope_of_post(place.layer)
        if place.kind == "slope":
            return self.slope(place.parameter)
        if place.kind == "new":
            return self.new(place.parameter)
        if place.kind == "state":
            return updates.state_after(self, *place.id.split("_", 1))
        if place.kind == "jacobian":
            return self.jacobian(place)
        return self.loss() if place.kind == "loss" else self.new_loss()

    def _given(self, value: object) -> Array:
        rows = np.atleast_2d(np.array(value, dtype=float))
        problem = self.exercise.problem
        turned = reading.is_batch(problem) and reading.samples_are_columns(problem)
        return rows.T if turned else rows

    def out(self, number: int) -> Array:
        """A layer's output as written; that of layer 0 is x."""
        return self.notes[self.exercise.output(number)] if number else self.exercise.inputs

    def later(self, wrongly: Mapping[str, Wrongly]) -> NetworkStudent:
        """The same person before the next step of training."""
        new = {
            place.parameter: self.notes[place.id] for place in self.places if place.kind == "new"
        }
        state = self.memory | {
            place.id: self.notes[place.id] for place in self.places if place.kind == "state"
        }
        return NetworkStudent(self.habits, wrongly, exercise=later(self.exercise, new, state))

    def jacobian(self, place: Place) -> Array:
        """∂A/∂B of one sample, in the layout that the problem asks for."""
        if place.parameter:
            value = self.weights_between(place.layer).T
        elif self.exercise.activation(place.layer) == "softmax":
            value = activations.jacobian(self.softmax_output(place.layer))[0]
        else:
            value = np.diag(self.activation_slope(place.layer)[0])
        turned = reading.convention(self.exercise.problem, "jacobian") == "denominator"
        return value.T if turned else value

    def weights_between(self, number: int) -> Array:
        """What takes the output of the layer before to z, inputs first: with a skip's weights."""
        total = self.without_bias(self.inputs_first(self.exercise.parameters[f"W{number}"]))
        for source, skip in self.branches(number, after=False):
            if source == number - 1:
                total = total + (np.eye(len(total)) if skip is None else self.inputs_first(skip))
        return total

    # ------------------------------------------------------------ forward

    def parameter(self, name: str) -> Array:
        return self.exercise.parameters[name].value

    def inputs_first(self, parameter: Parameter, value: Array | None = None) -> Array:
        """Weights as the matrix that takes a row of inputs to a row of units."""
        chosen = parameter.value if value is None else value
        return chosen.T if reading.outputs_first(self.exercise.problem) else chosen

    def extended(self, inputs: Array) -> Array:
        """A layer's input with the constant of a packed bias."""
        problem = self.exercise.problem
        where = reading.convention(problem, "bias")
        if where == "separate":
            return inputs
        constant = np.full((len(inputs), 1), float(reading.convention(problem, "bias_input")))
        return np.hstack([constant, inputs] if where == "first" else [inputs, constant])

    def without_bias(self, weights: Array) -> Array:
        """Weights, inputs first, without the row of a packed bias."""
        where = reading.convention(self.exercise.problem, "bias")
        return {"first": weights[1:], "last": weights[:-1], "separate": weights}[where]

    def pre(self, number: int) -> Array:
        inputs = {k: self.out(k) for k in range(number)}
        return self.affine(number, inputs, {}) + self.skips(number, inputs, {}, after=False)

    def post(self, number: int) -> Array:
        inputs = {k: self.out(k) for k in range(number)}
        activated = self.activated(number, self.notes[f"Z{number}"])
        return activated + self.skips(number, inputs, {}, after=True)

    def affine(self, number: int, inputs: Mapping[int, Array], new: Mapping[str, Array]) -> Array:
        """W x + b, with new parameters where there are some."""
        weights = self.exercise.parameters[f"W{number}"]
        matrix = self.inputs_first(weights, new.get(weights.name))
        bias = self.exercise.parameters.get(f"b{number}")
        shift = new.get(bias.name, bias.value) if bias else np.zeros(1)
        product = self.habits.matmul(self.extended(inputs[number - 1]), matrix)
        return np.asarray(self.habits.total(product) + shift)

    def skips(
        self, number: int, inputs: Mapping[int, Array], new: Mapping[str, Array], *, after: bool
    ) -> Array:
        """What skips add before or after the activation."""
        total: Array = np.zeros(1)
        for source, weights in self.branches(number, after=after):
            value = inputs[source]
            if weights is not None:
                value = self.habits.matmul(value, self.inputs_first(weights, new.get(weights.name)))
            total = total + value
        return total

    def branches(self, number: int, *, after: bool) -> list[tuple[int, Parameter | None]]:
        """The skips into a layer: from where, and with which weights."""
        return [
            (skip["from"], self.exercise.parameters.get(f"W{number}_{skip['from']}"))
            for skip in self.exercise.layer(number).get("skip", [])
            if (skip.get("into") == "post") == after
        ]

    def activated(self, number: int, z: Array) -> Array:
        entry = reading.activation(self.exercise.layer(number))
        return activations.value(reading.label(entry), entry, z, self.keep)

    # ------------------------------------------------------------ loss

    @property
    def share(self) -> float:
        """1 / samples where the loss is a mean over them."""
        is_mean = self.exercise.loss.get("over_samples", "mean") == "mean"
        return 1 / self.exercise.samples if is_mean else 1.0

    @property
    def log_scale(self) -> float:
        named = self.exercise.loss.get("name") in losses.LOGARITHMIC
        return reading.log_scale(self.exercise.problem) if named else 1.0

    def loss(self) -> Array:
        data = self.data_loss(self.out(self.exercise.last))
        return data + self.penalty({})

    def data_loss(self, outputs: Array, scale: float | None = None) -> Array:
        entry = self.exercise.loss
        scale = self.log_scale if scale is None else scale
        terms = losses.TERMS[reading.label(entry)](
            outputs, self.exercise.targets, entry, scale, self.keep
        )
        total = terms.sum()
        if self.share != 1:
            total = self.keep(total) * self.share
        return self.keep(total) if self.penalty_factor else np.asarray(total)

    @property
    def penalty_factor(self) -> float:
        return reading.penalty_factor(self.exercise.problem, self.exercise.samples)

    def penalty(self, new: Mapping[str, Array]) -> Array:
        """λ times the sum of the squared weights."""
        if not self.penalty_factor:
            return np.zeros(())
        total = np.zeros(())
        for parameter in self.exercise.parameters.values():
            value = self.penalized(parameter, new.get(parameter.name, parameter.value))
            total = total + self.keep(value**2).sum()
        return self.keep(self.penalty_factor * total)

    def penalized(self, parameter: Parameter, value: Array) -> Array:
        """A parameter with 0 where the penalty leaves an entry out."""
        if parameter.source is None:
            return value if self.exercise.problem["penalty"].get("biases") else 0 * value
        where = reading.convention(self.exercise.problem, "bias")
        kept = self.inputs_first(parameter, value.copy())
        if where != "separate" and not parameter.skip:
            kept[0 if where == "first" else -1] = 0
        return self.inputs_first(parameter, kept)

    # ------------------------------------------------------------ backward

    def slope_of_pre(self, number: int) -> Array:
        exercise = self.exercise
        label = reading.label(exercise.loss)
        pair = (exercise.activation(number), label)
        plain = not self.branches(number, after=True)
        if number == exercise.last and self.habits.fused and pair in FUSED and plain:
            return self.fused()
        slope = self.notes[f"dL/d{exercise.output(number)}"]
        written = self.notes.get(f"d{exercise.output(number)}/dZ{number}")
        if written is not None:  # an activation's Jacobian is as it is in both layouts
            return self.habits.matmul(slope, written)
        if exercise.activation(number) == "softmax":
            return self.through_softmax(number, slope)
        return slope * self.keep(self.activation_slope(number))

    def fused(self) -> Array:
        """ŷ − y, for a pair where that is the gradient."""
        error = self.keep(self.out(self.exercise.last) - self.exercise.targets)
        return error * self.log_scale * self.share

    def own_output(self, number: int) -> Array | None:
        """h as written, where it is the activation and nothing else."""
        return None if self.branches(number, after=True) else self.out(number)

    def activation_slope(self, number: int) -> Array:
        entry = reading.activation(self.exercise.layer(number))
        output = None if self.habits.slopes_from_z else self.own_output(number)
        z = self.notes[f"Z{number}"]
        return activations.slope(reading.label(entry), entry, z, output, self.keep)

    def softmax_output(self, number: int) -> Array:
        output = self.own_output(number)
        if output is None:
            return self.keep(activations.softmax(self.notes[f"Z{number}"], self.keep))
        return output

    def through_softmax(self, number: int, slope: Array) -> Array:
        blocks = self.keep(activations.jacobian(self.softmax_output(number)))
        terms = self.habits.term(blocks * slope[:, :, None])
        return np.asarray(terms.sum(axis=1))

    def slope_of_post(self, number: int) -> Array:
        if number == self.exercise.last:
            return self.output_slope()
        return np.asarray(sum(self.shares(number).values()))

    def output_slope(self) -> Array:
        exercise = self.exercise
        slope = losses.SLOPES[reading.label(exercise.loss)](
            self.out(exercise.last), exercise.targets, exercise.loss, self.log_scale, self.keep
        )
        return slope * self.share

    def shares(self, number: int) -> dict[str, Array]:
        """What comes back to a layer's output, branch by branch."""
        following = self.exercise.parameters[f"W{number + 1}"]
        weights = self.without_bias(self.inputs_first(following))
        found = {"main": self.habits.matmul(self.notes[f"dL/dZ{number + 1}"], weights.T)}
        for above in range(number + 1, self.exercise.last + 1):
            for after in (False, True):
                slope = self.notes.get(self.slope_id(above, after=after))
                for source, skip in self.branches(above, after=after):
                    if source == number and slope is not None:
                        back = self.through(slope, skip)
                        found[f"{above} {after}"] = back
        return found

    def through(self, slope: Array, skip: Parameter | None) -> Array:
        """What comes back through a skip."""
        if skip is None:
            return slope
        return self.habits.matmul(slope, self.inputs_first(skip).T)

    def slope_id(self, number: int, *, after: bool) -> str:
        return f"dL/d{self.exercise.output(number)}" if after else f"dL/dZ{number}"

    def slope(self, name: str) -> Array:
        """∂L/∂W or ∂L/∂b, with what a penalty adds."""
        data = self.data_slope(name)
        if not self.penalty_factor:
            return data
        parameter = self.exercise.parameters[name]
        extra = 2 * self.penalty_factor * self.penalized(parameter, parameter.value)
        return data + self.keep(extra) if extra.any() else data

    def data_slope(self, name: str, inputs: Array | None = None) -> Array:
        parameter = self.exercise.parameters[name]
        slope = self.notes[self.slope_id(parameter.layer, after=parameter.after)]
        if parameter.source is None:
            return np.asarray(slope.sum(axis=0) if parameter.value.ndim else slope.sum())
        inputs = self.out(parameter.source) if inputs is None else inputs
        factor = inputs if parameter.skip else self.extended(inputs)
        return self.inputs_first(parameter, self.habits.matmul(factor.T, slope))

    # ------------------------------------------------------------ update

    def new(self, name: str) -> Array:
        return self.parameter(name) + updates.change(self, name, self.exercise.rate)

    # ------------------------------------------------------------ after the update

    def new_loss(self) -> Array:
        """The loss with the new parameters as written; nothing on the way there is asked for."""
        new = {name: self.notes[f"{name}_new"] for name in self.exercise.trained}
        return self.loss_with(new)

    def loss_with(self, new: Mapping[str, Array]) -> Array:
        inputs = {0: self.exercise.inputs}
        for number in range(1, self.exercise.last + 1):
            skipped = self.skips(number, inputs, new, after=False)
            z = self.keep(self.affine(number, inputs, new) + skipped)
            activated = self.activated(number, z)
            inputs[number] = self.keep(activated + self.skips(number, inputs, new, after=True))
        return self.data_loss(inputs[self.exercise.last]) + self.penalty(new)
