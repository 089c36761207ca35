"""A notebook that is run: what its cells show, where Jupyter is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

PAGE = Path(__file__).parent.parent / "docs" / "python.md"
AS_IN_THE_DOCS = (
    "%%backprop" + PAGE.read_text("utf-8").split("```text\n%%backprop")[1].split("```")[0]
)
CELLS = (
    "%load_ext backprop_cli",
    "%%backprop solve\nvalues: {x: 2, w: 3}\nequations: ['L = (w * x)^2']",
    "%%backprop derive function\nz * sigmoid(z)",
    (
        "import backprop_cli as backprop\n"
        "backprop.load({'values': {'x': 2}, 'equations': ['L = x^2']}).check({'dL/dx': '4.00'})"
    ),
    "%%backprop solve\nvalues: {x: 2\n",
    AS_IN_THE_DOCS,
    "backprop.load({'title': 'Homework', 'values': {'x': 2}, 'equations': ['L = x^3']})",
)


@pytest.fixture(scope="module")
def outputs() -> list[Any]:
    cells = [nbformat.v4.new_code_cell(text) for text in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", allow_errors=True
    ).execute()
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.parametrize("place", [1, 2, 3, 5, 6])
def test_a_cell_shows_what_it_ends_in(outputs: list[Any], place: int) -> None:
    (shown,) = outputs[place]
    assert {"text/html", "text/markdown", "text/plain"} <= set(shown.data)
    assert shown.data["text/html"].startswith(("<div", "<pre"))


def test_a_mistake_in_the_yaml_is_told_with_its_place(outputs: list[Any]) -> None:
    (shown,) = outputs[4]
    assert shown.ename == "Error"
    assert "<text>:1" in shown.evalue


def test_a_problem_shows_what_is_given_and_no_solution(outputs: list[Any]) -> None:
    (shown,) = outputs[6]
    assert "Homework" in shown.data["text/plain"]
    assert "12" not in shown.data["text/plain"]  # the gradient of x³ at 2
