"""Batch norm, layer norm and attention against PyTorch, and NumPy for what it does not have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop
from backprop_cli.algebra.expr import Op, Sym
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.text.parser import parse
from backprop_cli.readings.values import evaluate

SEEDS = range(12)


def solved(values: dict[str, Any], *equations: str, **more: Any) -> Any:
    given = {name: np.asarray(value).tolist() for name, value in values.items()}
    return backprop.load({"values": given, "equations": list(equations), **more}).solve()


def close(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def of_torch(function: Any, values: dict[str, Any]) -> dict[str, Any]:
    """The result of a function and its gradients, the result's being G."""
    torch = pytest.importorskip("torch")
    leaves = {
        name: torch.tensor(value, dtype=torch.float64, requires_grad=True)
        for name, value in values.items()
    }
    upstream = leaves.pop("G")
    result = function(torch.nn.functional, **leaves)
    (upstream * result).sum().backward()
    found = {f"dL/d{name}": leaf.grad.numpy() for name, leaf in leaves.items()}
    return {"O": result.detach().numpy(), **found}


def drawn(seed: int, **shapes: tuple[int, ...]) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


# ---- Norms --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_batch_norm_is_pytorch_s(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m, n = int(rng.integers(2, 7)), int(rng.integers(1, 5))
    eps = [1e-12, 1e-5, 0.1][seed % 3]
    values = drawn(seed, X=(m, n), gamma=(n,), beta=(n,), G=(m, n))
    found = solved(values, f"O = batch_norm(X, gamma, beta, epsilon={eps})", "L = sum(G * O)")
    wanted = of_torch(
        lambda f, X, gamma, beta: f.batch_norm(X, None, None, gamma, beta, training=True, eps=eps),
        values,
    )
    for id, value in wanted.items():
        close(found[id], value)


@pytest.mark.parametrize("seed", SEEDS)
def test_layer_norm_is_pytorch_s(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    m, n = int(rng.integers(1, 5)), int(rng.integers(2, 7))
    eps = [0, 1e-5, 0.1][seed % 3]
    vector = seed % 4 == 0
    shape = (n,) if vector else (m, n)
    values = drawn(seed, X=shape, gamma=(n,), beta=(n,), G=shape)
    found = solved(values, f"O = layer_norm(X, gamma, beta, epsilon={eps})", "L = sum(G * O)")
    wanted = of_torch(lambda f, X, gamma, beta: f.layer_norm(X, (n,), gamma, beta, eps=eps), values)
    for id, value in wanted.items():
        close(found[id], value)


@pytest.mark.parametrize("name", ["layer_norm", "batch_norm"])
def test_a_norm_without_scale_and_shift_has_1_and_0(name: str) -> None:
    values, axis = drawn(3, X=(3, 4), G=(3, 4)), 1 if name == "layer_norm" else 0
    found = solved(values, f"O = {name}(X, epsilon=0.1)", "L = sum(G * O)")
    hat = numpy_norm(values["X"], axis, 0.1)
    close(found["O"], hat)
    g, below = values["G"], np.sqrt(values["X"].var(axis, keepdims=True) + 0.1)
    wanted = g - g.mean(axis, keepdims=True) - hat * (g * hat).mean(axis, keepdims=True)
    close(found["dL/dX"], wanted / below)
    close(found["xhat_O"], hat)
    (step,) = [step for step in found.trace["steps"] if step["id"] == "O"]
    assert step["formula"] == "xhat_O"
    scaled = solved(values, f"O = {name}(X, 3, epsilon=0.1)", "L = sum(G * O)")
    close(scaled["O"], 3 * hat)
    with pytest.raises(backprop.Error, match="takes 1 to 3 arguments, and here are 4"):
        solved(values, f"O = {name}(X, 1, 0, 0)", "L = sum(O)")


def numpy_norm(x: Any, axis: int, eps: float) -> Any:
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + eps)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_compact_formula_is_the_three_paths(seed: int) -> None:
    """standardize has one formula for what batch norm does in three paths, and both are right."""
    axis, eps = seed % 2, [0, 0.3][seed % 3 > 0]
    values = drawn(seed, X=(4, 3), G=(4, 3))
    short = solved(values, f"O = standardize(X, axis={axis}, epsilon={eps})", "L = sum(G * O)")
    long = solved(values, f"O = batch_norm(X, 1, 0, axis={axis}, epsilon={eps})", "L = sum(G * O)")
    x, g = values["X"], values["G"]
    close(short["O"], numpy_norm(x, axis, eps))
    hat = numpy_norm(x, axis, eps)
    below = np.sqrt(x.var(axis, keepdims=True) + eps)
    wanted = g - g.mean(axis, keepdims=True) - hat * (g * hat).mean(axis, keepdims=True)
    close(short["dL/dX"], wanted / below)
    close(long["dL/dX"], wanted / below)


