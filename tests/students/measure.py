"""Turns a number of simulated sheets into a table of how well they are graded.

    PYTHONPATH=tests python -m students.measure --sheets 10000 --jobs 2 --failures /tmp/failures

Sheets that are not graded as they should be are written into the folder of failures, each beside
its problem, with what happened in a comment on top.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from students import classroom
from students.classroom import Outcome


def measured(seeds: Iterable[int], jobs: int = 1, failures: Path | None = None) -> list[Outcome]:
    """The outcomes of all sheets of some seeds, in the order of the seeds."""
    run = partial(_one, failures=failures)
    if jobs == 1:
        return [found for seed in seeds for found in run(seed)]
    with ProcessPoolExecutor(jobs) as pool:
        return [found for group in pool.map(run, seeds, chunksize=4) for found in group]


def _one(seed: int, failures: Path | None) -> list[Outcome]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = classroom.run(seed, folder)
        bad = [outcome for outcome in found if not outcome.fine]
        if failures is not None and bad:
            _keep(failures / f"{seed:05}", folder / "problem.yaml", bad)
    return found


def _keep(folder: Path, problem: Path, bad: Sequence[Outcome]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(problem, folder / "problem.yaml")
    for number, outcome in enumerate(bad):
        name = f"{outcome.kind}-{outcome.slip or outcome.place.replace('/', '-')}-{number}.yaml"
        (folder / name).write_text(f"# {outcome.note}\n{outcome.text}", encoding="utf-8")


# ---------------------------------------------------------------- shares and bars


def share(outcomes: Sequence[Outcome], good: Callable[[Outcome], bool]) -> float:
    """In per cent; 100 where there is nothing to count."""
    return 100 * sum(map(good, outcomes)) / len(outcomes) if outcomes else 100.0


def of_kind(outcomes: Sequence[Outcome], kind: str) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.kind == kind]


def nameable(slips: Sequence[Outcome]) -> list[Outcome]:
    """All but factors on a single number of fewer than three digits, which have no name to get."""
    return [outcome for outcome in slips if outcome.nameable]


def accepted(outcomes: Sequence[Outcome], *, decimals: Sequence[int], new_loss: bool) -> list[bool]:
    """For every wrong number at these decimals: whether it was taken for right."""
    return [
        not outcome.fine
        for outcome in of_kind(outcomes, "wrong")
        if outcome.digits.number in decimals and (outcome.place == "L_new") == new_loss
    ]


def rows(outcomes: Sequence[Outcome]) -> list[tuple[str, int, float, str, bool]]:
    """What is measured: words, number of sheets, per cent, the bar, and whether it is reached."""
    slips = of_kind(outcomes, "slip")
    honest = of_kind(outcomes, "honest")
    right = share(honest, lambda outcome: outcome.fine)
    found = [("honest sheets wholly right", len(honest), right, "100", right == 100)]
    for words, among, good, bar in (
        ("slips placed", slips, lambda outcome: outcome.placed, 99.5),
        ("slips named, with at most two others", nameable(slips), lambda o: o.named, 99.0),
        ("nothing after a slip wrong", slips, lambda outcome: outcome.calm, 99.0),
    ):
        reached = share(among, good)
        found.append((words, len(among), reached, f">= {bar}", reached >= bar))
    for where, decimals, bar in (("at 3 decimals", (3,), 0.3), ("at 4 to 6", (4, 5, 6), 0.1)):
        taken = accepted(outcomes, decimals=decimals, new_loss=False)
        part = 100 * sum(taken) / max(len(taken), 1)
        words = f"wrong numbers accepted {where}"
        found.append((words, len(taken), part, f"<= {bar}", part <= bar))
    taken = accepted(outcomes, decimals=(3, 4, 5, 6), new_loss=True)
    part = 100 * sum(taken) / max(len(taken), 1)
    return [*found, ("wrong numbers accepted for L_new", len(taken), part, "reported", True)]


def table(outcomes: Sequence[Outcome]) -> str:
    """The table of what is measured, and one of the slips."""
    lines = [f"{'':42} {'sheets':>6} {'%':>8}  bar"]
    for words, number, part, bar, reached in rows(outcomes):
        lines.append(f"{words:42} {number:6} {part:8.3f}  {bar}{'' if reached else '  MISSED'}")
    lines += ["", f"{'slip':42} {'sheets':>6} {'placed':>8} {'named':>8} {'calm':>8}"]
    slips = of_kind(outcomes, "slip")
    for name in sorted({outcome.slip for outcome in slips}):
        here = [outcome for outcome in slips if outcome.slip == name]
        parts = [
            share(here, lambda outcome: outcome.placed),
            share(nameable(here), lambda outcome: outcome.named),
            share(here, lambda outcome: outcome.calm),
        ]
        lines.append(f"{name:42} {len(here):6} " + " ".join(f"{part:8.2f}" for part in parts))
    return "\n".join(lines)


def accepted_places(outcomes: Sequence[Outcome]) -> str:
    """Where wrong numbers were accepted."""
    bad = [outcome for outcome in of_kind(outcomes, "wrong") if not outcome.fine]
    places = Counter(f"{outcome.place} at {outcome.digits.number}" for outcome in bad)
    return ", ".join(f"{place}: {number}" for place, number in places.most_common())


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulated students, graded.")
    parser.add_argument("--sheets", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--failures", type=Path, help="folder for sheets that are graded wrongly")
    options = parser.parse_args()
    exercises = -(-options.sheets // classroom.SHEETS)
    seeds = range(options.seed, options.seed + exercises)
    outcomes = measured(seeds, options.jobs, options.failures)
    print(f"{len(outcomes)} sheets of {exercises} exercises\n")
    print(table(outcomes))
    print(f"\nwrong numbers accepted: {accepted_places(outcomes) or 'none'}")


if __name__ == "__main__":
    main()
