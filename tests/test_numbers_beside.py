"""`{file: weights.npz, name: W1}` in a problem: numbers that are too many to type."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import backprop_cli as backprop

W1 = np.array([[0.25, -1.5, 2], [1, 0.5, -0.125]])
PROBLEM = """convention: {affine: x W + b}
x: {file: data/x.npy}
y: {labels: [1, 3], classes: 3}
layers:
  - weights: {file: weights.npz, name: W1}
    bias: {file: weights.npz, name: b1}
    activation: softmax
loss: cross-entropy
"""
TYPED = """convention: {affine: x W + b}
x: [[1, 2], [3, -1]]
y: {labels: [1, 3], classes: 3}
layers: [{weights: [[0.25, -1.5, 2], [1, 0.5, -0.125]], bias: [1, 0, -1], activation: softmax}]
loss: cross-entropy
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data" / "x.npy", np.array([[1, 2], [3, -1]]))
    np.savez(tmp_path / "weights.npz", W1=W1, b1=np.array([1, 0, -1], dtype="float32"))
    (tmp_path / "net.yaml").write_text(PROBLEM)
    return tmp_path


def test_numbers_of_files_are_numbers(folder: Path) -> None:
    found = backprop.load(folder / "net.yaml").solve()
    typed = backprop.load(TYPED).solve()
    assert found.names == typed.names
    assert all(np.array_equal(found[name], typed[name]) for name in typed.names)


def test_values_of_equations_may_lie_in_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    values = "values: {A: {file: weights.npz, name: W1}, x: {file: data/x.npy}}\n"
    found = backprop.load(f"{values}equations: ['L = sum(x @ A)']\n").solve()
    assert found["dL/dA"].tolist() == [[4, 4, 4], [1, 1, 1]]


def test_targets_may_lie_in_a_file(folder: Path) -> None:
    np.save(folder / "y.npy", np.array([[1, 0, 0], [0, 0, 1]]))
    (folder / "net.yaml").write_text(
        PROBLEM.replace("y: {labels: [1, 3], classes: 3}", "y: {file: y.npy}")
    )
    assert np.array_equal(
        backprop.load(folder / "net.yaml").solve()["dL/dZ1"],
        backprop.load(TYPED).solve()["dL/dZ1"],
    )


def complaint(folder: Path, old: str, new: str) -> str:
    text = PROBLEM.replace(old, new)
    assert text != PROBLEM
    (folder / "net.yaml").write_text(text)
    with pytest.raises(backprop.Error) as raised:
        backprop.load(folder / "net.yaml")
    first = raised.value.complaints[0]
    assert first.mark.line
    return f"{first.message} | {first.instead}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("weights.npz, name: W1", "other.npz, name: W1", "cannot be read"),
        ("weights.npz, name: W1", "/etc/passwd, name: W1", "does not lie beside"),
        ("weights.npz, name: W1", "../weights.npz, name: W1", "does not lie beside"),
        ("weights.npz, name: W1", "weights.npz, name: w_1", "no array"),
        ("weights.npz, name: W1", "weights.npz", "which?"),
        ("weights.npz, name: W1", "weights.npz, nam: W1", "does not belong"),
        ("weights.npz, name: W1", "net.yaml", "no array of NumPy's"),
        ("data/x.npy", "data", "cannot be read"),
        ("data/x.npy", "data/cube.npy", "3"),
        ("data/x.npy", "data/nan.npy", "finite"),
        ("data/x.npy", "data/objects.npy", "never unpacked"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_place(
    folder: Path, old: str, new: str, said: str
) -> None:
    np.save(folder / "data" / "cube.npy", np.zeros((2, 3, 4)))
    np.save(folder / "data" / "nan.npy", np.array([[1, np.nan]]))
    np.save(folder / "data" / "objects.npy", np.array([{}], dtype=object))
    assert said in complaint(folder, old, new)


def test_a_link_that_leads_away_is_not_followed(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    away = tmp_path_factory.mktemp("away") / "secret.npy"
    np.save(away, W1)
    (folder / "link.npy").symlink_to(away)
    assert "does not lie beside" in complaint(folder, "data/x.npy", "link.npy")


def test_a_bomb_is_refused_before_it_is_unpacked(folder: Path) -> None:
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("W1.npy", bytes(210_000_000))
    (folder / "weights.npz").write_bytes(file.getvalue())
    assert "MB" in complaint(folder, "bias: {file: weights.npz, name: b1}", "bias: [1, 0, -1]")
