"""Plain Python values ↔ DynamoDB's typed attribute values. Numbers are integers: we store no fractions."""

from collections.abc import Mapping
from typing import Any

Item = dict[str, Any]


def to_item(values: Mapping[str, Any]) -> Item:
    """Typed attributes of plain values. Raises `TypeError` for a value that DynamoDB or we do not keep (floats)."""
    return {name: _typed(value) for name, value in values.items()}


def from_item(item: Mapping[str, Mapping[str, Any]]) -> Item:
    """Plain values of typed attributes, as a table answers them or a stream record carries them."""
    return {name: _plain(value) for name, value in item.items()}


def _typed(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": str(value)}
        case int():
            return {"N": str(int(value))}
        case bytes():
            return {"B": value}
        case list() | tuple():
            return {"L": [_typed(entry) for entry in value]}
        case Mapping():
            return {"M": to_item(value)}
        case set() | frozenset() if value and all(isinstance(entry, str) for entry in value):
            return {"SS": sorted(value)}
        case _:
            raise TypeError(f"a {type(value).__name__} is not kept in a table")


def _plain(typed: Mapping[str, Any]) -> Any:
    ((kind, value),) = typed.items()
    match kind:
        case "S" | "BOOL" | "B":
            return value
        case "N":
            return int(value)
        case "NULL":
            return None
        case "L":
            return [_plain(entry) for entry in value]
        case "M":
            return from_item(value)
        case "SS":
            return set(value)
        case _:
            raise TypeError(f"an attribute of type {kind!r} is not one of ours")
