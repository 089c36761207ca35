"""Arrays of a program as answers: how they are named, stored, typed and kept in files."""

from __future__ import annotations

import io
import json
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from seeded_bugs.programs import COLUMNS, ROWS

import backprop_cli as backprop
from backprop_cli.cli import main
from backprop_cli.grading.grader import Desk
from backprop_cli.grading.program_names import meant
from backprop_cli.grading.quantities import Unknown
from backprop_cli.grading.report_data import Result, Submission
from backprop_cli.grading.sheets.array_sheet import float_type
from backprop_cli.problem import array_files
from backprop_cli.problem.ids import Reference
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded

Arrays = dict[str, Any]


@cache
def desk(extra: str = "") -> Desk:
    text = json.dumps(ROWS.problem | (json.loads(extra) if extra else {}))
    return Desk(loaded(Source("problem.yaml", text.encode())).model)


def archive(arrays: Arrays, **options: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays, **options)
    return file.getvalue()


def right(kind: str = "float64") -> Arrays:
    return ROWS.run(ROWS.source, kind)


def checked(arrays: Arrays) -> Submission:
    return desk().grade(archive(arrays), "mine.npz")


def by_id(submission: Submission) -> dict[str, Result]:
    return {result.id: result for result in submission.results}


def wrong(submission: Submission) -> dict[str, str]:
    return {r.id: r.verdict for r in submission.results if r.verdict != "correct"}


# Names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("dW1", "dL/dW1"),
        ("grads/W1", "dL/dW1"),
        ("grads/dW1", "dL/dW1"),
        ('grads["W1"]', "dL/dW1"),
        ("grads['db2']", "dL/db2"),
        ("self.grads.W2", "dL/dW2"),
        ("cache.Z1", "Z1"),
        ("cache/A1", "H1"),
        ("A1", "H1"),
        ("a1", "H1"),
        ("A2", "Yhat"),
        ("dA1", "dL/dH1"),
        ("dA_1", "dL/dH1"),
        ("delta2", "dL/dZ2"),
        ("W1.grad", "dL/dW1"),
        ("grad_W1", "dL/dW1"),
        ("∂L/∂W1", "dL/dW1"),
        ("y_hat", "Yhat"),
        ("loss", "L"),
        ("params_new/W1", "W1_new"),
        ("dL/dW1", "dL/dW1"),
        ("W1'", "W1_new"),
        ("dL_dW1", "dL/dW1"),
        ("dLdW1", "dL/dW1"),
        ("dJ_dW1", "dL/dW1"),
        ("dloss_dA1", "dL/dH1"),
        ("W1_gradient", "dL/dW1"),
        ("AL", "Yhat"),
        ("hidden_layer", "H1"),
        ("logits", "Z2"),
        ("dscores", "dL/dZ2"),
        ("dL_dlogits", "dL/dZ2"),
        ("loss_new", "L_new"),
        ("updated_W1", "W1_new"),
    ],
)
def test_names_are_read_as_programs_keep_them(name: str, id: str) -> None:
    assert meant(name, desk().grader.quantities()) == Reference(id)


@pytest.mark.parametrize("name", ["epochs", "dW7", "grads/Q", "", "A9", "dhidden"])
def test_other_names_mean_nothing(name: str) -> None:
    assert isinstance(meant(name, desk().grader.quantities()), Unknown)


def test_an_unknown_name_is_told_with_what_has_its_shape() -> None:
    submission = checked({"dW1": right()["dW1"], "mystery": np.zeros((4, 3))})
    (text, *_) = [text for text, _ in submission.remarks if "mystery" in text]
    assert "4 × 3" in text
    assert "dL/dW1" in text
    assert not wrong(submission)


def test_a_state_dict_of_layers_is_read_in_its_order() -> None:
    v = right()
    names = {"0.weight.grad": v["dW1"].T, "0.bias.grad": v["db1"]}
    names |= {"2.weight.grad": v["dW2"].T, "2.bias.grad": v["db2"]}
    submission = checked(names)
    assert set(by_id(submission)) == {"dL/dW1", "dL/db1", "dL/dW2", "dL/db2"}
    assert not wrong(submission)
    assert any("x W^T + b" in text for text, _ in submission.remarks)


