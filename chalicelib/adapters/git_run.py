"""git as a child process: a fixed environment, a time limit, no prompts, and what the host's HTTP said.

Not GitPython: it hands the whole environment of a function, cloud credentials included, to git and to whatever git
starts, and it can't hold a lock open in its children. Nothing from this machine's or user's git settings is used. A
credential travels in git's environment as a header for its own host, never in an argument, a URL or a message.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from chalicelib.adapters.git_memory import Memories
from chalicelib.core.errors import Failure, NotFound, Rejected, ScmUnavailable

LOCAL_TIMEOUT_SECONDS = 30
SLOW_AFTER_SECONDS = 15  # a transfer below 1,000 bytes/s for so long is given up
MAX_WORDS = 500  # characters of the host's own words that go into a message
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# What git writes with GIT_TRACE_CURL: the status line and headers as they came. git has no exit codes for these, and
# its sentences about them change with version and language.
_STATUS = re.compile(rb"<= Recv header: HTTP/[0-9.]+ ([0-9]{3})")
_RETRY_AFTER = re.compile(rb"<= Recv header: retry-after: ([0-9]{1,5})\s*$", re.IGNORECASE | re.MULTILINE)
_WORDS = re.compile(rb"^remote: (.*)$", re.MULTILINE)
_COMPLAINT = re.compile(rb"^(error|fatal): ", re.MULTILINE)  # the prefixes of git's own report functions
_CONFIG = {
    "protocol.allow": "never",
    "protocol.https.allow": "always",
    "protocol.http.allow": "always",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": str(SLOW_AFTER_SECONDS),
    "credential.helper": "",
    "core.askPass": "",
    "core.hooksPath": os.devnull,
    "core.compression": "1",  # trees are mostly hashes, which no effort makes smaller
    "fastimport.unpackLimit": "1",  # keep its pack: writing each object again costs more than one pack
    "gc.auto": "0",
    "maintenance.auto": "false",
    "advice.detachedHead": "false",
}
# Only a fetch knows that the host keeps what is missing here ("promisor"). To all others a missing object is just
# missing: cat-file, and push when it looks for something to send differences to, would die of what they can't fetch.
_PROMISOR = {"remote.origin.promisor": "true", "remote.origin.partialCloneFilter": "tree:0"}
_TRACE = {"GIT_TRACE_CURL": "1", "GIT_TRACE_CURL_NO_DATA": "1"}
# `ulimit` counts files in blocks of 512 bytes and memory in KB (POSIX sh); git and all that it starts inherit them.
_CAPPED = ("sh", "-c", 'ulimit -f "$1" && ulimit -v "$2" && ulimit -t "$3" && shift 3 && exec git "$@"', "sh")


class BrokenClone(Exception):
    """git can't use the local clone (or what the host sent): it is thrown away and made again, once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, by what the function that asks has left, and how much a clone may gather."""

    remote_timeout_seconds: float = 40  # the train's function has 60 s
    lock_timeout_seconds: float = 45
    max_packs: int = 200  # each fetch and each build leaves one; looking objects up slows with their number
    max_loose_objects: int = 10_000


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Caps:
    """What git may take for a repository that a stranger chose: bytes of one file, of memory, seconds of processor."""

    file_bytes: int
    memory_bytes: int
    processor_seconds: int


@dataclass(frozen=True, slots=True)
class Finished:
    """How a git command ended. `statuses` are the HTTP statuses it met, in order; `words` what the host wrote.

    `has_complained`: it met an error on its way, whatever its code says (`merge-base` answers no when it can't read).
    """

    code: int
    stdout: bytes
    statuses: tuple[int, ...]
    words: str
    retry_after_seconds: int | None
    has_reached_out: bool
    has_complained: bool


