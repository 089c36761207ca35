"""Functions by the names they have elsewhere -> their names here, or formulas for them.

They are suggested and never taken, since what is meant may still be something else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from backprop_cli.operations.table import TABLE
from backprop_cli.problem.text.other_keys import LONGEST, folded

_MODULE = r"^(?:[A-Za-z_]\w*\.)+|\(\)$"  # nn.ReLU, F.relu, Sigmoid()
_letters = partial(re.findall, r"[A-Za-z]\w*(?![\w(])")

_CALLED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "sigmoid": ("logistic", "sig", "sigm", "sigma", "sigmoidal", "expit", "logsig"),
        "silu": ("swish1",),
        "leaky-relu": ("lrelu", "leaky"),
        "linear": ("id", "purelin", "none", "noactivation"),
        "step": ("threshold", "heaviside", "hardlim", "hardthreshold", "binarystep", "unitstep"),
        "sign": ("sgn", "signum", "hardlims"),
        "tanh": ("tansig", "th", "hyperbolictangent", "tangenshyperbolicus"),
        "relu": ("rectifier", "rectified", "poslin", "relufunction"),
        "softmax": ("smax", "normalizedexponential"),
        "mean-squared-error": ("mse", "l2mean", "meansquareerror", "quadraticmean"),
        "squared-error": ("sse", "l2", "se", "sumofsquares", "sumsquarederror"),
        "half-squared-error": ("halfmse", "halfsse", "quadratic", "quadraticcost"),
        "absolute-error": ("l1", "sae", "sumofabsoluteerrors"),
        "cross-entropy": (
            "ce", "nll", "xent", "categoricalcrossentropy", "cce", "negativeloglikelihood",
            "crossentropyloss", "categorical", "softmaxcrossentropy",
            "sparsecategoricalcrossentropy",
        ),
        "binary-cross-entropy": ("bce", "logloss", "logistic", "bceloss", "binarylogloss"),
        "cross-entropy-with-logits": ("softmaxcrossentropywithlogits", "celogits"),
        "binary-cross-entropy-with-logits": (
            "bcewithlogits", "bcewithlogitsloss", "sigmoidcrossentropywithlogits", "bcelogits",
        ),
        "huber": ("smoothl1", "smoothl1loss", "huberloss"),
        "log": ("loge", "natlog", "lg"),
        "sqrt": ("root", "squareroot"),
        "exp": ("exponential", "expo"),
        "sum": ("reducesum", "total", "∑"),
        "mean": ("avg", "average", "reducemean"),
        "var": ("variance",),
        "norm": ("l2norm", "length", "frobenius"),
        "max": ("reducemax", "amax"),
        "min": ("reducemin", "amin"),
        "concat": ("concatenate", "hstack", "vstack", "cat"),
        "conv": ("conv1d", "conv2d", "convolve", "convolution", "correlate", "crosscorrelation"),
        "conv_transpose": (
            "convtranspose1d", "convtranspose2d", "transposedconv", "transposedconvolution",
            "deconv", "deconvolution",
        ),
        "max_pool": ("maxpool1d", "maxpool2d", "maxpooling", "maxpooling2d", "pool"),
        "mean_pool": (
            "avgpool", "avgpool1d", "avgpool2d", "averagepool", "averagepooling", "meanpooling",
        ),
        "batch_norm": ("batchnorm1d", "batchnormalization", "batchnormalisation", "bn"),
        "layer_norm": ("layernormalization", "layernormalisation", "ln1", "lnorm"),
        "inv": ("inverse", "matrixinverse", "matinv"),
        "det": ("determinant",),
        "cof": ("cofactor", "cofactors", "cofactormatrix"),
        "logdet": ("slogdet", "logdeterminant"),
        "outer": ("outerproduct", "tensorproduct"),
        "dot": ("inner", "innerproduct", "scalarproduct", "vdot"),
        "abs": ("fabs", "absolute", "modulus"),
        "clip": ("clamp", "clipbyvalue"),
        "flatten": ("ravel", "vec"),
        "stop_gradient": ("sg", "stopgrad", "detach", "nograd", "stop", "constant", "blockgrad"),
        "transpose": ("t", "tr", "transposed"),
    }
)  # fmt: skip

_FORMULAS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "prelu": "max(z, 0) + a * min(z, 0)",
        "hardtanh": "max(-1, min(1, z))",
        "hardsigmoid": "max(0, min(1, 0.2 * z + 0.5))",
        "hardswish": "z * min(max(z + 3, 0), 6) / 6",
        "softshrink": "sign(z) * max(abs(z) - 0.5, 0)",
        "selu": "1.0507 * (max(z, 0) + 1.6733 * (exp(min(z, 0)) - 1))",
        "celu": "max(z, 0) + exp(min(z, 0)) - 1",
        "crelu": "[max(z, 0), max(-z, 0)]",
        "gaussian": "exp(-z^2)",
        "logsigmoid": "-softplus(-z)",
        "tanhshrink": "z - tanh(z)",
        "lecuntanh": "1.7159 * tanh(2 / 3 * z)",
        "tan": "sin(z) / cos(z)",
        "cot": "cos(z) / sin(z)",
        "coth": "1 / tanh(z)",
        "arctanh": "0.5 * ln((1 + z) / (1 - z))",
        "arsinh": "ln(z + sqrt(z^2 + 1))",
        "logit": "ln(z / (1 - z))",
        "square": "z^2",
        "cube": "z^3",
        "pow": "z^2",
        "power": "z^2",
        "reciprocal": "1 / z",
        "negative": "-z",
        "add": "a + b",
        "subtract": "a - b",
        "multiply": "a * b",
        "divide": "a / b",
        "hadamard": "a * b",
        "matmul": "A @ B",
        "mm": "A @ B",
        "expm1": "exp(z) - 1",
        "log1p": "ln(1 + z)",
        "rsqrt": "1 / sqrt(z)",
        "exp2": "2^z",
        "std": "sqrt(mean((z - mean(z))^2))",
        "standarddeviation": "sqrt(mean((z - mean(z))^2))",
        "prod": "z[1] * z[2]",
        "product": "z[1] * z[2]",
        "where": "step(z) * a + (1 - step(z)) * b",
        "mae": "mean(abs(yhat - y))",
        "meanabsoluteerror": "mean(abs(yhat - y))",
        "rmse": "sqrt(mean((yhat - y)^2))",
        "rootmeansquarederror": "sqrt(mean((yhat - y)^2))",
        "msle": "mean((ln(1 + yhat) - ln(1 + y))^2)",
        "mape": "mean(abs((yhat - y) / y))",
        "halfmeansquarederror": "mean((yhat - y)^2) / 2",
        "squaredhinge": "sum(max(0, 1 - y * yhat)^2)",
        "logcosh": "sum(ln(cosh(yhat - y)))",
        "kl": "sum(y * ln(y / yhat))",
        "kldiv": "sum(y * ln(y / yhat))",
        "kldivergence": "sum(y * ln(y / yhat))",
        "kullbackleibler": "sum(y * ln(y / yhat))",
        "poisson": "sum(yhat - y * ln(yhat))",
        "focal": "sum(-y * (1 - yhat)^2 * ln(yhat))",
        "focalloss": "sum(-y * (1 - yhat)^2 * ln(yhat))",
        "exponentialloss": "sum(exp(-y * yhat))",
        "cosinesimilarity": "a @ b / (norm(a) * norm(b))",
        "perceptron": "sum(max(0, -y * yhat))",
        "array": "[1, 2]",
        "asarray": "[1, 2]",
        "tensor": "[1, 2]",
        "zeros": "[0, 0]",
        "zeroslike": "0 * x",
        "ones": "[1, 1]",
        "oneslike": "0 * x + 1",
        "eye": "[[1, 0], [0, 1]]",
        "pinball": "sum(max(0.9 * (y - yhat), -0.1 * (y - yhat)))",
        "quantile": "sum(max(0.9 * (y - yhat), -0.1 * (y - yhat)))",
    }
)

_ABSENT: Final = frozenset(
    {
        "arcsin", "asin", "arccos", "acos", "maxout", "rrelu", "glu", "swiglu",
        "geglu", "gumbelsoftmax", "sparsemax", "floor", "ceil", "round", "mod", "gamma",
        "view", "squeeze", "unsqueeze", "dropout", "embedding", "lstm", "gru", "rnn", "einsum",
        "pinv", "cumsum",
        "tile", "repeat",
        "onehot", "random", "rand", "randn", "ctc", "triplet",
        "contrastive",
    }
)  # fmt: skip


class Elsewhere(Struct, frozen=True):
    """A name from elsewhere: what it is here, or a formula for it; neither where there is none."""

    name: str | None = None
    formula: str | None = None


def elsewhere(text: str, known: Collection[str], letters: str = "") -> Elsewhere | None:
    """What `text` is the name of elsewhere, `known` being the names there are where it stands.

    With `letters`, formulas may use no others.
    """
    if len(text) > LONGEST:
        return None
    text = re.sub(_MODULE, "", text)
    word, names = folded(text), {folded(name): name for name in known}
    word = word.removesuffix("loss") if word not in _meant() and word not in _FORMULAS else word
    if word in names:
        return Elsewhere(names[word])
    for meant in (*_printed().get(text, ()), *_meant().get(word, ())):
        if meant in names:
            return Elsewhere(names[meant])
    if (formula := _FORMULAS.get(word)) is not None:
        fits = not letters or set(_letters(formula)) <= set(letters.split())
        return Elsewhere(formula=formula if fits else None)
    return Elsewhere() if word in _ABSENT or word in _meant() else None


@lru_cache
def _meant() -> Mapping[str, Sequence[str]]:
    """The names here, folded, by every other name they have."""
    found: dict[str, list[str]] = {}
    for name, others in _CALLED.items():
        for other in others:
            found.setdefault(other, []).append(folded(name))
    return found


@lru_cache
def _printed() -> Mapping[str, Sequence[str]]:
    """The same by what the program prints for them."""
    found: dict[str, list[str]] = {}
    for name, entry in TABLE.items():
        if entry.public and entry.notation.kind in ("function", "special", "defined"):
            found.setdefault(entry.notation.text, []).append(folded(name))
    return found