def test_each_path_of_batch_norm_has_a_step_of_its_own() -> None:
    """Numbers of CSC413's kind: the four sums worked out in NumPy from what stands before them."""
    values = drawn(7, X=(3, 2), gamma=(2,), beta=(2,), G=(3, 2))
    found = solved(values, "O = batch_norm(X, gamma, beta)", "L = sum(G * O)")
    x, g, gamma = values["X"], values["G"], values["gamma"]
    mu, var = x.mean(0), x.var(0)
    close(found["mu_O"], mu)
    close(found["var_O"], var)
    close(found["xhat_O"], (x - mu) / np.sqrt(var))
    hat = g * gamma
    close(found["dL/dxhat_O"], hat)
    d_var = (hat * (x - mu)).sum(0) * -0.5 * var**-1.5
    close(found["dL/dvar_O"], d_var)
    d_mu = -hat.sum(0) / np.sqrt(var) + d_var * (-2 * (x - mu)).mean(0)
    close(found["dL/dmu_O"], d_mu)
    close(found["dL/dX"], hat / np.sqrt(var) + 2 / 3 * d_var * (x - mu) + d_mu / 3)
    (note,) = [step["note"] for step in found.trace["steps"] if step["id"] == "dL/dmu_O"]
    assert note.startswith("Σ (X − mu_O) = 0: nothing comes through var_O")


def test_a_norm_within_a_formula_is_the_same() -> None:
    values = drawn(3, X=(3, 4), gamma=(4,), beta=(4,), G=(3, 4))
    inside = solved(values, "L = sum(G * layer_norm(X, gamma, beta, epsilon=0.1))")
    apart = solved(values, "O = layer_norm(X, gamma, beta, epsilon=0.1)", "L = sum(G * O)")
    for id in ("L", "dL/dX", "dL/dgamma", "dL/dbeta"):
        close(inside[id], apart[id])


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("batch_norm(X, gamma, beta, axis=2)", "has no axis 2"),
        ("batch_norm(X, W, beta)", "the scale of batch_norm is a vector of 3"),
        ("layer_norm(X, gamma, X)", "the shift of layer_norm"),
        ("layer_norm()", "takes 1 to 3 arguments"),
        ("standardize(X)", "needs an axis"),
        ("batch_norm(X, gamma, beta, eps=1)", "no option `eps`"),
    ],
)
def test_norms_that_do_not_fit(formula: str, said: str) -> None:
    values = {"X": [[1, 2], [3, 4], [5, 7]], "gamma": [1, 2], "beta": [0, 1], "W": [1, 2, 3]}
    with pytest.raises(backprop.Error, match=said):
        solved(values, f"O = {formula}", "L = sum(O)")


def test_a_step_has_a_name_that_nothing_else_has() -> None:
    values = {"X": [[1, 2], [3, 4]], "gamma": [1, 2], "beta": [0, 1], "mu_O": 3}
    with pytest.raises(backprop.Error, match="`mu_O` is there already"):
        solved(values, "O = batch_norm(X, gamma, beta)", "L = sum(O) + mu_O")


