"""Folders of a commit: found level by level, so that reading one or a hundred takes the same number of round trips.

Whoever asks for many paths names them all at once. Only the trees on the way to what is asked are fetched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from chalicelib.adapters.git_memory import NO_TREE, TREE, Entry, Memories
from chalicelib.adapters.git_objects import missing_of, root_tree, trees
from chalicelib.adapters.git_run import BrokenClone, Git

MAX_FOLDER_DEPTH = 100


def resolve(git: Git, commit: str, paths: Iterable[str]) -> dict[str, Entry]:
    """What stands at each of the paths ("" is the root), and at every folder on the way; absent ones are left out."""
    found = {"": Entry(TREE, root_tree(git, commit))}
    wanted = {path for path in paths if path}
    for depth in range(max((path.count("/") + 1 for path in wanted), default=0)):
        here = {_prefix(path, depth + 1) for path in wanted if path.count("/") >= depth}
        parents = {parent: found[parent] for parent in map(parent_of, here) if parent in found}
        content = trees(git, [entry.sha for entry in parents.values() if entry.is_tree])
        for path in here:
            parent = parents.get(parent_of(path))
            entry = content[parent.sha].get(path.rpartition("/")[2]) if parent and parent.is_tree else None
            if entry is not None:
                found[path] = entry
    return found


def have_folders(git: Git, commit: str, paths: Sequence[str]) -> None:
    """Have the commit and the trees of these folders in the clone, not only in memory: fast-import reads them there."""
    remembered = [entry.sha for entry in resolve(git, commit, paths).values() if entry.is_tree]
    if missing_of(git, [commit, *remembered]):
        unremembering = replace(git, memory=Memories())
        found = resolve(unremembering, commit, paths)
        trees(unremembering, [entry.sha for entry in found.values() if entry.is_tree])


def files_below(git: Git, folders: dict[str, Entry]) -> dict[str, Entry]:
    """All entries but folders below these folders, by path from the root."""
    found: dict[str, Entry] = {}
    level = {path: entry for path, entry in folders.items() if entry.is_tree}
    for _ in range(MAX_FOLDER_DEPTH):
        if not level:
            return found
        content = trees(git, [entry.sha for entry in level.values()])
        entries = {join(path, name): e for path, entry in level.items() for name, e in content[entry.sha].items()}
        found |= {path: entry for path, entry in entries.items() if not entry.is_tree}
        level = {path: entry for path, entry in entries.items() if entry.is_tree}
    raise BrokenClone(f"folders nested deeper than {MAX_FOLDER_DEPTH}")


def folders_on_the_way(paths: Sequence[str]) -> list[str]:
    """Every folder that a change of one of these paths rewrites, but the root."""
    return sorted({_prefix(path, depth) for path in paths for depth in range(1, path.count("/") + 1)})


def changed_paths(git: Git, before: str | None, after: str) -> list[str]:
    """The paths of files that differ between two trees (None: an empty one), reading only folders that differ."""
    changed: list[str] = []
    level: list[tuple[str, str | None, str | None]] = [("", before, after)]
    while level:
        content = trees(git, [sha for _, old, new in level for sha in (old, new) if sha is not None])
        deeper = []
        for path, old, new in level:
            left = content[old] if old is not None else NO_TREE
            right = content[new] if new is not None else NO_TREE
            for name in left.differing(right):
                sides = (left.get(name), right.get(name))
                if any(entry is not None and not entry.is_tree for entry in sides):
                    changed.append(join(path, name))
                if any(entry is not None and entry.is_tree for entry in sides):
                    deeper.append((join(path, name), _tree_sha(sides[0]), _tree_sha(sides[1])))
        level = deeper
    return sorted(changed)


def _tree_sha(entry: Entry | None) -> str | None:
    return entry.sha if entry is not None and entry.is_tree else None


def join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def parent_of(path: str) -> str:
    return path.rpartition("/")[0]


def _prefix(path: str, parts: int) -> str:
    return "/".join(path.split("/")[:parts])
