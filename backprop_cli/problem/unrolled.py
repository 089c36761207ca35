"""Equations under `for t in 1..3` to one equation a step, and what belongs together over time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct, field
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Op, Sym, walk
from backprop_cli.algebra.quantity import at_step, entry_id, step_of
from backprop_cli.algebra.shapes import Shape, plus, put_in
from backprop_cli.errors import Complaints
from backprop_cli.problem.problem_data import ForEach, Text
from backprop_cli.problem.text.formula_texts import moved
from backprop_cli.problem.text.lexer import FormulaError, stepped, whole
from backprop_cli.problem.text.parser import FUNCTIONS, MOST_STEPS
from backprop_cli.problem.typed_numbers import shown
from backprop_cli.trace import OverTime

_EQUATION = re.compile(r"\s*(?P<name>[^\W\d_]\w*(?:(?<=_)\{[^{}]*\})?)\s*=(?!=)\s*")
_SOME = 4
"""The last step that is written out where it is a letter: there are steps between both ends."""
_NOTHING: Mapping[str, int] = MappingProxyType({})


class Stated(Struct, frozen=True):
    """One equation as it is to be read.

    `name` is empty where it is none. `start` is where its formula begins, `running` says what the
    letters that run are in it.
    """

    text: Text
    name: str = ""
    start: int = 0
    running: Mapping[str, int] = _NOTHING


class Unrolled(Struct):
    """The equations in the order of computing, and which of them belong together over time.

    `lost` are steps of what is refused: nothing is said of others of the same name.
    """

    equations: list[Stated] = field(default_factory=list)
    over_time: list[OverTime] = field(default_factory=list)
    lengths: dict[str, int] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)


def unrolled(
    equations: Sequence[Text | ForEach],
    values: Sequence[str],
    complaints: Complaints,
    sizes: frozenset[str] = frozenset(),
) -> Unrolled:
    """Each equation for each step; `values` are the names that the file gives.

    Where the last step is one of `sizes`, a letter, a few steps stand for all of them.
    """
    ends = (
        end for each in equations if isinstance(each, ForEach) for end in (each.first, each.last)
    )
    lengths = {end.text.strip() for end in ends if end.text.strip() in sizes}
    found = Unrolled(lengths=dict.fromkeys(lengths, _SOME))
    for each in equations:
        if isinstance(each, Text):
            found.equations.append(_stated(each, found.lengths, complaints))
        else:
            _add_steps(each, values, found, complaints)
    return found


def _stated(text: Text, running: Mapping[str, int], complaints: Complaints) -> Stated:
    match = _EQUATION.match(text.text)
    if match is None:
        return Stated(text, running=running)
    try:
        return Stated(text, stepped(match["name"], running), match.end(), running)
    except FormulaError as error:
        mark = moved(text.mark, match.start("name") + error.offset)
        complaints.add(error.message, mark, error.instead)
        return Stated(text, match["name"], match.end(), running)


def _add_steps(
    each: ForEach, values: Sequence[str], found: Unrolled, complaints: Complaints
) -> None:
    steps = _range(each, complaints, found.lengths)
    bases = _bases(each, complaints)
    if not steps or each.letter in values or each.letter in FUNCTIONS:
        if steps:
            what = "a value of this file" if each.letter in values else "a function"
            message = f"{shown(each.letter)} is {what}, and cannot count the steps as well"
            complaints.add(message, each.mark, "another letter")
        steps = steps[:1]
    if not steps:
        ends = [text.text.strip() for text in (each.first, each.last)]
        found.lost |= {*bases.values(), *(at_step(b, end) for b in bases.values() for end in ends)}
    for step in steps:
        taken = each.equations if step == steps[0] else bases
        running = {**found.lengths, each.letter: step}
        found.equations += [_stated(text, running, complaints) for text in taken]
    down = steps.step < 0
    end = (each.first if down else each.last).text.strip()
    length = end if end in found.lengths else ""
    if steps and (length or not down):  # a number of steps that run down is shown step by step
        first, last = min(steps), max(steps)
        names = (*bases.values(),)
        over = OverTime(each.letter, first, last, names, length, down=down)
        found.over_time.append(replace(over, beside=_given_at_each(over, values)))


def _given_at_each(over: OverTime, values: Sequence[str]) -> tuple[str, ...]:
    """What is stated for every step under names of its own: x of x_1, x_2, x_3."""
    found = dict.fromkeys(step[0] for step in map(step_of, values) if step is not None)
    return tuple(
        base
        for base in found
        if base not in over.bases and all(at_step(base, t) in values for t in over.steps)
    )


def _range(each: ForEach, complaints: Complaints, lengths: Mapping[str, int]) -> range:
    """The steps; none, with a complaint, where they cannot be told."""
    first = _bound(each.first, complaints, lengths, "1..3")
    example = "1..3" if first is None or first < 0 else f"{first}..{first + 2}"
    last = _bound(each.last, complaints, lengths, example)
    if first is None or last is None:
        return range(0)
    if first < 0 or last < 0:
        message = f"the range {first}..{last} {'begins' if first < 0 else 'ends'} before 0"
        complaints.add(message, each.first.mark, f"for {each.letter} in 1..3:")
        return range(0)
    if abs(last - first) >= MOST_STEPS:
        complaints.add(f"a range has at most {MOST_STEPS} steps", each.first.mark)
        return range(0)
    return range(first, last + 1) if first <= last else range(first, last - 1, -1)


def _bound(
    text: Text, complaints: Complaints, lengths: Mapping[str, int], example: str
) -> int | None:
    try:
        return whole(text.text, lengths)
    except FormulaError as error:
        complaints.add(error.message, moved(text.mark, error.offset), f"a whole number: {example}")
        return None


def _bases(each: ForEach, complaints: Complaints) -> dict[Text, str]:
    """What quantities are called without their step; names that have none are complained of."""
    found = {}
    for text in each.equations:
        match = _EQUATION.match(text.text)
        if match is None:
            continue
        base, bar, step = match["name"].rpartition("_")
        if bar and step.strip("{} ") == each.letter:
            found[text] = base
            continue
        name = match["name"].partition("_{")[0]
        message = (
            f"{shown(match['name'])} is under `for {each.letter} in …`, and its name has "
            f"no step {each.letter}: each step would give it again"
        )
        if "{" in match["name"]:
            message = f"what a step gives is of that step, not {shown(match['name'])}"
        mark = moved(text.mark, match.start("name"))
        complaints.add(message, mark, f"{name}_{each.letter} = …")
    return found


def in_letters(over_time: Iterable[OverTime]) -> dict[str, str]:
    """What is of any step, or of the last one, where their number is a letter: h_t, and h_T."""
    lettered = [(over, names) for over in over_time if over.length for names in over.names.items()]
    return {
        at_step(base, letter): name
        for over, (base, names) in lettered
        for letter, name in ((over.letter, names[0]), (over.length, names[-1]))
    }


def hints(over_time: Sequence[OverTime], values: Sequence[str]) -> dict[str, tuple[str, str]]:
    """What to say, and to write instead, of names that nothing gives: h_0, and x_t for x[t]."""
    found = {}
    for each in over_time:
        for base in each.bases if each.down else ():
            last, beyond = each.length, at_step(base, plus(each.length, 1))
            said = f"{shown(beyond)}, from which {at_step(base, last)} starts, is not given"
            found[at_step(base, each.last + 1)] = (said, f"- {beyond} = …, in a line before it")
        for base in each.bases:
            for step in range(each.first):
                name, first = at_step(base, step), at_step(base, each.first)
                said = f"{shown(name)}, from which {first} starts, is not given"
                found[name] = (said, f"values: {{{name}: …}}")
        for name in values:
            for step in range(each.last + 1):
                row = entry_id(name, each.letter)
                said = (
                    f"{shown(at_step(name, step))} is not known here: the rows of {name} are {row}"
                )
                found[at_step(name, step)] = (said, row)
    return found


def behind_the_last(
    expr: Expr, shapes: Mapping[str, Shape], lengths: Mapping[str, int]
) -> str | None:
    """A quantity with a size in the number of steps, of which a step takes what there is not."""
    steps = {letter: str(last) for letter, last in lengths.items()}
    for node in walk(expr):
        match node:
            case Op("at", (Sym(name),)):
                places = node.option("index")
                assert isinstance(places, tuple), node
                for place, size in zip(places, shapes[name], strict=False):
                    end = put_in(str(size), steps)
                    if isinstance(place, int) and end.isdecimal() and place >= int(end):
                        return name
    return None
