"""The networks that are measured: as problem files, and as plain arrays for the peers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import yaml
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.problem.model import Model
from backprop_cli.problem.problem_file import Source, read_source
from backprop_cli.readings.program import Program
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.prepared import Batches
from backprop_cli.solving.training import training_program

Array = NDArray[np.float64]
SMALL = Path(__file__).resolve().parent.parent / "problems" / "sigmoid-softmax.yaml"
RATE = 0.5


class Arrays(Struct, frozen=True):
    """A network of dense layers, softmax and cross-entropy: samples are rows of X and Y."""

    X: Array
    Y: Array
    W: tuple[Array, ...]
    b: tuple[Array, ...]


def small() -> tuple[Model, Arrays]:
    """The 2-2-2 network of problems/, one sample, sigmoid and softmax."""
    model = loaded(read_source(SMALL)).model
    given = {name: item.value for name, item in model.given.items()}
    weights, biases = (given["W1"], given["W2"]), (given["b1"], given["b2"])
    return model, Arrays(given["X"][None, :], given["Y"][None, :], weights, biases)


def batch(sizes: tuple[int, ...], samples: int, activation: str) -> tuple[Program, Arrays]:
    """A step of training for a batch: the program compiled from equations, and its arrays.

    The file states a network of the same layers with few units: a large one is as many numbers of
    YAML, and the formulas are the same.
    """
    arrays = _drawn(sizes, samples)
    few = _drawn(tuple(2 + place for place in range(len(sizes))), 2)
    layers = [
        {"weights": weights.tolist(), "bias": bias.tolist(), "activation": activation}
        for weights, bias in zip(few.W, few.b, strict=True)
    ]
    layers[-1]["activation"] = "softmax"
    problem = {
        "convention": {"affine": "x W + b"},
        "x": few.X.tolist(),
        "y": few.Y.tolist(),
        "layers": layers,
        "loss": {"name": "cross-entropy", "over_samples": "sum"},
        "update": {"rule": "sgd", "learning_rate": RATE / samples},
    }
    source = Source("network.yaml", yaml.safe_dump(problem, sort_keys=False).encode())
    program = training_program(Batches(loaded(source).model, ()).at(0))
    values = {"X": arrays.X, "Y": arrays.Y, "learning_rate": np.asarray(RATE / samples)}
    values |= {f"W{number}": weights for number, weights in enumerate(arrays.W, 1)}
    values |= {f"b{number}": bias for number, bias in enumerate(arrays.b, 1)}
    return Program(
        program.formulas,
        {name: values[name] for name in program.given},
        {name: values[name] for name in program.state},
        program.after,
        program.told,
        program.definitions,
    ), arrays


def _drawn(sizes: tuple[int, ...], samples: int) -> Arrays:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, sizes[-1], samples)
    return Arrays(
        rng.normal(size=(samples, sizes[0])),
        np.eye(sizes[-1])[classes],
        tuple(rng.normal(size=pair) / np.sqrt(pair[0]) for pair in pairwise(sizes)),
        tuple(np.zeros(size) for size in sizes[1:]),
    )
