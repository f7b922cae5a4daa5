"""Addresses of live documents: a topic of one organisation, and what is held of its keys."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

APPS = "apps"
RELEASES = "releases"
ENVIRONMENTS = "environments"
PROJECTED = frozenset({RELEASES, ENVIRONMENTS})  # topics whose documents are records


_TOPIC = re.compile(r"apps|releases|environments|env:[A-Za-z0-9_-]{1,64}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_topic(topic: str) -> bool:
    """True for names of topics that there are; whether anything is in it is the store's to say."""
    return _TOPIC.fullmatch(topic) is not None


def microseconds(at: datetime) -> int:
    """Whole microseconds since 1970, as `changed_at` and sequence numbers count."""
    return (at - _EPOCH) // timedelta(microseconds=1)


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
