"""Words that people bring from elsewhere -> the key, line or value that says it here."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final


def _meant(said: Mapping[str, str]) -> Mapping[str, str]:
    """By each of the words before the colon what stands behind it; in small letters, folded."""
    return MappingProxyType({word: here for here, words in said.items() for word in words.split()})


_UPDATE = "update: {rule: sgd, learning_rate: 0.1}"
A_LAYER: Final = "layers: with a line `- {weights: …, bias: …}` for each layer"

OF_PROBLEM: Final = _meant(
    {
        "x": (
            "inputvector inputdata xs data features feature "
            "eingabe eingabevektor entrée entrées entrada ingresso"
        ),
        "y": (
            "target targets label labels t output outputs ys desired truth ytrue expected d "
            "ziel zielwert sollwert ausgabe cible sortie sorties salida objetivo"
        ),
        "x: [1, 2], a number for each input": "x1 x2 x3 x4",
        "y: [1, 0], a number for each output": "y1 y2 y3",
        "layers": "network net model architecture hidden schichten couches capas strati layer",
        A_LAYER: "weights weight w w1 w2 bias biases b b1 b2 activation activations act",
        "loss": (
            "cost error objective criterion lossfunction costfunction errorfunction l j e "
            "verlust verlustfunktion fehler perte coût pérdida coste perdita"
        ),
        "loss: cross-entropy, and update: {rule: sgd, learning_rate: 0.1}": "compile",
        _UPDATE: (
            "learningrate lr eta η alpha α stepsize optimizer optimiser optim training rule "
            "lernrate"
        ),
        "update: {rule: sgd, learning_rate: 0.1, steps: 10}": "epochs epoch iterations steps niter",
        "update: {rule: sgd, learning_rate: 0.1, batches: 32}": "batchsize batch batches minibatch",
        "update: {rule: momentum, learning_rate: 0.1, beta: 0.9}": "momentum beta",
        "penalty": "regularization regularisation regularizer regulariser",
        "penalty: {l2: 0.1}": "lambda λ l2 weightdecay",
        "title": "name heading titel titre título titolo",
        "notes": "note comment comments description remark",
        "equations": "formulas formula gleichungen équations ecuaciones equazioni",
        "values: {x: [1, 2], W: [[1, 0], [0, 1]]}": (
            "constants variables params parameters werte valeurs valores given gegeben"
        ),
        "train": "trainable trained wrt withrespectto learned",
        "train: [W, b], and what it leaves out is given": "fixed frozen",
        "ask": "asked question questions want wanted show",
        "convention: {indices: 1}": "indices index",
        "convention: {affine: W x + b}": (
            "affine layout orientation weightlayout weightorientation weights:rows vectors "
        ),
        "convention: {affine: W^T x + b}": "weights:columns",
        "convention: {affine: x W + b}": "vectors:rows vectors:row rowvectors batchfirst",
        "convention: {jacobian: numerator}": "layout:numerator",
        "convention: {jacobian: denominator}": "layout:denominator",
        "grading: {precision: {decimals: 3}}": "precision decimals digits tolerance",
        "grading: {points: {L: 1}}": "points marks",
        "a file of its own, for `backprop check`": "answers student solution",
    }
)
OF_LAYER: Final = _meant(
    {
        "weights": (
            "w w1 w2 w3 matrix weightmatrix theta θ kernel gewichte gewicht poids pesos pesi"
        ),
        "bias": (
            "b b1 b2 b3 biases biasvector offset intercept threshold usebias "
            "schwelle schwellwert biais sesgo"
        ),
        "activation": (
            "act activationfunction function func f nonlinearity transfer g phi sigma σ "
            "aktivierung aktivierungsfunktion activación"
        ),
        "units": (
            "neurons nodes size dim out outputs width hidden outfeatures einheiten neuronen unités"
        ),
        "skip": "residual shortcut skips",
        "train": "trainable trained frozen",
        "type": "classname kind",
        "activation: {name: leaky-relu, slope: 0.1}": "slope alpha negativeslope leak",
        "dropout: {mask: [1, 0, 1], keep: 0.5}": "mask keep droprate dropoutrate keepprob",
    }
)
OF_RECURRENT: Final = _meant(
    {
        "input_weights": "weights u u1 wx wxh wih ux",
        "recurrent_weights": "recurrent hidden hiddenweights w w1 v wh whh wr uh",
        "bias": "b b1 bh bih biases offset",
        "initial": "h0 h_0 start",
    }
)
OF_GATES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "ifog": _meant(
            {
                "i": "input inputgate update u",
                "f": "forget forgetgate",
                "o": "output outputgate",
                "g": "c candidate cell cellgate a z",
            }
        ),
        "zrh": _meant(
            {
                "z": "u update updategate",
                "r": "reset resetgate",
                "h": "n new g c candidate",
            }
        ),
    }
)
"""By the letters of a layer's gates what others call each."""
OF_CONV: Final = _meant(
    {
        "kernel": "k k1 weights weight w w1 filter filters kernels mask",
        "bias": "b b1 biases offset",
        "padding": "pad zeros zeropadding p",
        "stride": "step strides s",
        "dilation": "dilations dilationrate rate atrous d",
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
        "beta: 0.9, with rule: momentum or nesterov": "momentum",
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
        "affine": "layer orientation weights form z layout:rows layout:columns weightlayout",
        "affine: W x + b": "vectors:columns vectors:column columnvectors",
        "affine: x W + b": "vectors:rows vectors:row rowvectors batchfirst",
        "bias_input": "biasvalue x0",
        "log": "logarithm logbase",
        "convolution": "conv kernel",
        "output_gradient": "gradient output",
        "a line of its own, such as input: picture": "input",
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
        "adam, with `form: amsgrad` beside it": "amsgrad",
        "newton": "newtonraphson newtonsmethod",
        "its step as equations, such as w1 = w - eta * g / sqrt(s + eps)": (
            "nadam radam rprop lion lars lamb adafactor"
        ),
    }
)
MEAN_OR_SUM: Final = _meant({"mean": "average avg batchmean", "sum": "total none"})
INPUTS: Final = _meant(
    {
        "picture": "image matrix channels",
        "pictures": "images batchofpictures",
        "sequence": "time steps",
        "samples": "batch vectors",
    }
)
CONVOLUTIONS: Final = _meant(
    {"cross-correlation": "correlation crosscorrelated plain none", "flipped": "convolution turned"}
)
ORIENTATIONS: Final = _meant(
    {
        "W x + b": "row rows rowmajor rowwise unitsasrows unitsinrows",
        "W^T x + b": "column columns columnmajor columnwise unitsascolumns unitsincolumns",
    }
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


_TWINS = str.maketrans("асеорхуіјАВЕКМНОРСТХ", "aceopxyijABEKMHOPCTX")


def in_latin(text: str) -> str:
    """`text` with Latin letters for the Cyrillic ones that look the same."""
    return text.translate(_TWINS)


def told_apart(text: str) -> str:
    """What to add where a word looks like the right one, and has another alphabet's letters."""
    other = [char for char in text if in_latin(char) != char]
    return f" (`{other[0]}` is U+{ord(other[0]):04X}, a Cyrillic letter)" if other else ""


def folded(text: str) -> str:
    """`text` as words are compared: in small letters, without quotes, hyphens and spaces."""
    return re.sub(r"[\s_-]", "", text.strip(_QUOTES + " ").casefold())


def nearest(text: str, known: Collection[str]) -> str | None:
    """The one of `known` that was probably meant."""
    if len(text) > LONGEST:
        return None
    word = folded(in_latin(text))
    names: dict[str, str] = {}
    for name in known:
        names.setdefault(folded(name), name)
    if word in names:
        return names[word]
    if len(stuttered := [name for name in names if _is_stuttered(word, name)]) == 1:
        return names[stuttered[0]]
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


def _is_stuttered(word: str, name: str) -> bool:
    """Whether a letter was typed twice: lnn for ln."""
    again = (
        word[:place] + word[place + 1 :]
        for place in range(1, len(word))
        if word[place] == word[place - 1]
    )
    return len(name) > 1 and name in again


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
