"""The name of a format to the ending of its files, and an ending to the format that is meant."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Final

ENDING: Final = MappingProxyType(
    {
        "text": ".txt",
        "markdown": ".md",
        "html": ".html",
        "latex": ".tex",
        "json": ".json",
        "python": ".py",
        "svg": ".svg",
        "csv": ".csv",
        "junit": ".xml",
    }
)
_NO_TEXT = (".png", ".jpg", ".jpeg", ".gif", ".pdf", ".docx", ".odt", ".doc")
_MEANT = {
    **{ending: name for name, ending in ENDING.items()},
    ".htm": "html",
    **{ending: ending for ending in _NO_TEXT},  # which nothing here is
}


def format_of(file: Path) -> str | None:
    """The format that a file's name says; None where it says none."""
    return _MEANT.get(file.suffix.casefold())
