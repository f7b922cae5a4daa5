"""The manifests in a source: one in YAML or JSON, any number in CUE."""

from dataclasses import replace

from chalicelib.core.artifacts import Source
from chalicelib.core.errors import InvalidManifest, Problem
from chalicelib.core.manifests import Format, Manifest, build, parse
from chalicelib.core.scalars import Value
from chalicelib.core.trees import Tree
from chalicelib.ports.rendering import Cue


def parse_source(source: Source, cue: Cue) -> tuple[Manifest, ...]:
    """The manifests in `source`, in the order that `manifest_index` counts.

    Raises:
        InvalidManifest: with all problems of all of them at once.
    """
    if source.format != Format.CUE:
        return (parse(source.text, source.file, Format(source.format)),)
    values = cue.evaluate(source.text, source.file)
    if not values:
        raise InvalidManifest(
            (Problem("configs", "`configs` is an empty list: there is no manifest", file=source.file),)
        )
    manifests: list[Manifest] = []
    problems: list[Problem] = []
    for index, value in enumerate(values):
        try:
            manifests.append(_built(value, source.file))
        except InvalidManifest as error:
            problems += [_within(problem, index, source.file) for problem in error.problems]
    if problems:
        raise InvalidManifest(tuple(problems))
    return tuple(manifests)


def manifest_at(source: Source, index: int, cue: Cue) -> Manifest:
    """One of the manifests in `source`. Raises `InvalidManifest` when there is none at `index`."""
    manifests = parse_source(source, cue)
    if index >= len(manifests):
        raise InvalidManifest((Problem("configs", f"there is no manifest {index} any more", file=source.file),))
    return manifests[index]


def _built(value: Value, file: str) -> Manifest:
    return build(Tree(value), file)


def _within(problem: Problem, index: int, file: str) -> Problem:
    path = f"configs[{index}]" + (f".{problem.path}" if problem.path else "")
    return replace(problem, path=path, file=file)
