"""Convolution and pooling against plain loops in NumPy, PyTorch where it is, finite differences."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from numpy.typing import NDArray

import backprop_cli as backprop
from backprop_cli.cli import main

Array = NDArray[np.float64]
PROBLEMS = Path(__file__).resolve().parent.parent / "problems"
SEEDS = range(60)


# Plain loops --------------------------------------------------------------------------------------


def convolved(x: Array, k: Array, stride: int, padding: int, dilation: int = 1) -> Array:
    """Filters × places from channels × places and filters × channels × places, by loops alone."""
    axes = x.ndim - 1
    wide = np.zeros((x.shape[0], *(n + 2 * padding for n in x.shape[1:])))
    wide[(slice(None), *(slice(padding, padding + n) for n in x.shape[1:]))] = x
    reach = [dilation * (w - 1) + 1 for w in k.shape[2:]]
    counts = [(n - w) // stride + 1 for n, w in zip(wide.shape[1:], reach, strict=True)]
    z = np.zeros((k.shape[0], *counts))
    for f, *at in product(range(k.shape[0]), *map(range, counts)):
        total = 0.0
        for c, *offset in product(range(k.shape[1]), *map(range, k.shape[2:])):
            place = tuple(stride * i + dilation * a for i, a in zip(at, offset, strict=True))
            total += wide[(c, *place)] * k[(f, c, *offset)]
        z[(f, *at)] = total
    assert z.ndim == axes + 1
    return z


def pooled(x: Array, size: int, stride: int, ties: float | str) -> tuple[Array, Array]:
    """Max pooling of channels × places, and how much of each window's gradient an entry gets."""
    axes = x.ndim - 1
    counts = [(n - size) // stride + 1 for n in x.shape[1:]]
    values = np.zeros((x.shape[0], *counts))
    shares = np.zeros((*values.shape, *x.shape))
    for place in np.ndindex(values.shape):
        c, *at = place
        inside = [
            (c, *(stride * i + a for i, a in zip(at, offset, strict=True)))
            for offset in product(range(size), repeat=axes)
        ]
        values[place] = max(x[one] for one in inside)
        top = [one for one in inside if x[one] == values[place]]
        each = {"first": 1.0, "shared": 1 / len(top)}.get(str(ties), 1.0 if len(top) == 1 else ties)
        for one in top[:1] if ties == "first" else top:
            shares[(*place, *one)] = float(each)
    return values, shares


class Drawn:
    """A drawn convolution: sizes that come out whole, with channels and filters or without."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.axes = int(rng.integers(1, 3))
        self.stride, self.padding = int(rng.integers(1, 4)), int(rng.integers(0, 3))
        window = rng.integers(1, 4, self.axes)
        counts = rng.integers(1, 4, self.axes)
        self.dilation = int(rng.integers(1, 4)) if seed % 2 else 1
        reach = self.dilation * (window - 1) + 1
        places = (counts - 1) * self.stride + reach - 2 * self.padding
        places = np.where(places < 1, places + self.stride * np.ceil(2 / self.stride) * 2, places)
        self.places = tuple(int(n) for n in places)
        self.channels, self.filters = (int(n) if n else None for n in rng.integers(0, 3, 2))
        x = (self.channels,) if self.channels else ()
        k = ((self.filters,) if self.filters else ()) + x
        self.x = rng.integers(-4, 5, (*x, *self.places)).astype(float)
        self.k = rng.integers(-3, 4, (*k, *map(int, window))).astype(float)
        self.b = rng.integers(-2, 3, (self.filters,) if self.filters else ()).astype(float)

    def full(self) -> tuple[Array, Array]:
        """x as channels × places, k as filters × channels × places."""
        x = self.x if self.channels else self.x[None]
        return x, self.k.reshape(self.filters or 1, self.channels or 1, *self.k.shape[-self.axes :])

    @property
    def formula(self) -> str:
        options = f"stride={self.stride}, padding={self.padding}, dilation={self.dilation}"
        return f"conv(x, k, {options}, axes={self.axes})"

    @property
    def how(self) -> tuple[int, int, int]:
        """As `convolved` takes it."""
        return self.stride, self.padding, self.dilation

    def problem(self) -> dict[str, Any]:
        """Two convolutions' worth of paths to one number, so that no gradient is 1 throughout."""
        values = {"x": self.x.tolist(), "k": self.k.tolist()}
        return {
            "values": values,
            "equations": [f"z = {self.formula}", "h = tanh(z / 10)", "L = sum(h^2)"],
        }


def expected(one: Drawn) -> dict[str, Array]:
    x, k = one.full()
    z = convolved(x, k, *one.how)
    h = np.tanh(z / 10)
    g = 2 * h * (1 - h**2) / 10
    dx, dk = np.zeros(x.shape), np.zeros(k.shape)
    for at in np.ndindex(x.shape):  # linear in x and in k: the slope is the value at a unit array
        unit = np.zeros(x.shape)
        unit[at] = 1
        dx[at] = np.sum(g * convolved(unit, k, *one.how))
    for at in np.ndindex(k.shape):
        unit = np.zeros(k.shape)
        unit[at] = 1
        dk[at] = np.sum(g * convolved(x, unit, *one.how))
    shape = z.shape if one.filters else z.shape[1:]
    found = {"z": z.reshape(shape), "L": np.asarray(np.sum(h**2)), "dL/dz": g.reshape(shape)}
    return {**found, "dL/dx": dx.reshape(one.x.shape), "dL/dk": dk.reshape(one.k.shape)}


def solved(problem: dict[str, Any]) -> backprop.Solution:
    return backprop.load(problem).solve()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_convolution_and_its_gradients_are_those_of_plain_loops(seed: int) -> None:
    one = Drawn(seed)
    found = solved(one.problem())
    for id, wanted in expected(one).items():
        np.testing.assert_allclose(found[id], wanted, rtol=1e-9, atol=1e-12, err_msg=id)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_convolution_and_its_gradients_are_those_of_pytorch(seed: int) -> None:
    torch = pytest.importorskip("torch")
    one = Drawn(seed)
    x, k = (torch.tensor(each, requires_grad=True) for each in one.full())
    conv = torch.nn.functional.conv1d if one.axes == 1 else torch.nn.functional.conv2d
    z = conv(x[None], k, None, *one.how)[0]
    z.retain_grad()
    (torch.tanh(z / 10) ** 2).sum().backward()
    found = solved(one.problem())
    for id, wanted in (("z", z), ("dL/dz", z.grad), ("dL/dx", x.grad), ("dL/dk", k.grad)):
        array = wanted.detach().numpy().reshape(found[id].shape)
        np.testing.assert_allclose(found[id], array, rtol=1e-9, atol=1e-12, err_msg=id)


def transposed(seed: int) -> tuple[Array, Array, int, dict[str, int]]:
    """x (channels × places), k (channels × what comes out × window), axes, and how it slides."""
    rng = np.random.default_rng(seed)
    axes, stride = int(rng.integers(1, 3)), int(rng.integers(1, 4))
    window, places = rng.integers(1, 4, axes), rng.integers(1, 4, axes)
    dilation = int(rng.integers(1, 4)) if seed % 2 else 1
    sizes = (places - 1) * stride + dilation * (window - 1) + 1
    padding = int(rng.integers(0, max(1, (min(sizes) + 1) // 2)))
    channels, out = map(int, rng.integers(1, 3, 2))
    x = rng.integers(-4, 5, (channels, *places)).astype(float)
    k = rng.integers(-3, 4, (channels, out, *window)).astype(float)
    return x, k, axes, {"stride": stride, "padding": padding, "dilation": dilation}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_transposed_convolution_and_its_gradients_are_those_of_pytorch(seed: int) -> None:
    torch = pytest.importorskip("torch")
    x, k, axes, how = transposed(seed)
    held = {"x": torch.tensor(x, requires_grad=True), "k": torch.tensor(k, requires_grad=True)}
    functions = torch.nn.functional
    put = functions.conv_transpose1d if axes == 1 else functions.conv_transpose2d
    held["z"] = put(held["x"][None], held["k"], **how)[0]
    held["z"].retain_grad()
    (torch.tanh(held["z"] / 10) ** 2).sum().backward()
    plain = len(x) == 1 and k.shape[1] == 1 and seed % 3  # without channels
    values = {"x": (x[0] if plain else x).tolist(), "k": (k[0, 0] if plain else k).tolist()}
    options = how if plain else {**how, "axes": axes}
    formula = f"conv_transpose(x, k, {', '.join(f'{key}={n}' for key, n in options.items())})"
    equations = [f"z = {formula}", "h = tanh(z / 10)", "L = sum(h^2)"]
    found = solved({"values": values, "equations": equations})
    wanted = {"z": held["z"], **{f"dL/d{id}": each.grad for id, each in held.items()}}
    for id, tensor in wanted.items():
        array = tensor.detach().numpy().reshape(found[id].shape)
        np.testing.assert_allclose(found[id], array, rtol=1e-9, atol=1e-12, err_msg=id)


def test_a_transposed_convolution_is_printed_as_one_with_the_turned_kernel() -> None:
    values = {"x": [1, 2, -1], "w": [1, 2, 0]}
    equations = ["y = conv_transpose(x, w, stride=2, padding=1)", "L = sum(y^2)"]
    whole = yaml.safe_dump({"values": values, "equations": equations})
    page = CliRunner().invoke(main, ["solve", "-"], input=whole).output
    assert "y = pad(spaced(x)) ∗ rot(w)" in page
    assert "y₃ = x₂ · w₂ = 2 · 2 = 4" in page  # of 1 2 0 · · / · · 2 4 0 / …, the ends taken off
    assert "each entry puts the kernel, that many times, where its window is" in page
    assert "∂L/∂x = pad(∂L/∂y) ∗ w" in page


# Pooling ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ties", ["first", "shared", 0.5])
@pytest.mark.parametrize("seed", range(20))
def test_pooling_with_ties_is_that_of_plain_loops(seed: int, ties: float | str) -> None:
    rng = np.random.default_rng(seed)
    axes, size = int(rng.integers(1, 3)), int(rng.integers(1, 4))
    stride = int(rng.integers(1, 4))
    places = tuple(int(n - 1) * stride + size for n in rng.integers(1, 4, axes))
    x = rng.integers(0, 3, (2, *places)).astype(float)  # so few numbers that many tie
    weights = rng.integers(-3, 4, pooled(x, size, stride, ties)[0].shape).astype(float)
    found = solved(
        {
            "convention": {"kinks": {"max": ties}},
            "values": {"x": x.tolist(), "w": weights.tolist()},
            "equations": [
                f"p = max_pool(x, {size}, stride={stride}, axes={axes})",
                f"m = mean_pool(x, {size}, stride={stride}, axes={axes})",
                "L = sum(p * w) + sum(m * w)",
            ],
        }
    )
    values, shares = pooled(x, size, stride, ties)
    np.testing.assert_array_equal(found["p"], values)
    ones = np.eye(2)[:, :, None].repeat(size**axes, 2).reshape(2, 2, *[size] * axes)
    mean = convolved(x, ones, stride, 0)
    np.testing.assert_allclose(found["m"], mean / size**axes, rtol=1e-12)
    to_winners = np.tensordot(weights, shares, weights.ndim)
    to_all = np.zeros(x.shape)
    for at in np.ndindex(weights.shape):
        c, *place = at
        to_all[(c, *(slice(stride * i, stride * i + size) for i in place))] += weights[at]
    np.testing.assert_allclose(found["dL/dx"], to_winners + to_all / size**axes, rtol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_pooling_is_that_of_pytorch(seed: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    size, stride = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    places = tuple(int(n - 1) * stride + size for n in rng.integers(1, 4, 2))
    x = torch.tensor(rng.normal(size=(2, *places)), requires_grad=True)
    p = torch.nn.functional.max_pool2d(x[None], size, stride)[0]
    m = torch.nn.functional.avg_pool2d(x[None], size, stride)[0]
    ((p**2).sum() + (m**3).sum()).backward()
    found = solved(
        {
            "values": {"x": x.detach().numpy().tolist()},
            "equations": [
                f"p = max_pool(x, {size}, stride={stride})",
                f"m = mean_pool(x, {size}, stride={stride})",
                "L = sum(p^2) + sum(m^3)",
            ],
        }
    )
    for id, wanted in (("p", p), ("m", m), ("dL/dx", x.grad)):
        array = wanted.detach().numpy()
        np.testing.assert_allclose(found[id], array, rtol=1e-9, atol=1e-12, err_msg=id)


# Layers -------------------------------------------------------------------------------------------


def network(seed: int) -> tuple[dict[str, Any], dict[str, Array]]:
    """conv + relu, pool, flatten, dense + softmax of a drawn picture with two channels."""
    rng = np.random.default_rng(seed)
    arrays = {
        "x": rng.normal(size=(2, 6, 6)),
        "K1": rng.normal(size=(3, 2, 3, 3)) / 4,
        "b1": rng.normal(size=3),
        "W4": rng.normal(size=(2, 12)) / 4,
        "b4": rng.normal(size=2),
    }
    pool = "max-pool" if seed % 2 else "mean-pool"
    kernel, bias = arrays["K1"].tolist(), arrays["b1"].tolist()
    layers = [
        {"type": "conv", "kernel": kernel, "bias": bias, "activation": "relu"},
        {"type": pool, "size": 2},
        {"type": "flatten"},
        {"weights": arrays["W4"].tolist(), "bias": arrays["b4"].tolist(), "activation": "softmax"},
    ]
    said = {"x": arrays["x"].tolist(), "input": "picture", "layers": layers}
    return {**said, "y": [0, 1], "loss": "cross-entropy"}, arrays


@pytest.mark.parametrize("seed", range(6))
def test_a_network_of_layers_is_that_of_pytorch(seed: int) -> None:
    torch = pytest.importorskip("torch")
    problem, arrays = network(seed)
    held = {name: torch.tensor(value, requires_grad=True) for name, value in arrays.items()}
    functions = torch.nn.functional
    h = torch.relu(functions.conv2d(held["x"][None], held["K1"], held["b1"]))
    p = functions.max_pool2d(h, 2) if seed % 2 else functions.avg_pool2d(h, 2)
    logits = held["W4"] @ p.reshape(-1) + held["b4"]
    loss = -torch.log_softmax(logits, 0)[1]
    loss.backward()
    found = solved(problem)
    assert found["L"] == pytest.approx(loss.item(), rel=1e-9)
    np.testing.assert_allclose(found["H2"], p[0].detach().numpy(), rtol=1e-9)
    for name, value in held.items():
        id = "dL/dX" if name == "x" else f"dL/d{name}"
        np.testing.assert_allclose(found[id], value.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_every_gradient_is_the_slope(seed: int) -> None:
    problem, _ = network(seed)
    text = yaml.safe_dump(problem)
    done = CliRunner().invoke(main, ["solve", "-", "--verify"], input=text)
    assert done.exit_code == 0, done.output
    largest = re.search(r"the largest of all\s+is (\S+)", done.output)
    assert largest is not None
    assert float(largest[1]) < 1e-6


def test_a_flipped_convolution_turns_its_kernel() -> None:
    x, k = [1.0, 2, -1, 0, 3], [0.5, -1, 2]
    problem = {"values": {"x": x, "k": k}, "equations": ["z = conv(x, k)", "L = sum(z^2)"]}
    flipped = solved({**problem, "convention": {"convolution": "flipped"}})
    np.testing.assert_allclose(flipped["z"], np.convolve(x, k, "valid"), rtol=1e-12)
    g = 2 * np.convolve(x, k, "valid")
    np.testing.assert_allclose(flipped["dL/dx"], np.correlate(g, k, "full"), rtol=1e-12)
    np.testing.assert_allclose(flipped["dL/dk"], np.correlate(x, g, "valid")[::-1], rtol=1e-12)
    layers = [{"type": "conv", "kernel": k}]
    same = solved({"x": x, "layers": layers, "convention": {"convolution": "flipped"}})
    np.testing.assert_allclose(same["Z1"], flipped["z"], rtol=1e-12)


# What is said of files that do not fit ------------------------------------------------------------

PICTURE = {"x": [[1, 2, 0], [0, 1, 3], [2, 2, 1]], "input": "picture"}


def told(problem: dict[str, Any]) -> str:
    with pytest.raises(backprop.Error) as caught:
        backprop.load(problem)
    return " | ".join(f"{one.message} -> {one.instead}" for one in caught.value.complaints)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ({"type": "convv"}, "-> conv"),
        ({"type": "conv2d", "kernel": [[1]]}, "-> conv"),
        ({"type": "avg_pool"}, "-> mean-pool"),
        ({"type": "conv"}, "`kernel` is missing"),
        ({"type": "max-pool", "kernel": [[1]]}, "`kernel` belongs to `conv`"),
        ({"type": "conv", "kernel": [[1]], "weights": [[1]]}, "`weights` belongs to `dense`"),
        ({"kernel": [[1]]}, "-> type: conv, beside it"),
        ({"type": "conv", "filter": [[1, 1]]}, "did you mean `kernel`?"),
        ({"type": "conv", "kernel": [[1, 1], [1, 1]], "stride": 2}, "(3 + 2·0 - 2)/2 + 1 = 1.5"),
        ({"type": "conv", "kernel": [[1, 1], [1, 1]], "stride": 2}, "-> stride=1"),
        (
            {"type": "conv", "kernel": [[1] * 2] * 2, "stride": 2, "dilation": 3, "padding": 1},
            "(3 + 2·1 - 3·(2 - 1) - 1)/2 + 1 = 1.5",
        ),
        (
            {"type": "conv", "kernel": [[1] * 3] * 3, "dilation": 2},
            "a kernel of 3, which reaches over 5 with dilation 2, does not fit into 3 entries",
        ),
        ({"type": "conv", "kernel": [[1]], "dilatation": 1}, "did you mean `dilation`?"),
        ({"type": "conv", "kernel": [[1]], "atrous": 1}, "-> dilation"),
        ({"type": "max-pool", "size": 2}, "a window of 2 with stride 2 does not come out whole"),
        ({"type": "conv", "kernel": [[1] * 4] * 4}, "a kernel of 4 does not fit into 3 entries"),
        ({"type": "conv", "kernel": [1, 1]}, "a vector of 2 does not slide over a 3 × 3 matrix"),
        ({"type": "conv", "kernel": [[1]], "bias": [1, 2]}, "the bias of layer 1"),
        (
            {"type": "conv", "kernel": [[1]], "activation": "softmax"},
            "softmax is taken of a vector",
        ),
        ({"type": "conv", "kernel": [[1]], "stride": 0}, "a whole number, at least 1"),
        ({"weights": [[1, 2, 3]]}, "layer 1 is dense and takes a vector"),
    ],
)
def test_a_layer_that_does_not_fit_is_told_what_would(layer: dict[str, Any], said: str) -> None:
    assert said in told({**PICTURE, "layers": [layer]})


@pytest.mark.parametrize(("size", "window", "stride"), [(7, 2, 3), (8, 3, 4), (9, 2, 6), (9, 3, 4)])
def test_the_padding_that_is_advised_is_the_least_that_comes_out(
    size: int, window: int, stride: int
) -> None:
    picture = {**PICTURE, "x": [[1] * size] * size}
    layer = {"type": "conv", "kernel": [[1] * window] * window, "stride": stride}
    tried = [more for more in range(1, 50) if (size + 2 * more - window) % stride == 0]
    said = told({**picture, "layers": [layer]})
    assert (f"or padding larger by {tried[0]}" in said) if tried else "larger" not in said


@pytest.mark.parametrize("how", [{"stride": 10**15}, {"stride": 4, "padding": 10**15}])
def test_strides_and_paddings_of_any_size_are_told_at_once(how: dict[str, int]) -> None:
    layer = {"type": "conv", "kernel": [[1, 2], [3, 4]], **how}
    assert "does not come out whole" in told({**PICTURE, "layers": [layer]})


def test_samples_are_no_picture() -> None:
    layers = [{"type": "conv", "kernel": [[1]]}]
    assert "`input: picture` in the file" in told({"x": [[1, 2], [3, 4]], "layers": layers})


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("conv(X, K, stride=2)", "does not come out whole"),
        ("conv(X, x)", "does not slide over"),
        ("conv_transpose(X, x)", "does not slide over"),
        ("conv_transpose(X, K, padding=2)", "takes off all"),
        ("conv(X, K, padding=-1)", "at least 0"),
        ("conv(X, K, axes=3)", "along 1 axis or 2"),
        ("max_pool(X, 2)", "does not come out whole"),
        ("max_pool(X, x)", "the size of the windows, a whole number"),
        ("max_pool(X, 2, stride=0)", "at least 1"),
        ("mean_pool(x, 4)", "a window of 4 does not fit"),
        ("rot(3)", "rot turns a vector or a matrix"),
    ],
)
def test_an_equation_that_does_not_fit_is_told_what_would(formula: str, said: str) -> None:
    values = {"X": PICTURE["x"], "K": [[1, 2], [0, 1]], "x": [1, 2, 3]}
    assert said in told({"values": values, "equations": [f"z = {formula}"]})


# What is printed ---------------------------------------------------------------------------------


def printed(name: str, *options: str) -> str:
    done = CliRunner().invoke(
        main, ["solve", str(PROBLEMS / f"{name}.yaml"), "--width", "80", *options]
    )
    assert done.exit_code == 0, done.output
    return done.output


def test_a_page_has_the_sum_of_any_entry_and_one_window_written_out() -> None:
    """The last entry of z by hand: 0.5 · (-1) - 1 · 0 + 2 · 3 + 0.5 = 6; the middle of dL/dx:
    0 · 2 - 2.5 + 4 · 0.5 = -0.5."""
    page = printed("convolution-1d")
    for line in (
        "z = x ∗ w + b",
        "zᵢ = Σᵤ wᵤ · xᵢ₊ᵤ₋₁ + b",
        "z₁ = w₁ · x₁ + w₂ · x₂ + w₃ · x₃ + b",
        "∂L/∂w = x ∗ ∂L/∂z",
        "∂L/∂x = pad(∂L/∂z) ∗ rot(w)",
        "(∂L/∂x)₃ = (∂L/∂z)₁ · w₃ + (∂L/∂z)₂ · w₂ + (∂L/∂z)₃ · w₁",
        "= 0 · 2 + 2.5 · (−1) + 4 · 0.5 = −0.5",
    ):
        assert line in page, line
    assert "z₃ = " not in page
    long = printed("convolution-1d", "--detail", "long")
    assert "z₃ = w₁ · x₃ + w₂ · x₄ + w₃ · x₅ + b" in long


def test_a_page_says_where_each_gradient_of_a_window_goes() -> None:
    page = printed("convolution-network")
    assert "H²₁₂ = max(H¹₁₃, H¹₁₄, H¹₂₃, H¹₂₄) = max(6.5, 0, 9.5, 0) = 9.5" in page
    assert "(∂L/∂H²)₁₁ = −5 goes to H¹₁₁ alone" in page
    assert "(∂L/∂H²)₁₂ = 2.5 goes to H¹₂₃ alone" in page
    assert "(∂L/∂P)₁₂ = 4 goes to X₁₃, X₁₄ and X₂₄" in printed("pooling-ties")


def test_letters_of_sizes_are_added_up() -> None:
    text = "shapes: {x: [n], w: [k]}\nequations: ['z = conv(x, w)', L = sum(z^2)]\n"
    done = CliRunner().invoke(main, ["derive", "-"], input=text)
    assert done.exit_code == 0, done.output
    assert "(n−k+1)" in done.output
    assert "∂L/∂x = pad(∂L/∂z) ∗ rot(w)" in done.output


def index_by_index(one: Drawn) -> str:
    data = {**one.problem(), "convention": {"indices": 0}}
    return CliRunner().invoke(main, ["derive", "-", "--index"], input=yaml.safe_dump(data)).output


def test_any_entry_has_sums_over_offsets_with_the_stride_in_them() -> None:
    one = Drawn(0)
    one.axes, one.stride, one.padding = 1, 2, 0
    one.x, one.k = np.arange(5.0), np.ones(3)
    assert "zᵢ = Σₘ kₘ · x₂ᵢ₊ₘ" in index_by_index(one)


def test_any_entry_has_the_dilation_in_it_and_no_condition_that_it_does_not_need() -> None:
    data = {
        "values": {"x": [1, 2, 3, 4, 5, 6], "k": [1, 2]},
        "equations": ["z = conv(x, k, stride=2, padding=1, dilation=3)", "L = sum(z^2)"],
    }
    whole = yaml.safe_dump(data)
    index = CliRunner().invoke(main, ["derive", "-", "--index"], input=whole).output
    assert "zᵢ = Σₘ kₘ · x₂ᵢ₊₃ₘ₋₅ · 1{1 ≤ 2i+3m-5 ≤ 6}".replace("-", "−") in index
    page = CliRunner().invoke(main, ["solve", "-"], input=whole).output
    assert "z = pad(x) ∗ spaced(k)" in page
    assert "∂L/∂k = pad(x) ∗ spaced(∂L/∂z)" in page
    assert "spaced puts 1 zero between neighbours, in the kernel 2 zeros" in page
    assert "what slides moves 3 at a time" in page


def test_the_jacobian_of_a_dilated_convolution_is_drawn_with_its_zeros() -> None:
    text = "values: {x: [1, 0, 2, 1], w: [2, 1]}\nequations: ['z = conv(x, w, dilation=2)']\n"
    page = CliRunner().invoke(main, ["derive", "-", "--of", "z", "--wrt", "x"], input=text).output
    assert "⎡w₁  0   w₂  0 ⎤" in page
    assert "⎣0   w₁  0   w₂⎦" in page


@pytest.mark.parametrize("seed", range(10))
def test_a_dilated_layer_is_that_of_pytorch(seed: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    stride, padding, dilation = (int(n) for n in rng.integers((1, 0, 2), (4, 3, 4)))
    places = (rng.integers(1, 4, 2) - 1) * stride + 2 * dilation + 1 + 4 * stride - 2 * padding
    held = {
        "X": rng.normal(size=(2, *places)),
        "K1": rng.normal(size=(3, 2, 3, 3)),
        "b1": rng.normal(size=3),
    }
    x, k, b = (torch.tensor(each, requires_grad=True) for each in held.values())
    z = torch.nn.functional.conv2d(x[None], k, b, stride, padding, dilation)[0]
    (torch.tanh(z).sum() ** 2).backward()
    layer = {"type": "conv", "kernel": held["K1"].tolist(), "bias": held["b1"].tolist()}
    how = {"stride": stride, "padding": padding, "dilation": dilation, "activation": "tanh"}
    upstream = (2 * torch.tanh(z).sum() * torch.ones_like(z)).detach().numpy()
    problem = {
        "input": "picture",
        "x": held["X"].tolist(),
        "layers": [{**layer, **how}],
        "upstream": {"Yhat": upstream.tolist()},
        "ask": ["dL/dX"],
    }
    found = solved(problem)
    for id, wanted in (("Z1", z), ("dL/dX", x.grad), ("dL/dK1", k.grad), ("dL/db1", b.grad)):
        array = wanted.detach().numpy()
        np.testing.assert_allclose(found[id], array, rtol=1e-9, atol=1e-12, err_msg=id)


def test_two_pictures_are_read_as_two_channels_and_told() -> None:
    problem: dict[str, Any] = {
        "input": "picture",
        "x": [[[1, 2], [3, 4]], [[0, 1], [1, 0]]],
        "y": [1],
        "layers": [{"type": "conv", "kernel": [[1, 0], [0, 1]]}, {"type": "flatten"}],
        "loss": "squared-error",
    }
    with pytest.raises(backprop.Error, match="has 2 channels, the kernel one"):
        backprop.load(problem)


# What is written out ------------------------------------------------------------------------------

STRIDED = {
    "input": "picture",
    "x": [[[1, 0, 2, 1, -1]] * 5, [[0, 1, 1, 0, 3]] * 5],
    "y": [1] * 18,
    "layers": [
        {
            "type": "conv",
            "stride": 2,
            "padding": 1,
            "kernel": [[[[1, 2, -1], [3, 4, 5], [0.5, 6, 1]]] * 2] * 2,
            "bias": [0.25, 1],
        },
        {"type": "flatten"},
    ],
    "loss": "half-squared-error",
}


def test_the_window_of_an_entry_leaves_out_what_is_beyond_the_ends() -> None:
    """Z₁₁₁ has the lower right part of the kernel on the upper left of both channels:
    4·1 + 5·0 + 6·1 + 1·0 and 4·0 + 5·1 + 6·0 + 1·1, and the bias."""
    text = backprop.load(STRIDED).solve().render("text", width=80)
    assert "Z¹₁₁₁ = K¹₁₁₂₂ · X₁₁₁ + K¹₁₁₂₃ · X₁₁₂ + K¹₁₁₃₂ · X₁₂₁" in text
    assert "= 4 · 1 + 5 · 0 + 6 · 1 + 1 · 0 + 4 · 0 + 5 · 1 + 6 · 0 + 1 · 1" in text
    assert "= 16.25" in text


def test_slices_of_a_table_fall_below_one_another() -> None:
    text = backprop.load(STRIDED).solve().render("text", width=60)
    assert max(map(len, text.partition("Results")[2].splitlines())) <= 60


def test_a_window_inside_a_condition_is_not_written_out() -> None:
    problem = {
        "values": {"A": [[1, 0, 2], [0, 1, 1], [2, -1, 0]], "K": [[1, -1], [0.5, 2]], "b": 0.5},
        "equations": ["P = relu(conv(A, K) + b)", "Q = relu(conv(A, K.T) - b)", "L = sum(P * Q)"],
    }
    text = backprop.load(problem).solve().render("text", width=80)
    assert "P₁₁ = ReLU(K₁₁ · A₁₁ + K₁₂ · A₁₂" in text
    assert "(∂L/∂K)₁₁ =" not in text


def test_each_channel_has_a_kernel_of_its_own() -> None:
    """A depthwise convolution; the gradient of K, a matrix a channel, in plain loops."""
    rng = np.random.default_rng(2)
    x, k = (
        rng.integers(-3, 4, (2, 3, 3)).astype(float),
        rng.integers(-2, 3, (2, 2, 2)).astype(float),
    )
    equations = ["D1 = conv(X[1], K[1])", "D2 = conv(X[2], K[2])", "L = sum(D1^2) + sum(D2^3)"]
    found = solved({"values": {"X": x.tolist(), "K": k.tolist()}, "equations": equations})
    for c, power in ((0, 2), (1, 3)):
        g = power * convolved(x[c : c + 1], k[c : c + 1, None], 1, 0)[0] ** (power - 1)
        windows = [[np.sum(x[c, a : a + 2, b : b + 2] * g) for b in (0, 1)] for a in (0, 1)]
        np.testing.assert_allclose(found["dL/dK"][c], windows)
