"""Gradients checked against finite differences to a few lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from backprop_cli.document.view import View


class Checked(Protocol):
    """One gradient and how far it is from finite differences."""

    @property
    def id(self) -> str: ...
    @property
    def checked(self) -> int: ...
    @property
    def kinks(self) -> int: ...
    @property
    def error(self) -> float: ...


def checks_text(checks: Sequence[Checked], view: View) -> str:
    """A line for each gradient and the largest error of all."""
    lines = ["", "Checked against finite differences"]
    wide = max(len(check.id) for check in checks)
    for check in checks:
        apart = f", {check.kinks} at a kink left out" if check.kinks else ""
        entries = "entry" if check.checked == 1 else "entries"
        lines.append(
            f"  {check.id.ljust(wide)}  {check.error:.1e}  {check.checked} {entries}{apart}"
        )
    worst = max(check.error for check in checks)
    lines.append(
        f"  {'largest'.ljust(wide)}  {worst:.1e}  relative to each gradient's largest entry"
    )
    text = "\n".join(lines) + "\n"
    return text.replace("∂", "d") if view.ascii else text