# Storage ------------------------------------------------------------------------------------------


def test_arrays_in_columns_are_read_as_such_all_together() -> None:
    turned = {name: array.T for name, array in right().items()}
    submission = checked(turned)
    assert not wrong(submission)
    assert any("W x + b" in text for text, _ in submission.remarks)


def test_one_array_turned_is_wrong_and_named() -> None:
    v = right()
    submission = checked(v | {"dW1": v["dW1"].T})
    assert by_id(submission)["dL/dW1"].slips == ("transposed",)
    assert not any("fit" in text for text, _ in submission.remarks)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (1, 3)])
def test_a_vector_may_be_a_row_or_a_column(shape: tuple[int, ...]) -> None:
    assert not wrong(checked({"db1": right()["db1"].reshape(shape)}))


def test_a_number_may_be_a_matrix_of_one() -> None:
    assert not wrong(checked({"loss": right()["loss"].reshape(1, 1)}))


# Floats -------------------------------------------------------------------------------------------


def test_the_coarsest_type_is_that_of_the_program() -> None:
    v = right()
    assert float_type(v, None).name == "float64"
    assert float_type(v | {"dW1": v["dW1"].astype("float32")}, None).name == "float32"
    widened = {"dW1": v["dW1"].astype("float32").astype("float64")}
    assert float_type(widened, None).name == "float32"


@pytest.mark.parametrize(("kind", "part"), [("float64", 1e-6), ("float32", 1e-3)])
def test_what_no_rounding_explains_is_wrong(kind: str, part: float) -> None:
    """The tolerance has two sides: a part of the largest entry that a type has digits for."""
    v = right(kind)
    off = v["dW1"].copy()
    off[1, 2] += part * np.abs(off).max()
    assert wrong(checked(v | {"dW1": off}))["dL/dW1"] == "wrong"


def test_rounding_of_the_type_is_right() -> None:
    random = np.random.default_rng(3)
    for kind, epsilon in (("float64", 2.2e-16), ("float32", 1.2e-7)):
        v = right(kind)
        noise = 1 + 4 * epsilon * random.uniform(-1, 1, v["dW1"].shape)
        assert not wrong(checked(v | {"dW1": (v["dW1"] * noise).astype(kind)}))


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_a_unit_at_its_kink_excuses_nothing(kind: str) -> None:
    """There everything moves, however small roundings are: no reason to take what is 70 % off."""
    x, w, v = np.array([2.0, 3.0]), np.array([[1.5, -1.0], [0.5, 0.25]]), np.array([[1.0, 2.0]])
    text = (
        "{x: [2, 3], y: [1], loss: half-squared-error, layers: [{weights: [[1.5, -1], [0.5, 0.25]],"
        " bias: [0, 0], activation: relu}, {weights: [[1, 2]], bias: [0.5]}]}"
    )
    z = w @ x  # 0 and 1.75
    back = (v @ np.maximum(z, 0) + 0.5 - 1) @ v * (z > 0)
    arrays = {"Z1": z, "dZ1": back, "db1": back, "dW1": np.outer(back, x)}
    at_kink = Desk(loaded(Source("problem.yaml", text.encode())).model)

    def verdicts(off: Arrays) -> dict[str, str]:
        typed = {name: np.asarray(value, kind) for name, value in (arrays | off).items()}
        return wrong(at_kink.grade(archive(typed), "mine.npz"))

    assert "wrong" not in verdicts({}).values()
    assert verdicts({"db1": 0.3 * back})["dL/db1"] == "wrong"
    assert verdicts({"dW1": arrays["dW1"] * 1.001})["dL/dW1"] == "wrong"


def test_rtol_of_the_file_overrides_it() -> None:
    v = right()
    off = {"dW1": v["dW1"] + 0.009 * np.abs(v["dW1"]).max()}
    loose = desk('{"grading": {"rtol": 0.01}}').grade(archive(off), "mine.npz")
    assert not wrong(loose)
    assert any("0.01" in text for text, _ in loose.remarks)
    assert wrong(checked(off))


