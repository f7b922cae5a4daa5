/** Who is signed in, for everything below the gate. */
import { createContext, useContext } from "react";
import type { Me } from "../../api/calls";

export interface Session {
  readonly me: Me;
  readonly leave: () => void; // sign out
  readonly lost: () => void; // the server no longer knows us
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("no SessionGate above");
  return session;
}

/** Permissions are names; those of a session may change, so the server has the last word. */
export function may(session: Session, permission: string): boolean {
  return session.me.permissions.includes(permission);
}
