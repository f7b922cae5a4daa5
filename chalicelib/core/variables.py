"""Variables of a manifest: where they come from, who wins, and the dotenv files that people write them in.

Resolving them is the templates port's work; this only says what there is to resolve. A variable never becomes a
field, whatever its name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.core.artifacts import Version
from chalicelib.core.errors import InvalidManifest, Problem
from chalicelib.core.scalars import Value

VARIABLES_FILE = ".gimlet/vars"

_KEY = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z0-9_.]+)[ \t]*[=:][ \t]*")
_BLANK = re.compile(r"[ \t]*(#[^\n]*)?(\n|\Z)")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_REFERENCE = re.compile(r"(\\)?\$(\()?\{?([A-Z0-9_]+)?\}?")


@dataclass(frozen=True, slots=True)
class VariableSources:
    """All places variables come from, lowest rank first; `environment` is not for `app` and `env` themselves."""

    built_in: Mapping[str, str] = field(default_factory=dict)
    repository: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, str] = field(default_factory=dict)
    items: Sequence[Mapping[str, Value]] = ()
    vars: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    override: Mapping[str, str] = field(default_factory=dict)

    def for_names(self) -> dict[str, str]:
        """What `app` and `env` are resolved with."""
        return {**self._artifact(), **self.override}

    def for_fields(self, app: str) -> dict[str, str]:
        """What every other field is resolved with; `override` is the manifest check's own, above all."""
        return {**self._artifact(), "APP": app, **self.environment, **self.override}

    def _artifact(self) -> dict[str, str]:
        members = {key: value for item in self.items for key, value in item.items() if isinstance(value, str)}
        return {**self.built_in, **self.repository, **self.context, **members, **self.vars}


def built_in_variables(version: Version) -> dict[str, str]:
    """What every version brings; `BRANCH` is the source branch of a pull request."""
    owner, _, name = version.repository.rpartition("/")
    return {
        "REPO": name,
        "OWNER": owner,
        "BRANCH": version.source_branch or version.branch,
        "TAG": version.tag,
        "SHA": version.sha,
        "ACTOR": version.author_name,
        "EVENT": version.event.value,
    }


def parse_dotenv(text: str, file: str = VARIABLES_FILE) -> dict[str, str]:
    """Read a dotenv file: `KEY=value`, `'raw'`, `"with \\n"`, comments, `export`, `$OTHER` of an earlier line.

    Raises:
        InvalidManifest: a line that is none of these; all such lines are named.
    """
    return _Dotenv(text.replace("\r\n", "\n").removeprefix("\ufeff"), file).read()


class _Dotenv:
    """One pass over the text; a line that can't be read is a problem, and reading goes on behind it."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.at = 0
        self.found: dict[str, str] = {}
        self.problems: list[Problem] = []

    def read(self) -> dict[str, str]:
        while self.at < len(self.text):
            blank = _BLANK.match(self.text, self.at)
            if blank:
                self.at = blank.end()
            else:
                self._assignment()
        if self.problems:
            raise InvalidManifest(tuple(self.problems))
        return self.found

    def _assignment(self) -> None:
        key = _KEY.match(self.text, self.at)
        if not key:
            self._skip("a line must be KEY=value or a comment")
            return
        start, self.at = self.at, key.end()
        value = self._quoted() if self.text[self.at : self.at + 1] in ("'", '"') else self._bare()
        if value is None:
            self.at = start
            self._skip(f"the quotes of {key.group(1)} do not end where its value does")
        else:
            self.found[key.group(1)] = value

    def _quoted(self) -> str | None:
        single = self.text[self.at] == "'"
        found = (_SINGLE if single else _DOUBLE).match(self.text, self.at)
        rest = _BLANK.match(self.text, found.end()) if found else None
        if found is None or rest is None:
            return None
        self.at = rest.end()
        return found.group(1) if single else self._expanded(_unescaped(found.group(1)))

    def _bare(self) -> str:
        end = self.text.find("\n", self.at)
        line = self.text[self.at : end if end >= 0 else len(self.text)]
        self.at += len(line) + 1
        return self._expanded(re.split(r"(?:^|[ \t])#", line, maxsplit=1)[0].strip())

    def _expanded(self, value: str) -> str:
        def replacement(match: re.Match[str]) -> str:
            if match.group(1) or match.group(2):
                return match.group(0)[1:] if match.group(1) else match.group(0)
            return self.found.get(match.group(3), "") if match.group(3) else match.group(0)

        return _REFERENCE.sub(replacement, value)

    def _skip(self, message: str) -> None:
        line = self.text.count("\n", 0, self.at) + 1
        self.problems.append(Problem("", message, "", line, 1, self.file))
        end = self.text.find("\n", self.at)
        self.at = end + 1 if end >= 0 else len(self.text)


def _unescaped(text: str) -> str:
    # As the dotenv readers of Go do it: \n and \r are themselves, any other escaped character stands for itself, and
    # \$ waits for the expansion, which takes its backslash.
    named = {"n": "\n", "r": "\r", "$": "\\$"}
    return re.sub(r"\\(.)", lambda match: named.get(match.group(1), match.group(1)), text, flags=re.DOTALL)
