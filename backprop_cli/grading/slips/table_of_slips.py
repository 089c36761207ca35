"""The known slips, a table: what each is called, what a teacher would say, what it computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from msgspec.structs import replace

from backprop_cli.grading.report_data import SlipWords
from backprop_cli.grading.slips import backward, forward, pull_backs
from backprop_cli.grading.slips import program_rewrites as program
from backprop_cli.grading.slips import updates_wrong as update
from backprop_cli.grading.slips.table_of_parts import CODE_PARTS, PARTS, Rewrite, Slip, slip
from backprop_cli.grading.slips.values_alone import VALUE_SLIPS

_FORWARD = (
    slip(
        "activation-omitted",
        "activation left out",
        "This is the pre-activation: the activation function was not applied.",
        forward.activation_omitted,
        "H = Z instead of σ(Z)",
    ),
    slip(
        "bias-left-out",
        "bias left out",
        "The bias was not added.",
        forward.bias_left_out,
        "Z = Wx instead of Wx + b",
    ),
    slip(
        "transpose-omitted",
        "transpose left out",
        "The matrix was used the other way round: look at whether it belongs transposed.",
        forward.transpose_omitted,
        "Wδ instead of Wᵀδ",
    ),
    slip(
        "loss-log-base",
        "wrong base of the logarithm",
        "The logarithm has another base than the problem uses.",
        forward.log_base,
        "log₁₀ ŷ instead of ln ŷ",
    ),
    slip(
        "targets-swapped",
        "target and prediction exchanged",
        "Target and prediction have changed places in the loss.",
        forward.targets_swapped,
        "−Σ ŷ ln y instead of −Σ y ln ŷ",
    ),
    slip(
        "penalty-omitted",
        "penalty left out",
        "The penalty on the weights is missing.",
        forward.penalty_omitted,
        "∂L/∂W without λW",
    ),
    slip(
        "path-lost",
        "a path left out",
        "Several branches add up here, and one of them is missing.",
        backward.path_lost,
        "Z = W h without the skip connection",
    ),
)
_BACKWARD = (
    slip(
        "activation-derivative-omitted",
        "derivative of the activation left out",
        "The upstream gradient was passed on without the derivative of the activation.",
        pull_backs.derivative_omitted,
        "∂L/∂Z = ∂L/∂H instead of ∂L/∂H ⊙ σ′(Z)",
    ),
    slip(
        "activation-derivative-at-wrong-argument",
        "derivative taken at the wrong place",
        "The derivative of the activation was taken at another place: at the output instead of the"
        " pre-activation, at another layer or step, or written in the wrong one of the two.",
        pull_backs.derivative_elsewhere,
        "σ′(h), or z(1 − z), instead of h(1 − h)",
    ),
    slip(
        "wrong-activation-derivative",
        "derivative of another function",
        "This is not the derivative of this activation: it is that of another one, one factor of it"
        " alone, or the function itself.",
        pull_backs.other_derivative,
        "1 − h² instead of h(1 − h)",
    ),
    slip(
        "relu-derivative-wrong",
        "wrong derivative of ReLU",
        "The derivative of ReLU is 1 where its argument is positive, else 0 (if leaky, its slope).",
        pull_backs.relu_derivative,
        "∂L/∂H ⊙ Z instead of ∂L/∂H ⊙ [Z > 0]",
    ),
    slip(
        "output-derivative-omitted",
        "derivative of the output left out",
        "The gradient of the prediction was passed on without the derivative of the output"
        " function.",
        pull_backs.output_derivative_omitted,
        "∂L/∂Z = ∂L/∂Ŷ",
    ),
    slip(
        "softmax-shortcut-misused",
        "ŷ − y in the wrong place",
        "ŷ − y already contains the derivative of the output, and holds only for the loss that goes"
        " with it.",
        backward.shortcut_misused,
        "(ŷ − y) ⊙ ŷ(1 − ŷ)",
    ),
    slip(
        "softmax-diagonal-only",
        "only the diagonal of the softmax's Jacobian",
        "Every softmax output depends on every logit: the terms −ŷᵢŷⱼ are missing.",
        pull_backs.softmax_diagonal,
        "∂L/∂Ŷ ⊙ ŷ(1 − ŷ)",
    ),
    slip(
        "gradient-to-all",
        "gradient given to all",
        "Only what was taken gets the gradient, a maximum or a row looked up: all others get 0.",
        forward.gradient_to_all,
        "the gradient in every place of a pooling window",
    ),
    slip(
        "stop-ignored",
        "a value that is held fixed was not",
        "Nothing comes back through what is held fixed: it counts as a constant.",
        backward.stop_ignored,
        "∂L/∂w of a target that moves with w",
    ),
    slip(
        "wrong-layer-input",
        "wrong input in the weight gradient",
        "A weight gradient is the layer's own input times its δ: another layer's values were used.",
        backward.wrong_layer_input,
        "x δᵀ instead of h δᵀ",
    ),
    slip(
        "updated-weights-used",
        "new weights used too early",
        "The weights were updated before the gradient had gone through them.",
        backward.updated_weights,
        "W²new δ instead of W² δ",
    ),
    slip(
        "sign-flipped",
        "sign the wrong way round",
        "Everything has the opposite sign, as with y − ŷ for ŷ − y.",
        backward.sign_flipped,
        "y − ŷ",
        factor=True,
    ),
    slip(
        "factor-two",
        "a factor 2 lost or added",
        "A factor of 2 is lost or added: in all of it, or in one of its terms.",
        backward.factor_two,
        "ŷ − y instead of 2(ŷ − y)",
        factor=True,
    ),
    slip(
        "mean-sum-confused",
        "mean and sum confused",
        "The mean was taken for the sum, or the sum for the mean.",
        backward.mean_sum,
        "the sum over samples without 1/M",
        factor=True,
    ),
    slip(
        "bias-gradient-not-summed",
        "bias gradient not summed",
        "The bias acts on every sample (or unit): its gradient is the sum over them.",
        backward.bias_not_summed,
        "δ of one sample instead of Σ δ",
    ),
    slip(
        "kernel-flipped",
        "kernel turned the wrong way",
        "The kernel lies the other way round: look at whether it is to be turned by 180°.",
        forward.kernel_flipped,
        "pad(δ) ∗ K instead of pad(δ) ∗ rot(K)",
    ),
    slip(
        "one-position-only",
        "one position of the kernel only",
        "This is what comes from one place: the kernel acts at every place, and all of them add"
        " up.",
        forward.one_position_only,
        "δ₁₁ times the first window instead of X ∗ δ",
    ),
    slip(
        "wrong-stride",
        "windows too close together",
        "Each window, or each entry that the kernel meets, is one place behind the one before:"
        " look at stride and dilation.",
        forward.windows_side_by_side,
        "Z₂ = k₁x₂ + k₂x₃ instead of k₁x₃ + k₂x₄",
    ),
    slip(
        "wrong-padding",
        "something else around the picture",
        "What stands around the picture is not what belongs there: less than any number in a"
        " maximum, 0 in a mean or before a convolution, and as much on each side.",
        forward.wrong_padding,
        "max(0, −1, −2) = 0 at an edge instead of max(−1, −2)",
    ),
)
_UPDATE = (
    slip(
        "ascent",
        "uphill instead of downhill",
        "The gradient was added: to make the loss smaller it is subtracted.",
        update.ascent,
        "W + η∇",
    ),
    slip(
        "learning-rate-omitted",
        "learning rate left out",
        "The gradient was subtracted without the learning rate.",
        update.rate_omitted,
        "W − ∇",
    ),
    slip(
        "learning-rate-twice",
        "learning rate used twice",
        "The learning rate was multiplied in twice.",
        update.rate_twice,
        "W − η²∇",
    ),
    slip(
        "bias-not-updated",
        "bias not updated",
        "The bias is still the old one.",
        update.bias_kept,
        "b unchanged",
    ),
    slip(
        "weights-not-updated",
        "weights not updated",
        "The weights are still the old ones.",
        update.weights_kept,
        "W unchanged",
    ),
    slip(
        "bias-correction-omitted",
        "bias correction left out",
        "A state was used without dividing it by 1 − βᵗ.",
        update.correction_omitted,
        "m instead of m̂",
    ),
    slip(
        "state-ignored",
        "earlier state ignored",
        "The optimizer's state from before this step was not used.",
        update.state_ignored,
        "v = (1 − β)g",
    ),
    slip(
        "updated-weights-forward",
        "loss with the wrong weights",
        "The loss was computed with the old weights where the new belong, or the other way round.",
        update.forward_weights,
        "the old loss for the new one",
    ),
)
_PROGRAMS = (
    slip(
        "not-summed-over-samples",
        "not summed over the samples",
        "This is one gradient a sample: their sum over the samples is missing.",
        program.not_summed,
        "db = dZ instead of dZ.sum(axis=0)",
    ),
    slip(
        "summed-over-wrong-axis",
        "summed over the wrong axis",
        "The sum was taken over the units instead of the samples, or over everything.",
        program.summed_otherwise,
        "db = dZ.sum(axis=1), or dZ.sum()",
    ),
    slip(
        "elementwise-for-matmul",
        "* for @",
        "The entries were multiplied one by one (*) where a matrix product (@) belongs.",
        program.elementwise_product,
        "W * x instead of W @ x",
    ),
    slip(
        "broadcast-to-matrix",
        "(n,) with (n, 1)",
        "A vector (n,) met a column (n, 1), and NumPy made an n × n matrix of the two.",
        program.broadcast,
        "yhat - y with the shapes (n, 1) and (n,)",
    ),
    slip(
        "keepdims-lost",
        "keepdims lost",
        "Each row was divided by the sums of other rows: sum(axis=1) lost the axis that keeps them"
        " apart.",
        program.keepdims_lost,
        "e / e.sum(axis=1) instead of e / e.sum(axis=1, keepdims=True)",
    ),
    slip(
        "gradient-overwritten",
        "gradient overwritten instead of added",
        "Several paths add up here, and not all are left: others were overwritten, or left out.",
        program.overwritten,
        "dh = dh_next @ U.T after dh = dy @ V.T",
    ),
    slip(
        "mask-from-gradient",
        "ReLU's mask from the gradient",
        "The mask of the ReLU was taken from the gradient instead of z.",
        program.mask_from_gradient,
        "dZ[dH <= 0] = 0 instead of dZ[Z <= 0] = 0",
    ),
    slip(
        "cases-exchanged",
        "the two cases exchanged",
        "What belongs above the limit stands below it, and the reverse.",
        program.cases_exchanged,
        "np.where(z > 0, a * z, z) instead of np.where(z > 0, z, a * z)",
    ),
    slip(
        "activation-twice",
        "activation applied twice",
        "The activation was applied to what it had already given.",
        program.activation_twice,
        "sigmoid(A) instead of sigmoid(Z)",
    ),
)

FORMULA_SLIPS: Mapping[str, Slip] = MappingProxyType(
    {each.words.id: each for each in (*_FORWARD, *_BACKWARD, *_UPDATE)}
    | {each.words.id: replace(each, program=True) for each in _PROGRAMS}
    | {words.id: Slip(words, None, example) for words, example in PARTS.items()}
    | {words.id: Slip(words, None, example, program=True) for words, example in CODE_PARTS.items()}
    | {"decimal-slip": Slip(VALUE_SLIPS["decimal-slip"], None, "0.01 for a rate of 0.1")}
)


def rewrites(*, programs: bool) -> Iterator[tuple[str, Rewrite]]:
    """The known mistakes that have formulas of their own; those of code only for `programs`."""
    for id, each in FORMULA_SLIPS.items():
        if each.rewrite is not None and (programs or not each.program):
            yield id, each.rewrite


OF_CODE = frozenset(words.id for words in CODE_PARTS)
OF_PARTS = frozenset(words.id for words in PARTS) | OF_CODE | {"decimal-slip"}
"""The slips that no formula has a list of its own for."""

_FEW = "loss-for-gradient change-for-value value-for-gradient divided-by-one-less"
GENERAL = OF_PARTS - set(_FEW.split())
"""The changes that any part may undergo: there are many, so that a name takes more figures.

