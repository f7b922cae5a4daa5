"""Patches: what they change, and that one which changes nothing or too much is an error."""

import json

import pytest

from chalicelib.core.errors import InvalidManifest
from chalicelib.core.manifests import Manifest, parse
from chalicelib.core.objects import Object
from chalicelib.core.patches import patched
from chalicelib.core.rendering import render_files
from chalicelib.core.strategic_merge import BadPatch, strategic_merge

HEAD = "app: shop\nenv: staging\nnamespace: team\n"
CONFIG: Object = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a", "namespace": "team"},
    "data": {"x": "1", "y": "2"},
}
POD: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "a", "namespace": "team", "finalizers": ["one"]},
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {"name": "main", "image": "a:1", "args": ["x"], "ports": [{"containerPort": 80, "name": "http"}]},
                    {"name": "side", "image": "b:1"},
                ]
            }
        }
    },
}


def _deployment(spec: Object) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a"},
        "spec": {"template": {"spec": spec}},
    }


def _containers(item: Object | None) -> list[dict[str, object]]:
    return item["spec"]["template"]["spec"]["containers"]  # type: ignore[index,call-overload,return-value]  # as built above


def test_maps_merge_and_null_removes() -> None:
    merged = strategic_merge(CONFIG, {"data": {"x": None, "z": "3"}})

    assert merged is not None
    assert merged["data"] == {"y": "2", "z": "3"}


def test_containers_merge_by_name_and_the_patchs_come_first() -> None:
    patch = _deployment({"containers": [{"name": "new", "image": "c"}, {"name": "main", "image": "a:2"}]})

    containers = _containers(strategic_merge(POD, patch))

    assert [(one["name"], one["image"]) for one in containers] == [("new", "c"), ("main", "a:2"), ("side", "b:1")]
    assert containers[1]["args"] == ["x"]


def test_ports_merge_by_number_and_protocol_and_plain_lists_are_replaced() -> None:
    ports: list[object] = [{"containerPort": 80, "name": "web"}, {"containerPort": 80, "protocol": "UDP"}]
    patch = _deployment({"containers": [{"name": "main", "args": ["y"], "ports": ports}]})  # type: ignore[dict-item]

    main = _containers(strategic_merge(POD, patch))[0]

    assert main["args"] == ["y"]
    assert main["ports"] == [{"containerPort": 80, "protocol": "UDP"}, {"containerPort": 80, "name": "web"}]


def test_directives_delete_and_replace() -> None:
    gone = strategic_merge(POD, _deployment({"containers": [{"name": "side", "$patch": "delete"}]}))
    alone = strategic_merge(POD, _deployment({"containers": [{"$patch": "replace"}, {"name": "x"}]}))
    data = strategic_merge(CONFIG, {"data": {"$patch": "replace", "z": "3"}})

    assert [one["name"] for one in _containers(gone)] == ["main"]
    assert _containers(alone) == [{"name": "x"}]
    assert data is not None
    assert data["data"] == {"z": "3"}
    assert strategic_merge(CONFIG, {"$patch": "delete"}) is None


def test_finalizers_add_up_and_lists_of_unknown_kinds_are_replaced() -> None:
    both = strategic_merge(POD, {"metadata": {"finalizers": ["two", "one"]}})
    custom: Object = {"apiVersion": "acme.io/v1", "kind": "X", "spec": {"containers": [{"name": "a", "b": 1}]}}

    replaced = strategic_merge(custom, {"spec": {"containers": [{"name": "a"}]}})

    assert both is not None
    assert both["metadata"] == {"name": "a", "namespace": "team", "finalizers": ["two", "one"]}
    assert replaced is not None
    assert replaced["spec"] == {"containers": [{"name": "a"}]}


@pytest.mark.parametrize("member", [{"image": "x"}, "x"])
def test_a_member_without_its_merge_key_is_an_error(member: object) -> None:
    with pytest.raises(BadPatch, match="name"):
        strategic_merge(POD, _deployment({"containers": [member]}))  # type: ignore[list-item]  # wrong on purpose


def _with(patches: str) -> Manifest:
    return parse(HEAD + patches)


