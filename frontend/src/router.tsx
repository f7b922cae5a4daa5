/** The map of screens. The address bar holds the state: filters, the selected release. */
import { createRootRoute, createRoute, createRouter, Link } from "@tanstack/react-router";
import { AppPage } from "./features/app/AppPage";
import { AppsPage } from "./features/apps/AppsPage";
import type { Filter } from "./features/apps/rows";
import { CONCERNS } from "./features/apps/rows";
import { Shell } from "./ui/Shell";
import { Empty } from "./ui/views";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

const apps = createRoute({
  getParentRoute: () => root,
  path: "/",
  validateSearch: (search: Record<string, unknown>): Filter => {
    const show = CONCERNS.find((concern) => concern === search["show"]);
    const q = text(search["q"]);
    return { ...(show === undefined ? {} : { show }), ...(q === undefined ? {} : { q }) };
  },
  component: AppsPage,
});

const app = createRoute({
  getParentRoute: () => root,
  path: "/apps/$env/$app",
  validateSearch: (search: Record<string, unknown>): { release?: string } => {
    const release = text(search["release"]);
    return release === undefined ? {} : { release };
  },
  component: AppPage,
});

function NotFound() {
  return (
    <Empty title="There is nothing at this address.">
      <p>
        <Link to="/">All apps</Link>
      </p>
    </Empty>
  );
}

export const router = createRouter({ routeTree: root.addChildren([apps, app]), defaultPreload: false });

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
