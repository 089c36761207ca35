"""A problem file to its problem and model: every complaint about it in one error."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backprop_cli.errors import Complaint, Complaints, UserError
from backprop_cli.problem.build import build_model
from backprop_cli.problem.data import Problem
from backprop_cli.problem.format import read_problem
from backprop_cli.problem.model import Model
from backprop_cli.problem.tree import MAX_BYTES


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was read: what it is called in messages, and its bytes."""

    name: str
    data: bytes

    def error(self, *complaints: Complaint) -> UserError:
        """The error that says all of this about the file."""
        lines = tuple(self.data.decode("utf-8", "replace").splitlines())
        return UserError(*complaints, source=self.name, lines=lines)


def read_source(path: Path) -> Source:
    """The bytes of a file; UserError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return Source(str(path), file.read(MAX_BYTES + 1))
    except FileNotFoundError:
        instead = _near(path)
        raise UserError(
            Complaint("there is no such file", instead=instead), source=str(path)
        ) from None
    except OSError as error:
        raise UserError(Complaint(f"cannot be read: {error.strerror}"), source=str(path)) from None


def _near(path: Path) -> str | None:
    from difflib import get_close_matches

    try:
        names = [
            other.name
            for other in path.parent.iterdir()
            if other.suffix in (".yaml", ".yml", ".json")
        ]
    except OSError:
        return None
    near = get_close_matches(path.name, names, 1)
    return str(path.with_name(near[0])) if near else None


def load_problem(source: Source) -> Problem:
    """The problem that a file states; UserError with all that is wrong with its form."""
    complaints = Complaints()
    problem = read_problem(source.data, complaints)
    if complaints.found or problem is None:
        if problem is not None:
            build_model(problem, complaints)
        raise source.error(*complaints.found)
    return problem


def load_model(source: Source) -> Model:
    """The model of the problem that a file states; UserError with all that is wrong with it."""
    complaints = Complaints()
    problem = read_problem(source.data, complaints)
    model = build_model(problem, complaints) if problem is not None else None
    if complaints.found or model is None:
        raise source.error(*complaints.found)
    return model
