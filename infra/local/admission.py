"""Lets the first people into a local system: its organisation, an API token, one-time sign-in codes.

Uses the product's own records adapter, so that what stands in the table is what the product writes.
"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.adapters.dynamodb import Table
from chalicelib.adapters.records_table import RecordsTable
from chalicelib.adapters.sources import SystemChance, now_us, utc_now
from chalicelib.core.actors import Actor, Scope
from chalicelib.usecases import bootstrap
from infra.local.resources import client
from infra.local.system import LocalSystem

PERSON = Actor("person", "local", "you")


@dataclass(frozen=True, slots=True)
class Admission:
    """The door of a running system, for one organisation."""

    system: LocalSystem
    organization_id: str

    def open(self, name: str, token: str) -> None:
        """Make the organisation and let `token` in as an admin. Repeatable.

        Raises:
            ValueError: the text is no token.
        """
        bootstrap.make_organization(self.organization_id, name, self._records())
        if not bootstrap.keep_token(self.organization_id, token, self._records(), utc_now, scopes=(Scope.ADMIN,)):
            raise ValueError("a token reads gim_<16 of a-z0-9>_<32 to 64 of A-Za-z0-9_->")

    def sign_in_code(self) -> str:
        """A code that signs one person in, once."""
        records = self._records()
        return bootstrap.make_sign_in_code(self.organization_id, PERSON, records, utc_now, SystemChance())

    def note_gap(self) -> None:
        """Make the next sweep compare every repository with its host."""
        bootstrap.note_gap(self._records())

    def _records(self) -> RecordsTable:
        dynamodb = client("dynamodb", self.system.aws_endpoint)
        settings = self.system.settings
        tables = [Table(settings[name], dynamodb) for name in ("RECORDS_TABLE", "DOCUMENTS_TABLE")]
        return RecordsTable(tables[0], tables[1], now_us)


def new_token() -> str:
    """The text of a token that nobody can guess."""
    from chalicelib.core.organizations import token_text

    chance = SystemChance()
    return token_text(chance.id(), chance.secret())
