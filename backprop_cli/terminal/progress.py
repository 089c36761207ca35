"""Work that is counted as it is done to a bar on the terminal, which leaves nothing behind."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress

from backprop_cli.terminal.console import console
from backprop_cli.terminal.themes import ThemeName


@contextmanager
def progress(what: str, total: int, theme: ThemeName) -> Iterator[Callable[..., None]]:
    """Gives what is called with `completed`, how much is done, and `description`, what it is."""
    with Progress(console=console(sys.stderr, theme=theme), transient=True) as bar:
        task = bar.add_task(what, total=total)

        def told(completed: int, description: str = what) -> None:
            bar.update(task, completed=completed, description=description)

        yield told
