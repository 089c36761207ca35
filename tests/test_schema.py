"""The JSON output and the problem file keep to the schemas in the package."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from oracles.replay import from_json

from backprop_cli.cli import main
from backprop_cli.trace_json import to_json, written

ROOT = Path(__file__).resolve().parent.parent
PROBLEMS = sorted((ROOT / "problems").glob("*.yaml"))
ORDER = {
    "": "schema title convention samples given roles steps parameters loss",
    "steps": "id phase iteration rule inputs formula latex axes shape value note words",
    "loss": "id before after history",
}


def schema(name: str) -> dict[str, Any]:
    text = (files("backprop_cli") / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def closed(part: Any) -> Any:
    """A schema in which every field has to be named, so that none is left undocumented."""
    if isinstance(part, list):
        return [closed(item) for item in part]
    if not isinstance(part, dict):
        return part
    inner = {key: closed(item) for key, item in part.items()}
    return {"additionalProperties": False, **inner} if "properties" in part else inner


TRACE = Draft202012Validator(closed(schema("trace")))
PROBLEM = Draft202012Validator(schema("problem"))


def text_of(path: Path, *options: str) -> str:
    done = CliRunner().invoke(main, ["solve", str(path), "--format", "json", *options])
    assert done.exit_code == 0, done.output
    return done.stdout


def parts(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every named field of a schema."""
    if isinstance(schema, dict):
        for name, field in schema.get("properties", {}).items():
            yield f"{path}.{name}", field
        for key, inner in schema.items():
            yield from parts(inner, f"{path}.{key}")
    elif isinstance(schema, list):
        for inner in schema:
            yield from parts(inner, path)


@pytest.mark.parametrize("name", ["trace", "problem"])
def test_the_schemas_are_valid(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))


def test_every_field_of_the_output_is_described() -> None:
    whole = schema("trace")
    for path, field in parts(whole):
        target = whole["$defs"].get(field.get("$ref", "").rpartition("/")[2], {})
        assert field.get("description") or target.get("description"), path


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_every_problem_and_its_output_keep_to_their_schemas(path: Path) -> None:
    PROBLEM.validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    text = text_of(path, "--verify")
    data = json.loads(text)
    TRACE.validate(data)
    together = ["over_time"] if path.stem == "picture-batch" else []
    assert list(data) == [*ORDER[""].split(), *together, "verify"]
    assert all(list(step) == ORDER["steps"].split() for step in data["steps"])
    assert data["loss"] is None or list(data["loss"]) == ORDER["loss"].split()
    trace = from_json(data)
    del data["verify"]
    assert to_json(trace) == data


def test_a_problem_that_is_wrong_does_not_keep_to_the_schema() -> None:
    wrong: list[Any] = [{"layer": []}, {"layers": [{"bais": 1}]}, {"loss": "mean"}, [1]]
    assert not any(PROBLEM.is_valid(data) for data in wrong)


def test_one_entry_keeps_to_the_schema() -> None:
    data = json.loads(text_of(ROOT / "problems" / "sigmoid-softmax.yaml", "--entry", "W1[1,2]"))
    TRACE.validate(data)
    (step,) = (step for step in data["steps"] if step["id"] == "dL/dW1")
    assert data["entry"]["total"] == pytest.approx(step["value"][0][1])
    products = [path["product"] for path in data["entry"]["paths"]]
    assert sum(products) == pytest.approx(data["entry"]["total"])


def test_only_leaves_those_steps() -> None:
    path = ROOT / "problems" / "sigmoid-softmax.yaml"
    data = json.loads(text_of(path, "--only", "dW1", "--only", "dYhat/dW1"))
    TRACE.validate(data)
    assert [step["id"] for step in data["steps"]] == ["dYhat/dW1", "dL/dW1"]
    phases = {step["phase"] for step in json.loads(text_of(path, "--only", "update"))["steps"]}
    assert phases == {"update"}
    assert to_json(from_json(data)) == data


def test_what_is_not_finite_is_a_word(tmp_path: Path) -> None:
    problem = tmp_path / "infinite.yaml"
    problem.write_text("values: {x: 0}\nequations: [L = ln(x)]\n")
    data = json.loads(text_of(problem), parse_constant=pytest.fail)
    TRACE.validate(data)
    (step,) = (step for step in data["steps"] if step["id"] == "L")
    assert step["value"] == "-inf"
    assert step["note"]


def test_the_output_can_be_read_by_people_too() -> None:
    text = text_of(ROOT / "problems" / "batch-columns.yaml")
    lines = text.splitlines()
    assert '  "W1": [[1.0, 1.0], [2.0, 1.0]],' in lines
    assert len([line for line in lines if line.startswith('  {"id": ')]) == text.count('{"id"')
    assert max(len(line) for line in lines if "latex" not in line) <= 110
    assert len(lines) < 250


@pytest.mark.parametrize(
    "value", [{}, [], {"a": []}, [[]], {"a": {"b": list(range(99))}}, {"ü": "∂"}]
)
def test_however_it_is_laid_out_it_says_the_same(value: Any) -> None:
    whole = {"data": value, "more": [value, {"long": "x" * 120, "list": [value]}]}
    assert json.loads(written(whole)) == whole
    ascii_text = written(whole, ascii_only=True)
    assert ascii_text.isascii()
    assert json.loads(ascii_text) == whole
