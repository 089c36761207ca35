"""A problem as Python has it: solved, derived, and what answers are checked against."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import ValidationError, convert

from backprop_cli.errors import Complaint
from backprop_cli.problem.problem_file import Source, read_source
from backprop_cli.python import showing
from backprop_cli.python.complaining import (
    DICT,
    Error,
    door,
    expect,
    expect_one_of,
    expect_whole,
    told,
)
from backprop_cli.python.derivations import Derivation
from backprop_cli.python.given_numbers import leaves, plain
from backprop_cli.python.showing import Shown
from backprop_cli.python.solutions import Solution
from backprop_cli.solving.limits import MAX_WORK, MOST_VARIANTS, Allowed
from backprop_cli.solving.loading import Loaded, checked, loaded, stated
from backprop_cli.solving.solution import Request, solve

if TYPE_CHECKING:
    from backprop_cli.document.view import View
    from backprop_cli.formats.registry import Said
    from backprop_cli.grading.grader import Desk
    from backprop_cli.python.exercises import Practice, Report
    from backprop_cli.said.drawings import Drawable

_TEXT_SIGNS = ("\n", "{", ": ")


@door
def load(
    problem: str | os.PathLike[str] | bytes | Mapping[str, Any], *, max_work: int | None = None
) -> Problem:
    """A problem: the path of a file, the text of one, or a dict with the same keys.

    Arrays may stand for numbers in a dict. `max_work` are the operations that a task may take, as
    the option of the command. Error with every complaint about what is wrong with it.

    >>> problem = load({"values": {"x": 2, "w": 3}, "equations": ["y = w * x", "L = y^2"]})
    >>> float(problem.solve()["dL/dw"])
    24.0
    """
    if max_work is not None:
        expect_whole("max_work", max_work, 1)
    with told():
        return Problem(_source(problem), max_work or MAX_WORK)


@door
def new(sketch: str, **choices: Any) -> Problem:
    """A problem from a sketch: `new("4-3-2", activation="tanh", batch=3, seed=2)`.

    The choices are the options of `backprop new`: activation, output, loss, batch, numbers, seed,
    decimals, learning_rate, affine, bias, indices, output_gradient. `text` of the problem is the
    file. Error for a sketch or a choice that means nothing, or where no numbers will do.
    """
    from backprop_cli.classroom.new_problem import new_problem
    from backprop_cli.classroom.sketches import Choices, sketched

    unknown = [name for name in choices if name not in Choices.__struct_fields__]
    if unknown:
        known = ", ".join(Choices.__struct_fields__)
        raise Error(Complaint(f"`{unknown[0]}` is no choice", instead=known), source="new")
    if isinstance(rate := choices.get("learning_rate"), int | float):
        choices = {**choices, "learning_rate": str(rate)}
    try:
        chosen = convert(choices, Choices)
    except (ValidationError, UnicodeEncodeError) as error:
        raise Error(Complaint(str(error)), source="new") from None
    with told("new"):
        made = new_problem(sketched(sketch, chosen), Allowed("linting"))
    return load(made.text)


def _source(problem: str | os.PathLike[str] | bytes | Mapping[str, Any]) -> Source:
    if isinstance(problem, Mapping):
        try:
            return Source(DICT, json.dumps(plain(problem), ensure_ascii=False).encode())
        except RecursionError:
            message = "lists are nested in lists more deeply than can be followed"
            raise Error(Complaint(message), source=DICT) from None
        except (TypeError, ValueError) as error:
            raise Error(Complaint(f"the dict cannot be read: {error}"), source=DICT) from None
    if isinstance(problem, bytes):
        return Source("<text>", problem)
    if isinstance(problem, str) and (not problem or any(one in problem for one in _TEXT_SIGNS)):
        return Source("<text>", problem.encode("utf-8", "surrogatepass"))  # the reader refuses it
    wanted = "a path, the text of a problem or a dict"
    expect(isinstance(problem, str | os.PathLike), "load", wanted, problem)
    return read_source(Path(problem))


class Problem(showing.Shown):
    """A problem that has been read and checked; nothing of it changes any more.

    In notebooks it shows itself as it is handed out.
    """

    def __init__(self, source: Source, most: int = MAX_WORK) -> None:
        self._source = source
        self._most = most
        self._stated, complaints = stated(source)
        letters = self._stated is not None and (self._stated.in_letters or self._stated.has_letters)
        self._in_letters = letters
        self._loaded: Loaded = checked(
            self._stated, complaints, source, numbers=not letters, allowed=Allowed(most=most)
        )

    def __repr__(self) -> str:
        return f"<Problem {self.title or self._source.name}>"

    def _rendered(self, format_: str) -> str | None:
        try:
            return self.handout(format_)
        except Error:
            return None

    @property
    def title(self) -> str:
        """What the problem calls itself, or nothing."""
        return self._loaded.model.problem.title

    @door
    def solve(self, *, steps: int | None = None, at: int = 1) -> Solution:
        """The problem worked out: the derivation of step `at`, after `steps` updates in all.

        Without `steps` as many as the problem says. Error where it has no numbers, or takes more
        work than is allowed.
        """
        self._need_numbers("solve")
        self._check_steps(steps, at)
        request = Request(steps, at, planned=self._loaded.plan, max_work=self._most)
        with told(self._source.name):
            return Solution(self._loaded, solve(self._loaded.model, request))

    @door
    def check(
        self, answers: Mapping[str, Any] | str | os.PathLike[str] | bytes, *, student: str = ""
    ) -> Report:
        """The answers graded: a dict of numbers, texts or arrays, a file or folder, or its bytes.

        Numbers that somebody typed (texts, or numbers of few digits) are judged by their digits;
        arrays, and numbers of many digits, by the type of their floats. Names are read as sheets
        and programs have them: `dW1`, `grads/W1`, `A1`; dicts may lie in dicts. Error where the
        problem has nothing to grade, or there is no such file; a sheet that cannot be read is
        graded with no points, and `report.error` says why.
        """
        from backprop_cli.python.exercises import Report

        self._need_numbers("check")
        with told(self._source.name):
            graded = self._graded(answers, student)
        return Report(self.title, graded, self._desk.grader)

    def _graded(self, answers: Any, student: str) -> list[Any]:
        from backprop_cli.grading.sheets.collect import answer_files

        name = student or "answers"
        if isinstance(answers, Mapping):
            return [self._desk.grade_numbers(leaves(answers), name)]
        if isinstance(answers, bytes):
            return [self._desk.grade(answers, f"{name}.yaml")]
        wanted = "a dict, a path or the bytes of a file"
        expect(isinstance(answers, str | os.PathLike) and answers != "", "check", wanted, answers)
        return [self._desk.grade_file(file) for file in answer_files([Path(answers)])]

    @door
    def derive(
        self, *, of: str | None = None, wrt: str | None = None, index: bool = False
    ) -> Derivation:
        """The derivation in symbols: the whole, or of one quantity with respect to another.

        `wrt` may be an entry with letters, `W1[i,j]`; `index` writes every entry out with sums.
        Error for names that mean nothing here.
        """
        return derived(self._source, of, wrt, index=index)

    @door
    def draw(self, *, network: bool = False) -> Drawing:
        """The computation graph with its values and gradients, or the `network` of units.

        In letters, the formulas and shapes alone. Error where there is nothing to draw, or where
        this is no network of units joined by weights alone.
        """
        from backprop_cli.said.drawings import drawable

        with told(self._source.name):
            found = Drawing(drawable(self._source, Allowed("drawing", self._most)), bool(network))
        if network:
            found.render("svg")  # whether it is one shows only there
        return found

    # For a class ----------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """The problem file, as it was read."""
        return self._source.data.decode("utf-8", "replace")

    @door
    def vary(self, student: str, *, seed: int = 1) -> Problem:
        """The same problem with numbers of a student's own: the same ones for the same seed.

        Error where nothing in it may vary, or no numbers are fair.
        """
        from backprop_cli.python.exercises import varied

        self._need_numbers("vary")
        return Problem(varied(self._loaded, student, seed))

    @door
    def handout(
        self,
        format: str = "text",  # noqa: A002  # as the option of the command is called
        *,
        room: int | None = None,
        width: int = 80,
        ascii: bool = False,  # noqa: A002
    ) -> str:
        """The exercise as `text`, `markdown`, `latex` or `html`: what is given, what is asked.

        No value that has to be worked out is in it. `room` are the lines left free below each
        quantity. Error for an unknown format.
        """
        from backprop_cli.python.exercises import handout

        return handout(self._loaded, format, room, width=width, ascii_=ascii)

    @door
    def blank(self, format: str = "text", *, ascii: bool = False) -> str:  # noqa: A002
        """The empty answer sheet as `text` (YAML), `json` or `csv`, which `check` reads again.

        Error for an unknown format, or where it has no numbers.
        """
        from backprop_cli.said import SHEETS
        from backprop_cli.said.empty_sheets import empty_sheet

        self._need_numbers("blank")
        showing.refuse_other(format, SHEETS)
        with told(self._source.name):
            return empty_sheet(self._loaded, format, Allowed(most=self._most), ascii_=bool(ascii))

    @door
    def export(self, platform: str) -> dict[str, str]:
        """A question of a learning platform: the text of each of its files, by the file's name.

        `prairielearn`: the folder of a question, with numbers of each student's own, graded as by
        `check`. `moodle`: the XML of a question of the type `formulas`, with an interval for each
        box. Error for another platform, or where it has no numbers.
        """
        from backprop_cli.classroom.exports.moodle_formulas import moodle_question
        from backprop_cli.classroom.exports.prairielearn_server import prairielearn_files

        self._need_numbers("export")
        expect_one_of("platform", platform, ["prairielearn", "moodle"])
        with told(self._source.name):
            if platform == "moodle":
                return {"question.xml": moodle_question(self._loaded)}
            return prairielearn_files(self._loaded)

    @door
    def lint(self, *, variants: int | None = None) -> dict[str, Any]:
        """What a teacher should know of it: the dict of `backprop lint --format json`.

        With so many `variants` drawn, also how they differ. Error where it has no numbers, or
        takes more work than is allowed.
        """
        from backprop_cli.said.linted import linted

        self._need_numbers("lint")
        if variants is not None:
            expect_whole("variants", variants, 1, MOST_VARIANTS)
        allowed = Allowed("linting", self._most)
        with told(self._source.name):
            found = linted(loaded(self._source, allowed=allowed), allowed, 4, variants)
        data: dict[str, Any] = json.loads(found.json())
        return data

    @door
    def practice(self, *, worked: int = 0) -> Practice:
        """The problem to be worked through, a line at a time; the first `worked` are shown.

        Error where it has no numbers.
        """
        from backprop_cli.python.exercises import Practice

        self._need_numbers("practice")
        expect_whole("worked", worked, 0)
        return Practice(self._loaded, worked)

    # What it needs --------------------------------------------------------------------------------

    @cached_property
    def _desk(self) -> Desk:
        from backprop_cli.grading.grader import Desk

        return Desk(self._loaded.model, most_work=self._most)

    def _need_numbers(self, task: str) -> None:
        if self._in_letters:
            message = "this problem is in letters, and there are no numbers to compute with"
            raise Error(Complaint(message, instead="derive()"), source=task)

    def _check_steps(self, steps: int | None, at: int) -> None:
        if steps is not None:
            expect_whole("steps", steps, 0)
        expect_whole("at", at, 1)
        update = self._loaded.model.update
        trains = update is not None and bool(self._loaded.model.trained)
        if steps and not trains:
            raise Error(Complaint("this problem has no update to make steps with"), source="steps")
        most = max(1, steps if steps is not None else update.steps if update and trains else 0)
        if at > most:
            raise Error(
                Complaint(f"step {most} is the last, and there is no step {at}"), source="at"
            )


def derived(source: Source, of: str | None, wrt: str | None, *, index: bool) -> Derivation:
    """The whole derivation, or that of one quantity with respect to another."""
    for source_, name in (("of", of), ("wrt", wrt)):
        expect(isinstance(name, str | None), source_, "a name", name)
    if index and (of or wrt):
        raise Error(Complaint("entry by entry the whole is derived: index, or of and wrt"))

    def found(view: View) -> tuple[Said, View]:
        if of is None and wrt is None:
            return showing.symbols(source, view, index=index)
        return showing.tensor(source, of, wrt, view)

    with told("derive"):  # what is asked for has to be there before it is shown
        found(showing.view())
    return Derivation(lambda format_, view: showing.written(format_, found(view)))


class Drawing(Shown):
    """The computation graph of a problem, or its network of units: `problem.draw()`.

    In a notebook it shows itself; `render("svg")` is the text of a file.
    """

    def __init__(self, of: Drawable, network: bool) -> None:
        self._of = of
        self._network = network

    @door
    def render(
        self,
        format: str = "text",  # noqa: A002  # as the option of the command is called
        *,
        precision: int | None = None,
        width: int = 100,
        ascii: bool = False,  # noqa: A002
    ) -> str:
        """The drawing as `text` or `svg`; `precision` are the decimals shown.

        None: 4, or as many as are asked.

        Error for an unknown format, or where a network does not fit so many columns.
        """
        from backprop_cli.document.view import as_written
        from backprop_cli.said import DRAWINGS
        from backprop_cli.said.drawings import drawing

        showing.refuse_other(format, DRAWINGS)
        view = showing.view(precision, width=width, ascii=ascii)
        shown = as_written(self._of.loaded.model.problem, view)
        with told("draw"):
            return drawing(self._of, format, shown, network=self._network)

    def _bundle(self) -> dict[str, str | None]:
        """The SVG, and the lines where these have room."""
        return {"image/svg+xml": self.render("svg"), "text/plain": str(self)}
