"""API tokens: made by an admin, shown once, kept hashed, expiring, revocable."""

from datetime import timedelta

from chalicelib.core.actors import Caller, Scope
from chalicelib.core.errors import NotFound, Rejected
from chalicelib.core.organizations import TOKEN_LIFE, Token, hash_secret, token_text
from chalicelib.core.records import token_key, tokens_pk
from chalicelib.ports.records import Create, Page, Records, Remove
from chalicelib.ports.stores import Chance, Clock

MAX_LIFE = timedelta(days=366)
NAME_LIMIT = 100


def make_token(
    caller: Caller,
    name: str,
    scopes: tuple[Scope, ...],
    records: Records,
    clock: Clock,
    chance: Chance,
    *,
    days: int | None = None,
    environments: tuple[str, ...] = (),
) -> tuple[Token, str]:
    """A new token and its text, which is shown now and never again."""
    life = TOKEN_LIFE if days is None else timedelta(days=days)
    if not name.strip() or len(name) > NAME_LIMIT:
        raise Rejected(f"a token needs a name of at most {NAME_LIMIT} characters")
    if not scopes:
        raise Rejected(f"a token needs a scope: {', '.join(scope.value for scope in Scope)}")
    if not timedelta(0) < life <= MAX_LIFE:
        raise Rejected(f"a token lives 1 to {MAX_LIFE.days} days")
    secret = chance.secret()
    now = clock()
    token = Token(chance.id(), caller.organization_id, name, hash_secret(secret), scopes, now, now + life, environments)
    records.write(Create(token))
    return token, token_text(token.id, secret)


def list_tokens(caller: Caller, cursor: str, limit: int, records: Records) -> Page[Token]:
    """The organisation's tokens, without their secrets."""
    return records.list_index(Token, "index1", tokens_pk(caller.organization_id), cursor=cursor, limit=limit)


def revoke_token(caller: Caller, token_id: str, records: Records) -> None:
    """Make a token worthless from now on. Raises `NotFound`."""
    token = records.get(Token, token_key(token_id))
    if token is None or token.organization_id != caller.organization_id:
        raise NotFound(f"there is no token {token_id!r}")
    records.write(Remove(token_key(token_id)))
