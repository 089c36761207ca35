"""Bugs in the source of NumPy programs: each is placed in its line, and most are named."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from judged import PROGRAM_SLIPS
from seeded_bugs import right_programs
from seeded_bugs.programs import Network
from seeded_bugs.tried import (
    IN_NUMPY,
    IN_TORCH,
    KINDS,
    NUMPY_BUGS,
    TORCH,
    graded,
    row,
)

import backprop_cli as backprop

PAGE = Path(__file__).parents[1] / "docs" / "programs.md"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("network", [*IN_NUMPY, *TORCH], ids=lambda one: one.name)
def test_a_right_program_has_no_fault(network: Network, kind: str) -> None:
    if network.library == "torch":
        pytest.importorskip("torch", reason="PyTorch is not installed")
    submission = graded(network, network.source, kind)
    verdicts = {result.id: result.verdict for result in submission.results}
    assert len(verdicts) >= len(network.keeps) - 1
    assert set(verdicts.values()) == {"correct"}, verdicts


@pytest.mark.parametrize("seed", range(20))
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
    bugs = [*NUMPY_BUGS, *IN_TORCH]
    assert len({(bug.network.name, bug.source) for bug in bugs}) == len(bugs) >= 350
    for network in (*IN_NUMPY, *TORCH):
        assert sum(bug.network is network for bug in bugs) >= 5


def test_every_mistake_of_code_is_put_into_some_program() -> None:
    named = {name for bug in NUMPY_BUGS for name in bug.names}
    assert named >= PROGRAM_SLIPS


def rows_of(mark: str) -> list[tuple[str, ...]]:
    """The rows of a table of bugs on the page, without its head."""
    text = PAGE.read_text(encoding="utf-8").split(f"<!-- {mark} -->")[1].split("<!-- end -->")[0]
    return [tuple(map(str.strip, line[2:-2].split(" | "))) for line in text.split("\n")[3:-1]]


ROWS = {mark: rows_of(mark) for mark in ("seeded", "seeded_torch")}


LONG = {"gates side by side", "norm and gate for autograd"}
TRIED = [one for one in (*IN_NUMPY[3::12], *TORCH[2::6]) if one.name not in LONG]


@pytest.mark.parametrize("network", TRIED, ids=lambda one: one.name)
def test_a_row_on_the_page_is_what_is_found(network: Network) -> None:
    """The others, which take minutes: `python tests/documents.py`."""
    if network.library == "torch":
        pytest.importorskip("torch", reason="PyTorch is not installed")
    assert row(network) in ROWS["seeded_torch" if network.library == "torch" else "seeded"]


@pytest.mark.parametrize("mark", ROWS)
def test_bugs_are_placed_where_they_are_and_named(mark: str) -> None:
    *rows, (name, *totals) = ROWS[mark]
    assert name == "all"
    assert [one[0] for one in rows] == [one.name for one in (IN_NUMPY, TORCH)[mark != "seeded"]]
    bugs, *found = map(int, totals)
    assert [bugs, *found] == [sum(map(int, column)) for column in list(zip(*rows, strict=True))[1:]]
    placed, named = found[::2], found[1::2]  # in both types
    assert len(placed) == len(named) == len(KINDS)
    assert min(placed) >= 0.99 * bugs
    assert min(named) >= 0.9 * bugs


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Z2 - np.log", "term-left-out"),  # the largest taken off in one place alone
        ("1 / np.sqrt(var) + 0.1", "brackets-misplaced"),  # out of two brackets
        ("np.arange(5)", "wrong-stride"),  # a stride left out
        ("dxp[idx] += dcols", "gradient-overwritten"),  # where windows overlap
        ("dn = dh * (1 - z)", "complement"),
        ("np.sign(e)", "other-loss"),
        ("ent = np.sum(", "sign-lost"),
        ("0.01 * a))", "wrong-activation"),
        ("E[labels - 1]", "wrong-row"),
        ("delta = cost * sigmoid_prime", "wrong-operand"),  # a number for a matrix
        ("reg * dW2.T[:4]", "wrong-operand"),  # some rows of a larger array, turned
        ("b * (1 - eta * nb)", "factor-added"),
        ("dscores = margins.copy()", "relu-derivative-wrong"),
        ("(dout * a1).sum(axis=1), (dout * a2)", "wrong-operand"),  # in every part of a list
        ("* K[0]) + b[f]", "wrong-operand"),  # one filter for all
        ("Adj + 2 * np.eye", "term-scaled"),
        ("lam * (W[l - 1] > 0)", "function-added"),
    ],
)
def test_kinds_of_mistakes_are_named(line: str, name: str) -> None:
    bugs = [bug for bug in NUMPY_BUGS if line in bug.new and name in bug.names]
    assert bugs
    for bug, kind in itertools.product(bugs, KINDS):
        first = next(r for r in graded(bug.network, bug.source, kind).results if r.id == bug.at)
        assert name in first.slips[:3], bug
