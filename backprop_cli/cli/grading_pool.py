"""Answer files -> submissions in the same order, by one process or several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from backprop_cli.grading.answers import Reader
from backprop_cli.grading.collect import read_answers
from backprop_cli.grading.data import Submission
from backprop_cli.grading.grade import Grader
from backprop_cli.grading.quantities import Quantities

CHUNK: Final = 50  # sheets a process takes at a time


class _Bench:
    """What reads and grades one file after the other."""

    def __init__(self, grader: Grader) -> None:
        self.grader = grader
        self.reader = Reader(Quantities(grader.model, grader.plan))

    def grade(self, file: Path) -> Submission:
        return self.grader.grade(read_answers(file, self.reader))


_bench: list[_Bench] = []  # of a process that grades for another


def graded(grader: Grader, files: Sequence[Path], workers: int) -> Iterator[Submission]:
    """The submission of each file; the number of workers changes the time taken, nothing else."""
    chunks = [files[start : start + CHUNK] for start in range(0, len(files), CHUNK)]
    if min(workers, len(chunks)) <= 1:
        yield from map(_Bench(grader).grade, files)
        return
    with ProcessPoolExecutor(
        min(workers, len(chunks)), initializer=_set_up, initargs=(grader,)
    ) as pool:
        for submissions in pool.map(_grade, chunks):
            yield from submissions


def _set_up(grader: Grader) -> None:
    _bench[:] = [_Bench(grader)]


def _grade(files: Sequence[Path]) -> list[Submission]:
    return [_bench[0].grade(file) for file in files]
