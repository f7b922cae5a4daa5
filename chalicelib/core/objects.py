"""Kubernetes objects as rendering sees them: identity, scope, and the YAML that is written to Git.

Reads no text and knows no schema. What is written must mean the same to every YAML reader there is, so anything that
some reader could take for something else is quoted.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from chalicelib.core.scalars import Ambiguous, NotFinite, Rules, Value, read_plain, read_timestamp

Object: TypeAlias = dict[str, Value]

# Kinds without a namespace in Kubernetes itself, Flux and the usual operators; any other kind is taken to have one.
CLUSTER_SCOPED: frozenset[tuple[str, str]] = frozenset(
    {
        *(("", kind) for kind in ("Namespace", "Node", "PersistentVolume", "ComponentStatus")),
        *(("rbac.authorization.k8s.io", kind) for kind in ("ClusterRole", "ClusterRoleBinding")),
        *(("storage.k8s.io", kind) for kind in ("StorageClass", "CSIDriver", "CSINode", "VolumeAttachment")),
        ("storage.k8s.io", "VolumeAttributesClass"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("apiregistration.k8s.io", "APIService"),
        ("scheduling.k8s.io", "PriorityClass"),
        ("node.k8s.io", "RuntimeClass"),
        ("networking.k8s.io", "IngressClass"),
        ("networking.k8s.io", "IPAddress"),
        ("networking.k8s.io", "ServiceCIDR"),
        ("certificates.k8s.io", "CertificateSigningRequest"),
        ("certificates.k8s.io", "ClusterTrustBundle"),
        ("resource.k8s.io", "DeviceClass"),
        ("resource.k8s.io", "ResourceSlice"),
        ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
        ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
        *(("admissionregistration.k8s.io", f"{verb}WebhookConfiguration") for verb in ("Mutating", "Validating")),
        *(("admissionregistration.k8s.io", f"{verb}AdmissionPolicy") for verb in ("Mutating", "Validating")),
        *(("admissionregistration.k8s.io", f"{verb}AdmissionPolicyBinding") for verb in ("Mutating", "Validating")),
        ("policy", "PodSecurityPolicy"),
        ("gateway.networking.k8s.io", "GatewayClass"),
        ("cert-manager.io", "ClusterIssuer"),
        ("external-secrets.io", "ClusterSecretStore"),
        ("external-secrets.io", "ClusterExternalSecret"),
        ("snapshot.storage.k8s.io", "VolumeSnapshotClass"),
        ("snapshot.storage.k8s.io", "VolumeSnapshotContent"),
        ("kyverno.io", "ClusterPolicy"),
    }
)


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """What makes an object the same object, whatever its version says."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        group = f".{self.group}" if self.group else ""
        return f"{self.kind}{group} {self.name}{where}"


def group_of(item: Object) -> str:
    """The API group, empty for the core one."""
    version = str(item.get("apiVersion", ""))
    return version.rpartition("/")[0]


def metadata_of(item: Object) -> dict[str, Value]:
    """The object's metadata, or an empty map."""
    metadata = item.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def annotations_of(item: Object) -> dict[str, Value]:
    """The object's annotations, or an empty map."""
    annotations = metadata_of(item).get("annotations")
    return annotations if isinstance(annotations, dict) else {}


def identity_of(item: Object) -> Identity:
    """The identity of an object that `missing_field` has nothing against."""
    metadata = metadata_of(item)
    return Identity(group_of(item), str(item["kind"]), str(metadata.get("namespace") or ""), str(metadata["name"]))


def missing_field(item: Object) -> str:
    """The first of `apiVersion`, `kind`, `metadata.name` that is not there as text; empty when all are."""
    for name in ("apiVersion", "kind"):
        if not isinstance(item.get(name), str) or not item[name]:
            return name
    name_value = metadata_of(item).get("name")
    return "" if isinstance(name_value, str) and name_value else "metadata.name"


def in_namespace(item: Object, namespace: str) -> Object:
    """The object with `namespace` where it is namespaced and names none."""
    if (group_of(item), str(item["kind"])) in CLUSTER_SCOPED or metadata_of(item).get("namespace"):
        return item
    metadata = metadata_of(item)
    placed: dict[str, Value] = {}
    for key, value in metadata.items():
        if key != "namespace":
            placed[key] = value
        if key == "name":
            placed["namespace"] = namespace
    return {**item, "metadata": placed}


def items_of(item: Object) -> list[Value] | None:
    """The members of a `List`, or None when the object is none."""
    kind, items = item.get("kind"), item.get("items")
    if item.get("apiVersion") == "v1" and isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        return items
    return None


class _Writer(yaml.CSafeDumper):
    """Block style, no aliases, and quotes around whatever isn't plainly text."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - its signature
        return True


_PLAIN_TEXT = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_BLOCK_TEXT = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]*[^\s\x00-\x1f]\n")


def _represent_text(writer: _Writer, text: str) -> yaml.ScalarNode:
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))


def _style(text: str) -> str | None:
    lines = text.split("\n")
    blank_ends = any(line != line.rstrip() for line in lines)
    if len(lines) > 2 and _BLOCK_TEXT.fullmatch(text) and not blank_ends and not text.startswith((" ", "\n", "\t")):
        return "|"
    return None if _PLAIN_TEXT.fullmatch(text) and _is_text(text) else '"'


def _is_text(text: str) -> bool:
    try:
        return isinstance(read_plain(text, Rules.KUBERNETES), str) and read_timestamp(text) == text
    except NotFinite:
        return False


def _represent_ambiguous(writer: _Writer, text: Ambiguous) -> yaml.ScalarNode:
    tag = "str" if len(text) == 1 else "bool"  # what this writer's own library takes it for, so that it adds no quotes
    return writer.represent_scalar(f"tag:yaml.org,2002:{tag}", str(text))


_Writer.add_representer(str, _represent_text)
_Writer.add_representer(Ambiguous, _represent_ambiguous)


def write_yaml(items: list[Object]) -> str:
    """The objects as one YAML text; the same objects are the same bytes."""
    documents = [
        yaml.dump(item, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=2**30, default_flow_style=False)
        for item in items
    ]
    return "---\n".join(documents)
