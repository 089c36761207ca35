"""Words that people bring from elsewhere -> the key, line, value or function that says it here."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from backprop_cli.operations.table import TABLE


def _meant(said: Mapping[str, str]) -> Mapping[str, str]:
    """By each of the words before the colon what stands behind it; in small letters, folded."""
    return MappingProxyType({word: here for here, words in said.items() for word in words.split()})


_UPDATE = "update: {rule: sgd, learning_rate: 0.1}"
_LAYER = "layers: with a line `- {weights: …, bias: …}` for each layer"

OF_PROBLEM: Final = _meant(
    {
        "x": "inputvector inputdata xs data features feature",
        "y": "target targets label labels t output outputs ys desired truth ytrue expected d",
        "layers": "network net model architecture hidden",
        _LAYER: "weights weight w w1 w2 bias biases b b1 b2 activation activations act",
        "loss": "cost error objective criterion lossfunction costfunction errorfunction l j e",
        _UPDATE: "learningrate lr eta η alpha α stepsize optimizer optimiser optim training rule",
        "update: {rule: sgd, learning_rate: 0.1, steps: 10}": "epochs epoch iterations steps niter",
        "update: {rule: sgd, learning_rate: 0.1, batches: 32}": "batchsize batch batches minibatch",
        "update: {rule: momentum, learning_rate: 0.1, beta: 0.9}": "momentum beta",
        "penalty": "regularization regularisation regularizer regulariser",
        "penalty: {l2: 0.1}": "lambda λ l2 weightdecay",
        "title": "name heading",
        "notes": "note comment comments description remark",
        "equations": "formulas formula",
        "values: {x: [1, 2], W: [[1, 0], [0, 1]]}": "constants variables params parameters",
        "train": "trainable trained",
        "train: [W, b], and what it leaves out is given": "given fixed frozen",
        "ask": "asked question questions want wanted show",
        "convention: {indices: 1}": "indices index",
        "convention: {affine: W x + b}": "affine layout orientation",
        "grading: {precision: {decimals: 3}}": "precision decimals digits tolerance",
        "grading: {points: {L: 1}}": "points marks",
        "a file of its own, for `backprop check`": "answers student solution",
    }
)
OF_LAYER: Final = _meant(
    {
        "weights": "w w1 w2 w3 matrix weightmatrix theta θ",
        "bias": "b b1 b2 b3 biases biasvector offset intercept threshold",
        "activation": "act activationfunction function func f nonlinearity transfer g phi sigma σ",
        "units": "neurons nodes size dim out outputs width hidden",
        "skip": "residual shortcut skips",
        "train": "trainable trained frozen",
    }
)
OF_RECURRENT: Final = _meant(
    {
        "input_weights": "weights u u1 wx wxh wih ux",
        "recurrent_weights": "recurrent w w1 v wh whh wr uh",
        "bias": "b b1 bh bih biases offset",
        "initial": "h0 h_0 start",
    }
)
OF_CONV: Final = _meant(
    {
        "kernel": "k k1 weights weight w w1 filter filters kernels mask",
        "bias": "b b1 biases offset",
        "padding": "pad zeros zeropadding p",
        "stride": "step strides s",
    }
)
OF_POOL: Final = _meant(
    {"size": "kernel kernelsize poolsize window windows k pool", "stride": "step strides s"}
)
OF_UPDATE: Final = _meant(
    {
        "learning_rate": "lr eta η alpha α rate stepsize learning",
        "rule": "optimizer optimiser optim name type method algorithm",
        "beta": "mu μ gamma γ rho ρ decay β",
        "rule: momentum, with `beta`": "momentum",
        "rule: sgd, and a `learning_rate`": "sgd gd gradientdescent",
        "rule: nesterov, and a `learning_rate`": "nesterov nag",
        "rule: adagrad, and a `learning_rate`": "adagrad",
        "rule: rmsprop, and a `learning_rate`": "rmsprop",
        "rule: adam, and a `learning_rate`": "adam adamw",
        "rule: newton": "newton",
        "rule: perceptron, and a `learning_rate`": "perceptron",
        "beta1": "β1 b1",
        "beta2": "β2 b2",
        "epsilon": "eps ε",
        "steps": "epochs epoch iterations niter n",
        "batches": "batchsize batch minibatch",
        "state": "velocity v v0 initial",
        "form": "variant version",
    }
)
OF_LOSS: Final = _meant(
    {
        "name": "type function loss",
        "over_samples": "reduction average reduce mean",
        "formula": "expression equation",
    }
)
OF_ACTIVATION: Final = _meant(
    {
        "name": "type function activation",
        "slope": "negativeslope alpha a",
        "formula": "expression equation",
    }
)
OF_PENALTY: Final = _meant(
    {"l2": "lambda λ alpha weight weightdecay strength c", "on": "of params"}
)
OF_CONVENTION: Final = _meant(
    {
        "jacobian": "layout jacobians",
        "indices": "index indexbase base start countfrom",
        "affine": "layer orientation weights form z",
        "bias_input": "biasvalue x0",
        "log": "logarithm logbase",
        "convolution": "conv kernel",
        "output_gradient": "gradient output",
    }
)
OF_GRADING: Final = _meant(
    {
        "precision: {decimals: 3}": "decimals digits significant tolerance accuracy atol",
        "pass": "passing threshold passmark",
        "points": "marks score weights",
    }
)
OF_LABELS: Final = _meant({"labels": "label class y", "classes": "nclasses numclasses n k"})

# Words that stand for a value, in the same way
RULES: Final = _meant(
    {
        "sgd": "gd gradientdescent stochasticgradientdescent vanilla batchgd deltarule",
        "momentum": "sgdmomentum sgdwithmomentum heavyball polyak",
        "nesterov": "nag nesterovmomentum",
        "adam, with `weight_decay` beside it": "adamw",
        "newton": "newtonraphson newtonsmethod",
    }
)
MEAN_OR_SUM: Final = _meant({"mean": "average avg batchmean", "sum": "total none"})
INPUTS: Final = _meant(
    {"picture": "image matrix channels", "sequence": "time steps", "samples": "batch vectors"}
)
CONVOLUTIONS: Final = _meant(
    {"cross-correlation": "correlation crosscorrelated plain none", "flipped": "convolution turned"}
)
WHERE_BIAS_IS: Final = _meant(
    {"first": "start front top left begin 0", "last": "end bottom right", "separate": "none own"}
)


# Slips of the hand --------------------------------------------------------------------------------


LONGEST = 40
"""Characters of a word that is looked up."""

_SHORTEST = 3
_LONG = 8  # letters of a word that may have two slips
_QUOTES = "“”„‟‘’‚‛«»\"'"


def folded(text: str) -> str:
    """`text` as words are compared: in small letters, without quotes, hyphens and spaces."""
    return re.sub(r"[\s_-]", "", text.strip(_QUOTES + " ").casefold())


def nearest(text: str, known: Collection[str]) -> str | None:
    """The one of `known` that was probably meant."""
    if len(text) > LONGEST:
        return None
    word = folded(text)
    names: dict[str, str] = {}
    for name in known:
        names.setdefault(folded(name), name)
    if word in names:
        return names[word]
    if len(word) < _SHORTEST:
        return None
    most = 1 if len(word) < _LONG else 2
    found = [(slips, name) for name in names if (slips := _slips(word, name)) <= most]
    if found:
        fewest = min(slips for slips, _ in found)
        closest = [name for slips, name in found if slips == fewest]
        return names[closest[0]] if len(closest) == 1 else None
    begun = [name for name in names if len(word) > _SHORTEST and name.startswith(word)]
    return names[begun[0]] if len(begun) == 1 else None


def _slips(word: str, name: str) -> int:
    """How many letters are wrong, lost, too many or exchanged; many where it is another word."""
    if word[:1] != name[:1] or abs(len(word) - len(name)) > 2 or len(name) < _SHORTEST:
        return len(word) + len(name)
    if (more := word.removeprefix(name)) != word and more not in ("s", name[-1]):
        return len(word) + len(name)
    before: list[int] = []
    row = list(range(len(name) + 1))
    for i, char in enumerate(word, 1):
        older, before, row = before, row, [i]
        for j, other in enumerate(name, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != other))
            if i > 1 and j > 1 and (char, word[i - 2]) == (name[j - 2], other):
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


# Functions: suggested and never taken, since what is meant may still be something else ------------


_MODULE = re.compile(r"^(?:[A-Za-z_]\w*\.)+|\(\)$")  # nn.ReLU, F.relu, Sigmoid()
_letters = re.compile(r"[A-Za-z]\w*(?![\w(])").findall

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
        "pinball": "sum(max(0.9 * (y - yhat), -0.1 * (y - yhat)))",
        "quantile": "sum(max(0.9 * (y - yhat), -0.1 * (y - yhat)))",
    }
)

_ABSENT: Final = frozenset(
    {
        "arctan", "atan", "arcsin", "asin", "arccos", "acos", "maxout", "rrelu", "glu", "swiglu",
        "geglu", "gumbelsoftmax", "sparsemax", "floor", "ceil", "round", "mod", "gamma",
        "view", "squeeze", "unsqueeze", "dropout", "embedding", "lstm", "gru", "rnn", "einsum",
        "pinv", "cumsum",
        "tile", "repeat",
        "onehot", "eye", "zeros", "ones", "random", "rand", "randn", "ctc", "triplet",
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
    text = _MODULE.sub("", text)
    word, names = folded(text), {folded(name): name for name in known}
    word = word.removesuffix("loss") if word not in _MEANT and word not in _FORMULAS else word
    if word in names:
        return Elsewhere(names[word])
    for meant in (*_PRINTED.get(text, ()), *_MEANT.get(word, ())):
        if meant in names:
            return Elsewhere(names[meant])
    if (formula := _FORMULAS.get(word)) is not None:
        fits = not letters or set(_letters(formula)) <= set(letters.split())
        return Elsewhere(formula=formula if fits else None)
    return Elsewhere() if word in _ABSENT or word in _MEANT else None


_MEANT: Final[dict[str, list[str]]] = {}  # the names here, folded, by every other name they have
for _name, _others in _CALLED.items():
    for _other in _others:
        _MEANT.setdefault(_other, []).append(folded(_name))

_PRINTED: Final[dict[str, list[str]]] = {}  # the same by what the program prints for them
for _name, _entry in TABLE.items():
    if _entry.public and _entry.notation.kind in ("function", "special", "defined"):
        _PRINTED.setdefault(_entry.notation.text, []).append(folded(_name))
