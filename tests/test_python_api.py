"""What is called from Python: `backprop_cli` and `backprop_cli.testing`."""

from __future__ import annotations

import ast
import doctest
import functools
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from seeded_bugs.programs import ROWS

import backprop_cli as backprop
from backprop_cli.cli import main

ROOT = Path(__file__).resolve().parent.parent
PROBLEM = ROOT / "problems" / "sigmoid-softmax.yaml"
SHEETS = ROOT / "problems" / "sheets" / "sigmoid-softmax"
PUBLIC = set(
    "Derivation Drawing Error Practice Problem Report Solution derive load new testing".split()
)
PUBLIC |= {"derive", "load", "new", "testing"}
PUBLIC |= {"ClassReport", "check_class", "from_onnx", "from_sklearn", "from_torch"}


@pytest.fixture(scope="module")
def problem() -> backprop.Problem:
    return backprop.load(PROBLEM)


@pytest.fixture(scope="module")
def solution(problem: backprop.Problem) -> backprop.Solution:
    return problem.solve()


# What there is ------------------------------------------------------------------------------------


def test_these_names_are_public_and_no_others() -> None:
    assert set(backprop.__all__) == PUBLIC
    assert set(backprop.testing.__all__) == {"assert_backprop", "assert_gradient"}
    assert all(getattr(backprop, name).__doc__ for name in PUBLIC)
    with pytest.raises(AttributeError):
        backprop.solve  # noqa: B018


@pytest.mark.parametrize("name", ["sigmoid-softmax", "momentum", "adam", "recurrent"])
def test_every_name_of_a_solution_has_a_value(name: str) -> None:
    found = backprop.load(ROOT / "problems" / f"{name}.yaml").solve()
    arrays = {id: found[id] for id in found}
    assert "learning_rate" in arrays
    assert not any(array.flags.writeable for array in arrays.values())
    with pytest.raises(backprop.Error):
        found["learning_rat"]


def public_methods() -> list[Any]:
    kinds = [
        backprop.Problem,
        backprop.Practice,
        backprop.Solution,
        backprop.Report,
        backprop.ClassReport,
        backprop.Derivation,
        backprop.Drawing,
    ]
    return [
        member
        for kind in kinds
        for name, member in vars(kind).items()
        if callable(member) and (not name.startswith("_") or name == "__getitem__")
    ]


@pytest.mark.parametrize("method", public_methods(), ids=lambda one: one.__qualname__)
def test_every_method_is_documented_and_typed(method: Any) -> None:
    assert len(method.__doc__.split()) > 5
    names = method.__code__.co_varnames[1 : method.__code__.co_argcount]
    assert set(names) <= set(method.__annotations__)
    assert "return" in method.__annotations__


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_import_loads_nothing() -> None:
    loaded = run("import sys, backprop_cli; print(sorted(sys.modules))")
    assert not {"numpy", "yaml", "rich", "click", "msgspec", "sympy"} & set(eval(loaded))  # noqa: S307


def test_solving_and_checking_load_neither_rich_nor_click() -> None:
    loaded = run(
        "import sys, backprop_cli as b\n"
        "p = b.load({'values': {'x': 2}, 'equations': ['L = x^2']})\n"
        "p.solve()['dL/dx'], p.check({'dL/dx': 4}).data\n"
        "print(sorted(sys.modules))"
    )
    assert not {"rich", "click", "sympy"} & set(eval(loaded))  # noqa: S307


def test_derive_is_the_function_whatever_was_imported_before() -> None:
    assert run(
        "import backprop_cli.derive.steps.functions\n"
        "import backprop_cli\n"
        "from backprop_cli import derive\n"
        "print(callable(derive), derive is backprop_cli.derive)"
    ).split() == ["True", "True"]


@pytest.mark.parametrize("module", [backprop, backprop.testing], ids=lambda one: one.__name__)
def test_examples_in_docstrings(module: Any) -> None:
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed


def imports_on(page: Path) -> list[tuple[str, str]]:
    """What the Python on a page imports from the package: the modules, and the names in them."""
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    lines = re.findall(
        r"^(?:>>> )?(from backprop_cli[\w.]* import .+)$", "".join(blocks), re.MULTILINE
    )
    nodes = [node for line in lines for node in ast.parse(line).body]
    return [
        (str(node.module), alias.name)
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]


