"""The card of an app in an environment: two sides, each written by its own source, shown as one body of ≤ 600 bytes.

The release side comes with a release's transitions, the agent side with the app document. Each side has its own
number; a write is refused unless its number is higher. No side ever reads the other.
"""

import msgspec

from chalicelib.wire import bodies

MAX_REASON_LENGTH = 120
MAX_MESSAGE_LENGTH = 80
MAX_REPOSITORY_LENGTH = 200
MAX_COMMIT_LENGTH = 64


class AgentSide(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the agent sees of the app. The repository is shown only while no release names one."""

    live: bodies.LiveSummary
    health: bodies.Health
    repository: str = ""


def agent_side(app: bodies.App, health: bodies.Health) -> AgentSide:
    """The agent side of an app document and its health."""
    live = bodies.LiveSummary(
        wanted=sum(workload.wanted for workload in app.workloads),
        ready=sum(workload.ready for workload in app.workloads),
        commit=app.commit[:MAX_COMMIT_LENGTH],
    )
    shown = msgspec.structs.replace(
        health, reason=health.reason[:MAX_REASON_LENGTH], object=health.object[:MAX_REASON_LENGTH]
    )
    return AgentSide(live=live, health=shown, repository=app.repository[:MAX_REPOSITORY_LENGTH])


def release_side(card: bodies.Card) -> bodies.Card:
    """The release side of a card alone, its texts cut to what a card may hold."""
    desired, under_way, hold = card.desired, card.under_way, card.hold
    if desired is not None:
        desired = msgspec.structs.replace(desired, message=desired.message[:MAX_MESSAGE_LENGTH])
    if under_way is not None:
        under_way = msgspec.structs.replace(under_way, reason=under_way.reason[:MAX_REASON_LENGTH])
    if hold is not None:
        hold = msgspec.structs.replace(hold, why=hold.why[:MAX_MESSAGE_LENGTH])
    return msgspec.structs.replace(card, desired=desired, under_way=under_way, hold=hold, live=None, health=None)


def merge_sides(release: bodies.Card, agent: AgentSide | None) -> bodies.Card | None:
    """The card of both sides; none when neither has anything to show. `release` at least names the cell."""
    if agent is None:
        is_empty = release.desired is None and release.under_way is None and release.hold is None
        return None if is_empty else release
    return msgspec.structs.replace(
        release, repository=release.repository or agent.repository, live=agent.live, health=agent.health
    )
