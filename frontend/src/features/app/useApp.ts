/** Everything the page of one app reads, each from its own topic. */
import { useMemo } from "react";
import type { Card, Events, LiveApp, Pod, Release } from "../../api/bodies";
import { readApps, readCards, readEvents, readPods, readReleases } from "../../api/decoded";
import type { View } from "../../live/useLive";
import { useDocuments } from "../../live/useLive";

export interface AppData {
  readonly card: Card | null;
  readonly releases: readonly Release[]; // newest first
  readonly live: LiveApp | null;
  readonly pods: readonly Pod[];
  readonly warnings: Events["warnings"];
}

export type AppView =
  | Exclude<View, { state: "ready" }>
  | { readonly state: "ready"; readonly data: AppData; readonly cluster: View }; // the cluster's part may fail alone

export function useApp(environmentId: string, app: string): AppView {
  const topic = `env:${environmentId}`;
  const cards = useDocuments("apps", `${app}/`);
  const releases = useDocuments("releases", `${environmentId}/${app}/`);
  const apps = useDocuments(topic, `app/${app}`);
  const pods = useDocuments(topic, `pod/${app}/`);
  const events = useDocuments(topic, `events/${app}`);
  return useMemo(() => {
    if (cards.state !== "ready") return cards;
    if (releases.state !== "ready") return releases;
    const card = readCards(cards.docs).find(({ environment_id }) => environment_id === environmentId) ?? null;
    const data: AppData = {
      card,
      releases: readReleases(releases.docs).sort(newestFirst),
      live: readApps(docsOf(apps)).find((live) => live.app === app) ?? null,
      pods: readPods(docsOf(pods)),
      warnings: readEvents(docsOf(events)).find((live) => live.app === app)?.warnings ?? [],
    };
    return { state: "ready", data, cluster: [apps, pods].find(({ state }) => state !== "ready") ?? apps };
  }, [cards, releases, apps, pods, events, environmentId, app]);
}

function docsOf(view: View) {
  return view.state === "ready" ? view.docs : [];
}

function newestFirst(a: Release, b: Release): number {
  return b.created_at.localeCompare(a.created_at) || b.id.localeCompare(a.id);
}
