"""The same as `trees` for JSON: within the same limits, a repeated key is an error, members have no known place."""

import json
from typing import NoReturn

from chalicelib.core.errors import InvalidManifest, Problem
from chalicelib.core.scalars import Rules, Value, read_number
from chalicelib.core.trees import MAX_DOCUMENT_BYTES, MAX_NESTING, Tree, check_size


def read_json(text: str, *, file: str = "") -> Tree:
    """Read one JSON document. Positions of members are not known.

    Raises:
        InvalidManifest: it is no JSON, repeats a key, or breaks a limit.
    """
    check_size(text, file, MAX_DOCUMENT_BYTES)
    if _json_nesting(text) > MAX_NESTING:
        raise InvalidManifest((Problem("", f"nested deeper than {MAX_NESTING} levels", file=file),))
    try:
        value: Value = json.loads(
            text, object_pairs_hook=_unique_members, parse_constant=_no_constant, parse_int=_whole
        )
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # half of a surrogate pair is no text
    except json.JSONDecodeError as error:
        raise InvalidManifest((Problem("", error.msg, "", error.lineno, error.colno, file),)) from error
    except ValueError as error:
        raise InvalidManifest((Problem("", str(error), file=file),)) from error
    return Tree(value)


def _unique_members(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {repeated!r} is there twice")
    return members


def _whole(text: str) -> int | float:
    number = read_number(text, Rules.MANIFEST)
    if number is None:
        raise ValueError(f"{text} is no number")
    return number


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON value")


def _json_nesting(text: str) -> int:
    depth = deepest = 0
    quoted = escaped = False
    for character in text:
        if quoted:
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            quoted = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest
