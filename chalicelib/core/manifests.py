"""The manifest: how one app runs in one environment, read strictly and whole.

`parse` reads a text, `build` a tree; both name every problem at once. After its templates are resolved the same
tree is built again (`resolved=True`), so names are checked where it counts. Nothing here decides or renders.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from chalicelib.core.errors import InvalidManifest, Problem
from chalicelib.core.fields import Fields, Members, kind_of
from chalicelib.core.globs import check_glob
from chalicelib.core.json_trees import read_json
from chalicelib.core.policies import CleanupPolicy, DeployPolicy, Event
from chalicelib.core.scalars import Value
from chalicelib.core.trees import Position, Tree, child_path, read_yaml

APP_NAME = re.compile(r"[a-z]([a-z0-9-]{0,51}[a-z0-9])?")
ENVIRONMENT_NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
NAMESPACE_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
DEPENDENCY_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
RESERVED_APPS = frozenset({"flux"})

FIELDS = (
    "app", "env", "namespace", "preview", "deploy", "cleanup", "chart", "values",
    "strategicMergePatches", "json6902Patches", "manifests", "dependencies",
)  # fmt: skip


class Format(StrEnum):
    """What language the text is in."""

    YAML = "yaml"
    JSON = "json"
    CUE = "cue"


@dataclass(frozen=True, slots=True)
class ChartRef:
    """A chart by name: in a Helm repository, ours when there is none, or an https git URL as the name."""

    name: str
    repository: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class PatchTarget:
    """The object that a JSON patch is for; an empty field matches any."""

    kind: str = ""
    name: str = ""
    group: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class JsonPatch:
    """Operations as text or as a list, as they were written."""

    target: PatchTarget
    patch: Value


@dataclass(frozen=True, slots=True)
class Dependency:
    """A Terraform module that the app needs; `values` are text already."""

    name: str
    url: str
    module_secret: str = ""
    secret: str = ""
    values: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A checked manifest. `tree` is what it was built from: each of its strings is a template of its own."""

    app: str
    env: str
    namespace: str
    preview: bool = False
    deploy: DeployPolicy | None = None
    cleanup: CleanupPolicy | None = None
    chart: ChartRef | None = None
    values: dict[str, Value] = field(default_factory=dict)
    strategic_merge_patches: str = ""
    json_patches: tuple[JsonPatch, ...] = ()
    manifests: str = ""
    dependencies: tuple[Dependency, ...] = ()
    file: str = field(default="", compare=False)
    tree: dict[str, Value] = field(default_factory=dict, compare=False, repr=False)
    positions: dict[str, Position] = field(default_factory=dict, compare=False, repr=False)
    any_case: bool = field(default=False, compare=False, repr=False)

    def problem(self, path: str, message: str, hint: str = "") -> Problem:
        """A problem at `path`, with its line and column where they are known."""
        line, column = self.positions.get(path, (None, None))
        return Problem(path, message, hint, line, column, self.file)


def parse(text: str, file: str = "", format: Format = Format.YAML) -> Manifest:
    """Read one manifest.

    Raises:
        InvalidManifest: with all problems at once, each with path, line and column where known.
    """
    if format is Format.CUE:
        raise InvalidManifest((Problem("", "CUE is evaluated before it is parsed", file=file),))
    tree = read_json(text, file=file) if format is Format.JSON else read_yaml(text, file=file)
    return build(tree, file, any_case=format is Format.JSON)


def build(tree: Tree, file: str = "", *, any_case: bool = False, resolved: bool = False) -> Manifest:
    """Check a tree and make the manifest of it; under `resolved`, names with `{{` in them are not excused.

    Raises:
        InvalidManifest: with all problems at once.
    """
    if not isinstance(tree.value, dict):
        message = f"a manifest is a map, and this is {kind_of(tree.value)}"
        raise InvalidManifest((Problem("", message, "", tree.line, tree.column, file),))
    return _Builder(Fields(tree, file, any_case=any_case), resolved=resolved).manifest(tree)


