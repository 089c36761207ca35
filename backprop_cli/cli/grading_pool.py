"""Answer files -> the parts of a report, in the same order, by processes any of which may die."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import Pipe, Process, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any, Final, Generic, Protocol, TypeVar

from msgspec import Struct, field

from backprop_cli.grading.report_data import Sheet, Submission
from backprop_cli.grading.sheets.answer_files import unusable
from backprop_cli.grading.summary import Counts
from backprop_cli.report.stream import Writer

T = TypeVar("T")
R = TypeVar("R")

_AHEAD: Final = 4  # pieces for each process that may wait for those before them to be fetched
_AT_ONCE: Final = 2  # pieces that a process is given, so that it need not wait for the next
_TRIES: Final = 2  # times that one single thing may be there when a process dies
_PATIENCE: Final = 2.0  # seconds for a process to end by itself
_HANDLED = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class _Piece(Generic[T, R]):
    """Things that are worked on together, and what came of them."""

    def __init__(self, things: Sequence[T]) -> None:
        self.things = things
        self.deaths = 0
        self.result: R | None = None


class _Worker:
    """A process, the pipe to it, and the pieces that it has been given, in order."""

    def __init__(self, work: Callable[..., Any]) -> None:
        self.pipe, there = Pipe()
        self.pieces: deque[_Piece[Any, Any]] = deque()
        self.process = Process(target=_serve, args=(work, there), daemon=True)
        with signals_held():
            self.process.start()
        there.close()  # with the process's own end the last one goes, which is how a death shows

    def end(self, patience: float = 0.0) -> None:
        """Ends the process, if it has not ended by itself, and waits for it."""
        if patience:
            self.process.join(patience)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.pipe.close()


class Pool(Generic[T, R]):
    """Processes that each do `work`. Of one that dies the work is done again.

    What was worked on when it happened is then taken thing by thing; one that is there when it
    happens again, and again, is `lost`, which makes a result of it. `died` is told of every death.
    """

    def __init__(
        self,
        count: int,
        work: Callable[[Sequence[T]], R],
        lost: Callable[[T], R],
        died: Callable[[str], None],
    ) -> None:
        self.count, self.work, self.lost, self.died = count, work, lost, died
        self.workers: list[_Worker] = []
        self.to_do: deque[_Piece[T, R]] = deque()
        self.waiting: list[_Piece[T, R]] = []

    def results(self, pieces: Iterable[Sequence[T]]) -> Iterator[R]:
        """What comes of the pieces, in their order: a result for each, or for each thing in it."""
        left = iter(pieces)
        try:
            while self._filled(left):
                self._staffed()
                while self.waiting and (done := self.waiting[0].result) is not None:
                    del self.waiting[0]
                    yield done
                if self.waiting:
                    self._work_on()
            self._dismiss()
        finally:
            for worker in self.workers:
                worker.end()

    def _filled(self, left: Iterator[Sequence[T]]) -> bool:
        """Takes more pieces as far as may be; whether there is anything to wait for."""
        while len(self.waiting) < _AHEAD * self.count and (things := next(left, None)) is not None:
            piece = _Piece[T, R](things)
            self.waiting.append(piece)
            self.to_do.append(piece)
        return bool(self.waiting)

    def _staffed(self) -> None:
        """Starts the processes that are missing, as many as the system has room for."""
        while len(self.workers) < self.count and self.to_do:
            try:
                self.workers.append(_Worker(self.work))
            except OSError:
                return

    def _work_on(self) -> None:
        """Hands out pieces, and waits until something comes back."""
        for worker in list(self.workers):
            while self.to_do and len(worker.pieces) < _AT_ONCE:
                worker.pieces.append(self.to_do.popleft())
                try:
                    worker.pipe.send(worker.pieces[-1].things)
                except OSError:
                    self._dead(worker)
                    break
        if not self.workers:  # not a single process could be started
            piece = self.to_do.popleft()
            piece.result = self.work(piece.things)
            return
        by_pipe = {worker.pipe: worker for worker in self.workers}
        for pipe in wait(list(by_pipe)):
            assert isinstance(pipe, Connection)
            self._received(by_pipe[pipe])

    def _received(self, worker: _Worker) -> None:
        try:
            result = worker.pipe.recv()
        except (EOFError, OSError):
            self._dead(worker)
            return
        if isinstance(result, Exception):
            raise result
        worker.pieces.popleft().result = result

    def _dead(self, worker: _Worker) -> None:
        """Notes a death, and puts first what is to be done again."""
        worker.end()
        self.workers.remove(worker)
        self.died(_how(worker.process.exitcode))
        pieces = list(worker.pieces)
        again = self._again(pieces[0]) if pieces else []
        self.to_do.extendleft(reversed([*again, *pieces[1:]]))

    def _again(self, piece: _Piece[T, R]) -> list[_Piece[T, R]]:
        """What a process died of, thing by thing."""
        piece.deaths += 1
        if len(piece.things) > 1:
            place = self.waiting.index(piece)
            single = [_Piece[T, R]([thing]) for thing in piece.things]
            self.waiting[place : place + 1] = single
            return single
        if piece.deaths < _TRIES:
            return [piece]
        piece.result = self.lost(piece.things[0])
        return []

    def _dismiss(self) -> None:
        """Lets the processes end by themselves."""
        for worker in self.workers:
            try:
                worker.pipe.send(None)
            except OSError:
                continue
        for worker in self.workers:
            worker.end(_PATIENCE)
        self.workers = []


def _how(code: int | None) -> str:
    """How a process ended."""
    if code is None or code >= 0:
        return f"ended with {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
    memory = ", as where memory is short" if name == "SIGKILL" else ""
    return f"was ended by {name}{memory}"


# In the processes ---------------------------------------------------------------------------------


def _serve(work: Callable[[Any], Any], pipe: Connection) -> None:
    """Works on what comes through the pipe until nothing more does."""
    _take_own_signals()
    Thread(target=_end_with_parent, daemon=True).start()
    while (things := pipe.recv()) is not None:
        try:
            result = work(things)
        except Exception as error:  # noqa: BLE001  # raised where the results are wanted
            result = error
        pipe.send(result)


def _take_own_signals() -> None:
    """Undoes what the first process does on signals: it alone says when it is over."""
    for number in _HANDLED:
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)


@contextmanager
def signals_held() -> Iterator[None]:
    """Holds signals back: until a new process has its own handlers, until a report is written."""
    with _masked("SIG_BLOCK"):
        yield


@contextmanager
def signals_let_in() -> Iterator[None]:
    """Lets in, within that, what was held back: while there is something to wait for."""
    with _masked("SIG_UNBLOCK"):
        yield


@contextmanager
def _masked(how: str) -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(getattr(signal, how), _HANDLED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """Ends this process at once when the first one has gone, whatever became of it."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


