"""What the grader finds of each bug: whether it is placed, and whether it is named."""

from __future__ import annotations

from functools import cache

import yaml

from backprop_cli.grading.grader import Desk
from backprop_cli.grading.report_data import Result, Submission
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded
from seeded_bugs.bugs import BUGS, Bug
from seeded_bugs.programs import NETWORKS, Network

KINDS = ("float64", "float32")


@cache
def desk(name: str) -> Desk:
    (network,) = [one for one in NETWORKS if one.name == name]
    text = yaml.safe_dump(network.problem)
    return Desk(loaded(Source("problem.yaml", text.encode())).model)


def graded(network: Network, source: str, kind: str) -> Submission:
    return desk(network.name).grade_numbers(network.run(source, kind), "program.npz")


def found(bug: Bug, kind: str) -> tuple[bool, bool]:
    """Whether a bug is placed where it was put, and named within three."""
    submission = graded(bug.network, bug.source, kind)
    first: dict[str, Result] = {result.id: result for result in submission.results}
    placed = submission.first_wrong == bug.at
    return placed, placed and bool(set(first[bug.at].slips[:3]) & set(bug.names))


@cache
def everything() -> dict[tuple[str, str], tuple[bool, bool]]:
    return {(str(bug), kind): found(bug, kind) for bug in BUGS for kind in KINDS}
