// The scripted system behind dev/mock.mjs: cards, releases and pods as the functions would project them.
const HOPS = ["received", "decided", "rendered", "committed", "fetched", "applied", "healthy", "live"];
const ENVIRONMENTS = [
  { id: "e-staging", name: "staging", position: 0, agent: { state: "online", since: ago(3600), agent_version: "0.1.0", kubernetes_version: "v1.36.3" } },
  { id: "e-production", name: "production", position: 1, protected: true, agent: { state: "online", since: ago(3600) } },
];
const MESSAGES = ["Add the gift card to the basket", "Say why a payment was refused", "Round prices as the law asks", "Use the new search index"];

function ago(seconds) {
  return new Date(Date.now() - seconds * 1000).toISOString();
}
const sha = (n) => (0x9e3779b97f4a7c15n * BigInt(n + 11)).toString(16).slice(-9).repeat(5).slice(0, 40);

export class Demo {
  #topics = new Map(); // topic → Map(key → document)
  #seq = Date.now() * 1000;
  #publish;
  #count = 0;

  constructor(publish) {
    this.#publish = publish;
    for (const environment of ENVIRONMENTS) this.#put("environments", environment.id, environment);
    for (const app of ["shop", "basket", "search"]) for (const { name } of ENVIRONMENTS) this.#seed(app, name);
    this.#troubles();
  }

  page(topic, prefix) {
    const docs = [...(this.#topics.get(topic)?.values() ?? [])].filter(({ key }) => key.startsWith(prefix));
    return { docs, floor: 0, changed_at: Date.now() * 1000, next: null };
  }

  request(id) {
    const releases = this.page("releases", "").docs.map(({ body }) => body).filter(({ request_id }) => request_id === id);
    return { id, type: "release", state: releases[0]?.state ?? "requested", releases };
  }

  start(stepMs) {
    if (stepMs <= 0) return;
    let round = 0;
    const next = () => {
      const environment = ENVIRONMENTS[round % 2];
      const fails = round % 4 === 3;
      round += 1;
      const release = this.#newRelease("shop", environment, "deploy", { fails });
      this.#drive(release, stepMs, () => setTimeout(next, stepMs * 3));
    };
    setTimeout(next, stepMs);
  }

  act(method, env, app, action, body) {
    const environment = ENVIRONMENTS.find(({ name }) => name === env);
    if (action === "hold") {
      this.#card(app, environment, { hold: null });
      return null;
    }
    const kind = method === "DELETE" ? "delete" : action === "rollback" ? "rollback" : "deploy";
    const from = this.page("releases", `${environment.id}/${app}/`).docs.map((doc) => doc.body);
    const source = from.find(({ id, artifact_id }) => id === body.release_id || artifact_id === body.artifact_id);
    const request = `q-${Date.now()}`;
    setTimeout(() => {
      const release = this.#newRelease(app, environment, kind, { request, version: source?.version });
      if (kind === "rollback") this.#card(app, environment, { hold: { by: "local", why: "rolled back", since: ago(0) } });
      this.#drive(release, 700, () => undefined);
    }, 400);
    return request;
  }

  #put(topic, key, body) {
    this.#seq += 1;
    const doc = { key, seq: this.#seq, ...(body === null ? {} : { body }) };
    if (!this.#topics.has(topic)) this.#topics.set(topic, new Map());
    this.#topics.get(topic).set(key, doc);
    this.#publish(topic, [doc], Date.now() * 1000);
  }

  #body(topic, key) {
    return this.#topics.get(topic)?.get(key)?.body ?? null;
  }

  #card(app, environment, part) {
    const key = `${app}/${environment.id}`;
    const before = this.#body("apps", key) ?? { app, environment: environment.name, environment_id: environment.id, repository: "demo/shop" };
    this.#put("apps", key, { ...before, ...part });
  }

  #newRelease(app, environment, kind, { fails = false, request = null, version = null, age = 0 }) {
    this.#count += 1;
    const id = `r-${String(Date.now())}-${this.#count}`;
    const n = this.#count;
    const release = {
      id,
      request_id: request ?? `q-${id}`,
      app,
      environment: environment.name,
      environment_id: environment.id,
      kind,
      state: "requested",
      hops: HOPS.map((name) => ({ name, state: "waiting" })),
      version: version ?? { repository: "demo/shop", sha: sha(n), branch: "main", message: MESSAGES[n % 4], author: "Ada", url: `https://example.com/c/${sha(n)}` },
      artifact_id: `a-${n}`,
      actor: request === null ? "push" : "local",
      cause: request === null ? "policy: push to main" : `${kind} by local`,
      created_at: ago(age),
    };
    return { release, fails, environment };
  }

