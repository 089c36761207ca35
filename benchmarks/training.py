"""Training beside hand-written NumPy, PyTorch, JAX and autograd.

    python -m benchmarks.training

Before anything is measured, all have to come to the same loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from backprop_cli.readings.program import InBuffers, InScalars
from backprop_cli.solving.prepared import Batches
from backprop_cli.solving.solution import Request, solve
from backprop_cli.solving.training import training_program
from benchmarks.networks import RATE, batch, small
from benchmarks.peers import (
    Train,
    by_autograd,
    by_hand,
    by_hand_for_one_sample,
    by_jax,
    by_torch,
    there,
)
from benchmarks.timing import OURS, Row, compare

STEPS = 10_000
FEWER = {"PyTorch": 500, "autograd": 250}  # steps of those that take long, their time for one
CHECKED = 20


def rows() -> list[Row]:
    """Each comparison."""
    return [*whole(), *loop(), *batch_of_32()]


def same(trains: Mapping[str, Train]) -> None:
    """All come to the same loss."""
    losses = {name: train(CHECKED) for name, train in trains.items()}
    for loss in losses.values():
        assert abs(loss - losses[OURS]) <= 1e-9 * abs(losses[OURS]), losses


def found(peers: Mapping[str, Callable[[], Train]]) -> dict[str, Train]:
    """The peers that are installed."""
    made = {name: there(make) for name, make in peers.items()}
    return {name: train for name, train in made.items() if train is not None}


def timed(
    work: str, trains: dict[str, Train], wanted: Mapping[str, float], rounds: int, steps: int
) -> list[Row]:
    """The time of one step, in a run of so many."""
    same(trains)
    parts = {name: min(FEWER.get(name, steps), steps) for name in trains}
    works = {name: partial(train, parts[name]) for name, train in trains.items()}
    return compare(work, works, wanted, rounds, parts=parts)


def whole() -> list[Row]:
    """All steps from the model on, compiling included."""
    model, arrays = small()

    def ours(steps: int) -> float:
        return solve(model, Request(steps=steps, max_work=10**12)).trace.history[-2]

    peers = {
        "NumPy by hand": lambda: by_hand_for_one_sample(arrays, RATE),
        "PyTorch": lambda: by_torch(arrays, RATE),
        "JAX, compiling": lambda: by_jax(arrays, RATE, compile_anew=True),
        "autograd": lambda: by_autograd(arrays, RATE),
    }
    wanted = {"NumPy by hand": 1 / 10, "PyTorch": 1 / 100, "JAX, compiling": 1 / 10}
    work = f"{STEPS:,} steps of the 2-2-2 net, one step"
    return timed(work, {OURS: ours, **found(peers)}, wanted, 7, STEPS)


def loop() -> list[Row]:
    """The compiled loop alone."""
    model, arrays = small()
    program = training_program(Batches(model, ()).at(0))
    compiled = InScalars(program)
    start = compiled.begin(program.state)

    def ours(steps: int) -> float:
        told: list[float] = []
        compiled.run(steps, start, told)
        return told[-1]

    peers = {
        "NumPy by hand": lambda: by_hand_for_one_sample(arrays, RATE),
        "PyTorch": lambda: by_torch(arrays, RATE),
        "JAX, compiled": lambda: by_jax(arrays, RATE, compile_anew=False),
    }
    return timed("the loop alone, one step", {OURS: ours, **found(peers)}, {}, 7, STEPS)


def batch_of_32() -> list[Row]:
    """A batch: NumPy calls into buffers."""
    program, arrays = batch((4, 16, 3), 32, "sigmoid")
    rate = RATE / 32
    compiled = InBuffers(program)
    start = [value.copy() for value in compiled.begin(program.state)]

    def ours(steps: int) -> float:
        told: list[float] = []
        compiled.run(steps, start, told)
        return told[-1]

    peers = {
        "NumPy by hand": lambda: by_hand(arrays, rate),
        "PyTorch": lambda: by_torch(arrays, rate),
        "JAX, compiled": lambda: by_jax(arrays, rate, compile_anew=False),
    }
    wanted = {"NumPy by hand": 1 / 1.2, "PyTorch": 1 / 6}
    trains = {OURS: ours, **found(peers)}
    return timed("4-16-3, batch 32, a step with all values", trains, wanted, 31, 200)


if __name__ == "__main__":
    from benchmarks.results import show

    show(rows())
