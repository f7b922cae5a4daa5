"""Runs several handlers step by step, in an order that a test chooses: each call of the store is one step."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from threading import Semaphore, Thread, local
from typing import Any

STEPS = ("store", "get", "floor", "raise_floor", "versions", "forget", "agent_side", "write_agent_side")


class Turns:
    """Hands the turn from worker to worker; exactly one runs at a time."""

    def __init__(self) -> None:
        self._mine = local()
        self._reached = Semaphore(0)

    def wait(self) -> None:
        """Called by a worker before a step: give the turn back, go on when it comes again."""
        turn: Semaphore | None = getattr(self._mine, "turn", None)
        if turn is not None:
            self._reached.release()
            turn.acquire()

    def run(self, works: Sequence[Callable[[], Any]], chance: random.Random) -> None:
        """Run all to their end; `chance` picks, step by step, among those that are not done."""
        failures: list[BaseException] = []
        running: list[tuple[Thread, Semaphore, list[bool]]] = []
        for work in works:
            turn, done = Semaphore(0), [False]
            thread = Thread(target=self._work, args=(work, turn, done, failures), daemon=True)
            thread.start()
            running.append((thread, turn, done))
        while running:
            pick = chance.randrange(len(running))
            thread, turn, done = running[pick]
            turn.release()
            assert self._reached.acquire(timeout=10)
            if done[0]:
                thread.join(10)
                running.pop(pick)
        if failures:
            raise failures[0]

    def _work(self, work: Callable[[], Any], turn: Semaphore, done: list[bool], failures: list[BaseException]) -> None:
        self._mine.turn = turn
        turn.acquire()
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # raised again by `run`, in the test's own thread
            failures.append(error)
        finally:
            done[0] = True
            self._reached.release()


class Stepwise:
    """A store whose every call waits for its turn first."""

    def __init__(self, store: Any, turns: Turns) -> None:
        self._store = store
        self._turns = turns

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        if name not in STEPS:
            return call

        def step(*args: Any, **kwargs: Any) -> Any:
            self._turns.wait()
            return call(*args, **kwargs)

        return step
