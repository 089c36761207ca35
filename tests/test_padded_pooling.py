"""Pooling that reaches beyond the picture: values and gradients are PyTorch's, in every reading."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed")
KINDS = {"max": "", "mean": "", "mean of what is there": ", count_padding=0"}


class Drawn:
    """A pooling that comes out whole, what it is of, and what PyTorch makes of both."""

    def __init__(self, kind: str, seed: int) -> None:
        rng = np.random.default_rng([seed, *kind.encode()])
        while True:
            axes, channels = (int(n) for n in rng.integers((1, 0), (3, 3)))
            size, stride = (int(n) for n in rng.integers((2, 1), (5, 4)))
            self.padding = int(rng.integers(1, size // 2 + 1))
            shape = rng.integers(2, 7, axes)
            room = shape + 2 * self.padding - size
            if not any(room % stride) and min(room) >= 0:
                break
        before = (channels,) if channels and axes == 2 else ()
        self.x = rng.normal(size=(*before, *shape)).round(2)
        name = f"{kind[:4].strip()}_pool"
        self.formula = f"{name}(X, {size}, stride={stride}, padding={self.padding}{KINDS[kind]})"
        x = torch.tensor(self.x, requires_grad=True)
        pool = getattr(torch.nn.functional, f"{'max' if kind == 'max' else 'avg'}_pool{axes}d")
        more = {} if kind == "max" else {"count_include_pad": kind == "mean"}
        z = pool(x.reshape(1, -1, *shape), size, stride, self.padding, **more)
        self.z = z.reshape(*before, *z.shape[2:])
        self.g = rng.normal(size=self.z.shape).round(2)
        ((torch.tensor(self.g) * self.z).sum() + (self.z**3).sum() / 3).backward()
        self.slope = x.grad.numpy()

    @property
    def problem(self) -> backprop.Problem:
        values = {"X": self.x.tolist(), "g": self.g.tolist()}
        equations = [f"Z = {self.formula}", "L = sum(g * Z) + sum(Z^3) / 3"]
        return backprop.load({"values": values, "equations": equations})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(30))
def test_values_and_gradients_are_those_of_pytorch(kind: str, seed: int) -> None:
    drawn = Drawn(kind, seed)
    solution = drawn.problem.solve()
    np.testing.assert_allclose(solution["Z"], drawn.z.detach(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(solution["dL/dX"], drawn.slope, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format_", ["python", "pytorch"])
def test_a_program_has_the_same_values(kind: str, format_: str) -> None:
    for drawn in (Drawn(kind, seed) for seed in range(40, 46)):
        space: dict[str, Any] = {"__name__": "program"}
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(drawn.problem.solve().render(format_, precision=6), space)  # noqa: S102
        numbers = out.getvalue().replace("[", " ").replace("]", " ").replace(",", " ").split()
        found = {
            round(float(text), 4)
            for text in numbers
            if text.lstrip("-").replace(".", "", 1).replace("e-", "", 1).isdigit()
        }
        assert {round(float(one), 4) + 0.0 for one in drawn.slope.ravel()} <= found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format_", ["text", "markdown", "latex", "html", "json"])
def test_every_format_has_it_and_no_name_of_our_own(kind: str, format_: str) -> None:
    drawn = Drawn(kind, 3)
    page = drawn.problem.solve().render(format_)
    assert "padded_m" not in page
    assert "lowest" not in page
    if format_ == "json":
        again = json.loads(page)["steps"]
        assert {"Z", "L", "dL/dZ", "dL/dX"} <= {step["id"] for step in again}


NETWORK = """
x: {x}
input: picture
layers:
  - {{type: conv, kernel: {k}, bias: {b}, activation: tanh, padding: 1}}
  - {{type: {pool}, size: 3, stride: 2, padding: 1{more}}}
  - {{type: flatten}}
  - {{weights: {w}, bias: [0.1]}}
