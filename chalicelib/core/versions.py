"""Semantic versions and the ranges that charts are asked for by: `1.2`, `^1.2`, `~1.2`, `>=1 <3`, `1.x`, `1 - 2`, `||`.

A range never picks a pre-release unless it names one itself, as Helm's does not.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_VERSION = re.compile(
    r"v?(\d{1,18})(?:\.(\d{1,18}))?(?:\.(\d{1,18}))?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?"
)
_BOUND = re.compile(
    r"(=|==|!=|>=|=>|<=|=<|>|<|~>|~|\^)?\s*v?(\d{1,18}|[xX*])(?:\.(\d{1,18}|[xX*]))?(?:\.(\d{1,18}|[xX*]))?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?"
)
_HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)")

Key = tuple[int, int, int, tuple[tuple[int, int, str], ...], int]


@dataclass(frozen=True, slots=True)
class SemanticVersion:
    """A version that can be ordered; a missing minor or patch is 0."""

    major: int
    minor: int
    patch: int
    prerelease: str = ""

    @property
    def key(self) -> Key:
        """Orders as semver.org says: numbers below words, a pre-release below its release."""
        parts = tuple(
            (0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.prerelease.split(".") if part
        )
        return (self.major, self.minor, self.patch, parts if self.prerelease else (), 0 if self.prerelease else 1)

    def __lt__(self, other: "SemanticVersion") -> bool:
        mine, theirs = self.key, other.key
        return (mine[:3], mine[4], mine[3]) < (theirs[:3], theirs[4], theirs[3])

    def __le__(self, other: "SemanticVersion") -> bool:
        return self == other or self < other


def parse_version(text: str) -> SemanticVersion | None:
    """The version that `text` is, or None."""
    found = _VERSION.fullmatch(text.strip())
    if not found:
        return None
    major, minor, patch, prerelease = found.groups()
    return SemanticVersion(int(major), int(minor or 0), int(patch or 0), prerelease or "")


def newest(versions: Iterable[str], wanted: str) -> str | None:
    """The newest of `versions` that `wanted` allows; exactly `wanted` when it is among them; None when none fits.

    Raises:
        ValueError: `wanted` is no version and no range.
    """
    listed = list(versions)
    if wanted and wanted in listed:
        return wanted
    allows = compile_range(wanted or "*")
    best: tuple[SemanticVersion, str] | None = None
    for text in listed:
        version = parse_version(text)
        if version is not None and allows(version) and (best is None or best[0] < version):
            best = (version, text)
    return best[1] if best else None


def compile_range(text: str) -> Callable[[SemanticVersion], bool]:
    """A test for versions in the range.

    Raises:
        ValueError: the text is no range.
    """
    choices = [_all_bounds(part) for part in text.split("||")]
    return lambda version: any(all(bound(version) for bound in bounds) for bounds in choices)


def _all_bounds(text: str) -> list[Callable[[SemanticVersion], bool]]:
    text = _HYPHEN.sub(r">=\1 <=\2", text.strip()).replace(",", " ").strip()
    if not text:
        raise ValueError("an empty range")
    bounds = []
    while text:
        found = _BOUND.match(text)
        if not found or (text[found.end() :] and not text[found.end()].isspace()):
            raise ValueError(f"{text!r} is no version range")
        bounds.append(_bound(*found.groups()))
        text = text[found.end() :].lstrip()
    return bounds


def _bound(
    operator: str | None, major: str, minor: str | None, patch: str | None, prerelease: str | None
) -> Callable[[SemanticVersion], bool]:
    given = [int(part) for part in _until_wildcard([major, minor, patch])]
    low = _padded(given, prerelease or "")
    high = _next(given, operator or "")
    tests: dict[str, Callable[[SemanticVersion], bool]] = {
        "!=": lambda version: not (low <= version and (high is None or version < high)),
        ">": lambda version: low < version if len(given) == 3 else high is not None and high <= version,
        ">=": lambda version: low <= version,
        "<": lambda version: version < low,
        "<=": lambda version: version <= low if len(given) == 3 else high is None or version < high,
    }
    inside: Callable[[SemanticVersion], bool] = lambda version: low <= version and (high is None or version < high)  # noqa: E731
    name = {"=>": ">=", "=<": "<="}.get(operator or "", operator or "")
    test = tests.get(name, inside)
    return lambda version: (bool(prerelease) or not version.prerelease) and test(version)


def _padded(parts: list[int], prerelease: str = "") -> SemanticVersion:
    major, minor, patch = [*parts, 0, 0, 0][:3]
    return SemanticVersion(major, minor, patch, prerelease)


def _until_wildcard(parts: list[str | None]) -> list[str]:
    known: list[str] = []
    for part in parts:
        if part is None or part in "xX*":
            break
        known.append(part)
    return known


def _next(given: list[int], operator: str) -> SemanticVersion | None:
    """The first version behind the range; None when it has no end."""
    if not given:
        return None
    if operator == "^":
        place = next((index for index, part in enumerate(given) if part), len(given) - 1)
    elif operator in ("~", "~>"):
        place = min(1, len(given) - 1)
    else:
        place = len(given) - 1
    raised = [*given[:place], given[place] + 1]
    return _padded(raised)
