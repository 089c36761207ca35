"""`backprop derive --of … --wrt …` as a command: formats, widths, what is refused."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from test_every_derivative import EQUATIONS
from test_layers_of_imports import loaded_by
from test_tensors import ATTENTION, BATCH, DEEP, SEED, SHARED, filled

from backprop_cli.cli import main
from backprop_cli.notation.boxes import width

QUESTIONS = {
    "tensor": (SEED, "Yhat", "W1"),
    "entry": (SEED, "Yhat", "W1[i,j]"),
    "number": (SEED, "Yhat[1]", "W1[2,1]"),
    "loss": (SEED, "L", "W1"),
    "skips": (filled(DEEP, "x W^T + b", "denominator"), "Yhat", "W1"),
    "batch": (filled(BATCH, "W^T x + b", bias="first"), "Yhat", "W1"),
    "shared": (SHARED, "h2", "U"),
    "attention": (ATTENTION, "O", "Wk"),
    "last": (filled(BATCH, "x W + b", bias="last"), "L", "W1"),
}


def derived(text: str, *arguments: str) -> str:
    result = CliRunner().invoke(main, ["derive", "-", *arguments], input=text)
    assert result.exit_code == 0, result.output
    return result.stdout


def asked(name: str, *arguments: str) -> str:
    text, of, wrt = QUESTIONS[name]
    return derived(text, "--of", of, "--wrt", wrt, *arguments)


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", QUESTIONS)
def test_text_fits(name: str, columns: int) -> None:
    lines = asked(name, "--width", str(columns)).splitlines()
    assert [line for line in lines if width(line) > columns] == []


@pytest.mark.parametrize("name", QUESTIONS)
def test_ascii_is_ascii(name: str) -> None:
    plain = asked(name, "--ascii", "--width", "100")
    assert plain.isascii()
    assert "\\u" not in plain
    assert "\\x" not in plain


def test_the_seed_exercise_as_it_is_printed() -> None:
    text = asked("tensor", "--width", "100")
    assert "∂Ŷ/∂W¹ = ∂Ŷ/∂Z² ∂Z²/∂H¹ ∂H¹/∂Z¹ ∂Z¹/∂W¹" in text
    assert "K×K    K×N₁    N₁×N₁  N₁×N×N₁" in text
    assert "Result ∂Ŷ/∂W¹" in text
    assert text.rstrip().endswith("∂Ŷₖ/∂W¹ᵢⱼ = Ŷₖ · 1{Z¹ⱼ > 0} · xᵢ · (W²ⱼₖ − Σₘ Ŷₘ · W²ⱼₘ)")
    assert "(K×N×N₁)" in text


def test_one_entry_names_its_path() -> None:
    text = asked("entry", "--width", "100")
    assert "W¹ᵢⱼ → Z¹ⱼ → H¹ⱼ → Z²ₘ → Ŷₖ for every m" in text


def test_the_loss_ends_in_yhat_minus_y() -> None:
    assert "· (Ŷₚ − yₚ)" in asked("loss").splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "by", "end"),
    [
        (
            "distillation",
            "z",
            "= T · (qⱼ − pⱼ)",
        ),  # Hinton, Vinyals and Dean (2015)
        ("mixture", "a", "= pⱼ · (1 − nⱼ / (Σₜ pₜ · nₜ))"),  # Bishop (1994): π − γ
        ("mixture", "s", "= pⱼ · nⱼ · (1 − dⱼ²) / (sⱼ · Σᵤ pᵤ · nᵤ)"),
        ("contrast", "S", "= −½ · (1{i = 1} · (1{j = 1} − P₁ⱼ) + 1{i = 2} · (1{j = 2} − P₂ⱼ))"),
    ],
)
def test_the_end_is_what_a_textbook_has(name: str, by: str, end: str) -> None:
    assert (
        derived(EQUATIONS[name], "--of", "L", "--wrt", by, "--width", "100").rstrip().endswith(end)
    )


def test_what_is_differentiated_is_the_loss_unless_it_is_said() -> None:
    assert derived(SEED, "--wrt", "W1") == asked("loss")


@pytest.mark.parametrize("name", QUESTIONS)
def test_markdown_has_closed_blocks(name: str) -> None:
    text = asked(name, "--format", "markdown")
    assert text.startswith("# The gradient of ")
    assert text.count("```text") * 2 == text.count("```")


@pytest.mark.parametrize("name", QUESTIONS)
def test_html_is_one_page_of_wellformed_mathml(name: str) -> None:
    page = asked(name, "--format", "html")
    root = ET.fromstring(page.removeprefix("<!DOCTYPE html>"))  # noqa: S314  # our own
    assert root.find(".//{*}munder") is not None
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=", page)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("name", QUESTIONS)
def test_latex_compiles_and_no_line_is_too_wide(name: str, tmp_path: Path) -> None:
    (tmp_path / "found.tex").write_text(asked(name, "--format", "latex"), encoding="ascii")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "found.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=120)
    log = (tmp_path / "found.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, log[-2000:]
    too_wide = [float(found) for found in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert max(too_wide, default=0) < 12


@pytest.mark.parametrize(
    ("of", "wrt", "message"),
    [
        ("Yhat", "W3", "there is no quantity `W3`"),
        ("Yhat", "W1[i]", "an entry of W1 has 2 indices"),
        ("Yhat", "W1[i,i]", "the index i stands for two things"),
        ("Yhat[i]", "W1[i,j]", "the index i stands for two things"),
        ("Yhat", "W1[N,j]", "N is no index"),
        ("Yhat", "W1[0,1]", "W1 has no such entry"),
        ("Yhat", "W1[]", "an entry of W1 has 2 indices"),
        ("Yhat", "Yhat", "Yhat by itself"),
        ("Z1", "W2", "Z1 does not depend on W2"),
        ("X", "W1", "X is given and depends on nothing"),
        ("Yhat", "W1[ij,k]", "ij is no index"),
        ("L[1]", "W1", "an entry of L has no index"),
    ],
)
def test_what_is_refused(of: str, wrt: str, message: str) -> None:
    arguments = ["derive", "-", "--of", of, "--wrt", wrt]
    result = CliRunner().invoke(main, arguments, input=SEED)
    assert result.exit_code == 2
    assert message in result.output


def test_of_needs_a_problem_and_a_variable() -> None:
    result = CliRunner().invoke(main, ["derive", "--of", "L", "--function", "relu"])
    assert result.exit_code == 2
    result = CliRunner().invoke(main, ["derive", "-", "--of", "L"], input=SEED)
    assert result.exit_code == 2
    assert "--wrt W1" in result.output


def test_paths_without_number_are_refused() -> None:
    lines = ["  - h1 = tanh(w * x)"]
    lines += [f"  - h{n} = tanh(w * h{n - 1} + h{n - 1})" for n in range(2, 40)]
    text = "shapes: {w: [N], x: [N]}\nequations:\n" + "\n".join(lines) + "\n"
    result = CliRunner().invoke(main, ["derive", "-", "--of", "h39", "--wrt", "w"], input=text)
    assert result.exit_code == 2
    assert "more than 24 paths" in result.output


def test_it_loads_no_sympy(tmp_path: Path) -> None:
    problem = tmp_path / "problem.yaml"
    problem.write_text(SEED, encoding="utf-8")
    loaded = loaded_by("derive", str(problem), "--of", "Yhat", "--wrt", "W1")
    assert not loaded & {"sympy", "torch"}


@pytest.mark.parametrize("formula", ["logdet(P)", "trace(P) - logdet(P)", "det(P) * sum(P)"])
def test_what_takes_a_whole_matrix_is_no_constant(formula: str, tmp_path: Path) -> None:
    """∂ ln |P| / ∂Pᵢⱼ is (P⁻¹)ⱼᵢ, which no letters name: refused, not left out of the sum."""
    path = tmp_path / "p.yaml"
    path.write_text(f"shapes: {{P: [n, n]}}\nequations: [L = {formula}]\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["derive", str(path), "--of", "L", "--wrt", "P"])
    assert done.exit_code == 2
    assert "no letters can name an entry" in done.output


@pytest.mark.parametrize("kind", ["one-hot", "distribution"])
def test_targets_that_are_assumed_to_add_up_to_1(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    equations = "equations: [p = softmax(z), 'L = cross_entropy(p, y)']\n"
    path.write_text("shapes: {z: [k], y: [k]}\n" + equations, encoding="utf-8")
    arguments = ["derive", str(path), "--of", "L", "--wrt", "z"]
    assert "∂L/∂zⱼ = pⱼ · Σₘ yₘ − yⱼ" in CliRunner().invoke(main, arguments).stdout
    assumed = f"assume: {{y: {kind}}}\n"
    path.write_text("shapes: {z: [k], y: [k]}\n" + assumed + equations, encoding="utf-8")
    assert "∂L/∂zⱼ = pⱼ − yⱼ" in CliRunner().invoke(main, arguments).stdout


NUMBERS = """values: {{a: 2, b: 1, w: [1, 2]}}
equations:
  - c = a + b
  - d = b + 1
{}  - e = c * d{}
"""


@pytest.mark.parametrize("format_", ["text", "markdown", "latex", "html", "json"])
def test_numbers_alone_have_no_letters_and_no_shapes_to_check(format_: str) -> None:
    """The example of many lectures: e = (a + b) (b + 1), so that ∂e/∂b = d + c = 2 + 3."""
    asked_for = ("--of", "e", "--wrt", "b", "--format", format_)
    beside = derived(NUMBERS.format("  - v = c * w\n", " + sum(v)"), *asked_for)
    alone = derived(NUMBERS.format("", ""), *asked_for)
    assert "Check of the shapes" not in alone
    if format_ == "text":
        assert "∂e/∂b = d + c" in alone
        assert "1{…} one term" not in alone  # there is no sum
        assert "Check of the shapes" in beside


TURNED = """values: {X: [[0, 1], [2, 3]], K: [[1, 2], [0, 3]], T: [[0, 1, 2], [2, 7, 6], [0, 6, 8]]}
equations:
  - Y = conv(X, rot(K), padding=1)
  - L = half_squared_error(Y, T)
