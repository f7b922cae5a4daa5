"""Accepts what Flux' controllers say about their work, and forgets it.

Without a listener each controller retries and logs an error for every event. Runs in our own process.
"""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

POLL_SECONDS = 0.05  # how long `stop` may take


class EventSink:
    """A listener on a free loopback port, from `start` to `stop`."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Forgetful)
        self._thread = Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="testbed-event-sink", daemon=True
        )

    @property
    def url(self) -> str:
        """Where to post events."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and give the port back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Forgetful(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(202)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing: an event is no news."""