  #store({ release, environment }) {
    this.#put("releases", `${environment.id}/${release.app}/${release.id}`, release);
  }

  #drive(job, stepMs, done) {
    let at = -1;
    const step = () => {
      at += 1;
      const isDone = this.#move(job, at);
      if (isDone) return done();
      setTimeout(step, stepMs);
    };
    step();
  }

  #move(job, at) {
    const { release, fails } = job;
    const failsHere = fails && at === HOPS.indexOf("healthy") + 1;
    const hops = HOPS.map((name, index) => {
      const known = job.release.hops[index];
      if (index < at) return { ...known, state: "done", started_at: known.started_at ?? ago(1), ended_at: known.ended_at ?? ago(0), reason: null };
      if (index === at) return { ...known, state: "running", started_at: ago(0), reason: reasonOf(name) };
      return known;
    });
    const state = at >= HOPS.length ? "live" : at < 3 ? "requested" : at < 4 ? "committed" : "reconciling";
    job.release = { ...release, hops, state, reason: hops[at]?.reason ?? null, commit: at > 3 ? sha(this.#count + 500) : "", ...(at >= HOPS.length ? { live_at: ago(0) } : {}) };
    if (failsHere) this.#fail(job);
    this.#store(job);
    this.#cardOf(job, at);
    this.#podsOf(job, at);
    return failsHere || at >= HOPS.length;
  }

  #fail(job) {
    const reason = { kind: "HealthCheckFailed", text: "Pod shop-9f6d8-1: CrashLoopBackOff: panic: no such column: price_gross. Health check failed after 30 s: timeout waiting for: [Deployment/demo/shop status: 'InProgress']" };
    const hops = job.release.hops.map((hop) =>
      hop.name === "healthy" ? { ...hop, state: "failed", ended_at: ago(0), reason } : hop.name === "live" ? { name: "live", state: "waiting" } : hop,
    );
    job.release = { ...job.release, state: "unhealthy", hops, reason };
  }

  #cardOf({ release, environment }, at) {
    const open = release.hops.find(({ state }) => state === "failed") ?? release.hops.find(({ state }) => state !== "done");
    const moving = release.state !== "live" && release.state !== "overtaken";
    const { sha: commit, message } = release.version;
    const isDelete = release.kind === "delete";
    this.#card(release.app, environment, {
      under_way: moving ? { id: release.id, sha: commit, hop: open.name, state: release.state, reason: (release.reason?.text ?? "").slice(0, 120), since: release.created_at } : null,
      ...(at > 3 ? { desired: isDelete ? null : { id: release.id, sha: commit, commit: release.commit, message, who: release.actor, at: ago(0), state: release.state } } : {}),
      ...(at > 5 ? healthOf(release.state, isDelete) : {}),
    });
  }

  #podsOf({ release, environment, fails }, at) {
    if (at < 5) return;
    const { app } = release;
    const topic = `env:${environment.id}`;
    const isLive = release.state === "live";
    const tag = release.version.sha.slice(0, 5);
    for (const key of [...(this.#topics.get(topic)?.keys() ?? [])]) {
      if (isLive && key.startsWith(`pod/${app}/`) && !key.includes(tag)) this.#put(topic, key, null);
    }
    [1, 2].forEach((n) => this.#put(topic, `pod/${app}/demo/${app}-${tag}-${n}`, podOf(app, tag, n, { isLive, fails })));
    this.#put(topic, `app/${app}`, appOf(app, release, environment, isLive));
  }

  #seed(app, env) {
    const environment = ENVIRONMENTS.find(({ name }) => name === env);
    for (const age of [260_000, 7_200]) {
      const job = this.#newRelease(app, environment, "deploy", { age });
      job.release.hops = HOPS.map((name) => ({ name, state: "done", started_at: ago(age), ended_at: ago(age - 1) }));
      job.release = { ...job.release, state: age > 9_000 ? "overtaken" : "live", commit: sha(this.#count + 900), live_at: ago(age - 6) };
      this.#store(job);
      this.#cardOf(job, 8);
      this.#podsOf(job, 8);
    }
  }

  #troubles() {
    const [staging, production] = ENVIRONMENTS;
    this.#card("search", production, {
      health: { word: "Degraded", reason: "CrashLoopBackOff", object: "Pod/search-1", since: ago(420) },
      hold: { by: "ada", why: "index migration until noon", since: ago(5400) },
    });
    const job = this.#newRelease("basket", staging, "deploy", { age: 60 });
    const reason = { kind: "InvalidManifest", text: ".gimlet/staging.yaml line 12: values.replicas must be a number, not 'two'" };
    job.release = { ...job.release, state: "rejected", reason, hops: job.release.hops.map((hop, n) => ({ ...hop, state: n < 2 ? "done" : n === 2 ? "failed" : "waiting", ...(n < 3 ? { started_at: ago(60), ended_at: ago(59) } : {}), ...(n === 2 ? { reason } : {}) })) };
    this.#store(job);
    this.#cardOf(job, 2);
    this.#put("env:e-production", "events/search", { app: "search", warnings: [{ object: "Pod/search-1", reason: "BackOff", message: "Back-off restarting failed container", count: 14, last_at: ago(20) }] });
  }
}