# ---- Attention ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_attention_is_pytorch_s(seed: int) -> None:
    rng = np.random.default_rng(200 + seed)
    heads, causal = 1 + seed % 3, seed % 2 == 0
    rows = int(rng.integers(2, 5))
    keys = rows if causal else int(rng.integers(2, 5))
    wide, out = heads * int(rng.integers(1, 4)), heads * int(rng.integers(1, 4))
    values = drawn(seed, Q=(rows, wide), K=(keys, wide), V=(keys, out), G=(rows, out))
    options = (", mask=causal" if causal else "") + (f", heads={heads}" if heads > 1 else "")
    found = solved(values, f"O = attention(Q, K, V{options})", "L = sum(G * O)")

    def of_heads(a: Any) -> Any:
        return a.reshape(a.shape[0], heads, -1).transpose(0, 1)

    wanted = of_torch(
        lambda f, Q, K, V: (
            f.scaled_dot_product_attention(*map(of_heads, (Q, K, V)), is_causal=causal)
            .transpose(0, 1)
            .reshape(rows, out)
        ),
        values,
    )
    for id, value in wanted.items():
        close(found[id], value)


def test_scores_weights_and_output_are_steps_and_what_is_masked_is_0() -> None:
    values = drawn(5, X=(3, 2), A=(2, 2), B=(2, 2), C=(2, 2))
    found = solved(values, "O = attention(X @ A, X @ B, X @ C, mask=causal)", "L = sum(O^2)")
    q, k, v = (values["X"] @ values[name] for name in "ABC")
    scores = q @ k.T / np.sqrt(2)
    powers = np.exp(scores) * np.tril(np.ones((3, 3)))
    weights = powers / powers.sum(axis=1, keepdims=True)
    for id, value in {"Q_O": q, "S_O": scores, "A_O": weights, "O": weights @ v}.items():
        close(found[id], value)
    above = np.triu(np.ones((3, 3)), 1) > 0
    assert (found["A_O"][above] == 0).all()
    assert (found["dL/dS_O"][above] == 0).all()
    text = found.render("text")
    assert "A_O = softmax(S_O + mask)" in text
    assert "−∞" in text


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("attention(Q, Q, V)", "2 keys, 3 values"),
        ("attention(Q, V, V)", "queries and keys have as many columns"),
        ("attention(Q, K, V, mask=causal)", "a query for each key"),
        ("attention(Q, K, V, mask=future)", "the mask of attention is causal, not future"),
        ("attention(Q, K, V, heads=3)", "4 columns cannot be shared out to 3 heads"),
        ("attention(Q, K, V, heads=0)", "heads is a whole number"),
        ("attention(Q, K)", "takes 3 arguments"),
        ("attention(Q, K, v)", "three matrices"),
    ],
)
def test_attention_that_does_not_fit(formula: str, said: str) -> None:
    values = drawn(1, Q=(2, 4), K=(3, 4), V=(3, 2), v=(3,))
    with pytest.raises(backprop.Error, match=said):
        solved(values, f"O = {formula}", "L = sum(O)")


# ---- Letters ------------------------------------------------------------------------------------

NUMBERS = {"M": 3, "N": 4, "T": 3, "d": 2}


@pytest.mark.parametrize(
    ("shapes", "equation", "wrt"),
    [
        (
            {"x": ["N"], "gamma": ["N"], "beta": ["N"], "G": ["N"]},
            "O = layer_norm(x, gamma, beta, epsilon=0.1)",
            "x",
        ),
        (
            {"X": ["M", "N"], "gamma": ["N"], "beta": ["N"], "G": ["M", "N"]},
            "O = batch_norm(X, gamma, beta)",
            "X",
        ),
    ],
)
def test_the_derivation_in_letters_ends_in_the_textbook_s_formula(
    shapes: dict[str, Any], equation: str, wrt: str
) -> None:
    """γ (g − Σ g / M − x̂ Σ g x̂ / M) / s: no μ and no deviation is left in it."""
    problem = backprop.load({"shapes": shapes, "equations": [equation, "L = sum(G * O)"]})
    text = problem.derive(of="L", wrt=wrt).render("text")
    last = " ".join(text.split("Result")[1].split("\n", 1)[1].split())
    assert "deviations from a mean add up to 0" in " ".join(text.split())
    assert "μ" not in last
    assert last.count("x̂") == 2
    assert last.count("Σ") == 2


