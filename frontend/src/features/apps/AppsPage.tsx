/** `/`: a row per app, environments as columns; what is not fine first. */
import { getRouteApi } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { readCards, readEnvironments } from "../../api/decoded";
import type { View } from "../../live/useLive";
import { useDocuments } from "../../live/useLive";
import { useNow } from "../../lib/useNow";
import { Failed, Loading } from "../../ui/views";
import { AppsTable } from "./AppsTable";
import { Counts } from "./Counts";
import { FirstPush } from "./FirstPush";
import type { Row } from "./rows";
import { columnsOf, filtered, keptOrder, rowsOf } from "./rows";

const route = getRouteApi("/");

export function AppsPage() {
  const cards = useDocuments("apps");
  const environments = useDocuments("environments");
  return (
    <>
      <title>Apps · Gimlet</title>
      <h1 className="hidden">Apps</h1>
      <Content cards={cards} environments={environments} />
    </>
  );
}

function Content({ cards, environments }: { cards: View; environments: View }) {
  if (cards.state === "failed") return <Failed {...cards} what="the apps" />;
  if (environments.state === "failed") return <Failed {...environments} what="the environments" />;
  if (cards.state === "loading" || environments.state === "loading") return <Loading what="the apps" rows={6} />;
  return <Apps cards={cards.docs} environments={environments.docs} />;
}

type Docs = Extract<View, { state: "ready" }>["docs"];

function Apps({ cards, environments }: { cards: Docs; environments: Docs }) {
  const now = useNow();
  const filter = route.useSearch();
  const columns = useMemo(() => columnsOf(readEnvironments(environments)), [environments]);
  const rows = useMemo(() => rowsOf(readCards(cards), columns, now), [cards, columns, now]);
  const [order, sortAgain] = useOrder(rows);
  const shown = inOrder(filtered(rows, filter), order);
  if (rows.length === 0) return <FirstPush environments={columns} />;
  return (
    <>
      <Counts rows={rows} environments={columns} filter={filter} sortAgain={sortAgain} />
      <AppsTable rows={shown} columns={columns} />
    </>
  );
}

/** The order on screen, and how to sort anew when it is no longer the order of urgency. */
function useOrder(rows: readonly Row[]): [readonly string[], (() => void) | null] {
  const [order, setOrder] = useState<readonly string[]>(() => rows.map(({ app }) => app));
  const kept = keptOrder(order, rows);
  const isKnown = kept.length === order.length && kept.every((app, index) => app === order[index]);
  if (!isKnown) setOrder(kept);
  const urgent = rows.map(({ app }) => app);
  const isUrgentFirst = kept.every((app, index) => app === urgent[index]);
  return [kept, isUrgentFirst ? null : () => setOrder(urgent)];
}

function inOrder(rows: readonly Row[], order: readonly string[]): Row[] {
  const places = new Map(order.map((app, index) => [app, index]));
  return [...rows].sort((a, b) => (places.get(a.app) ?? 0) - (places.get(b.app) ?? 0));
}
