"""Writes `tests/histories/folds.jsonl`: histories of live state with the end they must come to.

pytest (`chalicelib/core/documents.py`) and vitest (`frontend/src/live/reducer.ts`) read the same file, so that the two
folds are one. The expected end comes from the definition, not from either fold. A line:

    {"name", "steps": [{"observe": Document} | {"floor": seq}], "end": {"floor", "documents": {key: Document}}}

`end.documents` holds tombstones too (no `body`). Histories ending in a refresh also have `truth`: key → body of all
that lives. Same seed, same file: `--check` fails when it differs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "tests" / "histories" / "folds.jsonl"
SEED = 20_240_117
HISTORIES = 240
KEYS = ["app/shop", "app/blog", "pod/shop/team/shop-1", "pod/shop/team/shop-2", "cluster"]

Step = dict[str, Any]


def histories() -> list[dict[str, Any]]:
    """All lines of the file: corner cases by hand, then generated ones."""
    random = Random(SEED)  # noqa: S311 - reproducible histories, no secret
    generated = [history(random, number) for number in range(HISTORIES)]
    return [*(by_hand(name, steps) for name, steps in CORNERS.items()), *generated]


def history(random: Random, number: int) -> dict[str, Any]:
    """One agent's life, delivered badly: late, twice, in any order, partly lost; every other one is then refreshed."""
    life = agent_life(random)
    sent = [step for step in life if random.random() > 0.1]
    sent += [random.choice(life) for _ in range(random.randrange(4))]
    random.shuffle(sent)
    if number % 2:
        return {"name": f"life {number}", "steps": sent, "end": end_of(sent)}
    truth, refresh = refresh_of(random, life)
    steps = interleave(random, sent, refresh)
    return {"name": f"life {number}, refreshed", "steps": steps, "end": end_of(steps), "truth": truth}


def agent_life(random: Random) -> list[Step]:
    """What an agent would send when all went well: numbers rise, a key changes or dies."""
    seq = random.randrange(1, 50)
    steps: list[Step] = []
    for _ in range(random.randrange(1, 14)):
        seq += random.randrange(1, 4)
        steps.append(observe(random.choice(KEYS), seq, None if random.random() < 0.25 else {"n": seq}))
        if random.random() < 0.1:
            steps.append({"floor": seq - random.randrange(0, 5)})
    return steps


def refresh_of(random: Random, life: list[Step]) -> tuple[dict[str, Any], list[Step]]:
    """What lives at the end of a life, and the steps that say it again with new numbers, floor at the old ones."""
    last = max(step["observe"]["seq"] for step in life if "observe" in step)
    truth = {key: {"n": f"truth of {key}"} for key in KEYS if random.random() < 0.6}
    again = [observe(key, last + number, body) for number, (key, body) in enumerate(truth.items(), 1)]
    return truth, [*again, {"floor": last}]


def interleave(random: Random, some: list[Step], others: list[Step]) -> list[Step]:
    """All steps in any order, some of the second list twice."""
    steps = [*some, *others, *random.sample(others, random.randrange(len(others)))]
    random.shuffle(steps)
    return steps


def observe(key: str, seq: int, body: dict[str, Any] | None) -> Step:
    """A document on the wire; a tombstone has no body."""
    return {"observe": {"key": key, "seq": seq} if body is None else {"key": key, "seq": seq, "body": body}}


def end_of(steps: list[Step]) -> dict[str, Any]:
    """By definition: the highest floor; of each key the highest number, when it is above that floor."""
    floor = max((step["floor"] for step in steps if "floor" in step), default=0)
    docs = [step["observe"] for step in steps if "observe" in step]
    newest = {key: max((doc for doc in docs if doc["key"] == key), key=seq_of) for key in {doc["key"] for doc in docs}}
    return {"floor": floor, "documents": {key: newest[key] for key in sorted(newest) if seq_of(newest[key]) > floor}}


def seq_of(doc: dict[str, Any]) -> int:
    """The number of a document."""
    return int(doc["seq"])


def by_hand(name: str, steps: list[Step]) -> dict[str, Any]:
    """A named corner case with the end that the definition gives it."""
    return {"name": name, "steps": steps, "end": end_of(steps)}


LARGEST = 2**53 - 1
CORNERS: dict[str, list[Step]] = {
    "nothing happened": [],
    "an older version comes late": [observe("app/shop", 2, {"n": 2}), observe("app/shop", 1, {"n": 1})],
    "the same version comes twice": [observe("app/shop", 2, {"n": 2}), observe("app/shop", 2, {"n": 2})],
    "a tombstone is kept, so that a late version stays dead": [
        observe("app/shop", 2, None),
        observe("app/shop", 1, {"n": 1}),
    ],
    "a key lives again after its tombstone": [observe("app/shop", 2, None), observe("app/shop", 3, {"n": 3})],
    "a floor forgets its own number": [observe("app/shop", 2, {"n": 2}), {"floor": 2}],
    "a floor comes before what it forgets": [{"floor": 2}, observe("app/shop", 2, {"n": 2})],
    "a lower floor changes nothing": [{"floor": 5}, observe("app/shop", 6, {"n": 6}), {"floor": 3}],
    "a floor forgets tombstones too": [observe("app/shop", 2, None), {"floor": 3}],
    "numbers go as far as a browser counts": [
        observe("app/shop", LARGEST, {"n": 1}),
        observe("app/blog", LARGEST - 1, {"n": 2}),
        {"floor": LARGEST - 1},
    ],
    "keys with odd names are keys": [observe("constructor", 1, {"n": 1}), observe("__proto__", 2, {"n": 2})],
}


def main(arguments: list[str]) -> int:
    """Write the file, or with `--check` say whether it is up to date; the exit status."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in histories())
    if "--check" in arguments:
        if TARGET.exists() and TARGET.read_text() == text:
            return 0
        sys.stderr.write("tests/histories/folds.jsonl is stale: run python -m infra.generate_fold_histories\n")
        return 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