@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_behind_a_layer_it_ends_in_that_formula_too(activation: str) -> None:
    """What is normed is computed itself: its mean is one of what it is, not of what is given."""
    problem = backprop.load(
        {
            "x": [[1, 2], [3, 0], [2, 4.5]],
            "y": [[1], [0], [2]],
            "layers": [
                {"weights": [[1, 0], [1, -1]], "bias": [0, 1]},
                {
                    "type": "batch-norm",
                    "scale": [1, 2],
                    "shift": [0.25, 0.5],
                    "activation": activation,
                },
                {"weights": [[1, -1]]},
            ],
            "loss": "mean-squared-error",
        }
    )
    text = problem.derive(of="L", wrt="H1").render("text", width=160)
    last = " ".join(text.split("Result")[1].split("\n", 1)[1].split())
    on = " · 1{Z²ᵢⱼ > 0}" if activation == "relu" else ""
    assert last.startswith(f"∂L/∂H¹ᵢⱼ = W³₁ᵢ · γ²ᵢ · (2/3 · (Ŷ₁ⱼ − Y₁ⱼ){on} − 2/9 · Σ")
    assert (last.count("Σ"), last.count("X̂²")) == (2, 2)
    found = problem.solve()
    error = (found["Yhat"] - found["Y"]) * (found["Z2"] > 0 if on else 1)
    normed = found["Xhat2"]
    shared = error.sum(axis=1)[:, None] + normed * (error * normed).sum(axis=1)[:, None]
    compact = 2 / 3 * error - 2 / 9 * shared
    scale = found["W3"].T * found["gamma2"][:, None] / np.sqrt(found["var2"])[:, None]
    close(found["dL/dH1"], scale * compact)


def test_letters_of_attention_have_the_values_of_numbers() -> None:
    """Every formula of the derivation in letters, at numbers, against solving these numbers."""
    shapes = {"Q": ["T", "d"], "K": ["T", "d"], "V": ["T", "d"], "G": ["T", "d"]}
    equations = ["O = attention(Q, K, V, mask=causal)", "L = sum(G * O)"]
    derived = backprop.load({"shapes": shapes, "equations": equations}).derive()
    values = drawn(2, **dict.fromkeys(shapes, (3, 2)))
    found = solved(values, *equations)
    assert "softmax(S_O + mask)" in derived.render("text")
    assert "√d" in derived.render("text")
    env: dict[str, Any] = {**values, "T": np.asarray(3.0), "d": np.asarray(2.0)}
    for step in found.trace["steps"]:
        if step["phase"] != "jacobian":
            env[step["id"]] = np.asarray(step["value"])
    close(env["dL/dQ"], env["dL/dS_O"] / np.sqrt(2) @ values["K"])


def test_the_definition_is_the_steps_put_in() -> None:
    sizes = Sizes({"Q": (3, 2), "K": (3, 2), "V": (3, 2)}, {})
    node = parse("attention(Q, K, V, mask=causal)")
    assert isinstance(node, Op)
    assert sizes.shape(node) == (3, 2)
    values = drawn(4, Q=(3, 2), K=(3, 2), V=(3, 2))
    close(evaluate(node, values), solved(values, "O = attention(Q, K, V, mask=causal)")["O"])
    assert node.args == (Sym("Q"), Sym("K"), Sym("V"))


@pytest.mark.parametrize(
    ("values", "equation"),
    [
        ("X: [M, N], g: [N], b: [N], G: [M, N]", "O = batch_norm(X, g, b)"),
        ("X: [n], g: [n], b: [n], G: [n]", "O = layer_norm(X, g, b)"),
        ("X: [M, N], g: [N], b: [N], G: [M, N]", "O = layer_norm(X, g, b)"),
    ],
)
def test_the_path_that_carries_nothing_is_said_in_letters_too(values: str, equation: str) -> None:
    """Σ (x − μ) = 0; beside it, where something else is taken off, it is not said."""
    text = f"shapes: {{{values}}}\nequations: ['{equation}', 'L = sum(G * O)']"
    page = backprop.load(text).derive().render("text")
    assert "Σ (X − μ_O) = 0: nothing comes through σ²_O" in page
    other = "equations: ['m = mean(X)', 'v = mean((X - 2 * m)^2)', 'L = sum((X - m) / v)']"
    page = backprop.load(f"shapes: {{X: [n]}}\n{other}").derive().render("text")
    assert "nothing comes through" not in page
