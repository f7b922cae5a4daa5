"""The session's source of documents: inventory and documents as one."""

from __future__ import annotations

from collections.abc import Mapping

from agent.documents import Body, Documents
from agent.inventory import Inventory


class LiveSource:
    """See `session.Source`."""

    def __init__(self, inventory: Inventory, documents: Documents) -> None:
        self._inventory = inventory
        self._documents = documents

    @property
    def complete(self) -> bool:
        """True once every kind was seen, or found missing."""
        return self._inventory.complete

    def set_scope(self, environment: str, adopted: Mapping[str, str]) -> None:
        """Whose agent this is."""
        self._inventory.set_scope(environment, adopted)

    def keys(self) -> list[str]:
        """Keys of all documents that exist."""
        return self._inventory.all_keys()

    def take_touched(self) -> list[str]:
        """Keys touched since last asked."""
        return self._inventory.take_touched()

    def build(self, key: str) -> Body | None:
        """The document as it is now."""
        return self._documents.build(key)
