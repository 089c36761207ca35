"""The batches that training takes in turn, as sample numbers counted from 0."""

from __future__ import annotations

from typing import TypeAlias

from backprop_cli.errors import Complaints
from backprop_cli.problem.model import Model

Batch: TypeAlias = "tuple[int, ...] | None"


def batches(model: Model) -> tuple[Batch, ...]:
    """Each batch's samples; (None,) where all samples are taken at once."""
    update = model.update
    if update is None or update.batches is None or model.samples is None:
        return (None,)
    if isinstance(update.batches, int):
        size, count = update.batches, model.samples
        if size >= count:
            return (None,)
        return tuple(tuple(range(at, min(at + size, count))) for at in range(0, count, size))
    base = model.problem.convention.indices
    return tuple(tuple(number - base for number in batch) for batch in update.batches)


def check_batches(model: Model, complaints: Complaints) -> None:
    """Complains of batches without samples to take them from, or of samples that do not exist."""
    update = model.update
    if update is None or update.batches is None:
        return
    if model.samples is None:
        complaints.add("batches need several samples of x", update.batches_mark, "x: [[…], […]]")
        return
    base = model.problem.convention.indices
    for batch in batches(model):
        for number in batch or ():
            if not 0 <= number < model.samples:
                complaints.add(
                    f"there is no sample {number + base}",
                    update.batches_mark,
                    f"samples {base} to {model.samples - 1 + base}",
                )