@dataclass(slots=True)
class Git:
    """git in one bare repository with one remote, `origin`.

    `config` are settings for what talks to the host; `caps` hold for every command.
    """

    folder: Path
    url: str
    header: str | None = field(repr=False)
    lock: (
        int | None
    )  # an open file that git and its children keep open, so that nobody takes the lock before they ended
    limits: Limits
    memory: Memories = field(default_factory=Memories, repr=False)
    is_suspect: bool = False  # set: the clone is thrown away after this use
    config: Mapping[str, str] = field(default_factory=dict)
    caps: Caps | None = None

    def local(self, *words: str, stdin: bytes = b"") -> bytes:
        """Run a command that reads and writes only the clone; its output.

        Raises:
            BrokenClone: it failed or complained, which a whole clone gives no cause for.
        """
        return self._local(words, stdin, (0,)).stdout

    def tells(self, *words: str) -> bool:
        """Run a local command that answers by its exit code, as `merge-base --is-ancestor` does: 0 is yes, 1 is no."""
        return self._local(words, b"", (0, 1)).code == 0

    def _local(self, words: tuple[str, ...], stdin: bytes, codes: tuple[int, ...]) -> Finished:
        done = self._run(words, stdin, LOCAL_TIMEOUT_SECONDS, self._environment())
        if done.code not in codes or done.has_complained:
            raise BrokenClone(f"git {words[0]} ended with {done.code}")
        return done

    def remote(self, *words: str, stdin: bytes = b"") -> Finished:
        """Run a command that talks to the host; the caller looks at how it ended."""
        config = {**self.config, **(_PROMISOR if words[0] == "fetch" else {})}
        if self.header is not None:
            parts = urlsplit(self.url)
            config[f"http.{parts.scheme}://{parts.netloc}/.extraHeader"] = self.header
        return self._run(words, stdin, self.limits.remote_timeout_seconds, self._environment(config) | _TRACE)

    def failure(self, done: Finished) -> Failure | None:
        """What a failed remote command's last HTTP status means; None when not the host but git or the clone failed."""
        status = done.statuses[-1] if done.statuses else None
        if status is None:
            return ScmUnavailable(f"{self.url} does not answer") if done.has_reached_out else None
        if status == 429 or status >= 500:
            return ScmUnavailable(f"{self.url} answers HTTP {status}", done.retry_after_seconds or 5)
        if status in (404, 410):
            return NotFound(f"there is no repository at {self.url}, or our credential may not see it (HTTP {status})")
        if status >= 300:
            return Rejected(f"{self.url} {_REFUSALS.get(status, 'refuses us')} (HTTP {status})")
        return None

    def _environment(self, config: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
        return {
            "PATH": f"/usr/local/bin{os.pathsep}{os.defpath}",
            "LC_ALL": "C",
            "HOME": str(self.folder),  # or curl finds the user's own and reads a .netrc there
            "GIT_DIR": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_LAZY_FETCH": "1",  # or a missing object is fetched alone, one round trip each
            **_numbered({**_CONFIG, **config}),
        }

    def _program(self) -> tuple[str, ...]:
        if self.caps is None:
            return ("git",)
        numbers = (self.caps.file_bytes // 512, self.caps.memory_bytes // 1024, self.caps.processor_seconds)
        return (*_CAPPED, *map(str, numbers))

    def _run(
        self, words: tuple[str, ...], stdin: bytes, timeout_seconds: float, environment: dict[str, str]
    ) -> Finished:
        with subprocess.Popen(
            [*self._program(), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=self.folder,
            pass_fds=() if self.lock is None else (self.lock,),
            start_new_session=True,  # so that its transport helpers can be stopped with it
        ) as child:
            try:
                stdout, stderr = child.communicate(stdin, timeout_seconds)
            except BaseException as error:
                self.is_suspect = True
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise ScmUnavailable(f"git {words[0]} took over {timeout_seconds:g} s on {self.url}") from None
                raise
        return _finished(child.returncode, stdout, stderr)


_REFUSALS = {
    **dict.fromkeys((301, 302, 303, 307, 308), "redirects, which is not followed"),
    401: "refuses our credential",
    403: "does not allow this with our credential",
    413: "finds the push too large",
}


def _finished(code: int, stdout: bytes, stderr: bytes) -> Finished:
    words = " ".join(line.decode(errors="replace").strip() for line in _WORDS.findall(stderr)).strip()
    after = _RETRY_AFTER.findall(stderr)
    return Finished(
        code,
        stdout,
        tuple(int(status) for status in _STATUS.findall(stderr)),
        words[:MAX_WORDS],
        int(after[-1]) if after else None,
        b" == Info: " in stderr,
        _COMPLAINT.search(stderr) is not None,
    )


def _numbered(config: Mapping[str, str]) -> dict[str, str]:
    """Settings as GIT_CONFIG_COUNT, GIT_CONFIG_KEY_n and GIT_CONFIG_VALUE_n (git-config, ENVIRONMENT)."""
    numbered = {"GIT_CONFIG_COUNT": str(len(config))}
    for n, (key, value) in enumerate(config.items()):
        numbered |= {f"GIT_CONFIG_KEY_{n}": key, f"GIT_CONFIG_VALUE_{n}": value}
    return numbered


def check_address(url: str) -> None:
    """Refuse an address that is not https (or http on loopback), or that holds a credential or an option.

    Raises:
        Rejected: naming what is wrong, without the URL where it may hold a secret.
    """
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise Rejected("a repository's address must not hold a credential")
    if parts.query or parts.fragment or any(c.isspace() or not c.isprintable() for c in url):
        raise Rejected(f"{url!r} is not the address of a repository")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise Rejected(f"{url!r} is not an https address")
    if not parts.hostname:
        raise Rejected(f"{url!r} names no host")