def test_the_tolerance_is_stated() -> None:
    assert any(
        "float32" in text and "largest" in text for text, _ in checked(right("float32")).remarks
    )


def test_what_follows_from_a_wrong_array_is_carried() -> None:
    source = ROWS.source.replace("dZ2 = (P - Y) / m", "dZ2 = P - Y")
    submission = checked(ROWS.run(source, "float64"))
    assert submission.first_wrong == "dL/dZ2"
    others = {id: verdict for id, verdict in wrong(submission).items() if id != "dL/dZ2"}
    assert set(others.values()) == {"carried"}


def test_what_is_not_a_number_is_told_with_its_place() -> None:
    off = right()["dW1"].copy()
    off[1, 2] = np.nan
    result = by_id(checked({"dW1": off}))["dL/dW1"]
    assert result.verdict == "invalid"
    assert "nan" in result.message
    assert "[1, 2]" in result.message


def test_a_program_that_starts_from_other_numbers_is_told() -> None:
    v = right()
    submission = checked({"W1": np.ones((4, 3)), "dW1": v["dW1"]})
    assert any("not what the problem starts from" in text for text, _ in submission.remarks)


def test_a_parameter_updated_in_its_place_is_the_new_one() -> None:
    v = right()
    submission = checked({"W1": v["W1_new"], "dW1": v["dW1"]})
    assert not wrong(submission)
    assert "W1_new" in by_id(submission)


# What is said -------------------------------------------------------------------------------------


def test_the_factor_is_named_with_the_array() -> None:
    v = right()
    message = by_id(checked(v | {"dW2": 3.7 * v["dW2"]}))["dL/dW2"].message
    assert message.startswith("dW2 (")
    assert "3.7 ×" in message


def test_a_sum_left_out_is_told_by_the_sums_that_are_right() -> None:
    v = right()
    message = by_id(checked(v | {"db1": v["dZ1"]}))["dL/db1"].message
    assert "5 × 3" in message
    assert "column sums are right" in message


STEPS = """convention: {affine: x W + b}
x: [[1, 2], [0.5, -1], [2, 0]]
y: [[1], [0], [1]]
layers: [{weights: [[0.3], [-0.2]], bias: [0.1], activation: sigmoid}]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.5, steps: 2}
ask: [W1_new, dL/dW1@2, W1_new@2]
"""


def test_a_gradient_of_the_step_before_is_named() -> None:
    """The second step goes on with the first step's dL/dZ1, which was kept."""
    x, y = np.array([[1, 2], [0.5, -1], [2, 0]]), np.array([[1.0], [0], [1]])
    w, b = np.array([[0.3], [-0.2]]), np.array([0.1])

    def delta(w: Any, b: Any) -> Any:
        h = 1 / (1 + np.exp(-(x @ w + b)))
        return (h - y) / 3 * h * (1 - h)

    first = delta(w, b)
    new = w - 0.5 * x.T @ first
    second = delta(new, b - 0.5 * first.sum(axis=0))
    arrays = {"W1_new": new, "dZ1@2": second, "dW1@2": x.T @ first}
    arrays["W1_new@2"] = new - 0.5 * arrays["dW1@2"]
    problem = Desk(loaded(Source("problem.yaml", STEPS.encode())).model)
    submission = problem.grade(archive(arrays), "mine.npz")
    assert submission.first_wrong == "dL/dW1@2"
    assert "earlier-step-used" in by_id(submission)["dL/dW1@2"].slips


def test_arrays_of_later_updates_are_read_where_nobody_asked_for_them() -> None:
    """Two steps of a straight line by hand; the second goes on from the first one's new weights."""
    text = "x: [2]\ny: [3]\nlayers: [{weights: [[1]]}]\nloss: squared-error\n"
    text += "update: {rule: sgd, learning_rate: 0.1, steps: 2}\n"
    first = 1 - 0.1 * 2 * (2 * 1 - 3) * 2
    second = first - 0.1 * 2 * (2 * first - 3) * 2
    problem = Desk(loaded(Source("problem.yaml", text.encode())).model)
    for off, verdict in ((0.0, "correct"), (0.01, "wrong")):
        arrays = {"W1_new": np.array([[first]]), "W1_new@2": np.array([[second + off]])}
        submission = problem.grade(archive(arrays), "mine.npz")
        assert by_id(submission)["W1_new@2"].verdict == verdict


