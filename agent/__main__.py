"""`python -m agent`: settings from the process environment, signals, exit status. See `agent/README.md`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from agent.kubernetes_api import Cluster, connect
from agent.log import log
from agent.runner import Agent
from agent.settings import Misconfigured, Settings, read_settings


def main() -> int:
    """Run until SIGTERM or SIGINT; 2 when the configuration can't be used."""
    try:
        settings = read_settings(os.environ)
        settings.read_key()
        cluster = connect(settings.kubeconfig)
    except (Misconfigured, OSError) as error:
        log("error", "misconfigured", reason=str(error))
        return 2
    asyncio.run(run(settings, cluster))
    log("info", "stopped")
    return 0


async def run(settings: Settings, cluster: Cluster) -> None:
    """The agent between its signals."""
    agent = Agent(settings, cluster)
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, agent.stop)
    log("info", "started")
    await agent.run()


if __name__ == "__main__":
    sys.exit(main())
