"""From the engine's output and a manifest's raw objects to the files of a release.

Pure: the engine has run already. What it wrote is read as Kubernetes tools read it, checked, given its namespace and
written again, so that what was checked is what Flux applies. It refuses anything without an identity, and two objects
of one identity.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from chalicelib.core.dependencies import dependency_objects
from chalicelib.core.errors import InvalidManifest, Problem
from chalicelib.core.manifests import Manifest
from chalicelib.core.objects import (
    Identity,
    Object,
    annotations_of,
    identity_of,
    in_namespace,
    items_of,
    metadata_of,
    missing_field,
    write_yaml,
)
from chalicelib.core.patches import patched
from chalicelib.core.scalars import Rules, Value
from chalicelib.core.trees import Tree, body_path, read_kubernetes_yaml

RAW_FILE = "manifest.yaml"
MAX_RENDERED_BYTES = 5 * 1024**2
ENGINE = "helm 4.2.3, kubernetes v1.36.0"  # what helm-python-sdk 0.2.2 is; part of a render's inputs
HOOK = "helm.sh/hook"

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_KUSTOMIZATION = re.compile(r"kustomization(\.ya?ml)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Placed:
    """An object, the file it goes to, and where it came from, in words."""

    file: str
    source: str
    item: Object


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a release by name, and what people should know about how they came to be."""

    files: dict[str, str]
    notes: tuple[str, ...] = ()


def render_files(manifest: Manifest, chart_files: Mapping[str, str], crds: Iterable[str]) -> Files:
    """Everything a resolved manifest renders to; `chart_files` is the engine's output by template path.

    Raises:
        InvalidManifest: there is nothing to render, or something in it can't be applied as it is.
    """
    from_chart, notes = chart_objects(chart_files, manifest)
    raw, raw_notes = raw_objects(manifest)
    notes = [*notes, *(f"{name} is in the chart's crds/ folder and is not rendered" for name in crds), *raw_notes]
    placed = [*from_chart, *raw]
    patchable = [_with_namespace(one, manifest.namespace) for one in placed]
    _check_unique(patchable)
    after = patched(manifest, [one.item for one in patchable])
    kept = [
        Placed(one.file, one.source, item)
        for one, item in zip(patchable, after.objects, strict=True)
        if item is not None
    ]
    own = [Placed(RAW_FILE, "dependencies", item) for item in dependency_objects(manifest)]
    _check_unique([*kept, *own])
    if not kept and not own:
        message = "the patches leave nothing to apply" if placed else "there is nothing to render"
        _refuse(manifest, "", message, "add a chart, manifests or dependencies")
    return Files(_written([*kept, *own]), (*notes, *after.notes))


def inputs_digest(manifest: Manifest, chart_digest: str, environment_variables: Mapping[str, str]) -> str:
    """The digest of all that a render of this resolved manifest depends on."""
    inputs = [manifest.tree, chart_digest, ENGINE, dict(environment_variables)]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def chart_objects(files: Mapping[str, str], manifest: Manifest) -> tuple[list[Placed], list[str]]:
    """The objects of the engine's output, without hooks and tests, and a note for each of those."""
    placed: list[Placed] = []
    notes: list[str] = []
    if sum(map(len, files.values())) > MAX_RENDERED_BYTES:
        _refuse(manifest, "chart", f"the chart's output is larger than {MAX_RENDERED_BYTES // 1024**2} MB")
    for path in sorted(files):
        if path.rpartition("/")[2] == "NOTES.txt" or not files[path].strip():
            continue
        name = file_name(path, manifest)
        for item in _objects(_chart_trees(files[path], path, manifest), path, manifest, "chart"):
            hook = annotations_of(item).get(HOOK)
            if hook is None:
                placed.append(Placed(name, f"template {path}", item))
            else:
                kind = "test" if str(hook).startswith("test") else f"hook ({hook})"
                notes.append(f"{item['kind']} {metadata_of(item)['name']} is a {kind} of the chart and is not rendered")
    return placed, notes


def file_name(path: str, manifest: Manifest) -> str:
    """The file a chart template's output goes to: its base name, ending in `.yaml`.

    Raises:
        InvalidManifest: the template's name could be a path or something else than a name.
    """
    base = path.rpartition("/")[2]
    if not _FILE_NAME.fullmatch(base) or ".." in base:
        _refuse(manifest, "chart", f"the chart has a template named {base!r}, which is no file name")
    if _KUSTOMIZATION.fullmatch(base):
        base = f"chart-{base}"
    return base if base.endswith((".yaml", ".yml")) else f"{base}.yaml"


