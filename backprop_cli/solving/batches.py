"""The batches that training takes in turn, as sample numbers counted from 0."""

from __future__ import annotations

from typing import TypeAlias

from backprop_cli.errors import Complaints
from backprop_cli.problem.model import Model, Outline

_MOST_NAMED = 5  # sample numbers that are complained of one by one

Batch: TypeAlias = "tuple[int, ...] | None"


def batches(model: Model) -> tuple[Batch, ...]:
    """Each batch's samples; (None,) where all samples are taken at once."""
    update = model.update
    if update is None or update.batches is None or model.sample_count is None:
        return (None,)
    if isinstance(update.batches, int):
        size, count = update.batches, model.sample_count
        if size >= count:
            return (None,)
        return tuple(tuple(range(at, min(at + size, count))) for at in range(0, count, size))
    base = model.problem.convention.indices
    return tuple(tuple(number - base for number in batch) for batch in update.batches)


def check_batches(outline: Outline, complaints: Complaints) -> None:
    """Complains of batches without samples to take them from, or of samples that do not exist."""
    update = outline.problem.update
    if update is None or update.batches is None or not outline.certain_samples:
        return
    mark, samples = update.batches_mark, outline.samples
    if outline.problem.layers is None:
        message = "batches are taken from the samples of x, and this file has no `layers`"
        complaints.add(message, mark, "leave `batches` out")
    elif samples is None:
        message = "batches need several samples, and x is a single one"
        complaints.add(message, mark, "x: [[…], […]], a list of vectors")
    elif not isinstance(update.batches, int):
        first = outline.problem.convention.indices
        numbers = {number for batch in update.batches for number in batch}
        wrong = [number for number in sorted(numbers) if not first <= number < samples + first]
        for number in wrong[:_MOST_NAMED]:
            there_are = f"{first} to {samples - 1 + first}"
            complaints.add(f"there is no sample {number}", mark, there_are)
