"""The drawing of a problem as Python has it: SVG in a notebook, printed as lines."""

from __future__ import annotations

from backprop_cli.document.view import as_written
from backprop_cli.python import showing
from backprop_cli.python.complaining import door, told
from backprop_cli.python.showing import Shown
from backprop_cli.said import DRAWINGS
from backprop_cli.said.drawings import Drawable, drawing


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
        precision: int = 4,
        width: int = 100,
        ascii: bool = False,  # noqa: A002
    ) -> str:
        """The drawing as `text` or `svg`; `precision` are the decimals shown.

        Error for an unknown format, or where a network does not fit so many columns.
        """
        showing.refuse_other(format, DRAWINGS)
        view = showing.view(precision, width=width, ascii=ascii)
        shown = as_written(self._of.loaded.model.problem, view)
        with told("draw"):
            return drawing(self._of, format, shown, network=self._network)

    def _bundle(self) -> dict[str, str | None]:
        """The SVG, and the lines where these have room."""
        return {"image/svg+xml": self.render("svg"), "text/plain": str(self)}
