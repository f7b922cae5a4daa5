"""`.helmignore`: which files of a chart's folder are not part of the chart.

As Helm's own packaging reads it (helm.sh/docs/chart_template_guide/helm_ignore_file): shell patterns on the base name,
or on the whole path where the pattern has a slash; `!` turns a pattern round; a trailing slash is for folders. `**` is
not known there, and not here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

NAME = ".helmignore"
DEFAULT = "templates/.?*"


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    whole_path: bool
    folders_only: bool
    negated: bool

    def hits(self, path: str, *, is_folder: bool) -> bool:
        """Whether the rule takes this path out. A negated rule takes out all that it does not match."""
        if self.folders_only and not is_folder:
            return False
        return bool(self.pattern.fullmatch(path if self.whole_path else path.rpartition("/")[2])) is not self.negated


def kept_files(paths: Iterable[str], text: str) -> list[str]:
    """Those of `paths` that the rules in `text` leave in the chart. A rule that is no pattern takes out nothing."""
    rules = [rule for line in [*text.splitlines(), DEFAULT] if (rule := _rule(line.strip())) is not None]
    ignored: dict[str, bool] = {}

    def is_ignored(folder: str) -> bool:
        if folder not in ignored:
            parent = folder.rpartition("/")[0]
            above = bool(parent) and is_ignored(parent)
            ignored[folder] = above or any(rule.hits(folder, is_folder=True) for rule in rules)
        return ignored[folder]

    return [
        path
        for path in paths
        if not ("/" in path and is_ignored(path.rpartition("/")[0]))
        and not any(rule.hits(path, is_folder=False) for rule in rules)
    ]


def _rule(line: str) -> _Rule | None:
    if not line or line.startswith("#") or "**" in line:
        return None
    negated, line = line.startswith("!"), line.removeprefix("!")
    folders_only, line = line.endswith("/"), line.removesuffix("/")
    pattern = _compiled(line.removeprefix("/"))
    return None if pattern is None else _Rule(pattern, "/" in line, folders_only, negated)


def _compiled(glob: str) -> re.Pattern[str] | None:
    """Go's `filepath.Match` as a regular expression."""
    out = []
    place = 0
    while place < len(glob):
        found = _PIECE.match(glob, place)
        if found is None:
            return None
        place = found.end()
        out.append(_translated(found[0]))
    try:
        return re.compile("".join(out), re.DOTALL)
    except re.error:
        return None


_PIECE = re.compile(r"\*+|\?|\[\^?(?:\\.|[^\]\\])+\]|\\.|[^*?\[\\]", re.DOTALL)


def _translated(piece: str) -> str:
    if piece.startswith("*"):
        return "[^/]*"
    if piece == "?":
        return "[^/]"
    if piece.startswith("[") and len(piece) > 1:
        body = piece[1:-1]
        negation, body = ("^", body[1:]) if body.startswith("^") else ("", body)
        return f"[{negation}{body.replace('[', chr(92) + '[')}]"
    return re.escape(piece.removeprefix("\\") if len(piece) > 1 else piece)