def test_what_a_page_imports_is_there() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    found = [one for page in pages for one in imports_on(page)]
    assert ("backprop_cli.grading.grader", "Desk") in found
    for module, name in found:
        assert hasattr(importlib.import_module(module), name), f"{module} has no {name}"


@pytest.mark.parametrize("page", ["python.md", "programs.md"])
def test_a_page_in_the_docs_is_what_happens(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    results = doctest.testfile(str(ROOT / "docs" / page), module_relative=False)
    assert results.attempted > 15
    assert not results.failed


# Loading ------------------------------------------------------------------------------------------


def test_a_path_a_text_bytes_and_a_dict_are_one_problem(solution: backprop.Solution) -> None:
    text = PROBLEM.read_text(encoding="utf-8")
    tree = yaml.safe_load(text)
    for given in (str(PROBLEM), text, text.encode(), tree):
        assert np.array_equal(backprop.load(given).solve()["dW1"], solution["dW1"])


def test_arrays_may_stand_in_a_dict() -> None:
    problem = backprop.load(
        {"values": {"A": np.eye(2), "x": np.array([1.0, 2])}, "equations": ["L = sum(A @ x)"]}
    )
    assert problem.solve()["dL/dA"].tolist() == [[1, 2], [1, 2]]


def test_all_complaints_come_at_once() -> None:
    with pytest.raises(backprop.Error) as raised:
        backprop.load("x: [1, 0,5]\nlayrs: []\nlos: mse\n")
    lines = {complaint.mark.line for complaint in raised.value.complaints}
    assert {2, 3} <= lines
    assert "<text>:2" in str(raised.value)


def test_a_dict_has_no_lines_in_which_anything_stands() -> None:
    with pytest.raises(backprop.Error) as raised:
        backprop.load({"x": [1], "layers": [{"weights": [[1]]}], "loss": "bce"})
    assert str(raised.value).startswith("<dict>: `bce` is not a loss")


@pytest.mark.parametrize("given", ["nowhere.yaml", b"\xff\xfe\x00", "", {"x": object()}, {}])
def test_what_is_no_problem_is_an_error(given: Any) -> None:
    with pytest.raises(backprop.Error):
        backprop.load(given)


# Solving ------------------------------------------------------------------------------------------


def test_the_trace_is_that_of_the_command(solution: backprop.Solution) -> None:
    done = CliRunner().invoke(main, ["solve", str(PROBLEM), "--format", "json"])
    assert solution.trace == json.loads(done.stdout)


@pytest.mark.parametrize("format_", ["text", "markdown", "latex", "html", "json", "python"])
def test_what_is_rendered_is_what_the_command_prints(
    solution: backprop.Solution, format_: str
) -> None:
    arguments = ["solve", str(PROBLEM), "--format", format_, "--width", "100"]
    done = CliRunner(env={"NO_COLOR": "1"}).invoke(main, arguments)
    rendered = solution.render(format_, ascii=False)
    if format_ in ("text", "markdown"):  # a pipe may show less
        rendered = solution.render(format_, ascii=done.stdout.isascii())
    assert rendered.rstrip("\n") == done.stdout.rstrip("\n")


def test_values_are_read_only(solution: backprop.Solution) -> None:
    with pytest.raises(ValueError, match="read-only"):
        solution["dW1"][0, 0] = 1
    assert solution["L"].shape == ()


def test_a_jacobian_between_any_two_is_that_of_differences(problem: backprop.Problem) -> None:
    jacobian = problem.solve()["dYhat/dW1"]
    tree = yaml.safe_load(PROBLEM.read_text(encoding="utf-8"))
    for place in np.ndindex(2, 2):
        outputs = []
        for sign in (-1, 1):
            moved = yaml.safe_load(json.dumps(tree))
            weights = np.array(moved["layers"][0]["weights"], dtype=float)
            weights[place] += sign * 1e-6
            moved["layers"][0]["weights"] = weights
            outputs.append(backprop.load(moved).solve()["Yhat"])
        slope = (outputs[1] - outputs[0]) / 2e-6
        assert np.allclose(jacobian[(slice(None), *place)], slope, atol=1e-7)


def test_a_gradient_on_no_way_to_what_is_trained_is_worked_out_when_asked_for() -> None:
    text = """
values: {x: [1, 3, 5, 9], gamma: [1, 2, 0.5, 1], beta: [0, 0.1, -0.2, 0], t: [0, 1, 0, 2], u: 3}
equations:
  - c = x - mean(x)
  - s = sqrt(mean(c^2))
  - n = c / s
  - y = gamma * n + beta
  - unused = u * n
  - L = mean((y - t)^2)
train: [gamma, beta]
"""
    x, gamma, beta, t = np.array([[1, 3, 5, 9], [1, 2, 0.5, 1], [0, 0.1, -0.2, 0], [0, 1, 0, 2.0]])
    s = np.sqrt(np.mean((x - x.mean()) ** 2))
    n = (x - x.mean()) / s
    by_n = 2 / 4 * (gamma * n + beta - t) * gamma
    by_c = by_n / s - np.sum(by_n * n) / s * n / 4
    right = {"dL/dn": by_n, "dL/dc": by_c, "dL/dunused": np.zeros(4), "dL/du": 0.0, "dL/dL": 1.0}
    asked = backprop.load(text + "ask: [dL/dn, dL/dc]\n").check({"dL/dn": by_n, "dL/dc": by_c / s})
    assert (asked["dL/dn"].verdict, asked["dL/dc"].verdict) == ("correct", "wrong")
    for name, value in right.items():
        assert backprop.load(text).solve()[name] == pytest.approx(value, abs=1e-12), name


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda p: p.solve()["dQ"], "no quantity"),
        (lambda p: p.solve(at=7), "no step 7"),
        (lambda p: p.solve().render("pdf"), "no format"),
        (lambda p: p.solve().render(only=["Q"]), "no quantity"),
        (lambda p: p.solve()["W1[9,9]"], "entry"),
        (lambda p: p.check("nowhere.npz"), "no such file"),
        (lambda p: p.check({"dW1": object()}), "object"),
        (lambda p: p.check({"Z1": [4, 0]})["dQ"], "no quantity"),
        (lambda p: p.derive(of="Q", wrt="W1"), "no quantity"),
        (lambda _: backprop.derive("sigmod"), "no function"),
        (lambda _: backprop.derive("((z"), "not closed"),
    ],
)
def test_everything_wrong_is_an_error_with_complaints(
    problem: backprop.Problem, call: Any, said: str
) -> None:
    with pytest.raises(backprop.Error, match=said) as raised:
        call(problem)
    assert raised.value.complaints


