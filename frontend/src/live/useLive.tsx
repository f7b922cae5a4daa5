/** The one hook that owns the socket, and what views use to read from it. */
import type { ReactNode } from "react";
import { createContext, useCallback, useContext, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import type { Problem } from "../api/problem";
import { browserWorld } from "./browser";
import { LiveClient } from "./client";
import type { Status } from "./connection";
import type { Document } from "./reducer";
import { living } from "./reducer";
import { shown } from "./topics";

interface Live {
  readonly client: LiveClient;
  readonly status: Status;
}

const LiveContext = createContext<Live | null>(null);

/** Opens the connection while mounted; `onSignedOut` when the server no longer knows the session. */
export function LiveProvider({ children, onSignedOut }: { children: ReactNode; onSignedOut: () => void }) {
  const [status, setStatus] = useState<Status>({ kind: "connecting" });
  const [client] = useState(() => new LiveClient(browserWorld(setStatus, onSignedOut)));
  useEffect(() => {
    const onChange = () => client.networkChanged();
    client.start();
    window.addEventListener("online", onChange);
    window.addEventListener("offline", onChange);
    return () => {
      window.removeEventListener("online", onChange);
      window.removeEventListener("offline", onChange);
      client.stop();
    };
  }, [client]);
  const live = useMemo(() => ({ client, status }), [client, status]);
  return <LiveContext value={live}>{children}</LiveContext>;
}

function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === null) throw new Error("no LiveProvider above");
  return live;
}

export function useStatus(): Status {
  return useLive().status;
}

export type View =
  | { readonly state: "loading" }
  | { readonly state: "failed"; readonly problem: Problem; readonly retry: () => void }
  | { readonly state: "ready"; readonly docs: readonly Document[] };

/** The living documents under a prefix of a topic, kept true while mounted. A topic of null is none yet. */
export function useDocuments(topic: string | null, prefix = ""): View {
  const { client } = useLive();
  useEffect(() => (topic === null ? undefined : client.want(topic, prefix)), [client, topic, prefix]);
  const subscribe = useCallback(
    (listener: () => void) => client.store.subscribe(topic ?? "", listener),
    [client, topic],
  );
  const state = useSyncExternalStore(subscribe, () => client.store.get(topic ?? ""));
  return useMemo((): View => {
    const paint = state.paints.get(prefix);
    if (topic === null || paint === undefined) return { state: "loading" };
    if (paint.state === "failed") {
      return { state: "failed", problem: paint.problem, retry: () => client.retry(topic, prefix) };
    }
    if (paint.state === "loading" && state.before === null) return { state: "loading" };
    return { state: "ready", docs: living(shown(state), prefix) };
  }, [client, state, topic, prefix]);
}
