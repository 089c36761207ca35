"""`backprop derive` in every format: what it writes, what it refuses, what it loads."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from test_layers_of_imports import loaded_by
from test_regions import INTERVAL, TRIANGLE

from backprop_cli.cli import main
from backprop_cli.derive.steps.functions import names
from backprop_cli.notation.boxes import width

FORMULAS = ("exp(z) * norm(z)", "-sum(y * log(softmax(z)))", "z^z + elu(z)", "sum(max(z, y))")


def derived(*arguments: str, text: str | None = None) -> str:
    result = CliRunner().invoke(main, ["derive", *arguments], input=text)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("name", [*names(), *FORMULAS])
def test_text_fits_and_ascii_is_ascii(name: str) -> None:
    assert all(
        width(line) <= 110 for line in derived(f"--function={name}", "--width", "110").splitlines()
    )
    plain = derived(f"--function={name}", "--ascii")
    assert plain.isascii()
    assert "\\x" not in plain
    assert "\\u" not in plain


def test_sigmoid_as_it_is_printed() -> None:
    lines = derived("--function", "sigmoid", "--width", "110").splitlines()
    assert lines[2] == "    f = σ(z) = 1 / (1 + exp(−z))"
    assert lines[-1].startswith("          = f · (1 − f)   ")
    assert lines[-1].endswith("written in the function's own value")


def test_jacobian_in_both_layouts() -> None:
    text = derived("--expression", "x1 + x2*x3, x1^2 + 3*x2")
    assert "⎡  1     x₃  x₂⎤" in text
    assert "(2×3)" in text
    assert "(3×2)" in derived("--expression", "x1 + x2*x3, x1^2 + 3*x2", "--layout", "denominator")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--function", "reul"], "instead: relu"),
        (["--function", "z *"], "--function:1:4"),
        (["--function", "a * b"], "--wrt a"),
        (["--expression", "3, 4"], "there are no letters"),
        (["--expression", "x1,"], "--expression:1:"),
        ([], "there is nothing to derive"),
        (["--function", "relu", "--expression", "x1"], "one thing at a time"),
    ],
)
def test_what_is_refused(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["derive", *arguments])
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize("size", ["2", "1", "2000", "n"])
@pytest.mark.parametrize("by", ["x", "A"])
def test_a_sum_of_what_a_matrix_gives(by: str, size: str) -> None:
    """∂(Σ q)/∂q is a vector of ones, no number that a term of a sum has in front."""
    text = f"shapes: {{A: [3, {size}], x: [{size}]}}\nequations: [q = A @ x, L = sum(q)]\n"
    page = derived("-", "--wrt", by, text=text)
    assert ("∂L/∂x = Aᵀ ∂L/∂q" if by == "x" else "∂L/∂A = ∂L/∂q xᵀ") in page


@pytest.mark.parametrize("name", ["sigmoid", "softmax", "cross-entropy", FORMULAS[1]])
def test_html_is_one_page_of_wellformed_mathml(name: str) -> None:
    page = derived(f"--function={name}", "--format", "html")
    root = ET.fromstring(page.removeprefix("<!DOCTYPE html>"))  # noqa: S314  # our own
    assert root.find(".//{*}math") is not None
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=", page)


@pytest.mark.parametrize("text", [INTERVAL, TRIANGLE])
def test_pages_of_free_inputs(text: str) -> None:
    page = derived("-", "--format", "html", text=text)
    assert ET.fromstring(page.removeprefix("<!DOCTYPE html>")) is not None  # noqa: S314
    assert "exactly where" in page


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(tmp_path: Path) -> None:
    """All in one document: the bodies of what each derivation writes."""
    sources = [derived(f"--function={name}", "--format", "latex") for name in (*names(), *FORMULAS)]
    sources += [derived("-", "--format", "latex", text=text) for text in (INTERVAL, TRIANGLE)]
    head, _, _ = sources[0].partition(r"{\Large")
    bodies = [source.removeprefix(head).removesuffix("\\end{document}\n") for source in sources]
    whole = head + "\\newpage\n".join(bodies) + "\\end{document}\n"
    (tmp_path / "all.tex").write_text(whole, encoding="ascii")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:].decode("latin-1")


def test_it_loads_no_sympy() -> None:
    assert not loaded_by("derive", "--function", "softmax") & {"sympy", "torch"}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (
            (
                "shapes: {W: [k, m], h: [m], b: [k], t: [k]}\n"
                "equations: [p = softmax(W @ h + b), L = sum(p * t)]\n"
            ),
            "entry j is",
        ),
        (
            (
                "shapes: {z: [N, k], t: [N, k]}\n"
                "equations: ['p = softmax(z, axis=1)', L = sum(p * t)]\n"
            ),
            "in each row",
        ),
    ],
)
def test_where_the_sum_behind_a_softmax_runs(text: str, where: str) -> None:
    page = " ".join(derived("-", text=text).split())
    assert f"{where} Σᵢ (∂L/∂p)ᵢ · pᵢ · (1{{i = j}} − pⱼ), where 1{{i = j}} leaves one term" in page