def test_a_problem_in_letters_is_derived_and_not_solved() -> None:
    problem = backprop.load("shapes: {W: [M, N], x: [N]}\nequations: ['z = W @ x', 'L = sum(z)']\n")
    assert "∂L/∂W" in problem.derive().render()
    with pytest.raises(backprop.Error, match="letters"):
        problem.solve()


# Checking -----------------------------------------------------------------------------------------


def test_a_report_has_the_formulas_of_the_command(problem: backprop.Problem) -> None:
    sheet = SHEETS / "published.yaml"
    report = problem.check(sheet)
    done = CliRunner().invoke(main, ["check", str(PROBLEM), str(sheet), "--width", "100"])
    lines = [line for line in done.stdout.splitlines() if line.strip().startswith("formula")]
    assert lines
    assert set(lines) <= set(report.render("text").splitlines())
    assert set(lines) <= set(report.each[0].render("text").splitlines())


def test_a_message_has_no_name_that_the_language_of_formulas_does_not_explain(
    problem: backprop.Problem, solution: backprop.Solution
) -> None:
    report = problem.check({"dYhat": 2 * solution["dL/dYhat"]})
    assert "Y / Yhat" in report["dL/dYhat"].message
    assert "ratio" not in report["dL/dYhat"].message


def test_a_report_is_that_of_the_command(problem: backprop.Problem) -> None:
    sheet = SHEETS / "right.yaml"
    report = problem.check(sheet)
    done = CliRunner().invoke(main, ["check", str(PROBLEM), str(sheet), "--format", "json"])
    told, expected = report.data, json.loads(done.stdout)
    assert told["submissions"] == expected["submissions"]
    assert report.passed
    assert report.score == report.max_score == expected["submissions"][0]["score"]


