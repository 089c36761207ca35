"""docs/published.md: every figure of it computed, the right one compared with the program's."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from oracles.published import MINIBATCH, Claim, claims

from backprop_cli.cli import main
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.solution import Solution, solve

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "published.md").read_text(encoding="utf-8")
ROWS = {found[1]: found[0] for found in re.finditer(r"^\| (\d+\.\d+) \|.*$", PAGE, re.MULTILINE)}
CLAIMS = claims()
WRITTEN = {
    "minibatch": MINIBATCH,
    "kink": "values: {z: 0}\nequations: [f = relu(z)]\n",
    "softmax": "values: {z: [1, 2, 3]}\nequations: [f = softmax(z)]\nupstream: {f: [1, 0, 0]}\n",
    "two": "values: {z: [ln(3), 0]}\nequations: [f = softmax(z)]\nupstream: {f: [1, 0]}\n",
}


@cache
def solution(name: str) -> Solution:
    path = ROOT / "problems" / f"{name}.yaml"
    text = WRITTEN[name].encode() if name in WRITTEN else path.read_bytes()
    return solve(loaded(Source(f"{name}.yaml", text)).model)


def shown(value: Any, digits: int) -> str:
    """As the page writes it."""
    if isinstance(value, str):
        return value
    array = np.asarray(value, dtype=float)
    if array.ndim:
        apart = ", " if array.ndim == 1 else "; "
        return f"({apart.join(shown(each, digits).strip('()') for each in array)})"
    if np.isnan(array):
        return "none"
    text = f"{round(float(array), digits) + 0.0:.{digits}f}"  # + 0.0: no minus before a 0
    return text.rstrip("0").rstrip(".") if digits else text


def test_every_row_is_computed_and_every_figure_is_in_the_page() -> None:
    assert list(ROWS) == list(CLAIMS)


@pytest.mark.parametrize("number", CLAIMS)
def test_the_page_has_both_figures(number: str) -> None:
    claim = CLAIMS[number]
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", ROWS[number])]
    printed, right = shown(claim.published, claim.digits), shown(claim.right, claim.digits)
    assert printed in cells
    assert right in cells[cells.index(printed) + 1 :]


@pytest.mark.parametrize("number", CLAIMS)
def test_what_was_printed_is_wrong(number: str) -> None:
    claim = CLAIMS[number]
    assert shown(claim.published, claim.digits) != shown(claim.right, claim.digits)


@pytest.mark.parametrize("number", [number for number, claim in CLAIMS.items() if claim.ours])
def test_the_program_is_right(number: str) -> None:
    claim: Claim = CLAIMS[number]
    problem, _, id = claim.ours.partition(":")
    value = np.asarray(solution(problem).values[id])[claim.entry]
    np.testing.assert_allclose(value, claim.right, rtol=1e-8, atol=1e-10)


def test_the_program_gives_the_gradient_tensor_its_shape() -> None:
    path = str(ROOT / "problems" / "letters" / "relu-softmax.yaml")
    done = CliRunner().invoke(main, ["derive", path, "--of=Yhat", "--wrt=W1", "--ascii"])
    assert done.exit_code == 0
    for number, name in (("2.1", "dYhat/dW1"), ("2.2", "dH1/dZ1")):
        shape = str(CLAIMS[number].right).replace(" × ", "x")
        assert re.search(rf"{name} = .*\({shape}\)", done.stdout), number


def test_where_the_published_figures_come_from() -> None:
    """The new loss .1 is that of no learning rate in W2 and b2; the printed weights give .197."""

    def loss(W1: Any, b1: Any, W2: Any, b2: Any) -> float:
        hidden = 1 / (1 + np.exp(-(np.transpose(W1) @ [1, 0] + b1)))
        z = np.transpose(W2) @ hidden + b2
        return float(np.log(np.exp(z).sum()) - z[1])

    W1, b1, b2 = [[3.006, 5.922], [4, 5]], [1.006, -6.079], [-1.627, -1.373]
    assert round(loss(W1, b1, [[1.692, 3.308], [3.843, 3.157]], b2), 3) == 0.197
    no_rate = [[2 - 0.6154, 3 + 0.6154], [4 - 0.3133, 3 + 0.3133]]
    assert round(loss(W1, b1, no_rate, b2), 3) == 0.098
    assert round(1 / (1 + np.exp(1.996)), 6) == 0.119624
