"""Broken, hostile and merely odd problem files, each of which must end in a result or a message.

    python tests/fuzz_problems.py --count 20000 --jobs 2
    python tests/fuzz_problems.py --seed 7 --options "--format json"

Each file is given to one of all commands, with some options. It is a finding if that does anything
but exit with 0 or 2 (or 1, of lint), takes more than --seconds of computing unannounced, or
256 MB of memory, refuses the file without naming it or an option, or prints a control character, or
no JSON, SVG or Python.
Findings are shortened while they stay the same, and written to a folder of temporary files.
The same seed gives the same files, whatever the number of jobs.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType

from click import Command
from click.testing import CliRunner, Result
from fuzz_cases import ORDINARY, case
from fuzz_commands import command_line, ill_formed

NAME = "case.yaml"  # short, and run from its own folder, so that no message has to break it

SLOW = 2.0  # seconds of computing
ANNOUNCED = "it may take some seconds"  # what says so is waited for until it counts as hung
HUNG = 5  # times as long as is slow: then a case is interrupted
DEAD = 15  # times as long: then a worker that cannot be interrupted is stopped
GREEDY = 256  # megabytes
ADDRESS_SPACE = 4 << 30  # bytes; what asks for more gets a MemoryError, and the machine lives on
# The product from here, whatever is installed; and no threads, whose work would be counted too.
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
    "OPENBLAS_NUM_THREADS": "1",
}
SHORTENING = 20.0  # seconds spent on making one finding shorter

# ----------------------------------------------------------------------------------------- judging


@dataclass(frozen=True)
class Finding:
    """What went wrong with a file. `kind` is the same for the same bug; `report` is for people."""

    kind: str
    report: str
    index: int = -1
    file: str = ""
    times: int = 1


class Interrupted(BaseException):
    """Raised within a case that takes too long; nothing may catch it but the fuzzer."""


def interrupt(_signal: int, frame: FrameType | None) -> None:
    raise Interrupted("".join(traceback.format_stack(frame)[-12:]))


@dataclass
class Judge:
    """Runs files in process, one after the other, in a folder of its own."""

    folder: Path
    command: Command
    options: tuple[str, ...] = ()
    slow: float = SLOW
    line: tuple[str, list[str]] = ("solve", [])

    def judge(self, content: bytes) -> Finding | None:
        """What is wrong with how this file is treated, if anything."""
        (self.folder / NAME).write_bytes(content)
        faulthandler.dump_traceback_later(DEAD * self.slow, exit=True)
        signal.setitimer(signal.ITIMER_PROF, HUNG * self.slow)
        wall, cpu, before = time.perf_counter(), time.process_time(), peak_memory()
        try:
            result = self.run()
        except Interrupted as stop:
            return Finding("hung", f"still running after {HUNG * self.slow:.0f} s, at\n{stop}")
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            faulthandler.cancel_dump_traceback_later()
        # The smaller of the two: another process's work is not this file's fault.
        seconds = min(time.perf_counter() - wall, time.process_time() - cpu)
        if ANNOUNCED in result.stderr:
            seconds = 0.0
        return complaint(result, self.line) or self.cost(seconds, peak_memory() - before)

    def run(self) -> Result:
        """The command in the folder of the file."""
        with contextlib.chdir(self.folder), warnings.catch_warnings():
            warnings.simplefilter("error")
            arguments = [self.line[0], NAME, *self.line[1]]
            return CliRunner(catch_exceptions=True).invoke(self.command, arguments)

    def cost(self, seconds: float, megabytes: float) -> Finding | None:
        """A finding where a file took more than it may."""
        if seconds > self.slow:
            return Finding("slow", f"took {seconds:.1f} s of computing")
        if megabytes > GREEDY:
            return Finding("greedy", f"took {megabytes:.0f} MB of memory")
        return None


def peak_memory() -> float:
    """The most memory that this process ever had, in megabytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def complaint(result: Result, line: tuple[str, list[str]]) -> Finding | None:
    """A finding where the program did not end as it should, or said what it should not."""
    if result.exit_code not in ((0, 1, 2) if line[0] == "lint" else (0, 2)):
        return crash(result)
    options = {"derive", "solve", *(word for word in line[1] if word.startswith("--"))}
    named = any(f"{name}:" in result.stderr for name in (NAME, *options))
    if result.exit_code == 2 and not named:
        return Finding("refused without naming the file", result.stderr or "(nothing was said)")
    stray = re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", result.output)
    if stray:
        near = result.output[max(0, stray.start() - 200) : stray.end() + 200]
        return Finding("prints a control character", f"{stray[0]!r} in {near!r}")
    if result.exit_code != 2 and (wrong := ill_formed(line[1], result.stdout)):
        return Finding(wrong[:60], f"{wrong}\n{result.stdout[:500]}")
    return None


def crash(result: Result) -> Finding:
    """A finding for a traceback, told apart by the exception and where it was raised."""
    if result.exc_info is None or result.exc_info[0] is SystemExit:
        last = (result.stderr.strip().splitlines() or ["nothing"])[-1]
        return Finding(f"exit code {result.exit_code}: {last[:80]}", result.output[-3000:])
    kind, error, trace = result.exc_info
    frames = [frame for frame in traceback.extract_tb(trace) if "backprop_cli" in frame.filename]
    place = f"{Path(frames[-1].filename).name}, {frames[-1].name}" if frames else "outside"
    lines = traceback.format_exception(kind, error, trace)
    shown = lines if len(lines) < 20 else [*lines[:4], "  …\n", *lines[-12:]]
    return Finding(f"{kind.__name__} in {place}", "".join(shown))


