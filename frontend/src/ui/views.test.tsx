import { MantineProvider } from "@mantine/core";
import { render, screen } from "@testing-library/react";
import type { ReactNode } from "react";
import * as v from "valibot";
import { describe, expect, test, vi } from "vitest";
import { environment, liveApp, pod, release } from "../api/bodies";
import { LiveOutline } from "../features/app/LiveOutline";
import { Timeline } from "../features/releases/Timeline";
import { OutLink } from "./Link";
import { Empty, Failed, Loading } from "./views";

const draw = (node: ReactNode) => render(<MantineProvider env="test">{node}</MantineProvider>);
const problem = (status: number) => ({ status, title: "Store unavailable", detail: "try later", requestId: "req-7" });

describe("a view that failed", () => {
  test("says why, names the request, and tries again", () => {
    const retry = vi.fn();
    draw(<Failed problem={problem(503)} retry={retry} what="the apps" />);
    screen.getByTestId("retry").click();

    expect(screen.getByTestId("error").textContent).toContain("Could not load the apps: Store unavailable");
    expect(screen.getByTestId("error").textContent).toContain("req-7");
    expect(retry).toHaveBeenCalledOnce();
  });

  test("is denied when we may not see it, and empty when there is no such thing", () => {
    draw(<Failed problem={problem(403)} retry={vi.fn()} what="the apps" />);
    draw(<Failed problem={problem(404)} retry={vi.fn()} what="shop" />);

    expect(screen.getByTestId("denied").textContent).toContain("You may not see the apps");
    expect(screen.getByTestId("empty").textContent).toContain("no such thing as shop");
  });
});

test("loading is announced and empty says what comes next", () => {
  draw(<Loading what="the apps" />);
  draw(<Empty title="No app yet.">push a commit</Empty>);

  expect(screen.getByRole("status", { name: "Loading the apps" })).toBeDefined();
  expect(screen.getByTestId("empty").textContent).toBe("No app yet.push a commit");
});

describe("what people wrote into manifests and commits", () => {
  test("is never a script: other schemes are text", () => {
    draw(<OutLink href="javascript:alert(1)">runbook</OutLink>);

    expect(screen.getByText("runbook").closest("a")).toBeNull();
  });

  test("is never HTML", () => {
    const evil = "<img src=x onerror=alert(1)>";
    draw(<Timeline release={aRelease({ version: { repository: "r", sha: "0123456789", message: evil }, reason: { kind: "x", text: evil } })} />);

    expect(document.querySelector("img")).toBeNull();
    expect(screen.getByTestId("timeline").textContent).toContain(evil);
  });
});

const aRelease = (part: object) =>
  v.parse(release, {
    id: "r1", request_id: "q1", app: "shop", environment: "staging", environment_id: "e1", kind: "deploy", state: "unhealthy",
    created_at: "2026-01-01T12:00:00Z",
    hops: [
      { name: "received", state: "done", started_at: "2026-01-01T12:00:00.000Z", ended_at: "2026-01-01T12:00:00.400Z" },
      { name: "healthy", state: "failed", started_at: "2026-01-01T12:00:01Z", reason: { kind: "x", text: "CrashLoopBackOff: no such column" } },
      { name: "live", state: "waiting" },
    ],
    ...part,
  });

describe("the timeline", () => {
  test("names the failed hop and its cause under it", () => {
    draw(<Timeline release={aRelease({})} />);
    const hops = screen.getAllByTestId("hop");

    expect(hops.map((hop) => `${hop.dataset["hop"]} ${hop.dataset["state"]}`)).toEqual(["received done", "healthy failed", "live waiting"]);
    expect(hops[1]?.textContent).toContain("CrashLoopBackOff: no such column");
    expect(hops[0]?.textContent).toContain("0.4 s");
  });

  test("shows the release's own reason under the hop it is at when that has none", () => {
    const hops = [{ name: "received", state: "done" }, { name: "committed", state: "waiting" }];
    draw(<Timeline release={aRelease({ state: "held", hops, reason: { kind: "held", text: "held by Ada" } })} />);

    expect(screen.getAllByTestId("hop")[1]?.textContent).toContain("held by Ada");
  });
});

describe("what is live", () => {
  const withAgent = (agent: object) => v.parse(environment, { id: "e1", name: "staging", agent });

  test("without an agent says so and accuses nobody", () => {
    draw(<LiveOutline environment={withAgent({ state: "never" })} live={null} pods={[]} />);

    expect(screen.getByTestId("live").textContent).toContain("No agent has connected for staging yet");
  });

  test("of an agent that is away is marked as old", () => {
    const pods = [v.parse(pod, { namespace: "d", name: "shop-1", state: "OOMKilled", message: "limit 64Mi", restarts: 2 })];
    draw(<LiveOutline environment={withAgent({ state: "away", since: "2026-01-01T12:00:00Z" })} live={v.parse(liveApp, { app: "shop" })} pods={pods} />);

    expect(screen.getByTestId("live").textContent).toContain("this is what it saw last");
    expect(screen.getByTestId("pod-row").textContent).toContain("OOMKilled2 restartslimit 64Mi");
  });
});
