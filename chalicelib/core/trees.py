"""From text to a plain tree that still knows where everything stood.

Reads YAML within limits (size, nesting, what aliases expand to) and names every problem at once, with its
path, line and column. What a scalar means is `scalars`' business; which fields there may be is `manifests`'.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import yaml

from chalicelib.core.errors import InvalidManifest, Problem
from chalicelib.core.scalars import NotFinite, Rules, Scalar, Value, key_text, read_number, read_plain

MAX_DOCUMENT_BYTES = 1024 * 1024
MAX_NESTING = 64
ALIASED_NODE_BYTES = 8  # what a value costs beside its text: its quotes, its key's colon, its indentation

_PLAIN = "gimlet:plain"
_STANDARD = "tag:yaml.org,2002:"
_MERGE_KEY = "<<"
Position = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tree:
    """A document as plain values; `positions` maps a path (`values.image.tag`) to its line and column, from 1."""

    value: Value
    positions: dict[str, Position] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    line: int = 1
    column: int = 1


def child_path(path: str, key: str | int) -> str:
    """The path of a member: `a.b`, `a[0]`, and `a["b.c"]` for a key that would read as something else."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if key and all(character.isalnum() or character in "-_/" for character in key):
        return f"{path}.{key}" if path else key
    return f"{path}[{json.dumps(key, ensure_ascii=False)}]"


def body_path(path: str) -> str:
    """Where `positions` keeps the line above a block text's first line (`manifests: |`)."""
    return f"{path}|"


class _Loader(yaml.CSafeLoader):
    """Composes nodes only; an unquoted scalar is marked as such, so that `!!str 5` and `5` stay apart."""

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: object) -> str:  # noqa: ARG002 - its signature
        if kind is yaml.ScalarNode:
            plain = isinstance(implicit, tuple) and bool(implicit[0])
            return _PLAIN if plain else _STANDARD + "str"
        return _STANDARD + ("seq" if kind is yaml.SequenceNode else "map")


def read_yaml(text: str, *, file: str = "") -> Tree:
    """Read one YAML document under the manifest's rules.

    Raises:
        InvalidManifest: it is no YAML, is empty, is more than one document, or breaks a limit.
    """
    documents = [node for node in _compose(text, file, limit=MAX_DOCUMENT_BYTES) if node is not None]
    if not documents:
        _refuse(Problem("", "the document is empty", file=file))
    if len(documents) > 1:
        line = documents[1].start_mark.line + 1
        _refuse(Problem("", "a second document begins here", "one file holds one manifest", line, 1, file))
    return _Reader(Rules.MANIFEST, file, path="").tree(documents[0])


def read_kubernetes_yaml(
    text: str, *, path: str, limit: int = MAX_DOCUMENT_BYTES, rules: Rules = Rules.KUBERNETES
) -> list[Tree]:
    """Read every document of `text` as Kubernetes tools would; empty documents are left out.

    Raises:
        InvalidManifest: it is no YAML or breaks a limit; problems are at `path`, lines count within `text`.
    """
    nodes = _compose(text, "", limit=limit, path=path)
    trees = [_Reader(rules, "", path, limit).tree(node) for node in nodes if node is not None]
    return [tree for tree in trees if tree.value is not None]


def _refuse(problem: Problem) -> NoReturn:
    raise InvalidManifest((problem,))


def check_size(text: str, file: str, limit: int) -> None:
    """Refuse a text of more than `limit` bytes before anything reads it."""
    if len(text) > limit or len(text.encode("utf-8", "surrogatepass")) > limit:
        _refuse(Problem("", f"larger than {limit // 1024} KiB", file=file))


