"""Who is asking: an API token, a session cookie, or a one-time code. An unknown credential says nothing else."""

import hmac
from dataclasses import replace
from datetime import timedelta

from chalicelib.core.actors import Actor, Caller, Permission, Scope, permissions_of
from chalicelib.core.errors import NotSignedIn, StaleRecord
from chalicelib.core.organizations import (
    CodePurpose,
    OneTimeCode,
    Session,
    Token,
    hash_secret,
    read_token,
)
from chalicelib.core.records import code_key, session_key, token_key
from chalicelib.ports.records import Create, Records, Remove, Replace
from chalicelib.ports.stores import Chance, Clock

USE_SHOWN_EVERY = timedelta(hours=1)
SEEN_EVERY = timedelta(minutes=5)
NOT_SIGNED_IN = "sign in: this needs an API token (Authorization: Bearer gim_…) or a session"


def caller_by_token(text: str, records: Records, clock: Clock) -> Caller:
    """The caller of an API token.

    Raises:
        NotSignedIn: alike for malformed, unknown and wrong ones; who holds an expired one is told so.
    """
    presented = read_token(text)
    token = records.get(Token, token_key(presented.id)) if presented else None
    if presented is None or token is None or not hmac.compare_digest(token.secret_hash, presented.secret_hash):
        raise NotSignedIn(NOT_SIGNED_IN)
    now = clock()
    if token.expires_at <= now:
        raise NotSignedIn(f"token {token.name!r} expired at {token.expires_at:%Y-%m-%d %H:%M} UTC: make a new one")
    if token.last_used_at is None or now - token.last_used_at > USE_SHOWN_EVERY:
        _note(records, replace(token, last_used_at=now, version=token.version + 1))
    actor = Actor("token", token.id, token.name)
    return Caller(token.organization_id, actor, permissions_of(token.scopes), token.environments)


def caller_by_session(session_id: str, records: Records, clock: Clock) -> Caller:
    """The caller of a session cookie. Raises `NotSignedIn`."""
    session = records.get(Session, session_key(hash_secret(session_id)))
    now = clock()
    if session is None or session.is_over(now):
        raise NotSignedIn(NOT_SIGNED_IN)
    if now - session.seen_at > SEEN_EVERY:
        _note(records, replace(session, seen_at=now, version=session.version + 1))
    permissions = permissions_of(session.scopes)
    return Caller(session.organization_id, session.actor, permissions, session_id=session.id_hash)


def sign_in(code: str, records: Records, clock: Clock, chance: Chance) -> str:
    """Trade a one-time sign-in code for a session; the answer is the cookie's value.

    Raises:
        NotSignedIn: the code is unknown, used, or too old.
    """
    row = records.get(OneTimeCode, code_key(hash_secret(code)))
    now = clock()
    if row is None or row.purpose is not CodePurpose.SIGN_IN or row.expires_at <= now:
        raise NotSignedIn("this sign-in link was used already or is too old: ask for a new one")
    session_id = chance.secret()
    session = Session(
        hash_secret(session_id), row.organization_id, row.actor, (Scope.ADMIN,), created_at=now, seen_at=now
    )
    used = replace(row, expires_at=now, version=row.version + 1)
    try:
        records.write(Replace(used), Create(session))
    except StaleRecord as error:
        raise NotSignedIn("this sign-in link was used already or is too old: ask for a new one") from error
    return session_id


def sign_out(caller: Caller, records: Records) -> None:
    """End the caller's session; a token has none."""
    if caller.session_id:
        records.write(Remove(session_key(caller.session_id)))


def permission_words(caller: Caller) -> list[str]:
    """The caller's permissions, sorted, as `/v1/me` answers them."""
    hidden = {Permission.ANYONE, Permission.SIGNATURE, Permission.CODE}
    return sorted(permission.value for permission in caller.permissions - hidden)


def _note(records: Records, row: Token | Session) -> None:
    """Remember a use; losing that race loses nothing."""
    try:
        records.write(Replace(row))
    except StaleRecord:
        return