# Files --------------------------------------------------------------------------------------------


def test_a_jacobian_that_is_wrong_is_told_with_the_factor() -> None:
    """∂softmax/∂x is worked out row by row, from what a basis is pulled back to."""
    text = b"values: {x: [1, 2]}\nequations: [q = softmax(x)]\nask: [q, dq/dx]\n"
    problem = Desk(loaded(Source("problem.yaml", text)).model)
    q = np.exp([1.0, 2.0]) / np.exp([1.0, 2.0]).sum()
    jacobian = np.diag(q) - np.outer(q, q)
    for typed, verdict in (
        (jacobian, "correct"),
        (2 * jacobian, "wrong"),
        (jacobian.T + q, "wrong"),
    ):
        submission = problem.grade(archive({"q": q, "dq/dx": typed}), "mine.npz")
        assert submission.fault is None
        assert by_id(submission)["dq/dx"].verdict == verdict


def test_a_wrong_gradient_behind_two_poolings_is_graded() -> None:
    """A way of writing its line has the shape of one of the two shares alone, and is none."""
    path = Path(__file__).parent.parent / "problems" / "pooling-ties.yaml"
    problem = Desk(loaded(Source(path.name, path.read_bytes())).model)
    g, m = np.array([[6.0, 4.0]]), np.array([[1.75, 1.75]])
    ties = np.array([[0, 1 / 2, 1 / 3, 1 / 3], [1 / 2, 0, 0, 1 / 3]])
    right = np.repeat(g, 2, axis=1) * ties + np.repeat(2 * m, 2, axis=1) / 4
    for typed, verdict in ((right, "correct"), (right + np.eye(2, 4), "wrong")):
        submission = problem.grade(archive({"dL/dP": g, "dL/dM": 2 * m, "dL/dX": typed}), "a.npz")
        assert submission.fault is None
        assert by_id(submission)["dL/dX"].verdict == verdict


def test_json_with_numbers_is_read_as_arrays() -> None:
    v = {"grads": {"W1": right()["dW1"].tolist()}, "student": "s1"}
    submission = desk().grade(json.dumps(v).encode(), "mine.json")
    assert submission.student == "s1"
    assert set(by_id(submission)) == {"dL/dW1"}
    assert not wrong(submission)


def test_json_as_people_type_it_keeps_its_digits() -> None:
    rounded = np.round(right()["dW1"], 3).tolist()
    submission = desk().grade(json.dumps({"dW1": rounded}).encode(), "mine.json")
    assert by_id(submission)["dL/dW1"].verdict == "correct"


@pytest.mark.parametrize("digits", [3, 17])
@pytest.mark.parametrize("heading", ["layers", None])
def test_each_layer_of_json_has_the_quantities_of_its_number(
    digits: int, heading: str | None
) -> None:
    """Also those with one name that would mean the same twice: `a`, where one layer is hidden."""
    v = {name: np.round(array, digits).tolist() for name, array in right().items()}
    layers = [{"z": v["Z1"], "a": v["A1"]}, {"z": v["Z2"], "a": v["P"]}]
    said = (
        {"layers": layers} if heading else {f"layer{k}": each for k, each in enumerate(layers, 1)}
    )
    submission = desk().grade(json.dumps(said).encode(), "mine.json")
    assert {
        id: one.verdict for id, one in by_id(submission).items() if one.verdict != "missing"
    } == {
        "Z1": "correct",
        "H1": "correct",
        "Z2": "correct",
        "Yhat": "correct",
    }


