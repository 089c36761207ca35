"""Bugs in the source of NumPy programs: each is placed in its line, and most are named."""

from __future__ import annotations

import pytest
from seeded_bugs import right_programs
from seeded_bugs.bugs import BUGS
from seeded_bugs.programs import NETWORKS, Network
from seeded_bugs.tried import KINDS, everything, graded

import backprop_cli as backprop
from backprop_cli.grading.slips.table_of_slips import PROGRAM_SLIPS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("network", NETWORKS, ids=lambda one: one.name)
def test_a_right_program_has_no_fault(network: Network, kind: str) -> None:
    submission = graded(network, network.source, kind)
    verdicts = {result.id: result.verdict for result in submission.results}
    assert len(verdicts) >= len(network.keeps) - 1
    assert set(verdicts.values()) == {"correct"}, verdicts


@pytest.mark.parametrize("seed", range(60))
def test_right_programs_made_at_random_have_no_fault(seed: int) -> None:
    """In both types, with all arrays and with the gradients of the parameters alone."""
    made = right_programs.made(seed)
    problem = backprop.load(made)
    for kind in KINDS:
        arrays = right_programs.worked_out(made, kind)
        gradients = {name: one for name, one in arrays.items() if name[:2] in ("dW", "db")}
        for answers in (arrays, gradients):
            report = problem.check(answers)
            assert report.error is None
            assert {result.verdict for result in report} == {"correct"}, report.render()


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
