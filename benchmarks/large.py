"""A large step beside its matrix products alone, and beside PyTorch.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.large

The threads have to be said before NumPy is loaded.
"""

from __future__ import annotations

import os
from functools import partial

import numpy as np

from backprop_cli.readings.program import InBuffers
from benchmarks.networks import RATE, Arrays, batch
from benchmarks.peers import by_torch, there
from benchmarks.timing import OURS, Row, Work, compare

SIZES, SAMPLES = (784, 512, 256, 10), 256
GEMM = "its products alone"
ROUNDS, STEPS = 21, 3


def products(net: Arrays) -> Work:
    """The matrix products of a step, into arrays that are there."""
    rng = np.random.default_rng(0)
    units = [weights.shape[1] for weights in net.W]
    outputs = [rng.normal(size=(SAMPLES, size)) for size in units]
    inputs = [net.X, *outputs[:-1]]
    forward = [np.empty((SAMPLES, size)) for size in units]
    slopes = [np.empty_like(weights) for weights in net.W]
    back = [np.empty_like(array) for array in inputs]

    def multiply() -> None:
        for x, weights, into in zip(inputs, net.W, forward, strict=True):
            np.dot(x, weights, into)
        for number in range(len(units) - 1, -1, -1):
            np.dot(inputs[number].T, outputs[number], slopes[number])
            if number:
                np.dot(outputs[number], net.W[number].T, back[number])

    return multiply


def rows() -> list[Row]:
    """Ours beside both, for the number of threads that the environment says."""
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    program, arrays = batch(SIZES, SAMPLES, "relu")
    rate = RATE / SAMPLES
    compiled = InBuffers(program)
    start = [value.copy() for value in compiled.begin(program.state)]
    going = compiled.run(1, start, [])  # training goes on in place, as in a long run
    multiply = products(arrays)
    works: dict[str, Work] = {
        OURS: lambda: compiled.run(STEPS, going, []),
        GEMM: lambda: [multiply() for _ in range(STEPS)],
    }
    torch = there(lambda: by_torch(arrays, rate, "ReLU", threads))
    if torch is not None:
        told: list[float] = []
        compiled.run(5, start, told)
        assert abs(torch(5) - told[-1]) <= 1e-9 * abs(told[-1])
        works["PyTorch"] = partial(torch, STEPS)
    wanted = {GEMM: 1.25 if threads == 1 else 1.45, "PyTorch": 1.15}
    plural = "1 thread" if threads == 1 else f"{threads} threads"
    name = f"{'-'.join(map(str, SIZES))}, batch {SAMPLES}, a step with all values, {plural}"
    return compare(name, works, wanted, ROUNDS, per=STEPS)


if __name__ == "__main__":
    from benchmarks.results import show

    show(rows())