def raw_objects(manifest: Manifest) -> tuple[list[Placed], list[str]]:
    """The objects of `manifests`, and a note for each key that was there twice."""
    try:
        trees = read_kubernetes_yaml(manifest.manifests, path="manifests")
    except InvalidManifest as error:
        raise InvalidManifest(tuple(_in_file(problem, manifest) for problem in error.problems)) from error
    items = _objects(trees, "manifests", manifest, "manifests")
    return [Placed(RAW_FILE, "manifests", item) for item in items], [note for tree in trees for note in tree.notes]


def _chart_trees(text: str, path: str, manifest: Manifest) -> list[Tree]:
    try:
        return read_kubernetes_yaml(text, path="", limit=MAX_RENDERED_BYTES, rules=Rules.CHART)
    except InvalidManifest as error:
        wrong = error.problems[0]
        place = f"line {wrong.line} of its output: " if wrong.line else ""
        _refuse(manifest, "chart", f"template {path}: {place}{wrong.message}")


def _objects(trees: list[Tree], source: str, manifest: Manifest, path: str) -> list[Object]:
    objects: list[Object] = []
    problems: list[Problem] = []
    for tree in trees:
        values = [tree.value]
        while values:
            value = values.pop(0)
            members = items_of(value) if isinstance(value, dict) else None
            if members is not None:
                values[:0] = members
                continue
            wrong = missing_field(value) if isinstance(value, dict) else "a map"
            if isinstance(value, dict) and not wrong:
                objects.append(value)
            else:
                problems.append(_no_object(manifest, path, source, tree, wrong))
    if problems:
        raise InvalidManifest(tuple(problems))
    return objects


def _no_object(manifest: Manifest, path: str, source: str, tree: Tree, missing: str) -> Problem:
    message = "a document is no object: it has no " + missing if missing != "a map" else "a document is not a map"
    if path == "manifests":
        return _in_file(Problem(path, message, "", tree.line, tree.column), manifest)
    return manifest.problem(path, f"template {source}, line {tree.line} of its output: {message}")


def _in_file(problem: Problem, manifest: Manifest) -> Problem:
    """A problem within the text of a block field, with the line it has in the manifest's file."""
    above = manifest.positions.get(body_path(problem.path))
    if above is None or problem.line is None:
        return manifest.problem(problem.path, problem.message, problem.hint)
    return Problem(problem.path, problem.message, problem.hint, above[0] + problem.line, problem.column, manifest.file)


def _with_namespace(placed: Placed, namespace: str) -> Placed:
    return Placed(placed.file, placed.source, in_namespace(placed.item, namespace))


def _check_unique(placed: list[Placed]) -> None:
    seen: dict[Identity, str] = {}
    problems: list[Problem] = []
    for one in placed:
        identity = identity_of(one.item)
        if identity in seen:
            message = f"{identity} is there twice: in {seen[identity]} and in {one.source}"
            problems.append(Problem("manifests" if one.source == "manifests" else "chart", message))
        seen.setdefault(identity, one.source)
    if problems:
        raise InvalidManifest(tuple(problems))


def _written(placed: list[Placed]) -> dict[str, str]:
    by_file: dict[str, list[Object]] = {}
    for one in placed:
        by_file.setdefault(one.file, []).append(one.item)
    files = {name: write_yaml(by_file[name]) for name in sorted(by_file)}
    if sum(map(len, files.values())) > MAX_RENDERED_BYTES:
        message = f"what is rendered is larger than {MAX_RENDERED_BYTES // 1024**2} MB"
        raise InvalidManifest((Problem("", message),))
    return files


def _refuse(manifest: Manifest, path: str, message: str, hint: str = "") -> NoReturn:
    raise InvalidManifest((manifest.problem(path, message, hint),))


def big_number_notes(values: Value, path: str = "values") -> list[str]:
    """A note for each whole number that a chart's templates would print as floating point."""
    if isinstance(values, dict):
        return [note for key, value in values.items() for note in big_number_notes(value, f"{path}.{key}")]
    if isinstance(values, list):
        return [note for index, value in enumerate(values) for note in big_number_notes(value, f"{path}[{index}]")]
    if isinstance(values, int) and not isinstance(values, bool) and abs(values) >= 1_000_000:
        return [f"{path}: {values} reaches templates as floating point and prints as {values:.6g}: quote it to keep it"]
    return []
