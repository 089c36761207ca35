"""A step of a derivation -> the sentence in which a tutor says how it is worked out."""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Op, Sym, symbols
from backprop_cli.algebra.quantity import derivative_id, quantity
from backprop_cli.document.names import Names
from backprop_cli.document.step_words import noun, reason
from backprop_cli.errors import listed
from backprop_cli.operations.losses import LOSSES
from backprop_cli.trace import Step

_RULES: Final = MappingProxyType(
    {
        "sgd": "gradient descent",
        "nesterov": "Nesterov's momentum",
        "adagrad": "AdaGrad",
        "rmsprop": "RMSProp",
        "adam": "Adam",
        "newton": "Newton's method",
        "perceptron": "the perceptron's rule",
    }
)
"""What update rules are called in a sentence."""


class Tutor(Struct, frozen=True):
    """Says how steps are worked out; `known` are the quantities that can be pointed at."""

    names: Names
    known: Collection[str]

    def sentence(self, step: Step) -> str:
        """The rule in words, and what it takes."""
        if quantity(step.id).by and step.phase == "backward":
            return self._gradient(step)
        if step.phase == "update" and quantity(step.id).part == "new" and step.rule != _AGAIN:
            return self._updated(step)
        return self._worked_out(step)

    # Forward --------------------------------------------------------------------------------------

    def _worked_out(self, step: Step) -> str:
        own, words, by = self.names.text(step.id), reason(step), noun(step.rule)
        used = self._used(step)
        if by and _is_all(step) and used:
            of = f"the {by}: {used}" if " of " in by else f"the {by} of {used}"
            return f"{own} is {of}" if words in ("", by) else f"{own} is the {words}: {of}"
        told = f"{own} is {_with_article(words)}" if words and by != words else own
        if step.rule in LOSSES and words:
            told, by = f"{own} is {_with_article(words)}", ""
        if not used:
            return told
        last = f"; the {by} comes last" if by and _is_last(step) else f", by the {by}" if by else ""
        return f"{told}{' is' if told == own else ','} worked out from {used}{last}"

    def _used(self, step: Step, leave_out: Collection[str] = ()) -> str:
        found = [self.names.text(one) for one in step.inputs if one in self.known]
        out = {self.names.text(one) for one in leave_out}
        kept = [text for text in found if text not in out]
        return listed(kept) if kept else ""

    # Backward -------------------------------------------------------------------------------------

    def _gradient(self, step: Step) -> str:
        """Through what a quantity acts on the end, and what that takes."""
        of = quantity(step.id)
        end, own = self.names.text(of.name), self.names.text(of.by)
        shares = self._shares(step)
        if step.rule == "upstream":
            return f"{self.names.text(step.id)} is given from outside"
        if step.rule == "fused":
            return (
                f"There is a shortcut from {end} straight to {own}: the loss and what stands before"
                f" it, differentiated as one; you need {self._used(step)}"
            )
        by = noun(step.rule.removeprefix("through-"))
        how = f", by the {by}" if by else ""
        needed = self._used(step, shares)
        takes = f"; you need {needed}, too" if needed else ""
        if len(shares) == 1 and step.rule != "sum-over-paths":
            (share,) = shares
            through = self.names.text(quantity(share).by)
            return (
                f"{own} acts on {end} through {through}{how}: by the chain rule,"
                f" {self.names.text(share)} times the derivative of {through} with respect to"
                f" {own}{takes}"
            )
        if shares:
            ways = [self.names.text(quantity(share).by) for share in shares]
            paths = [f"through {listed(ways)}"] + ["directly"] * _is_direct(step.expr, {*shares})
            return (
                f"{own} acts on {end} along several paths, {listed(paths)}: each has its share by"
                f" the chain rule, and the shares add up{takes}"
            )
        takes = f"; you need {needed}" if needed else ""
        do = f"differentiate {end} with respect to {own}"
        return f"{own} acts on {end} directly{how}: {do}{takes}"

    def _shares(self, step: Step) -> Sequence[str]:
        """The gradients of the same end that the formula starts from."""
        end = quantity(step.id).name
        found = (quantity(one) for one in step.inputs)
        return [derivative_id(end, of.by) for of in found if of.by and of.name == end]

    # Updates --------------------------------------------------------------------------------------

    def _updated(self, step: Step) -> str:
        old = quantity(step.id).name
        rule = _RULES.get(step.rule, step.rule)
        needed = self._used(step, (old,))
        new, was = self.names.text(step.id), self.names.text(old)
        return f"{new} is {was} after one step of {rule}" + (f"; you need {needed}" * bool(needed))


_AGAIN: Final = "forward-again"


def _with_article(words: str) -> str:
    return words if words.startswith(("the ", "half ", "how ", "what ")) else f"the {words}"


def _is_direct(expr: Expr, shares: Set[str]) -> bool:
    """Whether some term of a sum starts from none of the gradients behind it."""
    if isinstance(expr, Op) and expr.name in ("add", "sub"):
        return any(_is_direct(arg, shares) for arg in expr.args)
    return not shares & {*symbols(expr)}


def _is_all(step: Step) -> bool:
    """Whether a formula is nothing but its rule, applied to quantities."""
    args = step.expr.args if isinstance(step.expr, Op) else ()
    return step.rule in ("affine", "linear") or (
        _is_last(step) and all(isinstance(arg, Sym) for arg in args)
    )


def _is_last(step: Step) -> bool:
    return isinstance(step.expr, Op) and step.expr.name == step.rule.replace("-", "_")
