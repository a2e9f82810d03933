"""What a failure leaves behind: a script that shows it again, and a picture of the graph."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import tinygraph as tg
from tinygraph.render import render

from ._checks import report_of
from ._localise import localise
from ._minimise import minimise
from ._report import Array, Example, Finding, GradientError, Report
from ._source import IMPORTED, Source
from ._structure import Inputs, map_leaves

SMALL = 256  # entries in all inputs together: those of larger examples are left as they are
RUNS = 10_000  # of the function, at most, in search of a simpler example
CHECKS = 200
SCRIPT = "the example, as a script"


def told(error: GradientError) -> GradientError:
    """Return the error of a `gradcheck` as people read it.

    It is about the simplest inputs that were found to fail in the same way; it names the rule at
    fault, and has a script.
    """
    example = error.example
    if example is None or error.report.sections:
        return error
    f, options = example.f, example.options
    inputs, report = simplest(
        example.inputs, error.report, lambda inputs: report_of(f, inputs, **options)
    )
    wrong = localise(f, *inputs, order=options.get("order", 1), seed=options.get("seed", 0))
    findings = report.findings
    sections = [(SCRIPT, script(f, inputs, report, **options))]
    if wrong is not None:
        if not any(_same(wrong, finding) for finding in findings):
            sections.insert(0, ("the rule by itself, with what it was given there", f"  {wrong}"))
        findings = tuple(
            replace(finding, rule=wrong.rule) if finding.verdict == "failed" else finding
            for finding in findings
        )
    report = replace(report, findings=findings, sections=tuple(sections))
    again = GradientError(report, replace(example, inputs=inputs))
    for note in getattr(error, "__notes__", ()):
        again.add_note(note)
    return again


def _same(a: Finding, b: Finding) -> bool:
    """Return whether two findings compared the same numbers."""
    return (
        a.analytic is not None and b.analytic is not None and np.array_equal(a.analytic, b.analytic)
    )


def _arrays(inputs: Sequence[Any]) -> list[Array]:
    """Return the Tensors and arrays in nested inputs, as arrays, in order."""
    found: list[Array] = []

    def collect(name: str, value: Any) -> None:
        if isinstance(value, (tg.Tensor, np.ndarray)):
            found.append(np.asarray(value))

    map_leaves(list(inputs), "", collect)
    return found


def simplest(
    inputs: Sequence[Any], report: Report, check: Callable[[Sequence[Any]], Report]
) -> tuple[tuple[Any, ...], Report]:
    """Return inputs with simpler numbers for which the same fails, and the report for those.

    ``check`` makes the report for other inputs.
    """
    arrays = _arrays(inputs)
    if sum(array.size for array in arrays) > SMALL:
        return tuple(inputs), report
    failed = {(f.check, f.subject) for f in report.failures}

    def fails(replaced: Sequence[Array]) -> bool:
        found = check(_rebuilt(inputs, replaced))
        same = any((f.check, f.subject) in failed for f in found.failures)
        return same and found.redraws <= report.redraws  # else other numbers were checked

    runs = max(report.evaluations, 1)
    best = minimise(fails, arrays, min(CHECKS, RUNS // runs))
    smaller = _rebuilt(inputs, best)
    return smaller, check(smaller)


def _rebuilt(inputs: Sequence[Any], arrays: Sequence[Array]) -> tuple[Any, ...]:
    """Return inputs with other arrays in the place of theirs."""
    left = iter(arrays)

    def exchange(name: str, value: Any) -> Any:
        if not isinstance(value, (tg.Tensor, np.ndarray)):
            return value
        array = next(left)
        if isinstance(value, np.ndarray):
            return array
        return tg.Tensor(array, requires_grad=value.requires_grad, name=value.name)

    return tuple(map_leaves(list(inputs), "", exchange))


# -- the script ----------------------------------------------------------------------------------


def script(f: Callable[..., Any], inputs: Sequence[Any], report: Report, **options: Any) -> str:
    """Return a program that runs `gradcheck` with these options again, and fails as it did.

    It imports what can be imported, and holds a copy of the source of what cannot.  What it could
    not write it marks with ``...`` and says so.
    """
    source = Source()
    source.imports["from tinygraph.testing import gradcheck"] = None
    called = source.expression(f)
    if not called.isidentifier():
        source.definitions.append(f"f = {called}")
        called = "f"
    arguments = [called]
    for name, value in zip(Inputs("script", f, inputs).argument_names, inputs, strict=True):
        variable = re.sub(r"\W+", "_", name).strip("_")
        while variable in source.made or variable in IMPORTED:
            variable += "_"
        source.define(variable, value)
        arguments.append(variable)
    arguments += [f"{name}={value!r}" for name, value in options.items()]
    lines = [f"# {report.headline}", str(source), "", f"gradcheck({', '.join(arguments)})"]
    if source.missing:
        lines.insert(1, f"# Fill in {', '.join(source.missing)}, which could not be written here.")
    return "\n".join(lines) + "\n"


# -- the files -----------------------------------------------------------------------------------


def artefacts(directory: Path, error: GradientError) -> list[Path]:
    """Write the report, its script and a picture of what was computed into a directory.

    The operations whose rule is wrong are red in the picture.  Where nothing can lay it out, its
    DOT or the listing is written.
    """
    report = error.report
    directory.mkdir(parents=True, exist_ok=True)
    texts = {"report.txt": f"{report}\n"}
    sections = dict(report.sections)
    if SCRIPT in sections:
        texts["reproduce.py"] = sections[SCRIPT]
    paths = [directory / name for name in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text, encoding="utf-8")
    graph = None if error.example is None else _graph(error.example)
    return paths if graph is None else [*paths, _picture(directory, graph, report)]


def _graph(example: Example) -> tg.Graph | None:
    """Return what the function records, with the inputs under their names."""
    given = Inputs("artefacts", example.f, example.inputs)
    tensors = [tg.Tensor(leaf.values, requires_grad=True, name=leaf.name) for leaf in given.leaves]
    outputs: list[tg.Tensor] = []

    def collect(name: str, value: Any) -> Any:
        if isinstance(value, tg.Tensor):
            outputs.append(value)

    map_leaves(given.call(tensors), "", collect)
    return tg.graph(*outputs) if outputs else None


def _picture(directory: Path, graph: tg.Graph, report: Report) -> Path:
    rules = {f.rule.split(".")[0] for f in report.failures if f.rule}
    wrong = {vertex.id: "wrong gradient" for vertex in graph if vertex.function in rules}
    for suffix in ("svg", "dot"):
        try:
            return render(graph, directory / f"graph.{suffix}", highlight=wrong)
        except tg.RenderError:  # no engine on this machine, or no graphviz
            continue
    return render(graph, directory / "graph.txt")