def _compose(text: str, file: str, *, limit: int, path: str = "") -> Iterator[yaml.Node | None]:
    check_size(text, file, limit)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_NESTING:
                _refuse(Problem(path, f"nested deeper than {MAX_NESTING} levels", file=file))
        yield from yaml.compose_all(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise InvalidManifest((_syntax_problem(error, text, file, path),)) from error
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise InvalidManifest((Problem(path, f"not YAML: {error}", file=file),)) from error


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str, path: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    message = " ".join(part for part in (error.context, error.problem) if part)
    hint = ""
    if mark is not None:
        lines = text.splitlines()
        line = lines[mark.line] if mark.line < len(lines) else ""
        if "\t" in line[: len(line) - len(line.lstrip())]:
            hint = "indent with spaces, not tabs"
        elif ": *" in line or ": @" in line or ": `" in line or ": %" in line or "{{" in line:
            hint = "put the value in quotes"
    line_number, column = (mark.line + 1, mark.column + 1) if mark is not None else (None, None)
    return Problem(path, f"not YAML: {message}", hint, line_number, column, file)


class _Reader:
    """Turns composed nodes into plain values, collecting problems, positions and notes on the way."""

    def __init__(self, rules: Rules, file: str, path: str, limit: int = MAX_DOCUMENT_BYTES) -> None:
        self.rules = rules
        self.file = file
        self.root = path
        self.problems: list[Problem] = []
        self.positions: dict[str, Position] = {}
        self.notes: list[str] = []
        self.seen: set[int] = set()
        self.spent = 0
        self.limit = limit

    def tree(self, node: yaml.Node) -> Tree:
        value = self._value(node, self.root, 0)
        if self.problems:
            raise InvalidManifest(tuple(self.problems))
        mark = node.start_mark
        return Tree(value, self.positions, tuple(self.notes), mark.line + 1, mark.column + 1)

    def _value(self, node: yaml.Node, path: str, depth: int) -> Value:
        if id(node) in self.seen:  # reached through an alias: what the text itself holds is within the limit already
            self.spent += ALIASED_NODE_BYTES + (len(node.value) if isinstance(node, yaml.ScalarNode) else 0)
        else:
            self.seen.add(id(node))
        if self.spent > self.limit:
            self._stop(node, path, f"its aliases expand to more than {self.limit // 1024} KiB")
        if depth > MAX_NESTING:
            self._stop(node, path, f"nested deeper than {MAX_NESTING} levels, with its aliases")
        self.positions.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            if node.tag != _STANDARD + "seq":
                self._unknown_tag(node, path)
            return [self._value(item, child_path(path, index), depth + 1) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> dict[str, Value]:
        if node.tag != _STANDARD + "map":
            self._unknown_tag(node, path)
        own: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        for key_node, value_node in node.value:
            if _is_merge(key_node):
                for name, value in self._merged(value_node, path, depth).items():
                    merged.setdefault(name, value)
                continue
            key = self._key(key_node, path)
            if key is None:
                continue
            at = child_path(path, key)
            if key in own:
                self._repeated(key_node, at)
            self.positions[at] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            own[key] = self._value(value_node, at, depth + 1)
            if isinstance(value_node, yaml.ScalarNode) and value_node.style in ("|", ">"):
                self.positions[body_path(at)] = (value_node.start_mark.line + 1, 1)
        return {**{key: value for key, value in merged.items() if key not in own}, **own} if merged else own

    def _merged(self, node: yaml.Node, path: str, depth: int) -> dict[str, Value]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        members: dict[str, Value] = {}
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                self._problem(node, path, "'<<' merges maps only")
                continue
            merged = self._value(source, path, depth + 1)
            for key, value in merged.items() if isinstance(merged, dict) else ():
                members.setdefault(key, value)
        return members

    def _repeated(self, key_node: yaml.Node, path: str) -> None:
        if self.rules is Rules.MANIFEST:
            self._problem(key_node, path, "this key is there twice")
        else:
            self.notes.append(f"{path} is there twice: the later one wins")

    def _key(self, node: yaml.Node, path: str) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            hint = "a value with {{ }} must be in quotes" if isinstance(node, yaml.MappingNode) else ""
            self._problem(node, path, "a map key must be text", hint)
            return None
        key = self._scalar(node, path)
        if isinstance(key, str):
            return key
        if self.rules is not Rules.MANIFEST:
            return key_text(key)
        self._problem(node, path, f"the map key {node.value!r} is not text", f'put it in quotes: "{node.value}"')
        return None

    def _scalar(self, node: yaml.Node, path: str) -> Scalar:
        text = str(node.value)
        try:
            if node.tag == _PLAIN:
                return read_plain(text, self.rules)
            return self._tagged(node, text, path)
        except NotFinite:
            self._problem(
                node, path, f"{text[:40]} is no number that JSON can carry", "put it in quotes to make it text"
            )
            return None

    def _tagged(self, node: yaml.Node, text: str, path: str) -> Scalar:
        name = node.tag.removeprefix(_STANDARD) if node.tag.startswith(_STANDARD) else ""
        if name in ("str", "timestamp"):
            return text if name == "str" else read_plain(text, Rules.MANIFEST)
        if name == "binary":
            try:
                return base64.b64decode("".join(text.split()), validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                self._problem(node, path, "!!binary holds no base64 of UTF-8 text")
                return None
        value = read_plain(text, self.rules)
        if name == "float" and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        kinds: dict[str, tuple[type, ...]] = {"int": (int,), "float": (float,), "bool": (bool,), "null": (type(None),)}
        if name not in kinds:
            self._unknown_tag(node, path)
        elif not isinstance(value, kinds[name]) or (name == "int" and read_number(text, self.rules) is None):
            self._problem(node, path, f"{text!r} is no {name}")
        return value

    def _unknown_tag(self, node: yaml.Node, path: str) -> None:
        tag = node.tag.replace(_STANDARD, "!!")
        written = f"{tag} {node.value}".strip() if isinstance(node, yaml.ScalarNode) else tag
        hint = f"put it in quotes if text was meant: '{written}'"
        self._problem(node, path, f"{tag} is a YAML tag, and only standard ones are read", hint)

    def _problem(self, node: yaml.Node, path: str, message: str, hint: str = "") -> None:
        mark = node.start_mark
        self.problems.append(Problem(path, message, hint, mark.line + 1, mark.column + 1, self.file))

    def _stop(self, node: yaml.Node, path: str, message: str) -> NoReturn:
        self._problem(node, path, message)
        raise InvalidManifest(tuple(self.problems[-1:]))


def _is_merge(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _PLAIN and node.value == _MERGE_KEY
