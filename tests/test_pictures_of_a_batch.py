"""Several pictures in layers: values and gradients are PyTorch's, and every reading goes on."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed")
Array = np.ndarray[Any, np.dtype[np.float64]]


class Drawn:
    """Pictures through a convolution, a pooling and two dense layers: what PyTorch makes of it."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.count, channels, filters = 2 + seed % 2, 1 + seed // 2 % 2, 1 + seed // 4 % 2
        stride, padding = ((1, 0), (1, 1), (2, 1))[seed % 3]
        self.rows, self.over = seed % 2 == 0, ("mean", "sum")[seed // 2 % 2]
        pool = ("max", "mean")[seed // 3 % 2]
        self.x = rng.normal(size=(self.count, channels, 5, 5)).round(2)
        kernel = rng.normal(size=(filters, channels, 3, 3)).round(2)
        places = (5 + 2 * padding - 3) // stride  # a pooling of 2 x 2 moves one at a time
        size = filters * places**2
        self.given = {
            "K1": kernel,
            "b1": rng.normal(size=filters).round(2),
            "W4": rng.normal(size=(3, size)).round(2),
            "b4": rng.normal(size=3).round(2),
            "W5": rng.normal(size=(2, 3)).round(2),
        }
        self.y = np.eye(2)[rng.integers(0, 2, self.count)]
        self.file = {
            "convention": {"affine": "x W^T + b" if self.rows else "W x + b"},
            "input": "pictures",
            "x": (self.x[:, 0] if channels == 1 else self.x).tolist(),
            "y": self.y.tolist(),
            "layers": [
                {"type": "conv", "kernel": kernel.tolist(), "bias": self.given["b1"].tolist()}
                | {"stride": stride, "padding": padding, "activation": "tanh"},
                {"type": f"{pool}-pool", "size": 2, "stride": 1},
                {"type": "flatten"},
                {"weights": self.given["W4"].tolist(), "bias": self.given["b4"].tolist()}
                | {"activation": "relu"},
                {"weights": self.given["W5"].tolist(), "activation": "softmax"},
            ],
            "loss": {"name": "cross-entropy", "over_samples": self.over},
            "update": {"rule": "sgd", "learning_rate": 0.1},
        }
        self.how = {"stride": stride, "padding": padding}
        functions = torch.nn.functional
        self.pool = functions.max_pool2d if pool == "max" else functions.avg_pool2d

    def worked_out(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """By name: what is computed from numbers of PyTorch, and these."""
        made = {name: torch.tensor(one, requires_grad=True) for name, one in self.given.items()}
        made["X"] = torch.tensor(self.x, requires_grad=True)
        found = {}
        found["Z1"] = torch.nn.functional.conv2d(made["X"], made["K1"], made["b1"], **self.how)
        found["H1"] = torch.tanh(found["Z1"])
        found["H2"] = self.pool(found["H1"], 2, 1)
        found["H3"] = found["H2"].reshape(self.count, -1)
        found["Z4"] = found["H3"] @ made["W4"].T + made["b4"]
        found["H4"] = torch.relu(found["Z4"])
        found["Z5"] = found["H4"] @ made["W5"].T
        found["Yhat"] = torch.softmax(found["Z5"], dim=1)
        for one in found.values():
            one.retain_grad()
        loss = -(torch.tensor(self.y) * torch.log(found["Yhat"])).sum()
        found["L"] = loss / self.count if self.over == "mean" else loss
        found["L"].backward()
        return found, made


@pytest.mark.parametrize("seed", range(12))
def test_values_and_all_gradients_are_those_of_pytorch(seed: int) -> None:
    drawn = Drawn(seed)
    solution = backprop.load(drawn.file).solve()
    found, made = drawn.worked_out()

    def same(id: str, wanted: Any) -> None:
        have = np.asarray(solution[id])
        wanted = wanted.detach().numpy().reshape(have.shape)
        np.testing.assert_allclose(have, wanted, rtol=1e-9, atol=1e-12, err_msg=id)

    same("L", found.pop("L"))
    for name, one in made.items():
        same(f"dL/d{name}", one.grad)
    for name, one in found.items():
        if one.ndim == 4:
            for place in range(drawn.count):
                same(f"{name}_{place + 1}", one[place])
                same(f"dL/d{name}_{place + 1}", one.grad[place])
        else:
            same(name, one if drawn.rows else one.T)
            same(f"dL/d{name}", one.grad if drawn.rows else one.grad.T)


def in_a_batch(drawn: Drawn, channels_last: bool) -> dict[str, Array]:
    """The arrays of a program that keeps all pictures in one: N × C × H × W, or N × H × W × C."""
    found, made = drawn.worked_out()
    arrays = {name: one.detach().numpy() for name, one in found.items()}
    arrays |= {f"d{name}": one.grad.numpy() for name, one in (found | made).items() if name != "L"}
    if not drawn.rows:
        batch = ("H3", "Z4", "H4", "Z5", "Yhat")
        turned = {*batch, *(f"d{name}" for name in batch)}
        arrays = {name: one.T if name in turned else one for name, one in arrays.items()}
    for name, one in arrays.items():
        if channels_last and one.ndim == 4:
            arrays[name] = one.transpose((2, 3, 1, 0) if name == "dK1" else (0, 2, 3, 1))
    return arrays


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_arrays_of_a_whole_batch_are_read_picture_by_picture(
    seed: int, channels_last: bool
) -> None:
    drawn = Drawn(seed)
    report = backprop.load(drawn.file).check(in_a_batch(drawn, channels_last))
    assert {one.verdict for one in report} <= {"correct", "missing"}
    read = {one.id for one in report if one.verdict == "correct"}
    assert {"Z1_1", "Z1_2", "H2_2", "dL/dH1_1", "dL/dZ1_2", "dL/dK1", "dL/db1", "dL/dX"} <= read
    assert not [text for text in report.remarks if "no quantity" in text]


def test_one_wrong_picture_of_a_batch_is_placed() -> None:
    """Its number as the program counts, and no other picture."""
    drawn = Drawn(0)
    arrays = in_a_batch(drawn, channels_last=False)
    arrays["dZ1"] = arrays["dZ1"].copy()
    arrays["dZ1"][1] *= 5
    del arrays["dK1"], arrays["db1"], arrays["dX"]
    report = backprop.load(drawn.file).check(arrays)
    assert [one.id for one in report if one.verdict == "wrong"] == ["dL/dZ1_2"]
    assert report["dL/dZ1_2"].message.startswith("dZ1[1] ")


def test_one_array_with_its_channels_last_is_wrong_among_others() -> None:
    drawn = Drawn(6)
    first, last = (in_a_batch(drawn, channels_last) for channels_last in (False, True))
    assert first["Z1"].shape[1] == 2
    report = backprop.load(drawn.file).check(first | {"Z1": last["Z1"]})
    assert report["Z1_1"].verdict == "wrong"
    assert report["H1_1"].verdict == "correct"


def test_a_batch_that_lacks_a_picture_is_no_batch_of_these() -> None:
    drawn = Drawn(0)
    arrays = in_a_batch(drawn, channels_last=False)
    report = backprop.load(drawn.file).check({"Z1": arrays["Z1"][:1], "Yhat": arrays["Yhat"]})
    assert [one.id for one in report] == ["Yhat"]
    assert any("no quantity `Z1`" in text for text in report.remarks)


@pytest.mark.parametrize("format_", ["python", "pytorch"])
def test_a_program_has_the_same_loss(format_: str) -> None:
    """A program in PyTorch asserts that autograd has the same gradients."""
    drawn = Drawn(3)
    space: dict[str, Any] = {"__name__": "program"}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(backprop.load(drawn.file).solve().render(format_, precision=6), space)  # noqa: S102
    found = float(drawn.worked_out()[0]["L"].detach())
    printed = re.findall(r"^L = (?:tensor\()?([\d.]+)", out.getvalue(), re.MULTILINE)
    assert [float(one) for one in printed] == [pytest.approx(found, rel=1e-5)]


def test_batches_take_some_of_the_pictures() -> None:
    """Three pictures, two and one at a time: SGD by PyTorch on the pictures of each batch."""
    drawn = Drawn(1)
    data = drawn.file
    data["update"] = {"rule": "sgd", "learning_rate": 0.1, "batches": [[1, 3], [2]], "steps": 2}
    found = backprop.load(data).solve().trace["parameters"]
    whole = drawn.x, drawn.y
    for chosen in ([0, 2], [1]):
        drawn.x, drawn.y, drawn.count = whole[0][chosen], whole[1][chosen], len(chosen)
        _, made = drawn.worked_out()
        drawn.given = {
            name: (made[name] - 0.1 * made[name].grad).detach().numpy() for name in drawn.given
        }
    for name, wanted in drawn.given.items():
        have = np.array(found[name])
        np.testing.assert_allclose(have, wanted.reshape(have.shape), rtol=1e-9, err_msg=name)


FILE = """
x:
  - [[1, 0, 2, 1], [0, 3, 1, 0], [2, 1, 0, 1], [1, 0, 1, 2]]
  - [[0, 1, 1, 0], [2, 0, 1, 4], [1, 1, 0, 2], [0, 2, 1, 1]]
input: pictures
layers:
  - {type: conv, kernel: [[1, 0], [-1, 1]], bias: 0.5, activation: relu}
  - {type: max-pool, size: 2, stride: 1}
  - {type: flatten}
  - {weights: [[0.1, -0.2, 0.05, 0], [0, 0.1, 0.3, -0.1]], activation: softmax}
y: {labels: [1, 2], classes: 2}
loss: cross-entropy
"""


def test_a_page_says_how_the_pictures_meet_and_part() -> None:
    text = backprop.load(FILE).solve().render("text", ascii=False)
    assert "2 pictures, columns where they are vectors" in text
    assert "H³ = [flatten(H²₁), flatten(H²₂)]ᵀ" in text
    assert "∂L/∂H²ₙ  for every picture" in text
    assert "∂L/∂H²ₙ = reshape((∂L/∂H³)[:,n]; 2×2)" in text
    assert "∂L/∂K¹ = Σₙ Xₙ ∗ ∂L/∂Z¹ₙ" in text
    assert "step" not in text
    rows = backprop.load("convention: {affine: x W^T + b}" + FILE).solve().render("text")
    assert "∂L/∂H²ₙ = reshape((∂L/∂H³)ₙ; 2×2)" in rows


def test_pictures_keep_their_order_on_the_way_back() -> None:
    solution = backprop.load(FILE).solve()
    text = solution.render("text", ascii=False)
    assert "= X₁ ∗ ∂L/∂Z¹₁ + X₂ ∗ ∂L/∂Z¹₂\n" in text
    back = [each["id"] for each in solution.trace["steps"] if each["phase"] == "backward"]
    of_pictures = [f"dL/d{name}_{n}" for name in ("H2", "H1", "Z1") for n in (1, 2)]
    assert sorted(of_pictures, key=back.index) == [
        *("dL/dH2_1", "dL/dH2_2"),
        *("dL/dH1_1", "dL/dZ1_1", "dL/dH1_2", "dL/dZ1_2"),
    ]


def test_the_trace_says_that_these_are_pictures() -> None:
    (together,) = backprop.load(FILE).solve().trace["over_time"]
    assert (together["letter"], together["of"]) == ("n", "picture")
    assert together["names"] == {name: [f"{name}_1", f"{name}_2"] for name in ("Z1", "H1", "H2")}


def windows(x: Array, k: Array) -> Array:
    places = [size - part + 1 for size, part in zip(x.shape, k.shape, strict=True)]
    high, wide = k.shape
    found = [(x[i : i + high, j : j + wide] * k).sum() for i, j in np.ndindex(*places)]
    return np.array(found).reshape(places)


def test_slips_of_one_picture_are_named() -> None:
    problem = backprop.load(FILE)
    solution = problem.solve()
    ids = ("Z1_1", "Z1_2", "Yhat", "L", "dL/dZ1_1", "dL/dZ1_2")
    right = {id: solution[id] for id in ids}
    x = np.array(problem.solve().trace["given"]["X"], float)
    parts = [windows(x[n], np.asarray(solution[f"dL/dZ1_{n + 1}"])) for n in (0, 1)]

    def graded(**changed: Any) -> Any:
        sheet = {**right, "dL/dK1": sum(parts), **changed}
        return problem.check({id: np.round(one, 5).tolist() for id, one in sheet.items()})

    assert graded().first_wrong is None
    for part in parts:
        assert "path-lost" in graded(**{"dL/dK1": part})["dL/dK1"].slips
    assert "mean-sum-confused" in graded(L=2 * solution["L"])["L"].slips
    swapped = graded(Z1_1=solution["Z1_2"], Z1_2=solution["Z1_1"])
    assert swapped["Z1_1"].slips == ("wrong-operand",)


PARTS = FILE.split("layers:\n")[1].partition("y: {")[0].splitlines(keepends=True)


@pytest.mark.parametrize(
    ("old", "new", "message", "instead"),
    [
        ("input: pictures", "input: picture", "has 2 channels, the kernel one", "input: pictures"),
        ("input: pictures", "input: images", "should be", "pictures"),
        ("input: pictures\n", "", "a sample is a vector", "`input: pictures` where"),
        (PARTS[2], "", "layer 3 is dense and takes vectors, and here come pictures", "flatten"),
        ("".join(PARTS[2:]), "", "the last layer gives pictures", "- {type: flatten}"),
        ("labels: [1, 2]", "labels: [1]", "x is 2 samples, and here are 1 labels", "labels:"),
        ("y: {", "samples: 3\ny: {", "`samples` is 3, and by the numbers of x it is 2", "leave"),
        ("[[1, 0], [-1, 1]]", "[[1, 0, 0, 0, 0]]", "does not fit into 4", "at most 4"),
        (
            "activation: softmax}",
            "activation: softmax, skip: [{from: 1, weights: [[1], [2]]}]}",
            "what layer 1 gives is pictures, and a skip adds vectors",
            "behind the flattening",
        ),
    ],
)
def test_what_does_not_fit_is_said(old: str, new: str, message: str, instead: str) -> None:
    assert old in FILE
    with pytest.raises(backprop.Error) as caught:
        backprop.load(FILE.replace(old, new)).solve()
    first = caught.value.complaints[0]
    assert message in first.message
    assert instead in (first.instead or "")


def test_dropout_has_one_mask_for_all_pictures_or_one_each() -> None:
    masks = [[[1, 0, 1]] * 3, [[0, 1, 1]] * 3]
    relu = "activation: relu"
    plain = backprop.load(FILE).solve()
    for mask, each in ((masks[0], (masks[0], masks[0])), (masks, masks)):
        file = FILE.replace(relu, f"{relu}, dropout: {{mask: {mask}, keep: 0.5}}")
        found = backprop.load(file).solve()
        for n, own in enumerate(each, 1):
            wanted = np.array(own) * plain[f"H1_{n}"] / 0.5
            np.testing.assert_allclose(found[f"H1_{n}"], wanted)