def test_a_patch_without_a_namespace_is_for_the_manifests_own() -> None:
    patch = "strategicMergePatches: |\n  apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n  data: {x: '9'}\n"

    result = patched(_with(patch), [CONFIG])

    assert result.objects[0] is not None
    assert result.objects[0]["data"] == {"x": "9", "y": "2"}


@pytest.mark.parametrize("as_text", [False, True])
def test_json_patches_may_be_a_list_or_text(as_text: bool) -> None:
    operations = [{"op": "replace", "path": "/data/x", "value": 12345678901234567890}]
    patch = json.dumps(json.dumps(operations) if as_text else operations)
    manifest = _with(f"json6902Patches: [{{target: {{kind: ConfigMap, name: a, version: v1}}, patch: {patch}}}]\n")

    result = patched(manifest, [CONFIG])

    assert result.objects[0] is not None
    value = result.objects[0]["data"]["x"]  # type: ignore[index,call-overload]  # as built above
    assert value == 12345678901234567890


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ({"op": "replace", "path": "/data/nope", "value": "1"}, "does not fit v1 ConfigMap a in team"),
        ({"op": "remove", "path": "/data/nope"}, "does not fit"),
        ({"op": "test", "path": "/data/x", "value": "2"}, "does not fit"),
        ({"op": "explode", "path": "/data/x"}, "does not fit"),
        ({"op": "add", "path": "/nope/deep", "value": 1}, "does not fit"),
        ({"path": "/data"}, "op and path"),
        ({"op": "remove", "path": "/metadata/name"}, "without metadata.name"),
        ({"op": "replace", "path": "", "value": 1}, "no object"),
    ],
)
def test_an_operation_that_does_not_fit_is_an_error(operation: dict[str, object], said: str) -> None:
    patch = json.dumps([operation])
    manifest = _with(f"json6902Patches: [{{target: {{kind: ConfigMap, name: a}}, patch: {patch}}}]\n")

    with pytest.raises(InvalidManifest, match=said):
        patched(manifest, [CONFIG])


@pytest.mark.parametrize(
    "patches",
    [
        "strategicMergePatches: |\n  apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: b}\n",
        "strategicMergePatches: |\n  apiVersion: v2\n  kind: ConfigMap\n  metadata: {name: a}\n",
        "json6902Patches: [{target: {kind: ConfigMap, name: b}, patch: [{op: remove, path: /data}]}]\n",
    ],
)
def test_a_patch_that_hits_nothing_names_what_it_may_have_meant(patches: str) -> None:
    with pytest.raises(InvalidManifest, match="there is v1 ConfigMap a in team"):
        patched(_with(patches), [CONFIG])


@pytest.mark.parametrize(
    "patches",
    [
        'strategicMergePatches: ""\n',
        "strategicMergePatches: |\n  # nothing\n",
        "json6902Patches: [{target: {kind: ConfigMap}, patch: []}]\n",
        'json6902Patches: [{target: {kind: ConfigMap}, patch: ""}]\n',
    ],
)
def test_an_empty_patch_is_an_error(patches: str) -> None:
    with pytest.raises(InvalidManifest, match="empty patch"):
        patched(_with(patches), [CONFIG])


def test_patches_that_leave_nothing_are_an_error() -> None:
    raw = "manifests: |\n  apiVersion: v1\n  kind: Secret\n  metadata: {name: a}\n"
    patch = "strategicMergePatches: |\n  apiVersion: v1\n  kind: Secret\n  metadata: {name: a}\n  $patch: delete\n"

    with pytest.raises(InvalidManifest, match="leave nothing"):
        render_files(_with(raw + patch), {}, ())


def test_defence_9_a_patch_that_doubles_an_object_again_and_again_is_stopped() -> None:
    operations = json.dumps([{"op": "copy", "from": "/data", "path": f"/data/z{n}"} for n in range(60)])
    manifest = _with(f"json6902Patches: [{{target: {{kind: ConfigMap}}, patch: {operations}}}]\n")

    with pytest.raises(InvalidManifest, match="larger than"):
        patched(manifest, [CONFIG])