Another quantity in place of the one that is asked is one of a few, and few things are averaged.
"""

SLIP_WORDS: Mapping[str, SlipWords] = MappingProxyType(
    {id: each.words for id, each in FORMULA_SLIPS.items()} | dict(VALUE_SLIPS)
)
"""Every slip's words by its id."""

_NONE: frozenset[str] = frozenset()
_DERIVATIVES = frozenset(
    "activation-derivative-omitted activation-derivative-at-wrong-argument relu-derivative-wrong"
    " output-derivative-omitted softmax-diagonal-only".split()
)
_IMPLIED_BY = {
    "wrong-activation-derivative": _DERIVATIVES,
    "path-lost": frozenset({"penalty-omitted", "bias-left-out", "gradient-overwritten"}),
    "relu-derivative-wrong": frozenset({"mask-from-gradient"}),
    "wrong-axis": frozenset({"keepdims-lost", "summed-over-wrong-axis"}),
    "constant-factor": frozenset(
        "factor-two mean-sum-confused divided-by-one-less sign-flipped sign-lost".split()
    ),
    "wrong-operand": frozenset({"mask-from-gradient", "wrong-target"}),
    "term-left-out": frozenset({"change-for-value"}),
    "summed-too-early": frozenset({"wrong-target"}),
    "function-added": frozenset({"other-loss"}),
}
"""What is no news where something says it more exactly."""


def said_best(found: Iterable[str]) -> list[str]:
    """The slips of those that give the same numbers, without what another says more exactly."""
    ids = list(found)
    return [id for id in ids if not _IMPLIED_BY.get(id, _NONE) & set(ids)]
