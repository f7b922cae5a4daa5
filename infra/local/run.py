"""`make run`: the whole system with its demo on this machine, from one command to Ctrl-C.

It reads PORT, STATE_DIR, FRESH, CLUSTER and GIMLET_LOCAL_TOKEN, binds to loopback only, and stops all it started.
What has to be installed is `infra.setup`'s business and is done before.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.agents import start_agent
from infra.local.bootstrap import Outcome, Wish, bootstrap
from infra.local.clusters import DemoHome, RealCluster, StandIn
from infra.local.git_push import RefChange
from infra.local.saves import Saves, StateInUse
from infra.local.seed import GITOPS, SHOP, Api, Incomplete, Memory, Seed
from infra.local.shop import ENVIRONMENTS
from infra.local.system import AWS_FOLDER, SITE_FOLDER, LocalSystem
from infra.local.webhooks import WebhookSender

DEFAULT_PORT = 8000
PORTS_TRIED = 100
WAKE_SECONDS = 0.25
FIRST_RELEASE_SECONDS = 15.0  # so long the first start waits for something to show; it goes on by itself
MARK = "gimlet-state"  # a folder without this file is not ours to empty


class Refused(Exception):
    """What was asked for can't be done; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the environment asks for."""

    port: int
    state_dir: Path
    fresh: bool
    cluster: str
    token: str

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Options:
        """Raises `Refused` for what can't be meant."""
        port, cluster = environ.get("PORT") or str(DEFAULT_PORT), environ.get("CLUSTER", "")
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise Refused(f"PORT must be a port number, not {port[:20]!r}")
        if cluster not in ("", "demo", "real"):
            raise Refused(f"CLUSTER must be demo or real, not {cluster[:20]!r}")
        state_dir = Path(environ.get("STATE_DIR") or ".local").resolve()
        token = environ.get("GIMLET_LOCAL_TOKEN", "")
        return cls(int(port), state_dir, environ.get("FRESH", "") not in ("", "0"), cluster, token)


class LocalDemo:
    """Everything that `make run` runs; usable in `with`. Attributes after `start`: `system`, `outcome`."""

    def __init__(self, options: Options, say: Callable[[str], None] = print) -> None:
        self._options, self._say = options, say
        self._running = contextlib.ExitStack()
        self._home: DemoHome
        self._seed: Seed

    def start(self) -> LocalDemo:
        """Start all parts and seed the demo.

        Raises:
            Refused: the state folder is not ours to use, or no port is free.
            StateInUse: another system runs on it.
            Incomplete: the state is of two times.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        self._running.close()

    def __enter__(self) -> LocalDemo:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def sign_in_link(self) -> str:
        return f"{self.system.url}/#code={self.outcome.code}"

    def _start(self) -> None:
        folder = self._options.state_dir
        self._memory = Memory(folder / "demo.json")
        home = RealCluster if self._options.cluster == "real" else StandIn
        self._home = home(folder / "cluster")
        self._webhooks = WebhookSender()
        self.system = self._make_system()
        self._seed = Seed(self.system.git, self.system.url, self._memory)
        self._running.callback(self.system.stop)
        self._say("starting AWS, Git and the functions")
        self.system.start()
        self._running.callback(self._webhooks.start().stop)
        self._say(f"starting the cluster ({self._home.notice})")
        self._home.start(self.system.git_url(GITOPS), ENVIRONMENTS)
        self._running.callback(self._home.stop)
        self._say("seeding the demo")
        self._seed.prepare()
        api = Api(self.system.url, self.outcome.token)
        self._seed.seed(api)
        self._start_agents()
        if self._seed.push_first():
            self._seed.wait_until_known(api, FIRST_RELEASE_SECONDS)

    def _make_system(self) -> LocalSystem:
        port = free_port(self._options.port)
        if port != self._options.port:
            self._say(f"port {self._options.port} is taken: using {port}")
        return LocalSystem(
            self._options.state_dir,
            functions="inline",
            port=port,
            settings={"NOTICE": self._home.notice},
            on_push=self._pushed,
            prepare=self._bootstrap,
        )

    def _bootstrap(self, system: LocalSystem) -> None:
        """Before anything is served: the organisation, the token, and where repositories are now."""
        token = self._options.token or self._memory.get("token")
        wish = Wish(token=token, moved_from=self._memory.get("origin"), moved_to=system.url)
        try:
            self.outcome: Outcome = bootstrap(wish)
        except ValueError as error:
            raise Refused(f"GIMLET_LOCAL_TOKEN can't be used: {error}") from error
        self._memory.keep(token=self.outcome.token, origin=system.url)

    def _start_agents(self) -> None:
        agents = []
        for name in ENVIRONMENTS:
            log = self._options.state_dir / "log" / f"agent-{name}.log"
            agent = start_agent(self.system.url, self._seed.agent_key(name), self._home.kubeconfig(name), log)
            self._running.callback(agent.stop)
            agents.append(agent)
        for agent in agents:
            self._running.callback(agent.let_go)  # all first, then wait for each

    def _pushed(self, repository: str, changes: list[RefChange]) -> None:
        """The git host's hook: runs in the thread of the push, so it only hands over."""
        hook = self._seed.hook()
        if repository == GITOPS:
            self._home.pushed()
        elif repository == SHOP and hook is not None:
            for change in changes:
                self._webhooks.post(hook, self._seed.hosted(), change)


