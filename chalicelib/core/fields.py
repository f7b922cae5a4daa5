"""Taking known fields out of a plain tree, naming everything that is wrong with them at once.

Knows nothing of manifests: what fields there are is the caller's business.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from chalicelib.core.errors import InvalidManifest, Problem
from chalicelib.core.scalars import Value
from chalicelib.core.trees import Tree, child_path

Members = dict[str, Value]


def kind_of(value: Value) -> str:
    """The word for what a value is."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else "a map"


class Fields:
    """Reads the fields of one tree; a null field counts as absent. `check` raises what was found."""

    def __init__(self, tree: Tree, file: str, *, any_case: bool = False) -> None:
        self.positions = tree.positions
        self.file = file
        self.any_case = any_case
        self.problems: list[Problem] = []

    def problem(self, path: str, message: str, hint: str = "") -> None:
        """Note that `path` is wrong; its line and column are looked up."""
        line, column = self.positions.get(path, (None, None))
        self.problems.append(Problem(path, message, hint, line, column, self.file))

    def check(self) -> None:
        """Raise `InvalidManifest` with all problems, in the order of the text, when there are any."""
        if self.problems:
            raise InvalidManifest(tuple(sorted(self.problems, key=lambda p: (p.line or 0, p.column or 0))))

    def members(self, value: Value, path: str, known: Iterable[str]) -> Members:
        """The members of a map whose fields are `known`; unknown ones are problems, with the nearest known one."""
        found: Members = {}
        names = tuple(known)
        folded = {name.lower(): name for name in names}
        for key, member in self.map(value, path).items():
            name = folded.get(key.lower(), key) if self.any_case else key
            if name not in names:
                self.problem(child_path(path, key), f"unknown field {key!r}", _suggestion(key, names))
            elif name in found:
                self.problem(child_path(path, key), f"the field {name!r} is there twice")
            elif member is not None:
                found[name] = member
        return found

    def map(self, value: Value, path: str) -> Members:
        """A map, or nothing of it when it is something else."""
        if isinstance(value, dict):
            return value
        if value is not None:
            self.problem(path, f"must be a map, and is {kind_of(value)}")
        return {}

    def list(self, value: Value, path: str) -> list[Value]:
        """A list, or an empty one when it is something else."""
        if isinstance(value, list):
            return value
        if value is not None:
            self.problem(path, f"must be a list, and is {kind_of(value)}")
        return []

    def text(self, members: Members, key: str, path: str, *, required: bool = False) -> str:
        """A text field; a number or boolean there must be quoted, never guessed."""
        at = child_path(path, key)
        value = members.get(key)
        if value is None or (value == "" and required):
            if required:
                self.required(key, path)
            return ""
        if isinstance(value, str):
            return value
        hint = f'put it in quotes: {key}: "{_spelled(value)}"' if isinstance(value, bool | int | float) else ""
        self.problem(at, f"must be text, and is {kind_of(value)}", hint)
        return ""

    def required(self, key: str, path: str) -> None:
        """Note that a field is missing; the position is that of the map it should be in."""
        line, column = self.positions.get(path, (None, None))
        self.problems.append(Problem(child_path(path, key), f"{key!r} is required", "", line, column, self.file))

    def boolean(self, members: Members, key: str, path: str) -> bool:
        """`true` or `false`; absent is false."""
        value = members.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.problem(child_path(path, key), f"must be true or false, without quotes, and is {kind_of(value)}")
        return False

    def texts(self, members: Members, key: str, path: str) -> tuple[str, ...]:
        """A list of texts."""
        at = child_path(path, key)
        values = self.list(members.get(key), at)
        for index, value in enumerate(values):
            if not isinstance(value, str):
                self.problem(child_path(at, index), f"must be text, and is {kind_of(value)}", "put it in quotes")
        return tuple(value for value in values if isinstance(value, str))


def _spelled(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _suggestion(key: str, known: tuple[str, ...]) -> str:
    folded = {name.lower(): name for name in known}
    near = get_close_matches(key.lower(), list(folded), n=1, cutoff=0.6)
    return f"did you mean {folded[near[0]]!r}?" if near else f"known fields: {', '.join(known)}"
