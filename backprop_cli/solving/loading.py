"""A problem file to a model and a plan, with everything that is wrong with it told at once."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from backprop_cli.errors import Complaint, Complaints, UserError
from backprop_cli.problem.build_model import build
from backprop_cli.problem.file_format.reading import PROBLEM, read_problem
from backprop_cli.problem.ids import Reference, reference
from backprop_cli.problem.model import Model
from backprop_cli.problem.problem_data import Problem, with_numbers
from backprop_cli.problem.problem_file import Source
from backprop_cli.problem.text.commas import Pair, has_spaces, with_points
from backprop_cli.problem.text.tree import read_tree
from backprop_cli.solving.asked import asked_pairs, check_asked, check_names
from backprop_cli.solving.limits import Allowed, check_depth, check_formulas, check_task
from backprop_cli.solving.plan import Plan, plan
from backprop_cli.solving.prepared import check_batches
from backprop_cli.solving.update import check_state

MOST_REREAD: Final = 200_000
"""A larger file, in bytes, is not read again to see what may have been meant."""

_NO_NUMBERS = "this problem has no numbers to compute with: it is in letters, which `derive` takes"


def _derive(source: Source) -> str:
    return f"backprop derive {'-' if source.name == '<stdin>' else source.name}"


_USUAL = Allowed()
_TOO_DEEP = Complaint(
    "one quantity is used so often that its gradient, a sum over all its uses, has too many terms",
    instead="fewer equations",
)


class Loaded(Struct, frozen=True):
    """A model ready to be solved, its plan, and the file it is from."""

    model: Model
    plan: Plan
    source: Source

    def known(self) -> list[str]:
        """Every id of the problem."""
        return [step.id for step in self.plan.steps] + [*self.model.given, *self.model.unknown]

    def reference(self, text: str) -> Reference:
        """The quantity that `text` names; UnknownIdError where there is none."""
        return reference(text, self.known(), self.model.gradient_of, self.model.aliases)


def loaded(source: Source, numbers: bool = True, allowed: Allowed = _USUAL) -> Loaded:
    """The model of the problem that a file states; UserError with all that is wrong with it.

    Without `numbers` shapes alone will do, as for a derivation in symbols.
    """
    return checked(*stated(source), source, numbers, allowed)


def _with_first_causes(
    told: tuple[Complaint, ...], source: Source, numbers: bool, allowed: Allowed
) -> tuple[Complaint, ...]:
    """The complaints, and before them the commas that explain some of them.

    The file is read once more with every `0,5` of a list as one number. Where that leaves less to
    complain of, and nothing new, these commas are what is wrong: surely where other commas have
    spaces behind them, and else perhaps.
    """
    if len(source.data) > MOST_REREAD:
        return told
    pairs: list[Pair] = []
    tree = read_tree(source.data, Complaints())
    meant = with_points(tree, pairs) if tree is not None else None
    if tree is None or meant is None or not pairs:
        return told
    complaints = Complaints(folder=source.folder)
    problem = PROBLEM.read(meant, "the file", complaints)
    try:
        _built(problem, complaints, source, numbers, allowed)
        left: tuple[Complaint, ...] = ()
    except UserError as error:
        left = error.complaints
    if not set(left) < set(told):
        return told
    if has_spaces(tree):
        return (*(Complaint(pair.message, pair.mark, pair.advice) for pair in pairs), *left)
    return (*told, *(Complaint(pair.doubt, pair.mark, pair.instead, 1) for pair in pairs))


def stated(source: Source) -> tuple[Problem | None, Complaints]:
    """The problem that a file states, and all that is wrong with how it is written."""
    complaints = Complaints(folder=source.folder)
    return read_problem(source.data, complaints), complaints


def checked(
    problem: Problem | None,
    complaints: Complaints,
    source: Source,
    numbers: bool = True,
    allowed: Allowed = _USUAL,
) -> Loaded:
    """The same for a problem that has been read."""
    try:
        return _built(problem, complaints, source, numbers, allowed)
    except UserError as error:
        told = _with_first_causes(error.complaints, source, numbers, allowed)
        raise source.error(*told) from None


def _built(
    problem: Problem | None,
    complaints: Complaints,
    source: Source,
    numbers: bool,
    allowed: Allowed,
) -> Loaded:
    complaints.stage = 1
    if numbers and problem is not None and problem.in_letters and not complaints.found:
        raise source.error(Complaint(_NO_NUMBERS, instead=_derive(source)))
    if problem is not None and problem.has_letters and not numbers:
        problem = with_numbers(problem)  # in symbols a letter is as good as a number
    built = build(problem, complaints, numbers) if problem is not None else None
    if built is not None:
        check_state(built.outline, complaints)
        check_batches(built.outline, complaints)
    if built is None or built.model is None or complaints.found:
        if built is not None:
            check_names(built.outline, complaints)
        raise source.error(*complaints.found)
    try:
        check_task(built.model, allowed)
        planned = plan(built.model, asked_pairs(built.model))
        check_depth(planned)
        check_formulas(built.model, planned, allowed)
    except UserError as error:
        raise source.error(*error.complaints) from None
    except RecursionError:
        raise source.error(_TOO_DEEP) from None
    check_asked(built.model, planned, complaints)
    if complaints.found:
        raise source.error(*complaints.found)
    return Loaded(built.model, planned, source)