def test_a_folder_and_bytes_are_answers(problem: backprop.Problem) -> None:
    report = problem.check(SHEETS)
    assert len(report.each) == len(list(SHEETS.glob("*.yaml")))
    one = problem.check((SHEETS / "right.yaml").read_bytes())
    assert one.passed


def test_numbers_of_few_digits_are_typed_and_arrays_are_not(problem: backprop.Problem) -> None:
    assert problem.check({"H1": [0.982, 0.5]})["H1"].verdict == "correct"
    assert problem.check({"H1": np.array([0.982, 0.5])})["H1"].verdict == "wrong"


def test_how_a_number_alone_is_right_is_a_word(problem: backprop.Problem) -> None:
    how = problem.check({"L": problem.solve()["L"]})["L"].how
    assert how.__class__.__name__ == "str"  # and not one of NumPy
    assert how == "exact"


def test_tensors_are_arrays(problem: backprop.Problem) -> None:
    torch = pytest.importorskip("torch")
    gradient = torch.tensor(problem.solve()["dW1"].copy(), requires_grad=True)
    assert problem.check({"grads": {"W1": gradient}})["dW1"].verdict == "correct"
    single = problem.check({"grads": {"W1": gradient.float()}})
    assert single["dW1"].verdict == "correct"


def test_a_sheet_that_cannot_be_read_says_why(problem: backprop.Problem) -> None:
    report = problem.check(b"answers: [\n")
    assert report.error
    assert not report.passed


# Assertions ---------------------------------------------------------------------------------------


def test_the_assertion_names_the_line_of_the_program() -> None:
    right = ROWS.run(ROWS.source, "float32")
    backprop.testing.assert_backprop(ROWS.problem, right)
    wrong = ROWS.run(ROWS.source.replace("dW2 = A1.T", "dW2 = Z1.T"), "float32")
    with pytest.raises(AssertionError) as raised:
        backprop.testing.assert_backprop(ROWS.problem, wrong)
    first, *_ = str(raised.value).splitlines()
    assert first.startswith("dW2 (dL/dW2 = ")
    assert "input" in first


def test_what_is_missing_is_no_fault_unless_all_is_wanted() -> None:
    some = {"dW1": ROWS.run(ROWS.source, "float64")["dW1"]}
    backprop.testing.assert_backprop(ROWS.problem, some)
    asked = ROWS.problem | {"ask": ["dL/dW1", "dL/db1"]}
    backprop.testing.assert_backprop(asked, some)
    with pytest.raises(AssertionError, match="dL/db1"):
        backprop.testing.assert_backprop(asked, some, complete=True)


def test_all_that_is_there_is_wanted_of_a_problem_that_asks_nothing() -> None:
    file = {"values": {"x": 2, "w": 3}, "equations": ["z = w * x", "L = z^2"]}
    all_of_it = {"z": 6.0, "L": 36.0, "dL/dz": 12.0, "dL/dw": 24.0, "dL/dx": 36.0}
    arrays = {name: np.array(value) for name, value in all_of_it.items()}
    backprop.testing.assert_backprop(file, arrays, complete=True)
    del arrays["dL/dw"]
    backprop.testing.assert_backprop(file, arrays)
    with pytest.raises(AssertionError, match=r"dL/dw: missing"):
        backprop.testing.assert_backprop(file, arrays, complete=True)


X: Final = np.array([[0.5, -1.0, 2.0]])
NO_POINTS: Final[tuple[Any, ...]] = (None, "a", {}, [[1, 2], [3]], np.nan, 1j)
NO_NAMES: Final[tuple[Any, ...]] = (np.eye(2), np.array(["L"]), np.zeros((0, 2)), b"L")
DEEP: Final[Any] = functools.reduce(lambda inner, _: [inner], range(5_000), list[Any]())


