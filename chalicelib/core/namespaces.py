"""Which namespaces a rendered tree needs: those that its objects name, without those it makes itself."""

import re
from collections.abc import Mapping

_DOCUMENT = re.compile(r"^---\s*$", re.MULTILINE)
_NAMESPACE = re.compile(r"^  namespace: [\"']?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)[\"']?\s*$", re.MULTILINE)
_METADATA = re.compile(r"^metadata:\s*$", re.MULTILINE)
BUILT_IN = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})


def namespaces_of(files: Mapping[str, str]) -> tuple[str, ...]:
    """Namespaces in `metadata.namespace` of the objects, sorted.

    The files are our own output: block style, two spaces deep, one object a document.
    """
    found: set[str] = set()
    for text in files.values():
        for document in _DOCUMENT.split(text):
            found |= _of_document(document)
    return tuple(sorted(found - BUILT_IN))


def _of_document(document: str) -> set[str]:
    start = _METADATA.search(document)
    if start is None:
        return set()
    rest = document[start.end() :]
    end = re.search(r"^\S", rest, re.MULTILINE)
    match = _NAMESPACE.search(rest[: end.start()] if end else rest)
    return {match.group(1)} if match else set()
