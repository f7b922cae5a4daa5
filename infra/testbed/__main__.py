"""A cluster at the command line: `python -m infra.testbed --state DIR`, until Ctrl-C."""

import argparse
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from infra.testbed.cluster import Cluster, PartsMissing
from infra.testbed.processes import NotReady


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a cluster until Ctrl-C or SIGTERM; it prints where its kubeconfig is when it is ready."""
    parser = argparse.ArgumentParser(prog="python -m infra.testbed", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder for everything that the cluster keeps")
    parser.add_argument("--events", metavar="URL", help="where Flux posts its events; forgotten when left out")
    parser.add_argument("--no-flux", action="store_true", help="leave Flux out")
    parser.add_argument("--notifications", action="store_true", help="run Flux' notification-controller too")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    started = time.monotonic()
    cluster = Cluster(options.state, events_address=options.events)
    try:
        cluster.up(flux=not options.no_flux, notifications=options.notifications)
        print(f"ready after {time.monotonic() - started:.1f} s; export KUBECONFIG={cluster.kubeconfig}", flush=True)
        stop.wait()
    except (PartsMissing, NotReady) as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1
    finally:
        cluster.down()
    return 0


if __name__ == "__main__":
    sys.exit(main())
