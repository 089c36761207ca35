"""A derivation in symbols to what is said of it: a document and data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from backprop_cli.algebra.quantity import derivative_id
from backprop_cli.formats.registry import Said

if TYPE_CHECKING:
    from backprop_cli.algebra.shapes import Shape
    from backprop_cli.derive.derivation_data import Derivation
    from backprop_cli.derive.regions.free_inputs import FreeInputs
    from backprop_cli.derive.tensors.gradient_data import TensorDerivation
    from backprop_cli.document.document_data import Document, Page
    from backprop_cli.document.names import Names
    from backprop_cli.document.view import View
    from backprop_cli.trace import Trace


def of_symbols(trace: Trace, shown: View) -> Said:
    """A derivation in symbols; `shown` is how the problem wants it written."""
    from backprop_cli.said.solved import of_trace

    def data() -> Mapping[str, object]:
        from backprop_cli.derive import derivation_json
        from backprop_cli.document.conventions import conventions
        from backprop_cli.document.names import names_of
        from backprop_cli.document.step_words import reason

        said = conventions(trace, shown, names_of(trace, shown))
        return derivation_json.of_trace(
            trace, said, {step.id: reason(step) for step in trace.steps}
        )

    return replace(of_trace(trace), data=data)


def of_functions(free: FreeInputs) -> Said:
    """Every quantity as a function of the inputs that are letters."""

    def document(view: View, page: Page) -> Document:
        from backprop_cli.document.from_free_inputs import functions

        return functions(free, view, page)

    def data() -> Mapping[str, object]:
        from backprop_cli.derive.regions.region_words import to_json

        return to_json(free)

    return Said(document, data)


def of_chains(derivation: Derivation) -> Said:
    """The derivation of a function, line by line."""

    def document(view: View, page: Page) -> Document:
        from backprop_cli.document.from_derivations import derived

        return derived(derivation, view, page)

    def data() -> Mapping[str, object]:
        from backprop_cli.derive import derivation_json

        return derivation_json.of_chains(derivation)

    return Said(document, data)


def of_gradient(found: TensorDerivation, names: Names, shapes: Mapping[str, Shape]) -> Said:
    """The derivation of one derivative."""

    def document(view: View, page: Page) -> Document:
        from backprop_cli.document.from_derivations import gradient

        return gradient(found, view, page, replace(names, ascii=view.ascii), shapes)

    def data() -> Mapping[str, object]:
        from backprop_cli.derive import derivation_json

        return derivation_json.of_gradient(
            found, shapes, derivative_id(found.of.name, found.by.name)
        )

    return Said(document, data)