"""


def test_entry_by_entry_a_gradient_has_its_shape_where_only_entries_are_steps() -> None:
    """The gradient of a turned kernel asks for the shape of ∂L/∂Y, of which (∂L/∂Y)ᵢⱼ is a step."""
    assert "(∂L/∂Y)ᵢⱼ = Yᵢⱼ − Tᵢⱼ" in derived(TURNED, "--index")


def gradient(name: str, of: str, by: str) -> str:
    file = Path(__file__).resolve().parent.parent / "problems" / name
    done = CliRunner().invoke(main, ["derive", str(file), "--of", of, "--wrt", by])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_an_entry_of_a_convolution_is_a_sum_over_offsets_and_what_comes_back_one_over_places() -> (
    None
):
    """As on paper: z_p = Σ_r w_r x_(p+r−1), so x_j is met by w_(j−p+1), and w_j by x_(p+j−1)."""
    by_signal = gradient("convolution-1d.yaml", "L", "x")
    assert "zₚ = Σᵣ wᵣ · xₚ₊ᵣ₋₁ + b" in by_signal
    assert "= wⱼ₋ₚ₊₁ · 1{p ≤ j ≤ p+2}" in by_signal
    assert "∂L/∂xⱼ = Σₘ (aₘ − yₘ) · 1{zₘ > 0} · wⱼ₋ₘ₊₁ · 1{m ≤ j ≤ m+2}" in by_signal
    by_kernel = gradient("convolution-1d.yaml", "L", "w")
    assert "∂L/∂wⱼ = Σₘ (aₘ − yₘ) · 1{zₘ > 0} · xₘ₊ⱼ₋₁" in by_kernel


def test_a_pooled_entry_hands_its_gradient_to_the_largest_of_its_window() -> None:
    found = gradient("convolution-network.yaml", "H2", "H1")
    assert "H²₁ₚ = maxᵥₗ(H¹[v,2p+l−2])" in found.replace("maxₘᵣ", "maxᵥₗ") or "H²₁ₖ" in found
    assert "· 1{2k−1 ≤ j ≤ 2k}" in found
    shared = gradient("pooling-ties.yaml", "M", "X")
    assert "= 1{2k−1 ≤ j ≤ 2k} / 4" in shared


def test_what_no_letters_name_is_refused_by_name_and_what_is_said_instead_works() -> None:
    file = str(Path(__file__).resolve().parent.parent / "problems/letters/log-determinant.yaml")
    done = CliRunner().invoke(main, ["derive", file, "--of", "L", "--wrt", "P"])
    assert done.exit_code == 2
    assert "or --index for the loss's gradients by entries" in done.output
    assert CliRunner().invoke(main, ["derive", file, "--index"]).exit_code == 0
