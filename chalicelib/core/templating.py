"""Which strings of a manifest are templates, and the tree they make once they are resolved.

Each string is a template of its own, map keys included, and its result stays a string: no variable changes a type,
adds a field or closes a quote. `deploy` is decided before and `cleanup` knows `BRANCH` only, so both stay as written.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from chalicelib.core.scalars import Value
from chalicelib.core.trees import Position, body_path, child_path

NOT_TEMPLATES = ("deploy", "cleanup")


@dataclass(frozen=True, slots=True)
class Template:
    """One string to resolve, and where it stands."""

    path: str
    text: str


def templates_of(tree: dict[str, Value]) -> list[Template]:
    """Every string of `tree` that holds a template, in the order in which `filled` asks for them."""
    found: list[Template] = []

    def keep(path: str, text: str) -> str:
        if "{{" in text:
            found.append(Template(path, text))
        return text

    _mapped(tree, keep)
    return found


def settled(template: Template, text: str, positions: Mapping[str, Position]) -> str:
    """The text a template came to, in its place.

    A block text (`|`) that opens with `{{-` used to have its first line break trimmed with the line above: manifests
    that open a `range` that way go on to mean what they meant.
    """
    opens_a_block = template.text.startswith("{{-") and body_path(template.path) in positions
    return text.removeprefix("\n") if opens_a_block else text


def filled(tree: dict[str, Value], texts: Iterator[str]) -> tuple[dict[str, Value], list[str]]:
    """`tree` with each template replaced by the next of `texts`, and the paths of keys that became equal."""
    repeated: list[str] = []
    result = _mapped(tree, lambda _, text: next(texts) if "{{" in text else text, repeated)
    return result, repeated


def _mapped(
    tree: dict[str, Value], change: Callable[[str, str], str], repeated: list[str] | None = None
) -> dict[str, Value]:
    kept = {key: value for key, value in tree.items() if key in NOT_TEMPLATES}
    rest = {key: value for key, value in tree.items() if key not in NOT_TEMPLATES}
    return {**_map(rest, "", change, [] if repeated is None else repeated), **kept}


def _map(
    members: dict[str, Value], path: str, change: Callable[[str, str], str], repeated: list[str]
) -> dict[str, Value]:
    result: dict[str, Value] = {}
    for key, value in members.items():
        at = child_path(path, key)
        name = change(at, key)
        if name in result:
            repeated.append(at)
        result[name] = _value(value, at, change, repeated)
    return result


def _value(value: Value, path: str, change: Callable[[str, str], str], repeated: list[str]) -> Value:
    if isinstance(value, str):
        return change(path, value)
    if isinstance(value, list):
        return [_value(item, child_path(path, index), change, repeated) for index, item in enumerate(value)]
    return _map(value, path, change, repeated) if isinstance(value, dict) else value