# -------------------------------------------------------------------------------------- shortening


def shortened(judge: Judge, content: bytes, kind: str) -> bytes:
    """The file with everything left out, lines first, that the finding does not need."""
    end = time.monotonic() + SHORTENING
    for separator in (b"\n", b" ", b""):
        content = _shortened(judge, content, kind, separator, end)
    return content


def _shortened(judge: Judge, content: bytes, kind: str, separator: bytes, end: float) -> bytes:
    """Leaves out runs of parts, long ones first, as long as the finding stays the same."""
    parts = content.split(separator) if separator else [bytes([byte]) for byte in content]
    size = len(parts) // 2
    while size and time.monotonic() < end:
        start = 0
        while start < len(parts) and time.monotonic() < end:
            fewer = parts[:start] + parts[start + size :]
            found = judge.judge(separator.join(fewer))
            if found and found.kind == kind:
                parts = fewer
            else:
                start += size
        size //= 2
    return separator.join(parts)


# ----------------------------------------------------------------------------------------- running


def limit_memory() -> None:
    """Bounds what this process may ask for, where the system lets it."""
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, hard))


def work(indices: range, arguments: argparse.Namespace) -> Iterator[Finding]:
    """Judges the files of these numbers in this process; each kind of finding is shown once."""
    from backprop_cli.cli import main

    limit_memory()
    faulthandler.enable()
    signal.signal(signal.SIGPROF, interrupt)
    folder, seed = arguments.worker, arguments.seed
    options = tuple(shlex.split(arguments.options))
    judge = Judge(folder, main, options, arguments.seconds)
    judge.judge(ORDINARY)  # what is imported on the way is nobody's memory
    seen: set[str] = set()
    for index in indices:
        content = case(seed, index)
        (folder / "index").write_text(str(index))
        judge.line = ("solve", list(options)) if options else command_line(seed, index)
        found = judge.judge(content)
        if found:
            report = f"backprop {' '.join([judge.line[0], NAME, *judge.line[1]])}\n{found.report}"
            found = replace(found, report=report)
            file = folder / f"finding-{index}.yaml"
            if found.kind not in seen:
                file.write_bytes(content)
                file.write_bytes(shortened(judge, content, found.kind))
            seen.add(found.kind)
            yield Finding(found.kind, found.report, index, str(file))
    (folder / NAME).unlink()


def start_worker(arguments: argparse.Namespace, indices: range, folder: Path) -> list[Finding]:
    """Runs a worker in a process of its own, and again behind a file that killed it."""
    findings: list[Finding] = []
    while indices:
        folder.mkdir(exist_ok=True)
        command = [sys.executable, __file__, "--worker", str(folder), "--seed", str(arguments.seed)]
        command += ["--indices", f"{indices.start}:{indices.stop}:{indices.step}"]
        command += [f"--options={arguments.options}", f"--seconds={arguments.seconds}"]
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        findings += [Finding(**json.loads(line)) for line in done.stdout.splitlines()]
        if done.returncode == 0:
            break
        index = int((folder / "index").read_text()) if (folder / "index").exists() else None
        if index is None:
            raise SystemExit(f"the fuzzer itself failed:\n{done.stderr}")
        killer = (folder / NAME).rename(folder / f"killer-{index}.yaml")
        kind = f"the process died with {done.returncode}"
        findings.append(Finding(kind, done.stderr[-3000:], index, str(killer)))
        indices = range(index + indices.step, indices.stop, indices.step)
    return findings


def fuzz(arguments: argparse.Namespace) -> list[Finding]:
    """All findings, each kind once with how often it came up; every job takes each n-th file."""
    top = Path(tempfile.mkdtemp(prefix="backprop-fuzz-"))
    stop = arguments.first + arguments.count
    shares = [range(arguments.first + job, stop, arguments.jobs) for job in range(arguments.jobs)]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        folders = [top / f"job-{job}" for job in range(arguments.jobs)]
        results = pool.map(start_worker, [arguments] * arguments.jobs, shares, folders)
    by_kind: dict[str, list[Finding]] = {}
    for finding in sorted((one for result in results for one in result), key=lambda one: one.index):
        by_kind.setdefault(finding.kind, []).append(finding)
    return [
        Finding(kind, some[0].report, some[0].index, some[0].file, len(some))
        for kind, some in by_kind.items()
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs all commands on broken problem files.")
    parser.add_argument("--count", type=int, default=2000, help="how many files")
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seconds", type=float, default=SLOW, help="more computing is a finding")
    parser.add_argument("--options", default="", help='options of solve, such as "--format json"')
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--indices", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        indices = range(*map(int, arguments.indices.split(":")))
        for finding in work(indices, arguments):
            print(json.dumps(asdict(finding)), flush=True)
        return 0
    return report(fuzz(arguments), arguments.count)


def report(findings: list[Finding], count: int) -> int:
    """Prints the findings; 1 where there are any."""
    for finding in findings:
        print(f"== {finding.kind}  ({finding.times} times, first file {finding.index})")
        print(f"   {finding.file}")
        print("   " + finding.report.strip().replace("\n", "\n   "), end="\n\n")
    print(f"{count} files, {len(findings)} kinds of findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
