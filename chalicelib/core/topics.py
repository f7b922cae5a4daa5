"""Addresses of live documents: a topic of one organisation, and what is held of its keys."""

from dataclasses import dataclass

APPS = "apps"
RELEASES = "releases"
ENVIRONMENTS = "environments"
PROJECTED = frozenset({RELEASES, ENVIRONMENTS})  # topics whose documents are records


@dataclass(frozen=True, slots=True)
class TopicAddress:
    """A topic of one organisation."""

    organization: str
    topic: str


def environment_topic(organization: str, environment_id: str) -> TopicAddress:
    """Where the documents of an environment's agent are."""
    return TopicAddress(organization, f"env:{environment_id}")


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """What is held of a key, without its body; `gone` for a tombstone."""

    key: str
    seq: int
    gone: bool = False


@dataclass(frozen=True, slots=True)
class CardAddress:
    """One cell of the apps page. `environment` is the name."""

    organization: str
    app: str
    environment_id: str
    environment: str