@pytest.mark.parametrize(
    "called",
    [
        *(lambda one=one: backprop.load(one) for one in (None, 3, [1], {1}, np.zeros(2), object())),
        lambda: backprop.load(""),
        *(lambda one=one: backprop.load(PROBLEM).solve(steps=one) for one in ("3", 1.5, True, -1)),
        *(lambda one=one: backprop.load(PROBLEM).solve(at=one) for one in ("1", None, 0, 99)),
        *(lambda one=one: backprop.load(PROBLEM).solve()[one] for one in (None, 3, ("L",), b"L")),
        lambda: backprop.load(PROBLEM).solve().render(None),  # type: ignore[arg-type]
        lambda: backprop.load(PROBLEM).solve().render(precision=-1),
        lambda: backprop.load(PROBLEM).solve().render(precision="4"),  # type: ignore[arg-type]
        lambda: backprop.load(PROBLEM).solve().render(detail="huge"),  # type: ignore[arg-type]
        lambda: backprop.load(PROBLEM).solve().render(width=0),
        lambda: backprop.load(PROBLEM).solve().render(only=3),  # type: ignore[arg-type]
        lambda: backprop.load(PROBLEM).solve().render(only=[3]),  # type: ignore[list-item]
        *(lambda one=one: backprop.load(PROBLEM).check(one) for one in (None, 3, "", [1])),
        lambda: backprop.load(PROBLEM).check({"L": 1})[3],  # type: ignore[index]
        lambda: backprop.load(PROBLEM).check({"L": 1}).render(reveal="all"),  # type: ignore[arg-type]
        lambda: backprop.load(PROBLEM).derive(of=3, wrt="W1"),  # type: ignore[arg-type]
        lambda: backprop.load(PROBLEM).vary(3),  # type: ignore[arg-type]
        lambda: backprop.load(PROBLEM).handout(room=10**7),
        lambda: backprop.load(PROBLEM).practice(worked="1"),  # type: ignore[arg-type]
        lambda: backprop.load(PROBLEM).practice().reply(None),  # type: ignore[arg-type]
        *(lambda one=one: backprop.derive(one) for one in (None, 3, ["z"])),
        lambda: backprop.derive("z * a", numbers=[1]),  # type: ignore[list-item]
        *(lambda one=one: backprop.new("3-2-1", batch=one) for one in ("2", 2.5, None)),
        lambda: backprop.new("3-2-1", activation=3),
        lambda: backprop.check_class(3, 4),  # type: ignore[arg-type]
        lambda: backprop.check_class(PROBLEM, [3], roster=PROBLEM),  # type: ignore[list-item]
        lambda: backprop.from_torch(None, X, X, None),
        lambda: backprop.from_sklearn(None, X, X),
        lambda: backprop.from_onnx(None, X),  # type: ignore[arg-type]
        lambda: backprop.testing.assert_backprop(None, {}),  # type: ignore[arg-type]
        lambda: backprop.testing.assert_gradient(None, 1.0, at=1),  # type: ignore[arg-type]
        *(
            lambda one=one: backprop.testing.assert_gradient(lambda x: x, 1.0, at=one)
            for one in NO_POINTS
        ),
        lambda: backprop.testing.assert_gradient(lambda x: None, 1.0, at=1),
        lambda: backprop.testing.assert_gradient(lambda x: x, None, at=1),
        lambda: backprop.testing.assert_gradient(lambda x: x, 1.0, at=1, step=0),
        *(lambda one=one: backprop.load(PROBLEM).solve().render(one) for one in NO_NAMES),
        *(lambda one=one: backprop.load(PROBLEM).solve().render(only=one) for one in NO_NAMES[:3]),
        *(lambda one=one: backprop.load(PROBLEM).solve().render(ascii=one) for one in NO_NAMES),
        *(lambda one=one: backprop.load(PROBLEM).check({"L": 1}, student=one) for one in NO_NAMES),
        *(lambda one=one: backprop.load(PROBLEM).derive(index=one) for one in NO_NAMES),
        lambda: backprop.load(PROBLEM).solve().render(width=10**400),
        lambda: backprop.load(PROBLEM).solve(at=10**5000),
        lambda: backprop.load(PROBLEM).check({"L": 10**5000}),
        lambda: backprop.load(PROBLEM).check({"L": DEEP}),
        lambda: backprop.load(PROBLEM, max_work=0),
        lambda: backprop.new("3-2-1", seed="\ud800"),
    ],
)
def test_what_is_of_another_kind_is_an_error_and_no_traceback(called: Any) -> None:
    with pytest.raises(backprop.Error) as raised:
        called()
    assert all(complaint.message for complaint in raised.value.complaints)


