/** Shows the page to who is signed in, and how to sign in to everybody else. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useCallback, useMemo } from "react";
import { fetchMe, signIn, signOut } from "../../api/calls";
import type { Problem } from "../../api/problem";
import { problemFrom } from "../../api/problem";
import { Failed, Loading } from "../../ui/views";
import { SessionContext } from "./session";
import { SignedOut } from "./SignedOut";

const ME = ["me"] as const;

/** Sign in with the link's code if there is one, then ask who we are. A spent code is fine for who is signed in. */
async function enter(takenCode: () => string | null) {
  const code = takenCode();
  try {
    if (code !== null) await signIn(code);
  } catch (error) {
    return { me: await fetchMe().catch(() => null), refused: problemFrom(error) };
  }
  return { me: await fetchMe(), refused: null as Problem | null };
}

interface Props {
  readonly takenCode: () => string | null; // answers the code once
  readonly children: ReactNode;
}

export function SessionGate({ takenCode, children }: Props) {
  const client = useQueryClient();
  const entered = useQuery({ queryKey: ME, queryFn: () => enter(takenCode), retry: false, staleTime: Infinity });
  const lost = useCallback(() => {
    client.setQueryData(ME, { me: null, refused: null });
  }, [client]);
  const leave = useCallback(() => {
    void signOut().finally(() => {
      client.clear();
      location.assign("/");
    });
  }, [client]);
  const me = entered.data?.me ?? null;
  const session = useMemo(() => (me === null ? null : { me, leave, lost }), [me, leave, lost]);

  if (session !== null) return <SessionContext value={session}>{children}</SessionContext>;
  if (entered.isPending) return <Gate children={<Loading what="your session" rows={2} />} />;
  const problem = entered.error === null ? null : problemFrom(entered.error);
  if (problem !== null && problem.status !== 401) {
    return <Gate children={<Failed problem={problem} retry={() => void entered.refetch()} what="your session" />} />;
  }
  return <SignedOut refused={entered.data?.refused ?? null} />;
}

function Gate({ children }: { children: ReactNode }) {
  return <main className="gate">{children}</main>;
}
