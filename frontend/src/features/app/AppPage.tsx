/** `/apps/:env/:app`: what runs, the release's hops as they happen, the pods live, the history. */
import { getRouteApi, Link } from "@tanstack/react-router";
import type { Environment } from "../../api/bodies";
import { readEnvironments } from "../../api/decoded";
import { useDocuments } from "../../live/useLive";
import { Empty, Failed, Loading } from "../../ui/views";
import { AppInEnvironment } from "./AppInEnvironment";

const route = getRouteApi("/apps/$env/$app");

export function AppPage() {
  const { env, app } = route.useParams();
  const { release = null } = route.useSearch();
  const environments = useDocuments("environments");
  if (environments.state === "loading") return <Loading what={app} rows={8} />;
  if (environments.state === "failed") return <Failed {...environments} what="the environments" />;
  const environment = readEnvironments(environments.docs).find(({ name }) => name === env);
  if (environment === undefined) return <NoEnvironment name={env} />;
  return <Known key={`${environment.id}/${app}`} environment={environment} app={app} selected={release} />;
}

function Known({ environment, app, selected }: { environment: Environment; app: string; selected: string | null }) {
  return <AppInEnvironment environment={environment} app={app} selected={selected} />;
}

function NoEnvironment({ name }: { name: string }) {
  return (
    <Empty title={`There is no environment ${name}.`}>
      <p>
        <Link to="/">All apps</Link>
      </p>
    </Empty>
  );
}