def test_what_is_over_the_limit_says_the_argument_that_allows_it() -> None:
    update = {"rule": "sgd", "learning_rate": 0.25}
    square = {"values": {"x": 2}, "equations": ["L = x^2"], "train": ["x"], "update": update}
    with pytest.raises(backprop.Error, match="limit is 1,000") as raised:
        backprop.load(square, max_work=1_000).solve(steps=20_000, at=2)
    (complaint,) = raised.value.complaints
    said = re.search(r"load\(…, max_work=(\d+)\)", complaint.instead or "")
    assert said is not None
    allowed = backprop.load(square, max_work=int(said[1]))
    assert allowed.solve(steps=20_000, at=2)["x"] == 1  # 2 - 0.25 * 4


def test_answers_without_any_known_name_are_an_error() -> None:
    with pytest.raises(backprop.Error, match="mystery"):
        backprop.testing.assert_backprop(ROWS.problem, {"mystery": np.ones(3)})


def relu(z: Any) -> Any:
    return np.maximum(z, 0)


@pytest.mark.parametrize(
    ("function", "gradient", "at"),
    [
        (np.tanh, lambda z: 1 - np.tanh(z) ** 2, 0.3),
        (np.exp, np.exp, [[1.0, -2.0], [0.0, 3.0]]),
        (relu, lambda z: (z > 0) * 1.0, [-1.0, 0.0, 2.0]),
        (relu, lambda z: (z >= 0) * 1.0, [-1.0, 0.0, 2.0]),
        (lambda w: float(w[0] * w[1]), [3.0, 2.0], [2.0, 3.0]),
    ],
)
def test_a_right_gradient_passes(function: Any, gradient: Any, at: Any) -> None:
    backprop.testing.assert_gradient(function, gradient, at=at)


