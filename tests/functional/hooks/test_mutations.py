"""Real payloads, broken in every way and signed correctly: refused or taken, never a crash, and nothing is left over.

1,000 mutations; GIMLET_MUTATIONS sets another number (10,000 in the soak run).
"""

from __future__ import annotations

import json
import os
import random
from contextlib import suppress
from typing import Any

from chalicelib.core.errors import Rejected
from chalicelib.core.repositories import Host, Repository, Use
from chalicelib.usecases.intake import take_in
from chalicelib.usecases.receive_webhook import Arrival, receive_webhook
from tests.functional.road.town import Town, manifest
from tests.recorded_deliveries import Recorded, gitea, github, gitlab, plain, signed

MUTATIONS = int(os.environ.get("GIMLET_MUTATIONS", "1000"))
FILE = ".gimlet/staging.yaml"
STEPS = ("remove", "retype", "huge", "nested", "hostile", "swap")
HOSTILE = (
    "", "\x00", "../../etc/passwd", "refs/heads/*", "--upload-pack=/bin/sh", "refs/heads/main\nx", "{{ .SHA }}",
    "$(id)", "'; DROP TABLE", "\u202e", "\U0001f600" * 200, "refs/heads/" + "a" * 399, "0" * 40, "f" * 64, "#",
    "refs/tags/-x", "refs/heads/main", "refs/heads/feature", "refs/pull/1/head", "main", "\ud800",
)  # fmt: skip
VALUES: tuple[Any, ...] = (None, True, 0, -1, 2**70, 1e300, [], {}, [[]], {"a": {}}, "x", ["x"] * 500)


def test_no_signed_mutation_of_a_real_payload_breaks_anything_or_stops_the_next_push() -> None:
    chance = random.Random(2026)
    town = Town()
    town.environment("staging")
    shops = {host: town.repository(f"acme/{host}", Use.APPLICATION, host) for host in Host}
    for host, shop in shops.items():
        files: dict[str, str | None] = {FILE: manifest(f"shop-{host}")}
        town.push(shop, files)
        town.commit(shop, {"x": "1"}, "refs/heads/feature")
    known = {Host.GITEA: gitea(), Host.GITLAB: gitlab(), Host.GIT: plain(), Host.GITHUB: github()}
    deliveries = {host: found for host, found in known.items() if found}
    outcomes: dict[str, int] = {}

    for number in range(MUTATIONS):
        recorded = chance.choice(deliveries[chance.choice(list(deliveries))])
        told = deliver(mutated(recorded, chance), shops[recorded.host], town, number)
        outcomes[told] = outcomes.get(told, 0) + 1
        work_off(town)

    assert not any([town.queues.intake, town.queues.render, town.queues.rings])
    assert sum(outcomes.values()) == MUTATIONS
    assert {"accepted", "ignored", "refused"} <= outcomes.keys() <= {"accepted", "ignored", "refused", "pong"}
    for host, shop in shops.items():
        push = town.push(shop, {"y": "1"})
        assert push.after in (town.file(f"staging/shop-{host}/manifest.yaml") or "")


def deliver(recorded: Recorded, shop: Repository, town: Town, number: int) -> str:
    """Post it, correctly signed, as a delivery of its own."""
    ids = dict.fromkeys(("x-github-delivery", "x-gitea-delivery", "idempotency-key"), f"d{number}")
    secret = town.secrets.kept[f"hooks/{shop.hook_id}"]
    headers = signed(recorded.host, {**recorded.headers, **ids}, recorded.body, secret)
    arrival = Arrival(recorded.host.value, shop.hook_id, headers, recorded.body)
    try:
        return receive_webhook(arrival, town.records, town.secrets, town.queues, town.clock).outcome
    except Rejected as error:
        return "refused" if 0 < len(error.message) <= 300 else "refused without a sentence"


def work_off(town: Town) -> None:
    """What the workers do: what is refused is acknowledged; anything else would come again, and fails the test."""
    while town.queues.intake:
        message = town.queues.intake.pop(0)
        assert len(json.dumps(message)) < 64 * 1024
        with suppress(Rejected):
            take_in(message, town.intake)
    town.settle()


def mutated(recorded: Recorded, chance: random.Random) -> Recorded:
    """The delivery with one to three things wrong; rarely its bytes."""
    tree = json.loads(recorded.body)
    for _ in range(chance.randint(1, 3)):
        tree = changed(tree, chance)
    depth = chance.choice([10, 500, 100_000])
    body = json.dumps(tree).encode().replace(b'"@deep@"', b"[" * depth + b"]" * depth)
    if chance.random() < 0.05:
        cut = chance.randrange(len(body))
        body = body[:cut] + bytes([chance.randrange(256)]) + body[cut + 1 :]
    return Recorded(recorded.name, recorded.host, recorded.headers, body)


def changed(tree: Any, chance: random.Random) -> Any:
    places = list(walk(tree))
    if not places:
        return chance.choice(VALUES)
    near = [place for place in places if place[2] <= 3] or places  # what we read is never far from the root
    holder, key, _ = chance.choice(near)
    match chance.choice(STEPS):
        case "remove":
            del holder[key]
        case "retype":
            holder[key] = json.loads(json.dumps(chance.choice(VALUES)))
        case "huge":
            holder[key] = chance.choice(["a", "é", "/"]) * chance.choice([1000, 70_000])
        case "nested":
            holder[key] = "@deep@"
        case "hostile":
            holder[key] = chance.choice(HOSTILE)
        case "swap":
            other, name, _ = chance.choice(near)
            holder[key] = json.loads(json.dumps(other[name]))
    return tree


def walk(tree: Any, depth: int = 1) -> Any:
    """Every place in a tree: its holder, its key, and how deep it is."""
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree))) if isinstance(tree, list) else []
    for key in keys:
        yield tree, key, depth
        yield from walk(tree[key], depth + 1)
