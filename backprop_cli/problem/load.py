"""The path of a file to its bytes, and what is said about them to an error that shows the lines."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from backprop_cli.errors import Complaint, UserError
from backprop_cli.problem.tree import MAX_BYTES, source_lines


class Source(Struct, frozen=True):
    """A file as it was read: what it is called in messages, and its bytes."""

    name: str
    data: bytes

    def error(self, *complaints: Complaint) -> UserError:
        """The error that says all of this about the file."""
        return UserError(*complaints, source=self.name, lines=source_lines(self.data))


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
