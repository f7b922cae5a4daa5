"""Kustomize's strategic merge of one object: maps merge, lists of Kubernetes' own kinds merge by their keys.

Which lists merge, and by what, is in Kubernetes' API (`x-kubernetes-list-map-keys`, `patchMergeKey`); the table below
is the part of it that patches meet. Objects of other groups have no such schema, so their lists are replaced whole.
"""

from chalicelib.core.objects import Object, group_of
from chalicelib.core.scalars import Value

DIRECTIVE = "$patch"
_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "resourceClaims": ("name",),
    "schedulingGates": ("name",),
    "webhooks": ("name",),
    "ownerReferences": ("uid",),
    "taints": ("key", "effect"),
}
_DEFAULTS = {"protocol": "TCP"}
_SETS = frozenset({"finalizers"})


class BadPatch(ValueError):
    """A patch that can't be read; the message says what is wrong with it."""


def strategic_merge(item: Object, patch: Object) -> Object | None:
    """`item` with `patch` merged into it; None when the patch deletes it.

    Raises:
        BadPatch: an unknown `$patch` directive, or a list member without its merge key.
    """
    if patch.get(DIRECTIVE) == "delete":
        return None
    kinds_own_schema = "." not in group_of(item) or group_of(item).endswith(".k8s.io")
    return _Merge(str(item.get("kind", "")), known=kinds_own_schema).map(item, patch)


class _Merge:
    """One merge; `known` says whether the object's kind has merge keys at all."""

    def __init__(self, kind: str, *, known: bool) -> None:
        self.kind = kind
        self.known = known

    def map(self, target: dict[str, Value], patch: dict[str, Value]) -> dict[str, Value]:
        directive = _directive(patch)
        if directive == "replace":
            return {key: value for key, value in patch.items() if key != DIRECTIVE}
        merged = dict(target)
        for key, value in patch.items():
            if key == DIRECTIVE or key.startswith(("$setElementOrder/", "$retainKeys")):
                continue
            if key.startswith("$deleteFromPrimitiveList/"):
                self._delete_members(merged, key.partition("/")[2], value)
            elif value is None:
                merged.pop(key, None)
            elif isinstance(value, dict):
                self._merge_map(merged, key, value)
            else:
                merged[key] = self._list(key, merged.get(key), value) if isinstance(value, list) else value
        return merged

    def _merge_map(self, merged: dict[str, Value], key: str, patch: dict[str, Value]) -> None:
        if _directive(patch) == "delete":
            merged.pop(key, None)
            return
        target = merged.get(key)
        merged[key] = self.map(target if isinstance(target, dict) else {}, patch)

    def _delete_members(self, merged: dict[str, Value], key: str, gone: Value) -> None:
        target = merged.get(key)
        if isinstance(target, list) and isinstance(gone, list):
            merged[key] = [value for value in target if value not in gone]

    def _list(self, name: str, target: Value, patch: list[Value]) -> list[Value]:
        old = target if isinstance(target, list) else []
        keys = self._merge_keys(name, [*old, *patch])
        plain = [member for member in patch if not (isinstance(member, dict) and set(member) == {DIRECTIVE})]
        replaces = any(isinstance(m, dict) and set(m) == {DIRECTIVE} and _directive(m) == "replace" for m in patch)
        if self.known and name in _SETS and not replaces:
            return [*plain, *(member for member in old if member not in plain)]
        if not keys or replaces:
            return [_without_nulls(member) for member in plain]
        return self._merged_by_key(name, old, plain, keys)

    def _merged_by_key(self, name: str, old: list[Value], patch: list[Value], keys: tuple[str, ...]) -> list[Value]:
        """The patch's members come first, as Kustomize puts them; where two keys make one, only its new ones do."""
        rest: list[Value] = list(old)
        first: list[Value] = []
        for member in patch:
            if not isinstance(member, dict) or not any(key in member for key in keys):
                raise BadPatch(f"a member of {name} has no {keys[0]}, by which the list is merged")
            place = next((index for index, one in enumerate(rest) if _same(one, member, keys)), None)
            found = rest[place] if place is not None else {}
            if _directive(member) == "delete":
                rest = [one for one in rest if not _same(one, member, keys)]
                continue
            merged = self.map(found if isinstance(found, dict) else {}, member)
            if place is not None and len(keys) > 1:
                rest[place] = merged
                continue
            if place is not None:
                del rest[place]
            first.append(merged)
        return [*first, *rest]

    def _merge_keys(self, name: str, members: list[Value]) -> tuple[str, ...]:
        if not self.known or (name, self.kind) == ("imagePullSecrets", "ServiceAccount"):
            return ()
        if name == "ports":
            if self.kind == "Service":
                return ("port", "protocol")
            of_containers = any(isinstance(member, dict) and "containerPort" in member for member in members)
            return ("containerPort", "protocol") if of_containers else ()
        return _KEYS.get(name, ())


def _directive(patch: dict[str, Value]) -> str:
    word = patch.get(DIRECTIVE, "merge")
    if word not in ("merge", "replace", "delete"):
        raise BadPatch(f"{DIRECTIVE}: {word!r} is not known: one of merge, replace, delete")
    return str(word)


def _same(one: Value, other: dict[str, Value], keys: tuple[str, ...]) -> bool:
    if not isinstance(one, dict):
        return False
    compared = [key for key in keys if key in other or key in _DEFAULTS]
    return all((one.get(key) or _DEFAULTS.get(key)) == (other.get(key) or _DEFAULTS.get(key)) for key in compared)


def _without_nulls(value: Value) -> Value:
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    return value
