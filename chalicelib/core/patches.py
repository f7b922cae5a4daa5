"""Patches over the rendered objects: Kustomize's strategic merge first, then JSON 6902.

A patch that hits nothing is an error that names what it may have meant: an app without its patches is not the app.
"""

from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches

import jsonpatch
import jsonpointer

from chalicelib.core.errors import InvalidManifest, Problem
from chalicelib.core.manifests import JsonPatch, Manifest, PatchTarget
from chalicelib.core.objects import Object, group_of, in_namespace, metadata_of, missing_field
from chalicelib.core.scalars import Value
from chalicelib.core.strategic_merge import BadPatch, strategic_merge
from chalicelib.core.trees import child_path, read_kubernetes_yaml

MAX_OBJECT_VALUES = 20_000
STRATEGIC, JSON6902 = "strategicMergePatches", "json6902Patches"


@dataclass(frozen=True, slots=True)
class Patched:
    """The objects in their order, None where a patch deleted one; and what people should know."""

    objects: list[Object | None]
    notes: tuple[str, ...] = ()


def patched(manifest: Manifest, objects: list[Object]) -> Patched:
    """`objects` with the manifest's patches applied.

    Raises:
        InvalidManifest: a patch can't be read, hits nothing, does not fit, or leaves something that is no object.
    """
    result: list[Object | None] = list(objects)
    problems: list[Problem] = []
    notes: list[str] = []
    if STRATEGIC in manifest.tree or manifest.strategic_merge_patches:
        notes = _merge_all(manifest, result, problems)
    for index, patch in enumerate(manifest.json_patches):
        wrong = _apply(manifest, patch, result)
        if wrong:
            problems.append(manifest.problem(child_path(JSON6902, index), wrong))
    problems += _no_objects(manifest, result)
    if problems:
        raise InvalidManifest(tuple(problems))
    return Patched(result, tuple(notes))


def _merge_all(manifest: Manifest, objects: list[Object | None], problems: list[Problem]) -> list[str]:
    trees = read_kubernetes_yaml(manifest.strategic_merge_patches, path=STRATEGIC)
    if not trees:
        problems.append(manifest.problem(STRATEGIC, "an empty patch changes nothing"))
    for tree in trees:
        patch = tree.value
        wrong = missing_field(patch) if isinstance(patch, dict) else "apiVersion"
        if not isinstance(patch, dict) or wrong:
            problems.append(manifest.problem(STRATEGIC, f"the patch at line {tree.line} of it has no {wrong}"))
            continue
        wrong = _merge_one(in_namespace(patch, manifest.namespace), objects)
        if wrong:
            problems.append(manifest.problem(STRATEGIC, f"the patch at line {tree.line} of it {wrong}"))
    return [note for tree in trees for note in tree.notes]


def _merge_one(patch: Object, objects: list[Object | None]) -> str:
    for index, item in enumerate(objects):
        if item is not None and _full_name(item) == _full_name(patch):
            try:
                objects[index] = strategic_merge(item, patch)
            except BadPatch as error:
                return str(error)
            return ""
    return f"is for {_shown(patch)}, and {_near_misses(_shown(patch), objects)}"


def _apply(manifest: Manifest, patch: JsonPatch, objects: list[Object | None]) -> str:
    operations = _operations(patch.patch)
    if isinstance(operations, str):
        return operations
    hits = [i for i, item in enumerate(objects) if item is not None and _is_target(item, patch.target)]
    if not hits:
        wanted = _target_shown(patch.target)
        return f"is for {wanted}, and {_near_misses(wanted, objects)}"
    for index in hits:
        item = objects[index]
        try:
            objects[index] = _operated(item, operations)
        except (BadPatch, jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError) as error:
            name = _shown(item) if item else manifest.app
            return f"does not fit {name}: {str(error) or type(error).__name__}"
    return ""


def _operated(item: Object | None, operations: list[dict[str, Value]]) -> Object:
    """One operation after the other on a copy; `copy` may double an object, so it is measured each time."""
    document = deepcopy(item)
    for operation in operations:
        document = jsonpatch.apply_patch(document, [operation], in_place=True)
        if operation["op"] == "copy" and _size(document) > MAX_OBJECT_VALUES:
            raise BadPatch(f"it makes the object larger than {MAX_OBJECT_VALUES} values")
    if not isinstance(document, dict):
        raise BadPatch("it leaves something that is no object")
    return document


def _size(value: object) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_size, value.values()))
    return 1 + sum(map(_size, value)) if isinstance(value, list) else 1


def _operations(patch: Value) -> list[dict[str, Value]] | str:
    """The operations, or what is wrong with them."""
    operations = patch
    if isinstance(patch, str):
        try:
            trees = read_kubernetes_yaml(patch, path="patch")
        except InvalidManifest as error:
            return error.problems[0].message
        operations = trees[0].value if trees else None
    if not operations:
        return "an empty patch changes nothing"
    if not isinstance(operations, list):
        return "a patch must be a list of operations"
    maps = [operation for operation in operations if isinstance(operation, dict)]
    if len(maps) < len(operations) or any("op" not in one or "path" not in one for one in maps):
        return "each operation must be a map with op and path"
    return maps


def _no_objects(manifest: Manifest, objects: list[Object | None]) -> list[Problem]:
    return [
        manifest.problem(JSON6902, f"a patch leaves an object without {missing_field(item)}")
        for item in objects
        if item is not None and missing_field(item)
    ]


def _full_name(item: Object) -> tuple[str, str, str, str]:
    metadata = metadata_of(item)
    return str(item["apiVersion"]), str(item["kind"]), str(metadata.get("namespace") or ""), str(metadata["name"])


def _is_target(item: Object, target: PatchTarget) -> bool:
    version = str(item["apiVersion"]).rpartition("/")[2]
    pairs = (
        (target.kind, str(item["kind"])),
        (target.name, str(metadata_of(item)["name"])),
        (target.group, group_of(item)),
        (target.version, version),
    )
    return all(wanted in ("", there) for wanted, there in pairs)


def _target_shown(target: PatchTarget) -> str:
    version = "/".join(part for part in (target.group, target.version) if part)
    return " ".join(part for part in (version, target.kind, target.name) if part) or "anything"


def _shown(item: Object) -> str:
    metadata = metadata_of(item)
    where = f" in {metadata['namespace']}" if metadata.get("namespace") else ""
    return f"{item['apiVersion']} {item['kind']} {metadata['name']}{where}"


def _near_misses(wanted: str, objects: list[Object | None]) -> str:
    there = [_shown(item) for item in objects if item is not None]
    near = get_close_matches(wanted, there, n=3, cutoff=0.4) or there[:3]
    return f"there is no such object; there is {', '.join(near)}" if near else "there are no objects"