def own_folder(folder: Path, *, fresh: bool) -> None:
    """Make `folder` ours; with `fresh`, empty it first.

    Raises:
        Refused: it holds something that is not ours.
        StateInUse: it is to be emptied, and another system runs on it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / MARK).is_file():
        raise Refused(f"{folder} holds something else: name another folder by STATE_DIR")
    if fresh:
        saves = Saves(folder / AWS_FOLDER)
        saves.lock()
        try:
            _empty(folder)
        finally:
            saves.unlock()
    (folder / MARK).touch()


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def free_port(wanted: int) -> int:
    """The first port from `wanted` on that nobody listens at.

    Raises:
        Refused: there is none.
    """
    for port in range(wanted, min(wanted + PORTS_TRIED, 65536)):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise Refused(f"no port from {wanted} to {wanted + PORTS_TRIED - 1} is free: name another by PORT")


def summary(demo: LocalDemo) -> str:
    """What a person needs next."""
    return f"""
  Sign in   {demo.sign_in_link}
  Clone     git clone {demo.system.git_url(SHOP)}
  API       curl -H 'Authorization: Bearer {demo.outcome.token}' {demo.system.url}/v1/me

  State and logs are in {demo.system.state_dir}. Ctrl-C stops everything.
"""


def main() -> int:
    """Run until SIGINT or SIGTERM; 2 when it can't be started."""
    started_at = time.monotonic()
    terminal = sys.stdout

    def say(text: str) -> None:
        with contextlib.suppress(OSError):  # a closed terminal must not keep us from stopping in order
            print(text, file=terminal, flush=True)

    try:
        options = Options.read(os.environ)
        own_folder(options.state_dir, fresh=options.fresh)
        if not (SITE_FOLDER / "index.html").is_file():
            say("The page is not built: only the API is served. Build it with: make build")
        with (
            log_to(options.state_dir / "log" / "gimlet.log"),
            LocalDemo(options, lambda step: say(f"- {step}")) as demo,
        ):
            asked_to_stop = listen_for_signals()
            say(f"Ready after {time.monotonic() - started_at:.1f} s.\n{summary(demo)}")
            while not asked_to_stop.wait(WAKE_SECONDS):
                pass  # the kernel may give the signal to any thread; Python runs its handler only when this one wakes
            say("Stopping ...")
    except (Refused, StateInUse, Incomplete) as refused:
        print(f"make run: {refused}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


@contextlib.contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Everything that is printed or logged meanwhile goes to `path`: the terminal is for people."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a", buffering=1)  # closed by the end of the process: handlers may still write when we stop
    handler = logging.StreamHandler(file)
    logging.getLogger().addHandler(handler)
    with contextlib.redirect_stdout(file):
        yield


def listen_for_signals() -> threading.Event:
    """An event that is set when we are told to stop; the signal after that ends the process at once."""
    asked_to_stop = threading.Event()

    def stop(number: int, _: object) -> None:
        asked_to_stop.set()
        signal.signal(number, signal.SIG_DFL)

    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, stop)
    return asked_to_stop
