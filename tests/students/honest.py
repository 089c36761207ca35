"""Turns an exercise into the sheet of an honest student: each step from what is written so far.

Everything is worked out by hand, layer by layer, with a sample a row. Quantities asked for are
rounded when they are written down, and later steps take them as they are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from oracles import reading
from oracles.chance import Rng, chance
from oracles.reading import Array

from students import activations, losses
from students.exercise import Exercise, Parameter, Place
from students.rounding import Digits, LeftOutError

FUSED = {
    ("softmax", "cross-entropy"),
    ("softmax", "-sum(y * log(yhat))"),
    ("sigmoid", "binary-cross-entropy"),
    ("linear", "half-squared-error"),
}


@dataclass(frozen=True)
class Habits:
    """How a student works: digits kept (None: all), and the free choices on the way."""

    digits: Digits | None = None
    keeps_factors: bool = False
    fused: bool = False
    slopes_from_z: bool = False


def draw_habits(rng: Rng, digits: Digits) -> Habits:
    truncate, rounds, fused, from_z = (chance(rng, 0.5) for _ in range(4))
    own = Digits(digits.number, digits.significant, truncate)
    return Habits(own, rounds, fused, from_z)


@dataclass
class Student:
    """Someone with an exercise, habits, and notes of what is written so far.

    `instead` are values that are written down as they are, whatever the right step would give.
    """

    exercise: Exercise
    habits: Habits
    instead: Mapping[str, Array] = field(default_factory=dict)
    notes: dict[str, Array] = field(default_factory=dict)

    def work(self) -> Student:
        """Fills in the whole sheet."""
        with np.errstate(all="ignore"):
            for place in self.exercise.places:
                chosen = self.instead.get(place.id)
                self.notes[place.id] = self.written(self.step(place)) if chosen is None else chosen
        return self

    def written(self, values: Array) -> Array:
        """What is written down of a value."""
        if not np.isfinite(values).all():
            raise LeftOutError
        digits = self.habits.digits
        return np.asarray(values if digits is None else digits.rounded(np.asarray(values)))

    def keep(self, values: Array) -> Array:
        """A factor that is not asked for, rounded too by those who do that."""
        return self.written(values) if self.habits.keeps_factors else values

    def sheet(self) -> dict[str, Array]:
        """All notes, stored as the problem stores them."""
        kinds = {place.id: place.kind for place in self.exercise.places}
        turned = ("pre", "post", "slope of pre", "slope of post")
        problem = self.exercise.problem
        return {
            name: np.asarray(reading.stored(problem, value)) if kinds[name] in turned else value
            for name, value in self.notes.items()
        }

    # ------------------------------------------------------------ steps

    def step(self, place: Place) -> Array:
        """The right value of a quantity, given what is written so far."""
        given = self.exercise.problem.get("upstream", {})
        if place.kind.startswith("slope of") and place.id.removeprefix("dL/d") in given:
            return self._given(given[place.id.removeprefix("dL/d")])
        if place.kind in ("pre", "post"):
            return self.pre(place.layer) if place.kind == "pre" else self.post(place.layer)
        if place.kind in ("slope of pre", "slope of post"):
            is_pre = place.kind == "slope of pre"
            return self.slope_of_pre(place.layer) if is_pre else self.slope_of_post(place.layer)
        if place.kind == "slope":
            return self.slope(place.parameter)
        if place.kind == "new":
            return self.new(place.parameter)
        return self.loss() if place.kind == "loss" else self.new_loss()

    def _given(self, value: object) -> Array:
        rows = np.atleast_2d(np.array(value, dtype=float))
        problem = self.exercise.problem
        turned = reading.is_batch(problem) and reading.samples_are_columns(problem)
        return rows.T if turned else rows

    def out(self, number: int) -> Array:
        """A layer's output as written; that of layer 0 is x."""
        return self.notes[self.exercise.output(number)] if number else self.exercise.inputs

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
        return np.asarray(self.extended(inputs[number - 1]) @ matrix + shift)

    def skips(
        self, number: int, inputs: Mapping[int, Array], new: Mapping[str, Array], *, after: bool
    ) -> Array:
        """What skips add before or after the activation."""
        total: Array = np.zeros(1)
        for source, weights in self.branches(number, after=after):
            value = inputs[source]
            if weights is not None:
                value = value @ self.inputs_first(weights, new.get(weights.name))
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

    def through_softmax(self, number: int, slope: Array) -> Array:
        output = self.own_output(number)
        if output is None:
            output = self.keep(activations.softmax(self.notes[f"Z{number}"], self.keep))
        blocks = self.keep(activations.jacobian(output))
        return np.asarray(np.einsum("nij,ni->nj", blocks, slope))

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
        found = {"main": self.notes[f"dL/dZ{number + 1}"] @ weights.T}
        for later in range(number + 1, self.exercise.last + 1):
            for after in (False, True):
                slope = self.notes.get(self.slope_id(later, after=after))
                for source, skip in self.branches(later, after=after):
                    if source == number and slope is not None:
                        back = slope if skip is None else slope @ self.inputs_first(skip).T
                        found[f"{later} {after}"] = back
        return found

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
        return self.inputs_first(parameter, factor.T @ slope)

    # ------------------------------------------------------------ update

    def new(self, name: str) -> Array:
        return self.parameter(name) + self.change(name, self.exercise.rate)

    def change(
        self, name: str, rate: float, *, fresh: bool = False, corrected: bool = True
    ) -> Array:
        """What is added to a parameter; slips have another rate, no state or no correction."""
        slope = self.notes[f"dL/d{name}"]
        update = self.exercise.problem["update"]
        rule = update["rule"]
        if rule == "sgd":
            return -self.keep(rate * slope)
        if rule in ("momentum", "nesterov"):
            return self._with_momentum(name, slope, rate, fresh=fresh)
        return self._adaptive(name, slope, rate, fresh=fresh, corrected=corrected)

    def state(self, letter: str, name: str, *, fresh: bool) -> Array:
        """The optimizer's state before the step."""
        state = {} if fresh else self.exercise.problem["update"].get("state", {})
        return np.array(state.get(f"{letter}_{name}", 0), dtype=float)

    def _with_momentum(self, name: str, slope: Array, rate: float, *, fresh: bool) -> Array:
        update = self.exercise.problem["update"]
        beta, form = update.get("beta", 0.9), update.get("form", "classic")
        old = self.state("v", name, fresh=fresh)
        if update["rule"] == "nesterov":
            moved = self.keep(beta * old + slope)
            return -self.keep(rate * self.keep(slope + beta * moved))
        if form == "classic":
            return self.keep(beta * old - self.keep(rate * slope))
        grown = slope if form == "accumulate" else (1 - beta) * slope
        return -self.keep(rate * self.keep(beta * old + grown))

    def _adaptive(
        self, name: str, slope: Array, rate: float, *, fresh: bool, corrected: bool
    ) -> Array:
        update = self.exercise.problem["update"]
        square = self.keep(slope**2)
        if update["rule"] == "adagrad":
            spread = self.keep(self.state("G", name, fresh=fresh) + square)
            return self._divided(rate * slope, spread)
        if update["rule"] == "rmsprop":
            beta = update.get("beta", 0.9)
            mixed = beta * self.state("s", name, fresh=fresh) + (1 - beta) * square
            return self._divided(rate * slope, self.keep(mixed))
        beta1, beta2, time = (
            update.get(key, usual) for key, usual in (("beta1", 0.9), ("beta2", 0.999), ("t", 1))
        )
        m = self.keep(beta1 * self.state("m", name, fresh=fresh) + (1 - beta1) * slope)
        v = self.keep(beta2 * self.state("v", name, fresh=fresh) + (1 - beta2) * square)
        if corrected:
            m, v = self.keep(m / (1 - beta1**time)), self.keep(v / (1 - beta2**time))
        return self._divided(rate * m, v)

    def _divided(self, step: Array, spread: Array) -> Array:
        """−step / (√spread + ε), where rounding must not have made the root 0."""
        epsilon = self.exercise.problem["update"].get("epsilon", 1e-8)
        root = self.keep(np.sqrt(spread))
        if ((root == 0) & (step != 0)).any():
            raise LeftOutError
        return -self.keep(step / (root + epsilon))

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


def exact(exercise: Exercise) -> Student:
    """What comes out if nothing is rounded."""
    return Student(exercise, Habits()).work()
