"""What was solved or derived to what is said of it: a document, data, a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from backprop_cli.algebra.quantity import derivative_id
from backprop_cli.formats.registry import Said

if TYPE_CHECKING:
    from backprop_cli.algebra.shapes import Shape
    from backprop_cli.derive.derivation_data import Derivation
    from backprop_cli.derive.regions.free_inputs import FreeInputs
    from backprop_cli.derive.tensors.gradient_data import TensorDerivation
    from backprop_cli.document.document_data import Document, Page, Part
    from backprop_cli.document.names import Names
    from backprop_cli.document.view import View
    from backprop_cli.solving.verify import Check
    from backprop_cli.solving.weight_paths import EntryPaths
    from backprop_cli.trace import Trace

    Checks = Sequence[Check] | None


def of_trace(
    trace: Trace,
    only: frozenset[str] | None = None,
    paths: EntryPaths | None = None,
    checks: Checks = None,
) -> Said:
    """A solution: its steps (or those in `only`), or one weight's paths, and what was checked."""
    return Said(
        partial(_document, trace, paths, checks),
        partial(_data, trace, only, paths, checks),
    )


def _document(
    trace: Trace, paths: EntryPaths | None, checks: Checks, view: View, page: Page
) -> Document:
    appended = _checked(trace, checks, view)
    if paths is not None:
        from backprop_cli.document.from_paths import followed

        return followed(paths, trace, view, page, appended)
    from backprop_cli.document.from_trace import worked

    return worked(trace, view, page, appended)


def _checked(trace: Trace, checks: Checks, view: View) -> Sequence[Part]:
    if checks is None:
        return ()
    from backprop_cli.document.from_checks import checked
    from backprop_cli.document.names import names_of

    return checked(checks, names_of(trace, view))


def _data(
    trace: Trace, only: frozenset[str] | None, paths: EntryPaths | None, checks: Checks
) -> dict[str, Any]:
    from backprop_cli.trace_json import number, to_json

    if only is not None:
        trace = replace(trace, steps=tuple(step for step in trace.steps if step.id in only))
    data = to_json(trace)
    if paths is not None:
        data["entry"] = _paths_data(paths)
    if checks is not None:
        data["verify"] = [
            {"id": one.id, "checked": one.checked, "kinks": one.kinks, "error": number(one.error)}
            for one in checks
        ]
    return data


def _paths_data(found: EntryPaths) -> dict[str, Any]:
    from backprop_cli.trace_json import number

    paths = [
        {
            "factors": [
                {"of": factor.of, "by": factor.by, "value": number(factor.value)}
                for factor in path.factors
            ],
            "product": number(path.product),
        }
        for path in found.paths
    ]
    return {
        "id": found.entry,
        "paths": paths,
        "omitted": found.omitted,
        "omitted_total": number(found.omitted_total),
        "total": number(found.total),
    }


def of_symbols(trace: Trace, shown: View) -> Said:
    """A derivation in symbols; `shown` is how the problem wants it written."""

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
        from backprop_cli.derive.regions.regions_json import to_json

        return to_json(free)

    return Said(document, data)


def of_chains(derivation: Derivation) -> Said:
    """The derivation of a function, line by line."""

    def document(view: View, page: Page) -> Document:
        from backprop_cli.document.from_chains import derived

        return derived(derivation, view, page)

    def data() -> Mapping[str, object]:
        from backprop_cli.derive import derivation_json

        return derivation_json.of_chains(derivation)

    return Said(document, data)


def of_gradient(found: TensorDerivation, names: Names, shapes: Mapping[str, Shape]) -> Said:
    """The derivation of one derivative."""

    def document(view: View, page: Page) -> Document:
        from backprop_cli.document.from_tensor import gradient

        return gradient(found, view, page, replace(names, ascii=view.ascii), shapes)

    def data() -> Mapping[str, object]:
        from backprop_cli.derive import derivation_json

        return derivation_json.of_gradient(
            found, shapes, derivative_id(found.of.name, found.by.name)
        )

    return Said(document, data)
