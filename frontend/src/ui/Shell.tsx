/** What is on every screen: the name, what kind of system this is, the connection, who is signed in. */
import { Button } from "@mantine/core";
import { Link, Outlet } from "@tanstack/react-router";
import { useSession } from "../features/session/session";
import { Connection } from "./Connection";
import { Notice } from "./Notice";
import { Stale } from "./views";

export function Shell() {
  const { me, leave } = useSession();
  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <header className="header">
        <Link to="/" className="brand">
          Gimlet
        </Link>
        <Notice />
        <nav aria-label="Main">
          <Link to="/" activeOptions={{ exact: true, includeSearch: false }} className="nav-link">
            Apps
          </Link>
        </nav>
        <span className="grow" />
        <Connection />
        <span className="quiet who" title={me.organization.name}>
          {me.name}
        </span>
        <Button size="compact-xs" variant="subtle" color="gray" onClick={leave} data-testid="sign-out">
          Sign out
        </Button>
      </header>
      <main id="main" tabIndex={-1}>
        <Stale />
        <Outlet />
      </main>
    </>
  );
}
