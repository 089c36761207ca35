"""What the pages say is true: outputs, formulas, names, links, the two commands to start with."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click import Context
from click.testing import CliRunner
from documents import PAGES, PICTURE, PROBLEM_SCHEMA, ROOT, commands, documents, files, folder

from backprop_cli.cli import main
from backprop_cli.operations.updates import RULES as UPDATES
from backprop_cli.problem.file_format.function_names import ACTIVATION_NAMES, LOSS_NAMES
from backprop_cli.problem.file_format.training_keys import RULES
from backprop_cli.problem.text.parser import parse
from backprop_cli.readings.values import evaluate

README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "writing-problems.md").read_text(encoding="utf-8")


def solved(problem: Mapping[str, Any], *options: str) -> dict[str, Any]:
    """What `solve --format json` says of a problem."""
    done = CliRunner().invoke(
        main, ["solve", "-", "--format", "json", *options], input=json.dumps(problem)
    )
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def value(problem: Mapping[str, Any], id: str) -> Any:
    (step,) = (step for step in solved(problem)["steps"] if step["id"] == id)
    return step["value"]


def rows(title: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    section = REFERENCE.partition(f"# {title}\n")[2].partition("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def constants(cell: str) -> dict[str, float]:
    """`beta` 0.9, `epsilon` 1e-08"""
    return {name: float(number) for name, number in re.findall(r"`(\w+)` ([\d.e-]+)", cell)}


# Pages --------------------------------------------------------------------------------------------


def test_outputs_and_tables_are_what_the_program_gives() -> None:
    """Those of seeded bugs take minutes: test_seeded_bugs.py looks at some of their rows."""
    for path, expected in documents(kept=("seeded", "seeded_torch")).items():
        there = path.read_text(encoding="utf-8")
        assert words(path, there) == words(path, expected), (
            f"{path.name} is out of date: python tests/documents.py"
        )


def words(path: Path, text: str) -> str:
    """A page; of the picture only what it says, since rich may come to draw it otherwise."""
    return (
        re.sub(r"<style.*?</style>|<[^>]*>", "", text, flags=re.DOTALL) if path == PICTURE else text
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_shown_can_be_solved(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    with folder(text):
        for name, content in files(text).items():
            if "\nanswers:\n" in content or name == "points.yaml":  # no problems
                continue
            done = CliRunner().invoke(main, ["solve", name])
            assert done.exit_code == (2 if "(wrong)" in content else 0), done.output


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        there = (page.parent / path) if path else page
        assert there.exists(), target
        if not anchor:
            continue
        headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
        known = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in headings}
        assert anchor in known, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_answers_shown_can_be_read(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    homework = (ROOT / "examples" / "homework.yaml").read_text(encoding="utf-8")
    with folder(text):
        for name, content in files(text).items():
            if "\nanswers:\n" in content:
                done = CliRunner().invoke(main, ["check", "-", name, "--format", "json"], homework)
                (sheet,) = json.loads(done.stdout)["submissions"]
                assert sheet["error"] is None
                assert "invalid" not in {result["verdict"] for result in sheet["results"]}


def test_the_two_commands_to_start_with_are_those_that_exist() -> None:
    assert (
        "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/backprop solve" in README
    )
    assert "\npython3 tests/run.py\n" in README
    assert (ROOT / ".ci" / "run").read_text().endswith("exec python3 tests/run.py\n")


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 200
    assert max(map(len, commands(README))) < 95


def test_every_command_has_its_options_on_the_page_of_commands() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"<!-- options (\w+) -->", page))
    assert shown == set(main.list_commands(Context(main)))


def test_an_editor_finds_the_schema_of_the_problem_file() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    (comment,) = re.findall(r"# yaml-language-server: \$schema=([^\s`]+)", page)
    assert (ROOT / "problems" / comment).resolve() == PROBLEM_SCHEMA


# Tables -------------------------------------------------------------------------------------------


def test_four_orientations_are_one_layer() -> None:
    found = []
    for affine, weights, *_ in rows("Orientation"):
        problem = {
            "convention": {"affine": code(affine)[0]},
            "x": [1, -1, 2],
            "layers": [{"weights": yaml.safe_load(code(weights)[0])}],
        }
        found.append(value(problem, "Z1"))
    assert found == [[5, 11]] * 4


@pytest.mark.parametrize("row", rows("Orientation"), ids=lambda row: row[0])
def test_an_entry_leads_where_the_table_says(row: list[str]) -> None:
    source, unit = map(int, re.findall(r"input (\d) to unit (\d)", row[2])[0])
    layer = {"weights": [[1, 4], [2, 5]]}
    problem = {
        "convention": {"affine": code(row[0])[0]},
        "x": [3, 7],
        "layers": [layer],
        "loss": "none",
        "upstream": {"Yhat": [1 if number == unit else 0 for number in (1, 2)]},
    }
    assert value(problem, "dL/dW1")[1][0] == (3, 7)[source - 1]  # 0 for the other unit


def test_every_activation_is_listed() -> None:
    """But `f`, which stands for any of them in letters and has no formula."""
    listed = {code(name)[0]: constants(cell) for name, _, cell in rows("Activations")}
    assert listed == {name: keys for name, keys in ACTIVATION_NAMES.known.items() if name != "f"}


@pytest.mark.parametrize("row", rows("Activations"), ids=lambda row: row[0].strip("`"))
def test_the_formula_of_an_activation_is_what_it_gives(row: list[str]) -> None:
    z = np.array([-2.0, -0.5, 0.25, 3.0])
    layer = {"weights": np.eye(4).tolist(), "activation": code(row[0])[0]}
    env = {"z": z, **{name: np.asarray(number) for name, number in constants(row[2]).items()}}
    expected = evaluate(parse(code(row[1])[0]), env)
    np.testing.assert_allclose(value({"x": z.tolist(), "layers": [layer]}, "Yhat"), expected)


def test_every_loss_is_listed() -> None:
    listed = {code(name)[0]: constants(note) for name, _, note in rows("Losses")}
    assert listed == LOSS_NAMES.known


@pytest.mark.parametrize("row", rows("Losses")[:-1], ids=lambda row: row[0].strip("`"))
def test_the_formula_of_a_loss_is_what_it_gives(row: list[str]) -> None:
    yhat, y = np.array([0.2, 0.7, 0.1]), np.array([1.0, 0.0, 0.0])
    if "hinge" in row[0]:
        y = 2 * y - 1
    if "huber" in row[0]:
        yhat = yhat * 5
    layer = {"weights": np.eye(3).tolist()}
    problem = {"x": yhat.tolist(), "y": y.tolist(), "layers": [layer], "loss": code(row[0])[0]}
    numbers = {name: np.asarray(number) for name, number in constants(row[2]).items()}
    env = {"yhat": yhat, "y": y, "e": yhat - y, **numbers}
    np.testing.assert_allclose(value(problem, "L"), evaluate(parse(code(row[1])[0]), env))


def test_every_update_rule_is_listed() -> None:
    listed = [
        (code(rule)[0], code(form)[0] if code(form) else None, constants(cell))
        for rule, form, _, cell in rows("Updates")
    ]
    expected = [
        (name, form, rule.constants)
        for name, rule in RULES.items()
        if name not in ("newton", "perceptron")  # no functions of a gradient: in words below
        for form in (*([] if rule.form else [None]), *rule.forms)
    ]
    assert listed == expected
    assert UPDATES


@pytest.mark.parametrize(
    "row", rows("Updates"), ids=lambda row: f"{row[0]} {row[1]}".replace("`", "")
)
def test_the_steps_of_an_update_are_what_it_does(row: list[str]) -> None:
    rule, form = code(row[0])[0], code(row[1])[:1]
    old = {"v": 0.5, "G": 0.3, "s": 0.2, "m": 0.7, "u": 0.6}
    entry = UPDATES[rule, form[0] if form else None]
    state = {letter: old[letter] for letter in entry.kept}
    update = {
        "rule": rule,
        "learning_rate": 0.1,
        "state": {f"{key}_W": it for key, it in state.items()},
    }
    if entry.counts:
        update["t"] = 3
    problem = {
        "values": {"W": 2},
        "gradients": {"W": 1.5},
        "update": update | ({"form": form[0]} if form else {}),
    }
    env = {"W": 2, "g": 1.5, "eta": 0.1, "t": 3, **state, **constants(row[3])}
    arrays = {name: np.asarray(number, dtype=float) for name, number in env.items()}
    for step in code(row[2]):
        name, _, formula = step.partition(" ← ")
        arrays[name] = evaluate(parse(formula), arrays)
        id = "W_new" if name == "W" else f"{name}_W"
        np.testing.assert_allclose(value(problem, id), arrays[name], err_msg=id)


IDS = {
    "x": [1, 2],
    "y": [1, 0],
    "layers": [
        {"weights": [[1, 0], [-1, 1]], "bias": [0, -1], "activation": "sigmoid"},
        {
            "weights": [[2, -1], [1, 1]],
            "activation": "softmax",
            "skip": [{"from": 0, "weights": [[1, 0], [0, 1]]}],
        },
    ],
    "loss": "cross-entropy",
    "update": {"rule": "momentum", "learning_rate": 0.1},
}


@pytest.mark.parametrize("row", rows("Names of quantities"), ids=lambda row: row[0])
def test_quantities_are_called_as_the_table_says(row: list[str]) -> None:
    ids = code(row[0].replace("W3_1", "W2_0"))
    given = solved(IDS)["given"]
    for id in ids:
        name = id.partition("[")[0]
        assert name in given or solved(IDS, "--only", id)["steps"][0]["id"] == name
    for alias in code(row[2]):
        meant = "H1" if alias == "H" else "Yhat" if alias == "H2" else ids[0]
        assert [step["id"] for step in solved(IDS, "--only", alias)["steps"]] == [meant]
