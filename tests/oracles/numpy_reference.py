"""Turns a plain problem into its quantities by textbook formulas in NumPy, without autograd.

Plain: the four orientations, biases separate or packed, linear, sigmoid, tanh, relu and softmax,
cross-entropy and squared errors, one sample or many, sgd. Each orientation is written out as it is
in the books, and nothing is shared with the other oracle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from oracles.reading import Array, Problem, Result


@dataclass(frozen=True)
class Orientation:
    """How a layer is written: z, and what ∂L/∂z gives for the weights and the layer's input."""

    columns: bool
    pre: Callable[[Array, Array], Array]
    to_weights: Callable[[Array, Array], Array]
    to_input: Callable[[Array, Array], Array]


ORIENTATIONS = {
    "W x + b": Orientation(True, lambda w, x: w @ x, lambda x, d: d @ x.T, lambda w, d: w.T @ d),
    "W^T x + b": Orientation(True, lambda w, x: w.T @ x, lambda x, d: x @ d.T, lambda w, d: w @ d),
    "x W + b": Orientation(False, lambda w, x: x @ w, lambda x, d: x.T @ d, lambda w, d: d @ w.T),
    "x W^T + b": Orientation(False, lambda w, x: x @ w.T, lambda x, d: d.T @ x, lambda w, d: d @ w),
}


def solve(problem: Problem) -> Result:
    """Every quantity of the first step, the parameters after the last, and the losses."""
    net = _Network(problem)
    parameters = net.parameters()
    first = net.derive(parameters)
    required = {name: net.flat(name, value) for name, value in {**parameters, **first}.items()}
    required |= net.jacobians(parameters, first)
    if "update" not in problem:
        return Result(required, {}, parameters, frozenset(), (float(first["L"]),))
    losses = [float(first["L"])]
    for step in range(problem["update"].get("steps", 1)):
        slopes = net.derive(parameters)
        change = {name: -net.rate * slopes[f"dL/d{name}"] for name in parameters}
        parameters = {name: value + change[name] for name, value in parameters.items()}
        losses.append(float(net.derive(parameters)["L"]))
        if step == 0:
            required |= {f"{name}_new": value for name, value in parameters.items()}
            required |= {f"{name}_change": value for name, value in change.items()}
            required["L_new"] = np.array(losses[1])
    return Result(required, {}, parameters, frozenset(), tuple(losses))