MOST: Final = 50  # sheets that a process takes at a time
LEAST: Final = 5  # the same of few sheets, and where one process does all and somebody watches
_TURNS: Final = 4  # times that each process comes back for more, so that none waits long at the end


class Parts(Struct):
    """What some sheets add to each report that is written, and to the counts.

    `deaths` says how processes ended that should not have, since the parts before.
    """

    counts: Counts = field(default_factory=Counts)
    of: list[tuple[Any, ...]] = field(default_factory=list)
    deaths: tuple[str, ...] = ()


class LostError(Exception):
    """The process that graded a sheet died of it."""


class Grades(Protocol):
    """What grades sheets: the desk of one problem, or of a class."""

    def grade_file(self, path: str, /) -> Submission:
        """The submission in a file."""

    def failed(self, sheet: Sheet | Submission, error: Exception, /) -> Submission:
        """The submission of a sheet at which the program failed."""


class Bench(Struct):
    """What grades sheets and makes their parts of the reports."""

    desk: Grades
    writers: tuple[Writer, ...]

    def parts(self, files: Sequence[str]) -> Parts:
        """The parts of some sheets."""
        found = Parts()
        for file in files:
            self._add(found, self.desk.grade_file(file))
        return found

    def lost(self, file: str) -> Parts:
        """The part of a sheet that no process lives through."""
        found = Parts()
        error = LostError("every process that graded this sheet died")
        self._add(found, self.desk.failed(unusable(file, ""), error))
        return found

    def _add(self, found: Parts, submission: Submission) -> None:
        try:
            told = self._told(submission)
        except Exception as error:  # noqa: BLE001  # as where it is graded
            submission = self.desk.failed(submission, error)
            told = self._told(submission)
        found.counts.add(submission)
        found.of.append(told)

    def _told(self, submission: Submission) -> tuple[Any, ...]:
        return tuple(writer.part(submission) for writer in self.writers)


def graded(bench: Bench, files: Sequence[str], workers: int) -> Iterator[Parts]:
    """The parts of all files; the number of workers changes the time taken, nothing else."""
    workers = min(workers, -(-len(files) // LEAST))
    share = len(files) // (_TURNS * workers) if workers > 1 else LEAST
    at_once = max(LEAST, min(MOST, share))
    chunks = (files[start : start + at_once] for start in range(0, len(files), at_once))
    if workers <= 1:
        yield from map(bench.parts, chunks)
        return

    deaths: list[str] = []
    for parts in Pool(workers, bench.parts, bench.lost, deaths.append).results(chunks):
        parts.deaths = tuple(deaths)
        deaths.clear()
        yield parts
