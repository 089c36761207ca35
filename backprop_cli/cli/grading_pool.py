"""Answer files -> the parts of a report, in the same order, by one process or several."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from typing import Any, Final

from msgspec import Struct, field

from backprop_cli.grading.data import Submission
from backprop_cli.grading.desk import Desk
from backprop_cli.grading.summary import Counts
from backprop_cli.report.stream import Writer

CHUNK: Final = 50  # sheets a process takes at a time
_AHEAD: Final = 4  # chunks for each process that may wait for those before them to be written


class Parts(Struct):
    """What some sheets add to each report that is written, and to the counts."""

    counts: Counts = field(default_factory=Counts)
    of: list[tuple[Any, ...]] = field(default_factory=list)


class Bench(Struct):
    """What grades sheets and makes their parts of the reports."""

    desk: Desk
    writers: tuple[Writer, ...]

    def parts(self, files: Sequence[str]) -> Parts:
        """The parts of some sheets."""
        found = Parts()
        for file in files:
            submission, told = self._one(file)
            found.counts.add(submission)
            found.of.append(told)
        return found

    def _one(self, file: str) -> tuple[Submission, tuple[Any, ...]]:
        submission = self.desk.grade_file(file)
        try:
            return submission, self._told(submission)
        except Exception as error:  # noqa: BLE001  # as where it is graded
            submission = self.desk.failed(submission, error)
            return submission, self._told(submission)

    def _told(self, submission: Submission) -> tuple[Any, ...]:
        return tuple(writer.part(submission) for writer in self.writers)


def graded(bench: Bench, files: Sequence[str], workers: int) -> Iterator[Parts]:
    """The parts of all files; the number of workers changes the time taken, nothing else."""
    chunks = (files[start : start + CHUNK] for start in range(0, len(files), CHUNK))
    workers = min(workers, -(-len(files) // CHUNK))
    if workers <= 1:
        yield from map(bench.parts, chunks)
        return
    with ProcessPoolExecutor(workers, initializer=_set_up, initargs=(bench,)) as pool:
        waiting: deque[Future[Parts]] = deque()
        try:
            for chunk in islice(chunks, _AHEAD * workers):
                waiting.append(pool.submit(_parts, chunk))
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(_parts, chunk) for chunk in islice(chunks, 1))
        finally:
            pool.shutdown(cancel_futures=True)


_bench: list[Bench] = []  # of a process that grades for another


def _set_up(bench: Bench) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process says when it is over
    _bench[:] = [bench]


def _parts(files: Sequence[str]) -> Parts:
    return _bench[0].parts(files)
