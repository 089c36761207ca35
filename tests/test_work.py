"""Work that is refused before it starts, on every command, and the option that allows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from backprop_cli.algebra.expr import Sym, op
from backprop_cli.cli import main
from backprop_cli.errors import UserError
from backprop_cli.grading.grader import Grader
from backprop_cli.problem.problem_file import Source
from backprop_cli.readings.program import InScalars, Program
from backprop_cli.readings.scalars import NoScalarsError, in_numbers
from backprop_cli.solving.limits import MAX_WORK, is_stepwise, work
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.prepared import Batches
from backprop_cli.solving.solution import Request, solve
from backprop_cli.solving.training import training_program

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = sorted((ROOT / "problems").glob("*.yaml"))


def network(layers: int) -> str:
    layer = "  - {weights: [[0.5]], bias: [0.1], activation: sigmoid}\n"
    return (
        f"x: [1]\ny: [1]\nlayers:\n{layer * layers}loss: squared-error\n"
        "update: {rule: sgd, learning_rate: 0.1}\n"
    )


def run(folder: Path, layers: int, command: str, *options: str) -> Result:
    (folder / "p.yaml").write_text(network(layers))
    (folder / "s.yaml").write_text("answers: {L: 3}\n")
    sheet = [str(folder / "s.yaml")] if command == "check" else []
    return CliRunner().invoke(main, [command, str(folder / "p.yaml"), *sheet, *options])


TASKS = [
    ("solve", ()),
    ("derive", ()),
    ("blank", ()),
    ("draw", ()),
    ("lint", ()),
    ("check", ()),
    ("solve", ("--verify",)),
]


@pytest.mark.parametrize(("command", "options"), TASKS)
def test_deep_problems_are_refused_before_they_are_planned(
    command: str, options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backprop_cli.solving.loading.plan", None)
    done = run(tmp_path, 2000, command, *options)
    assert done.exit_code == 2
    assert "p.yaml" in done.stderr
    assert "--max-work " in done.stderr


@pytest.mark.parametrize(("command", "options"), TASKS)
def test_what_the_message_names_allows_it(
    command: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    """With a limit of 1 anything is too much, and the number told each time is enough."""
    most = "1"
    for _ in range(4):  # planning, running and comparing are limited one after the other
        done = run(tmp_path, 2, command, *options, "--max-work", most)
        if done.exit_code != 2:
            break
        most = done.stderr.rpartition("--max-work ")[2].split()[0].rstrip(",")
    assert done.exit_code in (0, 1), done.output
    assert int(most) < MAX_WORK
    fewer = run(tmp_path, 2, command, *options, "--max-work", str(int(most) - 1))
    assert fewer.exit_code == 2


def test_differences_of_a_deep_network_are_refused(tmp_path: Path) -> None:
    assert run(tmp_path, 300, "solve", "--verify").exit_code == 2
    assert run(tmp_path, 10, "solve", "--verify").exit_code == 0


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("command", ["blank", "draw", "lint"])
def test_ordinary_problems_are_not_refused(command: str, path: Path) -> None:
    done = CliRunner().invoke(main, [command, str(path), "--max-work", str(MAX_WORK // 2)])
    assert "--max-work" not in done.stderr


def nested(functions: int) -> str:
    formula = "x"
    for name in [("tanh", "sin", "sigmoid")[i % 3] for i in range(functions)]:
        formula = f"{name}({formula})"
    return formula


WIDE = " + ".join(f"sin({i} * x * y)^2" for i in range(1, 80))


@pytest.mark.parametrize(
    ("formula", "asked"), [(nested(60), "d2f/dx2"), (WIDE, "d2f/dx2, d2f/dxdy, d2f/dy2")]
)
def test_second_derivatives_of_long_formulas_are_refused_before_they_are_planned(
    formula: str, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backprop_cli.solving.loading.plan", None)
    path = tmp_path / "p.yaml"
    path.write_text(f"values: {{x: 0.3, y: 0.2}}\nequations: ['f = {formula}']\nask: [{asked}]\n")
    for command in ("solve", "derive", "blank", "draw", "lint"):
        done = CliRunner().invoke(main, [command, str(path)])
        assert done.exit_code == 2
        assert "second derivative" in done.stderr
        assert "--max-work " in done.stderr


def test_second_derivatives_of_ordinary_formulas_are_not(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    text = f"values: {{x: 0.3}}\nequations: ['f = {nested(20)}']\n"
    path.write_text(text + "ask: [d2f/dx2]\n")
    assert CliRunner().invoke(main, ["solve", str(path)]).exit_code == 0
    path.write_text(text)
    only = ["solve", str(path), "--only", "d2f/dx2", "--max-work"]
    assert CliRunner().invoke(main, [*only, "40000"]).exit_code == 2
    assert CliRunner().invoke(main, [*only, "200000"]).exit_code == 0


def test_a_taylor_polynomial_that_would_fill_pages_is_refused() -> None:
    done = CliRunner().invoke(main, ["derive", "--function", nested(12), "--taylor", "2"])
    assert done.exit_code == 2
    assert "this derivation would fill pages" in done.stderr
    assert (
        CliRunner().invoke(main, ["derive", "--function", nested(4), "--taylor", "2"]).exit_code
        == 0
    )


# Steps of training ------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_the_shares_of_others_in_single_numbers(axis: int | None) -> None:
    rng = np.random.default_rng(4)
    shape = (4,) if axis is None else (3, 4)
    g, x = rng.normal(size=shape), 3 * rng.normal(size=shape)
    node = op("others_share", Sym("g"), Sym("x"), axis=axis)
    program = InScalars(Program([("r", node)], {"g": g}, {"x": x}, {"x": "r"}, None, {}))
    found = program.end(program.run(1, program.begin({"x": x}), []))["x"]
    powers = np.exp(np.moveaxis(x, axis or 0, -1))
    p = powers / powers.sum(axis=-1, keepdims=True)
    each = np.moveaxis(g, axis or 0, -1) / (1 - p)
    expected = p * (each.sum(axis=-1, keepdims=True) - each)
    np.testing.assert_allclose(np.moveaxis(found, axis or 0, -1), expected, rtol=1e-9)


STEPS = {"convolution-network": 3_000, "padded-pooling": 2_500, "picture-batch": 1_900}
"""Where windows are laid out anew: 0.36, 0.45 and 0.15 ms a step, measured."""


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_estimate_knows_what_cannot_be_compiled_to_numbers(path: Path) -> None:
    problem = loaded(Source(path.name, path.read_bytes()), numbers=False)
    if problem.model.update is None or problem.model.unknown or not problem.model.trained:
        return
    program = training_program(Batches(problem.model, ()).at(0))
    if all(in_numbers(expr) for _, expr in program.formulas):
        InScalars(program)  # raises where an operation has no form for single numbers
    else:
        with pytest.raises(NoScalarsError):
            InScalars(program)
    assert work(problem.plan, STEPS.get(path.stem, 10_000)) < MAX_WORK


def test_steps_that_overflow_are_counted_as_they_are_computed(tmp_path: Path) -> None:
    text = (
        "values: {w: 3, x: 2}\nequations: [y = w * x, L = (y - 1)^2 * 1e300]\ntrain: [w]\n"
        "update: {rule: momentum, learning_rate: 1e9, steps: 100000}\n"
    )
    (tmp_path / "p.yaml").write_text(text)
    done = CliRunner().invoke(main, ["solve", str(tmp_path / "p.yaml"), "--format", "json"])
    assert done.exit_code in (0, 2), done.output
    assert done.exit_code == 0 or "--max-work" in done.stderr


# Depth ------------------------------------------------------------------------------------------


def shared(steps: int) -> str:
    """One weight used at every step, so that its gradient is a sum of as many terms."""
    lines = "".join(f"  - z{n} = tanh(z{n - 1} * w)\n" for n in range(1, steps + 1))
    return f"values: {{z0: 1, w: 0.5}}\nequations:\n{lines}"


@pytest.mark.parametrize("steps", [50, 300])
@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("solve", ("--format", "text")),
        ("solve", ("--format", "json")),
        ("solve", ("--format", "html")),
        ("solve", ("--format", "python")),
        ("derive", ()),
        ("blank", ()),
    ],
)
def test_long_sums_of_shares_are_done_or_refused(
    command: str, options: tuple[str, ...], steps: int, tmp_path: Path
) -> None:
    (tmp_path / "p.yaml").write_text(shared(steps))
    words = [command, str(tmp_path / "p.yaml"), *options, "--max-work", str(10**9)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == (0 if steps == 50 else 2), done.exception
    assert steps == 50 or "p.yaml" in done.stderr


def recurrent(steps: int) -> str:
    lines = "\n".join(f"  - h{n} = tanh(W @ h{n - 1} + U * {n})" for n in range(1, steps + 1))
    return (
        "values: {h0: [0, 0], W: [[0.5, 0.1], [-0.2, 0.4]], U: [1, -1], y: [1, 0]}\n"
        f"equations:\n{lines}\n  - L = sum((h{steps} - y)^2)\ntrain: [W, U]\n"
        "update: {rule: sgd, learning_rate: 0.1}\n"
    )


def parts_of_slips(text: str, name: str) -> int:
    """Of how many parts the wrong formulas of a quantity consist, each part that is shared once."""
    grader = Grader(loaded(Source("p.yaml", text.encode())).model)
    seen: set[int] = set()
    stack = [expr for _, expr in grader.candidates(name)]
    kept = list(stack)  # so that no other has the identity of one of them
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            stack.extend(getattr(node, "args", ()))
    assert kept
    return len(seen)


@pytest.mark.parametrize(("text", "name"), [(recurrent, "dL/dW"), (shared, "dz{}/dw")])
def test_slips_of_a_long_sum_are_as_much_work_as_it_is_long(
    text: Callable[[int], str], name: str
) -> None:
    """Twice as long is twice the work; four times it would be, each written out from the start."""
    short, long = (parts_of_slips(text(steps), name.format(steps)) for steps in (12, 24))
    assert long < 3 * short


@pytest.mark.parametrize(("steps", "refused"), [(12, False), (60, True)])
@pytest.mark.parametrize("command", ["check", "lint"])
def test_what_is_made_of_long_sums_is_counted(
    command: str, steps: int, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a quantity is used twelve times, or sixty."""
    monkeypatch.setattr("backprop_cli.grading.lint.findings._all", lambda *_: iter(()))
    (tmp_path / "p.yaml").write_text(recurrent(steps))
    (tmp_path / "s.yaml").write_text("answers: {h1: [0, 0]}\n")
    sheet = [str(tmp_path / "s.yaml")] if command == "check" else []
    done = CliRunner().invoke(main, [command, str(tmp_path / "p.yaml"), *sheet])
    assert (done.exit_code == 2) is refused, done.output
    assert ("--max-work " in done.stderr) is refused


@pytest.mark.parametrize(
    "update",
    [
        "{rule: sgd, learning_rate: [0.1, 0.2]}",
        "{rule: adam, learning_rate: [0.1, 0.2]}",
        "{rule: newton}",
    ],
)
def test_steps_of_which_no_two_are_alike_are_counted_one_by_one(update: str) -> None:
    """They are not compiled, and take as long as each of them does."""
    text = "values: {{w: 2}}\nequations: [L = exp(w) + w^2]\ntrain: [w]\nupdate: {}\n"
    found = loaded(Source("p.yaml", text.format(update).encode()))
    each = work(found.plan, 2, is_stepwise(found.model)) - work(
        found.plan, 1, is_stepwise(found.model)
    )
    assert work(found.plan, 1001, is_stepwise(found.model)) >= 1000 * each
    with pytest.raises(UserError, match="100,000 steps"):
        solve(found.model, Request(steps=100_000))