class Bomb:
    """An object that would leave a trace if it were unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (Path.touch, (Path("unpickled"),))  # type: ignore[return-value]


def test_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = io.BytesIO()
    np.savez(file, dW1=right()["dW1"], db1=np.array([Bomb()], dtype=object))
    submission = desk().grade(file.getvalue(), "mine.npz")
    assert not (tmp_path / "unpickled").exists()
    assert any("never unpacked" in text for text, _ in submission.remarks)
    assert by_id(submission)["dL/dW1"].verdict == "correct"


def zipped(**entries: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in entries.items():
            out.writestr(f"{name}.npy", data)
    return file.getvalue()


def test_a_bomb_is_refused_by_the_size_it_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> bytes:
        raise AssertionError("it was unpacked")

    data = zipped(dW1=bytes(array_files.MOST_BYTES + 1))
    assert len(data) < 1_000_000
    monkeypatch.setattr(zipfile.ZipFile, "read", never)
    submission = desk().grade(data, "mine.npz")
    assert "MB" in str(submission.error)


def header(shape: str, kind: str = "<f8") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"nonsense",
        header("(3,)"),
        header("(1000000000000,)") + bytes(8),
        header("(2,)", "<U4") + bytes(32),
        header("(2,)", "<c16") + bytes(32),
        header("__import__('os')"),
        header("(-1,)") + bytes(8),
        b"\x93NUMPY\x03\x00" + bytes(40),
    ],
)
def test_a_broken_array_spoils_only_itself(entry: bytes) -> None:
    good = io.BytesIO()
    np.save(good, right()["dW1"])
    submission = desk().grade(zipped(dW1=good.getvalue(), db1=entry), "mine.npz")
    assert not submission.fault
    assert by_id(submission)["dL/dW1"].verdict == "correct"
    assert any("db1" in text for text, _ in submission.remarks)


@pytest.mark.parametrize("cut", [0, 4, 30, 200, -30])
def test_a_broken_archive_is_said_to_be_one(cut: int) -> None:
    submission = desk().grade(archive(right())[:cut], "mine.npz")
    assert submission.error
    assert not submission.fault


def test_an_archive_without_any_array_of_the_problem_does_not_pass() -> None:
    submission = checked({"epochs": np.array(3)})
    assert not submission.passed
    assert "epochs" in str(submission.error)


def test_the_command_grades_an_archive(tmp_path: Path) -> None:
    problem = tmp_path / "net.yaml"
    problem.write_text(json.dumps(COLUMNS.problem))
    arrays = COLUMNS.run(COLUMNS.source.replace("dA1 = W2.T @", "dA1 = W2 @"), "float64")
    (tmp_path / "mine.npz").write_bytes(archive(arrays))
    done = CliRunner().invoke(main, ["check", str(problem), str(tmp_path / "mine.npz")])
    assert done.exit_code in (0, 1), done.output
    assert "dA1" in done.output
    assert "transpose" in done.output.casefold()


@pytest.mark.filterwarnings("error")
def test_what_is_no_array_of_numbers_is_told_what_it_is() -> None:
    problem = backprop.load({"values": {"x": [1, 2]}, "equations": ["L = sum(x^2)"]})
    for kind, said in ((object, "an array of object"), (complex, "an array of complex128")):
        with pytest.raises(backprop.Error, match=said):
            problem.check({"dx": np.array([2, 4], dtype=kind)})
    assert problem.check({"dx": np.zeros((0, 2))})["dx"].verdict == "wrong"


def test_what_follows_from_nan_says_from_which_array() -> None:
    lines = ["z = x * w", "h = log(z)", "L = sum(h)"]
    given = {"x": [1.0, 2.0, 4.0], "w": [0.5, 3.0, 1.0]}
    problem = backprop.load({"values": given, "equations": lines, "train": ["w"]})
    h = np.array([np.nan, 1.0, 2.0])
    report = problem.check({"z": [0.5, 6.0, 4.0], "h": h, "L": np.array(h.sum()), "dh": np.ones(3)})
    assert report.first_wrong == "h"
    assert "repair" not in report["h"].message
    assert report["h"].message.endswith("1 entry is nan, the first at [0]")
    assert report["L"].message.endswith("this is nan; it follows from h: repair that first")
    assert report["dL/dh"].verdict == "correct"
