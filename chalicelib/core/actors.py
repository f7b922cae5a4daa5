"""Who does things, what they may do, and how a credential's scopes turn into permissions."""

from dataclasses import dataclass
from enum import StrEnum


class Permission(StrEnum):
    """What a route or a WebSocket action needs. `anyone` and `signature` are for routes that prove it otherwise."""

    ANYONE = "anyone"  # nothing secret is answered
    SIGNATURE = "signature"  # the body's HMAC is the proof
    CODE = "code"  # a one-time code in a header is the proof
    READ = "read"
    SHIP = "ship"
    DEPLOY = "deploy"
    HOLD = "hold"
    ADMIN = "admin"


class Scope(StrEnum):
    """What a token was made for."""

    READ = "read"
    SHIP = "ship"
    DEPLOY = "deploy"
    ADMIN = "admin"


_GRANTS: dict[Scope, frozenset[Permission]] = {
    Scope.READ: frozenset({Permission.READ}),
    Scope.SHIP: frozenset({Permission.READ, Permission.SHIP}),
    Scope.DEPLOY: frozenset({Permission.READ, Permission.SHIP, Permission.DEPLOY, Permission.HOLD}),
    Scope.ADMIN: frozenset(
        {Permission.READ, Permission.SHIP, Permission.DEPLOY, Permission.HOLD, Permission.ADMIN},
    ),
}


def permissions_of(scopes: tuple[Scope, ...]) -> frozenset[Permission]:
    """All permissions that the scopes grant together."""
    return frozenset().union(*(_GRANTS[scope] for scope in scopes))


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a person, a token, a policy, the system itself."""

    kind: str  # person, token, policy, system
    id: str
    name: str
    groups: tuple[str, ...] = ()


POLICY = Actor("policy", "policy", "policy")
SYSTEM = Actor("system", "gimlet", "Gimlet")


@dataclass(frozen=True, slots=True)
class Caller:
    """An actor at the door: in which organisation, with which permissions, in which environments (empty: all)."""

    organization_id: str
    actor: Actor
    permissions: frozenset[Permission]
    environments: tuple[str, ...] = ()
    session_id: str = ""

    def may(self, permission: Permission, environment: str = "") -> bool:
        """Whether the caller may; `environment` is a name and matters only for callers bound to some."""
        return permission in self.permissions and (not environment or self.sees(environment))

    def sees(self, environment: str) -> bool:
        """Whether things of the environment of this name exist for the caller."""
        return not self.environments or environment in self.environments
