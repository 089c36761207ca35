"""Turns right updates into those of somebody who slips."""

from __future__ import annotations

from students import updates
from students.network import NetworkStudent
from students.student import Place
from students.table import Values, slip


@slip("ascent", "new")
def _(student: NetworkStudent, place: Place) -> Values:
    change = updates.change(student, place.parameter, student.exercise.rate)
    yield student.parameter(place.parameter) - change


@slip("learning-rate-omitted", "new")
def _(student: NetworkStudent, place: Place) -> Values:
    yield student.parameter(place.parameter) + updates.change(student, place.parameter, 1.0)


@slip("learning-rate-twice", "new")
def _(student: NetworkStudent, place: Place) -> Values:
    change = updates.change(student, place.parameter, student.exercise.rate**2)
    yield student.parameter(place.parameter) + change


@slip("bias-not-updated", "new")
def _(student: NetworkStudent, place: Place) -> Values:
    if student.exercise.parameters[place.parameter].source is None:
        yield student.parameter(place.parameter)


@slip("weights-not-updated", "new")
def _(student: NetworkStudent, place: Place) -> Values:
    if student.exercise.parameters[place.parameter].source is not None:
        yield student.parameter(place.parameter)


@slip("bias-correction-omitted", "new")
def _(student: NetworkStudent, place: Place) -> Values:
    if student.exercise.problem["update"]["rule"] == "adam":
        change = updates.change(student, place.parameter, student.exercise.rate, corrected=False)
        yield student.parameter(place.parameter) + change


@slip("state-ignored", "new")
def _(student: NetworkStudent, place: Place) -> Values:
    if "state" in student.exercise.problem["update"]:
        change = updates.change(student, place.parameter, student.exercise.rate, fresh=True)
        yield student.parameter(place.parameter) + change


@slip("updated-weights-forward", "new loss")
def _(student: NetworkStudent, _place: Place) -> Values:
    yield student.notes["L"]