y: [0.5]
loss: squared-error
update: {{rule: sgd, learning_rate: 0.1, steps: 3}}
"""


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_layers_are_trained_as_by_pytorch(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, k = rng.normal(size=(2, 5, 5)).round(2), rng.normal(size=(3, 2, 3, 3)).round(2)
    b, w = rng.normal(size=3).round(2), rng.normal(size=(1, 27)).round(2)
    counted = kind != "mean of what is there"
    pool = "max-pool" if kind == "max" else "mean-pool"
    more = "" if counted else ", count_padding: false"
    arrays = {name: array.tolist() for name, array in (("x", x), ("k", k), ("b", b), ("w", w))}
    solution = backprop.load(NETWORK.format(**arrays, pool=pool, more=more)).solve()
    functions, rows = (
        torch.nn.functional,
        [("K1", k), ("b1", b), ("W4", w), ("b4", np.array([0.1]))],
    )
    made = {name: torch.tensor(array, requires_grad=True) for name, array in rows}
    losses = []
    for _ in range(3):
        z = functions.conv2d(torch.tensor(x)[None], made["K1"], made["b1"], padding=1)
        h = torch.tanh(z)
        p = (
            functions.max_pool2d(h, 3, 2, 1)
            if kind == "max"
            else functions.avg_pool2d(h, 3, 2, 1, count_include_pad=counted)
        )
        loss = ((made["W4"] @ p.flatten() + made["b4"] - 0.5) ** 2).sum()
        loss.backward()
        losses.append(loss.item())
        if len(losses) == 1:
            for name, one in made.items():
                slope = one.grad.numpy()
                np.testing.assert_allclose(solution[f"dL/d{name}"], slope, rtol=1e-9, atol=1e-12)
        with torch.no_grad():
            for one in made.values():
                one.sub_(0.1 * one.grad)
                one.grad = None
    np.testing.assert_allclose(solution.trace["loss"]["history"][:3], losses, rtol=1e-9)


# What is said, and what is wrong ----------------------------------------------------------------

EDGE = """values: {{X: [[-5, -1, 2], [-2, -4, 3], [1, 2, 6]]}}
equations: ["Z = {}", L = sum(Z^2) / 2]
ask: [Z, L, dL/dZ, dL/dX]
"""


def test_what_is_around_a_maximum_is_left_out_of_it() -> None:
    problem = backprop.load(EDGE.format("max_pool(X, 3, stride=2, padding=1)"))
    page = problem.solve().render("text")
    assert "Z₁₁ = max(X₁₁, X₁₂, X₂₁, X₂₂) = max(−5, −1, −2, −4) = −1" in page
    assert "pad puts −∞ on every side, which is never the largest" in page
    assert "(∂L/∂Z)₁₁ = −1 goes to X₁₂ alone" in page
    assert "crop takes one off every side" in page
    letters = problem.derive(of="L", wrt="X[1,2]").render("text")
    assert "max(X₁₁, X₁₂, X₂₁, X₂₂)" in letters
    assert "∞" not in letters


def test_a_mean_says_what_counts() -> None:
    for more, said in (
        ("", "Z₁₁ = (X₁₁ + X₁₂ + X₂₁ + X₂₂) / 9"),
        (", count_padding=0", "Z₁₁ = (X₁₁ + X₁₂ + X₂₁ + X₂₂) / 4"),
    ):
        page = backprop.load(EDGE.format(f"mean_pool(X, 3, stride=2, padding=1{more})")).solve()
        assert said in page.render("text")
        assert ("which count in every mean" in page.render("text")) == (not more)


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("max_pool(X, 2, padding=2)", "windows of 2 would hold nothing but that"),
        ("max_pool(X, 2, padding=-1)", "at least 0"),
        ("max_pool(X, 2, padding=1)", "does not come out whole"),
        ("max_pool(X, 2, padding=1, count_padding=0)", "no option `count_padding`"),
        ("max_pool(X, 2, pad=1)", "`padding`"),
        ("mean_pool(X, 9, padding=1)", "does not fit"),
    ],
)
def test_what_does_not_fit_is_said(formula: str, said: str) -> None:
    with pytest.raises(backprop.Error, match=said) as caught:
        backprop.load(EDGE.format(formula)).solve()
    assert "padded_" not in str(caught.value)


def padded(x: Any, fill: float) -> Any:
    return np.pad(np.array(x, dtype=float), 1, constant_values=fill)


def windows(x: Any) -> Any:
    return np.array([[x[i : i + 3, j : j + 3] for j in (0, 2)] for i in (0, 2)])


WRONG: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "zeros below a maximum": (
        "max_pool(X, 3, stride=2, padding=1)",
        lambda x: windows(padded(x, 0)).max(axis=(2, 3)),
    ),
    "zeros not counted": (
        "mean_pool(X, 3, stride=2, padding=1)",
        lambda x: windows(padded(x, 0)).sum(axis=(2, 3)) / 4,
    ),
    "zeros counted": (
        "mean_pool(X, 3, stride=2, padding=1, count_padding=0)",
        lambda x: windows(padded(x, 0)).sum(axis=(2, 3)) / 9,
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_something_else_around_has_a_name(what: str) -> None:
    formula, wrong = WRONG[what]
    problem = backprop.load(EDGE.format(formula))
    right, x = problem.solve(), problem.solve()["X"]
    found = problem.check({"Z": wrong(x).round(4).tolist()})
    assert (found["Z"].verdict, found["Z"].slips[:1]) == ("wrong", ("wrong-padding",))
    near = (wrong(x) + 0.05).round(4).tolist()
    assert "wrong-padding" not in problem.check({"Z": near})["Z"].slips
    for digits in range(2, 6):
        sheet = {id: np.round(right[id], digits).tolist() for id in ("Z", "L", "dL/dZ", "dL/dX")}
        assert problem.check(sheet).score == 4


def test_it_goes_back_as_it_went() -> None:
    """The gradient of a mean over what is there, put back by a loop over the windows."""
    problem = backprop.load(EDGE.format(WRONG["zeros counted"][0]))
    g, slope = problem.solve()["dL/dZ"], np.zeros((5, 5))
    for i, j in islice(np.ndindex(2, 2), 4):
        slope[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += g[i, j] / 9
    found = problem.check({"dL/dZ": g.tolist(), "dL/dX": slope[1:-1, 1:-1].round(5).tolist()})
    assert (found["dL/dX"].verdict, found["dL/dX"].slips[:1]) == ("wrong", ("wrong-padding",))


def test_a_padding_of_nothing_is_none() -> None:
    values = 'values: {X: "1 -2; 3 4"}'
    for call in ("max_pool(X, padding=0)", "mean_pool(X, padding=0, count_padding=0)"):
        plain = call.partition(",")[0] + ")"
        files = (f"{values}\nequations: ['h = {one}']\n" for one in (call, plain))
        one, other = (backprop.load(file).solve()["h"] for file in files)
        assert one == other
