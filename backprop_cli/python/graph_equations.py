"""Layers as another library has them, in any order and with branches -> equations, line by line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from typing import Any, Final, TypeAlias

import numpy as np
from msgspec import Struct, field

from backprop_cli.python.given_numbers import Chain, Layer
from backprop_cli.python.graph_windows import (
    Edges,
    along,
    apart,
    covered,
    evenly,
    in_groups,
    pooled,
    reach,
    transposed,
)

Shape: TypeAlias = "tuple[int, ...]"

_SQUARES: Final = "sum((yhat - y)^2)"


class Equations(Struct, frozen=True):
    """The lines as they are found, the numbers in them, and the shape of each line's result.

    Samples are rows; one sample alone is a vector, or a picture of channels × height × width.
    `columns` are those results that have one number a sample, and there no axis for it.
    """

    chain: Chain
    values: dict[str, Any] = field(default_factory=dict)
    lines: list[str | dict[str, list[str]]] = field(default_factory=list)
    train: list[str] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    columns: set[str] = field(default_factory=set)
    _known: dict[tuple[int, Shape], str] = field(default_factory=dict)

    def given(self, name: str, value: np.ndarray[Any, Any]) -> str:
        """Numbers that are not trained."""
        self.values[name], self.shapes[name] = value, value.shape
        return name

    def parameter(self, stem: str, value: np.ndarray[Any, Any]) -> str:
        """A parameter; what lies in the same place of the memory is the same one."""
        key = value.__array_interface__["data"][0], value.shape
        if key not in self._known:
            count = sum(re.fullmatch(rf"{stem}\d+", name) is not None for name in self.train)
            self._known[key] = self.given(f"{stem}{count + 1}", value)
            self.train.append(self._known[key])
        return self._known[key]

    def operand(self, value: np.ndarray[Any, Any]) -> str:
        """A parameter that goes with results entry by entry; a number with all of them."""
        return self.parameter("v", value.reshape(()) if value.size == 1 else value)

    def line(self, stem: str, formula: str, shape: Shape) -> str:
        """One more equation; its name is that of what it gives."""
        count = sum(isinstance(line, str) and line.startswith(stem) for line in self.lines)
        name = f"{stem}{count + 1}"
        self.lines.append(f"{name} = {formula}")
        self.shapes[name] = shape
        return name

    def rows_of(self, called: str, table: np.ndarray[Any, Any], numbers: Any) -> str:
        """The rows of a table, by whole numbers from 0, which are what goes into the model."""
        if not isinstance(numbers, np.ndarray) or numbers.ndim != 1 or not numbers.size:
            message = f"{called} takes whole numbers, one a row, of x itself"
            raise self.chain.refused(message, "x of shape (n,)")
        if not 0 <= numbers.min() <= numbers.max() < len(table):
            raise self.chain.refused(f"a table of {len(table)} rows has no row {numbers.max()}")
        rows = ", ".join(str(number + 1) for number in numbers.tolist())
        formula = f"{self.parameter('E', table)}[[{rows}]]"
        return self.line("e", formula, (len(numbers), table.shape[1]))

    def at_each(self, count: int, lines: list[str], names: Sequence[str], shape: Shape) -> None:
        """Lines that are taken for every step in time; `names` are some of what they give."""
        self.lines.append({f"for t in 1..{count}": lines})
        self.shapes.update(dict.fromkeys(names, shape))

    @property
    def over_time(self) -> int:
        """How many blocks of lines there are that are taken for every step."""
        return sum(isinstance(line, dict) for line in self.lines)

    # Layers ---------------------------------------------------------------------------------------

    def layer(self, called: str, layer: Layer, x: str) -> str:
        """What a layer gives for x."""
        self._refuse_column(called, x)
        shape = self.shapes[x]
        match layer.get("type", "dense"):
            case "dense":
                return self._dense(called, layer, x, shape)
            case "conv":
                return self._conv(called, layer, x, shape)
            case "flatten":
                flat = len(shape) > 2
                return self.line("f", f"flatten({x})", (prod(shape),)) if flat else x
            case "fixed-norm":
                return self._fixed_norm(layer, x, shape)
            case "picture-norm":
                return self._picture_norm(called, layer, x, shape)
            case "layer-norm" | "batch-norm" as norm:
                scale = self._or(1, "gamma", layer.get("scale"))
                shift = self._or(0, "beta", layer.get("shift"))
                options = f"{scale}, {shift}, epsilon={layer['epsilon']!r}"
                return self.line("n", f"{norm.replace('-', '_')}({x}, {options})", shape)
            case "channel-mean" | "channel-max" as reduced:
                return self.reduced(called, reduced.removeprefix("channel-"), x, (2, 3), keep=True)
            case "conv-transpose":
                self._refuse_no_picture(called, shape)
                return transposed(self, called, layer, x)
            case _:
                self._refuse_no_picture(called, shape)
                return pooled(self, called, layer, x)

    def _refuse_no_picture(self, called: str, shape: Shape) -> None:
        if len(shape) != 3:
            raise self.chain.refused(f"{called} takes a picture, and gets {_said(shape)}")

    def _refuse_column(self, called: str, x: str) -> None:
        if x in self.columns:
            message = f"{called} takes what has no axis for the one number of each sample"
            raise self.chain.refused(message, "that axis kept: keepdim=True, no squeeze")

    def _dense(self, called: str, layer: Layer, x: str, shape: Shape) -> str:
        weights = self.parameter("W", layer["weights"])
        units, inputs = self.shapes[weights]
        if len(shape) > 2 or shape[-1] != inputs:
            raise self.chain.refused(f"{called} takes {inputs} numbers, and gets {_said(shape)}")
        rows = len(shape) == 2
        formula = f"{x} @ {weights}.T" if rows else f"{weights} @ {x}"
        if "bias" in layer:
            bias = self.parameter("b", np.asarray(layer["bias"]))
            formula += f" + row({bias})" if rows else f" + {bias}"
        return self.line("z", formula, (*shape[:-1], units))

    def _conv(self, called: str, layer: Layer, x: str, shape: Shape) -> str:
        self._refuse_no_picture(called, shape)
        kernel, stride = layer["kernel"], layer["stride"]
        if shape[0] != kernel.shape[1] * layer.get("groups", 1):
            takes = kernel.shape[1] * layer.get("groups", 1)
            raise self.chain.refused(f"{called} takes {takes} channels, and gets {shape[0]}")
        edges = Edges(layer["padding"])
        made = along(self, called, x, reach(layer), stride, edges)
        around = evenly(made)
        wide = covered(self, x, made) if around is None else x
        formula = in_groups(
            self, layer, wide, f"stride={stride}, padding={around or 0}{apart(layer)}"
        )
        found = (len(kernel), *(one.count for one in made))
        if "bias" in layer:
            formula += f" + {self.for_each_unit(self.parameter('b', layer['bias']), found)}"
        return self.line("z", formula, found)

    def for_each_unit(self, name: str, shape: Shape) -> str:
        """A number for each unit, in every row; or for each channel, at every place."""
        if len(shape) < 3:
            return name if len(shape) == 1 else f"row({name})"
        places = prod(shape[1:])
        ones = self.given(f"ones_{places}", np.ones(places))
        return f"reshape(outer({name}, {ones}), {list(shape)})"

    def _fixed_norm(self, layer: Layer, x: str, shape: Shape) -> str:
        """A norm with the mean and the variance of other batches: numbers, and no quantities."""
        count = sum(name.startswith("mean_") for name in self.values) + 1
        mean = self.given(f"mean_{count}", layer["mean"])
        spread = self.given(f"sd_{count}", np.sqrt(layer["variance"] + layer["epsilon"]))
        mean, spread = (self.for_each_unit(each, shape) for each in (mean, spread))
        return self.line("n", self._scaled(f"({x} - {mean}) / {spread}", layer, shape), shape)

    def _picture_norm(self, called: str, layer: Layer, x: str, shape: Shape) -> str:
        """A norm over all places of a channel, since a batch is one picture here."""
        self._refuse_no_picture(called, shape)
        normed = f"layer_norm({self._channels_as_rows(x)}, 1, 0, epsilon={layer['epsilon']!r})"
        line = self._scaled(f"reshape({normed}, {list(shape)})", layer, shape)
        return self.line("n", line, shape)

    def _scaled(self, formula: str, layer: Layer, shape: Shape) -> str:
        """What is normalised, times the scale of its unit, and moved, where there are any."""
        for key, stem, put in (("scale", "gamma", "{} * {}"), ("shift", "beta", "{1} + {0}")):
            if layer.get(key) is not None:
                each = self.for_each_unit(self.parameter(stem, layer[key]), shape)
                formula = put.format(each, formula)
        return formula

    def with_samples(self, x: str) -> Shape:
        """The shape of a result with its axis of samples, of which a picture is one."""
        shape = self.shapes[x]
        return shape if len(shape) == 2 else (1, *shape)

    def _channels_as_rows(self, x: str) -> str:
        channels, *places = self.shapes[x]
        return f"reshape({x}, [{channels}, {prod(places)}])"

    def reshaped(self, called: str, x: str, sizes: Sequence[int]) -> str:
        """The same numbers in another shape: of rows none, of one sample any; -1 is what is left.

        The first of the sizes is that of the samples, of which a picture is one.
        """
        self._refuse_column(called, x)
        shape, whole = self.shapes[x], self.with_samples(x)
        if -1 in sizes and prod(whole) % (known := prod(n for n in sizes if n != -1) or 1) == 0:
            sizes = [prod(whole) // known if n == -1 else n for n in sizes]
        if prod(sizes) != prod(whole) or sizes[0] != whole[0]:
            raise self.chain.refused(f"{called} makes {_said((*sizes,))} of {_said(whole)}")
        if tuple(sizes) == whole:
            return x
        if len(shape) == 2:
            raise self.chain.refused(f"{called} gives each sample axes of its own")
        return self.line("f", f"reshape({x}, {list(sizes[1:])})", tuple(sizes[1:]))

    def reduced(self, called: str, how: str, x: str, axes: Sequence[int], *, keep: bool) -> str:
        """The mean, or the largest, of each channel of a picture, of each row or column."""
        self._refuse_column(called, x)
        shape, whole = self.shapes[x], self.with_samples(x)
        found = {axis % len(whole) for axis in axes}
        if len(shape) == 3 and found == {2, 3}:
            rows = self._channels_as_rows(x)
            left: Shape = (shape[0], 1, 1) if keep else (shape[0],)
        elif len(shape) == 2 and found == {1}:
            rows, left = x, (shape[0], 1)
        elif len(shape) == 2 and found == {0}:
            rows, left = f"{x}.T", (1, shape[1]) if keep else shape[1:]
        else:
            over = ", ".join(map(str, axes)) or "everything"
            what = "mean" if how == "mean" else "largest"
            raise self.chain.refused(
                f"{called} takes the {what} over {over}", "over height and width, or over the units"
            )
        formula = f"{how}({rows}, axis=1)"
        name = self.line(
            "m", formula if len(left) == 1 else f"reshape({formula}, {list(left)})", left
        )
        if found == {1} and not keep:
            self.columns.add(name)
        return name

    def squeezed(self, called: str, x: str, axes: Sequence[int]) -> str:
        """A result without axes of length 1; without any named, without all of those."""
        shape, whole = self.shapes[x], self.with_samples(x)
        named = {axis % len(whole) for axis in axes}
        found = named or {axis for axis, size in enumerate(whole) if size == 1}
        if len(shape) == 3 and {2, 3} <= found <= ({2, 3} if named else {0, 2, 3}):
            if found == {2, 3} and shape[1:] == (1, 1):
                return self.line("f", f"reshape({x}, [{shape[0]}])", shape[:1])
        elif len(shape) == 2 and found == {1} and shape[1] == 1:
            self._refuse_column(called, x)
            name = self.line("f", f"reshape({x}, {list(shape)})", shape)
            self.columns.add(name)
            return name
        over = ", ".join(map(str, axes)) or "all that are 1 long"
        message = f"{called} leaves out axes ({over}) of {_said(whole)}"
        raise self.chain.refused(message, "the one number of each sample, or height and width of 1")

    def _or(self, usual: int, stem: str, value: Any) -> str:
        return str(usual) if value is None else self.parameter(stem, value)

    def activated(self, activation: Any, x: str) -> str:
        """What an activation gives for x."""
        said = {"name": activation} if isinstance(activation, str) else dict(activation)
        name = str(said.pop("name")).replace("-", "_")
        if name == "linear":
            return x
        if name.endswith("softmax") and len(self.shapes[x]) == 2:
            said["axis"] = 1
        options = "".join(f", {key}={value!r}" for key, value in said.items())
        if name.endswith("softmax"):
            self._refuse_column(name, x)
        return self._as_before([x], self.line("h", f"{name}({x}{options})", self.shapes[x]))

    def _as_before(self, taken: Sequence[str], name: str) -> str:
        """What is made entry by entry has an axis for each sample's number if these have one."""
        if self.columns.issuperset(taken):
            self.columns.add(name)
        return name

    # Where ways meet ------------------------------------------------------------------------------

    def combined(self, called: str, sign: str, left: str | float, right: str | float) -> str:
        """Two results, or one and a number, entry by entry: `sign` is one of + - * /."""
        results = [one for one in (left, right) if isinstance(one, str)]
        larger = [one for one in results if self.shapes[one] != ()]
        for one in larger if not self.columns.issuperset(larger) else ():
            self._refuse_column(called, one)
        shape = max((self.shapes[one] for one in results), key=lambda one: (len(one), prod(one)))
        sides = [self._beside(called, one, shape) for one in (left, right)]
        stem = {"+": "s", "-": "d"}.get(sign, "p")
        return self._as_before(larger, self.line(stem, f" {sign} ".join(sides), shape))

    def _beside(self, called: str, one: str | float, shape: Shape) -> str:
        """A number, or a result as it goes with a shape: what has one axis less is in every row."""
        if not isinstance(one, str):
            return repr(one) if one >= 0 else f"({one!r})"
        own = self.shapes[one]
        if own in (shape, ()):
            return one
        if len(shape) == 2 and own == shape[1:]:
            return f"row({one})"
        if len(shape) == 2 and own == (shape[0], 1):
            return f"column(reshape({one}, [{own[0]}]))"
        message = f"{called} takes {_said(own)} beside {_said(shape)}"
        raise self.chain.refused(message, "arrays of the same shape")

    def joined(self, called: str, parts: Sequence[str]) -> str:
        """Results side by side: the units of each sample, or the channels of a picture."""
        for part in parts:
            self._refuse_column(called, part)
        shapes = [self.shapes[part] for part in parts]
        axis = 1 if len(shapes[0]) == 2 else 0
        alike = {(len(shape), shape[:axis], shape[axis + 1 :]) for shape in shapes}
        if len(alike) > 1 or len(shapes[0]) > 2:
            raise self.chain.refused(f"{called} joins {' and '.join(map(_said, shapes))}")
        units = sum(shape[axis] for shape in shapes)
        formula = f"concat({', '.join(parts)}{', axis=1' if axis else ''})"
        return self.line("c", formula, (*shapes[0][:axis], units))

    # The loss -------------------------------------------------------------------------------------

    def loss(self, output: str, said: dict[str, Any], y: Any) -> None:
        """The last line: the loss of all samples, by its name or its formula in ŷ and y."""
        shape, target = self.shapes[output], np.asarray(y, dtype=float)
        if output in self.columns and target.shape == shape[:1]:
            target = target.reshape(shape)
        self.given("y", target)
        formula = said.get("formula") or self._named(said, shape)
        if len(shape) == 2 and said.get("over_samples") == "mean":
            formula = f"{formula} / {shape[0]}"
        self.lines.append("L = " + re.sub(r"\byhat\b", output, formula))

    @staticmethod
    def _named(said: dict[str, Any], shape: Shape) -> str:
        rows = ", axis=1" if len(shape) == 2 else ""
        known = {
            "squared-error": _SQUARES,
            "mean-squared-error": f"{_SQUARES} / {shape[-1]}",
            "cross-entropy-with-logits": f"-sum(y * log_softmax(yhat{rows}))",
        }
        options = {key: said[key] for key in said if key not in ("name", "over_samples")}
        more = "".join(f", {key}={value!r}" for key, value in options.items())
        name = said["name"]
        return known.get(name, f"{name.replace('-', '_')}(yhat, y{more})")

    @property
    def problem(self) -> dict[str, Any]:
        """What a problem file has of it."""
        if not self.train:
            raise self.chain.refused("the model has no layer")
        return {"values": self.values, "equations": self.lines, "train": self.train}


def _said(shape: Shape) -> str:
    return " × ".join(map(str, shape)) or "a number"
