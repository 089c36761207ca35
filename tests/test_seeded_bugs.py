"""Bugs in the source of NumPy programs: each is placed in its line, and most are named."""

from __future__ import annotations

from functools import cache

import pytest
import yaml
from seeded_bugs.bugs import BUGS, Bug
from seeded_bugs.programs import NETWORKS, Network

from backprop_cli.grading.grader import Desk
from backprop_cli.grading.report_data import Result, Submission
from backprop_cli.grading.slips.table_of_slips import PROGRAM_SLIPS
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded

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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("network", NETWORKS, ids=lambda one: one.name)
def test_a_right_program_has_no_fault(network: Network, kind: str) -> None:
    submission = graded(network, network.source, kind)
    verdicts = {result.id: result.verdict for result in submission.results}
    assert len(verdicts) >= len(network.keeps) - 1
    assert set(verdicts.values()) == {"correct"}, verdicts


def test_every_bug_is_another() -> None:
    assert len(set(map(str, BUGS))) == len(BUGS) >= 60
    assert all(sum(bug.network is network for bug in BUGS) >= 8 for network in NETWORKS)


def test_every_mistake_of_code_is_put_into_some_program() -> None:
    """But that of a value of an earlier step, which takes two steps."""
    named = {name for bug in BUGS for name in bug.names}
    assert PROGRAM_SLIPS - named == {"earlier-step-used"}


def test_bugs_are_placed_where_they_are() -> None:
    missed = [bug for bug, (placed, _) in everything().items() if not placed]
    assert len(missed) <= 0.01 * len(everything()), missed


def test_bugs_are_named() -> None:
    unnamed = [bug for bug, (_, named) in everything().items() if not named]
    assert len(unnamed) <= 0.1 * len(everything()), unnamed
