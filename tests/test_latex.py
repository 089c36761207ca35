"""`solve --format latex`: a document that compiles as it is, whatever the problem contains."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import networks

from backprop_cli.algebra.expr import Sym, num, op
from backprop_cli.algebra.quantity import Letters
from backprop_cli.cli import main
from backprop_cli.derive.steps.functions import names
from backprop_cli.document.document_data import Page
from backprop_cli.document.names import Names
from backprop_cli.document.step_equations import values_of
from backprop_cli.document.view import View
from backprop_cli.notation import nodes
from backprop_cli.notation.symbols import Naming, symbol
from backprop_cli.notation.tex import latex, number, tex, text
from backprop_cli.notation.widths import width
from backprop_cli.problem.problem_file import Source
from backprop_cli.readings.index_bases import Bases
from backprop_cli.solving.loading import loaded

FOLDER = Path(__file__).parent.parent / "problems"
PROBLEMS = sorted(FOLDER.glob("*.yaml"))
IN_LETTERS = sorted([*FOLDER.glob("letters/*.yaml"), *FOLDER.glob("functions/*.yaml")])
SOFTMAX, BATCH = str(FOLDER / "sigmoid-softmax.yaml"), str(FOLDER / "minibatch-tanh.yaml")
ENGINE = shutil.which("pdflatex") or shutil.which("lualatex")
needs_tex = pytest.mark.skipif(ENGINE is None, reason="no TeX installation")
a, b, x, W = Sym("a"), Sym("b"), Sym("x"), Sym("W1")

HOSTILE = r"""
title: '100% of $5 & #1_a^b {~} \end{document} \input{x} <|> "q" -- ''é Ŷ ∂ 漢 𝟙 ∑'
values: {a_b: [1, 2], x1: 3, alpha: 4, π_r: 1}
equations:
  - long_name_1 = sum(a_b^2) * x1 + alpha / π_r
  - f = norm(a_b) * abs(x1) + log(alpha) + sqrt(x1) + long_name_1
"""
FORMULAS = (
    "z * sigmoid(2*z + 1)",
    "log(1 + exp(-z^2)) / (1 + sqrt(1 + z^2))",
    "exp(sin(z)) * cos(z)^3 / (z^2 + 1)^2",
)
JACOBIAN = "x1 + x2*x3, x1^2 + 3*x2, exp(x1 * x2) / (1 + x3^2)"
FREE = {
    "interval": """
x: [x]
layers:
  - {weights: [[1], [1]], bias: [-1, -3], activation: step}
  - {weights: [[-1, 2]], bias: [0.5], activation: step}
""",
    "triangle": """
x: [x1, x2]
layers:
  - {weights: [[1, 0], [0, 1], [1, 1]], bias: [0, 0, -1], activation: step}
  - {weights: [[1, 1, -1]], bias: [-1.5], activation: step}
""",
    "pieces": """
x: [x1, x2]
layers:
  - {weights: [[1, 2], [3, -1], [-1, 1]], bias: [0.5, -1, 0], activation: relu}
  - {weights: [[1, -2, 3]], bias: [1], activation: relu}
""",
}
WIDE = """
x: [X]
layers:
  - {weights: [[W], [W]], activation: sigmoid}
