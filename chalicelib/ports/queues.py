"""Queues between functions, and the one synchronous call."""

from typing import Any, Protocol


class Queues(Protocol):
    """Messages are JSON objects of at most 64 KB; large things go by reference."""

    def send_intake(self, message: dict[str, Any], *, delay_seconds: int = 0) -> None:
        """Hand something to `intake`. Raises `QueueUnavailable`."""
        ...

    def send_render(self, message: dict[str, Any]) -> None:
        """Ask for a release to be rendered. Raises `QueueUnavailable`."""
        ...

    def ring_train(self, organization_id: str, gitops_repository_id: str, *, number: bool = False) -> None:
        """Wake the train of a repository: one group a repository, a new deduplication id each ring.

        `number`: number the branch's commits even when nothing waits.
        """
        ...

    def postpone_train(self, receipt: str, seconds: int) -> None:
        """Make the doorbell in hand visible again after `seconds`."""
        ...


class RenderCall(Protocol):
    """What the API asks of the image function, and waits for."""

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer of `render`; raises `Unavailable` after 25 s."""
        ...
