/** The browser's side of `World`: the clock, the network, the one place that opens a WebSocket. */
import { fetchDocuments, fetchTicket } from "../api/calls";
import { Refused } from "../api/problem";
import type { ClientWorld } from "./client";
import type { Socket, SocketHandlers, Status } from "./connection";
import { PROTOCOL, TICKET_PREFIX } from "./messages";

export function browserWorld(onStatus: (status: Status) => void, onSignedOut: () => void): ClientWorld {
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    ticket: fetchTicket,
    open: openSocket,
    isOnline: () => navigator.onLine,
    page: fetchDocuments,
    isFinal: (error) => error instanceof Refused && error.problem.status === 401,
    onStatus,
    onSignedOut,
  };
}

/** The ticket travels as a subprotocol, not in the URL: no log sees it. */
function openSocket(ticket: string, handlers: SocketHandlers): Socket {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new window.WebSocket(`${scheme}://${location.host}/ws`, [PROTOCOL, `${TICKET_PREFIX}${ticket}`]);
  socket.addEventListener("open", handlers.onOpen);
  socket.addEventListener("message", (event: MessageEvent<unknown>) => handlers.onText(event.data));
  socket.addEventListener("close", handlers.onClose);
  return socket;
}