class _Network:
    """A problem with its samples stacked as its orientation says; one sample is a batch of one."""

    def __init__(self, problem: Problem) -> None:
        settings = problem["convention"]
        self.layers: list[dict[str, Any]] = problem["layers"]
        self.form = ORIENTATIONS[settings["affine"]]
        self.outputs_first = settings["affine"] in ("W x + b", "x W^T + b")
        self.denominator = settings.get("jacobian") == "denominator"
        self.unit_axis = 0 if self.form.columns else 1
        self.packed = settings.get("bias", "separate")
        self.constant = float(settings.get("bias_input", 1))
        self.one_sample = not (isinstance(problem["x"], list) and isinstance(problem["x"][0], list))
        units = np.array(self.layers[-1]["weights"]).shape
        self.x = self._stack(problem["x"])
        self.y = self._stack(problem["y"], one_unit=1 in units and not self.one_sample)
        self.samples = self.x.shape[1 - self.unit_axis]
        loss = problem["loss"]
        self.loss: dict[str, Any] = {"name": loss} if isinstance(loss, str) else loss
        base = settings.get("log", "natural")
        self.ln_base = 1.0 if base == "natural" else float(np.log(base))
        self.rate = float(problem.get("update", {}).get("learning_rate", 0))

    def _stack(self, written: Any, *, one_unit: bool = False) -> Array:
        values = np.array(written, dtype=float)
        if values.ndim == 1 and one_unit:
            values = values[:, np.newaxis]
        rows = np.atleast_2d(values)
        return rows.T if self.form.columns else rows

    def flat(self, name: str, value: Array) -> Array:
        """One sample's quantities as vectors; parameters, their gradients and batches as is."""
        is_parameter = name.removeprefix("dL/d")[0] in "Wb"
        if is_parameter or not self.one_sample or value.ndim < 2:
            return value
        return value.reshape(-1)

    def parameters(self) -> dict[str, Array]:
        """W and b of each layer."""
        found: dict[str, Array] = {}
        for number, layer in enumerate(self.layers, start=1):
            found[f"W{number}"] = np.array(layer["weights"], dtype=float)
            if "bias" in layer:
                found[f"b{number}"] = np.array(layer["bias"], dtype=float)
        return found

    def derive(self, parameters: dict[str, Array]) -> dict[str, Array]:
        """One forward and one backward pass."""
        found = self._forward(parameters)
        loss, slope = self._loss(found["Yhat"])
        found["L"] = np.array(loss)
        for number in range(len(self.layers), 0, -1):
            found[f"dL/d{self._output(number)}"] = slope
            delta = self._through_activation(number, found, slope)
            found[f"dL/dZ{number}"] = delta
            slope = self._through_affine(number, parameters, found, delta)
        found["dL/dX"] = slope
        return found

    def jacobians(self, parameters: dict[str, Array], found: dict[str, Array]) -> dict[str, Array]:
        """A block a sample: each layer's output by its z, and z by the hidden layer before."""
        blocks: dict[str, Array] = {}
        for number in range(1, len(self.layers) + 1):
            output = self._output(number)
            z, h = self._rows(found[f"Z{number}"]), self._rows(found[output])
            sensitivity = [self._sensitivity(number, *pair) for pair in zip(z, h, strict=True)]
            blocks[f"d{output}/dZ{number}"] = np.array(sensitivity)
            if number > 1:
                weights = self._units_by_inputs(parameters[f"W{number}"])
                blocks[f"dZ{number}/dH{number - 1}"] = np.array([weights] * self.samples)
        if self.denominator:
            blocks = {name: block.transpose(0, 2, 1) for name, block in blocks.items()}
        return {name: block[0] if self.one_sample else block for name, block in blocks.items()}

    def _rows(self, value: Array) -> Array:
        return value.T if self.form.columns else value

    def _units_by_inputs(self, weights: Array) -> Array:
        """The weights as the matrix that takes a column of inputs to one of z, without a bias."""
        matrix = weights if self.outputs_first else weights.T
        return {"first": matrix[:, 1:], "last": matrix[:, :-1], "separate": matrix}[self.packed]

    def _sensitivity(self, number: int, z: Array, h: Array) -> Array:
        """∂h/∂z of one sample."""
        slopes = {"sigmoid": h * (1 - h), "tanh": 1 - h**2, "relu": 1.0 * (z > 0)}
        name = self._name(number)
        if name == "softmax":
            return np.asarray(np.diag(h) - np.outer(h, h))
        return np.diag(slopes.get(name, np.ones(len(z))))

    def _output(self, number: int) -> str:
        if number == 0:
            return "X"
        return "Yhat" if number == len(self.layers) else f"H{number}"

    def _forward(self, parameters: dict[str, Array]) -> dict[str, Array]:
        found = {"X": self.x, "Y": self.y}
        for number in range(1, len(self.layers) + 1):
            inputs = self._extended(found[self._output(number - 1)])
            z = self.form.pre(parameters[f"W{number}"], inputs)
            if f"b{number}" in parameters:
                z = z + self._spread(parameters[f"b{number}"])
            found[f"Z{number}"] = z
            found[self._output(number)] = self._activation(number, z)
        return found

    def _extended(self, inputs: Array) -> Array:
        """The layer's input with the constant entry of a packed bias."""
        if self.packed == "separate":
            return inputs
        shape = (1, self.samples) if self.form.columns else (self.samples, 1)
        constant = np.full(shape, self.constant)
        parts = [constant, inputs] if self.packed == "first" else [inputs, constant]
        return np.concatenate(parts, axis=self.unit_axis)

    def _spread(self, bias: Array) -> Array:
        return bias[:, np.newaxis] if self.form.columns and bias.ndim else bias

    def _name(self, number: int) -> str:
        asked = self.layers[number - 1].get("activation", "linear")
        return str(asked if isinstance(asked, str) else asked["name"])

    def _activation(self, number: int, z: Array) -> Array:
        name = self._name(number)
        if name == "sigmoid":
            return np.asarray(1 / (1 + np.exp(-z)))
        if name == "tanh":
            return np.tanh(z)
        if name == "relu":
            return np.maximum(z, 0)
        if name == "softmax":
            powers = np.exp(z)
            return np.asarray(powers / powers.sum(axis=self.unit_axis, keepdims=True))
        return z

    def _through_activation(self, number: int, found: dict[str, Array], slope: Array) -> Array:
        """∂L/∂z from ∂L/∂h."""
        name, h = self._name(number), found[self._output(number)]
        if name == "sigmoid":
            return slope * h * (1 - h)
        if name == "tanh":
            return slope * (1 - h**2)
        if name == "relu":
            return slope * (found[f"Z{number}"] > 0)
        if name == "softmax":
            return np.asarray(h * (slope - (slope * h).sum(axis=self.unit_axis, keepdims=True)))
        return slope

    def _through_affine(
        self, number: int, parameters: dict[str, Array], found: dict[str, Array], delta: Array
    ) -> Array:
        """∂L/∂W and ∂L/∂b, noted down, and ∂L/∂(layer's input)."""
        inputs = self._extended(found[self._output(number - 1)])
        found[f"dL/dW{number}"] = self.form.to_weights(inputs, delta)
        if f"b{number}" in parameters:
            shared = parameters[f"b{number}"].ndim == 0
            axis = None if shared else 1 - self.unit_axis
            found[f"dL/db{number}"] = np.asarray(delta.sum(axis=axis))
        slope = self.form.to_input(parameters[f"W{number}"], delta)
        if self.packed == "separate":
            return slope
        return np.delete(slope, 0 if self.packed == "first" else -1, axis=self.unit_axis)

    def _loss(self, outputs: Array) -> tuple[float, Array]:
        """The loss and its gradient in the outputs."""
        error = outputs - self.y
        mean = self.loss.get("over_samples", "mean") == "mean"
        share = 1 / self.samples if mean else 1.0
        if self.loss["name"] == "cross-entropy":
            return self._cross_entropy(outputs, share / self.ln_base)
        factor = 0.5 if self.loss["name"] == "half-squared-error" else 1.0
        return share * factor * float((error**2).sum()), share * 2 * factor * error

    def _cross_entropy(self, outputs: Array, share: float) -> tuple[float, Array]:
        loss = -share * float((self.y * np.log(outputs)).sum())
        return loss, -share * self.y / outputs
