"""Turns a number of simulated sheets into a table of how well they are graded.

    PYTHONPATH=tests python -m students.measure --sheets 10000 --jobs 2 --seed 0 --save failures

Sheets that are not graded as they should be are written into the folder of failures, each beside
its problem, with what happened in a comment on top.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from students import classroom
from students.bars import Row, rows
from students.cases import Outcome

SHEETS = 48
"""About so many sheets come from one seed."""


def measured(
    seeds: Iterable[int], jobs: int = 1, only: Container[str] | None = None
) -> list[Outcome]:
    """The outcomes of all sheets of some seeds, in the order of the seeds."""
    run = partial(classroom.run, only=only)
    if jobs == 1:
        return [found for seed in seeds for found in run(seed)]
    with ProcessPoolExecutor(jobs) as pool:
        return [found for group in pool.map(run, seeds, chunksize=2) for found in group]


def save(outcomes: Sequence[Outcome], folder: Path) -> None:
    """Every sheet that is not graded as it should be, beside its problem."""
    for number, outcome in enumerate(failing(outcomes)):
        name = "".join(c if c.isalnum() else "-" for c in outcome.category)
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        stem = f"{outcome.seed:06}-{number}"
        (place / f"{stem}.yaml").write_text(outcome.problem, encoding="utf-8")
        text = f"# {outcome.note}\n{outcome.text}"
        (place / f"{stem}-sheet.yaml").write_text(text, encoding="utf-8")


def failing(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    return (outcome for outcome in outcomes if not outcome.fine)


def table(found: Sequence[Row]) -> str:
    """The rows, category by category."""
    lines = [f"{'':46} {'measured':22} {'sheets':>6} {'good':>6} {'%':>8}  bar"]
    before = ""
    for row in found:
        words = row.category if row.category != before else ""
        before = row.category
        lines.append(
            f"{words:46} {row.measured:22} {row.number:6} {row.good:6} {row.part:8.2f}  "
            f"{row.words}{'' if row.reached else '  MISSED'}"
        )
    return "\n".join(lines)


def by_group(outcomes: Sequence[Outcome]) -> str:
    """How each mistake does: what is placed, named and calm."""
    groups = defaultdict(list)
    for outcome in outcomes:
        if "placed" in outcome.flags:
            groups[outcome.group].append(outcome)
    shown = ("placed", "nothing else wrong", "named", "no false name")
    lines = [f"{'mistake':42} {'sheets':>6} " + " ".join(f"{name[:12]:>12}" for name in shown)]
    for group, members in sorted(groups.items()):
        parts = [_part(members, name) for name in shown]
        lines.append(f"{group:42} {len(members):6} " + " ".join(f"{part:>12}" for part in parts))
    return "\n".join(lines)


def _part(members: Sequence[Outcome], name: str) -> str:
    counted = [member.flags[name] for member in members if name in member.flags]
    return f"{100 * sum(counted) / len(counted):.1f}" if counted else "-"


def shown(outcomes: Sequence[Outcome], number: int) -> Iterator[str]:
    """Some failing sheets of each category, with what the grader said."""
    seen: Counter[str] = Counter()
    for outcome in failing(outcomes):
        seen[outcome.category] += 1
        if seen[outcome.category] <= number:
            missed = ", ".join(name for name, fine in outcome.flags.items() if not fine)
            yield f"=== {outcome.category} · seed {outcome.seed} · {outcome.group} · not: {missed}"
            yield f"--- problem\n{outcome.problem}--- sheet\n{outcome.text}"
            yield f"--- graded\n{outcome.note}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulated students, graded.")
    parser.add_argument("--sheets", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", action="append", help="a category, or how its name begins")
    parser.add_argument("--show", type=int, default=0, help="failing sheets shown of each category")
    parser.add_argument("--save", type=Path, help="folder for sheets that are graded wrongly")
    parser.add_argument("--mistakes", action="store_true", help="also a table of every mistake")
    options = parser.parse_args()
    only = None if options.only is None else _Beginning(tuple(options.only))
    seeds = range(options.seed, options.seed + max(1, round(options.sheets / SHEETS)))
    start = time.perf_counter()
    outcomes = measured(seeds, options.jobs, only)
    spent = time.perf_counter() - start
    for text in shown(outcomes, options.show):
        print(text)
    print(f"{len(outcomes)} sheets of {len(seeds)} seeds from {options.seed} in {spent:.0f} s\n")
    print(table(rows(outcomes)))
    if options.mistakes:
        print(f"\n{by_group(outcomes)}")
    if options.save is not None:
        save(outcomes, options.save)


class _Beginning:
    """Holds every category whose name begins like one of these."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def __contains__(self, category: object) -> bool:
        return str(category).startswith(self.names)


if __name__ == "__main__":
    main()
