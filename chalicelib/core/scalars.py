"""What an unquoted YAML scalar means: the manifest's reading, and Kubernetes' own.

Neither is what a YAML library does by default, so the rules are written down here and nowhere else
(`docs/manifest.md`, Reading). Both read numbers as Go's readers do: `0644` is octal, `1e3` a number, `12:30` text.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import TypeAlias

Scalar: TypeAlias = bool | int | float | str | None
Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE_12 = frozenset({"true", "True", "TRUE"})
_FALSE_12 = frozenset({"false", "False", "FALSE"})
_TRUE_11 = _TRUE_12 | {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"}
_FALSE_11 = _FALSE_12 | {"n", "N", "no", "No", "NO", "off", "Off", "OFF"}

_INTEGER = re.compile(r"[-+]?(0[bB][01_]+|0[oO]?[0-7_]+|0[xX][0-9a-fA-F_]+|0|[1-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:[Tt]|[ \t]+)(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{0,9}))?"
    r"(?:[ \t]*(Z|[-+]\d{1,2}(?::?\d{2})?))?)?"
)
MAX_DIGITS = 300  # more have no floating point form
_MAX_UINT64 = 2**64 - 1
_MIN_INT64 = -(2**63)


class Rules(Enum):
    """Whose reading: the manifest's (only `true` and `false` are booleans), Kubernetes tools' (YAML 1.1), or a chart's.

    A chart's output is written on, and its readers differ: Helm takes an unquoted `yes` for a boolean, Flux for text.
    So it stays what it is, `Ambiguous`.
    """

    MANIFEST = "manifest"
    KUBERNETES = "kubernetes"
    CHART = "chart"


class Ambiguous(str):
    """An unquoted `yes`, `no`, `on`, `off`, `y` or `n`; written without quotes again."""

    __slots__ = ()


class NotFinite(ValueError):
    """`.inf` and `.nan` have no JSON form, so nothing downstream could carry them."""


def read_plain(text: str, rules: Rules) -> Scalar:
    """What the unquoted scalar `text` means under `rules`.

    Raises:
        NotFinite: it is an infinity or not a number.
    """
    if text in _NULLS:
        return None
    if text in (_TRUE_11 if rules is Rules.KUBERNETES else _TRUE_12):
        return True
    if text in (_FALSE_11 if rules is Rules.KUBERNETES else _FALSE_12):
        return False
    if rules is Rules.CHART and text in _TRUE_11 | _FALSE_11:
        return Ambiguous(text)
    number = read_number(text, rules)
    if number is not None:
        return number
    return read_timestamp(text) if rules is Rules.MANIFEST else text


def read_number(text: str, rules: Rules) -> int | float | None:
    """The number `text` spells, or None. A manifest's integer beyond 64 bits becomes floating point, as in Go."""
    if len(text) > MAX_DIGITS and (_INTEGER.fullmatch(text) or _FLOAT.fullmatch(text)):
        raise NotFinite(f"a number of {len(text)} digits")
    if _INTEGER.fullmatch(text):
        number = _integer(text.replace("_", ""))
        fits = rules is not Rules.MANIFEST or _MIN_INT64 <= number <= _MAX_UINT64
        return number if fits else float(number)
    if _NOT_FINITE.fullmatch(text):
        raise NotFinite(text)
    if _FLOAT.fullmatch(text):
        value = float(text.replace("_", ""))
        if value in (float("inf"), float("-inf")):
            raise NotFinite(text)
        return value
    return None


def _integer(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    readers: dict[str, Callable[[str], int]] = {
        "0x": lambda rest: int(rest, 16),
        "0b": lambda rest: int(rest, 2),
        "0o": lambda rest: int(rest, 8),
    }
    reader = readers.get(digits[:2].lower())
    if reader:
        return sign * reader(digits[2:])
    octal = digits.startswith("0") and len(digits) > 1
    return sign * int(digits, 8 if octal else 10)


def read_timestamp(text: str) -> str:
    """A date or time as RFC 3339 text (a date alone is midnight UTC); any other text as it is."""
    found = _TIMESTAMP.fullmatch(text)
    if not found:
        return text
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        instant = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=_zone(zone)
        )
    except ValueError:
        return text
    digits = (fraction or "").rstrip("0")
    return instant.strftime("%Y-%m-%dT%H:%M:%S").zfill(19) + (f".{digits}" if digits else "") + _zone_text(instant)


def _zone(text: str | None) -> timezone:
    if not text or text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text.startswith("-") else offset)


def _zone_text(instant: datetime) -> str:
    offset = instant.utcoffset() or timedelta()
    if not offset:
        return "Z"
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def key_text(key: Scalar) -> str:
    """How Kubernetes tools spell a map key that is not a string."""
    if isinstance(key, bool):
        return "true" if key else "false"
    if key is None:
        return "null"
    if isinstance(key, float) and key.is_integer():
        return str(int(key))
    return str(key)
