"""The first organisation of an installation, and the codes that let its first person in."""

from dataclasses import replace
from datetime import timedelta

from chalicelib.core.actors import Actor, Scope
from chalicelib.core.errors import DuplicateRecord
from chalicelib.core.organizations import (
    CODE_LIFE,
    CodePurpose,
    OneTimeCode,
    Organization,
    Token,
    hash_secret,
    read_token,
)
from chalicelib.core.records import sweep_key, token_key
from chalicelib.ports.records import Create, Put, Records, Remove
from chalicelib.ports.stores import Chance, Clock

LOCAL_TOKEN_LIFE = timedelta(days=366)


def make_organization(organization_id: str, name: str, records: Records) -> Organization:
    """The organisation, made once."""
    organization = Organization(organization_id, name)
    try:
        records.write(Create(organization))
    except DuplicateRecord:
        return organization
    return organization


def keep_token(organization_id: str, text: str, records: Records, clock: Clock, *, scopes: tuple[Scope, ...]) -> bool:
    """Make the token with exactly this text valid; false when the text is no token."""
    presented = read_token(text)
    if presented is None:
        return False
    now = clock()
    token = Token(presented.id, organization_id, "local", presented.secret_hash, scopes, now, now + LOCAL_TOKEN_LIFE)
    stored = records.get(Token, token_key(token.id))
    records.write(Put(replace(token, version=stored.version + 1 if stored else 1)))
    return True


def make_sign_in_code(organization_id: str, person: Actor, records: Records, clock: Clock, chance: Chance) -> str:
    """A code that signs `person` in once, as an admin."""
    code = chance.secret()
    row = OneTimeCode(hash_secret(code), organization_id, CodePurpose.SIGN_IN, person, clock() + CODE_LIFE)
    records.write(Create(row))
    return code


def note_gap(records: Records) -> None:
    """Forget when the last sweep ran: the next one compares every repository with its host."""
    records.write(Remove(sweep_key()))
