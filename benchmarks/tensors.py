"""How long ∂Ŷ/∂W¹ takes, kept as factors and filled, beside torch.func.jacrev where it is there.

Run as a script, or use `rows()`: one record a measurement, medians over turns of 5 ms each.
"""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Op, Sym
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.problem_file import Source
from backprop_cli.readings.factored import factored, jacobian
from backprop_cli.readings.values import Array, evaluate
from backprop_cli.solving.loading import loaded

SHAPES = ((784, 256, 10), (100, 100, 10))
PROBLEM = """
convention: {{affine: W^T x + b}}
inputs: {0}
layers:
  - {{units: {1}, bias: true, activation: relu}}
  - {{units: {2}, bias: true, activation: softmax}}
"""
NODE = Op("jacobian", (Sym("Yhat"), Sym("W1")))
TURNS = 31
TURN = 0.005  # seconds


class Row(Struct, frozen=True):
    """A measurement: what was done at which sizes, in seconds; the peer's time (None: not there),
    how many times ours is faster, and how much that has to be."""

    work: str
    sizes: tuple[int, ...]
    seconds: float
    peer: float | None
    wanted: float

    @property
    def ratio(self) -> float | None:
        """How many times faster than the peer."""
        return None if self.peer is None else self.peer / self.seconds


def network(sizes: tuple[int, ...]) -> tuple[dict[str, Any], dict[str, Array], Sizes]:
    """The equations of the ReLU–softmax network, numbers for everything in them, and its sizes."""
    text = PROBLEM.format(*sizes)
    model = loaded(Source("problem.yaml", text.encode()), numbers=False).model
    rng = np.random.default_rng(0)
    env: dict[str, Array] = {
        name: rng.normal(size=tuple(int(size) for size in shape)) / 10
        for name, shape in model.shapes.items()
        if name not in model.definitions
    }
    for name, expr in model.definitions.items():
        env[name] = evaluate(expr, env, model.definitions)
    shapes = {name: value.shape for name, value in env.items()}
    return model.definitions, env, Sizes(shapes, {"relu": 0.0})


def peer(env: dict[str, Array]) -> Callable[[], object] | None:
    """The same by torch.func.jacrev; None where PyTorch is missing."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)  # as ours: with more, a busy machine makes it wait for itself
    tensors = {name: torch.from_numpy(value.copy()) for name, value in env.items()}

    def output(weights: Any) -> Any:
        hidden = torch.relu(weights.T @ tensors["X"] + tensors["b1"])
        return torch.softmax(tensors["W2"].T @ hidden + tensors["b2"], 0)

    derivative = torch.func.jacrev(output)
    assert derivative(tensors["W1"]).shape == (*env["Yhat"].shape, *env["W1"].shape)
    return lambda: derivative(tensors["W1"])


def medians(works: list[Callable[[], object]]) -> list[float]:
    """The median time of each over turns that are taken one after the other.

    A turn is long enough to find its own data in the cache, not that of the work before it.
    """
    counts = [max(1, round(TURN / _once(work))) for work in works]
    times: list[list[float]] = [[] for _ in works]
    for _ in range(TURNS):
        for work, count, found in zip(works, counts, times, strict=True):
            start = time.perf_counter()
            for _ in range(count):
                work()
            found.append((time.perf_counter() - start) / count)
    return [statistics.median(found) for found in times]


def _once(work: Callable[[], object]) -> float:
    """About how long a work takes, after a first time."""
    work()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rows() -> Iterator[Row]:
    """Factors and filled at both sizes."""
    for sizes in SHAPES:
        equations, env, shapes = network(sizes)
        works: list[Callable[[], object]] = [
            partial(factored, "Yhat", "W1", equations, env, shapes),
            partial(jacobian, NODE, equations, env, shapes),
        ]
        other = peer(env)
        times = medians([*works, other] if other is not None else works)
        theirs = times[2] if other is not None else None
        large = sizes == SHAPES[0]
        if large:
            yield Row("gradient tensor, factors", sizes, times[0], theirs, 15.0)
        yield Row("gradient tensor, filled", sizes, times[1], theirs, 0.7 if large else 3.0)


def memory(sizes: tuple[int, ...]) -> float:
    """The most memory held while the tensor is filled, in tensors."""
    equations, env, shapes = network(sizes)
    tracemalloc.start()
    whole = jacobian(NODE, equations, env, shapes)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / whole.nbytes


def main() -> None:
    """Prints the rows, and the memory."""
    for row in rows():
        beside = "" if row.ratio is None else f"  {row.ratio:5.1f} × jacrev (≥ {row.wanted})"
        sizes = "×".join(map(str, row.sizes))
        print(f"{row.work:28} {sizes:12} {1e6 * row.seconds:8.1f} µs{beside}")
    print(f"memory while filling: {memory(SHAPES[0]):.3f} tensors (≤ 1.1)")


if __name__ == "__main__":
    main()