function reasonOf(name) {
  const texts = { fetched: "Flux looks at the repository each 60 s", applied: "Detecting drift and applying", healthy: "Running health checks for revision main@sha1 with a timeout of 30 s" };
  return texts[name] === undefined ? null : { kind: name, text: texts[name] };
}

function healthOf(state, isDelete) {
  if (isDelete && state === "live") return { live: null, health: null };
  const word = state === "live" ? "Healthy" : state === "unhealthy" ? "Failing" : "Progressing";
  const reason = word === "Failing" ? { reason: "CrashLoopBackOff", object: "Pod/shop-9f6d8-1" } : word === "Progressing" ? { reason: "Rollout", object: "Deployment/shop" } : {};
  return { live: { wanted: 2, ready: word === "Healthy" ? 2 : 1 }, health: { word, ...reason, since: ago(0) } };
}

function podOf(app, tag, n, { isLive, fails }) {
  const name = `${app}-${tag}-${n}`;
  const base = { namespace: "demo", name, workload: `Deployment/${app}`, since: ago(0) };
  if (isLive) return { ...base, state: "Running", ready: true };
  if (fails) return { ...base, state: "CrashLoopBackOff", restarts: 3, reason: "CrashLoopBackOff", message: "panic: no such column: price_gross", last_exit: "exit code 2" };
  return { ...base, state: n === 1 ? "Running" : "ContainerCreating", ready: n === 1 };
}

function appOf(app, release, environment, isLive) {
  const revision = `main@sha1:${release.commit}`;
  return {
    app,
    repository: "demo/shop",
    commit: release.version.sha,
    workloads: [{ kind: "Deployment", namespace: "demo", name: app, wanted: 2, updated: 2, ready: isLive ? 2 : 1, available: isLive ? 2 : 1, images: [`registry.local/${app}:${release.version.sha.slice(0, 7)}`], git_sha: release.version.sha }],
    services: [{ namespace: "demo", name: app, ports: [80] }],
    urls: [`https://${app}.${environment.name}.example.com`],
    owner: "team-shop",
    links: { runbook: "https://example.com/runbook", bad: "javascript:alert(1)" },
    kustomization: { kind: "Kustomization", namespace: `gimlet-${environment.name}`, name: app, app, ready: isLive ? "True" : "Unknown", reconciling: isLive ? "" : "Running health checks for revision " + revision, last_attempted: revision, last_applied: revision, since: ago(0) },
  };
}