upstream: {Yhat: [1, 1]}
"""


def document(*arguments: str, command: str = "solve", text: str | None = None) -> str:
    result = CliRunner().invoke(main, [command, *arguments, "--format", "latex"], input=text)
    assert result.exit_code == 0, result.output
    return result.stdout


def compile_all(documents: dict[str, str], folder: Path) -> None:
    """Those that begin alike as one; no error, and no line that runs out of the page."""
    begin, end = r"\begin{document}", r"\end{document}"
    joined: dict[str, str] = {}
    for name, source in documents.items():
        head, _, body = source.partition(begin)
        said = rf"\typeout{{In {name}:}}" if name.isascii() else ""
        joined[head] = joined.get(head, "") + said + body.rpartition(end)[0] + "\\clearpage\n"
    for place, (head, bodies) in enumerate(joined.items()):
        (folder / f"{place}.tex").write_text(f"{head}{begin}\n{bodies}{end}\n", encoding="ascii")
        command = [str(ENGINE), "-interaction=nonstopmode", "-halt-on-error", f"{place}.tex"]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=300)
        log = (folder / f"{place}.log").read_text(encoding="utf-8", errors="replace")
        assert done.returncode == 0, log[-3000:]
        assert "Overfull" not in log, log


def test_a_step_without_a_formula_has_no_empty_alignment() -> None:
    text = "values: {x: [1, 2]}\nequations: ['f = x[1]^2 * x[2]']\nask: [d2f/dx2]\n"
    source = document("-", command="derive", text=text)
    assert "Hessian" in source
    assert "\\begin{align*}\n\n" not in source


@needs_tex
def test_functions_of_inputs_compile(tmp_path: Path) -> None:
    paths = sorted((PROBLEMS[0].parent / "functions").glob("*.yaml"))
    compile_all({path.stem: document(str(path)) for path in paths}, tmp_path)


@needs_tex
def test_all_problems_compile(tmp_path: Path) -> None:
    compile_all({path.stem: document(str(path)) for path in PROBLEMS}, tmp_path)


@needs_tex
@pytest.mark.parametrize("first", range(12))
def test_all_derivations_in_symbols_compile(first: int, tmp_path: Path) -> None:
    paths = [*PROBLEMS, *IN_LETTERS][first::12]
    documents = {path.stem: document(str(path), command="derive") for path in paths}
    compile_all(documents, tmp_path)


@needs_tex
@pytest.mark.parametrize("layout", ["numerator", "denominator"])
def test_gradient_tensors_compile(layout: str, tmp_path: Path) -> None:
    path = str(FOLDER / "letters" / "relu-softmax.yaml")
    options = ("--of", "Yhat", "--layout", layout)
    documents = {
        "tensor": document(path, *options, "--wrt", "W1", command="derive"),
        "entry": document(path, *options, "--wrt", "W1[i,j]", command="derive"),
        "index": document(path, "--index", command="derive"),
        "batch": document(
            str(FOLDER / "letters" / "minibatch-relu.yaml"), "--index", command="derive"
        ),
    }
    compile_all(documents, tmp_path)


@needs_tex
@pytest.mark.parametrize("first", range(4))
def test_all_derivatives_compile(first: int, tmp_path: Path) -> None:
    chosen = [*names(), *FORMULAS][first::4]
    compile_all({one: document("--function", one, command="derive") for one in chosen}, tmp_path)


@needs_tex
def test_vector_functions_and_free_inputs_compile(tmp_path: Path) -> None:
    documents = {
        f"jacobian-{layout}": document(
            "--expression", JACOBIAN, "--layout", layout, command="derive"
        )
        for layout in ("numerator", "denominator")
    }
    free = {name: document("-", command="derive", text=text) for name, text in FREE.items()}
    compile_all(documents | free, tmp_path)


@needs_tex
@pytest.mark.parametrize("detail", ["short", "long"])
def test_every_detail_compiles(detail: str, tmp_path: Path) -> None:
    chosen = [path for path in PROBLEMS if path.stem in ("sigmoid-softmax", "batch-columns")]
    compile_all({path.stem: document(str(path), "--detail", detail) for path in chosen}, tmp_path)


@needs_tex
def test_drawn_networks_compile(tmp_path: Path) -> None:
    documents = {}
    for seed in range(6):
        path = tmp_path / f"{seed}.yaml"
        path.write_text(networks.draw(seed).text, encoding="utf-8")
        documents[f"network{seed}"] = document(str(path))
    compile_all(documents, tmp_path)


@needs_tex
def test_what_a_user_wrote_is_text(tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    path.write_text(HOSTILE, encoding="utf-8")
    compile_all({"hostile": document(str(path), "--verify")}, tmp_path)


@needs_tex
def test_wide_matrices_fit_the_page(tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    entries = ", ".join(f"{k / 7:.6f}" for k in range(40))
    path.write_text(WIDE.replace("X", entries).replace("W", entries), encoding="utf-8")
    source = document(str(path))
    assert r"\cdots" in source
    assert r"2 {\times} 40" in source
    compile_all({"wide": source}, tmp_path)


@needs_tex
@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_an_entry_of_every_parameter_compiles(path: Path, tmp_path: Path) -> None:
    found = loaded(Source(path.name, path.read_bytes())).model
    if found.target is None:
        pytest.skip("no loss that a weight could act on")
    documents = {}
    for name in found.trained:
        axes = found.given[name].value.ndim
        first = f"{name}[{','.join(['1'] * axes)}]" if axes else name
        documents[name] = document(str(path), "--entry", first)
    compile_all(documents, tmp_path)


@needs_tex
def test_entries_and_checks_compile(tmp_path: Path) -> None:
    options = ("--entry", "W1[2,1]")
    documents = {
        "entry": document(SOFTMAX, *options),
        "entry-checked": document(BATCH, *options, "--verify"),
        "steps": document(BATCH, "--verify"),
        "roots": document(str(FOLDER / "squared-distance.yaml"), "--entry", "y[1]"),
    }
    compile_all(documents, tmp_path)


def test_an_entry_is_a_product_with_the_value_of_each_factor_below_it() -> None:
    source = document(SOFTMAX, "--entry", "W1[1,2]")
    first = r"\underbrace{\frac{\partial L}{\partial \hat{Y}_{2}}}_{-2.6786}"
    assert rf"{first} \cdot \underbrace" in source
    assert r"\ttfamily" not in source


def test_checks_are_a_table() -> None:
    source = document(SOFTMAX, "--verify")
    assert re.search(
        r"\\partial L / \\partial W\^\{1\}\$ & \$[\d.]+ \\cdot 10\^\{-\d+\}\$ & \$4\$", source
    )
    assert r"\ttfamily" not in source


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_documents_are_ascii_and_balanced(path: Path) -> None:
    source = document(str(path))
    assert source.isascii()
    for begin, end in ((r"\begin", r"\end"), (r"\left", r"\right")):
        assert len(re.findall(re.escape(begin) + r"\b", source)) == len(
            re.findall(re.escape(end) + r"\b", source)
        )
    bare = re.sub(r"\\[{}\\]", "", source)
    assert bare.count("{") == bare.count("}")


def test_the_document_needs_amsmath_alone() -> None:
    source = document(str(PROBLEMS[0]))
    assert re.findall(r"\\usepackage(?:\[.*?\])?\{(.*?)\}", source) == ["amsmath"]
    assert r"\allowdisplaybreaks" in source


def test_a_step_is_symbols_numbers_result() -> None:
    source = document(str(PROBLEMS[0].parent / "sigmoid-softmax.yaml"), "--only", "dL/dW2")
    assert r"\underbrace{H^{1}}_{2 {\times} 1}" in source
    assert source.count("&=") == 2  # symbols; numbers = result
    assert r"0.6154 & -0.6154" in source


@given(st.text(max_size=30))
@settings(max_examples=300, deadline=None)
def test_text_is_escaped(words: str) -> None:
    found = text(words)
    assert found.isascii()
    assert "\n" not in found
    bare = re.sub(r"\\[{}#$%&_\\]", "", found)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"[#%&]", bare)
    assert bare.count("$") % 2 == 0


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("50% & more", r"50\% \& more"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("a_b^c", r"a\_b\textasciicircum{}c"),
        ("café", r"caf\'{e}"),
        ("∂L/∂W¹", r"$\partial$L/$\partial$W${}^{1}$"),
        ("ŷ − y", r"$\hat{y}$ $-$ y"),
        ("--", "-{}-"),
        ("漢", r"\backpropcharacter{6F22}"),
    ],
)
def test_words(words: str, wanted: str) -> None:
    assert text(words) == wanted


@pytest.mark.parametrize(
    ("digits", "wanted"),
    [
        ("−0.25", "-0.25"),
        ("4.5e-05", r"4.5 \cdot 10^{-5}"),
        ("1e+10", r"1 \cdot 10^{10}"),
        ("inf", r"\infty"),
        ("nan", r"\mathrm{nan}"),
    ],
)
def test_numbers(digits: str, wanted: str) -> None:
    assert number(digits) == wanted


SHAPES = {"a": (2,), "b": (2,), "x": (), "W1": (2, 2), "Z1": (2,)}


@pytest.mark.parametrize(
    ("expr", "wanted"),
    [
        (op("add", op("matmul", W, a), b), r"W^{1} \, a + b"),
        (op("matmul", op("transpose", W), a), r"(W^{1})^{\mathrm{T}} \, a"),
        (op("mul", a, op("sub", num(1), a)), r"a \odot (1 - a)"),
        (op("mul", x, a), r"x \cdot a"),
        (op("mul", num("1/2"), op("sum", op("pow", a, num(2)))), r"\tfrac{1}{2} \, \sum {a}^{2}"),
        (op("neg", op("div", a, b)), r"{-} \frac{a}{b}"),
        (op("div", op("div", a, b), x), r"\frac{a}{b} / x"),
        (op("outer", a, b), r"a \, {b}^{\mathrm{T}}"),
        (op("norm", op("sub", a, b)), r"\lVert a - b\rVert "),
        (op("sqrt", op("add", x, num(1))), r"\sqrt{x + 1}"),
        (op("switch", a, below=0, at=0, above=1), r"\mathbf{1} \{a > 0\}"),
        (op("at", W, index=(1, 0)), r"W^{1}_{21}"),
        (op("sigmoid", Sym("Z1")), r"\sigma (Z^{1})"),
        (op("matmul", a, b), r"{a}^{\mathrm{T}} \, b"),
    ],
)
def test_formulas(expr: object, wanted: str) -> None:
    found = latex(expr, Bases(), Naming(Letters()), SHAPES)  # type: ignore[arg-type]
    assert squeezed(found) == squeezed(wanted)


def squeezed(source: str) -> str:
    """Without what looks the same: spaces, and braces around a single letter."""
    return re.sub(r"\{([A-Za-z])\}(?=\^|_)", r"\1", source).replace(" ", "")


def test_decimal_points_stand_below_one_another() -> None:
    equations = values_of(Names(), View(), Page())
    drawn = tex(equations.value(np.array([[1.5, 2], [-10, 0.25]])))
    assert r"1.50 & 2\phantom{.25} \\ -10\phantom{.50} & 0.25" in drawn


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("X[i+u-1,j+2]", "X_{i+u-1,j+2}"), ("X[N1+1,n]", "X_{N_{1}+1,n}"), ("X[1,2]", "X_{12}")],
)
def test_an_index_that_is_a_sum_is_set_as_one(name: str, wanted: str) -> None:
    assert tex(symbol(Naming(), name).node) == wanted


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no LaTeX")
@pytest.mark.parametrize("name", ["time/lstm", "time/gru", "attention/two-heads"])
def test_tables_and_formulas_stay_on_the_page(name: str, tmp_path: Path) -> None:
    """A table over time of more columns than fit goes on below, with its first column again."""
    file = Path(__file__).parent.parent / "problems" / f"{name}.yaml"
    done = CliRunner().invoke(main, ["solve", str(file), "--format", "latex"])
    (tmp_path / "page.tex").write_text(done.stdout, encoding="utf-8")
    command = ["pdflatex", "-interaction=batchmode", "page.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    log = (tmp_path / "page.log").read_text(errors="replace")
    beyond = [float(found) for found in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert max(beyond, default=0) < 5


def test_how_high_parentheses_are_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within sixty pairs of them each would else look through all that are inside."""
    nested: nodes.Node = nodes.Letter("x")
    for place in range(60):
        inner = nodes.row(nested, nodes.Sign("+"), nodes.Letter(f"x{place}"))
        nested = nodes.Fenced("(", inner, ")")
    looked_at = 0
    children = nodes.children

    def counted(node: nodes.Node) -> tuple[nodes.Node, ...]:
        nonlocal looked_at
        looked_at += 1
        return children(node)

    monkeypatch.setattr(nodes, "children", counted)
    assert width(nested) > 60
    assert looked_at < 60 * 5