@pytest.mark.parametrize(
    ("gradient", "said"),
    [
        (lambda z: 2 * (1 - np.tanh(z) ** 2), "2 ×"),
        (lambda z: 1 - np.tanh(z), "entries"),
        (np.sum, "shape"),
        (lambda z: z * np.nan, "entries"),
    ],
)
def test_a_wrong_gradient_is_told(gradient: Any, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        backprop.testing.assert_gradient(np.tanh, gradient, at=[0.2, -0.7, 1.1])


def test_a_sentence_of_a_report_says_what_to_write_in_python() -> None:
    wrong = {"Z1": "5 1", "H1": ".9 .8", "dL/dH1": ".3 .7", "dL/dZ2": ".3 .2"}
    told = [one.message for one in backprop.load(PROBLEM, max_work=1500).check(wrong)]
    assert any("load(…, max_work=15000)" in one for one in told)
    assert not any("--max-work" in one for one in told)


@pytest.mark.parametrize(
    ("called", "source", "instead"),
    [
        (lambda: backprop.load(PROBLEM).derive(of="L"), "of", 'wrt="W1"'),
        (lambda: backprop.new("3-2-1", batch=0), "sketch `3-2-1`", "batch=3"),
        (
            lambda: backprop.new("3-1", output="softmax"),
            "sketch `3-1`",
            'output="sigmoid", or two outputs or more',
        ),
        (
            lambda: backprop.load(PROBLEM).draw(network=True).render(width=20),
            "network",
            'width=160, or render("svg")',
        ),
        (
            lambda: backprop.load(
                {"values": {"x": 2}, "equations": ["L = x^2"], "train": ["x"]}
            ).draw(network=True),
            "<dict>",
            "draw(), without network",
        ),
    ],
)
def test_a_refusal_names_arguments_and_no_options(called: Any, source: str, instead: str) -> None:
    with pytest.raises(backprop.Error) as raised:
        called()
    (complaint,) = raised.value.complaints
    assert (raised.value.source, complaint.instead) == (source, instead)
    assert "--" not in complaint.message


# Notebooks ----------------------------------------------------------------------------------------


def test_objects_show_themselves_in_four_ways(solution: backprop.Solution) -> None:
    bundle = solution._repr_mimebundle_()
    assert str(solution) == bundle["text/plain"]
    assert repr(solution).startswith("<Solution")
    assert set(bundle) == {"text/html", "text/latex", "text/markdown", "text/plain"}
    page = bundle["text/html"]
    assert page.startswith("<div")
    assert not {"<html", "<head", "<script"} & {word for word in page.split(">") if word[:1] == "<"}
    assert "<script" not in page
    assert set(solution._repr_mimebundle_(include=["text/plain"])) == {"text/plain"}
    assert "text/html" not in solution._repr_mimebundle_(exclude=["text/html"])


def test_reports_and_derivations_show_themselves(problem: backprop.Problem) -> None:
    report = problem.check({"dW1": np.array([[1.0, 2], [3, 4]])})
    assert "dL/dW1" in report._repr_mimebundle_()["text/html"]
    assert "text/latex" in backprop.derive("tanh")._repr_mimebundle_()


@pytest.mark.parametrize("network", [False, True])
def test_a_drawing_is_what_the_command_draws(problem: backprop.Problem, network: bool) -> None:
    drawn = problem.draw(network=network)
    for format_ in ("text", "svg"):
        arguments = ["draw", str(PROBLEM), "--format", format_, "--width", "100"]
        said = CliRunner().invoke(main, arguments + ["--network"] * network).stdout
        assert drawn.render(format_).rstrip("\n") == said.rstrip("\n")
    bundle = drawn._repr_mimebundle_()
    assert set(bundle) == {"image/svg+xml", "text/plain"}
    assert ET.fromstring(bundle["image/svg+xml"]).tag.endswith("svg")  # noqa: S314
    assert bundle["text/plain"] == str(drawn)
    assert set(drawn._repr_mimebundle_(include=["text/plain"])) == {"text/plain"}


def test_what_cannot_be_drawn_is_an_error() -> None:
    line = backprop.load({"values": {"x": 2, "w": 3}, "equations": ["L = (w * x)^2"]})
    assert line.draw().render().strip()
    with pytest.raises(backprop.Error, match="no network of units"):
        line.draw(network=True)
    with pytest.raises(backprop.Error, match="there is no format"):
        line.draw().render("html")
    letters = backprop.load(min((ROOT / "problems" / "letters").glob("*.yaml")))
    assert letters.draw().render().strip()


@pytest.mark.parametrize("format_", ["text", "json", "csv"])
def test_a_blank_sheet_is_what_the_command_writes(problem: backprop.Problem, format_: str) -> None:
    said = CliRunner().invoke(main, ["blank", str(PROBLEM), "--format", format_]).stdout
    assert problem.blank(format_).rstrip("\n") == said.rstrip("\n")
    report = problem.check(problem.blank(format_).encode()) if format_ == "text" else None
    assert report is None or {one.verdict for one in report} == {"missing"}


def test_lint_is_what_the_command_finds(problem: backprop.Problem) -> None:
    arguments = ["lint", str(PROBLEM), "--format", "json", "--variants", "2"]
    said = json.loads(CliRunner().invoke(main, arguments).stdout)
    assert problem.lint(variants=2) == said
    assert "variants" not in problem.lint()
    with pytest.raises(backprop.Error, match="from 1 to 10000"):
        problem.lint(variants=0)


def test_several_results_on_one_page_have_no_name_in_common() -> None:
    """What describes a symbol is found by its name, which has to be the only one of the page."""
    problems = (f"{{values: {{x: {x}, w: 3}}, equations: ['L = (w * x)^2']}}" for x in (2, 4))
    pages = [backprop.load(one).solve()._repr_mimebundle_()["text/html"] for one in problems]
    names = [re.findall(r' id="([^"]+)"', page) for page in pages]
    assert all(names)
    assert set(names[0]).isdisjoint(names[1])
    for page, own in zip(pages, names, strict=True):
        assert len(set(own)) == len(own)
        assert set(re.findall(r'aria-describedby="([^"]+)"', page)) <= set(own)


class Shell:
    """What a notebook offers to an extension."""

    def register_magic_function(self, function: Any, kind: str, name: str) -> None:
        self.magic = {(kind, name): function}


def test_the_cell_magic_solves_and_derives() -> None:
    shell = Shell()
    backprop.load_ipython_extension(shell)
    magic = shell.magic["cell", "backprop"]
    cell = "values: {x: 2, w: 3}\nequations: ['L = (w * x)^2']"
    assert float(magic("solve", cell)["dL/dw"]) == 24
    assert "∂L/∂w" in magic("derive", cell).render()
    assert "sigmoid" in magic("derive function", "sigmoid").render()
    for line in ("draw", "solve --at x", "solve --steps 3", "solve --what 3"):
        with pytest.raises(backprop.Error):
            magic(line, cell)


def test_deriving_loads_no_command_line() -> None:
    loaded = run(
        "import sys, backprop_cli as b\n"
        "p = b.load({'values': {'x': 2}, 'equations': ['L = x^2']})\n"
        "p.derive().render('latex'), p.derive(of='L', wrt='x').render('latex')\n"
        "p.solve().render('python')\n"
        "print(sorted(sys.modules))"
    )
    assert not [name for name in eval(loaded) if name.split(".")[0] == "click"]  # noqa: S307
    assert not [name for name in eval(loaded) if name.startswith("backprop_cli.cli")]  # noqa: S307


@pytest.mark.parametrize("format_", ["json", "text", "python"])
def test_only_means_in_every_format_what_the_command_says(format_: str) -> None:
    path = str(ROOT / "problems" / "sigmoid-softmax.yaml")
    words = ["solve", path, "--format", format_, "--only", "dL/dW1", "--width", "100"]
    printed = CliRunner().invoke(main, words).stdout
    shown = backprop.load(path).solve().render(format_, only=["dL/dW1"])
    assert shown.rstrip("\n") == printed.rstrip("\n")
    assert shown == backprop.load(path).solve().render(format_, only="dL/dW1")


# For a class --------------------------------------------------------------------------------------


def test_a_new_problem_is_that_of_the_command() -> None:
    made = backprop.new("3-2-1", activation="tanh", seed=4)
    words = ["new", "3-2-1", "--activation", "tanh", "--seed", "4"]
    assert made.text == CliRunner().invoke(main, words).stdout
    with pytest.raises(backprop.Error, match="no choice"):
        backprop.new("3-2-1", activations="tanh")
    with pytest.raises(backprop.Error, match="a size is missing"):
        backprop.new("3-")


def test_a_variant_is_that_of_the_command(problem: backprop.Problem) -> None:
    made = problem.vary("1", seed=5)
    done = CliRunner().invoke(main, ["vary", str(PROBLEM), "--seed", "5"])
    assert made.text == done.stdout
    assert made.solve()["Z1"].shape == (2,)


@pytest.mark.parametrize("form", ["text", "markdown", "latex", "html"])
def test_a_handout_is_that_of_the_command(problem: backprop.Problem, form: str) -> None:
    words = ["handout", str(PROBLEM), "--format", form, "--width", "80", "--room", "2"]
    printed = CliRunner().invoke(main, words).stdout
    assert problem.handout(form, room=2).rstrip("\n") == printed.rstrip("\n")
    with pytest.raises(backprop.Error, match="no format"):
        problem.handout("json")


def test_practice_line_by_line(problem: backprop.Problem) -> None:
    practice = problem.practice()
    assert "1 of 18: Z1" in practice.opening
    assert "right" in practice.reply("4 0")
    assert "weighted sum" not in practice.reply("hint")
    ended = [practice.ended, practice.reply("quit") and practice.ended]
    assert ended == [False, True]
    assert problem.check(practice.sheet.encode()).score == 1


ONE_UNIT: Final = """
values: {x: [1, -0.5], O: [[1, -1]], y: 0.2}
equations:
  - o = O @ x
"""


def test_a_loss_of_one_unit_is_the_number_that_it_is() -> None:
    solution = backprop.load(ONE_UNIT + "  - L = (o - y)^2\ntrain: [O]\n").solve()
    error = 1 * 1 + (-1) * (-0.5) - 0.2
    assert solution["L"].shape == ()
    np.testing.assert_allclose(solution["L"], error**2, rtol=1e-12)
    expected = np.array([[2 * error, 2 * error * -0.5]])
    np.testing.assert_allclose(solution["dL/dO"], expected, rtol=1e-12)


def test_names_that_differ_in_their_case_only_are_told_apart() -> None:
    solution = backprop.load(ONE_UNIT + "  - f = [o[1], 2 * o[1]]\n").solve()
    np.testing.assert_allclose(solution["df/do"], [[1], [2]])
    np.testing.assert_allclose(solution["df/dO"], np.array([[[1, -0.5]], [[2, -1]]]))