class _Builder:
    """One pass over the fields; each method reads one of them."""

    def __init__(self, fields: Fields, *, resolved: bool) -> None:
        self.fields = fields
        self.resolved = resolved

    def manifest(self, tree: Tree) -> Manifest:
        fields = self.fields
        top = fields.members(tree.value, "", FIELDS)
        manifest = Manifest(
            app=self._name(top, "app", APP_NAME, "lower case letters, digits and '-', from a letter, at most 53"),
            env=self._name(top, "env", ENVIRONMENT_NAME, "lower case letters, digits and '-', from a letter"),
            namespace=self._name(top, "namespace", NAMESPACE_NAME, "a DNS label: lower case letters, digits and '-'"),
            preview=fields.boolean(top, "preview", ""),
            deploy=self._deploy(top),
            cleanup=self._cleanup(top),
            chart=self._chart(top),
            values=fields.map(top.get("values"), "values"),
            strategic_merge_patches=fields.text(top, "strategicMergePatches", ""),
            json_patches=self._json_patches(top),
            manifests=fields.text(top, "manifests", ""),
            dependencies=self._dependencies(top),
            file=fields.file,
            tree=top,
            positions=fields.positions,
            any_case=fields.any_case,
        )
        if manifest.app in RESERVED_APPS:
            fields.problem("app", f"{manifest.app!r} is reserved")
        fields.check()
        return manifest

    def _name(self, members: Members, key: str, pattern: re.Pattern[str], rule: str, path: str = "") -> str:
        name = self.fields.text(members, key, path, required=True)
        templated = "{{" in name and not self.resolved
        if name and not templated and not pattern.fullmatch(name):
            self.fields.problem(child_path(path, key), f"{name!r} is no name", f"allowed: {rule}")
        return name

    def _deploy(self, top: Members) -> DeployPolicy | None:
        if top.get("deploy") is None:
            return None
        known = ("branch", "tag", "event", "commitMessagePatterns", "paths")
        deploy = self.fields.members(top["deploy"], "deploy", known)
        return DeployPolicy(
            branch=self._glob(deploy, "branch", "deploy"),
            tag=self._glob(deploy, "tag", "deploy"),
            event=self._event(deploy),
            commit_message_patterns=self._globs(deploy, "commitMessagePatterns", literal_brackets=True),
            paths=self._globs(deploy, "paths", literal_brackets=False),
        )

    def _event(self, deploy: Members) -> Event | None:
        word = self.fields.text(deploy, "event", "deploy")
        if not word:
            return None
        if word not in set(Event):
            self.fields.problem("deploy.event", f"{word!r} is no event", "one of: push, tag, pr")
            return None
        return Event(word)

    def _glob(self, members: Members, key: str, path: str) -> str:
        pattern = self.fields.text(members, key, path)
        self._check_glob(pattern, child_path(path, key), literal_brackets=False)
        return pattern

    def _globs(self, members: Members, key: str, *, literal_brackets: bool) -> tuple[str, ...]:
        patterns = self.fields.texts(members, key, "deploy")
        for index, pattern in enumerate(patterns):
            self._check_glob(pattern, child_path(f"deploy.{key}", index), literal_brackets=literal_brackets)
        return patterns

    def _check_glob(self, pattern: str, path: str, *, literal_brackets: bool) -> None:
        wrong = check_glob(pattern, literal_brackets=literal_brackets)
        if wrong:
            self.fields.problem(path, f"invalid glob: {wrong}", "a backslash makes a special character mean itself")

    def _cleanup(self, top: Members) -> CleanupPolicy | None:
        if top.get("cleanup") is None:
            return None
        cleanup = self.fields.members(top["cleanup"], "cleanup", ("app", "event", "branch"))
        event = self.fields.text(cleanup, "event", "cleanup")
        if event not in ("", "branchDeleted"):
            self.fields.problem("cleanup.event", f"{event!r} is no event of a cleanup", "only: branchDeleted")
        return CleanupPolicy(self.fields.text(cleanup, "app", "cleanup"), self._glob(cleanup, "branch", "cleanup"))

    def _chart(self, top: Members) -> ChartRef | None:
        if top.get("chart") is None:
            return None
        chart = self.fields.members(top["chart"], "chart", ("repository", "name", "version"))
        return ChartRef(
            name=self.fields.text(chart, "name", "chart", required=isinstance(top["chart"], dict)),
            repository=self.fields.text(chart, "repository", "chart"),
            version=self.fields.text(chart, "version", "chart"),
        )

    def _json_patches(self, top: Members) -> tuple[JsonPatch, ...]:
        path = "json6902Patches"
        items = self.fields.list(top.get(path), path)
        return tuple(self._json_patch(item, child_path(path, index)) for index, item in enumerate(items))

    def _json_patch(self, item: Value, path: str) -> JsonPatch:
        members = self.fields.members(item, path, ("patch", "target"))
        at = f"{path}.target"
        target = self.fields.members(members.get("target"), at, ("group", "version", "kind", "name"))
        for key in ("patch", "target"):
            if key not in members:
                self.fields.required(key, path)
        patch = members.get("patch")
        if patch is not None and not isinstance(patch, str | list):
            self.fields.problem(f"{path}.patch", f"must be a list of operations, and is {kind_of(patch)}")
        words = {key: self.fields.text(target, key, at) for key in ("kind", "name", "group", "version")}
        return JsonPatch(PatchTarget(**words), patch)

    def _dependencies(self, top: Members) -> tuple[Dependency, ...]:
        items = self.fields.list(top.get("dependencies"), "dependencies")
        return tuple(self._dependency(item, child_path("dependencies", index)) for index, item in enumerate(items))

    def _dependency(self, item: Value, path: str) -> Dependency:
        fields = self.fields
        members = fields.members(item, path, ("name", "kind", "spec"))
        rule = "lower case letters, digits and '-', from a letter"
        name = self._name(members, "name", DEPENDENCY_NAME, rule, path)
        kind = fields.text(members, "kind", path, required=True)
        if kind not in ("", "terraform"):
            fields.problem(f"{path}.kind", f"{kind!r} is no kind of dependency", "only: terraform")
        spec_path, module_path = f"{path}.spec", f"{path}.spec.module"
        spec = fields.members(members.get("spec"), spec_path, ("module", "values", "secret"))
        module = fields.members(spec.get("module"), module_path, ("url", "secret"))
        return Dependency(
            name=name,
            url=fields.text(module, "url", module_path, required=True),
            module_secret=fields.text(module, "secret", module_path),
            secret=fields.text(spec, "secret", spec_path),
            values=fields.map(spec.get("values"), f"{spec_path}.values"),
        )
